/* Random matches of every type, out of order, doubled, late, over several groups, with the state
 * saved and loaded in between: the engine finds what the plain definition finds, at the same step.
 * `correlate_property_test ROUNDS SEED` runs longer. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "detect/correlate.h"
#include "detect/correlate_naive_int.h"
#include "detect/try_int.h"

enum { GROUPS = 3, REFS = 4, MATCHES = 160 };
#define S INT64_C(1000000000)
#define START (INT64_C(1795568462) * S)

#define BASE(name)                                                                                 \
    "---\ntitle: T" name "\nid: id-" name "\nname: " name                                          \
    "\nlevel: low\nlogsource: {product: try}\n"                                                    \
    "detection: {s: {k: " name "}, condition: s}\n"
#define CORRELATION(body)                                                                          \
    "---\ntitle: C\nid: co\nlevel: high\ncorrelation:\n  group-by: [g]\n  timespan: 20s\n" body
#define ALL4 "  rules: [a, b, c, d]\n"
#define ALL2 "  rules: [a, b]\n"

static const char head[] =
    "logsources:\n  - {product: try, when: {k: '*'}}\n" BASE("a") BASE("b") BASE("c") BASE("d");

static const char *const bodies[] = {
    "  type: event_count\n" ALL4 "  condition: {gte: 5}\n",
    "  type: event_count\n" ALL2 "  condition: {gt: 1}\n",
    "  type: event_count\n" ALL4 "  condition: {lt: 2}\n",
    "  type: event_count\n" ALL4 "  condition: {eq: 4}\n",
    "  type: event_count\n" ALL4 "  condition: {gt: 3, lte: 6}\n",
    "  type: event_count\n" ALL4 "  condition: {neq: 1}\n",
    "  type: value_count\n" ALL4 "  condition: {field: v, gte: 4}\n",
    "  type: value_count\n" ALL4 "  condition: {field: [v, k], gte: 6}\n",
    "  type: value_count\n" ALL4 "  condition: {field: v, lte: 1}\n",
    "  type: value_sum\n" ALL4 "  condition: {field: n, gt: 60}\n",
    "  type: value_sum\n" ALL4 "  condition: {field: n, lt: 3}\n",
    "  type: value_avg\n" ALL4 "  condition: {field: n, gte: 14}\n",
    "  type: value_percentile\n" ALL4 "  condition: {field: n, percentile: 80, gt: 18}\n",
    "  type: value_percentile\n" ALL4 "  condition: {field: n, percentile: 0, gte: 8}\n",
    "  type: value_median\n" ALL4 "  condition: {field: n, gt: 14}\n",
    "  type: temporal\n" ALL2,
    "  type: temporal\n" ALL4,
    "  type: temporal\n" ALL4 "  condition: {gte: 3}\n",
    "  type: temporal\n" ALL4 "  condition: {lt: 2}\n",
    "  type: temporal\n" ALL4 "  condition: (a and b) or (c and d)\n",
    "  type: temporal\n" ALL4 "  condition: a and 2 of them\n"
    "# every rule has to be named\n",
    "  type: temporal\n" ALL2 "  condition: a and not b\n",
    "  type: temporal\n" ALL4 "  condition: (a or b) and c and not d\n",
    "  type: temporal_ordered\n" ALL2,
    "  type: temporal_ordered\n" ALL4,
    "  type: temporal_ordered\n  rules: [a, b, c]\n  condition: a and b and not c\n",
};

static uint64_t seed = 7, first_seed = 7;
static unsigned rounds = 12;
static struct detect_scratch *scratch;
static struct arena arena;

static uint64_t rnd(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % below;
}

struct run {
    struct ruleset *rs;
    struct correlator *c;
    struct naive *n;
    struct correlator_options o;
    struct naive_found found[NAIVE_FOUND_MAX];
    size_t found_n;
    uint64_t late;
    int64_t now;
};

static void on_found(void *arg, const struct finding *f)
{
    struct run *r = arg;
    const struct correlation_hit *h = f->correlation;

    if (!h) {
        assert_int_equal(correlator_feed(r->c, scratch, f, on_found, r), ERR_NONE);
        return;
    }
    assert_int_equal(h->group_n, 1);
    assert_int_equal(f->matched_n, 1);
    assert_true(h->group[0].value.n == 2 && h->group[0].value.p[0] == 'G');
    assert_in_range(h->events_n, 1, CORRELATE_EVENTS_MAX);
    assert_true(r->found_n < NAIVE_FOUND_MAX);
    r->found[r->found_n++] = (struct naive_found){(uint32_t)(h->group[0].value.p[1] - '0'),
                                                  h->last_ns,
                                                  h->first_ns,
                                                  h->last_ns,
                                                  h->matches,
                                                  h->value};
}

static void text_field(struct event *ev, const char *name, char letter, unsigned v)
{
    char text[16];
    struct slice s;

    (void)snprintf(text, sizeof(text), "%c%u", letter, v);
    assert_int_equal(arena_dup(&arena, slice_of(text), &s), ERR_NONE);
    assert_int_equal(event_add(ev, slice_of(name), value_str(s)), ERR_NONE);
}

/* One event that may match two rules; the plain definition gets what the event holds. */
static void one_event(struct run *r, const struct naive_match *m, uint32_t second)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    static struct value list[2];
    struct event ev;

    arena_reset(&arena);
    event_init(&ev, &arena);
    list[0] = value_str(slice_of(names[m->ref]));
    list[1] = value_str(slice_of(names[second]));
    ev.id = m->id;
    ev.timestamp_ns = m->t;
    ev.ingested_ns = m->received;
    ev.org = 7;
    struct value k = {.type = VT_LIST, .text = SLICE(""), .list_n = 2, .list = list};
    assert_int_equal(event_add(&ev, SLICE("k"), k), ERR_NONE);
    text_field(&ev, "g", 'G', m->group);
    text_field(&ev, "v", 'V', (unsigned)m->value % 8);
    char number[32];
    (void)snprintf(number, sizeof(number), "%.2f", m->number);
    assert_int_equal(event_add(&ev, SLICE("n"), value_str(slice_of(number))), ERR_NONE);
    (void)detect_event(r->rs, scratch, &ev, on_found, r);
}

static bool refers(const struct correlation *co, uint32_t ref)
{
    return ref < co->refs_n;
}

static void plain(struct run *r, struct naive_match m, uint32_t second)
{
    const struct correlation *co = r->n->co;
    uint32_t a = m.ref < second ? m.ref : second, b = m.ref < second ? second : m.ref;
    uint64_t first = m.ref; /* the list's first value is what value_count sees of k */

    if (co->values_n == 2)
        m.value = m.value * 16 + first;
    m.ref = a;
    if (refers(co, a))
        naive_take(r->n, &m);
    m.ref = b;
    if (b != a && refers(co, b))
        naive_take(r->n, &m);
}

static void reopen(struct run *r)
{
    struct correlator_stats st;
    struct buf b;
    struct correlator *c = NULL;

    correlator_stats(r->c, &st);
    r->late += st.late;
    buf_init(&b, 64 << 20);
    assert_int_equal(correlator_save(r->c, &b), ERR_NONE);
    assert_int_equal(correlator_new(r->rs, &r->o, &c), ERR_NONE);
    assert_int_equal(correlator_load(c, buf_slice(&b), NULL), ERR_NONE);
    correlator_free(r->c);
    r->c = c;
    buf_done(&b);
}

static void same(const struct run *r, const char *body, unsigned round, size_t step)
{
    const struct naive *n = r->n;
    bool ok = r->found_n == n->found_n;
    bool chain = n->co->chain && n->co->mode == MODE_FORWARD;

    for (size_t i = 0; ok && i < n->found_n; i++) {
        const struct naive_found *w = &n->found[i];
        bool hit = false;
        for (size_t k = 0; k < r->found_n; k++) {
            const struct naive_found *g = &r->found[k];
            bool at = chain || (n->co->mode == MODE_FORWARD ? g->first == w->at : g->last == w->at);
            bool window = n->co->type == CORRELATION_TEMPORAL ||
                          n->co->type == CORRELATION_TEMPORAL_ORDERED ||
                          (g->first == w->first && g->matches == w->matches &&
                           !(g->value < w->value) && !(g->value > w->value));
            hit = hit || (g->group == w->group && at && window);
        }
        ok = hit;
    }
    if (ok)
        return;
    for (size_t i = 0; i < n->found_n; i++)
        print_message("plain  g%u at %.3f [%.3f %.3f] %lu %g\n", n->found[i].group,
                      (double)(n->found[i].at - START) / 1e9,
                      (double)(n->found[i].first - START) / 1e9,
                      (double)(n->found[i].last - START) / 1e9, (unsigned long)n->found[i].matches,
                      n->found[i].value);
    for (size_t i = 0; i < r->found_n; i++)
        print_message("engine g%u [%.3f %.3f] %lu %g\n", r->found[i].group,
                      (double)(r->found[i].first - START) / 1e9,
                      (double)(r->found[i].last - START) / 1e9, (unsigned long)r->found[i].matches,
                      r->found[i].value);
    fail_msg("%s\nround %u step %zu, seed %lu", body, round, step, (unsigned long)first_seed);
}

struct shape {
    uint64_t step, disorder, groups;
    bool whole_seconds;
};

static void random_match(struct run *r, const struct shape *s, struct naive_match *m)
{
    r->now += (int64_t)rnd(s->step);
    if (rnd(40) == 0)
        r->now += (int64_t)rnd(60) * S; /* quiet: judged, maybe forgotten */
    *m = (struct naive_match){
        .t = r->now - (rnd(3) ? 0 : (int64_t)rnd(s->disorder + 1)),
        .received = r->now,
        .group = (uint32_t)rnd(s->groups),
        .ref = (uint32_t)rnd(REFS),
        .number = (double)rnd(88) / 4,
        .value = rnd(8),
    };
    if (s->whole_seconds)
        m->t = m->t / S * S;
    for (size_t i = 0; i < sizeof(m->id.b); i++)
        m->id.b[i] = (uint8_t)rnd(256);
    m->id.b[14] &= 15;
}

static void one_round(struct ruleset *rs, const char *body, unsigned round)
{
    static struct naive n;
    static struct run r;
    struct naive_match last = {.group = 0};
    struct shape s = {.step = rnd(2) ? 3 * S : 9 * S,
                      .disorder = (uint64_t)(rnd(4) * 6 * S),
                      .groups = 1 + rnd(GROUPS),
                      .whole_seconds = rnd(2)};
    struct correlator_stats st;

    r = (struct run){.rs = rs, .n = &n, .now = START};
    r.o =
        (struct correlator_options){.lateness_ns = (int64_t)rnd(4) * 5 * S, .rule_bytes = 64 << 20};
    assert_int_equal(correlator_new(rs, &r.o, &r.c), ERR_NONE);
    naive_init(&n, rs->correlations[0], r.o.lateness_ns);
    for (size_t i = 0; i < MATCHES; i++) {
        struct naive_match m;
        uint32_t second;
        random_match(&r, &s, &m);
        if (i && rnd(10) == 0) {
            int64_t received = m.received;
            m = last; /* the same event once more */
            m.received = received;
        }
        last = m;
        second = rnd(5) ? m.ref : (uint32_t)rnd(REFS);
        one_event(&r, &m, second);
        plain(&r, m, second);
        if (rnd(25) == 0) {
            correlator_advance(r.c, r.now, on_found, &r);
            naive_advance(&n, r.now);
        }
        if (rnd(30) == 0)
            reopen(&r);
        same(&r, body, round, i);
    }
    correlator_advance(r.c, INT64_MAX, on_found, &r);
    naive_advance(&n, INT64_MAX);
    same(&r, body, round, MATCHES);
    correlator_stats(r.c, &st);
    assert_int_equal(st.late + r.late, n.late);
    assert_int_equal(st.limited + st.evicted + st.groups + st.bytes, 0);
    correlator_free(r.c);
}

static void engine_is_the_definition(void **unused)
{
    size_t found = 0;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        char yaml[4096];
        (void)snprintf(yaml, sizeof(yaml), "%s" CORRELATION("%s"), head, bodies[i]);
        struct ruleset *rs = try_rules(slice_of(yaml));
        const struct rule_report *rep = ruleset_report(rs);
        for (size_t k = 0; k < rep->issues_n; k++)
            print_message("%s: %s\n", bodies[i], rep->issues[k].message);
        assert_int_equal(rep->issues_n, 0);
        assert_int_equal(correlate_n(rs), 1);
        for (unsigned k = 0; k < rounds; k++)
            one_round(rs, bodies[i], k);
        ruleset_unref(rs);
        found++;
    }
    assert_int_equal(found, ARRAY_LEN(bodies));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(engine_is_the_definition)};
    uint64_t n = 0;

    if (argc > 1 && slice_to_u64(slice_of(argv[1]), &n))
        rounds = (unsigned)n;
    if (argc > 2 && slice_to_u64(slice_of(argv[2]), &n) && n)
        seed = first_seed = n;
    arena_init(&arena, 1 << 20);
    scratch = detect_scratch_new();
    int failed = scratch ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    detect_scratch_free(scratch);
    arena_done(&arena);
    try_done();
    return failed;
}
