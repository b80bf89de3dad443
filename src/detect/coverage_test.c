#include "core/test.h"

#include "detect/coverage.h"
#include "detect/try_int.h"

static const char yaml[] = "field_sets: {}\n"
                           "logsources:\n"
                           "  - {product: a, service: x, fields: [], when: {kind: ax}}\n"
                           "  - {product: a, service: y, fields: [], when: {kind: ay}}\n"
                           "  - {category: c, fields: [], when: {kind: [ax, c]}}\n"
                           "---\n"
                           "title: one\nid: r1\nlevel: low\nlogsource: {product: a, service: x}\n"
                           "detection: {s: {f: v}, condition: s}\n"
                           "---\n"
                           "title: two\nid: r2\nlevel: low\nlogsource: {product: a}\n"
                           "detection: {s: {f: v}, condition: s}\n"
                           "---\n"
                           "title: none\nid: r3\nlevel: low\nlogsource: {product: other}\n"
                           "detection: {s: {f: v}, condition: s}\n";

static void emit(void *arg, const struct finding *f)
{
    (void)arg, (void)f;
}

static void test_coverage(void **state)
{
    (void)state;
    struct ruleset *rs = try_rules(slice_of(yaml)), *other = try_rules(slice_of(yaml));
    struct detect_scratch *s = detect_scratch_new();

    assert_int_equal(ruleset_sources_n(rs), 3);
    struct source_info x = ruleset_source(rs, 0), y = ruleset_source(rs, 1);
    assert_true(slice_eq(x.service, SLICE("x")) && slice_eq(x.category, SLICE("")));
    assert_int_equal(x.rules_n, 2);
    assert_int_equal(y.rules_n, 1);
    assert_true(ruleset_can_match(rs, 0));
    assert_false(ruleset_can_match(rs, 2));

    (void)detect_event(rs, s, try_event(SLICE("{\"kind\":\"ax\"}")), emit, NULL);
    assert_true(coverage_seen(s, rs, 0));
    assert_false(coverage_seen(s, rs, 1));
    assert_true(coverage_seen(s, rs, 2));
    assert_false(coverage_seen(s, other, 0));
    (void)detect_event(rs, s, try_event(SLICE("{\"kind\":\"ay\"}")), emit, NULL);
    assert_true(coverage_seen(s, rs, 1));
    coverage_clear(s);
    for (size_t i = 0; i < 3; i++)
        assert_false(coverage_seen(s, rs, i));
    (void)detect_event(rs, s, try_event(SLICE("{\"kind\":\"z\"}")), emit, NULL);
    for (size_t i = 0; i < 3; i++)
        assert_false(coverage_seen(s, rs, i));
    /* another ruleset begins anew */
    (void)detect_event(rs, s, try_event(SLICE("{\"kind\":\"ax\"}")), emit, NULL);
    (void)detect_event(other, s, try_event(SLICE("{\"kind\":\"ay\"}")), emit, NULL);
    assert_false(coverage_seen(s, rs, 0));
    assert_true(coverage_seen(s, other, 1));
    assert_false(coverage_seen(s, other, 0));
    detect_scratch_free(s);
    ruleset_unref(rs);
    ruleset_unref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_coverage)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    try_done();
    return failed;
}
