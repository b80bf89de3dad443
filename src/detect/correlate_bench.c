/* Events a second on one core through the correlations, with and without gathering the match:
 * `ninja src/detect/correlate_bench && build/src/detect/correlate_bench`. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/bytes.h"
#include "detect/correlate.h"

enum { EVENTS = 1 << 20, GROUPS = 10000, TAKE_ROUNDS = 3 };
#define S INT64_C(1000000000)
#define BASE(name)                                                                                 \
    "---\ntitle: T" name "\nid: id-" name "\nname: " name                                          \
    "\nlevel: low\nlogsource: {product: try}\ndetection: {s: {k: " name "}, condition: s}\n"
#define HEAD "logsources:\n  - {product: try, when: {k: '*'}}\n" BASE("a") BASE("b") BASE("c")
#define CORR(id, rest)                                                                             \
    "---\ntitle: C\nid: " id "\nlevel: low\ncorrelation: {group-by: [g], timespan: 5m, " rest "}"  \
    "\n"
#define COUNT CORR("c1", "type: event_count, rules: [a, b, c], condition: {gte: 100}")
#define TEMPORAL CORR("c2", "type: temporal, rules: [a, b, c]")
#define ORDERED CORR("c3", "type: temporal_ordered, rules: [a, b, c]")
#define VALUES(n)                                                                                  \
    CORR("c4", "type: value_count, rules: [a, b, c], condition: {field: v, gte: " n "}")

static const struct {
    const char *name, *yaml;
    unsigned groups, values;
    bool disorder;
    int64_t every_ns, lateness_s; /* a group remembers a timespan and the lateness */
} lanes[] = {
    {"event_count", HEAD COUNT, GROUPS, 8, false, 100000, 300},
    {"event_count, out of order", HEAD COUNT, GROUPS, 8, true, 100000, 300},
    {"temporal", HEAD TEMPORAL, GROUPS, 8, false, 100000, 300},
    {"temporal, out of order", HEAD TEMPORAL, GROUPS, 8, true, 100000, 300},
    {"mixed (count, temporal, ordered)", HEAD COUNT TEMPORAL ORDERED, GROUPS, 8, false, 100000,
     300},
    {"value_count, 100,000 distinct", HEAD VALUES("100001"), 1, 100000, false, 2400000, 0},
    {"value_count, 1,800 distinct", HEAD VALUES("1801"), 1, 1800, false, 2400000, 0},
    {"value_sum",
     HEAD CORR("c5", "type: value_sum, rules: [a, b, c], condition: {field: n, gte: 1000000}"),
     GROUPS, 8, false, 100000, 300},
};

struct bench {
    struct ruleset *rs;
    struct detect_scratch *scratch;
    struct buf records;
    uint64_t found;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void found(void *arg, const struct finding *f)
{
    ((struct bench *)arg)->found += f->correlation != NULL;
}

static void gather(void *arg, const struct finding *f)
{
    struct bench *b = arg;

    if (correlate_gather(b->rs, b->scratch, f, &b->records) != ERR_NONE)
        abort();
}

static void match(struct bench *b, size_t lane, int i)
{
    static const char *const kinds[] = {"a", "b", "c"};
    char g[16], v[16], n[16];
    struct arena arena;
    struct event ev;
    unsigned r = (unsigned)i * 2654435761U;
    struct value list[4];

    arena_init(&arena, 1 << 20);
    event_init(&ev, &arena);
    (void)snprintf(g, sizeof(g), "g%u", (r >> 8) % lanes[lane].groups);
    (void)snprintf(v, sizeof(v), "v%u", (unsigned)i % lanes[lane].values);
    (void)snprintf(n, sizeof(n), "%u", r % 100);
    list[0] = value_str(slice_of(kinds[i % 3]));
    list[1] = value_str(slice_of(g));
    list[2] = value_str(slice_of(v));
    list[3] = value_str(slice_of(n));
    ev.timestamp_ns = ev.ingested_ns = INT64_C(1795568462) * S + (int64_t)i * lanes[lane].every_ns;
    if (lanes[lane].disorder)
        ev.timestamp_ns -= (int64_t)(r >> 3) % (2 * S);
    memcpy(ev.id.b, &(uint32_t){__builtin_bswap32((uint32_t)i)}, 4);
    if (event_add(&ev, SLICE("k"), list[0]) != ERR_NONE ||
        event_add(&ev, SLICE("g"), list[1]) != ERR_NONE ||
        event_add(&ev, SLICE("v"), list[2]) != ERR_NONE ||
        event_add(&ev, SLICE("n"), list[3]) != ERR_NONE)
        abort();
    (void)detect_event(b->rs, b->scratch, &ev, gather, b);
    arena_done(&arena);
}

static double take_all(struct bench *b, size_t lane)
{
    const struct correlator_options o = {.lateness_ns = lanes[lane].lateness_s * S,
                                         .rule_bytes = (size_t)256 << 20};
    struct bytes in = bytes_of(buf_slice(&b->records));
    struct correlator *c = NULL;

    if (correlator_new(b->rs, &o, &c) != ERR_NONE)
        abort();
    b->found = 0;
    double start = now_s();
    while (bytes_left(&in))
        if (correlator_take(c, bytes_sized(&in), NULL, found, b) != ERR_NONE)
            abort();
    double took = now_s() - start;
    struct correlator_stats st;
    correlator_stats(c, &st);
    if (st.evicted || st.limited || st.late)
        (void)printf("  evicted %llu limited %llu late %llu\n", (unsigned long long)st.evicted,
                     (unsigned long long)st.limited, (unsigned long long)st.late);
    correlator_free(c);
    return took;
}

int main(void)
{
    for (size_t lane = 0; lane < ARRAY_LEN(lanes); lane++) {
        struct bench b = {.scratch = detect_scratch_new()};
        double best = 1e9;
        buf_init(&b.records, (size_t)1 << 30);
        if (!b.scratch ||
            ruleset_load_text("bench.yml", slice_of(lanes[lane].yaml), &b.rs, NULL) != ERR_NONE)
            return EXIT_FAILURE;
        for (int i = 0; i < EVENTS; i++)
            match(&b, lane, i);
        for (int i = 0; i < TAKE_ROUNDS; i++) {
            double took = take_all(&b, lane);
            best = took < best ? took : best;
        }
        (void)printf("%-34s %6.2f M events/s (%5.0f ns), %llu found\n", lanes[lane].name,
                     EVENTS / best / 1e6, best * 1e9 / EVENTS, (unsigned long long)b.found);
        buf_done(&b.records);
        ruleset_unref(b.rs);
        detect_scratch_free(b.scratch);
    }
    return EXIT_SUCCESS;
}
