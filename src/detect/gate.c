#include "detect/rule_int.h"

/* The item asks for one of some whole texts, so that without one of them it does not hold. */
static bool indexable(const struct item *it)
{
    if (it->neq || it->slot == SLOT_KEYWORDS || (it->all && it->tests_n > 1))
        return false;
    for (size_t i = 0; i < it->tests_n; i++) {
        const struct test *t = &it->tests[i];
        if (t->kind != TEST_PATTERN || t->pats_n != 1 || t->pats[0].cased ||
            t->pats[0].kind != PATTERN_EQUAL || t->pats[0].lit.n > GATE_KEY_MAX - sizeof(uint32_t))
            return false;
    }
    return true;
}

static const struct item *index_item(const struct sel *sel)
{
    if (sel->kind == SEL_ITEM)
        return indexable(&sel->item) ? &sel->item : NULL;
    for (size_t i = 0; sel->kind == SEL_AND && i < sel->n; i++)
        if (indexable(&sel->kids[i].item))
            return &sel->kids[i].item;
    return NULL;
}

size_t gate_key(const struct gate *g, uint32_t slot, struct slice text,
                char to[static GATE_KEY_MAX])
{
    if (text.n > g->longest)
        return 0;
    memcpy(to, &slot, sizeof(slot));
    if (text.n)
        memcpy(to + sizeof(slot), text.p, text.n);
    return sizeof(slot) + text.n;
}

static void add_slot(struct gate *g, uint32_t slot)
{
    for (uint32_t i = 0; i < g->slots_n; i++)
        if (g->slots[i] == slot)
            return;
    g->slots[g->slots_n++] = slot;
}

static CHECKED enum err add_keys(struct gate *g, const struct item *it, uint32_t alt)
{
    char key[GATE_KEY_MAX];
    uint32_t id;

    add_slot(g, it->slot);
    for (size_t i = 0; i < it->tests_n; i++) {
        struct slice text = it->tests[i].pats[0].lit;
        if (text.n > g->longest)
            g->longest = text.n;
        size_t n = gate_key(g, it->slot, text, key);
        enum err e = intern_put(&g->keys, (struct slice){key, n}, &id, NULL);
        if (e != ERR_NONE)
            return e;
        g->nodes[g->nodes_n] = (struct gate_node){alt, g->heads[id]};
        g->heads[id] = ++g->nodes_n;
    }
    return ERR_NONE;
}

/* Without a value no test of the item holds. */
static bool needs_value(const struct item *it)
{
    if (it->neq || it->slot == SLOT_KEYWORDS)
        return false;
    for (size_t i = 0; i < it->tests_n; i++)
        if (it->tests[i].kind == TEST_NULL ||
            (it->tests[i].kind == TEST_EXISTS && !it->tests[i].exists))
            return false;
    return true;
}

/* The item's values must begin with one of the bytes: true if that can be said. */
static bool first_bytes(const struct item *it, uint64_t first[static 4])
{
    memset(first, 0, 4 * sizeof(*first));
    for (size_t i = 0; i < it->tests_n; i++) {
        const struct test *t = &it->tests[i];
        for (size_t k = 0; t->kind == TEST_PATTERN && k < t->pats_n; k++) {
            const struct pattern *p = &t->pats[k];
            if (p->cased || !p->lit.n || (p->kind != PATTERN_EQUAL && p->kind != PATTERN_STARTS))
                return false;
            first[(uint8_t)p->lit.p[0] / 64] |= UINT64_C(1) << ((uint8_t)p->lit.p[0] % 64);
        }
        if (t->kind != TEST_PATTERN)
            return false;
    }
    return true;
}

static void ask(struct gate_alt *alt)
{
    const struct sel *sel = alt->sel;
    const struct sel *kids = sel->kind == SEL_ITEM ? sel : sel->kids;
    size_t n = sel->kind == SEL_ITEM ? 1 : sel->kind == SEL_AND ? sel->n : 0;

    memset(alt->first, 0xff, sizeof(alt->first));
    for (size_t i = 0; i < n; i++) {
        uint64_t first[4];
        if (kids[i].kind != SEL_ITEM || !needs_value(&kids[i].item))
            continue;
        alt->slot = kids[i].item.slot;
        if (!first_bytes(&kids[i].item, first))
            continue;
        memcpy(alt->first, first, sizeof(first));
        return;
    }
}

static CHECKED enum err add_alt(struct gate *g, uint32_t row, const struct sel *sel)
{
    const struct item *it = index_item(sel);
    uint32_t alt = g->alts_n++;

    g->alts[alt] = (struct gate_alt){.row = row, .sel = sel, .slot = SLOT_KEYWORDS};
    ask(&g->alts[alt]);
    if (it)
        return add_keys(g, it, alt);
    g->always[g->always_n++] = alt;
    return ERR_NONE;
}

CHECKED enum err gate_build(struct ruleset *rs)
{
    struct gate *g = &rs->gate;
    size_t alts = 0, texts = 0;
    enum err e = ERR_NONE;

    for (size_t r = 0; r < rs->rows_n; r++) {
        const struct sel *when = &rs->rows[r].when;
        bool list = when->kind == SEL_OR;
        for (size_t i = 0; i < (list ? when->n : 1); i++, alts++) {
            const struct item *it = index_item(list ? &when->kids[i] : when);
            texts += it ? it->tests_n : 0;
        }
    }
    intern_init(&g->keys, &rs->arena);
    g->alts = arena_calloc(&rs->arena, alts + 1, sizeof(*g->alts));
    g->always = arena_calloc(&rs->arena, alts + 1, sizeof(*g->always));
    g->slots = arena_calloc(&rs->arena, alts + 1, sizeof(*g->slots));
    g->heads = arena_calloc(&rs->arena, texts + 1, sizeof(*g->heads));
    g->nodes = arena_calloc(&rs->arena, texts + 1, sizeof(*g->nodes));
    if (!g->alts || !g->always || !g->slots || !g->heads || !g->nodes)
        return ERR_NOMEM;
    for (size_t r = 0; e == ERR_NONE && r < rs->rows_n; r++) {
        const struct sel *when = &rs->rows[r].when;
        bool list = when->kind == SEL_OR;
        for (size_t i = 0; e == ERR_NONE && i < (list ? when->n : 1); i++)
            e = add_alt(g, (uint32_t)r, list ? &when->kids[i] : when);
    }
    return e;
}
