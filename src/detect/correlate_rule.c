#include <math.h>
#include <stdlib.h>

#include "detect/correlate_int.h"

static const char *const types[] = {
    [CORRELATION_EVENT_COUNT] = "event_count",
    [CORRELATION_VALUE_COUNT] = "value_count",
    [CORRELATION_TEMPORAL] = "temporal",
    [CORRELATION_TEMPORAL_ORDERED] = "temporal_ordered",
    [CORRELATION_VALUE_SUM] = "value_sum",
    [CORRELATION_VALUE_AVG] = "value_avg",
    [CORRELATION_VALUE_PERCENTILE] = "value_percentile",
    [CORRELATION_VALUE_MEDIAN] = "value_median",
};

const char *correlation_type_name(enum correlation_type t)
{
    size_t i = (size_t)t;

    return i >= CORRELATION_EVENT_COUNT && i < ARRAY_LEN(types) ? types[i] : "unknown";
}

static bool temporal(const struct correlation *co)
{
    return co->type == CORRELATION_TEMPORAL || co->type == CORRELATION_TEMPORAL_ORDERED;
}

CHECKED enum err correlation_timespan(struct compile *c, const struct json_node *at,
                                      struct slice text, int64_t *ret_ns)
{
    static const struct {
        char unit;
        int64_t s;
    } units[] = {{'s', 1},      {'m', 60},      {'h', 3600},    {'d', 86400},
                 {'w', 604800}, {'M', 2629746}, {'y', 31556952}};
    uint64_t n = 0;
    int64_t s = 0;

    for (size_t i = 0; text.n > 1 && i < ARRAY_LEN(units); i++)
        if (text.p[text.n - 1] == units[i].unit)
            s = units[i].s;
    if (!s || !slice_to_u64(slice_cut(text, 0, text.n - 1), &n) || n == 0 ||
        n > (uint64_t)(CORR_TIMESPAN_MAX / 1000000000 / s))
        return report_issue(c, ISSUE_ERROR, at, "bad-timespan",
                            "a span of time is a number and s, m, h or d, at most 3660d: '%.*s'",
                            SLICE_ARG(text));
    *ret_ns = (int64_t)n * s * 1000000000;
    return ERR_NONE;
}

CHECKED enum err correlation_add(struct ruleset *rs, struct correlation *co)
{
    if (rs->correlations_n == rs->correlations_cap) {
        size_t cap = rs->correlations_cap ? rs->correlations_cap * 2 : 16;
        struct correlation **to = realloc(rs->correlations, cap * sizeof(struct correlation *));
        if (!to)
            return ERR_NOMEM;
        rs->correlations = to;
        rs->correlations_cap = cap;
    }
    rs->correlations[rs->correlations_n++] = co;
    return ERR_NONE;
}

static CHECKED enum err type_of(struct compile *c, const struct json_node *body,
                                struct correlation *co)
{
    const struct json_node *n = json_get(body, "type");

    if (!n)
        return report_issue(c, ISSUE_ERROR, body, "bad-correlation", "a correlation needs a type");
    for (size_t i = CORRELATION_EVENT_COUNT; i < ARRAY_LEN(types); i++)
        if (slice_eq(n->str, slice_of(types[i])))
            co->type = (enum correlation_type)i;
    if (!co->type)
        return report_issue(c, ISSUE_ERROR, n, "bad-correlation",
                            "there is no type of correlation '%.*s'", SLICE_ARG(n->str));
    return ERR_NONE;
}

static bool operator_word(struct slice w)
{
    static const char *const words[] = {"and", "or", "not", "of", "all", "any", "them"};
    uint64_t ignored;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_nocase(w, slice_of(words[i])))
            return true;
    return slice_to_u64(w, &ignored);
}

static CHECKED enum err add_ref(struct compile *c, struct correlation *co, struct slice name,
                                const struct json_node *node)
{
    for (uint32_t i = 0; i < co->refs_n; i++)
        if (slice_eq(co->refs[i].name, name))
            return ERR_NONE;
    if (co->refs_n == CORRELATE_RULES_MAX)
        return report_issue(c, ISSUE_ERROR, node, "bad-correlation", "more than %d rules",
                            CORRELATE_RULES_MAX);
    co->refs[co->refs_n++] = (struct corr_ref){.name = name, .node = node};
    return ERR_NONE;
}

/* A condition over names says itself which rules there are. */
static CHECKED enum err refs_from_condition(struct compile *c, const struct json_node *cond,
                                            struct correlation *co)
{
    struct slice in = cond->str;
    enum err e = ERR_NONE;

    for (size_t at = 0; at < in.n && e == ERR_NONE && !c->failed;) {
        size_t n = 0;
        while (at + n < in.n && !strchr(" \t\r\n()", in.p[at + n]))
            n++;
        struct slice word = slice_cut(in, at, at + n);
        if (n && !operator_word(word))
            e = add_ref(c, co, word, cond);
        at += n ? n : 1;
    }
    return e;
}

static CHECKED enum err refs_of(struct compile *c, const struct json_node *body,
                                struct correlation *co)
{
    const struct json_node *n = json_get(body, "rules"), *cond = json_get(body, "condition");
    enum err e = ERR_NONE;

    co->refs = arena_calloc(&c->rs->arena, CORRELATE_RULES_MAX, sizeof(*co->refs));
    if (!co->refs)
        return ERR_NOMEM;
    if (!n && temporal(co) && cond && cond->type == JSON_STRING)
        e = refs_from_condition(c, cond, co);
    else if (n && n->type == JSON_STRING)
        e = add_ref(c, co, n->str, n);
    else if (n && n->type == JSON_ARRAY)
        for (const struct json_node *k = n->child; k && e == ERR_NONE && !c->failed; k = k->next)
            e = add_ref(c, co, k->str, k);
    if (e == ERR_NONE && !c->failed && !co->refs_n)
        return report_issue(c, ISSUE_ERROR, n ? n : body, "bad-correlation",
                            "a correlation names the rules that it is about");
    return e;
}

static CHECKED enum err fields_of(struct compile *c, const struct json_node *n, uint32_t max,
                                  const char *what, struct corr_field *to, uint32_t *ret_n)
{
    const struct json_node *k = n->type == JSON_ARRAY ? n->child : n;

    for (; k; k = n->type == JSON_ARRAY ? k->next : NULL) {
        bool scalar = k->type != JSON_ARRAY && k->type != JSON_OBJECT && k->type != JSON_NULL;
        if (!scalar || !k->str.n || *ret_n == max)
            return report_issue(c, ISSUE_ERROR, k, "bad-correlation",
                                "%s is a list of at most %u field names", what, max);
        to[(*ret_n)++] = (struct corr_field){.name = k->str, .node = k};
    }
    return ERR_NONE;
}

static CHECKED enum err group_of(struct compile *c, const struct json_node *body,
                                 struct correlation *co)
{
    const struct json_node *n = json_get(body, "group-by");

    if (!n)
        return report_issue(c, ISSUE_ERROR, body, "missing-group-by",
                            "a correlation needs group-by; an empty list is one group for all");
    co->group = arena_calloc(&c->rs->arena, CORRELATE_GROUP_FIELDS_MAX, sizeof(*co->group));
    if (!co->group)
        return ERR_NOMEM;
    return fields_of(c, n, CORRELATE_GROUP_FIELDS_MAX, "group-by", co->group, &co->group_n);
}

static bool number_of(const struct json_node *n, double *ret)
{
    switch (n->type) {
    case JSON_INT:
        *ret = (double)n->i;
        return true;
    case JSON_UINT:
        *ret = (double)n->u;
        return true;
    case JSON_DOUBLE:
        *ret = n->d;
        return isfinite(n->d);
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_STRING:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

static CHECKED enum err one_test(struct compile *c, const struct json_node *m,
                                 struct correlation *co)
{
    static const char *const ops[] = {"gt", "gte", "lt", "lte", "eq", "neq"};
    double n = 0;

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (!slice_eq(m->key, slice_of(ops[i])))
            continue;
        if (!number_of(m, &n) || co->tests_n == CORR_TESTS_MAX)
            return report_issue(c, ISSUE_ERROR, m, "bad-condition", "%s needs a number", ops[i]);
        co->tests[co->tests_n++] = (struct corr_test){(enum corr_op)i, n};
        return ERR_NONE;
    }
    return report_issue(c, ISSUE_ERROR, m, "bad-condition", "a condition has no '%.*s'",
                        SLICE_ARG(m->key));
}

static CHECKED enum err map_condition(struct compile *c, const struct json_node *cond,
                                      struct correlation *co)
{
    bool percentile = false;
    enum err e = ERR_NONE;

    for (const struct json_node *m = cond->child; m && e == ERR_NONE && !c->failed; m = m->next) {
        if (slice_eq(m->key, SLICE("field"))) {
            e = fields_of(c, m, co->type == CORRELATION_VALUE_COUNT ? CORR_VALUES_MAX : 1, "field",
                          co->values, &co->values_n);
        } else if (slice_eq(m->key, SLICE("percentile"))) {
            percentile =
                number_of(m, &co->percentile) && co->percentile >= 0 && co->percentile <= 100;
            if (!percentile)
                e = report_issue(c, ISSUE_ERROR, m, "bad-condition",
                                 "a percentile is a number from 0 to 100");
        } else {
            e = one_test(c, m, co);
        }
    }
    if (e != ERR_NONE || c->failed)
        return e;
    if (!co->tests_n)
        return report_issue(c, ISSUE_ERROR, cond, "bad-condition",
                            "a condition needs gt, gte, lt, lte, eq or neq");
    if (co->type == CORRELATION_VALUE_PERCENTILE && !percentile)
        return report_issue(c, ISSUE_ERROR, cond, "bad-condition",
                            "value_percentile needs a percentile");
    return ERR_NONE;
}

static CHECKED enum err text_condition(struct compile *c, const struct json_node *cond,
                                       struct correlation *co)
{
    struct slice names[CORRELATE_RULES_MAX] = {{NULL, 0}};
    bool used[CORRELATE_RULES_MAX] = {false};

    if (!temporal(co))
        return report_issue(c, ISSUE_ERROR, cond, "bad-condition",
                            "only temporal types have a condition over rules");
    for (uint32_t i = 0; i < co->refs_n; i++)
        names[i] = co->refs[i].name;
    enum err e = condition_compile(c, cond, names, co->refs_n, used, &co->expr);
    for (uint32_t i = 0; i < co->refs_n && e == ERR_NONE && !c->failed; i++)
        if (!used[i])
            e = report_issue(c, ISSUE_ERROR, co->refs[i].node, "bad-condition",
                             "the condition does not use '%.*s'", SLICE_ARG(names[i]));
    return e;
}

static CHECKED enum err condition_of(struct compile *c, const struct json_node *body,
                                     struct correlation *co)
{
    const struct json_node *cond = json_get(body, "condition");
    bool counts = co->type != CORRELATION_EVENT_COUNT && !temporal(co);
    enum err e = ERR_NONE;

    if (!cond && !temporal(co))
        return report_issue(c, ISSUE_ERROR, body, "missing-condition",
                            "a correlation of this type needs a condition");
    if (cond && cond->type == JSON_OBJECT)
        e = map_condition(c, cond, co);
    else if (cond && cond->type == JSON_STRING)
        e = text_condition(c, cond, co);
    else if (cond)
        e = report_issue(c, ISSUE_ERROR, cond, "bad-condition", "a condition is a map or a text");
    if (e != ERR_NONE || c->failed)
        return e;
    if (counts != (co->values_n > 0))
        return report_issue(c, ISSUE_ERROR, cond ? cond : body, "bad-condition",
                            counts ? "this type needs the field whose values count"
                                   : "this type counts matches, not a field");
    return correlation_settle(c, co, cond ? cond : body);
}

static bool has_not(const struct expr *e)
{
    return e && (e->kind == EXPR_NOT || has_not(e->left) || has_not(e->right));
}

/* Ordered: a chain of `and`, where a single rule may be negated. */
static bool conjunction(const struct expr *e, uint64_t *has, uint64_t *absent)
{
    if (e->kind == EXPR_AND)
        return conjunction(e->left, has, absent) && conjunction(e->right, has, absent);
    if (e->kind == EXPR_SEL)
        *has |= UINT64_C(1) << e->sels[0];
    else if (e->kind == EXPR_NOT && e->left->kind == EXPR_SEL)
        *absent |= UINT64_C(1) << e->left->sels[0];
    else
        return false;
    return true;
}

static CHECKED enum err settle_chain(struct compile *c, struct correlation *co,
                                     const struct json_node *at)
{
    uint64_t has = co->expr ? 0 : UINT64_MAX;

    if (co->expr && (!conjunction(co->expr, &has, &co->absent) || (has & co->absent) || !has))
        return report_issue(c, ISSUE_ERROR, at, "bad-condition",
                            "in temporal_ordered rules are joined by 'and' and 'and not' only");
    for (size_t i = 0; i < co->tests_n; i++) {
        double need = co->tests[i].n + (co->tests[i].op == OP_GT);
        if (need != co->refs_n || co->tests[i].op == OP_LT || co->tests[i].op == OP_LTE ||
            co->tests[i].op == OP_NEQ)
            return report_issue(c, ISSUE_ERROR, at, "bad-condition",
                                "temporal_ordered wants all its rules: leave the condition out");
    }
    co->chain = arena_calloc(&c->rs->arena, co->refs_n, sizeof(*co->chain));
    if (!co->chain)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < co->refs_n; i++)
        if (has >> i & 1)
            co->chain[co->chain_n++] = i;
    co->mode = co->absent ? MODE_FORWARD : MODE_EAGER;
    return ERR_NONE;
}

static bool grows(const struct correlation *co)
{
    bool up = co->type == CORRELATION_EVENT_COUNT || co->type == CORRELATION_VALUE_COUNT ||
              co->type == CORRELATION_VALUE_SUM || co->type == CORRELATION_TEMPORAL;

    for (size_t i = 0; i < co->tests_n; i++)
        up = up && (co->tests[i].op == OP_GT || co->tests[i].op == OP_GTE);
    return up;
}

CHECKED enum err correlation_settle(struct compile *c, struct correlation *co,
                                    const struct json_node *at)
{
    bool counts = co->type == CORRELATION_EVENT_COUNT || co->type == CORRELATION_VALUE_COUNT;

    if (co->type == CORRELATION_TEMPORAL_ORDERED)
        return settle_chain(c, co, at);
    if (co->type == CORRELATION_TEMPORAL && !co->expr && !co->tests_n)
        co->tests[co->tests_n++] = (struct corr_test){OP_GTE, co->refs_n};
    for (size_t i = 0; counts && i < co->tests_n; i++)
        if (co->tests[i].n > CORRELATE_ENTRIES_MAX)
            return report_issue(c, ISSUE_ERROR, at, "bad-condition",
                                "a group remembers at most %d matches", CORRELATE_ENTRIES_MAX);
    co->mode = co->expr ? (has_not(co->expr) ? MODE_FORWARD : MODE_EAGER)
                        : (grows(co) ? MODE_EAGER : MODE_DEFER);
    return ERR_NONE;
}

static CHECKED enum err span_of(struct compile *c, const struct json_node *body,
                                struct correlation *co)
{
    const struct json_node *n = json_get(body, "timespan");

    if (!n || n->type == JSON_OBJECT || n->type == JSON_ARRAY)
        return report_issue(c, ISSUE_ERROR, n ? n : body, "bad-timespan",
                            "a correlation needs a timespan, as 5m");
    return correlation_timespan(c, n, n->str, &co->timespan_ns);
}

static CHECKED enum err rest_of(struct compile *c, const struct json_node *body,
                                struct correlation *co)
{
    const struct json_node *aliases = json_get(body, "aliases"),
                           *generate = json_get(body, "generate");

    if (aliases && aliases->type != JSON_NULL) {
        if (aliases->type != JSON_OBJECT)
            return report_issue(c, ISSUE_ERROR, aliases, "bad-alias", "aliases is a map");
        for (const struct json_node *a = aliases->child; a; a = a->next)
            if (a->type != JSON_OBJECT)
                return report_issue(c, ISSUE_ERROR, a, "bad-alias",
                                    "an alias is a map of rule to field");
        co->aliases = aliases;
    }
    if (generate && generate->type != JSON_BOOL)
        return report_issue(c, ISSUE_ERROR, generate, "bad-correlation",
                            "generate is true or false");
    co->generate = generate && generate->b;
    return ERR_NONE;
}

CHECKED enum err correlation_compile(struct compile *c, const struct json_node *doc)
{
    typedef CHECKED enum err part_fn(struct compile *, const struct json_node *,
                                     struct correlation *);
    static part_fn *const parts[] = {type_of, refs_of, group_of, span_of, condition_of, rest_of};
    struct correlation *co = arena_calloc(&c->rs->arena, 1, sizeof(*co));
    struct json_node *own = NULL;

    c->rs->report.rules++;
    if (!co)
        return ERR_NOMEM;
    enum err e = rule_describe(c, doc, &co->about);
    c->rule_id = co->about.info.id;
    if (e != ERR_NONE || c->failed)
        return e;
    e = source_tree_dup(&c->rs->arena, doc, &own);
    if (e != ERR_NONE)
        return e;
    const struct json_node *body = json_get(own, "correlation");
    if (body->type != JSON_OBJECT)
        return report_issue(c, ISSUE_ERROR, body, "bad-correlation", "correlation is a map");
    co->at = body;
    co->file = c->file;
    for (size_t i = 0; i < ARRAY_LEN(parts) && e == ERR_NONE && !c->failed; i++)
        e = parts[i](c, body, co);
    return e == ERR_NONE && !c->failed ? correlation_add(c->rs, co) : e;
}
