#include "core/test.h"

#include "core/clock.h"
#include "core/timefmt.h"

static void test_out(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {INT64_C(1764057021123000000), "2025-11-25T07:50:21.123Z"},
        {INT64_C(1764057021123456000), "2025-11-25T07:50:21.123456Z"},
        {INT64_C(1764057021123456789), "2025-11-25T07:50:21.123456789Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[TIME_TEXT_BYTES + 1];
        int64_t back = 0;
        time_rfc3339(rows[i].ns, text);
        assert_string_equal(text, rows[i].text);
        if (rows[i].ns > -NS_PER_S && rows[i].ns < INT64_MAX) {
            assert_true(time_parse_iso(slice_of(text), 3600, &back));
            assert_true(back == rows[i].ns);
        }
    }
}

static const struct {
    const char *in;
    int64_t s;
} iso_good[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01 00:00:00z", 0},
    {"1970-01-01t07:00:00+07:00", 0},
    {"1970-01-01T07:00:00+0700", 0},
    {"1970-01-01T07:00:00+07", 0},
    {"1969-12-31T17:30:00-06:30", 0},
    {"1970-01-01T01:00:00", 0}, /* no zone: an hour east is assumed below */
    {"1970-01-01T01:00", 0},
    {"1970-01-01", -3600},
    {"2000-02-29T00:00:00Z", 951782400},
    {"2016-12-31T23:59:60Z", 1483228800},
    {"2261-12-31T23:59:59Z", INT64_C(9214646399)},
};

static void test_iso(void **state)
{
    static const char *const bad[] = {
        "",
        "1970",
        "1970-01-01T",
        "1970-01-01T00",
        "1970-13-01",
        "1970-00-01",
        "1970-01-00",
        "1970-01-32",
        "2026-02-29T00:00:00Z",
        "2026-04-31",
        "1900-02-29",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+",
        "1970-01-01T00:00:00+7",
        "1970-01-01T00:00:00+07:",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00Zx",
        "1970-01-01x",
        "70-01-01",
        "1677-01-01",
        "2262-01-01",
        "9999-01-01T00:00:00Z",
    };
    int64_t ns = 5;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(iso_good); i++) {
        if (!time_parse_iso(slice_of(iso_good[i].in), 3600, &ns) || ns != iso_good[i].s * NS_PER_S)
            fail_msg("%s", iso_good[i].in);
    }
    ns = 5;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (time_parse_iso(slice_of(bad[i]), 0, &ns) || ns != 5)
            fail_msg("%s", bad[i]);
    }
    assert_true(time_parse_iso(SLICE("1970-01-01T00:00:00,5Z"), 0, &ns));
    assert_int_equal(ns, 500000000);
    assert_true(time_parse_iso(SLICE("1970-01-01T00:00:00.0000000019Z"), 0, &ns));
    assert_int_equal(ns, 1);
}

static void test_bounds(void **state)
{
    static const int64_t now = INT64_C(1764057021) * NS_PER_S;
    static const struct {
        const char *in;
        bool ok;
        int64_t s;
    } rows[] = {
        {"now", true, 1764057021},
        {"now-15m", true, 1764057021 - 900},
        {"-24h", true, 1764057021 - 86400},
        {"-7d", true, 1764057021 - 7 * 86400},
        {"-2w", true, 1764057021 - 14 * 86400},
        {"-30s", true, 1764057021 - 30},
        {"1764057000", true, 1764057000},
        {"1764057000000", true, 1764057000},
        {"2025-11-25", true, 1764028800},
        {"2025-11-25T08:00:00+07:00", true, 1764032400},
        {"", false, 0},
        {"now2025-11-25", false, 0},
        {"now-", false, 0},
        {"now+5m", false, 0},
        {"now ", false, 0},
        {"-5", false, 0},
        {"-m", false, 0},
        {"--5m", false, 0},
        {"-5y", false, 0},
        {"-100000001s", false, 0},
        {"-100000000w", false, 0},
        {"9999999999", false, 0},
        {"-99999999", false, 0},
        {"yesterday", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct diag d = {0};
        int64_t ns = 5;
        enum err e = time_parse_bound(slice_of(rows[i].in), now, &ns, &d);
        if (e != (rows[i].ok ? ERR_NONE : ERR_SYNTAX) ||
            ns != (rows[i].ok ? rows[i].s * NS_PER_S : 5))
            fail_msg("%s", rows[i].in);
    }
}

static void test_civil(void **state)
{
    (void)state;
    assert_true(time_from_civil(1970, 1, 1, 0) == 0);
    assert_true(time_from_civil(1969, 12, 31, 86399) == -NS_PER_S);
    assert_true(time_from_civil(2000, 3, 1, 0) == INT64_C(951868800) * NS_PER_S);
    assert_true(time_from_civil(2100, 3, 1, 0) - time_from_civil(2100, 2, 28, 0) ==
                86400 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out),
        cmocka_unit_test(test_iso),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_civil),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
