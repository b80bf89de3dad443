#include "core/event_json.h"

#include <stdlib.h>

enum { LEVELS_MAX = 16 };

static int by_name(const void *a, const void *b)
{
    const struct nest_item *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;

    /* '.' sorts before everything, so that "a.b" stands right behind "a" and before "a-b" */
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)x->name.p[i], d = (unsigned char)y->name.p[i];
        if (c != d)
            return (c == '.' ? -1 : (int)c) - (d == '.' ? -1 : (int)d);
    }
    return x->name.n == y->name.n ? (x->i > y->i) - (x->i < y->i) : x->name.n < y->name.n ? -1 : 1;
}

/* The next segment of a dotted name from byte `at`; *ret_end is the dot's place or the end. */
static struct slice segment(struct slice name, size_t at, size_t *ret_end)
{
    size_t end = at + slice_find(slice_cut(name, at, name.n), '.');

    *ret_end = end;
    return slice_cut(name, at, end);
}

struct nest {
    unsigned depth;
    size_t start[LEVELS_MAX]; /* where the open object's segment begins in `path` */
    struct slice path;        /* the name that opened the objects: all of it up to `open` */
    size_t open;              /* bytes of path that are open objects, including the last dot */
};

/* Closes objects until the open path is a prefix of name. */
static void close_to(struct nest *n, struct slice name, struct jsonw *w)
{
    while (n->depth > 0 && !(name.n > n->open && memcmp(name.p, n->path.p, n->open) == 0)) {
        jsonw_close_object(w);
        n->depth--;
        n->open = n->start[n->depth];
    }
}

CHECKED enum err nest_write(struct nest_item *items, size_t n, struct jsonw *w,
                            void (*write)(void *arg, size_t i, struct jsonw *w), void *arg)
{
    struct nest nest = {0};
    struct slice blocked = {"", 0}; /* a name with a value: nothing can be nested below it */

    qsort(items, n, sizeof(*items), by_name);
    jsonw_object(w);
    for (size_t k = 0; k < n; k++) {
        struct slice name = items[k].name;
        size_t end;
        if (k > 0 && slice_eq(name, items[k - 1].name))
            continue; /* a name twice: the first stands */
        close_to(&nest, name, w);
        bool below_value = blocked.n && name.n > blocked.n && name.p[blocked.n] == '.' &&
                           memcmp(name.p, blocked.p, blocked.n) == 0;
        struct slice part = segment(name, nest.open, &end);
        while (!below_value && end < name.n && nest.depth < LEVELS_MAX) {
            jsonw_key(w, part);
            jsonw_object(w);
            nest.start[nest.depth++] = nest.open;
            nest.path = name;
            nest.open = end + 1;
            part = segment(name, nest.open, &end);
        }
        jsonw_key(w, slice_cut(name, nest.open, name.n));
        write(arg, items[k].i, w);
        if (!below_value)
            blocked = name;
    }
    while (nest.depth-- > 0)
        jsonw_close_object(w);
    jsonw_close_object(w);
    return w->err;
}

static void write_value(const struct value *v, struct jsonw *w)
{
    switch (v->type) {
    case VT_INT:
        jsonw_int(w, v->i);
        break;
    case VT_DOUBLE:
        jsonw_double(w, v->d);
        break;
    case VT_BOOL:
        jsonw_bool(w, v->i != 0);
        break;
    case VT_NULL:
        jsonw_null(w);
        break;
    case VT_TIME:
        jsonw_time(w, v->i);
        break;
    case VT_LIST:
        jsonw_array(w);
        for (uint32_t i = 0; i < v->list_n; i++)
            write_value(&v->list[i], w);
        jsonw_close_array(w);
        break;
    case VT_STRING:
    case VT_IP:
        jsonw_str(w, v->text);
        break;
    }
}

struct event_values {
    const struct value *const *at;
};

static void write_nth(void *arg, size_t i, struct jsonw *w)
{
    const struct event_values *v = arg;

    write_value(v->at[i], w);
}

CHECKED enum err event_json(struct event *ev, struct jsonw *w)
{
    static const enum field base[] = {F_TIMESTAMP,      F_EVENT_ID,  F_EVENT_INGESTED,
                                      F_EVENT_ORIGINAL, F_COLOA_ORG, F_COLOA_SYSTEM,
                                      F_MESSAGE};
    size_t cap = ev->n + ARRAY_LEN(base), n = 0;
    struct nest_item *items = arena_alloc(ev->arena, cap * sizeof(*items));
    struct value *bases = arena_alloc(ev->arena, sizeof(*bases) * ARRAY_LEN(base));
    const struct value **values = arena_alloc(ev->arena, cap * sizeof(const struct value *));

    if (!items || !bases || !values)
        return ERR_NOMEM;
    for (size_t i = 0; i < ARRAY_LEN(base); i++) {
        if (!event_base(ev, base[i], &bases[i]))
            continue;
        values[n] = &bases[i];
        items[n] = (struct nest_item){field_info(base[i])->name, n};
        n++;
    }
    for (uint32_t i = 0; i < ev->n; i++) {
        values[n] = &ev->fields[i].v;
        items[n] = (struct nest_item){ev->fields[i].name, n};
        n++;
    }
    struct event_values v = {values};
    return nest_write(items, n, w, write_nth, &v);
}
