#include "detect/pipeline_int.h"

void pipe_mark(struct pipe_marks *m, uint32_t id)
{
    if (id)
        m->bit[id / 64] |= UINT64_C(1) << (id % 64);
}

bool pipe_marked(const struct pipelines *all, const struct pipe_marks *m, struct slice id)
{
    for (size_t i = 0; i < all->ids_n; i++)
        if (slice_eq(all->ids[i], id))
            return m->bit[(i + 1) / 64] >> ((i + 1) % 64) & 1;
    return false;
}

static bool is_number(const struct json_node *n)
{
    return n->type == JSON_INT || n->type == JSON_UINT || n->type == JSON_DOUBLE;
}

bool pipe_scalar_eq(const struct json_node *a, const struct json_node *b)
{
    long double x = 0, y = 0;

    if (is_number(a) && is_number(b) && number_parse(a->str, &x) && number_parse(b->str, &y))
        return x == y;
    if (a->type == JSON_BOOL && b->type == JSON_BOOL)
        return a->b == b->b;
    return a->type == b->type && slice_eq(a->str, b->str);
}

/* -1, 0, 1; 2: they do not compare. */
static int order_of(long double x, long double y)
{
    return x < y ? -1 : x > y;
}

static int compare(const struct json_node *a, const struct json_node *b)
{
    long double x = 0, y = 0;

    if (is_number(a) && is_number(b) && number_parse(a->str, &x) && number_parse(b->str, &y))
        return order_of(x, y);
    if (a->type != JSON_STRING || b->type != JSON_STRING)
        return 2;
    size_t n = a->str.n < b->str.n ? a->str.n : b->str.n;
    int c = n ? memcmp(a->str.p, b->str.p, n) : 0;
    return c ? (c < 0 ? -1 : 1) : order_of((long double)a->str.n, (long double)b->str.n);
}

static bool related(struct slice op, int c)
{
    if (c == 2)
        return false;
    if (slice_eq(op, SLICE("gte")))
        return c >= 0;
    if (slice_eq(op, SLICE("gt")))
        return c > 0;
    return slice_eq(op, SLICE("lte")) ? c <= 0 : c < 0;
}

static bool holds(const struct json_node *is, const struct json_node *asked, struct slice op)
{
    if (op.n == 0 || slice_eq(op, SLICE("eq")))
        return pipe_scalar_eq(is, asked);
    if (slice_eq(op, SLICE("ne")))
        return !pipe_scalar_eq(is, asked);
    return related(op, compare(is, asked));
}

static const struct json_node *pair(const struct pipe_pair *in, struct slice key)
{
    for (; in; in = in->next)
        if (slice_eq(in->key, key))
            return in->value;
    return NULL;
}

static bool state(const struct pipe_run *r, const struct json_node *def)
{
    const struct json_node *is = pair(r->state, json_get_str(def, "key"));

    return is && holds(is, json_get(def, "val"), json_get_str(def, "op"));
}

static int rank(struct slice s, const char *words)
{
    for (int i = 0; *words; i++) {
        size_t n = strcspn(words, " ");
        if (slice_eq_nocase(s, (struct slice){words, n}))
            return i;
        words += n + (words[n] == ' ');
    }
    return -1;
}

/* Levels and statuses have an order of their own; dates are written with - or with /. */
static bool ranked(const struct json_node *is, const struct json_node *asked, struct slice op,
                   const char *words)
{
    int x = rank(is->str, words), y = rank(asked->str, words);

    if (x < 0 || y < 0)
        return false;
    int c = (x > y) - (x < y);
    if (op.n == 0 || slice_eq(op, SLICE("eq")))
        return c == 0;
    return slice_eq(op, SLICE("ne")) ? c != 0 : related(op, c);
}

static bool dated(const struct json_node *is, const struct json_node *asked, struct slice op)
{
    char text[2][10];
    const struct json_node *both[] = {is, asked};

    for (int i = 0; i < 2; i++) {
        if (both[i]->str.n != 10)
            return false;
        for (int k = 0; k < 10; k++)
            text[i][k] = both[i]->str.p[k] == '/' ? '-' : both[i]->str.p[k];
    }
    struct json_node x = {.type = JSON_STRING, .str = {text[0], 10}};
    struct json_node y = {.type = JSON_STRING, .str = {text[1], 10}};
    return holds(&x, &y, op);
}

static bool in_list(const struct json_node *list, const struct json_node *v)
{
    for (const struct json_node *k = list->child; k; k = k->next)
        if (pipe_scalar_eq(k, v))
            return true;
    return false;
}

static bool attribute(const struct pipe_run *r, const struct json_node *def)
{
    struct slice name = json_get_str(def, "attribute"), op = json_get_str(def, "op");
    const struct json_node *asked = json_get(def, "value"), *is = pair(r->custom, name);

    for (const struct json_node *m = r->doc->child; !is && m; m = m->next)
        if (slice_eq(m->key, name))
            is = m;
    if (!is || is->type == JSON_OBJECT || is->type == JSON_NULL)
        return false;
    if (is->type == JSON_ARRAY) {
        if (slice_eq(op, SLICE("in")) || slice_eq(op, SLICE("not_in")))
            return in_list(is, asked) == slice_eq(op, SLICE("in"));
        return slice_eq(op, SLICE("ne"));
    }
    if (slice_eq(name, SLICE("level")))
        return ranked(is, asked, op, "informational low medium high critical");
    if (slice_eq(name, SLICE("status")))
        return ranked(is, asked, op, "unsupported deprecated experimental test stable");
    if (slice_eq(name, SLICE("date")) || slice_eq(name, SLICE("modified")))
        return dated(is, asked, op);
    if (is->type == JSON_STRING && op.n && !slice_eq(op, SLICE("eq")) && !slice_eq(op, SLICE("ne")))
        return false;
    return holds(is, asked, op);
}

static bool tagged(const struct pipe_run *r, struct slice tag)
{
    const struct json_node *tags = json_get(r->doc, "tags");

    for (const struct json_node *t = tags ? tags->child : NULL; t; t = t->next)
        if (slice_eq(t->str, tag))
            return true;
    return false;
}

static bool source_fits(const struct pipe_run *r, const struct json_node *def)
{
    static const char *const keys[] = {"category", "product", "service"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct json_node *asked = json_get(def, keys[i]);
        if (asked && !slice_eq(asked->str, json_get_str(r->source, keys[i])))
            return false;
    }
    return r->source != NULL;
}

static bool has(const struct pipe_run *r, const struct pipe_det *d, const struct json_node *def,
                bool value)
{
    struct slice field = json_get_str(def, "field");

    for (const struct pipe_det *k = d->child; k; k = k->next)
        if (has(r, k, def, value))
            return true;
    if (d->kind != DET_ITEM || d->keyword || !slice_eq(d->field, field))
        return false;
    for (const struct json_node *v = d->value; value && v; v = v->next)
        if (pipe_scalar_eq(v, json_get(def, "value")) &&
            !pipe_mod(d->mods, "contains startswith endswith re cidr base64 base64offset"))
            return true;
    return !value;
}

static bool anywhere(const struct pipe_run *r, const struct json_node *def, bool value)
{
    for (const struct pipe_named *n = r->named; n; n = n->next)
        if (has(r, n->det, def, value))
            return true;
    return false;
}

static bool rule_when(struct pipe_run *r, const struct pipe_when *w)
{
    switch ((int)w->kind) {
    case WHEN_LOGSOURCE:
        return source_fits(r, w->def);
    case WHEN_HAS_ITEM:
        return anywhere(r, w->def, true);
    case WHEN_HAS_FIELD:
        return anywhere(r, w->def, false);
    case WHEN_APPLIED:
        return pipe_marked(r->all, &r->marks, json_get_str(w->def, "processing_item_id"));
    case WHEN_STATE:
        return state(r, w->def);
    case WHEN_IS_RULE:
        return !r->correlation;
    case WHEN_IS_CORRELATION:
        return r->correlation;
    case WHEN_ATTRIBUTE:
        return attribute(r, w->def);
    default:
        return tagged(r, json_get_str(w->def, "tag"));
    }
}

static bool value_when(struct pipe_run *r, const struct pipe_when *w, const struct pipe_det *d,
                       const struct json_node *v)
{
    struct pipe_text t = {.n = 0};
    struct slice plain = SLICE("");
    bool text = pipe_is_text_value(d, v);

    if (w->kind == WHEN_NULL)
        return v->type == JSON_NULL;
    if (text &&
        (pipe_text_of(r, d, v->str, &t) != ERR_NONE || pipe_text_plain(r, &t, &plain) != ERR_NONE))
        text = false;
    if (w->kind == WHEN_WILDCARD) {
        for (size_t i = 0; i < t.n; i++)
            if (t.p[i].kind == PART_MANY || t.p[i].kind == PART_ONE)
                return true;
        return false;
    }
    if (w->kind == WHEN_STRING)
        return (text && regex_starts(w->res[0], r->scratch, plain)) !=
               json_get_bool(w->def, "negate", false);
    const struct json_node *asked = json_get(w->def, "value");
    return text ? asked->type == JSON_STRING && slice_eq(plain, asked->str)
                : pipe_scalar_eq(v, asked);
}

static bool item_when(struct pipe_run *r, const struct pipe_when *w, const struct pipe_det *d)
{
    if (w->kind == WHEN_APPLIED)
        return pipe_marked(r->all, &d->marks, json_get_str(w->def, "processing_item_id"));
    if (w->kind == WHEN_STATE)
        return state(r, w->def);
    bool all = slice_eq(json_get_str(w->def, "cond"), SLICE("all"));
    for (const struct json_node *v = d->value; v; v = v->next)
        if (value_when(r, w, d, v) != all)
            return !all;
    return all;
}

static bool in_fields(struct pipe_run *r, const struct pipe_when *w, struct slice field)
{
    const struct json_node *list = json_get(w->def, "fields");
    const struct json_node *n = list->type == JSON_ARRAY ? list->child : list;

    for (size_t i = 0; i < w->res_n; i++)
        if (regex_starts(w->res[i], r->scratch, field))
            return true;
    if (slice_eq(json_get_str(w->def, "mode"), SLICE("re")))
        return false;
    for (; n; n = list->type == JSON_ARRAY ? n->next : NULL)
        if (slice_eq(n->str, field))
            return true;
    return false;
}

static bool name_when(struct pipe_run *r, const struct pipe_when *w, const struct slice *field,
                      const struct pipe_det *d)
{
    if (w->kind == WHEN_STATE)
        return state(r, w->def);
    if (w->kind == WHEN_APPLIED)
        return d && pipe_marked(r->all, &d->marks, json_get_str(w->def, "processing_item_id"));
    bool in = field && in_fields(r, w, *field);
    return w->kind == WHEN_INCLUDE ? in : !in;
}

/* A condition of names holds for an item also when it holds for a field that it refers to. */
static bool name_item_when(struct pipe_run *r, const struct pipe_when *w, const struct pipe_det *d)
{
    if (name_when(r, w, d->keyword ? NULL : &d->field, d))
        return true;
    if (!pipe_mod(d->mods, "fieldref"))
        return false;
    for (const struct json_node *v = d->value; v; v = v->next)
        if (name_when(r, w, &v->str, d))
            return true;
    return false;
}

enum asked { ASK_RULE, ASK_ITEM, ASK_NAME, ASK_NAME_ITEM };
struct ask {
    struct pipe_run *r;
    const struct pipe_group *g;
    enum asked what;
    const struct pipe_det *d;
    const struct slice *field;
};

static bool one(const struct ask *a, size_t i)
{
    const struct pipe_when *w = &a->g->when[i];

    switch ((int)a->what) {
    case ASK_RULE:
        return rule_when(a->r, w);
    case ASK_ITEM:
        return item_when(a->r, w, a->d);
    case ASK_NAME:
        return name_when(a->r, w, a->field, a->d);
    default:
        return name_item_when(a->r, w, a->d);
    }
}

static bool expr(const struct ask *a, const struct pipe_expr *e)
{
    switch ((int)e->kind) {
    case PIPE_EXPR_NAME:
        return one(a, e->when);
    case PIPE_EXPR_NOT:
        return !expr(a, e->left);
    case PIPE_EXPR_AND:
        return expr(a, e->left) && expr(a, e->right);
    default:
        return expr(a, e->left) || expr(a, e->right);
    }
}

static bool group(const struct ask *a)
{
    const struct pipe_group *g = a->g;

    if (g->n == 0)
        return true;
    if (g->expr)
        return expr(a, g->expr) != g->negated;
    for (size_t i = 0; i < g->n; i++)
        if (one(a, i) == g->any)
            return g->any != g->negated;
    return g->any == g->negated;
}

bool pipe_rule_fits(struct pipe_run *r, const struct pipe_item *it)
{
    return group(&(struct ask){.r = r, .g = &it->group[GROUP_RULE], .what = ASK_RULE});
}

CHECKED enum err pipe_item_fits(struct pipe_run *r, const struct pipe_item *it,
                                const struct pipe_det *d, bool *ret)
{
    struct ask item = {.r = r, .g = &it->group[GROUP_ITEM], .what = ASK_ITEM, .d = d};
    struct ask name = {.r = r, .g = &it->group[GROUP_FIELD], .what = ASK_NAME_ITEM, .d = d};

    *ret = group(&item) && group(&name);
    return ERR_NONE;
}

bool pipe_name_fits(struct pipe_run *r, const struct pipe_item *it, const struct slice *field,
                    const struct pipe_det *d)
{
    return group(&(struct ask){
        .r = r, .g = &it->group[GROUP_FIELD], .what = ASK_NAME, .field = field, .d = d});
}
