/* First byte 'y': the rest is rule YAML, correlated over a few events, saved and loaded. Else: the
 * rest is the saved groups of one of some correlations, then more events come. */
#include <stdlib.h>

#include "core/bytes.h"
#include "detect/correlate_state_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define S INT64_C(1000000000)
#define BASE(name)                                                                                 \
    "---\ntitle: T" name "\nid: id-" name "\nname: " name                                          \
    "\nlevel: low\nlogsource: {product: try}\ndetection: {s: {k: " name "}, condition: s}\n"
#define CORR(id, body)                                                                             \
    "---\ntitle: C\nid: " id "\nlevel: low\ncorrelation: {rules: [a, b], group-by: [g], "          \
    "timespan: 20s, " body "}\n"

static const char table[] = "logsources:\n  - {product: try, when: {k: '*'}}\n" BASE("a") BASE("b");
static const char more[] = CORR("c1", "type: event_count, condition: {gte: 3}")
    CORR("c2", "type: value_count, condition: {field: v, lt: 3}")
        CORR("c3", "type: value_median, condition: {field: n, gte: 3}") CORR("c4", "type: temporal")
            CORR("c5", "type: temporal_ordered, condition: a and not b")
                CORR("c6", "type: value_sum, condition: {field: n, gte: 3}");

static struct detect_scratch *scratch;
static struct correlator *now;

static void found(void *arg, const struct finding *f)
{
    size_t *n = arg;

    if (f->correlation)
        *n += f->correlation->events_n + f->correlation->key.n + f->matched_n;
    else if (correlator_feed(now, scratch, f, found, arg) == ERR_SYNTAX)
        abort(); /* what was gathered is taken */
}

static void events(struct ruleset *rs, size_t *n)
{
    struct arena arena;
    struct event ev;

    arena_init(&arena, 1 << 20);
    for (int i = 0; i < 24; i++) {
        arena_reset(&arena);
        event_init(&ev, &arena);
        ev.timestamp_ns = (1000 + i * 3 % 17) * S;
        ev.ingested_ns = (1010 + i * 2) * S;
        ev.id.b[0] = (uint8_t)i;
        if (event_add(&ev, SLICE("k"), value_str(i % 3 ? SLICE("a") : SLICE("b"))) != ERR_NONE ||
            event_add(&ev, SLICE("g"), value_str(i % 5 ? SLICE("G") : SLICE("h"))) != ERR_NONE ||
            event_add(&ev, SLICE("v"), value_str(SLICE("v"))) != ERR_NONE ||
            event_add(&ev, SLICE("n"), value_int(&arena, i)) != ERR_NONE)
            abort();
        (void)detect_event(rs, scratch, &ev, found, n);
    }
    correlator_advance(now, 1040 * S, found, n);
    arena_done(&arena);
}

static struct correlator *correlator_made(struct ruleset *rs)
{
    const struct correlator_options o = {.lateness_ns = 5 * S, .rule_bytes = 1 << 20};
    struct correlator *c = NULL;

    if (correlator_new(rs, &o, &c) != ERR_NONE)
        abort();
    return c;
}

/* What was saved can be loaded, and is then saved as the same bytes. */
static void round_trip(struct ruleset *rs)
{
    struct buf a, b;
    struct correlator *c = correlator_made(rs);

    buf_init(&a, 16 << 20);
    buf_init(&b, 16 << 20);
    if (correlator_save(now, &a) != ERR_NONE ||
        correlator_load(c, buf_slice(&a), NULL) != ERR_NONE || correlator_save(c, &b) != ERR_NONE ||
        !slice_eq(buf_slice(&a), buf_slice(&b)))
        abort();
    buf_done(&a);
    buf_done(&b);
    correlator_free(c);
}

static void load(struct ruleset *rs, uint8_t which, struct slice groups)
{
    const struct correlation *co = rs->correlations[which % rs->correlations_n];
    struct buf b;

    buf_init(&b, 16 << 20);
    enum err e = buf_put(&b, SLICE("CLCS\1\0\0\0seedseed"));
    if (e == ERR_NONE)
        e = bytes_put_uint(&b, (uint64_t)(1 << 20) * (uint64_t)S, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(&b, 1, 4);
    if (e == ERR_NONE)
        e = bytes_put_uint(&b, co->version, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(&b, groups.n, 8);
    if (e == ERR_NONE)
        e = buf_put(&b, groups);
    if (e != ERR_NONE)
        abort();
    e = correlator_load(now, buf_slice(&b), NULL);
    struct correlator_stats st;
    correlator_stats(now, &st);
    if (e != ERR_NONE && st.groups)
        abort();
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ruleset *rs = NULL;
    size_t n = 0;
    struct buf text;

    if (!scratch)
        scratch = detect_scratch_new();
    if (size < 2)
        return 0;
    struct slice rest = {(const char *)data + 1, size - 1};
    buf_init(&text, 16 << 20);
    if (buf_puts(&text, table) != ERR_NONE ||
        (data[0] == 'y' ? buf_put(&text, rest) : buf_puts(&text, more)) != ERR_NONE)
        abort();
    if (ruleset_load_text("fuzz.yml", buf_slice(&text), &rs, NULL) == ERR_NONE) {
        now = correlator_made(rs);
        if (data[0] != 'y')
            load(rs, data[0], rest);
        events(rs, &n);
        round_trip(rs);
        correlator_advance(now, INT64_MAX, found, &n);
        correlator_free(now);
    }
    ruleset_unref(rs);
    buf_done(&text);
    return 0;
}
