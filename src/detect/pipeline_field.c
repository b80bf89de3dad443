#include "detect/pipeline_int.h"

enum { NAMES_MAX = 64 };

/* What a field becomes; n = 0: it is not mapped, or (`mapped`) to nothing. */
struct names {
    struct slice at[NAMES_MAX];
    size_t n;
    bool mapped, list;
};

static const struct json_node *member(const struct json_node *map, struct slice key)
{
    for (const struct json_node *m = map ? map->child : NULL; m; m = m->next)
        if (slice_eq(m->key, key))
            return m;
    return NULL;
}

static CHECKED enum err add(struct pipe_run *r, struct names *to, struct slice a, struct slice b)
{
    if (to->n == NAMES_MAX)
        return ERR_LIMIT;
    to->mapped = true;
    return pipe_cat(r, a, b, &to->at[to->n++]);
}

static CHECKED enum err targets(struct pipe_run *r, const struct json_node *m, struct slice rest,
                                struct names *to)
{
    const struct json_node *k = m->type == JSON_ARRAY ? m->child : m;
    enum err e = ERR_NONE;

    to->mapped = true;
    to->list = m->type == JSON_ARRAY;
    for (; k && e == ERR_NONE; k = m->type == JSON_ARRAY ? k->next : NULL)
        e = add(r, to, k->str, rest);
    return e;
}

/* A keyword has no field: in a mapping `null` stands for it. */
static CHECKED enum err map(struct pipe_run *r, const struct pipe_item *it,
                            const struct slice *field, struct names *to)
{
    const struct json_node *mapping = json_get(it->def, "mapping"), *m;
    struct slice name;
    enum err e;

    switch ((int)it->what) {
    case PIPE_MAP:
        m = member(mapping, field ? *field : SLICE("null"));
        return m ? targets(r, m, SLICE(""), to) : ERR_NONE;
    case PIPE_MAP_PREFIX:
        for (m = mapping->child; field && m; m = m->next)
            if (slice_starts(*field, m->key))
                return targets(r, m, slice_cut(*field, m->key.n, field->n), to);
        return ERR_NONE;
    case PIPE_MAP_FUNCTION:
        m = field ? member(mapping, *field) : NULL;
        if (m || !field)
            return m ? targets(r, m, SLICE(""), to) : ERR_NONE;
        e = pipe_case(r, *field, json_get_str(it->def, "transform_func"), &name);
        return e == ERR_NONE ? add(r, to, name, SLICE("")) : e;
    case PIPE_PREFIX:
        return field ? add(r, to, json_get(it->def, "prefix")->str, *field) : ERR_NONE;
    default:
        return field ? add(r, to, *field, json_get(it->def, "suffix")->str) : ERR_NONE;
    }
}

/* Field references: each becomes as many as its field. */
static CHECKED enum err references(struct pipe_run *r, const struct pipe_item *it,
                                   struct pipe_det *d, bool *ret_changed)
{
    struct json_node **tail = &d->value;

    if (!pipe_mod(d->mods, "fieldref"))
        return ERR_NONE;
    for (struct json_node *v = d->value, *next; v; v = next) {
        struct names to = {.n = 0};
        next = v->next;
        enum err e = pipe_name_fits(r, it, &v->str, d) ? map(r, it, &v->str, &to) : ERR_NONE;
        for (size_t i = 0; e == ERR_NONE && i < to.n; i++) {
            e = pipe_string(r, v, to.at[i], tail);
            if (e == ERR_NONE)
                tail = &(*tail)->next;
        }
        if (e != ERR_NONE)
            return e;
        *ret_changed |= to.mapped;
        if (!to.mapped) {
            *tail = v;
            tail = &v->next;
        }
        *tail = NULL;
    }
    return ERR_NONE;
}

/* A keyword is found anywhere in a text, and so it must be in the field's. */
static CHECKED enum err around(struct pipe_run *r, struct pipe_det *d)
{
    if (!pipe_is_text(d) || pipe_mod(d->mods, "contains"))
        return ERR_NONE;
    enum err e = pipe_mods_less(r, d->mods, "startswith endswith", &d->mods);
    return e == ERR_NONE ? pipe_cat(r, SLICE("|contains"), d->mods, &d->mods) : e;
}

static CHECKED enum err rename_to(struct pipe_run *r, struct pipe_det *d, const struct names *to)
{
    struct pipe_det one = *d, **tail = &d->child;

    if (!to->list) {
        d->field = to->at[0];
        d->keyword = false;
        return ERR_NONE;
    }
    one.next = one.child = NULL;
    one.keyword = false;
    d->kind = DET_OR;
    for (size_t i = 0; i < to->n; i++) {
        struct pipe_det *k = pipe_take(r, sizeof(*k));
        if (!k)
            return ERR_LIMIT;
        *k = one;
        k->field = to->at[i];
        *tail = k;
        tail = &k->next;
    }
    return ERR_NONE;
}

CHECKED enum err pipe_field_item(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                                 bool *ret_changed)
{
    const struct slice name = d->field, *field = d->keyword ? NULL : &name;
    struct names to = {.n = 0};
    enum err e = references(r, it, d, ret_changed);

    if (e == ERR_NONE && pipe_name_fits(r, it, field, d))
        e = map(r, it, field, &to);
    if (e != ERR_NONE || !to.mapped)
        return e;
    *ret_changed = true;
    if (d->keyword)
        e = around(r, d);
    return e == ERR_NONE ? rename_to(r, d, &to) : e;
}

/* Names in a correlation: one for one, but for group-by, which takes a list. */
static CHECKED enum err name_list(struct pipe_run *r, const struct pipe_item *it,
                                  const struct json_node *old, const struct json_node *aliases,
                                  bool many, struct json_node **ret)
{
    struct json_node *list, **tail;
    enum err e = pipe_string(r, old, SLICE(""), &list);

    if (e != ERR_NONE)
        return e;
    *list = *old;
    list->n = 0;
    tail = &list->child;
    *tail = NULL;
    const struct json_node *k = old->type == JSON_ARRAY ? old->child : old;
    for (; k; k = old->type == JSON_ARRAY ? k->next : NULL) {
        struct names to = {.n = 0};
        if (!member(aliases, k->str) && pipe_name_fits(r, it, &k->str, NULL))
            e = map(r, it, &k->str, &to);
        if (!to.mapped)
            to.at[to.n++] = k->str;
        if (e == ERR_NONE && !many && to.n != 1)
            e = pipe_refuse(r, it, "'%.*s' of a correlation would be several fields",
                            SLICE_ARG(k->str));
        for (size_t i = 0; e == ERR_NONE && i < to.n; i++) {
            e = pipe_string(r, k, to.at[i], tail);
            if (e != ERR_NONE)
                break;
            tail = &(*tail)->next;
            list->n++;
        }
        if (e != ERR_NONE)
            return e;
    }
    if (old->type != JSON_ARRAY && list->n == 1) {
        list->str = list->child->str;
        list->child = NULL;
        list->n = 0;
    } else {
        list->type = JSON_ARRAY;
        list->str = SLICE("");
    }
    *ret = list;
    return ERR_NONE;
}

/* Rewrites members of a map: those that are `key`, or all when it is NULL. */
static CHECKED enum err members(struct pipe_run *r, const struct pipe_item *it,
                                struct json_node *map_node, const char *key,
                                const struct json_node *aliases, bool many)
{
    struct json_node **tail = &map_node->child;
    const struct json_node *next;

    for (const struct json_node *m = map_node->child; m; m = next) {
        struct json_node *to = NULL;
        next = m->next;
        bool hit = (!key || slice_eq(m->key, slice_of(key))) && m->type != JSON_OBJECT;
        enum err e =
            hit ? name_list(r, it, m, aliases, many, &to) : pipe_string(r, m, SLICE(""), &to);
        if (e != ERR_NONE)
            return e;
        if (!hit)
            *to = *m;
        to->next = NULL;
        *tail = to;
        tail = &to->next;
    }
    return ERR_NONE;
}

static struct json_node *child(struct json_node *map_node, const char *key)
{
    for (struct json_node *m = map_node->child; m; m = m->next)
        if (slice_eq(m->key, slice_of(key)) && m->type == JSON_OBJECT)
            return m;
    return NULL;
}

CHECKED enum err pipe_field_correlation(struct pipe_run *r, const struct pipe_item *it)
{
    const struct json_node *old = json_get(r->doc, "correlation");

    if (!r->relation) {
        enum err e = source_tree_dup(r->arena, old, &r->relation);
        if (e != ERR_NONE)
            return ERR_LIMIT;
    }
    if (r->relation->type != JSON_OBJECT)
        return ERR_NONE;
    struct json_node *aliases = child(r->relation, "aliases");
    enum err e = members(r, it, r->relation, "group-by", aliases, true);
    aliases = child(r->relation, "aliases");
    for (struct json_node *a = aliases ? aliases->child : NULL; e == ERR_NONE && a; a = a->next)
        if (a->type == JSON_OBJECT)
            e = members(r, it, a, NULL, NULL, false);
    struct json_node *condition = child(r->relation, "condition");
    if (e == ERR_NONE && condition)
        e = members(r, it, condition, "field", NULL, false);
    return e;
}
