#include "core/test.h"

#include <stdio.h>
#include <string.h>

#include "detect/try_int.h"

/* Every modifier with every other: what goes together and means what, and what is refused. */

#define TABLE "logsources:\n  - {product: try, when: {never sent: null}}\n---\n"
#define HEAD "title: Try\nid: r1\nlevel: low\nlogsource: {product: try}\ndetection:\n"

struct modifier_case {
    const char *item, *event;
    bool match;
};

static void run(const struct modifier_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char yaml[4096];
        (void)snprintf(yaml, sizeof(yaml), TABLE HEAD "  s:\n    %s\n  condition: s\n",
                       cases[i].item);
        struct ruleset *rs = try_rules(slice_of(yaml));
        const struct rule_report *r = ruleset_report(rs);
        if (r->loaded != 1 || r->issues_n)
            fail_msg("%s: %s", cases[i].item, r->issues_n ? r->issues[0].message : "not loaded");
        for (unsigned full = 0; full < 2; full++) {
            ruleset_full_scan(rs, full);
            if (try_detect(rs, try_event(slice_of(cases[i].event)), NULL) != cases[i].match)
                fail_msg("%s on %s: wanted %d, full scan %u", cases[i].item, cases[i].event,
                         cases[i].match, full);
        }
        ruleset_unref(rs);
    }
}

#define T "2026-11-25T22:07:09.5+07:00" /* 15:07 UTC, a Wednesday of week 48 */

static void parts_of_a_time(void **unused)
{
    static const struct modifier_case cases[] = {
        {"t|minute: 7", "{\"t\":\"" T "\"}", true},
        {"t|hour: 15", "{\"t\":\"" T "\"}", true},
        {"t|hour: 22", "{\"t\":\"" T "\"}", false},
        {"t|day: 25", "{\"t\":\"" T "\"}", true},
        {"t|week: 48", "{\"t\":\"" T "\"}", true},
        {"t|month: 11", "{\"t\":\"" T "\"}", true},
        {"t|year: 2026", "{\"t\":\"" T "\"}", true},
        {"t|hour: [0, 1, 2, 15]", "{\"t\":\"" T "\"}", true},
        {"t|hour: [0, 1, 2]", "{\"t\":\"" T "\"}", false},
        {"t|hour|gte|all: [9, 15]", "{\"t\":\"" T "\"}", true},
        {"t|hour: '15'", "{\"t\":\"" T "\"}", true},
        /* compared */
        {"t|hour|gte: 15", "{\"t\":\"" T "\"}", true},
        {"t|hour|gt: 15", "{\"t\":\"" T "\"}", false},
        {"t|hour|lt: 23", "{\"t\":\"" T "\"}", true},
        {"t|lte|hour: 14", "{\"t\":\"" T "\"}", false},
        {"t|hour|neq: 15", "{\"t\":\"" T "\"}", false},
        {"t|hour|neq: [14, 16]", "{\"t\":\"" T "\"}", true},
        {"t|hour|neq: 15", "{\"u\":1}", true},
        {"t|hour|gte: 22\n    t|minute|lt: 30", "{\"t\":\"2026-01-01 22:29:59\"}", true},
        /* forms of a time */
        {"t|hour: 8", "{\"t\":\"2026-11-25 08:10:21.123\"}", true},
        {"t|hour: 0", "{\"t\":\"2026-11-25\"}", true},
        {"t|hour: 8", "{\"t\":\"2026-11-25T08:10Z\"}", true},
        {"t|year: 2026", "{\"t\":1795565421}", true},
        {"t|year: 2026", "{\"t\":\"1795565421\"}", true},
        {"t|year: 2026", "{\"t\":1795565421.25}", true},
        {"t|year: 2026", "{\"t\":1795565421123}", true},
        {"t|year: 2026", "{\"t\":1795565421123456}", true},
        {"t|year: 2026", "{\"t\":1795565421123456789}", true},
        {"t|year: 1970", "{\"t\":0}", true},
        {"t|year: 1969", "{\"t\":-1}", true},
        {"t|minute: 59", "{\"t\":-1}", true},
        {"t|year|gt: 1", "{\"t\":1e300}", false},
        {"t|year|gt: 1", "{\"t\":\"yesterday\"}", false},
        {"t|year|gt: 1", "{\"t\":\"\"}", false},
        {"t|year|gt: 1", "{\"t\":null}", false},
        {"t|year|gt: 1", "{\"t\":true}", false},
        {"t|year|gt: 1", "{\"t\":\"2026-02-30\"}", false},
        {"t|hour: 9", "{\"t\":[\"2026-11-25T08:00:00Z\",\"2026-11-25T09:00:00Z\"]}", true},
        /* weeks of ISO 8601 */
        {"t|week: 53", "{\"t\":\"2020-12-31\"}", true},
        {"t|week: 53", "{\"t\":\"2021-01-03\"}", true},
        {"t|week: 1", "{\"t\":\"2021-01-04\"}", true},
        {"t|week: 1", "{\"t\":\"2024-12-30\"}", true},
        {"t|week: 52", "{\"t\":\"2024-12-29\"}", true},
        {"t|week: 52", "{\"t\":\"2022-01-01\"}", true},
        {"t|week: 53", "{\"t\":\"2027-01-01\"}", true},
        {"t|week: 1", "{\"t\":\"2026-01-01\"}", true},
        {"t|day: 29", "{\"t\":\"2024-02-29T23:59:60Z\"}", false}, /* the second after it */
        {"t|day: 29", "{\"t\":\"2024-02-29T23:59:59Z\"}", true},
    };

    (void)unused;
    run(cases, ARRAY_LEN(cases));
}

#define BOTH(x) "{\"a\":\"" x "\",\"b\":\"Foo\"}"

static void references_and_negations(void **unused)
{
    static const struct modifier_case cases[] = {
        {"a|fieldref: b", BOTH("fOO"), true},
        {"a|fieldref|cased: b", BOTH("fOO"), false},
        {"a|cased|fieldref: b", BOTH("Foo"), true},
        {"a|contains|fieldref: b", BOTH("xFOOx"), true},
        {"a|fieldref|contains|cased: b", BOTH("xFOOx"), false},
        {"a|fieldref|contains|cased: b", BOTH("xFoox"), true},
        {"a|startswith|fieldref: b", BOTH("foox"), true},
        {"a|startswith|fieldref: b", BOTH("xfoo"), false},
        {"a|endswith|fieldref: b", BOTH("xfoo"), true},
        {"a|endswith|fieldref: b", BOTH("foox"), false},
        {"a|fieldref|neq: b", BOTH("foo"), false},
        {"a|fieldref|neq: b", BOTH("bar"), true},
        {"a|fieldref|neq: b", "{\"a\":\"x\"}", true},
        {"a|fieldref|startswith|neq: b", BOTH("foox"), false},
        {"a|fieldref|endswith|neq: b", BOTH("foox"), true},
        {"a|fieldref|contains|neq|cased: b", BOTH("xFOOx"), true},
        {"a|fieldref: [b, c]", "{\"a\":\"x\",\"b\":\"y\",\"c\":\"x\"}", true},
        {"a|fieldref|all: [b, c]", "{\"a\":\"x\",\"b\":\"y\",\"c\":\"x\"}", false},
        {"a|fieldref|all: [b, c]", "{\"a\":\"x\",\"b\":\"x\",\"c\":\"x\"}", true},
        {"a|fieldref: b", "{\"a\":[\"p\",\"q\"],\"b\":[\"r\",\"Q\"]}", true},
        {"a|fieldref: b", "{\"a\":7,\"b\":\"7\"}", true},
        {"a|fieldref: b", "{\"a\":null,\"b\":null}", false},
        /* neq is the negation of the item, whatever is in it */
        {"a|neq|startswith: fo", "{\"a\":\"food\"}", false},
        {"a|endswith|neq: od", "{\"a\":\"food\"}", false},
        {"a|neq: [x, y]", "{\"a\":\"y\"}", false},
        {"a|neq: [x, y]", "{\"a\":\"z\"}", true},
        {"a|neq|contains|all: [x, y]", "{\"a\":\"x\"}", true},
        {"a|neq|contains|all: [x, y]", "{\"a\":\"xy\"}", false},
        {"a|neq|re: '^f'", "{\"a\":\"food\"}", false},
        {"a|re|neq|i: '^F'", "{\"a\":\"food\"}", false},
        {"a|neq|cidr: 10.0.0.0/8", "{\"a\":\"10.1.1.1\"}", false},
        {"a|neq|cidr: 10.0.0.0/8", "{\"a\":\"11.1.1.1\"}", true},
        {"a|neq|gt: 5", "{\"a\":6}", false},
        {"a|neq|gt: 5", "{\"a\":\"x\"}", true},
        {"a|neq|cased: Foo", "{\"a\":\"foo\"}", true},
        {"a|neq: null", "{\"a\":\"x\"}", true},
        {"a|neq: null", "{\"b\":\"x\"}", false},
        {"a|neq: ''", "{\"a\":\"\"}", false},
        {"a|neq: 5", "{\"a\":5}", false},
        {"a|neq: 5", "{\"a\":6}", true},
        {"a|neq|windash|contains: ' -x'", "{\"a\":\"y /x\"}", false},
        {"a|neq|base64: foobar", "{\"a\":\"Zm9vYmFy\"}", false},
        {"a|neq: x", "{\"a\":[\"x\",\"y\"]}", false},
        {"'|neq': evil", "{\"a\":\"fine\"}", true},
        {"'|neq': evil", "{\"a\":\"so evil\"}", false},
    };

    (void)unused;
    run(cases, ARRAY_LEN(cases));
}

static void expressions_and_case(void **unused)
{
    static const struct modifier_case cases[] = {
        {"a|re|i|m: '^B$'", "{\"a\":\"a\\nb\\nc\"}", true},
        {"a|re|i: '^B$'", "{\"a\":\"a\\nb\\nc\"}", false},
        {"a|re|m|s: '^b.c$'", "{\"a\":\"a\\nb\\nc\"}", true},
        {"a|re|m: '^b.c$'", "{\"a\":\"a\\nb\\nc\"}", false},
        {"a|re|i|m|s: '^B.C$'", "{\"a\":\"a\\nb\\nc\"}", true},
        {"a|re|s|i: 'A.B'", "{\"a\":\"a\\nb\"}", true},
        {"a|re|all: [a, b]", "{\"a\":\"ba\"}", true},
        {"a|re|all: [a, c]", "{\"a\":\"ba\"}", false},
        {"a|re: [x, b]", "{\"a\":\"ba\"}", true},
        {"a|re: 'a*'", "{\"a\":\"\"}", true},
        {"a|re: 7", "{\"a\":178}", true},
        {"'|re': 'ev.l'", "{\"b\":\"so evil\"}", true},
        {"a|cased: F*o", "{\"a\":\"Fxo\"}", true},
        {"a|cased: F*o", "{\"a\":\"fxo\"}", false},
        {"a|cased|startswith: Fo", "{\"a\":\"Foo\"}", true},
        {"a|startswith|cased: Fo", "{\"a\":\"foo\"}", false},
        {"a|endswith|cased: Oo", "{\"a\":\"fOo\"}", true},
        {"a|endswith|cased: Oo", "{\"a\":\"foo\"}", false},
        {"a|contains|all|cased: [Fo, o]", "{\"a\":\"Foo\"}", true},
        {"a|contains|all|cased: [Fo, O]", "{\"a\":\"Foo\"}", false},
        {"a|cased: 7", "{\"a\":7}", true},
        {"a|cased: \xc4\x90", "{\"a\":\"\xc4\x91\"}", false},
        {"a: \xc4\x90", "{\"a\":\"\xc4\x91\"}", true},
        {"'|cased': Evil", "{\"b\":\"so evil\"}", false},
        {"'|cased': Evil", "{\"b\":\"so Evil\"}", true},
        {"a|windash|cased|contains: ' -E'", "{\"a\":\"x /e\"}", false},
        {"a|windash|cased|contains: ' -E'", "{\"a\":\"x /E\"}", true},
    };

    (void)unused;
    run(cases, ARRAY_LEN(cases));
}

#define DASHES "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95", "-", "/"

static void dashes(void **unused)
{
    static const char *const five[] = {DASHES};
    static const struct {
        const char *item, *before, *after;
    } forms[] = {
        {"a|contains|windash: ' -enc '", "ps ", "enc x"},
        {"a|contains|windash: ' /enc '", "ps ", "enc x"},
        {"a|windash|contains: ' -enc '", "ps ", "ENC x"},
        {"a|startswith|windash: -enc", "", "encx"},
        {"a|endswith|windash: ' -enc'", "ps ", "enc"},
        {"a|windash: 'ps -enc'", "ps ", "enc"},
        {"a|windash: 'ps -e*'", "ps ", "enc"},
        {"a|contains|all|windash: [ps, ' -enc']", "ps ", "enc"},
        {"'|windash': ' -enc'", "ps ", "enc"},
    };
    /* Encoded, each of the five is a value of its own. */
    static const struct modifier_case encoded[] = {
        {"a|windash|base64: -x", "{\"a\":\"LXg=\"}", true},
        {"a|windash|base64: -x", "{\"a\":\"L3g=\"}", true},
        {"a|windash|base64: -x", "{\"a\":\"4oCTeA==\"}", true},
        {"a|windash|base64: -x", "{\"a\":\"4oCUeA==\"}", true},
        {"a|windash|base64: -x", "{\"a\":\"4oCVeA==\"}", true},
        {"a|windash|base64: -x", "{\"a\":\"K3g=\"}", false},
        {"a|windash|wide|base64: /x", "{\"a\":\"LQB4AA==\"}", true},
        {"a|windash|wide|base64: /x", "{\"a\":\"EyB4AA==\"}", true},
        {"a|windash|wide: -x", "{\"a\":\"/\\u0000x\\u0000\"}", true},
    };

    (void)unused;
    run(encoded, ARRAY_LEN(encoded));
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        for (size_t k = 0; k < ARRAY_LEN(five); k++) {
            char event[256];
            (void)snprintf(event, sizeof(event), "{\"a\":\"%s%s%s\"}", forms[i].before, five[k],
                           forms[i].after);
            run(&(struct modifier_case){forms[i].item, event, true}, 1);
        }
        char event[256];
        (void)snprintf(event, sizeof(event), "{\"a\":\"%s+%s\"}", forms[i].before, forms[i].after);
        run(&(struct modifier_case){forms[i].item, event, false}, 1);
    }
}

static void encodings(void **unused)
{
    static const struct modifier_case cases[] = {
        {"a|base64: foobar", "{\"a\":\"Zm9vYmFy\"}", true},
        {"a|base64: fooba", "{\"a\":\"Zm9vYmE=\"}", true},
        {"a|base64: foob", "{\"a\":\"Zm9vYg==\"}", true},
        {"a|base64|startswith: foo", "{\"a\":\"Zm9vYmFy\"}", true},
        {"a|base64|endswith: foobar", "{\"a\":\"xZm9vYmFy\"}", true},
        {"a|base64: \xc4\x91", "{\"a\":\"xJE=\"}", true},
        {"a|base64: 7", "{\"a\":\"Nw==\"}", true},
        {"a|base64|base64: foo", "{\"a\":\"Wm05dg==\"}", true},
        {"a|wide|base64: ping", "{\"a\":\"cABpAG4AZwA=\"}", true},
        {"a|utf16le|base64: ping", "{\"a\":\"cABpAG4AZwA=\"}", true},
        {"a|utf16be|base64: ping", "{\"a\":\"AHAAaQBuAGc=\"}", true},
        {"a|utf16|base64: ping", "{\"a\":\"//5wAGkAbgBnAA==\"}", true},
        {"a|wide|base64offset|contains: ping", "{\"a\":\"xxxxcABpAG4AZwAA\"}", true},
        {"a|wide|base64offset|contains: ping", "{\"a\":\"eHAAaQBuAGcAeA==\"}", true},
        {"a|wide|base64offset|contains: ping", "{\"a\":\"eHhwAGkAbgBnAA==\"}", true},
        {"a|utf16be|base64offset|contains: ping", "{\"a\":\"AHAAaQBuAGcA\"}", true},
        {"a|utf16|base64offset|contains: ping", "{\"a\":\"//5wAGkAbgBnAAAA\"}", true},
        {"a|utf16le|contains: hi", "{\"a\":\"xh\\u0000i\\u0000\"}", true},
        {"a|wide: '\xf0\x9f\x94\xa5'", "{\"a\":\"x\"}", false},
        {"a|wide|startswith: 'h*i'", "{\"a\":\"h\\u0000zzi\\u0000\"}", true},
        {"a|base64offset|contains: [foobar, whatever]", "{\"a\":\"eGZvb2Jhcng=\"}", true},
        {"'|base64offset|contains': 'http://'", "{\"x\":\"eHhodHRwOi8vYWI=\"}", true},
    };

    (void)unused;
    run(cases, ARRAY_LEN(cases));
}

static void numbers_and_networks(void **unused)
{
    static const struct modifier_case cases[] = {
        {"a|gt: 9007199254740992", "{\"a\":9007199254740993}", true},
        {"a|gt: 9007199254740992", "{\"a\":\"9007199254740993\"}", true},
        {"a|gt: 9007199254740993", "{\"a\":9007199254740993}", false},
        {"a|gte: 9007199254740993", "{\"a\":9007199254740992}", false},
        {"a|gte: 9007199254740993", "{\"a\":9007199254740993}", true},
        {"a|lt: 9007199254740993", "{\"a\":9007199254740992}", true},
        {"a|lt: 9007199254740993", "{\"a\":9007199254740993}", false},
        {"a|lte: 9007199254740992", "{\"a\":9007199254740993}", false},
        {"a: 9007199254740993", "{\"a\":9007199254740993}", true},
        {"a|gt: 9223372036854775806", "{\"a\":9223372036854775807}", true},
        {"a|gt: 9223372036854775807", "{\"a\":9223372036854775807}", false},
        {"a|gt: 9223372036854775807", "{\"a\":9223372036854775808}", true},
        {"a|gte: 9223372036854775808", "{\"a\":9223372036854775807}", false},
        {"a|lt: 9223372036854775808", "{\"a\":9223372036854775807}", true},
        {"a|lt: -9223372036854775807", "{\"a\":-9223372036854775808}", true},
        {"a|lte: -9223372036854775808", "{\"a\":-9223372036854775807}", false},
        {"a: 9223372036854775808", "{\"a\":9223372036854775807}", false},
        {"a|lt: 0.5", "{\"a\":0.25}", true},
        {"a|gt: [9, 5]", "{\"a\":6}", true},
        {"a|gt|all: [9, 5]", "{\"a\":6}", false},
        {"a|gt|all: [1, 5]", "{\"a\":6}", true},
        {"a|gt: '5'", "{\"a\":6}", true},
        {"a|gt: 5", "{\"a\":[1,7]}", true},
        {"a|gt: 5", "{\"a\":null}", false},
        {"a|gt: 5", "{\"b\":9}", false},
        {"a|cidr: 192.0.2.128/25", "{\"a\":\"192.0.2.129\"}", true},
        {"a|cidr: 192.0.2.128/25", "{\"a\":\"192.0.2.127\"}", false},
        {"a|cidr: 0.0.0.0/0", "{\"a\":\"8.8.8.8\"}", true},
        {"a|cidr: 0.0.0.0/0", "{\"a\":\"2001:db8::1\"}", false},
        {"a|cidr: 192.0.2.1/32", "{\"a\":\"192.0.2.1\"}", true},
        {"a|cidr: 192.0.2.1", "{\"a\":\"192.0.2.1\"}", true},
        {"a|cidr: 2001:db8::/33", "{\"a\":\"2001:db8:7fff::1\"}", true},
        {"a|cidr: 2001:db8::/33", "{\"a\":\"2001:db8:8000::1\"}", false},
        {"a|cidr: '::1/128'", "{\"a\":\"0:0:0:0:0:0:0:1\"}", true},
        {"a|cidr: fe80::/10", "{\"a\":\"FE80::1\"}", true},
        {"a|cidr: [10.0.0.0/8, 'fd00::/8']", "{\"a\":[\"x\",\"fd12::9\"]}", true},
        {"a|cidr|all: [10.0.0.0/8, 10.1.0.0/16]", "{\"a\":\"10.1.2.3\"}", true},
        {"a|cidr|all: [10.0.0.0/8, 10.1.0.0/16]", "{\"a\":\"10.2.2.3\"}", false},
        {"a|cidr: 10.0.0.0/8", "{\"a\":\"10.0.0.1 \"}", false},
        {"a|exists: true", "{\"a\":[]}", false},
        {"a|exists: true", "{\"a\":[null]}", false},
        {"a|exists: true", "{\"a\":[null,1]}", true},
        {"a|exists: false", "{\"a\":[]}", true},
    };

    (void)unused;
    run(cases, ARRAY_LEN(cases));
}

/* Refused with this code and a message that holds the text. */
static const struct {
    const char *item, *code, *message;
} refused[] = {
    {"a|hour|minute: 3", "modifier-conflict", "'minute' can't follow 'another part"},
    {"a|hour|hour: 3", "modifier-conflict", "'hour' can't follow 'another part"},
    {"a|hour|contains: 3", "modifier-conflict", "a part of a time"},
    {"a|re|hour: 3", "modifier-conflict", "a part of a time"},
    {"a|hour|lt: 24", "bad-value", "no time has that: 24"},
    {"a|hour|cased: 3", "modifier-conflict", "a part of a time"},
    {"a|hour|fieldref: b", "modifier-conflict", "a part of a time"},
    {"a|hour|exists: true", "modifier-conflict", "a part of a time"},
    {"a|wide|hour: 3", "modifier-conflict", "a part of a time"},
    {"a|cidr|hour: 3", "modifier-conflict", "a part of a time"},
    {"'|hour': 3", "modifier-conflict", "needs a field"},
    {"a|hour: 24", "bad-value", "no time has that: 24"},
    {"a|minute: 60", "bad-value", "no time has that: 60"},
    {"a|day: 0", "bad-value", "no time has that: 0"},
    {"a|week: 54", "bad-value", "no time has that: 54"},
    {"a|month: 13", "bad-value", "no time has that: 13"},
    {"a|year: 0", "bad-value", "no time has that: 0"},
    {"a|hour: 1.5", "not-a-number", "'1.5' is not a whole number"},
    {"a|hour|gt: 1.5", "not-a-number", "'1.5' is not a whole number"},
    {"a|hour: noon", "not-a-number", "'noon' is not a whole number"},
    {"a|hour: null", "bad-value", "null can't be used here"},
    {"a|hour: '%h'", "not-a-number", "is not a whole number"},
    {"a|contains|startswith: x", "modifier-conflict", "'startswith' can't follow 'contains'"},
    {"a|startswith|endswith: x", "modifier-conflict", "'endswith' can't follow 'startswith'"},
    {"a|contains|contains: x", "modifier-conflict", "'contains' can't follow 'contains'"},
    {"a|contains|re: x", "modifier-conflict", "'re' can't follow 'contains'"},
    {"a|re|cidr: x", "modifier-conflict", "'cidr' can't follow 're'"},
    {"a|gt|lt: 5", "modifier-conflict", "'lt' can't follow 'gt'"},
    {"a|exists|contains: true", "modifier-conflict", "'contains' can't follow 'exists'"},
    {"a|exists|all: true", "modifier-conflict", "exists takes"},
    {"a|exists|neq: true", "modifier-conflict", "exists takes"},
    {"a|exists: 1", "bad-value", "exists takes true or false"},
    {"a|exists: 'true'", "bad-value", "exists takes true or false"},
    {"a|exists: null", "bad-value", "exists takes true or false"},
    {"'|exists': true", "modifier-conflict", "needs a field"},
    {"a|i: x", "modifier-conflict", "belong to re"},
    {"a|contains|m: x", "modifier-conflict", "belong to re"},
    {"a|cidr|s: 10.0.0.0/8", "modifier-conflict", "belong to re"},
    {"a|re|cased: x", "modifier-conflict", "cased needs a text comparison"},
    {"a|gt|cased: 5", "modifier-conflict", "cased needs a text comparison"},
    {"a|cidr|cased: 10.0.0.0/8", "modifier-conflict", "cased needs a text comparison"},
    {"a|base64|re: x", "modifier-conflict", "an encoding needs a text comparison"},
    {"a|wide|cidr: x", "modifier-conflict", "an encoding needs a text comparison"},
    {"a|windash|gt: 5", "modifier-conflict", "an encoding needs a text comparison"},
    {"a|windash|re: x", "modifier-conflict", "an encoding needs a text comparison"},
    {"a|fieldref|re: b", "modifier-conflict", "fieldref goes with"},
    {"a|fieldref|cidr: b", "modifier-conflict", "fieldref goes with"},
    {"a|fieldref|gt: b", "modifier-conflict", "fieldref goes with"},
    {"a|fieldref|wide: b", "modifier-conflict", "fieldref goes with"},
    {"a|fieldref|windash: b", "modifier-conflict", "fieldref goes with"},
    {"a|fieldref|expand: '%b%'", "modifier-conflict", "fieldref goes with"},
    {"a|fieldref: ''", "bad-value", "fieldref needs the name"},
    {"a|fieldref: null", "bad-value", "null can't be used here"},
    {"'|fieldref': b", "modifier-conflict", "needs a field"},
    {"'|gt': 5", "modifier-conflict", "needs a field"},
    {"'|cidr': 10.0.0.0/8", "modifier-conflict", "needs a field"},
    {"a|contains: null", "bad-value", "null can't be used here"},
    {"a|contains: [x, null]", "bad-value", "null can't be used here"},
    {"a|re: null", "bad-value", "null can't be used here"},
    {"a|gt: null", "bad-value", "null can't be used here"},
    {"a|gt: true", "not-a-number", "'true' is not a number"},
    {"a|gt: ''", "not-a-number", "'' is not a number"},
    {"a|gt: 0x10", "not-a-number", "'0x10' is not a number"},
    {"a|cidr: 10.0.0.0/33", "bad-cidr", "'10.0.0.0/33' is not a network"},
    {"a|cidr: '2001:db8::/129'", "bad-cidr", "is not a network"},
    {"a|cidr: 10.0.0/8", "bad-cidr", "is not a network"},
    {"a|cidr: ''", "bad-cidr", "'' is not a network"},
    {"a|base64: 'x*'", "bad-encoding", "wildcards can't be encoded"},
    {"a|base64offset|contains: 'x?y'", "bad-encoding", "wildcards can't be encoded"},
    {"a|base64offset: ''", "bad-encoding", "too short for base64offset"},
    {"a|re: '(?<x'", "bad-regex", ""},
    {"a|re: '[a'", "bad-regex", ""},
    {"a|re: 'a{2,1}'", "bad-regex", ""},
    {"a|: x", "unknown-modifier", "there is no modifier ''"},
    {"a|CONTAINS: x", "unknown-modifier", "there is no modifier 'CONTAINS'"},
    {"a|equals: x", "unknown-modifier", "there is no modifier 'equals'"},
    {"a: [[x]]", "bad-value", "a list or a map"},
    {"a: {}", "bad-value", "a list or a map"},
};

static void what_is_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        char yaml[4096];
        (void)snprintf(yaml, sizeof(yaml), TABLE HEAD "  s:\n    %s\n  condition: s\n",
                       refused[i].item);
        struct ruleset *rs = try_rules(slice_of(yaml));
        const struct rule_report *r = ruleset_report(rs);
        if (r->loaded || r->issues_n != 1)
            fail_msg("%s: loaded %zu, %zu issues", refused[i].item, r->loaded, r->issues_n);
        if (strcmp(r->issues[0].code, refused[i].code) != 0 ||
            !strstr(r->issues[0].message, refused[i].message))
            fail_msg("%s: %s: %s", refused[i].item, r->issues[0].code, r->issues[0].message);
        if (r->issues[0].line != 10 || r->issues[0].column == 0)
            fail_msg("%s: at %u:%u", refused[i].item, r->issues[0].line, r->issues[0].column);
        ruleset_unref(rs);
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
        cmocka_unit_test(parts_of_a_time),
        cmocka_unit_test(references_and_negations),
        cmocka_unit_test(expressions_and_case),
        cmocka_unit_test(dashes),
        cmocka_unit_test(encodings),
        cmocka_unit_test(numbers_and_networks),
        cmocka_unit_test(what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
