/* What correlation rules say, what is refused and where, ceilings, the saved state. The windows
 * themselves are held to their definition by correlate_property_test.c. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "detect/correlate_state_int.h"
#include "detect/try_int.h"

#define S INT64_C(1000000000)
#define START (INT64_C(1795568462) * S)
#define TABLE "logsources:\n  - {product: try, when: {k: '*'}}\n"
#define BASE(name)                                                                                 \
    "---\ntitle: T" name "\nid: id-" name "\nname: " name                                          \
    "\nlevel: low\nlogsource: {product: try}\ndetection: {s: {k: " name "}, condition: s}\n"
#define HEAD TABLE BASE("a") BASE("b") BASE("c")
#define CORR(id, body)                                                                             \
    "---\ntitle: C\nid: " id "\nname: name-" id "\nlevel: high\ncorrelation:\n" body

static struct detect_scratch *scratch;
static struct correlator *correlator;
static struct ruleset *rules;
static char log_text[1 << 14];
static uint64_t next_id;

static void on_found(void *arg, const struct finding *f)
{
    size_t at = strlen(log_text);

    if (f->correlation) {
        const struct correlation_hit *h = f->correlation;
        (void)snprintf(log_text + at, sizeof(log_text) - at, "%s[%.*s]=%g/%zu ", f->rule->id,
                       SLICE_ARG(h->group_n ? h->group[0].value : SLICE("")), h->value,
                       h->events_n);
        return;
    }
    if (!f->silent)
        (void)snprintf(log_text + at, sizeof(log_text) - at, "%s ", f->rule->id);
    assert_int_equal(correlator_feed(correlator, scratch, f, on_found, arg), ERR_NONE);
}

static void begin(const char *yaml, size_t rule_bytes)
{
    const struct correlator_options o = {.lateness_ns = 60 * S, .rule_bytes = rule_bytes};

    rules = try_rules(slice_of(yaml));
    assert_int_equal(correlator_new(rules, &o, &correlator), ERR_NONE);
    log_text[0] = 0;
}

static void end(void)
{
    correlator_free(correlator);
    ruleset_unref(rules);
}

/* An event `at` seconds after the start. */
static void event_at(int64_t at, const char *json)
{
    struct event *ev = try_event(slice_of(json));

    ev->timestamp_ns = ev->ingested_ns = START + at * S;
    ev->org = ev->org ? ev->org : 1;
    for (unsigned i = 0; i < 8; i++)
        ev->id.b[i] = (uint8_t)(++next_id >> (56 - 8 * i));
    (void)detect_event(rules, scratch, ev, on_found, NULL);
}

static void expect(const char *want)
{
    assert_string_equal(log_text, want);
    log_text[0] = 0;
}

static void boundary_and_rearm(void **unused)
{
    (void)unused;
    begin(HEAD CORR("x", "  type: event_count\n  rules: a\n  group-by: [g]\n  timespan: 10s\n"
                         "  condition: {gte: 3}\n"),
          1 << 20);
    event_at(0, "{\"k\":\"a\",\"g\":\"One\"}");
    event_at(5,
             "{\"k\":\"a\",\"g\":\"one\"}"); /* case is folded; the value is shown as first sent */
    event_at(10, "{\"k\":\"a\",\"g\":\"one\"}"); /* the first is exactly a timespan old: outside */
    expect("");
    event_at(14, "{\"k\":\"a\",\"g\":\"one\"}");
    expect("x[One]=3/3 ");
    for (int i = 15; i < 24; i++)
        event_at(i, "{\"k\":\"a\",\"g\":\"one\"}");
    expect(""); /* quiet for a timespan */
    event_at(24, "{\"k\":\"a\",\"g\":\"one\"}");
    expect("x[One]=10/10 ");       /* it goes on: told again */
    event_at(24, "{\"k\":\"a\"}"); /* no group key */
    event_at(-100, "{\"k\":\"a\",\"g\":\"one\"}");
    struct correlator_stats st;
    correlator_stats(correlator, &st);
    assert_int_equal(st.late, 1);
    assert_int_equal(st.groups, 1);
    end();
}

static void organisations_are_apart(void **unused)
{
    (void)unused;
    begin(HEAD CORR("x", "  type: event_count\n  rules: a\n  group-by: []\n  timespan: 10s\n"
                         "  condition: {gte: 2}\n"),
          1 << 20);
    for (uint32_t org = 1; org < 4; org++) {
        struct event *ev = try_event(SLICE("{\"k\":\"a\"}"));
        ev->timestamp_ns = ev->ingested_ns = START;
        ev->id.b[0] = (uint8_t)org;
        ev->org = org;
        (void)detect_event(rules, scratch, ev, on_found, NULL);
    }
    expect("");
    event_at(1, "{\"k\":\"a\"}");
    expect("x[]=2/2 ");
    end();
}

static void generate_decides_who_tells(void **unused)
{
    static const char count[] = "  type: event_count\n  rules: [a]\n  group-by: [g]\n"
                                "  timespan: 10s\n  condition: {gte: 1}\n";
    char yaml[4096];

    (void)unused;
    (void)snprintf(yaml, sizeof(yaml), "%s" CORR("x", "%s"), HEAD, count);
    begin(yaml, 1 << 20);
    event_at(0, "{\"k\":\"a\",\"g\":\"1\"}");
    event_at(0, "{\"k\":\"b\",\"g\":\"1\"}"); /* no correlation is about b */
    expect("x[1]=1/1 id-b ");
    end();
    (void)snprintf(yaml, sizeof(yaml), "%s" CORR("x", "%s") CORR("y", "%s  generate: true\n"), HEAD,
                   count, count);
    begin(yaml, 1 << 20);
    event_at(0, "{\"k\":\"a\",\"g\":\"1\"}");
    expect("id-a x[1]=1/1 y[1]=1/1 ");
    end();
}

static void aliases_and_chains(void **unused)
{
    (void)unused;
    begin(HEAD CORR("many",
                    "  type: event_count\n  rules: [a]\n  group-by: [user]\n  timespan: 1m\n"
                    "  condition: {gte: 3}\n")
              CORR("then", "  type: temporal_ordered\n  rules: [name-many, b]\n  group-by: [who]\n"
                           "  timespan: 5m\n  aliases:\n    who: {name-many: user, b: login}\n"),
          1 << 20);
    assert_int_equal(ruleset_report(rules)->issues_n, 0);
    assert_int_equal(ruleset_report(rules)->correlations, 2);
    event_at(0, "{\"k\":\"b\",\"login\":\"eve\"}");
    event_at(1, "{\"k\":\"a\",\"user\":\"eve\"}");
    event_at(2, "{\"k\":\"a\",\"user\":\"eve\"}");
    event_at(3, "{\"k\":\"b\",\"login\":\"eve\"}");
    event_at(4, "{\"k\":\"a\",\"user\":\"eve\"}");
    expect(""); /* many makes no finding of its own, and b came before it */
    event_at(4, "{\"k\":\"b\",\"login\":\"bob\"}");
    event_at(4, "{\"k\":\"b\",\"login\":\"EVE\"}"); /* in the same second, behind it */
    expect("then[eve]=2/2 ");
    end();
}

#define OLD(cond)                                                                                  \
    TABLE "---\ntitle: O\nid: o\nlevel: low\nlogsource: {product: try}\ndetection:\n"              \
          "  s: {k: a}\n  t: {k: b}\n  u: {k: c}\n  timeframe: 10s\n  condition: " cond "\n"

static void old_conditions(void **unused)
{
    static const struct {
        const char *yaml, *want;
    } cases[] = {
        {OLD("s | count() by g > 2"), "o[1]=3/3 "},
        {OLD("s or t | count(v) by g >= 3"), "o[1]=3/4 "},
        {OLD("1 of them | sum(n) by g > 15"), "o[1]=21/6 "},
        {OLD("s | min(n) by g >= 1"), "o[1]=1/1 "},
        {OLD("s | max(n) by g == 4"), "o[1]=4/3 "},
        {OLD("s | avg(n) by g > 2"), "o[1]=2.33333/3 "},
        {OLD("s | count() > 2"), "o[]=3/3 "},
        {OLD("s | near t"), "o[]=2/2 "},
        {OLD("s | near t and u"), "o[]=3/3 "},
        {OLD("s | near t and not u"), ""},
        {OLD("u | near t and not s"), "o[]=2/2 "},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(cases[i].yaml, 1 << 20);
        assert_int_equal(ruleset_report(rules)->correlations, 1);
        assert_int_equal(ruleset_report(rules)->loaded, 1);
        event_at(0, "{\"k\":\"a\",\"g\":\"1\",\"v\":\"x\",\"n\":1}");
        event_at(1, "{\"k\":\"a\",\"g\":\"1\",\"v\":\"y\",\"n\":2}");
        event_at(2, "{\"k\":\"b\",\"g\":\"1\",\"v\":\"x\",\"n\":3}");
        event_at(3, "{\"k\":\"a\",\"g\":\"1\",\"v\":\"z\",\"n\":4}");
        event_at(4, "{\"k\":\"c\",\"g\":\"1\",\"v\":\"z\",\"n\":5}");
        event_at(5, "{\"k\":\"b\",\"g\":\"1\",\"v\":\"z\",\"n\":6}");
        correlator_advance(correlator, INT64_MAX, on_found, NULL);
        if (strcmp(log_text, cases[i].want) != 0)
            print_message("%s", cases[i].yaml);
        expect(cases[i].want);
        end();
    }
}

#define GOOD "  type: event_count\n  rules: [a]\n  group-by: [g]\n"
static const struct {
    const char *body, *code;
    unsigned line; /* of the file; 0: any */
} defects[] = {
    {"  rules: [a]\n", "bad-correlation", 0},
    {"  type: event_sum\n  rules: [a]\n", "bad-correlation", 30},
    {"  type: event_count\n  group-by: [g]\n  timespan: 5m\n  condition: {gte: 1}\n",
     "bad-correlation", 0},
    {"  type: event_count\n  rules: [a]\n  timespan: 5m\n  condition: {gte: 1}\n",
     "missing-group-by", 29},
    {GOOD "  condition: {gte: 1}\n", "bad-timespan", 0},
    {GOOD "  timespan: 5\n  condition: {gte: 1}\n", "bad-timespan", 33},
    {GOOD "  timespan: 0s\n  condition: {gte: 1}\n", "bad-timespan", 33},
    {GOOD "  timespan: 99999999d\n  condition: {gte: 1}\n", "bad-timespan", 33},
    {GOOD "  timespan: 5m\n", "missing-condition", 0},
    {GOOD "  timespan: 5m\n  condition: {}\n", "bad-condition", 0},
    {GOOD "  timespan: 5m\n  condition: {more: 1}\n", "bad-condition", 34},
    {GOOD "  timespan: 5m\n  condition: {gte: many}\n", "bad-condition", 34},
    {GOOD "  timespan: 5m\n  condition: {gte: 1, field: x}\n", "bad-condition", 34},
    {GOOD "  timespan: 5m\n  condition: {gte: 1000000}\n", "bad-condition", 34},
    {GOOD "  timespan: 5m\n  condition: a and b\n", "bad-condition", 34},
    {"  type: value_sum\n  rules: [a]\n  group-by: [g]\n  timespan: 5m\n  condition: {gte: 1}\n",
     "bad-condition", 0},
    {"  type: value_percentile\n  rules: [a]\n  group-by: [g]\n  timespan: 5m\n"
     "  condition: {gte: 1, field: x}\n",
     "bad-condition", 0},
    {"  type: value_percentile\n  rules: [a]\n  group-by: [g]\n  timespan: 5m\n"
     "  condition: {gte: 1, field: x, percentile: 101}\n",
     "bad-condition", 0},
    {"  type: temporal\n  rules: [a, b]\n  group-by: [g]\n  timespan: 5m\n  condition: a\n",
     "bad-condition", 0},
    {"  type: temporal\n  rules: [a, b]\n  group-by: [g]\n  timespan: 5m\n  condition: a and z\n",
     "unknown-selection", 0},
    {"  type: temporal\n  rules: [a, b]\n  group-by: [g]\n  timespan: 5m\n  condition: a | b\n",
     "aggregation", 0},
    {"  type: temporal_ordered\n  rules: [a, b]\n  group-by: [g]\n  timespan: 5m\n"
     "  condition: a or b\n",
     "bad-condition", 0},
    {"  type: temporal_ordered\n  rules: [a, b]\n  group-by: [g]\n  timespan: 5m\n"
     "  condition: {gte: 1}\n",
     "bad-condition", 0},
    {"  type: temporal\n  rules: [a, nobody]\n  group-by: [g]\n  timespan: 5m\n", "unknown-rule",
     31},
    {"  type: temporal\n  rules: [a, x]\n  group-by: [g]\n  timespan: 5m\n", "correlation-cycle",
     31},
    {GOOD "  timespan: 5m\n  condition: {gte: 1}\n  aliases: {g: {b: x}}\n", "bad-alias", 35},
    {GOOD "  timespan: 5m\n  condition: {gte: 1}\n  aliases: {h: {a: x}}\n", "unused-alias", 35},
    {GOOD "  timespan: 5m\n  condition: {gte: 1}\n  aliases: [a]\n", "bad-alias", 35},
    {GOOD "  timespan: 5m\n  condition: {gte: 1}\n  generate: maybe\n", "bad-correlation", 35},
};

static void defects_are_named(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(defects); i++) {
        char yaml[4096];
        (void)snprintf(yaml, sizeof(yaml), "%s" CORR("x", "%s"), HEAD, defects[i].body);
        struct ruleset *rs = try_rules(slice_of(yaml));
        const struct rule_report *r = ruleset_report(rs);
        if (r->issues_n != 1 || strcmp(r->issues[0].code, defects[i].code) != 0 ||
            (defects[i].line && r->issues[0].line != defects[i].line))
            fail_msg("%swanted %s at %u, got %s at %u", defects[i].body, defects[i].code,
                     defects[i].line, r->issues_n ? r->issues[0].code : "nothing",
                     r->issues_n ? r->issues[0].line : 0);
        bool warning = r->issues[0].kind == ISSUE_WARNING;
        assert_int_equal(r->rules, 4);
        assert_int_equal(r->loaded, 3 + warning);
        assert_int_equal(r->correlations, warning);
        ruleset_unref(rs);
    }
}

static void depth_has_an_end(void **unused)
{
    static char yaml[64 << 10];

    (void)unused;
    (void)snprintf(yaml, sizeof(yaml), "%s", HEAD);
    for (int i = 200; i > 0; i--) { /* the outermost first */
        char below[16];
        size_t at = strlen(yaml);
        (void)snprintf(below, sizeof(below), "c%d", i - 1);
        (void)snprintf(yaml + at, sizeof(yaml) - at,
                       "---\ntitle: C\nid: c%d\nlevel: low\ncorrelation: {type: event_count, "
                       "rules: [%s], group-by: [g], timespan: 1m, condition: {gte: 1}}\n",
                       i, i == 1 ? "a" : below);
    }
    struct ruleset *rs = try_rules(slice_of(yaml));
    assert_int_equal(ruleset_report(rs)->correlations, CORRELATE_DEPTH_MAX);
    assert_true(try_has_issue(rs, "correlation-depth"));
    ruleset_unref(rs);
}

static void ceilings(void **unused)
{
    struct correlator_stats st;
    char json[64];

    (void)unused;
    begin(HEAD CORR("x", "  type: event_count\n  rules: a\n  group-by: [g]\n  timespan: 1d\n"
                         "  condition: {gte: 3}\n"),
          64 << 10);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(json, sizeof(json), "{\"k\":\"a\",\"g\":\"g%d\"}", i);
        event_at(i, json);
    }
    correlator_stats(correlator, &st);
    assert_in_range(st.groups, 50, 400);
    assert_in_range(st.bytes, 1, 64 << 10);
    assert_int_equal(st.evicted + st.groups, 2000);
    event_at(2000, json); /* the newest are still there */
    event_at(2000, json);
    expect("x[g1999]=3/3 ");
    end();
}

static void state_is_carried(void **unused)
{
    static const char count[] = "  type: value_count\n  rules: a\n  group-by: [g]\n"
                                "  timespan: 1h\n  condition: {field: v, gte: 3}\n";
    const struct correlator_options o = {.lateness_ns = 60 * S, .rule_bytes = 1 << 20};
    char yaml[4096];
    struct buf state;

    (void)unused;
    (void)snprintf(yaml, sizeof(yaml), "%s" CORR("x", "%s"), HEAD, count);
    begin(yaml, 1 << 20);
    event_at(0, "{\"k\":\"a\",\"g\":\"1\",\"v\":\"x\"}");
    event_at(1, "{\"k\":\"a\",\"g\":\"1\",\"v\":\"y\"}");
    buf_init(&state, 1 << 20);
    assert_int_equal(correlator_save(correlator, &state), ERR_NONE);
    end();
    for (unsigned changed = 0; changed < 2; changed++) {
        /* Another rule beside it changes nothing; a changed rule it refers to does. */
        (void)snprintf(yaml, sizeof(yaml), "%s%s" CORR("w", "%s") CORR("x", "%s"), TABLE,
                       changed ? BASE("b") "---\ntitle: Ta\nid: id-a\nname: a\nlevel: low\n"
                                           "logsource: {product: try}\n"
                                           "detection: {s: {k: [a, z]}, condition: s}\n"
                               : BASE("a") BASE("b"),
                       count, count);
        begin(yaml, 1 << 20);
        assert_int_equal(correlator_load(correlator, buf_slice(&state), NULL), ERR_NONE);
        event_at(2, "{\"k\":\"a\",\"g\":\"1\",\"v\":\"z\"}");
        expect(changed ? "" : "x[1]=3/3 ");
        end();
    }
    (void)snprintf(yaml, sizeof(yaml), "%s" CORR("x", "%s"), HEAD, count);
    rules = try_rules(slice_of(yaml));
    for (size_t n = 0; n < state.n; n++) { /* cut anywhere, and one bit turned */
        struct correlator *c = NULL;
        struct correlator_stats st;
        assert_int_equal(correlator_new(rules, &o, &c), ERR_NONE);
        assert_int_not_equal(correlator_load(c, (struct slice){state.p, n}, NULL), ERR_NONE);
        correlator_stats(c, &st);
        assert_int_equal(st.groups, 0);
        state.p[n] ^= 0x41;
        enum err e = correlator_load(c, buf_slice(&state), NULL);
        state.p[n] ^= 0x41;
        correlator_stats(c, &st);
        assert_true(e == ERR_NONE || st.groups == 0);
        correlator_free(c);
    }
    ruleset_unref(rules);
    buf_done(&state);
}

static void records_sort_by_time(void **unused)
{
    struct buf out;

    (void)unused;
    begin(HEAD CORR("x", "  type: event_count\n  rules: a\n  group-by: [g]\n  timespan: 1m\n"
                         "  condition: {gte: 1}\n"),
          1 << 20);
    buf_init(&out, 1 << 16);
    struct slice none = SLICE("short");
    assert_int_equal(correlator_take(correlator, none, NULL, on_found, NULL), ERR_SYNTAX);
    assert_int_equal(correlate_record_time(SLICE("\1\0\0\0\0\0\0\0")), 1);
    assert_true(correlate_record_cmp(SLICE("\1\0\0\0\0\0\0\0"), SLICE("\2\0\0\0\0\0\0\0")) < 0);
    assert_true(correlate_record_cmp(SLICE("\377\377\377\377\377\377\377\377"),
                                     SLICE("\2\0\0\0\0\0\0\0")) < 0);
    buf_done(&out);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boundary_and_rearm),
        cmocka_unit_test(organisations_are_apart),
        cmocka_unit_test(generate_decides_who_tells),
        cmocka_unit_test(aliases_and_chains),
        cmocka_unit_test(old_conditions),
        cmocka_unit_test(defects_are_named),
        cmocka_unit_test(depth_has_an_end),
        cmocka_unit_test(ceilings),
        cmocka_unit_test(state_is_carried),
        cmocka_unit_test(records_sort_by_time),
    };

    scratch = detect_scratch_new();
    int failed = scratch ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    detect_scratch_free(scratch);
    try_done();
    return failed;
}
