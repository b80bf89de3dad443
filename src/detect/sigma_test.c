#include "core/test.h"

#include <stdio.h>

#include "core/buf.h"
#include "core/metrics.h"
#include "detect/check.h"
#include "detect/try_int.h"

/* One log source that every event is of. */
#define TABLE "logsources:\n  - {product: try, when: {never sent: null}}\n---\n"
#define HEAD "title: Try\nid: r1\nlevel: low\nlogsource: {product: try}\ndetection:\n"

struct sigma_case {
    const char *detection; /* YAML below `detection:`, two blanks in front of each line */
    const char *event;
    bool match;
};

static struct ruleset *compile(const char *detection)
{
    static char yaml[16384];
    int n = snprintf(yaml, sizeof(yaml), TABLE HEAD "%s", detection);

    assert_in_range(n, 1, sizeof(yaml) - 1);
    return try_rules(slice_of(yaml));
}

static void run_cases(const struct sigma_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ruleset *rs = compile(cases[i].detection);
        const struct rule_report *r = ruleset_report(rs);
        if (r->loaded != 1)
            fail_msg("%s\nnot loaded: %s", cases[i].detection,
                     r->issues_n ? r->issues[0].message : "no reason");
        unsigned got = try_detect(rs, try_event(slice_of(cases[i].event)), NULL);
        if (got != cases[i].match)
            fail_msg("%s\non %s\nwanted %d, got %u", cases[i].detection, cases[i].event,
                     cases[i].match, got);
        ruleset_unref(rs);
    }
}

#define ONE(item) "  s:\n    " item "\n  condition: s\n"

static void values_and_types(void **unused)
{
    static const struct sigma_case cases[] = {
        {ONE("a: Foo"), "{\"a\":\"fOO\"}", true},
        {ONE("a: foo"), "{\"a\":\"food\"}", false},
        {ONE("a: foo"), "{\"b\":\"foo\"}", false},
        {ONE("a: f*d"), "{\"a\":\"foo\\nd\"}", true},
        {ONE("a: f?o"), "{\"a\":\"f\xc4\x91o\"}", true},
        {ONE("a: 'f\\*o'"), "{\"a\":\"fxo\"}", false},
        {ONE("a: 'f\\*o'"), "{\"a\":\"f*o\"}", true},
        {ONE("a: '*'"), "{\"a\":\"\"}", true},
        {ONE("a: '*'"), "{\"a\":null}", false},
        {ONE("a: '*'"), "{\"b\":1}", false},
        {ONE("a: [x, y]"), "{\"a\":\"y\"}", true},
        {ONE("a: [x, y]"), "{\"a\":\"z\"}", false},
        /* numbers and text */
        {ONE("a: 4624"), "{\"a\":4624}", true},
        {ONE("a: 4624"), "{\"a\":\"4624\"}", true},
        {ONE("a: '4624'"), "{\"a\":4624}", true},
        {ONE("a: 4624"), "{\"a\":46240}", false},
        {ONE("a: 18446744073709551615"), "{\"a\":18446744073709551615}", true},
        {ONE("a: 18446744073709551615"), "{\"a\":18446744073709551614}", false},
        {ONE("a: 9007199254740993"), "{\"a\":9007199254740992}", false},
        {ONE("a: 1.5"), "{\"a\":1.50}", true},
        {ONE("a: -1"), "{\"a\":-1}", true},
        {ONE("a: true"), "{\"a\":true}", true},
        {ONE("a: true"), "{\"a\":\"True\"}", true},
        {ONE("a: true"), "{\"a\":false}", false},
        {ONE("a|contains: 62"), "{\"a\":4624}", true},
        /* absence */
        {ONE("a: null"), "{\"b\":1}", true},
        {ONE("a: null"), "{\"a\":null}", true},
        {ONE("a: null"), "{\"a\":\"\"}", false},
        {ONE("a: ''"), "{\"a\":\"\"}", true},
        {ONE("a: ''"), "{\"b\":1}", false},
        {ONE("a: ''"), "{\"a\":null}", false},
        {ONE("a: [null, x]"), "{\"b\":1}", true},
        {ONE("a: [null, x]"), "{\"a\":\"x\"}", true},
        {ONE("a: [null, x]"), "{\"a\":\"y\"}", false},
        {ONE("a|exists: true"), "{\"a\":\"\"}", true},
        {ONE("a|exists: true"), "{\"a\":null}", false},
        {ONE("a|exists: false"), "{\"b\":1}", true},
        {ONE("a|exists: false"), "{\"a\":0}", false},
        /* lists in events */
        {ONE("a: y"), "{\"a\":[\"x\",\"y\"]}", true},
        {ONE("a|contains|all: [x, y]"), "{\"a\":[\"x1\",\"y1\"]}", true},
        {ONE("a|contains|all: [x, y]"), "{\"a\":[\"x1\"]}", false},
        {ONE("a: null"), "{\"a\":[null,\"x\"]}", true},
        {ONE("a: null"), "{\"a\":[]}", true},
        /* names */
        {ONE("ThreatName: x"), "{\"Threat Name\":\"x\"}", true},
        {ONE("'Threat Name': x"), "{\"Threat Name\":\"x\"}", true},
        {ONE("a.b: x"), "{\"a\":{\"b\":\"x\"}}", true},
        {ONE("source.ip: 10.0.0.1"), "{\"source\":{\"ip\":\"10.0.0.1\"}}", true},
        {ONE("message|contains: x"), "{\"message\":\"axb\"}", true},
        {ONE("a: x\n    b: y"), "{\"a\":\"x\",\"b\":\"y\"}", true},
        {ONE("a: x\n    b: y"), "{\"a\":\"x\",\"b\":\"z\"}", false},
        {ONE("- a: x\n    - b: y"), "{\"a\":\"w\",\"b\":\"y\"}", true},
        {ONE("- a: x\n      c: z\n    - b: y"), "{\"a\":\"x\",\"b\":\"w\"}", false},
    };

    (void)unused;
    run_cases(cases, ARRAY_LEN(cases));
}

static void modifiers(void **unused)
{
    static const struct sigma_case cases[] = {
        {ONE("a|contains: OO"), "{\"a\":\"food\"}", true},
        {ONE("a|startswith: fo"), "{\"a\":\"Food\"}", true},
        {ONE("a|startswith: oo"), "{\"a\":\"food\"}", false},
        {ONE("a|endswith: OD"), "{\"a\":\"food\"}", true},
        {ONE("a|endswith: '\\cmd.exe'"), "{\"a\":\"C:\\\\x\\\\CMD.EXE\"}", true},
        {ONE("a|contains: 'x*z'"), "{\"a\":\"..xyz..\"}", true},
        {ONE("a|contains|all: [a, b]"), "{\"a\":\"b-a\"}", true},
        {ONE("a|contains|all: [a, b]"), "{\"a\":\"b\"}", false},
        {ONE("a|cased: Foo"), "{\"a\":\"Foo\"}", true},
        {ONE("a|cased: Foo"), "{\"a\":\"foo\"}", false},
        {ONE("a|contains|cased: Foo"), "{\"a\":\"xFoox\"}", true},
        {ONE("a|neq: x"), "{\"a\":\"y\"}", true},
        {ONE("a|neq: x"), "{\"a\":\"X\"}", false},
        {ONE("a|neq: x"), "{\"b\":\"y\"}", true},
        {ONE("a|contains|neq: [x, y]"), "{\"a\":\"ay\"}", false},
        /* regular expressions */
        {ONE("a|re: 'o{2}d$'"), "{\"a\":\"food\"}", true},
        {ONE("a|re: 'O{2}'"), "{\"a\":\"food\"}", false},
        {ONE("a|re|i: 'O{2}'"), "{\"a\":\"food\"}", true},
        {ONE("a|re: '(?i)O{2}'"), "{\"a\":\"food\"}", true},
        {ONE("a|re: '^b'"), "{\"a\":\"a\\nb\"}", false},
        {ONE("a|re|m: '^b'"), "{\"a\":\"a\\nb\"}", true},
        {ONE("a|re: 'a.b'"), "{\"a\":\"a\\nb\"}", false},
        {ONE("a|re|s: 'a.b'"), "{\"a\":\"a\\nb\"}", true},
        {ONE("a|re: '^.$'"), "{\"a\":\"\xc4\x91\"}", true},
        {ONE("a|re: 'x.*y'"), "{\"a\":\"x\xff\xfey\"}", true},
        {ONE("a|re: '\\x{111}'"), "{\"a\":\"\xc4\x91\"}", true},
        {ONE("a|re: '^(a+)+$'"), "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}", false},
        /* networks */
        {ONE("a|cidr: 10.0.0.0/8"), "{\"a\":\"10.200.3.4\"}", true},
        {ONE("a|cidr: 10.0.0.0/8"), "{\"a\":\"11.0.0.1\"}", false},
        {ONE("source.ip|cidr: [192.0.2.0/24, 2001:db8::/32]"),
         "{\"source\":{\"ip\":\"2001:db8::1\"}}", true},
        {ONE("a|cidr: 10.0.0.0/8"), "{\"a\":\"::ffff:10.0.0.1\"}", true},
        {ONE("a|cidr: 10.0.0.0/8"), "{\"a\":\"host\"}", false},
        /* comparisons */
        {ONE("a|gt: 5"), "{\"a\":6}", true},
        {ONE("a|gt: 5"), "{\"a\":5}", false},
        {ONE("a|gte: 5"), "{\"a\":\"5\"}", true},
        {ONE("a|lt: 5"), "{\"a\":4.9}", true},
        {ONE("a|lte: -5"), "{\"a\":-5}", true},
        {ONE("a|gt: 5"), "{\"a\":\"x\"}", false},
        {ONE("a|gt: 18446744073709551614"), "{\"a\":18446744073709551615}", true},
        {ONE("a|gt: 5"), "{\"a\":\"0x10\"}", false},
        {ONE("a|gt: 5"), "{\"a\":\"inf\"}", false},
        /* encodings */
        {ONE("a|base64: 'http://'"), "{\"a\":\"aHR0cDovLw==\"}", true},
        {ONE("a|base64|contains: 'foobar'"), "{\"a\":\"x Zm9vYmFy x\"}", true},
        {ONE("a|base64offset|contains: 'http://'"), "{\"a\":\"eGh0dHA6Ly9hYg==\"}", true},
        {ONE("a|base64offset|contains: 'http://'"), "{\"a\":\"eHhodHRwOi8vYWI=\"}", true},
        {ONE("a|base64offset|contains: 'http://'"), "{\"a\":\"aHR0cDovL2Fi\"}", true},
        {ONE("a|base64offset|contains: 'http://'"), "{\"a\":\"Zm9vYmFy\"}", false},
        {ONE("a|wide|base64offset|contains: 'ping'"), "{\"a\":\"cABpAG4AZwA=\"}", true},
        {ONE("a|utf16le|base64offset|contains: 'ping'"), "{\"a\":\"cABpAG4AZwA=\"}", true},
        {ONE("a|utf16be|contains: 'hi'"), "{\"a\":\"\\u0000h\\u0000i\"}", true},
        {ONE("a|wide|contains: 'hi'"), "{\"a\":\"xH\\u0000I\\u0000\"}", true},
        {ONE("a|utf16|base64: 'hi'"), "{\"a\":\"//5oAGkA\"}", true},
        {ONE("a|base64offset|contains|all: ['http://', '://ab']"), "{\"a\":\"eGh0dHA6Ly9hYg==\"}",
         true},
        /* dashes */
        {ONE("a|contains|windash: ' -enc'"), "{\"a\":\"ps -enc x\"}", true},
        {ONE("a|contains|windash: ' -enc'"), "{\"a\":\"ps /enc x\"}", true},
        {ONE("a|contains|windash: ' -enc'"),
         "{\"a\":\"ps \xe2\x80\x93"
         "enc x\"}",
         true},
        {ONE("a|contains|windash: ' -enc'"),
         "{\"a\":\"ps \xe2\x80\x95"
         "ENC x\"}",
         true},
        {ONE("a|contains|windash: ' -enc'"), "{\"a\":\"ps _enc x\"}", false},
        {ONE("a|endswith|windash: ' -a-b'"), "{\"a\":\"x /a-b\"}", true},
        {ONE("a|endswith|windash: ' -a-b'"), "{\"a\":\"x /a/b\"}", false},
        /* other fields */
        {ONE("a|fieldref: b"), "{\"a\":\"Foo\",\"b\":\"foo\"}", true},
        {ONE("a|fieldref: b"), "{\"a\":\"foo\",\"b\":\"bar\"}", false},
        {ONE("a|fieldref: b"), "{\"a\":\"foo\"}", false},
        {ONE("a|fieldref|contains: b"), "{\"a\":\"xfoox\",\"b\":\"foo\"}", true},
        {ONE("a|fieldref|startswith: b"), "{\"a\":\"foox\",\"b\":\"foo\"}", true},
        {ONE("a|fieldref|endswith: b"), "{\"a\":\"xfoo\",\"b\":\"foo\"}", true},
        {ONE("a|fieldref|neq: b"), "{\"a\":\"foo\",\"b\":\"bar\"}", true},
        {ONE("a|expand: plain"), "{\"a\":\"plain\"}", true},
    };

    (void)unused;
    run_cases(cases, ARRAY_LEN(cases));
}

static void nothing_hides(void **unused)
{
    static const struct sigma_case cases[] = {
        {ONE("a|contains: evil"), "{\"a\":\"x\\u0000evil\"}", true},
        {ONE("a|contains: evil"), "{\"a\":\"\xff\xfe\xe2 evil\"}", true},
        {ONE("a|contains: '\xc4\x91\xe1\xbb\x93ng'"), "{\"a\":\"\xc4\x90\xe1\xbb\x92NG\"}", true},
        {ONE("a|contains: whoami"),
         "{\"a\":\"\xef\xbc\xb7\xef\xbc\xa8\xef\xbc\xaf\xef\xbc\xa1\xef\xbc\xad\xef\xbc\xa9\"}",
         true},
        {ONE("a: stra\xc3\x9f"
             "e"),
         "{\"a\":\"STRASSE\"}", true},
        {ONE("a|re: 'ev.l$'"), "{\"a\":\"\xff\xff evil\"}", true},
        {"  s: [evil]\n  condition: s\n", "{\"deep\":{\"er\":[\"x\",\"EVIL!\"]}}", true},
    };

    (void)unused;
    run_cases(cases, ARRAY_LEN(cases));
}

static void keywords(void **unused)
{
    static const struct sigma_case cases[] = {
        {"  k: [foo, bar]\n  condition: k\n", "{\"message\":\"a BAR b\"}", true},
        {"  k: [foo, bar]\n  condition: k\n", "{\"message\":\"baz\"}", false},
        {"  k: foo\n  condition: k\n", "{\"x\":\"a foo\"}", true},
        {"  k: ['f*o']\n  condition: k\n", "{\"message\":\"a fxxo b\"}", true},
        {"  k:\n    '|all': [foo, bar]\n  condition: k\n", "{\"a\":\"foo\",\"b\":\"bar\"}", true},
        {"  k:\n    '|all': [foo, bar]\n  condition: k\n", "{\"a\":\"foo\"}", false},
        {"  k:\n    '|re': 'fo{2}'\n  condition: k\n", "{\"a\":\"foo\"}", true},
        {"  k:\n    '|endswith': 'z9'\n  condition: k\n", "{\"a\":\"xz9\"}", true},
        {"  k: [4711]\n  condition: k\n", "{\"message\":\"id 4711.\"}", true},
        {"  k:\n    - foo\n    - a: bar\n  condition: k\n", "{\"a\":\"bar\"}", true},
        {"  k: [foo]\n  condition: not k\n", "{\"a\":\"bar\"}", true},
    };

    (void)unused;
    run_cases(cases, ARRAY_LEN(cases));
}

#define AT(mods, value) "  s: {t|" mods ": " value "}\n  condition: s\n"

static void parts_of_times(void **unused)
{
    static const struct sigma_case cases[] = {
        {AT("minute", "4"), "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("minute", "5"), "{\"t\":\"2026-11-25T03:04:05Z\"}", false},
        {AT("hour", "3"), "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("hour", "20"), "{\"t\":\"2026-11-25T03:04:05+07:00\"}", true},
        {AT("day", "24"), "{\"t\":\"2026-11-25T03:04:05+07:00\"}", true},
        {AT("hour", "3"), "{\"t\":\"2026-11-25 03:04:05\"}", true},
        {AT("month", "11"), "{\"t\":\"2026-11-25T03:04:05.123Z\"}", true},
        {AT("year", "2026"), "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("year", "1969"), "{\"t\":\"1969-12-31T23:59:59.5Z\"}", true},
        {AT("minute", "59"), "{\"t\":\"1969-12-31T23:59:59.5Z\"}", true},
        {AT("week", "53"), "{\"t\":\"2021-01-03T00:00:00Z\"}", true},
        {AT("week", "1"), "{\"t\":\"2021-01-04T00:00:00Z\"}", true},
        {AT("week", "1"), "{\"t\":\"2024-12-30T00:00:00Z\"}", true},
        {AT("week", "52"), "{\"t\":\"2024-12-29T00:00:00Z\"}", true},
        {AT("week", "53"), "{\"t\":\"2020-12-31T00:00:00Z\"}", true},
        {AT("week", "52"), "{\"t\":\"2022-01-01T00:00:00Z\"}", true},
        {AT("week", "48"), "{\"t\":\"2026-11-25T00:00:00Z\"}", true},
        {AT("hour", "[1, 3]"), "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("hour|gte", "3"), "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("hour|gt", "3"), "{\"t\":\"2026-11-25T03:04:05Z\"}", false},
        {AT("hour|lt", "4"), "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("lte|hour", "2"), "{\"t\":\"2026-11-25T03:04:05Z\"}", false},
        {AT("hour|neq", "3"), "{\"t\":\"2026-11-25T03:04:05Z\"}", false},
        {AT("hour|neq", "4"), "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("hour|neq", "4"), "{\"a\":\"x\"}", true},
        {"  s: {t|hour: 3, t|minute: 4, t|hour|lt: 4}\n  condition: s\n",
         "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {"  s: {t|hour: 3, t|minute: 3, t|hour|lt: 4}\n  condition: s\n",
         "{\"t\":\"2026-11-25T03:04:05Z\"}", false},
        {"  s: {t|hour: 3, t|hour|lt: 3}\n  condition: s\n", "{\"t\":\"2026-11-25T03:04:05Z\"}",
         false},
        {"  s: {t|hour|gte: 3}\n  f: {t|hour|gte: 4}\n  condition: s and not f\n",
         "{\"t\":\"2026-11-25T03:04:05Z\"}", true},
        {AT("hour", "3"), "{\"t\":\"3\"}", false},
        {AT("hour", "1"), "{\"t\":1795568645}", true},
        {AT("hour", "3"), "{\"t\":\"tomorrow\"}", false},
        {AT("hour", "3"), "{\"a\":\"x\"}", false},
        {AT("hour|all", "[3, 4]"), "{\"t\":[\"2026-11-25T03:04:05Z\",\"2026-11-25T04:04:05Z\"]}",
         true},
        {AT("hour|all", "[3, 5]"), "{\"t\":[\"2026-11-25T03:04:05Z\",\"2026-11-25T04:04:05Z\"]}",
         false},
    };

    (void)unused;
    run_cases(cases, ARRAY_LEN(cases));
}

#define THREE "  s1: {a: x}\n  s2: {b: y}\n  _s3: {c: z}\n  condition: "

static void conditions(void **unused)
{
    static const struct sigma_case cases[] = {
        {THREE "s1 and s2 and _s3\n", "{\"a\":\"x\",\"b\":\"y\",\"c\":\"z\"}", true},
        {THREE "s1 or s2 and _s3\n", "{\"a\":\"x\"}", true},
        {THREE "(s1 or s2) and _s3\n", "{\"a\":\"x\"}", false},
        {THREE "not s1 and s2 or _s3\n", "{\"b\":\"y\"}", true},
        {THREE "not s1 and s2 or _s3\n", "{\"a\":\"x\",\"b\":\"y\"}", false},
        {THREE "not not s1 or not (s2 or _s3)\n", "{\"b\":\"y\"}", false},
        {THREE "1 of s* or _s3\n", "{\"b\":\"y\"}", true},
        {THREE "any of s* or _s3\n", "{\"b\":\"y\"}", true},
        {THREE "all of s* or _s3\n", "{\"b\":\"y\"}", false},
        {THREE "all of s* or _s3\n", "{\"a\":\"x\",\"b\":\"y\"}", true},
        {THREE "2 of *s* or _s3\n", "{\"a\":\"x\",\"b\":\"y\"}", true},
        {THREE "all of *s* and not _s3\n", "{\"a\":\"x\",\"b\":\"y\"}", true},
        {THREE "1 of _s* and s1\n", "{\"a\":\"x\",\"c\":\"z\"}", true},
        {THREE "2 of them or 2 of *s* and _s3\n", "{\"a\":\"x\",\"c\":\"z\"}", false},
        {THREE "1 of them or _s3 and s1\n", "{\"c\":\"z\"}", false},
        {THREE "ALL OF THEM AND NOT _s3\n", "{\"a\":\"x\",\"b\":\"y\"}", true},
        {THREE "[s1 and s2, _s3]\n", "{\"c\":\"z\"}", true},
        {THREE "s1 and not 1 of s2* and not _s3\n", "{\"a\":\"x\"}", true},
        {"  and_x: {a: x}\n  of1: {b: y}\n  condition: and_x and of1\n",
         "{\"a\":\"x\",\"b\":\"y\"}", true},
    };

    (void)unused;
    run_cases(cases, ARRAY_LEN(cases));
}

struct defect {
    const char *rule, *code;
    unsigned line, column;
};

static void name_defects(const struct defect *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char yaml[2048];
        (void)snprintf(yaml, sizeof(yaml), "%s", cases[i].rule);
        struct ruleset *rs = try_rules(slice_of(yaml));
        const struct rule_report *r = ruleset_report(rs);
        const struct rule_issue *is = NULL;
        for (size_t k = 0; k < r->issues_n && !is; k++)
            if (strcmp(r->issues[k].code, cases[i].code) == 0)
                is = &r->issues[k];
        if (!is)
            fail_msg("%s\nwanted %s, got %s", yaml, cases[i].code,
                     r->issues_n ? r->issues[r->issues_n - 1].code : "nothing");
        if (!is)
            return; /* fail_msg does not return; compilers do not know */
        assert_string_equal(is->file, "try.yml");
        if (cases[i].line && (is->line != cases[i].line || is->column != cases[i].column))
            fail_msg("%s\n%s at %u:%u", yaml, is->code, is->line, is->column);
        bool warning = is->kind == ISSUE_WARNING;
        if (strcmp(is->code, "duplicate-id") != 0 &&
            warning != (r->loaded == 1 && is->kind != ISSUE_CANNOT_MATCH))
            fail_msg("%s\nloaded %zu although %s", yaml, r->loaded, is->code);
        ruleset_unref(rs);
    }
}

static void defects_are_named(void **unused)
{
    static const struct defect cases[] = {
        {HEAD "  s: {a|nope: x}\n  condition: s\n", "unknown-modifier", 6, 7},
        {HEAD "  s: {a|contains|re: x}\n  condition: s\n", "modifier-conflict", 6, 7},
        {HEAD "  s: {a|i: x}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {a|base64|re: x}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {'|cidr': 10.0.0.0/8}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {a|re: '('}\n  condition: s\n", "bad-regex", 0, 0},
        {HEAD "  s: {a|cidr: 300.0.0.0/8}\n  condition: s\n", "bad-cidr", 0, 0},
        {HEAD "  s: {a|gt: x}\n  condition: s\n", "not-a-number", 0, 0},
        {HEAD "  s: {a|base64: 'x*'}\n  condition: s\n", "bad-encoding", 0, 0},
        {HEAD "  s: {a|windash|base64: '-a -b -c -d'}\n"
              "  condition: s\n",
         "bad-encoding", 0, 0},
        {HEAD "  s: {a: {b: x}}\n  condition: s\n", "bad-value", 0, 0},
        {HEAD "  s: {a|contains: null}\n  condition: s\n", "bad-value", 0, 0},
        {HEAD "  s: {a|exists: maybe}\n  condition: s\n", "bad-value", 0, 0},
        {HEAD "  s: {a: []}\n  condition: s\n", "empty-list", 0, 0},
        {HEAD "  s: {}\n  condition: s\n", "empty-selection", 0, 0},
        {HEAD "  s: {a: x}\n", "missing-condition", 0, 0},
        {HEAD "  s: {a: x}\n  condition: t\n", "unknown-selection", 7, 3},
        {HEAD "  s: {a: x}\n  condition: 1 of t*\n", "unknown-selection", 0, 0},
        {HEAD "  s: {a: x}\n  condition: 2 of them\n", "condition-syntax", 0, 0},
        {HEAD "  s: {a: x}\n  condition: s and\n", "condition-syntax", 0, 0},
        {HEAD "  s: {a: x}\n  condition: s s\n", "condition-syntax", 0, 0},
        {HEAD "  s: {a: x}\n  condition: (s\n", "condition-syntax", 0, 0},
        {HEAD "  s: {a: x}\n  condition: 7\n", "condition-syntax", 0, 0},
        {HEAD "  s: {a: x}\n  condition: s | count() by a > 5\n", "missing-timeframe", 0, 0},
        {HEAD "  s: {a: x}\n  condition: s | count( by a > 5\n", "aggregation", 0, 0},
        {HEAD "  s: {a: x}\n  timeframe: soon\n  condition: s | count() > 5\n", "bad-timespan", 0,
         0},
        {HEAD "  s: {a: x}\n  condition: s | near\n", "near", 0, 0},
        {HEAD "  s: {a: x}\n  condition: s | near t\n", "unknown-selection", 0, 0},
        {HEAD "  s: {a: x}\n  timeframe: 5m\n  condition: s\n", "timeframe", 0, 0},
        {HEAD "  s: {a: x}\n  u: {a: x}\n  condition: s\n", "unused-selection", 7, 3},
        {HEAD "  s: {a|expand: '%users%'}\n  condition: s\n", "placeholder", 0, 0},
        {"title: t\nid: r\nlogsource: {product: x}\nlevel: low\ndetection: {s: {a: b}, condition: "
         "s}\n",
         "unmapped-logsource", 3, 1},
        {"title: t\nid: r\nlogsource: {}\nlevel: low\ndetection: {s: {a: b}, condition: s}\n",
         "bad-logsource", 0, 0},
        {"title: t\nid: r\nlevel: low\ndetection: {s: {a: b}, condition: s}\n", "missing-logsource",
         0, 0},
        {"id: r\nlogsource: {product: try}\nlevel: low\ndetection: {s: {a: b}, condition: s}\n",
         "missing-title", 0, 0},
        {"title: t\nlogsource: {product: try}\nlevel: low\ndetection: {s: {a: b}, condition: s}\n",
         "missing-id", 0, 0},
        {"title: t\nid: r\nlogsource: {product: try}\ndetection: {s: {a: b}, condition: s}\n",
         "missing-level", 0, 0},
        {"title: t\nid: r\nlevel: huge\nlogsource: {product: try}\n"
         "detection: {s: {a: b}, condition: s}\n",
         "bad-level", 0, 0},
        {"title: t\nid: r\nlevel: low\nstatus: unsupported\nlogsource: {product: try}\n"
         "detection: {s: {a: b}, condition: s}\n",
         "status-unsupported", 0, 0},
        {HEAD "  s: {a: b}\n  condition: s\n---\n" HEAD "  s: {a: b}\n  condition: s\n",
         "duplicate-id", 0, 0},
        {"title: t\nid: r\ncorrelation: {type: event_count}\n", "bad-correlation", 0, 0},
        {"title: t\nid: r\nlogsource: {product: try}\nfilter: {rules: any}\n", "missing-condition",
         0, 0},
        {"hello: world\n", "not-a-rule", 0, 0},
        {"- a\n- b\n", "not-a-rule", 0, 0},
        {"a: [\n", "yaml", 0, 0},
        {"a: &x 1\nb: *x\n", "yaml", 1, 4},
        {"a: 1\na: 2\n", "yaml", 2, 1},
        {"logsources: {}\n", "bad-logsources", 0, 0},
    };

    (void)unused;
    name_defects(cases, ARRAY_LEN(cases));
}

static void defects_of_times_are_named(void **unused)
{
    static const struct defect cases[] = {
        {HEAD "  s: {a|hour: 24}\n  condition: s\n", "bad-value", 6, 7},
        {HEAD "  s: {a|day: 0}\n  condition: s\n", "bad-value", 0, 0},
        {HEAD "  s: {a|week|lt: 54}\n  condition: s\n", "bad-value", 0, 0},
        {HEAD "  s: {a|minute: x}\n  condition: s\n", "not-a-number", 0, 0},
        {HEAD "  s: {a|minute: 1.5}\n  condition: s\n", "not-a-number", 0, 0},
        {HEAD "  s: {a|minute: null}\n  condition: s\n", "bad-value", 0, 0},
        {HEAD "  s: {a|hour|minute: 3}\n  condition: s\n", "modifier-conflict", 6, 7},
        {HEAD "  s: {a|hour|contains: 3}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {a|hour|re: 3}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {a|hour|exists: true}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {a|hour|fieldref: b}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {a|base64|hour: 3}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {a|cased|hour: 3}\n  condition: s\n", "modifier-conflict", 0, 0},
        {HEAD "  s: {'|hour': 3}\n  condition: s\n", "modifier-conflict", 0, 0},
    };

    (void)unused;
    name_defects(cases, ARRAY_LEN(cases));
}

static void rules_that_cannot_match_are_not_tried(void **unused)
{
    struct ruleset *rs = compile("  s: {a|expand: '%users%'}\n  condition: not s\n");

    (void)unused;
    assert_int_equal(ruleset_report(rs)->loaded, 1);
    assert_int_equal(try_detect(rs, try_event(SLICE("{\"a\":\"x\"}")), NULL), 0);
    ruleset_unref(rs);
}

static void many_documents_and_order(void **unused)
{
    static const char yaml[] =
        TABLE "title: B\nid: b\nlevel: high\nlogsource: {product: try}\n"
              "detection: {s: {a: x}, condition: s}\n"
              "---\ntitle: A\nid: a\nlevel: low\nstatus: test\nauthor: N N\ntags: [attack.t1059, "
              "x.y]\nfalsepositives: [Tests]\ncustom: {title_vi: \"T\xc3\xaan\"}\n"
              "logsource: {product: try}\ndetection: {s: {a|startswith: x, b|contains: q}, n: {c: "
              "y}, condition: s and not n}\n";
    struct ruleset *rs = try_rules(slice_of(yaml));
    const char *ids;

    (void)unused;
    assert_int_equal(ruleset_n(rs), 2);
    const struct rule_info *ri = ruleset_rule(rs, 1);
    assert_string_equal(ri->title_vi, "T\xc3\xaan");
    assert_string_equal(ri->author, "N N");
    assert_string_equal(ri->product, "try");
    assert_string_equal(ri->category, "");
    assert_int_equal(ri->level, LEVEL_LOW);
    assert_string_equal(rule_level_name(ri->level), "low");
    assert_int_equal(ri->tags_n, 2);
    assert_string_equal(ri->tags[1], "x.y");
    assert_string_equal(ri->false_positives[0], "Tests");
    assert_int_equal(try_detect(rs, try_event(SLICE("{\"a\":\"X\",\"b\":\"aqb\"}")), &ids), 2);
    assert_string_equal(ids, "b a");
    assert_string_equal(try_matched(0), "a=X");
    assert_string_equal(try_matched(1), "b=aqb");
    assert_null(try_matched(2));
    ruleset_unref(ruleset_ref(rs));
    ruleset_unref(rs);
}

static void log_sources_gate(void **unused)
{
    static const char yaml[] =
        "field_sets:\n  f: {Name: [first, second], '*': ['in.*']}\nlogsources:\n"
        "  - {product: p, service: one, fields: [f], when: {kind: one}}\n"
        "  - {product: p, service: two, when: [{kind: two}, {kind|startswith: deux}]}\n"
        "  - {product: q, weak: true, when: {kind: four}}\n---\n"
        "title: one\nid: r1\nlevel: low\nlogsource: {product: p, service: one}\n"
        "detection: {s: {Name: x}, condition: s}\n---\n"
        "title: any\nid: r2\nlevel: low\nlogsource: {product: P}\n"
        "detection: {s: {Name: x}, condition: s}\n---\n"
        "title: absence\nid: r3\nlevel: low\nlogsource: {product: p, service: two}\n"
        "detection: {s: {other: null}, condition: s}\n---\n"
        "title: weak\nid: r4\nlevel: low\nlogsource: {product: q}\n"
        "detection: {s: {other: null}, condition: s}\n";
    static const struct {
        const char *event, *ids;
    } cases[] = {
        {"{\"kind\":\"one\",\"second\":\"x\"}", "r1 r2"},
        {"{\"kind\":\"one\",\"in\":{\"Name\":\"x\"}}", "r1 r2"},
        {"{\"kind\":\"one\",\"Name\":\"x\",\"first\":\"y\"}", "r1 r2"},
        {"{\"kind\":\"two\",\"Name\":\"x\"}", "r2 r3"},
        {"{\"kind\":\"DEUX1\"}", "r3"},
        {"{\"kind\":\"two\",\"other\":1}", ""},
        /* of no known source: only where a field of the rule decides */
        {"{\"kind\":\"three\",\"Name\":\"x\"}", "r1 r2"},
        {"{\"kind\":\"three\",\"z\":\"x\"}", ""},
        /* of a source that does not exclude others */
        {"{\"kind\":\"four\",\"Name\":\"x\"}", "r1 r2 r4"},
    };
    struct ruleset *rs = try_rules(slice_of(yaml));

    (void)unused;
    assert_int_equal(ruleset_report(rs)->issues_n, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *ids;
        (void)try_detect(rs, try_event(slice_of(cases[i].event)), &ids);
        if (strcmp(ids, cases[i].ids) != 0)
            fail_msg("%s: '%s' instead of '%s'", cases[i].event, ids, cases[i].ids);
    }
    ruleset_unref(rs);
}

/* SigmaHQ asks for `cs-uri-query` where the server logs one request target, encoded. */
static void web_fields_are_decoded(void **unused)
{
    static const char yaml[] =
        "title: w\nid: w\nlevel: low\nlogsource: {category: webserver}\n"
        "detection: {s: {cs-method: GET, sc-status: 200, cs-uri-query|contains: \"' or 1=1\"}, "
        "condition: s}\n";
    struct ruleset *rs = try_rules(slice_of(yaml));

    (void)unused;
    for (unsigned i = 0; i < 3; i++) {
        static const char *const urls[] = {"/a?x=%27+or+1%3d1", "/a?x=' OR 1=1",
                                           "/a?x=%2527%20or%201=1"};
        char event[512];
        (void)snprintf(event, sizeof(event),
                       "{\"event.dataset\":\"web.access\",\"http.request.method\":\"GET\","
                       "\"http.response.status_code\":200,\"url.original\":\"%s\"}",
                       urls[i]);
        assert_int_equal(try_detect(rs, try_event(slice_of(event)), NULL), 1);
    }
    ruleset_unref(rs);
}

static void report_as_json_and_text(void **unused)
{
    struct ruleset *rs = try_rules(SLICE(TABLE HEAD "  s: {a|nope: x}\n  condition: s\n---\n" HEAD
                                                    "  s: {a|expand: '%p%'}\n  condition: s\n"));
    struct buf out;

    (void)unused;
    buf_init(&out, 1 << 16);
    assert_int_equal(check_json(rs, &out), ERR_NONE);
    assert_non_null(strstr(buf_cstr(&out),
                           "{\"files\":1,\"rules\":2,\"loaded\":0,\"correlations\":0,\"filters\":0,"
                           "\"errors\":[{\"file\":\"try.yml\",\"line\":9,\"column\":7,"
                           "\"code\":\"unknown-modifier\","));
    buf_reset(&out);
    assert_int_equal(check_text(rs, &out), ERR_NONE);
    assert_non_null(strstr(buf_cstr(&out), "try.yml:9:7: error: there is no modifier 'nope' "
                                           "[unknown-modifier]\n"));
    assert_true(check_failed(rs));
    buf_done(&out);
    buf_init(&out, 16);
    assert_int_equal(check_json(rs, &out), ERR_LIMIT);
    buf_done(&out);
    ruleset_unref(rs);
}

/* An expression that explodes costs a bounded time, is no match, and is counted. */
static void limits_are_counted(void **unused)
{
    struct ruleset *rs = compile(ONE("a|re: '^(a|aa)+$'"));
    uint64_t before = metric_get(M_DETECT_LIMITED);

    (void)unused;
    assert_int_equal(try_detect(rs, try_event(SLICE("{\"a\":\"aaaa\"}")), NULL), 1);
    assert_int_equal(metric_get(M_DETECT_LIMITED), before);
    /* With a byte that the scanner is not asked about. */
    struct event *ev = try_event(SLICE(
        "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\u0001\"}"));
    assert_int_equal(try_detect(rs, ev, NULL), 0);
    assert_int_equal(metric_get(M_DETECT_LIMITED), before + 1);
    ruleset_unref(rs);
}

static void unreadable_paths_fail(void **unused)
{
    const char *const paths[] = {"/nonexistent/rules"};
    struct ruleset *rs = NULL;
    struct diag diag = {0};

    (void)unused;
    assert_int_equal(ruleset_load(paths, 1, &rs, &diag), ERR_NOENT);
    assert_null(rs);
    assert_non_null(strstr(diag.text, "/nonexistent/rules"));
    assert_int_equal(ruleset_load(paths, 0, &rs, &diag), ERR_NONE);
    assert_int_equal(ruleset_n(rs), 0);
    ruleset_unref(rs);
    ruleset_unref(NULL);
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
        cmocka_unit_test(values_and_types),
        cmocka_unit_test(modifiers),
        cmocka_unit_test(nothing_hides),
        cmocka_unit_test(keywords),
        cmocka_unit_test(parts_of_times),
        cmocka_unit_test(conditions),
        cmocka_unit_test(defects_are_named),
        cmocka_unit_test(defects_of_times_are_named),
        cmocka_unit_test(rules_that_cannot_match_are_not_tried),
        cmocka_unit_test(many_documents_and_order),
        cmocka_unit_test(log_sources_gate),
        cmocka_unit_test(web_fields_are_decoded),
        cmocka_unit_test(report_as_json_and_text),
        cmocka_unit_test(limits_are_counted),
        cmocka_unit_test(unreadable_paths_fail),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
