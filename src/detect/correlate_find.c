/* When a group is quiet, and what happens when it finds. */
#include <stdlib.h>

#include "core/bytes.h"
#include "detect/correlate_state_int.h"

/* An event's id keeps four bits free (core/id.h): a correlation's match is told from the event's
 * own by them and sorts beside it. */
enum { ID_DEPTH_BYTE = 14, ID_DEPTH_SHIFT = 4 };

/* The first finding later than t. */
static uint32_t fires_after(const struct corr_group *g, int64_t t)
{
    uint32_t lo = 0, hi = g->fires_n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (g->fires[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool corr_covered(const struct corr_group *g, int64_t t, int64_t span)
{
    uint32_t i = fires_after(g, t - span);

    return i < g->fires_n && g->fires[i] < t + span;
}

int64_t corr_uncovered(const struct corr_group *g, int64_t t, int64_t span)
{
    for (uint32_t i = fires_after(g, t - span); i < g->fires_n && g->fires[i] < t + span; i++)
        t = g->fires[i] + span;
    return t;
}

/* Findings that no time to come can be near any more are forgotten. */
static void forget(const struct correlator *c, const struct correlation *co, struct corr_group *g,
                   int64_t at)
{
    int64_t late = g->newest - c->o.lateness_ns;
    uint32_t n = fires_after(g, (late < at ? late : at) - 2 * co->timespan_ns);

    if (g->fires_n == CORR_FIRES_MAX && !n)
        n = 1;
    g->fires_n -= n;
    memmove(g->fires, g->fires + n, g->fires_n * sizeof(*g->fires));
}

static bool remember(struct correlator *c, const struct correlation *co, struct corr_group *g,
                     int64_t at)
{
    if (g->fires_n)
        forget(c, co, g, at);
    if (g->fires_n == g->fires_cap) {
        uint32_t cap = g->fires_cap ? g->fires_cap * 2 : 2;
        int64_t *to = realloc(g->fires, cap * sizeof(*to));
        if (!to)
            return false;
        g->bytes += (cap - g->fires_cap) * sizeof(*to);
        g->fires = to;
        g->fires_cap = cap;
    }
    uint32_t i = fires_after(g, at);
    memmove(g->fires + i + 1, g->fires + i, (g->fires_n - i) * sizeof(*g->fires));
    g->fires[i] = at;
    g->fires_n++;
    return true;
}

void corr_event(struct correlator *c, struct corr_window *w, struct id128 id)
{
    id.b[ID_DEPTH_BYTE] &= (1 << ID_DEPTH_SHIFT) - 1;
    for (size_t i = w->events_n; i-- > 0;)
        if (id_cmp(c->events[i], id) == 0)
            return;
    if (w->events_n < CORRELATE_EVENTS_MAX)
        c->events[w->events_n++] = id;
}

/* The fields as sent; the key without its organisation when they were sent folded. */
static struct slice shown(const struct corr_group *g)
{
    return g->shown_n ? (struct slice){g->text + g->key_n, g->shown_n}
                      : (struct slice){g->text + 4, g->key_n - 4};
}

static struct slice nth_field(struct slice fields, uint32_t n)
{
    struct bytes b = bytes_of(fields);
    struct slice s = bytes_sized(&b);

    while (n--)
        s = bytes_sized(&b);
    return s;
}

struct out_text {
    char p[CORRELATE_KEY_BYTES_MAX + 4];
    size_t n;
};

static bool put(struct out_text *to, struct slice s)
{
    if (s.n + 4 > sizeof(to->p) - to->n)
        return false;
    for (unsigned i = 0; i < 4; i++)
        to->p[to->n++] = (char)(s.n >> (8 * i));
    memcpy(to->p + to->n, s.p, s.n);
    to->n += s.n;
    return true;
}

static bool chain_fields(const struct correlation *outer, const struct corr_ref *ref,
                         const struct corr_group *g, struct out_text *key, struct out_text *show,
                         struct out_text *values)
{
    struct slice folded = {g->text + 4, g->key_n - 4};

    memcpy(key->p, g->text, 4);
    key->n = 4;
    show->n = values->n = 0;
    for (uint32_t i = 0; i < outer->group_n; i++) {
        struct slice f = nth_field(folded, ref->group[i]);
        if (!f.n && !outer->group[i].optional)
            return false;
        if (!put(key, f) || !put(show, nth_field(shown(g), ref->group[i])))
            return false;
    }
    for (uint32_t i = 0; i < outer->values_n; i++)
        if (!put(values, nth_field(folded, ref->values[i])))
            return false;
    return true;
}

static void chain_one(struct correlator *c, const struct correlation *in, struct corr_group *g,
                      const struct corr_use *u, int64_t at, struct id128 id)
{
    const struct correlation *outer = c->rs->correlations[u->correlation];
    const struct corr_ref *ref = &outer->refs[u->ref];
    struct out_text key, show, values;
    struct corr_record r = {.time_ns = at,
                            .received_ns = c->clock,
                            .id = id,
                            .correlation = u->correlation,
                            .ref = u->ref,
                            .system = g->system};

    r.id.b[ID_DEPTH_BYTE] |= (uint8_t)(in->depth << ID_DEPTH_SHIFT);
    bool whole = chain_fields(outer, ref, g, &key, &show, &values);
    if (whole && outer->values_n && outer->type != CORRELATION_VALUE_COUNT) {
        long double n = 0;
        whole = number_parse(nth_field((struct slice){values.p, values.n}, 0), &n);
        r.number = (double)n;
    }
    if (!whole) {
        metric_add(M_CORRELATE_NO_KEY, 1);
        return;
    }
    r.key = (struct slice){key.p, key.n};
    r.shown = (struct slice){show.p, show.n};
    r.value = (struct slice){values.p, values.n};
    if (corr_take(c, &r) != ERR_NONE) {
        metric_add(M_CORRELATE_LIMITED, 1);
        c->stats.limited++;
    }
}

static void tell(struct correlator *c, const struct correlation *co, const struct corr_group *g,
                 const struct corr_window *w)
{
    struct match_field group[CORRELATE_GROUP_FIELDS_MAX];
    struct correlation_hit hit = {
        .type = co->type,
        .value = w->value,
        .timespan_ns = co->timespan_ns,
        .first_ns = w->first,
        .last_ns = w->last,
        .received_ns = c->clock,
        .system = g->system,
        .key = corr_key(g),
        .group_n = co->group_n,
        .group = group,
        .entities = co->entities,
        .events_n = w->events_n,
        .events = c->events,
        .matches = w->matches,
    };
    struct bytes b = bytes_of(corr_key(g));

    hit.org = bytes_u32(&b);
    for (uint32_t i = 0; i < co->group_n; i++)
        group[i] = (struct match_field){co->group[i].name, nth_field(shown(g), i)};
    bool last = c->ev && w->events_n && id_cmp(c->ev->id, c->events[w->events_n - 1]) == 0;
    const struct finding f = {.rule = &c->rs->rules[co->rule].info,
                              .event = last ? c->ev : NULL,
                              .matched_n = co->group_n,
                              .matched = group,
                              .correlation = &hit};
    c->emit(c->arg, &f);
}

void corr_found(struct correlator *c, const struct correlation *co, struct corr_group *g,
                const struct corr_window *w)
{
    const struct rule *rule = &c->rs->rules[co->rule];
    struct id128 last = w->events_n ? c->events[w->events_n - 1] : (struct id128){{0}};

    if (!remember(c, co, g, w->at)) {
        g->broken = true;
        return;
    }
    c->stats.found++;
    metric_add(M_CORRELATE_FOUND, 1);
    if (!rule->silent && c->emit)
        tell(c, co, g, w);
    for (uint32_t i = 0; i < rule->uses_n; i++)
        if (c->rs->correlations[rule->uses[i].correlation]->refs[rule->uses[i].ref].inner)
            chain_one(c, co, g, &rule->uses[i], w->last, last);
}
