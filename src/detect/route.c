#include "detect/route_int.h"

#include <stdlib.h>

void routes_done(struct routes *r)
{
    free(r->memory);
    *r = (struct routes){.memory = NULL};
}

CHECKED enum err routes_init(struct routes *r, const struct index *ix)
{
    size_t each = 3 * ix->rule_words + ix->slot_words;
    uint64_t *memory = calloc((ROUTES + 1) * each, sizeof(*memory));

    if (!memory)
        return ERR_NOMEM;
    *r = (struct routes){.memory = memory};
    for (size_t i = 0; i <= ROUTES; i++, memory += each) {
        r->all[i].meant = memory;
        r->all[i].tried = memory + ix->rule_words;
        r->all[i].always = memory + 2 * ix->rule_words;
        r->all[i].slots = memory + 3 * ix->rule_words;
    }
    return ERR_NONE;
}

static void add_row(struct route *to, const struct ruleset *rs, size_t row)
{
    const struct index *ix = rs->index;

    to->rows[row / 64] |= UINT64_C(1) << (row % 64);
    for (size_t w = 0; w < ix->rule_words; w++)
        to->meant[w] |= ix->row_rules[row * ix->rule_words + w];
    for (size_t w = 0; w < ix->slot_words; w++)
        to->slots[w] |= ix->row_slots[row * ix->slot_words + w];
}

/* A row is looked at once, however many of its witnesses are there. */
static bool try_row(struct route *to, const struct ruleset *rs, uint64_t *seen, size_t row,
                    route_row_fn *holds, void *arg)
{
    if (seen[row / 64] >> (row % 64) & 1)
        return false;
    seen[row / 64] |= UINT64_C(1) << (row % 64);
    if (!holds(arg, row))
        return false;
    add_row(to, rs, row);
    return !rs->rows[row].weak;
}

/* How it is found out that no keyword is there. */
static void watch(struct route *to, const struct index *ix)
{
    to->keywords = to->unwatched = false;
    to->dbs_n = 0;
    for (size_t w = 0; w < ix->rule_words; w++)
        for (uint64_t bits = to->tried[w] & ix->keyword_rules[w]; bits; bits &= bits - 1) {
            uint32_t db = ix->watch.of[w * 64 + (size_t)__builtin_ctzll(bits)];
            to->keywords = true;
            to->unwatched |= db == 0;
            if (db && to->dbs_n < WATCH_FEW)
                to->dbs[to->dbs_n] = db - 1;
            to->dbs_n += db != 0;
        }
    to->unwatched |= to->dbs_n > WATCH_FEW && !ix->watch.all;
}

static void work_out(struct route *to, const struct ruleset *rs, const uint32_t *bits, uint32_t n,
                     route_row_fn *holds, void *arg)
{
    const struct index *ix = rs->index;
    uint64_t seen[SOURCE_ROWS_MAX / 64 + 1] = {0};
    bool known = false;

    memset(to->rows, 0, sizeof(to->rows));
    memset(to->meant, 0, ix->rule_words * sizeof(uint64_t));
    memset(to->slots, 0, ix->slot_words * sizeof(uint64_t));
    for (uint32_t i = 0; i < ix->row_always_n; i++)
        known |= try_row(to, rs, seen, ix->row_always[i], holds, arg);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = ix->row_of.at[bits[i]]; k < ix->row_of.at[bits[i] + 1]; k++)
            known |= try_row(to, rs, seen, ix->row_of.of[k], holds, arg);
    if (!known)
        memset(to->slots, 0xff, ix->slot_words * sizeof(uint64_t));
    for (size_t w = 0; w < ix->rule_words; w++) {
        to->tried[w] = to->meant[w] | (known ? 0 : ix->can_match[w]);
        to->always[w] = to->tried[w] & ix->always[w];
    }
    watch(to, ix);
}

const struct route *route_of(struct routes *r, const struct ruleset *rs, const uint32_t *bits,
                             uint32_t n, route_row_fn *holds, void *arg)
{
    uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15);
    struct route *to = &r->all[ROUTES];

    if (n <= ROUTE_BITS_MAX && !rs->index->rows_lazy) {
        for (uint32_t i = 0; i < n; i++)
            h = (h ^ bits[i]) * UINT64_C(0xff51afd7ed558ccd), h ^= h >> 31;
        to = &r->all[h % ROUTES];
        if (to->used && to->hash == h && to->key_n == n &&
            memcmp(to->key, bits, n * sizeof(*bits)) == 0)
            return to;
        to->used = true;
        to->hash = h;
        to->key_n = n;
        if (n)
            memcpy(to->key, bits, n * sizeof(*bits));
    }
    work_out(to, rs, bits, n, holds, arg);
    return to;
}
