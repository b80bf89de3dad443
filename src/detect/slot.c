#include <stdlib.h>

#include "detect/rule_int.h"

#define DECODED SLICE("decoded:")

CHECKED enum err slot_name(struct arena *a, struct slice name, struct slice *ret)
{
    if (slice_find(name, ' ') == name.n) {
        *ret = name;
        return ERR_NONE;
    }
    char *to = arena_alloc(a, name.n + 1);
    size_t n = 0;

    if (!to)
        return ERR_NOMEM;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] != ' ')
            to[n++] = name.p[i];
    *ret = (struct slice){to, n};
    return ERR_NONE;
}

/* Adds one place by the name of the event's field, once. Past the ceiling it is a defect of
 * the mapping and reported as such by slot_of. */
static CHECKED enum err add_source(struct compile *c, struct slot *slot, struct slice name)
{
    struct slot_source s = {.name = INTERN_NONE};

    if (slice_starts(name, DECODED)) {
        s.decoded = 1;
        name = slice_cut(name, DECODED.n, name.n);
    }
    s.field = field_find(name);
    if (s.field == F_NONE) {
        enum err e = slot_name(&c->rs->arena, name, &name);
        if (e == ERR_NONE)
            e = intern_put(&c->rs->names, name, &s.name, NULL);
        if (e != ERR_NONE)
            return e;
    }
    for (uint32_t i = 0; i < slot->n; i++)
        if (memcmp(&slot->from[i], &s, sizeof(s)) == 0)
            return ERR_NONE;
    if (slot->n >= SLOT_SOURCES_MAX)
        return ERR_LIMIT;
    slot->from[slot->n++] = s;
    return ERR_NONE;
}

/* "prefix*" with the field's name for the star. */
static CHECKED enum err add_template(struct compile *c, struct slot *slot, struct slice template,
                                     struct slice field)
{
    size_t star = slice_find(template, '*');
    char *name = arena_alloc(&c->rs->arena, star + field.n + 1);

    if (!name)
        return ERR_NOMEM;
    memcpy(name, template.p, star);
    if (field.n)
        memcpy(name + star, field.p, field.n);
    return add_source(c, slot, (struct slice){name, star + field.n});
}

static CHECKED enum err add_mapped(struct compile *c, struct slot *slot,
                                   const struct json_node *set, struct slice field)
{
    enum err e = ERR_NONE;

    for (const struct json_node *m = set->child; m && e == ERR_NONE; m = m->next) {
        bool template = slice_eq(m->key, SLICE("*"));
        if (!template && !slice_eq(m->key, field))
            continue;
        const struct json_node *to = m->type == JSON_ARRAY ? m->child : m;
        for (; to && e == ERR_NONE; to = m->type == JSON_ARRAY ? to->next : NULL)
            e = template ? add_template(c, slot, to->str, field) : add_source(c, slot, to->str);
    }
    return e;
}

static CHECKED enum err grow(struct ruleset *rs)
{
    uint32_t cap = rs->slots_cap ? rs->slots_cap * 2 : 256;
    struct slot *slots = realloc(rs->slots, cap * sizeof(*slots));

    if (!slots)
        return ERR_NOMEM;
    rs->slots = slots;
    rs->slots_cap = cap;
    return ERR_NONE;
}

/* The same places are the same slot, whatever rules call the field. */
static CHECKED enum err number(struct ruleset *rs, const struct slot *slot, uint32_t *ret)
{
    struct slice key = {(const char *)slot->from, slot->n * sizeof(slot->from[0])};
    bool new;
    uint32_t id;

    enum err e = intern_put(&rs->slot_keys, key, &id, &new);
    if (e == ERR_NONE && new &&id >= rs->slots_cap)
        e = grow(rs);
    if (e != ERR_NONE)
        return e;
    if (new)
        rs->slots[id] = *slot;
    *ret = id;
    return ERR_NONE;
}

static CHECKED enum err remember(struct compile *c, uint32_t slot)
{
    for (size_t i = 0; i < c->slots_n; i++)
        if (c->slots[i] == slot)
            return ERR_NONE;
    if (c->slots_n >= RULE_FIELDS_MAX)
        return ERR_LIMIT;
    if (c->slots_n == c->slots_cap) {
        size_t cap = c->slots_cap ? c->slots_cap * 2 : 16;
        uint32_t *slots = arena_alloc(&c->rs->arena, cap * sizeof(*slots));
        if (!slots)
            return ERR_NOMEM;
        if (c->slots_n)
            memcpy(slots, c->slots, c->slots_n * sizeof(*slots));
        c->slots = slots;
        c->slots_cap = cap;
    }
    c->slots[c->slots_n++] = slot;
    return ERR_NONE;
}

CHECKED enum err slot_of(struct compile *c, struct slice field, uint32_t *ret)
{
    struct slot slot = {.n = 0};
    enum err e;

    if (field.n == 0) {
        /* Slot 0: no place of its own, the matcher gathers every value. */
        return number(c->rs, &slot, ret);
    }
    e = slot_name(&c->rs->arena, field, &field);
    for (size_t r = 0; e == ERR_NONE && r < c->rows_n; r++)
        for (size_t i = 0; e == ERR_NONE && i < c->rows[r]->fields_n; i++)
            e = add_mapped(c, &slot, c->rows[r]->fields[i], field);
    if (e == ERR_NONE)
        e = add_source(c, &slot, field);
    if (e == ERR_NONE)
        e = number(c->rs, &slot, ret);
    if (e == ERR_NONE)
        e = remember(c, *ret);
    return e;
}
