/* Counts, sums and the like over one ring: the bag follows a window that slides over it. */
#include "detect/correlate_state_int.h"

bool corr_meets(const struct correlation *co, double v)
{
    for (size_t i = 0; i < co->tests_n; i++) {
        double n = co->tests[i].n;
        bool holds = false;
        switch (co->tests[i].op) {
        case OP_GT:
            holds = v > n;
            break;
        case OP_GTE:
            holds = v >= n;
            break;
        case OP_LT:
            holds = v < n;
            break;
        case OP_LTE:
            holds = v <= n;
            break;
        case OP_EQ:
            holds = v >= n && v <= n;
            break;
        case OP_NEQ:
            holds = v < n || v > n;
            break;
        }
        if (!holds)
            return false;
    }
    return true;
}

static void slide(const struct correlation *co, struct corr_group *g, uint32_t lo, uint32_t hi)
{
    const struct corr_ring *r = &g->rings[0];

    if (co->type == CORRELATION_EVENT_COUNT) {
        g->lo = lo;
        g->hi = hi;
        return;
    }
    while (g->hi < hi && !g->broken) {
        g->broken = !corr_bag_add(&g->bag, co->type, corr_at(r, g->hi), &g->bytes);
        g->hi++;
    }
    while (g->lo > lo && !g->broken) {
        g->lo--;
        g->broken = !corr_bag_add(&g->bag, co->type, corr_at(r, g->lo), &g->bytes);
    }
    for (; g->lo < lo && !g->broken; g->lo++)
        corr_bag_remove(&g->bag, co->type, corr_at(r, g->lo));
    while (g->hi > hi && !g->broken)
        corr_bag_remove(&g->bag, co->type, corr_at(r, --g->hi));
}

/* The window behind time x is in the bag. */
static bool holds(const struct correlation *co, const struct corr_group *g)
{
    return !g->broken && corr_meets(co, corr_bag_value(&g->bag, co, g->hi - g->lo));
}

static void found(struct correlator *c, const struct correlation *co, struct corr_group *g,
                  int64_t x)
{
    const struct corr_ring *r = &g->rings[0];
    uint32_t n = g->hi - g->lo;
    struct corr_window w = {
        .at = x,
        .first = corr_at(r, g->lo)->t,
        .last = corr_at(r, g->hi - 1)->t,
        .matches = n,
        .value = corr_bag_value(&g->bag, co, n),
    };

    for (uint32_t i = n > CORRELATE_EVENTS_MAX ? g->hi - CORRELATE_EVENTS_MAX : g->lo; i < g->hi;
         i++)
        corr_event(c, &w, corr_at(r, i)->id);
    corr_found(c, co, g, &w);
}

/* Where the window behind x begins, from a place that is not behind it. */
static uint32_t begins(const struct corr_group *g, uint32_t from, int64_t x, int64_t span)
{
    while (from < g->rings[0].n && corr_at(&g->rings[0], from)->t <= x - span)
        from++;
    return from;
}

/* A match that came out of order adds to the windows behind each time up to a timespan later. */
static void sweep(struct correlator *c, const struct correlation *co, struct corr_group *g,
                  int64_t t)
{
    const struct corr_ring *r = &g->rings[0];
    int64_t span = co->timespan_ns;

    for (uint32_t i = corr_from(r, corr_uncovered(g, t, span)); i < r->n && !g->broken;) {
        int64_t x = corr_at(r, i)->t;
        if (x >= t + span)
            return;
        if (corr_covered(g, x, span)) {
            i = corr_from(r, corr_uncovered(g, x, span));
            continue;
        }
        i = corr_after(r, x);
        slide(co, g, corr_after(r, x - span), i);
        if (holds(co, g)) {
            found(c, co, g, x);
            return;
        }
    }
}

void corr_window_new(struct correlator *c, const struct correlation *co, struct corr_group *g,
                     uint32_t at)
{
    const struct corr_ring *r = &g->rings[0];
    int64_t t = corr_at(r, at)->t, span = co->timespan_ns;

    if (at < g->hi && at <= g->lo) {
        g->lo++;
        g->hi++;
    } else if (at < g->hi) {
        g->broken = !corr_bag_add(&g->bag, co->type, corr_at(r, at), &g->bytes);
        g->hi++;
    }
    if (co->mode != MODE_EAGER)
        return;
    if (at + 1 < r->n)
        sweep(c, co, g, t);
    if (at + 1 < r->n) {
        slide(co, g, corr_after(r, g->newest - span), r->n);
        return;
    }
    slide(co, g, begins(g, g->lo, t, span), r->n);
    if (holds(co, g) && !corr_covered(g, t, span))
        found(c, co, g, t);
}

void corr_window_judge(struct correlator *c, const struct correlation *co, struct corr_group *g,
                       int64_t before)
{
    const struct corr_ring *r = &g->rings[0];
    int64_t span = co->timespan_ns;

    while (g->hi < r->n && corr_at(r, g->hi)->t < before && !g->broken) {
        int64_t x = corr_at(r, g->hi)->t;
        slide(co, g, begins(g, g->lo, x, span), corr_after(r, x));
        g->judged = x;
        if (holds(co, g) && !corr_covered(g, x, span))
            found(c, co, g, x);
    }
}

void corr_window_drop(const struct correlation *co, struct corr_group *g, uint32_t n)
{
    struct corr_ring *r = &g->rings[0];
    uint32_t before = n < g->lo ? n : g->lo;

    g->lo -= before;
    g->hi -= before;
    for (uint32_t i = before; i < n && g->hi > 0; i++, g->hi--)
        corr_bag_remove(&g->bag, co->type, corr_at(r, i));
    corr_ring_drop(r, n);
}
