#include "detect/pipeline_int.h"

/* Known by its address, so that no rule can say it. */
static const char list_key[] = "(list)";

bool pipe_is_list(const struct json_node *member)
{
    return member->key.p == list_key;
}

void *pipe_take(struct pipe_run *r, size_t n)
{
    return arena_calloc(r->arena, 1, n);
}

CHECKED enum err pipe_cat(struct pipe_run *r, struct slice a, struct slice b, struct slice *ret)
{
    char *to = pipe_take(r, a.n + b.n + 1);

    if (!to)
        return ERR_LIMIT;
    if (a.n)
        memcpy(to, a.p, a.n);
    if (b.n)
        memcpy(to + a.n, b.p, b.n);
    *ret = (struct slice){to, a.n + b.n};
    return ERR_NONE;
}

CHECKED enum err pipe_string(struct pipe_run *r, const struct json_node *at, struct slice s,
                             struct json_node **ret)
{
    struct json_node *n = pipe_take(r, sizeof(*n));

    if (!n)
        return ERR_LIMIT;
    *n = (struct json_node){.type = JSON_STRING,
                            .line = at->line,
                            .col = at->col,
                            .key = SLICE(""),
                            .str = s.n ? s : SLICE("")};
    *ret = n;
    return ERR_NONE;
}

static bool scalar(const struct json_node *n)
{
    return n->type != JSON_ARRAY && n->type != JSON_OBJECT;
}

static bool all_scalars(const struct json_node *n)
{
    if (scalar(n))
        return true;
    for (const struct json_node *k = n->child; k; k = k->next)
        if (!scalar(k))
            return false;
    return n->type == JSON_ARRAY && n->n > 0;
}

static CHECKED enum err copy(struct pipe_run *r, const struct json_node *n, struct json_node **ret)
{
    struct json_node *to = pipe_take(r, sizeof(*to));

    if (!to)
        return ERR_LIMIT;
    *to = *n;
    to->next = NULL;
    *ret = to;
    return ERR_NONE;
}

static CHECKED enum err read_item(struct pipe_run *r, const struct json_node *at, struct slice key,
                                  struct pipe_det *to)
{
    size_t bar = slice_find(key, '|');
    struct json_node **tail = &to->value;

    *to = (struct pipe_det){.kind = DET_ITEM,
                            .at = at,
                            .field = slice_cut(key, 0, bar),
                            .mods = slice_cut(key, bar, key.n)};
    to->keyword = to->field.n == 0;
    const struct json_node *n = at->type == JSON_ARRAY ? at->child : at;
    for (; n; n = at->type == JSON_ARRAY ? n->next : NULL) {
        enum err e = copy(r, n, tail);
        if (e != ERR_NONE)
            return e;
        tail = &(*tail)->next;
    }
    return ERR_NONE;
}

CHECKED enum err pipe_read_det(struct pipe_run *r, const struct json_node *node, unsigned depth,
                               struct pipe_det **ret)
{
    struct pipe_det *to = pipe_take(r, sizeof(*to));

    if (!to || depth > JSON_DEPTH_MAX)
        return ERR_LIMIT;
    *ret = to;
    if (all_scalars(node))
        return read_item(r, node, SLICE(""), to);
    *to = (struct pipe_det){.kind = node->type == JSON_OBJECT ? DET_AND : DET_OR, .at = node};
    struct pipe_det **tail = &to->child;
    for (const struct json_node *m = node->child; m; m = m->next) {
        enum err e = ERR_NONE;
        if (to->kind == DET_OR) {
            e = pipe_read_det(r, m, depth + 1, tail);
        } else {
            *tail = pipe_take(r, sizeof(**tail));
            e = *tail ? read_item(r, m, m->key, *tail) : ERR_LIMIT;
        }
        if (e != ERR_NONE)
            return e;
        tail = &(*tail)->next;
    }
    return ERR_NONE;
}

static CHECKED enum err read_conditions(struct pipe_run *r, const struct json_node *n)
{
    struct pipe_condition **tail = &r->conditions;
    const struct json_node *k = n->type == JSON_ARRAY ? n->child : n;

    for (; k; k = n->type == JSON_ARRAY ? k->next : NULL) {
        *tail = pipe_take(r, sizeof(**tail));
        if (!*tail)
            return ERR_LIMIT;
        **tail = (struct pipe_condition){.at = k, .text = k->str};
        tail = &(*tail)->next;
    }
    return ERR_NONE;
}

static bool is_named(const struct json_node *m)
{
    return !slice_eq(m->key, SLICE("condition")) && !slice_eq(m->key, SLICE("timeframe"));
}

CHECKED enum err pipe_read(struct pipe_run *r)
{
    const struct json_node *detection = json_get(r->doc, "detection");
    struct pipe_named **tail = &r->named;
    enum err e = ERR_NONE;

    r->source = json_get(r->doc, "logsource");
    if (!detection || detection->type != JSON_OBJECT)
        return ERR_NONE;
    for (const struct json_node *m = detection->child; e == ERR_NONE && m; m = m->next) {
        if (slice_eq(m->key, SLICE("condition")))
            e = read_conditions(r, m);
        if (e != ERR_NONE || !is_named(m))
            continue;
        *tail = pipe_take(r, sizeof(**tail));
        if (!*tail)
            return ERR_LIMIT;
        **tail = (struct pipe_named){.at = m, .name = m->key};
        e = pipe_read_det(r, m, 0, &(*tail)->det);
        tail = &(*tail)->next;
    }
    return e;
}

static void append(struct json_node *list, struct json_node ***tail, struct json_node *n)
{
    list->n++;
    **tail = n;
    *tail = &n->next;
}

static CHECKED enum err container(struct pipe_run *r, const struct json_node *at,
                                  enum json_type type, struct json_node **ret)
{
    enum err e = pipe_string(r, at, SLICE(""), ret);

    if (e == ERR_NONE)
        (*ret)->type = type;
    return e;
}

/* The values, as a member's value or an element of a list. */
static CHECKED enum err write_values(struct pipe_run *r, const struct pipe_det *d,
                                     struct json_node **ret)
{
    struct json_node *list, **tail;

    if (d->value && !d->value->next) {
        enum err e = copy(r, d->value, ret);
        if (e == ERR_NONE)
            (*ret)->key = SLICE("");
        return e;
    }
    enum err e = container(r, d->at, JSON_ARRAY, &list);
    if (e != ERR_NONE)
        return e;
    tail = &list->child;
    for (const struct json_node *v = d->value; v; v = v->next) {
        struct json_node *n;
        e = copy(r, v, &n);
        if (e != ERR_NONE)
            return e;
        n->key = SLICE("");
        append(list, &tail, n);
    }
    *ret = list;
    return ERR_NONE;
}

static CHECKED enum err write_det(struct pipe_run *r, const struct pipe_det *d,
                                  struct json_node **ret);

static CHECKED enum err write_member(struct pipe_run *r, const struct pipe_det *d,
                                     struct json_node **ret)
{
    struct json_node *n = NULL;
    enum err e = d->kind == DET_ITEM ? write_values(r, d, &n) : write_det(r, d, &n);

    if (e != ERR_NONE)
        return e;
    n->line = d->at->line;
    n->col = d->at->col;
    n->key = (struct slice){list_key, sizeof(list_key) - 1};
    if (d->kind == DET_ITEM)
        e = pipe_cat(r, d->field, d->mods, &n->key);
    *ret = n;
    return e;
}

/* A selection that has lost all its items says nothing: it holds for every event. */
static CHECKED enum err write_det(struct pipe_run *r, const struct pipe_det *d,
                                  struct json_node **ret)
{
    struct json_node *list, *n = NULL, **tail;

    if (d->kind == DET_ITEM && d->keyword && d->mods.n == 0)
        return write_values(r, d, ret);
    if (d->kind != DET_ITEM && !d->child)
        return pipe_string(r, d->at, SLICE("*"), ret);
    enum err e = container(r, d->at, d->kind == DET_OR ? JSON_ARRAY : JSON_OBJECT, &list);
    if (e != ERR_NONE)
        return e;
    tail = &list->child;
    const struct pipe_det *k = d->kind == DET_ITEM ? d : d->child;
    for (; k && e == ERR_NONE; k = d->kind == DET_ITEM ? NULL : k->next) {
        e = d->kind == DET_OR ? write_det(r, k, &n) : write_member(r, k, &n);
        if (e == ERR_NONE)
            append(list, &tail, n);
    }
    *ret = list;
    return e;
}

static CHECKED enum err write_condition(struct pipe_run *r, const struct json_node *old,
                                        struct json_node **ret)
{
    struct json_node *list, *n, **tail;
    enum err e = container(r, old, JSON_ARRAY, &list);

    if (e != ERR_NONE)
        return e;
    tail = &list->child;
    for (const struct pipe_condition *c = r->conditions; c; c = c->next) {
        e = pipe_string(r, c->at, c->text, &n);
        if (e != ERR_NONE)
            return e;
        n->type = c->at->type;
        append(list, &tail, n);
    }
    struct json_node *made = old->type == JSON_ARRAY ? list : list->child;
    if (!made)
        return ERR_SYNTAX; /* a rule without a condition is refused before */
    made->key = old->key;
    *ret = made;
    return ERR_NONE;
}

static CHECKED enum err write_detection(struct pipe_run *r, const struct json_node *old,
                                        struct json_node **ret)
{
    struct json_node *map, *n = NULL, **tail;
    enum err e = container(r, old, JSON_OBJECT, &map);

    if (e != ERR_NONE)
        return e;
    map->key = old->key;
    tail = &map->child;
    for (const struct pipe_named *d = r->named; e == ERR_NONE && d; d = d->next) {
        e = write_det(r, d->det, &n);
        if (e == ERR_NONE) {
            n->key = d->name;
            n->line = d->at->line;
            n->col = d->at->col;
            append(map, &tail, n);
        }
    }
    for (const struct json_node *m = old->child; e == ERR_NONE && m; m = m->next) {
        if (is_named(m))
            continue;
        bool condition = slice_eq(m->key, SLICE("condition")) && r->conditions;
        e = condition ? write_condition(r, m, &n) : copy(r, m, &n);
        if (e == ERR_NONE)
            append(map, &tail, n);
    }
    *ret = map;
    return e;
}

CHECKED enum err pipe_write(struct pipe_run *r, const struct json_node **ret)
{
    struct json_node *doc, *n = NULL, **tail;
    enum err e = copy(r, r->doc, &doc);

    if (e != ERR_NONE)
        return e;
    doc->n = 0;
    tail = &doc->child;
    for (const struct json_node *m = r->doc->child; e == ERR_NONE && m; m = m->next) {
        if (slice_eq(m->key, SLICE("detection")) && m->type == JSON_OBJECT)
            e = write_detection(r, m, &n);
        else if (slice_eq(m->key, SLICE("logsource")) && r->source)
            e = copy(r, r->source, &n);
        else if (slice_eq(m->key, SLICE("correlation")) && r->relation)
            e = copy(r, r->relation, &n);
        else
            e = copy(r, m, &n);
        if (e == ERR_NONE)
            append(doc, &tail, n);
    }
    *ret = doc;
    return e;
}
