#include "detect/rule_int.h"

enum { FIELD_SETS_MAX = 8 };

bool source_is_table(const struct json_node *doc)
{
    return json_get(doc, "logsources") != NULL;
}

/* YAML trees die with their reader; the field sets are needed until every rule is compiled. */
CHECKED enum err source_tree_dup(struct arena *a, const struct json_node *n, struct json_node **ret)
{
    struct json_node *to = arena_alloc(a, sizeof(*to)), **tail;

    if (!to)
        return ERR_NOMEM;
    *to = *n;
    to->child = to->next = NULL;
    tail = &to->child;
    enum err e = arena_dup(a, n->key, &to->key);
    if (e == ERR_NONE)
        e = arena_dup(a, n->str, &to->str);
    for (const struct json_node *k = n->child; k && e == ERR_NONE; k = k->next) {
        e = source_tree_dup(a, k, tail);
        if (e == ERR_NONE)
            tail = &(*tail)->next;
    }
    if (e == ERR_NONE)
        *ret = to;
    return e;
}

static const struct json_node *member(const struct json_node *obj, struct slice key)
{
    for (const struct json_node *m = obj ? obj->child : NULL; m; m = m->next)
        if (slice_eq(m->key, key))
            return m;
    return NULL;
}

static CHECKED enum err row_fields(struct compile *c, const struct json_node *node,
                                   const struct json_node *sets, struct source_row *row)
{
    const struct json_node *list = json_get(node, "fields");

    if (!list)
        return ERR_NONE;
    if (list->type != JSON_ARRAY || list->n > FIELD_SETS_MAX)
        return report_issue(c, ISSUE_ERROR, list, "bad-logsources",
                            "fields is a list of at most %d field sets", FIELD_SETS_MAX);
    row->fields = arena_calloc(&c->rs->arena, list->n + 1, sizeof(row->fields[0]));
    if (!row->fields)
        return ERR_NOMEM;
    for (const struct json_node *n = list->child; n; n = n->next) {
        const struct json_node *set = member(sets, n->str);
        if (!set || set->type != JSON_OBJECT)
            return report_issue(c, ISSUE_ERROR, n, "bad-logsources", "no field set '%.*s'",
                                SLICE_ARG(n->str));
        row->fields[row->fields_n++] = set;
    }
    return ERR_NONE;
}

static CHECKED enum err row_load(struct compile *c, const struct json_node *node,
                                 const struct json_node *sets, struct source_row *row)
{
    const struct json_node *when = json_get(node, "when");
    struct source_row *self = row;

    if (!when)
        return report_issue(c, ISSUE_ERROR, node, "bad-logsources", "a log source without 'when'");
    *row = (struct source_row){.weak = json_get_bool(node, "weak", false)};
    enum err e = arena_dup(&c->rs->arena, json_get_str(node, "product"), &row->product);
    if (e == ERR_NONE)
        e = arena_dup(&c->rs->arena, json_get_str(node, "category"), &row->category);
    if (e == ERR_NONE)
        e = arena_dup(&c->rs->arena, json_get_str(node, "service"), &row->service);
    if (e == ERR_NONE)
        e = row_fields(c, node, sets, row);
    if (e != ERR_NONE || c->failed)
        return e;
    c->rows = &self;
    c->rows_n = 1;
    e = selection_compile(c, when, 0, &row->when);
    c->rows = NULL;
    c->rows_n = 0;
    return e;
}

CHECKED enum err source_load(struct compile *c, const struct json_node *doc)
{
    struct json_node *own = NULL;
    struct arena *a = &c->rs->arena;
    enum err e = source_tree_dup(a, doc, &own);

    if (e != ERR_NONE)
        return e;
    const struct json_node *list = json_get(own, "logsources");
    const struct json_node *sets = json_get(own, "field_sets");
    if (list->type != JSON_ARRAY || list->n == 0 || list->n > SOURCE_ROWS_MAX)
        return report_issue(c, ISSUE_ERROR, list, "bad-logsources",
                            "logsources is a list of 1 to %d rows", SOURCE_ROWS_MAX);
    struct source_row *rows = arena_calloc(a, list->n, sizeof(*rows));
    if (!rows)
        return ERR_NOMEM;
    size_t n = 0;
    for (const struct json_node *row = list->child; row; row = row->next, n++) {
        e = row_load(c, row, sets, &rows[n]);
        if (e != ERR_NONE || c->failed)
            return e;
    }
    c->rs->rows = rows;
    c->rs->rows_n = n;
    return ERR_NONE;
}

static bool fits(struct slice asked, struct slice has)
{
    return asked.n == 0 || slice_eq_nocase(asked, has);
}

CHECKED enum err source_fit(struct compile *c, struct slice product, struct slice category,
                            struct slice service)
{
    struct source_row **rows =
        arena_alloc(&c->rs->arena, (c->rs->rows_n + 1) * sizeof(struct source_row *));
    size_t n = 0;

    if (!rows)
        return ERR_NOMEM;
    for (size_t i = 0; i < c->rs->rows_n; i++) {
        struct source_row *row = &c->rs->rows[i];
        if (fits(product, row->product) && fits(category, row->category) &&
            fits(service, row->service))
            rows[n++] = row;
    }
    c->rows = rows;
    c->rows_n = n;
    return ERR_NONE;
}
