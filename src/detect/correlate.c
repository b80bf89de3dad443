#include "detect/correlate.h"

#include <stdlib.h>
#include <sys/random.h>

#include "core/bytes.h"
#include "detect/correlate_state_int.h"

enum { GATHERED_BYTES_MAX = 8 << 20 };
#define CLOCK_MAX (INT64_C(1) << 62)

void correlator_free(struct correlator *c)
{
    if (!c)
        return;
    for (size_t i = 0; c->tables && i < c->rs->correlations_n; i++)
        corr_table_done(&c->tables[i], corr_rings_n(c->rs->correlations[i]));
    free(c->tables);
    buf_done(&c->gathered);
    ruleset_unref(c->rs);
    free(c);
}

CHECKED enum err correlator_new(struct ruleset *rs, const struct correlator_options *o,
                                struct correlator **ret)
{
    struct correlator *c = calloc(1, sizeof(*c));

    if (!c)
        return ERR_NOMEM;
    c->rs = ruleset_ref(rs);
    c->o = *o;
    c->clock = INT64_MIN;
    c->due = INT64_MAX;
    buf_init(&c->gathered, GATHERED_BYTES_MAX);
    c->tables = calloc(rs->correlations_n + 1, sizeof(*c->tables));
    if (!c->tables || getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed)) {
        correlator_free(c);
        return ERR_NOMEM;
    }
    *ret = c;
    return ERR_NONE;
}

/* When a quiet group is judged, and when it is forgotten: the clock has to pass these. */
static int64_t judged_at(const struct correlator *c, const struct corr_group *g)
{
    return g->arrived + c->o.lateness_ns;
}

static int64_t gone_at(const struct correlator *c, const struct correlation *co,
                       const struct corr_group *g)
{
    return g->arrived + c->o.lateness_ns + co->timespan_ns;
}

static void judge(struct correlator *c, const struct correlation *co, struct corr_group *g,
                  int64_t before)
{
    if (corr_temporal(co))
        corr_temporal_judge(c, co, g, before);
    else
        corr_window_judge(c, co, g, before);
}

/* The correlation whose group is due first, and when. */
static uint32_t first_due(const struct correlator *c, int64_t *ret_at, bool *ret_gone)
{
    uint32_t which = CORR_NONE;

    *ret_at = INT64_MAX;
    for (uint32_t i = 0; i < c->rs->correlations_n; i++) {
        const struct corr_table *t = &c->tables[i];
        const struct corr_group *pend = t->pend.oldest, *old = t->all.oldest;
        if (pend && judged_at(c, pend) < *ret_at) {
            *ret_at = judged_at(c, pend);
            *ret_gone = false;
            which = i;
        }
        if (old && gone_at(c, c->rs->correlations[i], old) < *ret_at) {
            *ret_at = gone_at(c, c->rs->correlations[i], old);
            *ret_gone = true;
            which = i;
        }
    }
    return which;
}

/* One group at a time and in the order of time, so that it does not matter how often this is
 * called. */
static void advance(struct correlator *c, int64_t clock)
{
    bool gone = false;
    int64_t at;
    uint32_t i;

    while (clock > c->due) {
        i = first_due(c, &at, &gone);
        c->due = at;
        if (i == CORR_NONE || at >= clock)
            break;
        const struct correlation *co = c->rs->correlations[i];
        struct corr_table *t = &c->tables[i];
        struct corr_group *g = gone ? t->all.oldest : t->pend.oldest;
        if (c->clock < at)
            c->clock = at;
        size_t bytes = g->bytes;
        if (!gone || co->mode == MODE_FORWARD)
            judge(c, co, g, INT64_MAX);
        t->bytes += g->bytes - bytes;
        if (gone || g->broken)
            corr_group_drop(c, i, g);
        else
            corr_group_pend(t, g, false);
    }
    clock = clock > CLOCK_MAX ? CLOCK_MAX : clock;
    if (c->clock < clock)
        c->clock = clock;
}

static void limited(struct correlator *c)
{
    c->stats.limited++;
    metric_add(M_CORRELATE_LIMITED, 1);
}

/* Too old for its group, or of a time that has been judged. */
static bool late(const struct correlator *c, const struct correlation *co,
                 const struct corr_group *g, int64_t t)
{
    return g->newest != INT64_MIN &&
           (t < g->newest - c->o.lateness_ns || (co->mode != MODE_EAGER && t <= g->judged));
}

static void drop(const struct correlation *co, struct corr_group *g, uint32_t ring, uint32_t n)
{
    if (corr_temporal(co))
        corr_ring_drop(&g->rings[ring], n);
    else
        corr_window_drop(co, g, n);
}

/* What no window to come can reach. */
static void prune(struct correlator *c, const struct correlation *co, struct corr_group *g,
                  uint32_t ring)
{
    const struct corr_ring *r = &g->rings[ring];
    int64_t until = g->newest - c->o.lateness_ns - co->timespan_ns;
    uint32_t n = 0, most = corr_temporal(co) ? r->n : g->lo;

    if (co->mode == MODE_FORWARD)
        until = g->judged;
    while (n < most && corr_at(r, n)->t <= until)
        n++;
    if (n)
        drop(co, g, ring, n);
}

bool corr_to_judge(const struct correlation *co, const struct corr_group *g)
{
    return co->mode == MODE_DEFER &&
           (corr_temporal(co) ? g->newest > g->judged : g->hi < g->rings[0].n);
}

static void arrive(struct correlator *c, uint32_t number, struct corr_group *g)
{
    const struct correlation *co = c->rs->correlations[number];
    struct corr_table *t = &c->tables[number];

    g->arrived = c->clock;
    corr_group_touch(t, g);
    if (co->mode == MODE_DEFER)
        corr_group_pend(t, g, corr_to_judge(co, g));
    int64_t due = g->pending ? judged_at(c, g) : gone_at(c, co, g);
    if (due < c->due)
        c->due = due;
}

/* Room for the newest: the longest quiet groups go. */
static void make_room(struct correlator *c, uint32_t number, const struct corr_group *keep)
{
    struct corr_table *t = &c->tables[number];

    while (t->bytes > c->o.rule_bytes && t->all.oldest != keep) {
        corr_group_drop(c, number, t->all.oldest);
        c->stats.evicted++;
        metric_add(M_CORRELATE_EVICTED, 1);
    }
}

static CHECKED enum err put(struct correlator *c, const struct correlation *co,
                            struct corr_group *g, const struct corr_record *r)
{
    uint32_t ring = corr_temporal(co) ? r->ref : 0, at;
    struct corr_entry e = {.t = r->time_ns, .id = r->id, .number = r->number};

    if (co->type == CORRELATION_VALUE_COUNT)
        e.hash = corr_hash(c->seed, r->value);
    if (g->rings[ring].n == CORRELATE_ENTRIES_MAX) {
        drop(co, g, ring, 1);
        limited(c);
    }
    if (!corr_ring_put(&g->rings[ring], &e, &at, &g->bytes))
        return ERR_NOMEM;
    if (at == CORR_NONE)
        return ERR_NONE;
    if (g->newest < r->time_ns)
        g->newest = r->time_ns;
    if (corr_temporal(co))
        corr_temporal_new(c, co, g, r->ref, at);
    else
        corr_window_new(c, co, g, at);
    int64_t done = g->newest - c->o.lateness_ns;
    if (co->mode != MODE_EAGER)
        judge(c, co, g, co->mode == MODE_DEFER ? done : done - co->timespan_ns + 1);
    prune(c, co, g, ring);
    return g->broken ? ERR_NOMEM : ERR_NONE;
}

CHECKED enum err corr_take(struct correlator *c, const struct corr_record *r)
{
    const struct correlation *co = c->rs->correlations[r->correlation];
    struct corr_table *t = &c->tables[r->correlation];
    struct corr_group *g = corr_group_find(c, r->correlation, r->key);
    enum err e = ERR_NONE;

    if (g && late(c, co, g, r->time_ns)) {
        c->stats.late++;
        metric_add(M_CORRELATE_LATE, 1);
        return ERR_NONE;
    }
    if (!g)
        e = corr_group_new(c, r->correlation, r->key, r->shown, &g);
    if (e != ERR_NONE)
        return e;
    if (g->newest == INT64_MIN)
        g->system = r->system;
    size_t bytes = g->bytes;
    e = put(c, co, g, r);
    t->bytes += g->bytes - bytes;
    if (e != ERR_NONE) {
        corr_group_drop(c, r->correlation, g);
        return e;
    }
    arrive(c, r->correlation, g);
    make_room(c, r->correlation, g);
    return ERR_NONE;
}

/* Fields as correlate_gather writes them: n of them and nothing else. */
static bool well_formed(struct slice fields, uint32_t n)
{
    struct bytes b = bytes_of(fields);

    while (n--)
        (void)bytes_sized(&b);
    return bytes_all_read(&b);
}

bool corr_key_ok(const struct correlation *co, struct slice key, struct slice shown)
{
    return key.n >= 4 && key.n <= CORRELATE_KEY_BYTES_MAX + 4 &&
           shown.n <= CORRELATE_KEY_BYTES_MAX + 4 &&
           well_formed(slice_cut(key, 4, key.n), co->group_n) &&
           (!shown.n || well_formed(shown, co->group_n));
}

static bool fits(const struct correlator *c, const struct corr_record *r)
{
    if (r->correlation >= c->rs->correlations_n)
        return false;
    const struct correlation *co = c->rs->correlations[r->correlation];
    return r->ref < co->refs_n && corr_key_ok(co, r->key, r->shown) &&
           well_formed(r->value, co->type == CORRELATION_VALUE_COUNT ? co->values_n : 0);
}

CHECKED enum err correlator_take(struct correlator *c, struct slice record, const struct event *ev,
                                 detect_emit_fn *emit, void *arg)
{
    struct corr_record r;
    enum err e = corr_record_decode(record, &r);

    if (e == ERR_NONE && !fits(c, &r))
        e = ERR_SYNTAX;
    if (e != ERR_NONE)
        return e;
    c->emit = emit;
    c->arg = arg;
    c->ev = NULL;
    advance(c, r.received_ns);
    c->ev = ev;
    e = corr_take(c, &r);
    c->ev = NULL;
    return e;
}

CHECKED enum err correlator_feed(struct correlator *c, struct detect_scratch *s,
                                 const struct finding *f, detect_emit_fn *emit, void *arg)
{
    buf_reset(&c->gathered);
    enum err e = correlate_gather(c->rs, s, f, &c->gathered);
    struct bytes b = bytes_of(buf_slice(&c->gathered));

    while (e == ERR_NONE && bytes_left(&b))
        e = correlator_take(c, bytes_sized(&b), f->event, emit, arg);
    return e;
}

void correlator_advance(struct correlator *c, int64_t clock_ns, detect_emit_fn *emit, void *arg)
{
    c->emit = emit;
    c->arg = arg;
    c->ev = NULL;
    advance(c, clock_ns);
}

void correlator_stats(const struct correlator *c, struct correlator_stats *ret)
{
    *ret = c->stats;
    for (size_t i = 0; i < c->rs->correlations_n; i++) {
        const struct corr_table *t = &c->tables[i];
        ret->groups += t->groups_n;
        ret->bytes += t->bytes;
        for (const struct corr_group *g = t->all.oldest; g; g = g->newer)
            for (uint32_t k = 0; k < corr_rings_n(c->rs->correlations[i]); k++)
                ret->matches += g->rings[k].n;
    }
}
