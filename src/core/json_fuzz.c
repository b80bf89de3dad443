/* Two readers judge each other: what strict reading takes, the tolerant reader takes too and makes
 * the same tree of; what the tolerant one found nothing odd in, strict reading takes. What was read
 * is written and read again. */
#include <stdlib.h>

#include "core/json.h"
#include "core/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct json_node *a, const struct json_node *b)
{
    if (!a || !b)
        return a == b;
    if (a->type != b->type || a->n != b->n || !slice_eq(a->key, b->key) ||
        !slice_eq(a->str, b->str))
        return false;
    if (a->type == JSON_BOOL && a->b != b->b)
        return false;
    if ((a->type == JSON_INT || a->type == JSON_UINT || a->type == JSON_DOUBLE) && a->u != b->u)
        return false;
    const struct json_node *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (!same(x, y))
            return false;
    return x == y;
}

static void write_node(struct jsonw *w, const struct json_node *n)
{
    switch (n->type) {
    case JSON_NULL:
        jsonw_null(w);
        break;
    case JSON_BOOL:
        jsonw_bool(w, n->b);
        break;
    case JSON_INT:
        jsonw_int(w, n->i);
        break;
    case JSON_UINT:
        jsonw_uint(w, n->u);
        break;
    case JSON_DOUBLE:
        jsonw_double(w, n->d);
        break;
    case JSON_STRING:
        jsonw_str(w, n->str);
        break;
    case JSON_ARRAY:
        jsonw_array(w);
        for (const struct json_node *c = n->child; c; c = c->next)
            write_node(w, c);
        jsonw_close_array(w);
        break;
    case JSON_OBJECT:
        jsonw_object(w);
        for (const struct json_node *c = n->child; c; c = c->next) {
            jsonw_key(w, c->key);
            write_node(w, c);
        }
        jsonw_close_object(w);
        break;
    }
}

static void check_writer(const struct json_node *n, struct json_reader *r, bool strict)
{
    const struct json_node *back = NULL;
    struct jsonw w;
    struct buf b;
    bool tolerant = false;

    buf_init(&b, 1 << 20);
    jsonw_init(&w, &b);
    write_node(&w, n);
    if (jsonw_end(&w) == ERR_NONE) {
        if (json_read(r, buf_slice(&b), &back, &tolerant, NULL) != ERR_NONE || tolerant)
            abort();
        if (strict && !same(n, back))
            abort();
    }
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_reader *a, *b;
    struct slice in = {(const char *)data, size};
    const struct json_node *x = NULL, *y = NULL, *z = NULL;
    struct diag d = {0};
    bool tolerant = false;

    if (!a)
        a = json_reader_new(1 << 20, 1 << 16);
    if (!b)
        b = json_reader_new(1 << 20, 1 << 16);
    if (!a || !b)
        abort();
    enum err strict = json_read_strict(a, in, &x, &d);
    if (strict != ERR_NONE && d.at > size)
        abort();
    bool unexplained = strict == ERR_SYNTAX && strcmp(d.text, "not strict JSON") == 0;
    enum err loose = json_read_tolerant(b, in, &y, &d);
    if (loose != ERR_NONE && d.at > size)
        abort();
    if (strict == ERR_NONE && (loose != ERR_NONE || !same(x, y)))
        abort();
    /* a refusal for which the tolerant reader found no reason */
    if (unexplained)
        abort();
    if (json_read(a, in, &z, &tolerant, NULL) != loose)
        abort();
    if (loose == ERR_NONE) {
        if (!same(z, y) || (strict == ERR_NONE && tolerant))
            abort();
        check_writer(y, a, strict == ERR_NONE);
    }
    return 0;
}
