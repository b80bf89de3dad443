/* Old Sigma: "selection | count(field) by group > 10" and "selection | near other". */
#include "detect/correlate_int.h"

#define OLD_TIMEFRAME_NS (INT64_C(86400) * 1000000000)

struct words {
    struct slice in;
    size_t at;
};

/* A word, or one of ( ) , or an operator; empty at the end. */
static struct slice next(struct words *w)
{
    size_t n = 0;

    while (w->at < w->in.n && strchr(" \t\r\n", w->in.p[w->at]))
        w->at++;
    if (w->at < w->in.n && strchr("(),", w->in.p[w->at]))
        n = 1;
    else if (w->at < w->in.n && strchr("<>=", w->in.p[w->at]))
        while (w->at + n < w->in.n && strchr("<>=", w->in.p[w->at + n]))
            n++;
    else
        while (w->at + n < w->in.n && !strchr(" \t\r\n(),<>=", w->in.p[w->at + n]))
            n++;
    w->at += n;
    return slice_cut(w->in, w->at - n, w->at);
}

static bool peek_is(const struct words *w, struct slice what)
{
    struct words copy = *w;

    return slice_eq_nocase(next(&copy), what);
}

static CHECKED enum err bad(struct compile *c, const struct json_node *node, const char *want)
{
    return report_issue(c, ISSUE_ERROR, node, "aggregation",
                        "behind '|' stands count, min, max, avg or sum, as 'count(field) by group "
                        "> 10': expected %s",
                        want);
}

static CHECKED enum err function(struct compile *c, const struct json_node *node, struct words *w,
                                 struct correlation *co)
{
    static const struct {
        const char *word;
        enum correlation_type type;
        double percentile;
    } of[] = {
        {"count", CORRELATION_VALUE_COUNT, 0},      {"sum", CORRELATION_VALUE_SUM, 0},
        {"avg", CORRELATION_VALUE_AVG, 0},          {"min", CORRELATION_VALUE_PERCENTILE, 0},
        {"max", CORRELATION_VALUE_PERCENTILE, 100},
    };
    struct slice word = next(w);

    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        if (!slice_eq_nocase(word, slice_of(of[i].word)))
            continue;
        co->type = of[i].type;
        co->percentile = of[i].percentile;
    }
    if (!co->type)
        return bad(c, node, "a function");
    if (!slice_eq(next(w), SLICE("(")))
        return bad(c, node, "'('");
    struct slice field = next(w);
    if (slice_eq(field, SLICE(")")) && co->type == CORRELATION_VALUE_COUNT) {
        co->type = CORRELATION_EVENT_COUNT;
        return ERR_NONE;
    }
    if (!field.n || slice_eq(field, SLICE(")")))
        return bad(c, node, "a field");
    co->values[0].node = node;
    co->values_n = 1;
    if (!slice_eq(next(w), SLICE(")")))
        return bad(c, node, "')'");
    return arena_dup(&c->rs->arena, field, &co->values[0].name);
}

static CHECKED enum err groups(struct compile *c, const struct json_node *node, struct words *w,
                               struct correlation *co)
{
    enum err e = ERR_NONE;

    if (!peek_is(w, SLICE("by")))
        return ERR_NONE;
    (void)next(w);
    do {
        struct slice field = next(w);
        if (!field.n || strchr("(),<>=", field.p[0]) || co->group_n == CORRELATE_GROUP_FIELDS_MAX)
            return bad(c, node, "a field behind 'by'");
        co->group[co->group_n].node = node;
        e = arena_dup(&c->rs->arena, field, &co->group[co->group_n++].name);
    } while (e == ERR_NONE && peek_is(w, SLICE(",")) && next(w).n);
    return e;
}

static CHECKED enum err threshold(struct compile *c, const struct json_node *node, struct words *w,
                                  struct correlation *co)
{
    static const struct {
        const char *word;
        enum corr_op op;
    } ops[] = {{">", OP_GT},   {">=", OP_GTE}, {"<", OP_LT},
               {"<=", OP_LTE}, {"=", OP_EQ},   {"==", OP_EQ}};
    struct slice op = next(w);
    long double n = 0;
    size_t i = 0;

    while (i < ARRAY_LEN(ops) && !slice_eq(op, slice_of(ops[i].word)))
        i++;
    if (i == ARRAY_LEN(ops))
        return bad(c, node, "a comparison");
    if (!number_parse(next(w), &n))
        return bad(c, node, "a number");
    if (next(w).n)
        return bad(c, node, "the end");
    co->tests[co->tests_n++] = (struct corr_test){ops[i].op, (double)n};
    return ERR_NONE;
}

/* The same machine: what `near` has not said is the same host. */
static void near_group(const struct json_node *node, struct correlation *co)
{
    co->type = CORRELATION_TEMPORAL;
    co->group_n = 1;
    co->group[0] = (struct corr_field){.name = SLICE("host.name"), .node = node, .optional = true};
}

CHECKED enum err correlation_old(struct compile *c, const struct json_node *node, struct slice text,
                                 struct corr_old *ret)
{
    struct words w = {text, 0};
    struct arena *a = &c->rs->arena;
    struct correlation *co = arena_calloc(a, 1, sizeof(*co));
    struct json_node *at = arena_calloc(a, 1, sizeof(*at));

    if (!co || !at)
        return ERR_NOMEM;
    *at = (struct json_node){.line = node->line, .col = node->col};
    node = at; /* the tree ends with its file, positions are told when all rules are known */
    co->file = c->file;
    co->at = at;
    co->group = arena_calloc(a, CORRELATE_GROUP_FIELDS_MAX, sizeof(*co->group));
    co->refs = arena_calloc(a, CORRELATE_RULES_MAX, sizeof(*co->refs));
    if (!co->group || !co->refs)
        return ERR_NOMEM;
    ret->co = co;
    if (peek_is(&w, SLICE("near"))) {
        (void)next(&w);
        ret->near = slice_trim(slice_cut(text, w.at, text.n));
        near_group(at, co);
        return ret->near.n ? ERR_NONE
                           : report_issue(c, ISSUE_ERROR, node, "near",
                                          "'near' needs the names of selections");
    }
    co->refs[co->refs_n++] = (struct corr_ref){.node = at};
    enum err e = function(c, node, &w, co);
    if (e == ERR_NONE && !c->failed)
        e = groups(c, node, &w, co);
    if (e == ERR_NONE && !c->failed)
        e = threshold(c, node, &w, co);
    return e != ERR_NONE || c->failed ? e : correlation_settle(c, co, node);
}

static struct expr *expr_new(struct arena *a, struct expr from)
{
    struct expr *e = arena_alloc(a, sizeof(*e));

    if (e)
        *e = from;
    return e;
}

static const uint32_t *number_dup(struct arena *a, uint32_t n)
{
    uint32_t *to = arena_alloc(a, sizeof(*to));

    if (to)
        *to = n;
    return to;
}

/* The same expression over references instead of selections. */
static struct expr *over_refs(struct arena *a, const struct expr *from, const uint32_t *ref_of)
{
    uint32_t *sels = arena_alloc(a, (from->sels_n + 1) * sizeof(*sels));
    struct expr *e = expr_new(a, *from);

    if (!e || !sels)
        return NULL;
    for (size_t i = 0; i < from->sels_n; i++)
        sels[i] = ref_of[from->sels[i]];
    e->sels = sels;
    e->left = from->left ? over_refs(a, from->left, ref_of) : NULL;
    e->right = from->right ? over_refs(a, from->right, ref_of) : NULL;
    return (from->left && !e->left) || (from->right && !e->right) ? NULL : e;
}

static CHECKED enum err near_refs(struct compile *c, const struct json_node *node, struct rule *r,
                                  struct correlation *co, const bool *named, uint32_t *ref_of)
{
    struct arena *a = &c->rs->arena;
    struct expr *all = r->condition;

    co->refs[co->refs_n++] = (struct corr_ref){.node = co->at, .part = r->condition};
    for (uint32_t i = 0; i < r->sels_n; i++) {
        if (!named[i])
            continue;
        if (co->refs_n == CORRELATE_RULES_MAX)
            return report_issue(c, ISSUE_ERROR, node, "near", "more than %d selections",
                                CORRELATE_RULES_MAX - 1);
        struct expr *part =
            expr_new(a, (struct expr){.kind = EXPR_SEL, .sels = number_dup(a, i), .sels_n = 1});
        if (!part || !part->sels)
            return ERR_NOMEM;
        ref_of[i] = co->refs_n;
        co->refs[co->refs_n++] = (struct corr_ref){.node = co->at, .part = part};
        all = expr_new(a, (struct expr){.kind = EXPR_OR, .left = all, .right = part});
        if (!all)
            return ERR_NOMEM;
    }
    r->condition = all;
    return ERR_NONE;
}

CHECKED enum err correlation_old_near(struct compile *c, const struct json_node *node,
                                      struct rule *r, bool *used, const struct corr_old *old)
{
    const struct json_node tail = {
        .type = JSON_STRING, .str = old->near, .line = node->line, .col = node->col};
    struct arena *a = &c->rs->arena;
    struct correlation *co = old->co;
    bool *named = arena_calloc(a, r->sels_n + 1, sizeof(*named));
    uint32_t *ref_of = arena_calloc(a, r->sels_n + 1, sizeof(*ref_of));
    struct expr *expr = NULL;

    if (!named || !ref_of)
        return ERR_NOMEM;
    enum err e = condition_compile(c, &tail, r->names, r->sels_n, named, &expr);
    if (e == ERR_NONE && !c->failed)
        e = near_refs(c, node, r, co, named, ref_of);
    if (e != ERR_NONE || c->failed)
        return e;
    for (size_t i = 0; i < r->sels_n; i++)
        used[i] = used[i] || named[i];
    struct expr *first =
        expr_new(a, (struct expr){.kind = EXPR_SEL, .sels = number_dup(a, 0), .sels_n = 1});
    expr = over_refs(a, expr, ref_of);
    if (!expr || !first || !first->sels)
        return ERR_NOMEM;
    co->expr = expr_new(a, (struct expr){.kind = EXPR_AND, .left = first, .right = expr});
    return co->expr ? correlation_settle(c, co, node) : ERR_NOMEM;
}

CHECKED enum err correlation_old_timeframe(struct compile *c, const struct json_node *detection,
                                           struct correlation *co)
{
    const struct json_node *n = json_get(detection, "timeframe");

    if (n)
        return correlation_timespan(c, n, n->str, &co->timespan_ns);
    co->timespan_ns = OLD_TIMEFRAME_NS;
    return report_issue(c, ISSUE_WARNING, detection, "missing-timeframe",
                        "no timeframe: taken as a day");
}

CHECKED enum err correlation_old_keep(struct compile *c, struct correlation *co, uint32_t rule)
{
    co->rule = rule;
    co->depth = 1;
    for (uint32_t i = 0; i < co->refs_n; i++)
        co->refs[i].rule = rule;
    return correlation_add(c->rs, co);
}
