#include "detect/exception.h"

#include <stdlib.h>

#include "core/fold.h"
#include "core/json.h"
#include "core/timefmt.h"
#include "detect/correlate.h"

enum { TEXT_BYTES_MAX = 64 << 20, VALUE_MAX = 64 << 10, NODES_MAX = 20 * EXCEPTIONS_MAX };

struct exception {
    uint64_t id;
    uint32_t org;
    struct slice rule, field, value, source; /* value folded; in the arena */
    enum field known;                        /* the field's number, F_NONE: by name */
    int64_t ends_ns;
};

struct exceptions {
    struct arena arena;
    struct exception *rows; /* sorted by rule */
    size_t n;
};

void exceptions_free(struct exceptions *x)
{
    if (!x)
        return;
    arena_done(&x->arena);
    free(x);
}

size_t exceptions_n(const struct exceptions *x)
{
    return x->n;
}

static int rule_cmp(struct slice a, struct slice b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_rule(const void *a, const void *b)
{
    const struct exception *x = a, *y = b;
    int c = rule_cmp(x->rule, y->rule);

    return c ? c : (x->id > y->id) - (x->id < y->id);
}

static CHECKED enum err read_one(struct exceptions *x, const struct json_node *node,
                                 struct diag *diag)
{
    struct exception *to = &x->rows[x->n];
    struct slice ends = json_get_str(node, "ends");
    struct slice texts[] = {json_get_str(node, "rule"), json_get_str(node, "field"),
                            json_get_str(node, "source")};
    struct slice *places[] = {&to->rule, &to->field, &to->source};
    enum err e = ERR_NONE;

    *to = (struct exception){.id = (uint64_t)json_get_int(node, "id", 0),
                             .org = (uint32_t)json_get_int(node, "org", 0)};
    if (to->id == 0 || texts[0].n == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "an exception without number or rule");
    if (!time_parse_iso(ends, 0, &to->ends_ns))
        return FAIL(diag, ERR_SYNTAX, 0, "exception %llu has no end", (unsigned long long)to->id);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(texts); i++)
        e = arena_dup(&x->arena, texts[i], places[i]);
    if (e == ERR_NONE)
        e = arena_dup(&x->arena, json_get_str(node, "value"), &to->value);
    if (e == ERR_NONE)
        e = fold_case_dup(&x->arena, to->value, &to->value);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "no memory for the exceptions");
    to->known = field_find(to->field);
    x->n++;
    return ERR_NONE;
}

static CHECKED enum err read_all(struct exceptions *x, struct json_reader *r, struct slice json,
                                 struct diag *diag)
{
    const struct json_node *root;
    size_t n = 0;

    enum err e = json_read_strict(r, json, &root, diag);
    if (e != ERR_NONE)
        return e;
    const struct json_node *list = json_get(root, "exceptions");
    if (!list || list->type != JSON_ARRAY)
        return FAIL(diag, ERR_SYNTAX, 0, "the snapshot has no list of exceptions");
    for (const struct json_node *i = list->child; i; i = i->next)
        n++;
    if (n > EXCEPTIONS_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "more than %d exceptions", EXCEPTIONS_MAX);
    x->rows = arena_calloc(&x->arena, n ? n : 1, sizeof(*x->rows));
    if (!x->rows)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the exceptions");
    for (const struct json_node *i = list->child; e == ERR_NONE && i; i = i->next)
        e = read_one(x, i, diag);
    if (e == ERR_NONE)
        qsort(x->rows, x->n, sizeof(*x->rows), by_rule);
    return e;
}

CHECKED enum err exceptions_read(struct slice json, struct exceptions **ret, struct diag *diag)
{
    struct exceptions *x = calloc(1, sizeof(*x));
    struct json_reader *r = json_reader_new(TEXT_BYTES_MAX, NODES_MAX);
    enum err e = x && r ? ERR_NONE : FAIL(diag, ERR_NOMEM, 0, "no memory for the exceptions");

    if (x)
        arena_init(&x->arena, TEXT_BYTES_MAX);
    if (e == ERR_NONE && json.n)
        e = read_all(x, r, json, diag);
    json_reader_free(r);
    if (e != ERR_NONE) {
        exceptions_free(x);
        return e;
    }
    *ret = x;
    return ERR_NONE;
}

/* `*` any bytes, `?` one character; goes back to the last star only, so at worst O(n * m). */
static bool glob(struct slice p, struct slice s)
{
    size_t i = 0, j = 0, star = SIZE_MAX, from = 0;

    while (j < s.n) {
        if (i < p.n && p.p[i] == '*') {
            star = i++;
            from = j;
        } else if (i < p.n && (p.p[i] == '?' || p.p[i] == s.p[j])) {
            bool one = p.p[i++] == '?';
            j++;
            while (one && j < s.n && ((uint8_t)s.p[j] & 0xc0) == 0x80)
                j++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++from;
        } else {
            return false;
        }
    }
    while (i < p.n && p.p[i] == '*')
        i++;
    return i == p.n;
}

/* Folded into the arena; what finds no room there, or is longer than anybody excepts by hand, is
 * not silenced. */
static bool text_fits(const struct exception *x, struct arena *a, struct slice text)
{
    struct slice folded;

    return text.n <= VALUE_MAX && fold_case_dup(a, text, &folded) == ERR_NONE &&
           glob(x->value, folded);
}

static bool value_fits(const struct exception *x, struct arena *a, const struct value *v)
{
    if (v->type != VT_LIST)
        return v->type != VT_NULL && text_fits(x, a, v->text);
    for (uint32_t i = 0; i < v->list_n; i++)
        if (!text_fits(x, a, v->list[i].text))
            return false;
    return v->list_n > 0;
}

/* A correlation is excepted by a field of its group, as the rule or as ECS calls it. */
static bool group_fits(const struct exception *x, struct arena *a, const struct correlation_hit *h)
{
    for (size_t i = 0; i < h->group_n; i++)
        if (fold_case_eq(h->group[i].name, x->field) || slice_eq(h->entities[i], x->field))
            return text_fits(x, a, h->group[i].value);
    return false;
}

/* The event's field by number or name. The rule's own name for it says where to look only when the
 * event has no field of that name. */
static bool field_fits(const struct exception *x, struct arena *a, const struct finding *f)
{
    const struct event *ev = f->event;
    const struct value *v = x->known != F_NONE ? event_get(ev, x->known) : NULL;
    bool any = false;

    if (!v)
        v = event_get_name(ev, x->field);
    if (v)
        return value_fits(x, a, v);
    if (slice_eq(x->field, SLICE("message")))
        return text_fits(x, a, ev->message);
    for (size_t i = 0; i < f->matched_n; i++) {
        if (!fold_case_eq(f->matched[i].name, x->field))
            continue;
        if (!text_fits(x, a, f->matched[i].value))
            return false;
        any = true;
    }
    return any;
}

static bool holds(const struct exception *x, const struct finding *f, struct arena *a,
                  int64_t now_ns)
{
    const struct value *source = f->event ? event_get(f->event, F_COLOA_SOURCE) : NULL;
    uint32_t org = f->correlation ? f->correlation->org : f->event ? f->event->org : 0;

    if (x->ends_ns <= now_ns || (x->org && x->org != org))
        return false;
    if (x->source.n && !(source && fold_case_eq(source->text, x->source)))
        return false;
    if (x->field.n == 0)
        return true;
    if (f->correlation)
        return group_fits(x, a, f->correlation);
    return f->event && field_fits(x, a, f);
}

uint64_t exceptions_hold(const struct exceptions *x, const struct finding *f, struct arena *a,
                         int64_t now_ns)
{
    struct slice rule = slice_of(f->rule->id);
    size_t low = 0, high = x->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (rule_cmp(x->rows[mid].rule, rule) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < x->n && slice_eq(x->rows[low].rule, rule); low++)
        if (holds(&x->rows[low], f, a, now_ns))
            return x->rows[low].id;
    return 0;
}
