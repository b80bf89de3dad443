#include "detect/match_int.h"

/* Rows that the event is of so far. */
struct chosen {
    uint64_t rows[SOURCE_ROWS_MAX / 64];
    bool known;
};

static void try_row(struct run *r, struct chosen *c, const struct gate_alt *alt)
{
    const struct source_row *row = &r->rs->rows[alt->row];
    uint64_t bit = UINT64_C(1) << (alt->row % 64);

    if (c->rows[alt->row / 64] & bit || !match_sel(r, alt->sel))
        return;
    c->rows[alt->row / 64] |= bit;
    c->known = c->known || !row->weak;
    for (uint32_t k = 0; k < row->rules_n; k++)
        r->s->chosen[row->rules[k] / 64] |= UINT64_C(1) << (row->rules[k] % 64);
}

static void try_text(struct run *r, struct chosen *c, uint32_t slot, struct slice text)
{
    const struct gate *g = &r->rs->gate;
    char key[GATE_KEY_MAX];
    size_t n = gate_key(g, slot, text, key);
    uint32_t id = n ? intern_get(&g->keys, (struct slice){key, n}) : INTERN_NONE;

    for (uint32_t at = id == INTERN_NONE ? 0 : g->heads[id]; at; at = g->nodes[at - 1].next)
        try_row(r, c, &g->alts[g->nodes[at - 1].alt]);
}

/* The bytes that the slot's values, folded, begin with. */
static const uint64_t *firsts(struct run *r, struct slot_state *st)
{
    if (st->has_first)
        return st->first;
    st->has_first = true;
    for (uint32_t i = 0; i < st->n; i++) {
        struct slice s = gather_folded(r, &st->v[i]);
        if (s.n)
            st->first[(uint8_t)s.p[0] / 64] |= UINT64_C(1) << ((uint8_t)s.p[0] % 64);
    }
    return st->first;
}

static bool may_be(struct run *r, const struct gate_alt *alt)
{
    if (alt->slot == SLOT_KEYWORDS)
        return true;
    struct slot_state *st = gather_values(r, alt->slot);
    if (!st->n || alt->first[0] == UINT64_MAX)
        return st->n > 0;
    const uint64_t *have = firsts(r, st);
    return ((alt->first[0] & have[0]) | (alt->first[1] & have[1]) | (alt->first[2] & have[2]) |
            (alt->first[3] & have[3])) != 0;
}

/* Marks the rules of every row that the event is of; whether one of them says for sure what it
 * is. */
bool choose_rules(struct run *r)
{
    const struct gate *g = &r->rs->gate;
    struct chosen c = {.known = false};

    memset(r->s->chosen, 0, r->s->chosen_n * sizeof(*r->s->chosen));
    for (uint32_t i = 0; i < g->always_n; i++)
        if (may_be(r, &g->alts[g->always[i]]))
            try_row(r, &c, &g->alts[g->always[i]]);
    for (uint32_t i = 0; i < g->slots_n; i++) {
        struct slot_state *st = gather_values(r, g->slots[i]);
        for (uint32_t k = 0; k < st->n; k++)
            try_text(r, &c, g->slots[i], gather_folded(r, &st->v[k]));
    }
    for (size_t w = 0; w < ARRAY_LEN(c.rows); w++)
        r->s->seen[w] |= c.rows[w];
    return c.known;
}
