#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/metrics.h"
#include "detect/try_int.h"

/* Rules that ask for too much: refused with file, line and limit, or done in bounded time. */

#define TABLE "logsources:\n  - {product: try, when: {never sent: null}}\n---\n"
#define HEAD "title: Try\nid: r1\nlevel: low\nlogsource: {product: try}\ndetection:\n"
#define SECONDS_MAX 20 /* under a sanitizer, on a busy machine */

struct part {
    const char *text;
    size_t times; /* %zu in the text is the number of the turn */
};

/* The parts one after the other, each as often as it says. */
static void put(struct buf *to, const struct part *parts, size_t n)
{
    buf_init(to, 32 << 20);
    assert_int_equal(buf_printf(to, "%s", TABLE HEAD), ERR_NONE);
    for (size_t i = 0; i < n && parts[i].text; i++) {
        const char *number = strstr(parts[i].text, "NUMBER");
        for (size_t k = 0; k < parts[i].times; k++)
            if (number)
                assert_int_equal(buf_printf(to, "%.*s%zu%s", (int)(number - parts[i].text),
                                            parts[i].text, k, number + 6),
                                 ERR_NONE);
            else
                assert_int_equal(buf_printf(to, "%s", parts[i].text), ERR_NONE);
    }
}

static void in_time(time_t since, const char *what)
{
    if (time(NULL) - since > SECONDS_MAX)
        fail_msg("%s took %lld s", what, (long long)(time(NULL) - since));
}

static const struct {
    struct part parts[6];
    const char *code, *message;
    unsigned line; /* 0: any */
} refused[] = {
    {{{"  s: {a: x}\n  condition: s", 1}, {" or s", 5000}, {"\n", 1}},
     "too-deep",
     "4096 parts",
     10},
    {{{"  s: {a: x}\n  condition:\n", 1}, {"    - s\n", 5000}}, "too-deep", "4096 parts", 0},
    {{{"  s: {a: x}\n  condition: ", 1}, {"(", 100000}, {"s", 1}, {")", 100000}, {"\n", 1}},
     "too-deep",
     "too deep",
     10},
    {{{"  sNUMBER: {a: v}\n", 1000},
      {"  condition: all of s*", 1},
      {" or all of s*", 2000},
      {"\n", 1}},
     "too-large",
     "limited to 67108864",
     0},
    {{{"  s:\n    a:\n", 1},
      {"      - vNUMBER\n", 50000},
      {"  condition: s", 1},
      {" or s", 100},
      {"\n", 1}},
     "too-large",
     "limited to 67108864",
     0},
    {{{"  sNUMBER: {a: v}\n", 1100}, {"  condition: 1 of s*\n", 1}},
     "too-many-selections",
     "1024",
     8},
    {{{"  s:\n", 1}, {"    fNUMBER: x\n", 5000}, {"  condition: s\n", 1}},
     "too-many-fields",
     "4096",
     4106},
    {{{"  s: ", 1}, {"[{a: b}, ", 40}, {"x", 1}, {"]", 40}, {"\n  condition: s\n", 1}},
     "too-deep",
     "nested too deep",
     9},
    {{{"  s: ", 1}, {"[", 200}, {"x", 1}, {"]", 200}, {"\n  condition: s\n", 1}},
     "yaml",
     "nested too deep",
     9},
    {{{"  s: {a: &x [b, b]}\n  t: {a: &y [*x, *x]}\n  condition: s\n", 1}}, "yaml", "anchor", 9},
    {{{"  s: {a: *x}\n  condition: s\n", 1}}, "yaml", "alias", 9},
    {{{"  s:\n    ? a", 1}, {"|contains", 50000}, {"\n    : x\n  condition: s\n", 1}},
     "modifier-conflict",
     "can't follow",
     10},
    {{{"  s: {a|windash|base64offset|contains: '", 1}, {" -a", 1000}, {"'}\n  condition: s\n", 1}},
     "bad-encoding",
     "too many encodings",
     9},
    {{{"  s: {a|re: '((a{1,1000}){1,1000}){1,1000}'}\n  condition: s\n", 1}},
     "bad-regex",
     "too large",
     9},
    {{{"  s: {a|re: '", 1}, {"(", 3000}, {"a", 1}, {")", 3000}, {"'}\n  condition: s\n", 1}},
     "bad-regex",
     "nested",
     9},
    {{{"  s: {a|re: '", 1}, {"abcdefgh", 3000}, {"'}\n  condition: s\n", 1}},
     "bad-regex",
     "longer than 16384 bytes",
     9},
    {{{"  s: {a: x}\n  condition: s\ntags: [", 1}, {"a,", 500000}, {"]\n", 1}},
     "yaml",
     "too many values",
     11},
};

static void what_is_too_much_is_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct buf text;
        time_t since = time(NULL);
        put(&text, refused[i].parts, ARRAY_LEN(refused[i].parts));
        struct ruleset *rs = try_rules(buf_slice(&text));
        const struct rule_report *r = ruleset_report(rs);
        const char *first = refused[i].parts[0].text;
        if (r->loaded || r->issues_n == 0 || r->issues_n > 32)
            fail_msg("%zu %s: loaded %zu, %zu issues", i, first, r->loaded, r->issues_n);
        const struct rule_issue *is = &r->issues[0];
        assert_string_equal(is->file, "try.yml");
        if (strcmp(is->code, refused[i].code) != 0 || !strstr(is->message, refused[i].message))
            fail_msg("%zu %s: %s: %s", i, first, is->code, is->message);
        if (is->line == 0 || (refused[i].line && is->line != refused[i].line))
            fail_msg("%zu %s: line %u", i, first, is->line);
        ruleset_unref(rs);
        buf_done(&text);
        in_time(since, first);
    }
}

/* One document's defects do not fill the report, and a full report fails nothing. */
static void reports_have_ceilings(void **unused)
{
    const struct part values[] = {
        {"  s:\n    a|cidr:\n", 1},
        {"      - bad\n", 1000},
        {"  condition: s\n---\n" HEAD "  s: {a: x}\n  condition: s\n", 1}};
    const struct part documents[] = {{"  s: {a: x}\n  condition: s\n", 1}, {"---\n- x\n", 132000}};
    struct buf text;

    (void)unused;
    put(&text, values, ARRAY_LEN(values));
    struct ruleset *rs = try_rules(buf_slice(&text));
    assert_int_equal(ruleset_report(rs)->issues_n, 33);
    assert_string_equal(ruleset_report(rs)->issues[30].code, "bad-cidr");
    assert_string_equal(ruleset_report(rs)->issues[31].code, "more-issues");
    assert_string_equal(ruleset_report(rs)->issues[32].code, "duplicate-id");
    ruleset_unref(rs);
    buf_done(&text);
    put(&text, documents, ARRAY_LEN(documents));
    rs = try_rules(buf_slice(&text));
    assert_int_equal(ruleset_report(rs)->loaded, 1);
    assert_int_equal(ruleset_report(rs)->issues_n, 1 << 17);
    assert_string_equal(ruleset_report(rs)->issues[(1 << 17) - 1].code, "more-issues");
    ruleset_unref(rs);
    buf_done(&text);
}

static const struct {
    struct part parts[6];
    const char *value;
    size_t times;
    const char *end;
    unsigned matches;
} bounded[] = {
    {{{"  s:\n    a|contains:\n", 1}, {"      - vNUMBERx\n", 100000}, {"  condition: s\n", 1}},
     "y",
     10000,
     "v99999x",
     1},
    {{{"  s:\n    a:\n", 1}, {"      - vNUMBERx\n", 100000}, {"  condition: s\n", 1}},
     "",
     0,
     "V99999X",
     1},
    {{{"  s:\n", 1}, {"    - vNUMBERx\n", 100000}, {"  condition: s\n", 1}}, "y", 9, "v99999x", 1},
    {{{"  s:\n    a|re:\n", 1}, {"      - ^vNUMBERx+$\n", 5000}, {"  condition: s\n", 1}},
     "",
     0,
     "v4999x",
     1},
    {{{"  s: {a: x}\n  condition: ", 1}, {"not ", 100001}, {"s\n", 1}}, "y", 1, "", 1},
    {{{"  sNUMBER: {a|contains: v}\n", 1000}, {"  condition: 500 of s*\n", 1}}, "x", 1, "v", 1},
    {{{"  s: {a: '", 1}, {"*a", 20000}, {"*'}\n  condition: s\n", 1}}, "a", 30000, "", 1},
    {{{"  s: {a: '", 1}, {"*ab", 200}, {"c'}\n  condition: s\n", 1}}, "ab", 20000, "", 0},
    {{{"  s: {a|re: '^(a+)+$'}\n  condition: s\n", 1}}, "a", 60000, "\\u0001", 0},
    {{{"  s: {a|re: '^(([a-z])+.)+[A-Z]([a-z])+$'}\n  condition: s\n", 1}}, "a", 60000, "", 0},
    {{{"  s: {a|re: '(x+x+)+y'}\n  condition: s\n", 1}}, "x", 60000, "y", 1},
    {{{"  s: {a|re: '(\\w+\\s*){1,50}(\\d+\\W*){1,60}[a-f]$'}\n  condition: s\n", 1}},
     "1 ",
     30000,
     "-",
     0},
    {{{"  s: {a|re: '[^x]{1,10000}y.{1,30000}z'}\n  condition: s\n", 1}}, "a", 60000, "", 0},
};

static void what_is_much_is_bounded(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(bounded); i++) {
        struct buf text, event;
        const char *first = bounded[i].parts[0].text;
        time_t since = time(NULL);
        put(&text, bounded[i].parts, ARRAY_LEN(bounded[i].parts));
        buf_init(&event, 1 << 20);
        assert_int_equal(buf_printf(&event, "{\"a\":\""), ERR_NONE);
        for (size_t k = 0; k < bounded[i].times; k++)
            assert_int_equal(buf_printf(&event, "%s", bounded[i].value), ERR_NONE);
        assert_int_equal(buf_printf(&event, "%s\"}", bounded[i].end), ERR_NONE);
        struct ruleset *rs = try_rules(buf_slice(&text));
        const struct rule_report *r = ruleset_report(rs);
        if (r->loaded != 1 || r->issues_n)
            fail_msg("%zu %s: %s", i, first, r->issues_n ? r->issues[0].message : "not loaded");
        in_time(since, first);
        unsigned n = try_detect(rs, try_event(buf_slice(&event)), NULL);
        if (n != bounded[i].matches)
            fail_msg("%zu %s: %u matches", i, first, n);
        in_time(since, first);
        ruleset_unref(rs);
        buf_done(&text);
        buf_done(&event);
    }
}

static int end(void **unused)
{
    (void)unused;
    try_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(what_is_much_is_bounded),
        cmocka_unit_test(reports_have_ceilings),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
