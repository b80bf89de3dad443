/* Old Sigma's files of several documents: `action: global` is merged into those behind it until
 * `reset`, `repeat` is merged into the one before it. As sigmac and pySigma do, maps are merged
 * member by member; elsewhere what is merged in wins, of a global too. */
#include "detect/rule_int.h"

enum {
    ACTION_BYTES_MAX = 64 << 20,
    ACTION_MEMBERS_MAX = 1024,
    ACTION_DOCUMENTS_MAX = 4096,
};

struct action_id {
    struct slice id;
    unsigned n;
    struct action_id *next;
};

void actions_init(struct actions *s)
{
    *s = (struct actions){.merged = 0};
    arena_init(&s->arena, ACTION_BYTES_MAX);
}

void actions_done(struct actions *s)
{
    arena_done(&s->arena);
}

void actions_reset(struct actions *s, const struct json_node *docs)
{
    arena_reset(&s->arena);
    s->uses = false;
    for (const struct json_node *d = docs->child; d && !s->uses; d = d->next)
        s->uses = json_get(d, "action") != NULL;
    s->global = s->last = s->idle = NULL;
    s->ids = NULL;
    s->merged = 0;
}

static CHECKED enum err limit(struct compile *c, const struct json_node *at, const char *what,
                              size_t max)
{
    return report_issue(c, ISSUE_ERROR, at, "action", "too much to merge: more than %zu %s", max,
                        what);
}

static struct json_node **find(struct json_node **list, struct slice key)
{
    while (*list && !slice_eq((*list)->key, key))
        list = &(*list)->next;
    return list;
}

/* A copy of the map `to` with the members of `from`; what is below is shared. */
static CHECKED enum err merge(struct actions *s, struct compile *c, const struct json_node *to,
                              const struct json_node *from, struct json_node **ret)
{
    struct json_node *map = arena_alloc(&s->arena, sizeof(*map)), **tail;
    const struct json_node *const parts[] = {to, from};

    if (to->n > ACTION_MEMBERS_MAX || from->n > ACTION_MEMBERS_MAX)
        return limit(c, from, "members of a map", ACTION_MEMBERS_MAX);
    if (!map)
        return limit(c, from, "bytes", ACTION_BYTES_MAX);
    *map = *to;
    map->child = NULL;
    map->n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (const struct json_node *m = parts[i]->child; m; m = m->next) {
            tail = find(&map->child, m->key);
            struct json_node *old = *tail, *new = arena_alloc(&s->arena, sizeof(*new));
            if (!new)
                return limit(c, from, "bytes", ACTION_BYTES_MAX);
            *new = *m;
            new->next = old ? old->next : NULL;
            bool deep = old && old->type == JSON_OBJECT && m->type == JSON_OBJECT;
            enum err e = deep ? merge(s, c, old, m, &new) : ERR_NONE;
            if (e != ERR_NONE || c->failed)
                return e;
            *tail = new;
            map->n += !old;
        }
    }
    map->next = to->next;
    *ret = map;
    return ERR_NONE;
}

static CHECKED enum err without_action(struct actions *s, struct compile *c,
                                       const struct json_node *doc, struct json_node **ret)
{
    struct json_node *map = arena_alloc(&s->arena, sizeof(*map)), **tail;

    if (!map)
        return limit(c, doc, "bytes", ACTION_BYTES_MAX);
    *map = *doc;
    tail = &map->child;
    map->n = 0;
    for (const struct json_node *m = doc->child; m; m = m->next) {
        if (slice_eq(m->key, SLICE("action")))
            continue;
        *tail = arena_alloc(&s->arena, sizeof(**tail));
        if (!*tail)
            return limit(c, doc, "bytes", ACTION_BYTES_MAX);
        **tail = *m;
        tail = &(*tail)->next;
        map->n++;
    }
    *tail = NULL;
    *ret = map;
    return ERR_NONE;
}

/* How many documents before had this id and take it from elsewhere. */
static CHECKED enum err count_id(struct actions *s, struct compile *c, const struct json_node *doc,
                                 const struct json_node *merged)
{
    struct slice id = json_get_str(merged, "id");
    const char *key = id.n ? "id" : "title";

    id = json_get_str(merged, key);
    if (++s->merged > ACTION_DOCUMENTS_MAX)
        return limit(c, doc, "documents", ACTION_DOCUMENTS_MAX);
    struct action_id *i = s->ids;
    while (i && !slice_eq(i->id, id))
        i = i->next;
    if (!i) {
        i = arena_alloc(&s->arena, sizeof(*i));
        if (!i)
            return limit(c, doc, "bytes", ACTION_BYTES_MAX);
        *i = (struct action_id){id, 0, s->ids};
        s->ids = i;
    }
    i->n++;
    c->part = slice_eq(json_get_str(doc, key), id) ? 0 : i->n;
    return ERR_NONE;
}

static CHECKED enum err global(struct actions *s, struct compile *c, const struct json_node *doc)
{
    struct json_node *map = NULL;
    enum err e = s->global ? merge(s, c, s->global, doc, &map) : ERR_NONE;

    if (e == ERR_NONE && !c->failed)
        s->global = s->idle = map ? map : doc;
    return e;
}

static CHECKED enum err repeat(struct actions *s, struct compile *c, const struct json_node *at,
                               const struct json_node *doc, const struct json_node **ret)
{
    struct json_node *map = NULL;

    if (!s->last)
        return report_issue(c, ISSUE_ERROR, at, "action",
                            "'action: repeat' needs a rule before it in the file");
    enum err e = merge(s, c, s->last, doc, &map);
    if (e != ERR_NONE || c->failed)
        return e;
    e = count_id(s, c, doc, map);
    if (e == ERR_NONE && !c->failed)
        *ret = s->last = map;
    return e;
}

static CHECKED enum err plain(struct actions *s, struct compile *c, const struct json_node *doc,
                              const struct json_node **ret)
{
    struct json_node *map = NULL;
    enum err e = s->global ? merge(s, c, doc, s->global, &map) : ERR_NONE;

    s->idle = NULL;
    if (e == ERR_NONE && !c->failed && s->uses)
        e = count_id(s, c, doc, map ? map : doc);
    if (e == ERR_NONE && !c->failed)
        *ret = s->last = map ? map : doc;
    return e;
}

CHECKED enum err actions_apply(struct actions *s, struct compile *c, const struct json_node *doc,
                               const struct json_node **ret)
{
    const struct json_node *action = json_get(doc, "action");
    struct json_node *bare = NULL;

    *ret = NULL;
    if (!action)
        return plain(s, c, doc, ret);
    enum err e = without_action(s, c, doc, &bare);
    if (e != ERR_NONE || c->failed)
        return e;
    if (slice_eq(action->str, SLICE("global")))
        return global(s, c, bare);
    if (slice_eq(action->str, SLICE("repeat")))
        return repeat(s, c, action, bare, ret);
    if (!slice_eq(action->str, SLICE("reset")))
        return report_issue(c, ISSUE_ERROR, action, "action",
                            "there is no 'action: %.*s': it is global, reset or repeat",
                            SLICE_ARG(action->str));
    s->global = NULL;
    return ERR_NONE;
}

CHECKED enum err actions_end(struct actions *s, struct compile *c)
{
    if (!s->idle)
        return ERR_NONE;
    return report_issue(c, ISSUE_WARNING, s->idle, "action",
                        "no document follows that 'action: global' would be merged into");
}
