#include "detect/intern_int.h"

#include <stdlib.h>

#include "detect/memo_int.h"

void intern_init(struct intern *t, struct arena *a)
{
    *t = (struct intern){.a = a};
}

void intern_done(struct intern *t)
{
    if (!t)
        return;
    free(t->keys);
    free(t->table);
    *t = (struct intern){.a = t->a};
}

static uint32_t hash(struct slice s)
{
    return (uint32_t)memo_hash_of(s, 0);
}

/* The place of the key in the table: where it is, or the free one where it would go. */
static uint32_t place(const struct intern *t, struct slice key)
{
    uint32_t at = hash(key) & (t->table_cap - 1);

    while (t->table[at] && !slice_eq(t->keys[t->table[at] - 1], key))
        at = (at + 1) & (t->table_cap - 1);
    return at;
}

uint32_t intern_get(const struct intern *t, struct slice key)
{
    if (!t->table_cap)
        return INTERN_NONE;
    uint32_t id = t->table[place(t, key)];
    return id ? id - 1 : INTERN_NONE;
}

static CHECKED enum err grow(struct intern *t)
{
    uint32_t cap = t->table_cap ? t->table_cap * 2 : 64;
    uint32_t *table = calloc(cap, sizeof(*table));
    struct slice *keys = realloc(t->keys, cap / 2 * sizeof(*keys));

    if (keys) {
        t->keys = keys;
        t->keys_cap = cap / 2;
    }
    if (!table || !keys) {
        free(table);
        return ERR_NOMEM;
    }
    free(t->table);
    t->table = table;
    t->table_cap = cap;
    for (uint32_t i = 0; i < t->n; i++)
        t->table[place(t, t->keys[i])] = i + 1;
    return ERR_NONE;
}

CHECKED enum err intern_put(struct intern *t, struct slice key, uint32_t *ret, bool *ret_new)
{
    uint32_t known = intern_get(t, key);

    if (known != INTERN_NONE) {
        *ret = known;
        if (ret_new)
            *ret_new = false;
        return ERR_NONE;
    }
    if (t->n >= INTERN_MAX)
        return ERR_LIMIT;
    if (!t->table_cap || t->n >= t->table_cap / 2) {
        enum err e = grow(t);
        if (e != ERR_NONE)
            return e;
    }
    struct slice copy;
    enum err e = arena_dup(t->a, key, &copy);
    if (e != ERR_NONE)
        return e;
    uint32_t at = place(t, key);
    t->keys[t->n] = copy;
    t->table[at] = ++t->n;
    *ret = t->n - 1;
    if (ret_new)
        *ret_new = true;
    return ERR_NONE;
}
