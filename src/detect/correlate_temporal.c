/* Which rules matched within a window, and in which order: one ring for each of them. */
#include <stdlib.h>

#include "detect/correlate_state_int.h"

static bool expr_holds(const struct expr *e, uint64_t bits)
{
    uint32_t hits = 0;

    switch (e->kind) {
    case EXPR_AND:
        return expr_holds(e->left, bits) && expr_holds(e->right, bits);
    case EXPR_OR:
        return expr_holds(e->left, bits) || expr_holds(e->right, bits);
    case EXPR_NOT:
        return !expr_holds(e->left, bits);
    case EXPR_SEL:
        return bits >> e->sels[0] & 1;
    case EXPR_OF:
        for (size_t i = 0; i < e->sels_n; i++)
            hits += bits >> e->sels[i] & 1;
        return hits >= e->need;
    }
    return false;
}

static bool bits_hold(const struct correlation *co, uint64_t bits)
{
    return co->expr ? expr_holds(co->expr, bits)
                    : corr_meets(co, (double)__builtin_popcountll(bits));
}

/* The rules that matched in (x - span, x]. */
static uint64_t bits_behind(const struct correlation *co, const struct corr_group *g, int64_t x)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < co->refs_n; i++) {
        const struct corr_ring *r = &g->rings[i];
        uint32_t at = corr_after(r, x);
        if (at && corr_at(r, at - 1)->t > x - co->timespan_ns)
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

/* The rules that match in [x, x + span). */
static uint64_t bits_before(const struct correlation *co, const struct corr_group *g, int64_t x)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < co->refs_n; i++) {
        const struct corr_ring *r = &g->rings[i];
        uint32_t at = corr_from(r, x);
        if (at < r->n && corr_at(r, at)->t < x + co->timespan_ns)
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

/* The first time, later than x, of a match of any of the rules in `of`; INT64_MAX: none. */
static int64_t next_time(const struct correlation *co, const struct corr_group *g, uint64_t of,
                         int64_t x)
{
    int64_t t = INT64_MAX;

    for (uint32_t i = 0; i < co->refs_n; i++) {
        const struct corr_ring *r = &g->rings[i];
        uint32_t at = of >> i & 1 ? corr_after(r, x) : r->n;
        if (at < r->n && corr_at(r, at)->t < t)
            t = corr_at(r, at)->t;
    }
    return t;
}

static int by_entry(const void *a, const void *b)
{
    return corr_entry_cmp(a, b);
}

/* Tells it with the causing matches, in order of time. */
static void found(struct correlator *c, const struct correlation *co, struct corr_group *g,
                  int64_t at, struct corr_entry *of, size_t n)
{
    struct corr_window w = {.at = at, .matches = n, .value = (double)n};

    if (!n)
        return;
    qsort(of, n, sizeof(*of), by_entry);
    w.first = of[0].t;
    w.last = of[n - 1].t;
    for (size_t i = 0; i < n; i++)
        corr_event(c, &w, of[i].id);
    corr_found(c, co, g, &w);
}

/* Of each rule that matched in the window the match nearest to x. */
static void found_bits(struct correlator *c, const struct correlation *co, struct corr_group *g,
                       int64_t x, uint64_t bits)
{
    struct corr_entry of[CORRELATE_RULES_MAX];
    size_t n = 0;

    for (uint32_t i = 0; i < co->refs_n; i++) {
        const struct corr_ring *r = &g->rings[i];
        if (bits >> i & 1)
            of[n++] =
                *corr_at(r, co->mode == MODE_FORWARD ? corr_from(r, x) : corr_after(r, x) - 1);
    }
    found(c, co, g, x, of, n);
}

/* More matches only help: the first time in [t, t + span) at which the condition holds and that
 * no finding covers. Between two times it can begin to hold only at a match of a missing rule. */
static void any_new(struct correlator *c, const struct correlation *co, struct corr_group *g,
                    int64_t t)
{
    int64_t span = co->timespan_ns, x = corr_uncovered(g, t, span);

    if (x > t)
        x = next_time(co, g, UINT64_MAX, x - 1);
    while (x < t + span && x <= g->newest) {
        uint64_t bits = bits_behind(co, g, x);
        int64_t free = corr_uncovered(g, x, span);
        if (free > x) {
            x = next_time(co, g, UINT64_MAX, free - 1);
        } else if (bits_hold(co, bits)) {
            found_bits(c, co, g, x, bits);
            return;
        } else {
            x = next_time(co, g, ~bits, x);
        }
    }
}

/* The latest match of the ring before `e` in the order of matches; CORR_NONE: none. */
static uint32_t before(const struct corr_ring *r, const struct corr_entry *e)
{
    uint32_t at = corr_place(r, e);

    return at ? at - 1 : CORR_NONE;
}

static uint32_t behind(const struct corr_ring *r, const struct corr_entry *e)
{
    uint32_t at = corr_place(r, e);

    at += at < r->n && corr_entry_cmp(corr_at(r, at), e) == 0;
    return at < r->n ? at : CORR_NONE;
}

static bool chain_back(const struct correlation *co, const struct corr_group *g, size_t from,
                       struct corr_entry *of)
{
    for (size_t k = from; k > 0; k--) {
        const struct corr_ring *r = &g->rings[co->chain[k - 1]];
        uint32_t at = before(r, &of[k]);
        if (at == CORR_NONE)
            return false;
        of[k - 1] = *corr_at(r, at);
    }
    return true;
}

static bool chain_on(const struct correlation *co, const struct corr_group *g, size_t from,
                     struct corr_entry *of)
{
    for (size_t k = from + 1; k < co->chain_n; k++) {
        const struct corr_ring *r = &g->rings[co->chain[k]];
        uint32_t at = behind(r, &of[k - 1]);
        if (at == CORR_NONE)
            return false;
        of[k] = *corr_at(r, at);
    }
    return true;
}

/* Chains through the new match: the latest beginning before it, the earliest end behind it. Where
 * that end is covered, a later match of the last rule may do. */
static void chain_new(struct correlator *c, const struct correlation *co, struct corr_group *g,
                      uint32_t ref, uint32_t at)
{
    struct corr_entry of[CORRELATE_RULES_MAX];
    size_t k = 0, last = co->chain_n - 1;
    int64_t span = co->timespan_ns;
    const struct corr_ring *ends = &g->rings[co->chain[last]];

    while (k < co->chain_n && co->chain[k] != ref)
        k++;
    if (k == co->chain_n)
        return;
    of[k] = *corr_at(&g->rings[ref], at);
    if (!chain_back(co, g, k, of) || !chain_on(co, g, k, of))
        return;
    while (of[last].t - of[0].t < span) {
        int64_t free = corr_uncovered(g, of[last].t, span);
        if (free == of[last].t) {
            (void)chain_back(co, g, last, of);
            found(c, co, g, of[last].t, of, co->chain_n);
            return;
        }
        uint32_t next = k == last ? ends->n : corr_from(ends, free);
        if (next == ends->n)
            return;
        of[last] = *corr_at(ends, next);
    }
}

void corr_temporal_new(struct correlator *c, const struct correlation *co, struct corr_group *g,
                       uint32_t ref, uint32_t at)
{
    if (co->mode != MODE_EAGER)
        return;
    if (co->chain)
        chain_new(c, co, g, ref, at);
    else
        any_new(c, co, g, corr_at(&g->rings[ref], at)->t);
}

/* The window that begins at x: nothing that must be absent, and the rest in order. */
static bool chain_ahead(const struct correlation *co, const struct corr_group *g, int64_t x,
                        struct corr_entry *of)
{
    const struct corr_ring *r = &g->rings[co->chain[0]];
    uint32_t at = corr_from(r, x);

    if (bits_before(co, g, x) & co->absent || at == r->n)
        return false;
    of[0] = *corr_at(r, at);
    return chain_on(co, g, 0, of) && of[co->chain_n - 1].t < x + co->timespan_ns;
}

static void judge_at(struct correlator *c, const struct correlation *co, struct corr_group *g,
                     int64_t x)
{
    struct corr_entry of[CORRELATE_RULES_MAX];
    uint64_t bits;

    if (corr_covered(g, x, co->timespan_ns))
        return;
    if (co->chain) {
        if (chain_ahead(co, g, x, of))
            found(c, co, g, x, of, co->chain_n);
        return;
    }
    bits = co->mode == MODE_FORWARD ? bits_before(co, g, x) : bits_behind(co, g, x);
    if (bits_hold(co, bits))
        found_bits(c, co, g, x, bits);
}

void corr_temporal_judge(struct correlator *c, const struct correlation *co, struct corr_group *g,
                         int64_t before_ns)
{
    for (;;) {
        int64_t x = next_time(co, g, UINT64_MAX, g->judged);
        if (x >= before_ns || g->broken)
            return;
        g->judged = x;
        judge_at(c, co, g, x);
    }
}
