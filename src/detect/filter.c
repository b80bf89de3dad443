/* Filters of Sigma 2.1: a condition that is added with `and` to the rules that they name. */
#include "detect/correlate_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILTERS_MAX = 1024 };

struct rule_filter {
    const char *file, *id;
    const char *version;
    const struct json_node *doc, *body, *rules;
    struct slice product, category, service;
};

static bool scalar(const struct json_node *n)
{
    return n && n->type != JSON_ARRAY && n->type != JSON_OBJECT && n->type != JSON_NULL;
}

static bool any_rule(const struct json_node *rules)
{
    return scalar(rules) && slice_eq_nocase(rules->str, SLICE("any"));
}

static CHECKED enum err check_rules(struct compile *c, const struct rule_filter *f)
{
    if (!f->rules)
        return report_issue(c, ISSUE_ERROR, f->body, "bad-filter",
                            "a filter needs 'rules': ids or names of rules, or any");
    bool list = f->rules->type == JSON_ARRAY && f->rules->n > 0;
    for (const struct json_node *n = list ? f->rules->child : NULL; n; n = n->next)
        list = list && scalar(n);
    if (!list && !scalar(f->rules))
        return report_issue(c, ISSUE_ERROR, f->rules, "bad-filter",
                            "'rules' is a list of ids or names of rules, or any");
    return ERR_NONE;
}

static CHECKED enum err read_source(struct compile *c, struct rule_filter *f)
{
    const struct json_node *source = json_get(f->doc, "logsource");

    if (!source)
        return report_issue(c, ISSUE_ERROR, f->doc, "missing-logsource",
                            "a filter needs a logsource");
    f->product = json_get_str(source, "product");
    f->category = json_get_str(source, "category");
    f->service = json_get_str(source, "service");
    if (source->type != JSON_OBJECT || !(f->product.n || f->category.n || f->service.n))
        return report_issue(c, ISSUE_ERROR, source, "bad-logsource",
                            "a log source needs a product, a category or a service");
    enum err e = source_fit(c, f->product, f->category, f->service);
    if (e != ERR_NONE || c->rows_n)
        return e;
    return report_issue(c, ISSUE_CANNOT_MATCH, source, "unmapped-logsource",
                        "no log source product=%.*s category=%.*s service=%.*s is mapped",
                        SLICE_ARG(f->product), SLICE_ARG(f->category), SLICE_ARG(f->service));
}

/* What the filter says, with the fields where c's rows have them. */
static CHECKED enum err compile_body(struct compile *c, const struct json_node *body,
                                     struct rule *ret, bool warn)
{
    const struct json_node *condition = json_get(body, "condition");
    bool *used = NULL;

    if (!condition)
        return report_issue(c, ISSUE_ERROR, body, "missing-condition",
                            "a filter needs a condition");
    enum err e = rule_selections(c, body, true, ret, &used);
    if (e == ERR_NONE && !c->failed)
        e = condition_compile(c, condition, ret->names, ret->sels_n, used, &ret->condition);
    if (e == ERR_NONE && !c->failed)
        e = condition_check(c, condition, ret);
    if (e == ERR_NONE && !c->failed && warn)
        e = rule_unused(c, body, ret, used);
    return e;
}

static CHECKED enum err identify(struct compile *c, struct rule_filter *f)
{
    bool new = true;
    enum err e = ERR_NONE;

    if (!json_get_str(f->doc, "title").n)
        return report_issue(c, ISSUE_ERROR, f->doc, "missing-title", "a filter needs a title");
    if (*f->id)
        e = intern_put(&c->rs->ids, slice_of(f->id), &(uint32_t){0}, &new);
    if (e == ERR_NONE && !new)
        e = report_issue(c, ISSUE_ERROR, json_get(f->doc, "id"), "duplicate-id",
                         "another rule or filter has this id: only the first is loaded");
    return e;
}

static CHECKED enum err keep(struct compile *c, const struct rule_filter *f)
{
    struct ruleset *rs = c->rs;

    if (rs->filters_n >= FILTERS_MAX)
        return report_issue(c, ISSUE_ERROR, f->doc, "too-many-filters", "more than %d filters",
                            FILTERS_MAX);
    if (rs->filters_n == rs->filters_cap) {
        size_t cap = rs->filters_cap ? rs->filters_cap * 2 : 16;
        struct rule_filter *to = realloc(rs->filters, cap * sizeof(*to));
        if (!to)
            return ERR_NOMEM;
        rs->filters = to;
        rs->filters_cap = cap;
    }
    rs->filters[rs->filters_n++] = *f;
    return ERR_NONE;
}

/* Compiled once for its own log source, so that its defects are told once. */
CHECKED enum err filter_read(struct compile *c, const struct json_node *doc)
{
    struct json_node *own = NULL;
    struct rule_filter f = {.file = c->file, .id = c->rule_id, .version = ""};
    struct rule trial = {.cannot_match = false};
    enum err e = source_tree_dup(&c->rs->arena, doc, &own);

    c->rs->report.filters++;
    if (e != ERR_NONE)
        return e;
    f.doc = own;
    f.body = json_get(own, "filter");
    f.rules = json_get(f.body, "rules");
    if (f.body->type != JSON_OBJECT)
        return report_issue(c, ISSUE_ERROR, f.body, "bad-filter", "a filter is a map");
    e = identify(c, &f);
    if (e == ERR_NONE && !c->failed)
        e = check_rules(c, &f);
    if (e == ERR_NONE && !c->failed)
        e = read_source(c, &f);
    if (e == ERR_NONE && !c->failed)
        e = compile_body(c, f.body, &trial, true);
    if (e == ERR_NONE && !c->failed)
        e = version_of(&c->rs->arena, f.body, &f.version);
    if (e != ERR_NONE || c->failed)
        return e;
    if (c->placeholder)
        return report_issue(c, ISSUE_CANNOT_MATCH, f.body, c->placeholder,
                            "the filter is not applied: it needs the values of the placeholder "
                            "'%.*s', and none are configured",
                            SLICE_ARG(c->lacking));
    return keep(c, &f);
}

/* Numbers of selections behind those that the rule has. */
static CHECKED enum err shift(struct arena *a, struct expr *x, uint32_t by)
{
    uint32_t *to = x->sels_n ? arena_alloc(a, x->sels_n * sizeof(*to)) : NULL;

    if (x->sels_n && !to)
        return ERR_NOMEM;
    for (size_t i = 0; i < x->sels_n; i++)
        to[i] = x->sels[i] + by;
    x->sels = to;
    enum err e = x->left ? shift(a, x->left, by) : ERR_NONE;
    return e == ERR_NONE && x->right ? shift(a, x->right, by) : e;
}

static CHECKED enum err told_name(struct arena *a, struct slice name, struct slice *ret)
{
    char *to = arena_alloc(a, name.n + 7);

    if (!to)
        return ERR_NOMEM;
    memcpy(to, "filter:", 7); /* NOLINT(bugprone-not-null-terminated-result): a slice */
    if (name.n)
        memcpy(to + 7, name.p, name.n);
    *ret = (struct slice){to, name.n + 7};
    return ERR_NONE;
}

static CHECKED enum err join(struct compile *c, const struct json_node *at, struct rule *r,
                             const struct rule *part)
{
    struct arena *a = &c->rs->arena;
    size_t n = r->sels_n + part->sels_n;
    struct sel *sels = arena_alloc(a, n * sizeof(*sels));
    struct slice *names = arena_alloc(a, n * sizeof(*names));
    struct expr *both = arena_calloc(a, 1, sizeof(*both));
    struct rule joined = *r;
    enum err e = sels && names && both ? shift(a, part->condition, (uint32_t)r->sels_n) : ERR_NOMEM;

    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        bool own = i < r->sels_n;
        sels[i] = own ? r->sels[i] : part->sels[i - r->sels_n];
        if (own)
            names[i] = r->names[i];
        else
            e = told_name(a, part->names[i - r->sels_n], &names[i]);
    }
    if (e != ERR_NONE)
        return e;
    *both = (struct expr){.kind = EXPR_AND, .left = r->condition, .right = part->condition};
    joined.sels = sels;
    joined.names = names;
    joined.sels_n = n;
    joined.condition = both;
    e = condition_check(c, at, &joined);
    if (e == ERR_NONE && !c->failed)
        *r = joined;
    return e;
}

/* The filter's fields are where the rule's log source has them. */
static CHECKED enum err attach(struct ruleset *rs, const struct rule_filter *f, struct rule *r,
                               bool *ret_failed)
{
    struct compile c = {.rs = rs, .file = f->file, .rule_id = f->id};
    struct rule part = {.cannot_match = false};
    enum err e = source_fit(&c, slice_of(r->info.product), slice_of(r->info.category),
                            slice_of(r->info.service));

    if (e == ERR_NONE)
        e = compile_body(&c, f->body, &part, false);
    if (e == ERR_NONE && !c.failed && r->sels_n + part.sels_n > SELECTIONS_MAX)
        e = report_issue(&c, ISSUE_ERROR, f->body, "too-many-selections",
                         "more than %d selections with those of the rule %.100s", SELECTIONS_MAX,
                         r->info.id);
    if (e == ERR_NONE && !c.failed)
        e = join(&c, f->body, r, &part);
    if (e == ERR_NONE && !c.failed)
        e = version_join(&rs->arena, r->info.version, f->version, &r->info.version);
    *ret_failed = c.failed;
    return e;
}

static bool part_fits(struct slice asked, const char *has)
{
    return asked.n == 0 || slice_eq_nocase(asked, slice_of(has));
}

/* What the filter's log source states, the rule's states too. */
static bool in_source(const struct rule_filter *f, const struct rule *r)
{
    return part_fits(f->product, r->info.product) && part_fits(f->category, r->info.category) &&
           part_fits(f->service, r->info.service);
}

struct targets {
    struct ruleset *rs;
    struct intern names; /* of rules, and behind them of correlations */
    uint32_t *rules;     /* arena; by number of the name; UINT32_MAX: a correlation */
    uint32_t *last;      /* arena; by rule: the last filter that was applied to it + 1 */
};

static CHECKED enum err know(struct targets *t, const char *name, uint32_t rule)
{
    bool new = false;
    uint32_t id = 0;
    enum err e = name && *name ? intern_put(&t->names, slice_of(name), &id, &new) : ERR_NONE;

    if (e == ERR_NONE && new)
        t->rules[id] = rule;
    return e;
}

/* Ids before names, so that no name can stand for another rule's id. */
static CHECKED enum err know_all(struct targets *t)
{
    struct ruleset *rs = t->rs;
    size_t max = 2 * (rs->rules_n + rs->correlations_n) + 1;
    enum err e = ERR_NONE;

    t->rules = arena_alloc(&rs->arena, max * sizeof(*t->rules));
    t->last = arena_calloc(&rs->arena, rs->rules_n + 1, sizeof(*t->last));
    if (!t->rules || !t->last)
        return ERR_NOMEM;
    for (unsigned names = 0; names < 2; names++) {
        for (size_t i = 0; e == ERR_NONE && i < rs->rules_n; i++)
            e = know(t, names ? rs->rules[i].name : rs->rules[i].info.id, (uint32_t)i);
        for (size_t i = 0; e == ERR_NONE && i < rs->correlations_n; i++) {
            const struct rule *about = &rs->correlations[i]->about;
            e = know(t, names ? about->name : about->info.id, UINT32_MAX);
        }
    }
    return e;
}

static CHECKED enum err apply_one(struct targets *t, uint32_t number, uint32_t rule,
                                  bool *ret_failed)
{
    if (t->last[rule] == number + 1)
        return ERR_NONE;
    t->last[rule] = number + 1;
    return attach(t->rs, &t->rs->filters[number], &t->rs->rules[rule], ret_failed);
}

/* The rule that `node` names, or a warning why there is none. */
static CHECKED enum err named(struct targets *t, const struct rule_filter *f,
                              const struct json_node *node, uint32_t *ret)
{
    struct compile c = {.rs = t->rs, .file = f->file, .rule_id = f->id};
    uint32_t id = intern_get(&t->names, node->str);

    *ret = UINT32_MAX;
    if (id == INTERN_NONE)
        return report_issue(&c, ISSUE_WARNING, node, "unknown-rule",
                            "no loaded rule has the id or name '%.*s'", SLICE_ARG(node->str));
    if (t->rules[id] == UINT32_MAX)
        return report_issue(&c, ISSUE_WARNING, node, "filter-correlation",
                            "'%.*s' is a correlation: name the rules that it refers to",
                            SLICE_ARG(node->str));
    if (!in_source(f, &t->rs->rules[t->rules[id]]))
        return report_issue(&c, ISSUE_WARNING, node, "filter-logsource",
                            "the rule '%.*s' is of another log source", SLICE_ARG(node->str));
    *ret = t->rules[id];
    return ERR_NONE;
}

static CHECKED enum err apply(struct targets *t, uint32_t number)
{
    const struct rule_filter *f = &t->rs->filters[number];
    struct compile c = {.rs = t->rs, .file = f->file, .rule_id = f->id};
    bool failed = false, any = any_rule(f->rules);
    size_t touched = 0;
    enum err e = ERR_NONE;

    for (size_t i = 0; any && i < t->rs->rules_n && e == ERR_NONE && !failed; i++) {
        if (!in_source(f, &t->rs->rules[i]))
            continue;
        e = apply_one(t, number, (uint32_t)i, &failed);
        touched++;
    }
    bool list = f->rules->type == JSON_ARRAY;
    const struct json_node *n = any ? NULL : list ? f->rules->child : f->rules;
    for (; n && e == ERR_NONE && !failed; n = list ? n->next : NULL) {
        uint32_t rule;
        e = named(t, f, n, &rule);
        if (e != ERR_NONE || rule == UINT32_MAX)
            continue;
        e = apply_one(t, number, rule, &failed);
        touched++;
    }
    if (e == ERR_NONE && !touched)
        e = report_issue(&c, ISSUE_WARNING, f->rules, "filter-unused",
                         "the filter is applied to no rule");
    return e;
}

CHECKED enum err filter_apply(struct ruleset *rs)
{
    struct targets t = {.rs = rs};

    intern_init(&t.names, &rs->arena);
    enum err e = rs->filters_n ? know_all(&t) : ERR_NONE;
    for (size_t i = 0; e == ERR_NONE && i < rs->filters_n; i++)
        e = apply(&t, (uint32_t)i);
    intern_done(&t.names);
    free(rs->filters);
    rs->filters = NULL;
    rs->filters_n = rs->filters_cap = 0;
    return e;
}
