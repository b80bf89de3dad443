/* The index of log sources against trying every row: the same tables, once as they are and once
 * wrapped in one more list, which keeps them out of the index, must choose the same rules. */
#include "core/test.h"

#include <stdio.h>

#include "core/buf.h"
#include "detect/rule_int.h"
#include "detect/try_int.h"

enum { ROWS = 8, TABLES = 150, EVENTS = 60 };

static uint64_t state = 7;

static unsigned pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

static const char *value(void)
{
    static const char *const all[] = {"a", "B", "ab", "''", "\xc4\x90", "b"};

    return all[pick(ARRAY_LEN(all))];
}

static void put_item(struct buf *b, unsigned field)
{
    static const char *const forms[] = {
        "k%u: %s",          "k%u: [%s, %s]", "k%u|startswith: %s", "k%u|neq: %s",
        "k%u|exists: true", "k%u: null",     "k%u|all: [%s, %s]",  "k%u|cased: %s",
    };
    const char *form = forms[pick(ARRAY_LEN(forms))], *x = value(), *y = value();
    char text[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, sizeof(text), form, field, x, y);
#pragma GCC diagnostic pop
    assert_int_equal(buf_puts(b, text), ERR_NONE);
}

static void put_when(struct buf *b)
{
    unsigned alts = 1 + pick(3);

    assert_int_equal(buf_putc(b, '['), ERR_NONE);
    for (unsigned i = 0; i < alts; i++) {
        assert_int_equal(buf_puts(b, i ? ", {" : "{"), ERR_NONE);
        unsigned first = pick(3), n = 1 + pick(2);
        for (unsigned k = 0; k < n; k++) {
            if (k)
                assert_int_equal(buf_puts(b, ", "), ERR_NONE);
            put_item(b, (first + k) % 3);
        }
        assert_int_equal(buf_putc(b, '}'), ERR_NONE);
    }
    assert_int_equal(buf_putc(b, ']'), ERR_NONE);
}

static void put_table(struct buf *plain, struct buf *wrapped)
{
    struct buf when;

    buf_init(&when, 4096);
    assert_int_equal(buf_puts(plain, "logsources:\n"), ERR_NONE);
    assert_int_equal(buf_puts(wrapped, "logsources:\n"), ERR_NONE);
    for (unsigned r = 0; r < ROWS; r++) {
        buf_reset(&when);
        put_when(&when);
        const char *w = buf_cstr(&when), *weak = pick(3) ? "false" : "true";
        assert_int_equal(buf_printf(plain, "  - {product: p%u, weak: %s, when: %s}\n", r, weak, w),
                         ERR_NONE);
        assert_int_equal(
            buf_printf(wrapped, "  - {product: p%u, weak: %s, when: [%s]}\n", r, weak, w),
            ERR_NONE);
    }
    for (unsigned r = 0; r < ROWS; r++) {
        const char *rule = "---\ntitle: r%u\nid: r%u\nlevel: low\nlogsource: {product: p%u}\n"
                           "detection: {s: {never: null}, condition: s}\n";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        assert_int_equal(buf_printf(plain, rule, r, r, r), ERR_NONE);
        assert_int_equal(buf_printf(wrapped, rule, r, r, r), ERR_NONE);
#pragma GCC diagnostic pop
    }
    buf_done(&when);
}

static void random_event(char *to, size_t n)
{
    static const char *const all[] = {"\"A\"",        "\"b\"", "\"ab\"", "\"\"",
                                      "\"\xc4\x91\"", "null",  "7",      "[\"a\",\"b\"]"};
    size_t at = (size_t)snprintf(to, n, "{\"x\":1");

    for (unsigned k = 0; k < 3; k++)
        if (pick(4))
            at += (size_t)snprintf(to + at, n - at, ",\"k%u\":%s", k, all[pick(ARRAY_LEN(all))]);
    (void)snprintf(to + at, n - at, "}");
}

static void the_index_chooses_the_same(void **unused)
{
    struct buf plain, wrapped;
    unsigned hits = 0;

    (void)unused;
    buf_init(&plain, 1 << 16);
    buf_init(&wrapped, 1 << 16);
    for (unsigned t = 0; t < TABLES; t++) {
        buf_reset(&plain);
        buf_reset(&wrapped);
        put_table(&plain, &wrapped);
        struct ruleset *a = try_rules(buf_slice(&plain)), *b = try_rules(buf_slice(&wrapped));
        if (ruleset_report(a)->issues_n || ruleset_report(b)->loaded != ROWS)
            fail_msg("%s\n%s", ruleset_report(a)->issues[0].message, buf_cstr(&plain));
        assert_true(a->gate.always_n < a->gate.alts_n);
        assert_int_equal(b->gate.always_n, b->gate.alts_n);
        for (unsigned i = 0; i < EVENTS; i++) {
            char event[256], first[256];
            const char *ids;
            random_event(event, sizeof(event));
            hits += try_detect(a, try_event(slice_of(event)), &ids);
            (void)snprintf(first, sizeof(first), "%s", ids);
            (void)try_detect(b, try_event(slice_of(event)), &ids);
            if (strcmp(first, ids) != 0)
                fail_msg("%s\n%s\n'%s', without the index '%s'", buf_cstr(&plain), event, first,
                         ids);
        }
        ruleset_unref(a);
        ruleset_unref(b);
    }
    assert_in_range(hits, TABLES * EVENTS / 2, TABLES * EVENTS * ROWS - 1);
    buf_done(&plain);
    buf_done(&wrapped);
}

static int end(void **unused)
{
    (void)unused;
    try_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_index_chooses_the_same)};

    return cmocka_run_group_tests(tests, NULL, end);
}
