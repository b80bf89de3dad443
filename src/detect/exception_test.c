#include "core/test.h"

#include <stdio.h>

#include "core/clock.h"
#include "detect/correlate.h"
#include "detect/exception.h"
#include "detect/try_int.h"

#define NOW INT64_C(1800000000000000000) /* 2027-01-15 */

static const struct rule_info rule = {.id = "r1"};

static struct exceptions *read(const char *rows)
{
    struct exceptions *x = NULL;
    struct diag diag = {0};
    char text[4096];

    (void)snprintf(text, sizeof(text), "{\"exceptions\":[%s]}", rows);
    if (exceptions_read(slice_of(text), &x, &diag) != ERR_NONE)
        fail_msg("%s: %s", text, diag.text);
    return x;
}

static void test_holds(void **state)
{
    (void)state;
    static const char event[] =
        "{\"user\":{\"name\":\"Nguyễn Văn "
        "Đức\"},\"source\":{\"ip\":\"10.1.2.3\"},\"Image\":\"C:\\\\Tool\\\\Scan.exe\","
        "\"tags\":[\"one\",\"two\"],\"message\":\"a line\"}";
    static const struct {
        const char *row; /* without number and end */
        bool held;
    } rows[] = {
        {"\"rule\":\"r1\",\"field\":\"user.name\",\"value\":\"nguyễn văn ĐỨC\"", true},
        {"\"rule\":\"r1\",\"field\":\"user.name\",\"value\":\"nguyen van duc\"", false},
        {"\"rule\":\"r1\",\"field\":\"user.name\",\"value\":\"nguy?n*\"", true},
        {"\"rule\":\"r1\",\"field\":\"user.name\",\"value\":\"nguyễn\"", false},
        {"\"rule\":\"r2\",\"field\":\"user.name\",\"value\":\"*\"", false},
        {"\"rule\":\"r1\",\"field\":\"source.ip\",\"value\":\"10.1.*\"", true},
        {"\"rule\":\"r1\",\"field\":\"source.ip\",\"value\":\"10.1.*\",\"org\":7", true},
        {"\"rule\":\"r1\",\"field\":\"source.ip\",\"value\":\"10.1.*\",\"org\":8", false},
        {"\"rule\":\"r1\",\"field\":\"Image\",\"value\":\"*\\\\scan.exe\"", true},
        {"\"rule\":\"r1\",\"field\":\"commandline\",\"value\":\"x y\"",
         true}, /* as the rule says */
        {"\"rule\":\"r1\",\"field\":\"CommandLine\",\"value\":\"x\"", false},
        {"\"rule\":\"r1\",\"field\":\"message\",\"value\":\"A LINE\"", true},
        {"\"rule\":\"r1\",\"field\":\"none\",\"value\":\"*\"", false},
        {"\"rule\":\"r1\",\"field\":\"tags\",\"value\":\"one\"", false}, /* and two? */
        {"\"rule\":\"r1\",\"field\":\"tags\",\"value\":\"*o*\"", true},
        {"\"rule\":\"r1\",\"source\":\"web1\"", false},
    };
    const struct match_field matched = {SLICE("CommandLine"), SLICE("x y")};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        struct event *ev = try_event(slice_of(event));
        ev->org = 7;
        struct finding f = {.rule = &rule, .event = ev, .matched_n = 1, .matched = &matched};
        (void)snprintf(text, sizeof(text), "{\"id\":9,%s,\"ends\":\"2027-02-01T00:00:00Z\"}",
                       rows[i].row);
        struct exceptions *x = read(text);
        if (exceptions_hold(x, &f, ev->arena, NOW) != (rows[i].held ? 9 : 0))
            fail_msg("%s", text);
        assert_int_equal(exceptions_hold(x, &f, ev->arena, NOW + 30 * 86400 * NS_PER_S),
                         0); /* ended */
        exceptions_free(x);
    }
}

static void test_source_and_many(void **state)
{
    (void)state;
    struct event *ev = try_event(SLICE("{\"user\":{\"name\":\"an\"}}"));
    struct finding f = {.rule = &rule, .event = ev};

    assert_int_equal(event_set(ev, F_COLOA_SOURCE, SLICE("web1")), ERR_NONE);
    struct exceptions *x = read(
        "{\"id\":5,\"rule\":\"r1\",\"source\":\"WEB1\",\"field\":\"user.name\",\"value\":\"b*\","
        "\"ends\":\"2027-02-01T00:00:00Z\"},"
        "{\"id\":3,\"rule\":\"r0\",\"source\":\"web1\",\"ends\":\"2027-02-01T00:00:00Z\"},"
        "{\"id\":4,\"rule\":\"r1\",\"source\":\"web1\",\"ends\":\"2027-02-01T00:00:00Z\"}");
    assert_int_equal(exceptions_n(x), 3);
    assert_int_equal(exceptions_hold(x, &f, ev->arena, NOW), 4);
    exceptions_free(x);
    x = read("");
    assert_int_equal(exceptions_hold(x, &f, ev->arena, NOW), 0);
    exceptions_free(x);
}

static void test_correlation(void **state)
{
    (void)state;
    struct event *ev = try_event(SLICE("{\"user\":{\"name\":\"an\"}}"));
    const struct match_field group[] = {{SLICE("SrcIp"), SLICE("10.1.2.3")}};
    const struct slice entities[] = {SLICE("source.ip")};
    const struct correlation_hit hit = {
        .org = 7, .group_n = 1, .group = group, .entities = entities};
    struct finding f = {.rule = &rule, .correlation = &hit}; /* no event at hand */
    static const struct {
        const char *row;
        bool held;
    } rows[] = {
        {"\"rule\":\"r1\",\"field\":\"source.ip\",\"value\":\"10.*\"", true},
        {"\"rule\":\"r1\",\"field\":\"srcip\",\"value\":\"10.1.2.3\",\"org\":7", true},
        {"\"rule\":\"r1\",\"field\":\"srcip\",\"value\":\"10.1.2.3\",\"org\":8", false},
        {"\"rule\":\"r1\",\"field\":\"user.name\",\"value\":\"an\"", false},
        {"\"rule\":\"r1\",\"source\":\"s\"", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), "{\"id\":9,%s,\"ends\":\"2027-02-01T00:00:00Z\"}",
                       rows[i].row);
        struct exceptions *x = read(text);
        if (exceptions_hold(x, &f, ev->arena, NOW) != (rows[i].held ? 9 : 0))
            fail_msg("%s", text);
        exceptions_free(x);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{",
        "[]",
        "{}",
        "{\"exceptions\":{}}",
        "{\"exceptions\":[{}]}",
        "{\"exceptions\":[{\"id\":1,\"rule\":\"r\",\"ends\":null}]}",
        "{\"exceptions\":[{\"id\":1,\"ends\":\"2027-02-01T00:00:00Z\"}]}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct exceptions *x = NULL;
        struct diag diag = {0};
        assert_int_not_equal(exceptions_read(slice_of(texts[i]), &x, &diag), ERR_NONE);
        assert_null(x);
        assert_true(diag.text[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_source_and_many),
        cmocka_unit_test(test_correlation),
        cmocka_unit_test(test_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    try_done();
    return failed;
}
