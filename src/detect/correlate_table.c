#include <stdlib.h>

#include "detect/correlate_state_int.h"

enum { FIRST_BUCKETS = 64 };

static inline uint64_t mum(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Multiply and fold, with a secret seed so that nobody can aim at one bucket. */
uint64_t corr_hash(uint64_t seed, struct slice s)
{
    uint64_t h = seed ^ UINT64_C(0xa0761d6478bd642f), w;
    size_t i = 0;

    for (; s.n - i >= 8; i += 8) {
        memcpy(&w, s.p + i, 8);
        h = mum(h ^ w, seed ^ UINT64_C(0xe7037ed1a0b428db));
    }
    w = 0;
    if (i < s.n)
        memcpy(&w, s.p + i, s.n - i);
    h = mum(h ^ w, UINT64_C(0x8ebc6af09c88c6e3) ^ s.n);
    h = mum(h, seed | 1);
    return h ? h : 1;
}

uint32_t corr_rings_n(const struct correlation *co)
{
    return corr_temporal(co) ? co->refs_n : 1;
}

static void list_off(struct corr_list *l, struct corr_group *g)
{
    *(g->older ? &g->older->newer : &l->oldest) = g->newer;
    *(g->newer ? &g->newer->older : &l->newest) = g->older;
    g->older = g->newer = NULL;
}

static void list_on(struct corr_list *l, struct corr_group *g)
{
    g->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = g;
    l->newest = g;
}

static void pend_off(struct corr_list *l, struct corr_group *g)
{
    *(g->pend_older ? &g->pend_older->pend_newer : &l->oldest) = g->pend_newer;
    *(g->pend_newer ? &g->pend_newer->pend_older : &l->newest) = g->pend_older;
    g->pend_older = g->pend_newer = NULL;
    g->pending = false;
}

static void pend_on(struct corr_list *l, struct corr_group *g)
{
    g->pend_older = l->newest;
    *(l->newest ? &l->newest->pend_newer : &l->oldest) = g;
    l->newest = g;
    g->pending = true;
}

void corr_group_pend(struct corr_table *t, struct corr_group *g, bool on)
{
    if (g->pending)
        pend_off(&t->pend, g);
    if (on)
        pend_on(&t->pend, g);
}

void corr_group_touch(struct corr_table *t, struct corr_group *g)
{
    if (t->all.newest == g)
        return;
    list_off(&t->all, g);
    list_on(&t->all, g);
}

static void group_free(struct corr_group *g, uint32_t rings)
{
    for (uint32_t i = 0; i < rings; i++)
        free(g->rings[i].e);
    corr_bag_done(&g->bag);
    free(g->fires);
    free(g);
}

void corr_table_done(struct corr_table *t, uint32_t rings)
{
    for (struct corr_group *g = t->all.oldest, *newer; g; g = newer) {
        newer = g->newer;
        group_free(g, rings);
    }
    free(t->buckets);
    *t = (struct corr_table){.groups_n = 0};
}

static CHECKED bool grow(struct corr_table *t)
{
    size_t n = t->buckets_n ? t->buckets_n * 2 : FIRST_BUCKETS;
    struct corr_group **to = calloc(n, sizeof(struct corr_group *));

    if (!to)
        return false;
    for (struct corr_group *g = t->all.oldest; g; g = g->newer) {
        g->next = to[g->hash & (n - 1)];
        to[g->hash & (n - 1)] = g;
    }
    free(t->buckets);
    t->buckets = to;
    t->buckets_n = n;
    return true;
}

struct corr_group *corr_group_find(struct correlator *c, uint32_t correlation, struct slice key)
{
    struct corr_table *t = &c->tables[correlation];
    uint64_t hash = corr_hash(c->seed, key);

    if (!t->buckets_n)
        return NULL;
    for (struct corr_group *g = t->buckets[hash & (t->buckets_n - 1)]; g; g = g->next)
        if (g->hash == hash && slice_eq(corr_key(g), key))
            return g;
    return NULL;
}

CHECKED enum err corr_group_new(struct correlator *c, uint32_t correlation, struct slice key,
                                struct slice shown, struct corr_group **ret)
{
    struct corr_table *t = &c->tables[correlation];
    uint32_t rings = corr_rings_n(c->rs->correlations[correlation]);
    size_t head = sizeof(struct corr_group) + rings * sizeof(struct corr_ring);

    if (t->groups_n >= t->buckets_n && !grow(t))
        return ERR_NOMEM;
    struct corr_group *g = calloc(1, head + key.n + shown.n);
    if (!g)
        return ERR_NOMEM;
    g->rings = (struct corr_ring *)(void *)(g + 1);
    g->text = (char *)g + head;
    g->key_n = (uint32_t)key.n;
    g->shown_n = (uint32_t)shown.n;
    memcpy(g->text, key.p, key.n);
    if (shown.n)
        memcpy(g->text + key.n, shown.p, shown.n);
    g->hash = corr_hash(c->seed, key);
    g->newest = g->judged = INT64_MIN;
    g->bytes = head + key.n + shown.n;
    t->bytes += g->bytes;
    t->groups_n++;
    g->next = t->buckets[g->hash & (t->buckets_n - 1)];
    t->buckets[g->hash & (t->buckets_n - 1)] = g;
    list_on(&t->all, g);
    *ret = g;
    return ERR_NONE;
}

void corr_group_drop(struct correlator *c, uint32_t correlation, struct corr_group *g)
{
    struct corr_table *t = &c->tables[correlation];
    struct corr_group **at = &t->buckets[g->hash & (t->buckets_n - 1)];

    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    corr_group_pend(t, g, false);
    list_off(&t->all, g);
    t->bytes -= g->bytes;
    t->groups_n--;
    group_free(g, corr_rings_n(c->rs->correlations[correlation]));
}
