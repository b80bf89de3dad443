#include "core/test.h"
#include "store/query.h"

#include <stdio.h>
#include <stdlib.h>

/* The tree as text: (and a b), (not a), field:value, with * and ? for wildcards, quotes for
 * phrases. */
static void dump(const struct query_node *n, struct buf *out)
{
    static const char *const ops[] = {
        [QUERY_IS] = ":", [QUERY_LT] = "<", [QUERY_LE] = "<=", [QUERY_GT] = ">", [QUERY_GE] = ">="};
    enum err e = ERR_NONE;

    switch (n->kind) {
    case QUERY_ALL:
        e = buf_puts(out, "all");
        break;
    case QUERY_AND:
    case QUERY_OR:
    case QUERY_NOT:
        e = buf_puts(out, n->kind == QUERY_AND ? "(and " : n->kind == QUERY_OR ? "(or " : "(not ");
        dump(n->a, out);
        if (n->b) {
            assert_int_equal(buf_putc(out, ' '), ERR_NONE);
            dump(n->b, out);
        }
        if (e == ERR_NONE)
            e = buf_putc(out, ')');
        break;
    case QUERY_TERM:
        if (n->field.n)
            e = buf_printf(out, "%.*s%s", SLICE_ARG(n->field), ops[n->op]);
        if (e == ERR_NONE && n->quoted)
            e = buf_putc(out, '"');
        for (size_t i = 0; e == ERR_NONE && i < n->value.n; i++) {
            char c = n->value.p[i];
            if (c == '*' || c == '?')
                e = buf_putc(out, '\\');
            if (e == ERR_NONE)
                e = buf_putc(out, (char)(c == QUERY_STAR ? '*' : c == QUERY_ANY ? '?' : c));
        }
        if (e == ERR_NONE && n->quoted)
            e = buf_putc(out, '"');
        break;
    }
    assert_int_equal(e, ERR_NONE);
}

static void trees(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"", "all"},
        {"  \t\n", "all"},
        {"foo", "foo"},
        {"foo bar", "(and foo bar)"},
        {"foo and bar or baz", "(or (and foo bar) baz)"},
        {"foo AND bar OR NOT baz", "(or (and foo bar) (not baz))"},
        {"not not a", "(not (not a))"},
        {"not a b", "(and (not a) b)"},
        {"(a or b) c", "(and (or a b) c)"},
        {"a(b)", "(and a b)"},
        {"notary order android", "(and (and notary order) android)"},
        {"user.name:admin*", "user.name:admin*"},
        {"user.name:\"ad*min\"", "user.name:\"ad\\*min\""},
        {"a:**b", "a:*b"},
        {"a:\\*b\\?", "a:\\*b\\?"},
        {"a:C:\\Windows\\\\*.exe", "a:C:\\Windows\\*.exe"},
        {"a:b\\ c", "a:b c"},
        {"\"say \\\"hi\\\"\" x", "(and \"say \"hi\"\" x)"},
        {"a >= 400", "a>=400"},
        {"a<5 b>6", "(and a<5 b>6)"},
        {"source.ip:fe80::1", "source.ip:fe80::1"},
        {"f:(a or \"b c\")", "(or f:a f:\"b c\")"},
        {"f:(a not b) g", "(and (and f:a (not f:b)) g)"},
        {"f:*", "f:*"},
        {"f:(g:a (b))", "(and f:g:a f:b)"},
        {"Đăng nhập", "(and Đăng nhập)"},
        {"f:\"\"", "f:\"\""},
        {"user.name:admin* and not source.ip:10.0.0.0/8 and (event.outcome:failure or "
         "http.response.status_code >= 400) \"failed password\"",
         "(and (and (and user.name:admin* (not source.ip:10.0.0.0/8)) (or event.outcome:failure "
         "http.response.status_code>=400)) \"failed password\")"},
    };
    struct arena a;
    struct buf out;
    (void)state;

    arena_init(&a, 4 << 20);
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct query_node *q = NULL;
        struct diag d = {.code = ERR_NONE};
        arena_reset(&a);
        buf_reset(&out);
        if (query_parse(&a, slice_of(table[i].in), &q, &d) != ERR_NONE)
            fail_msg("%s: %s", table[i].in, d.text);
        dump(q, &out);
        assert_string_equal(buf_cstr(&out), table[i].out);
    }
    buf_done(&out);
    arena_done(&a);
}

static void mistakes(void **state)
{
    static const struct {
        const char *in;
        size_t at;
    } table[] = {
        {"a and", 5},   {"and a", 0}, {"a or or b", 5}, {"(a", 0},    {"a)", 1},   {"()", 1},
        {"x \"abc", 2}, {"f:", 2},    {"f: a", 2},      {"f >", 3},   {"not", 3},  {"ab \x01", 3},
        {"ab \xff", 3}, {"f:(a", 2},  {"f:(a:b (c", 7}, {"a not", 5}, {"f:()", 3}, {"a or", 4},
    };
    struct arena a;
    (void)state;

    arena_init(&a, 4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct query_node *q = NULL;
        struct diag d = {.code = ERR_NONE};
        char where[32];
        enum err e = query_parse(&a, slice_of(table[i].in), &q, &d);
        if (e != ERR_SYNTAX || d.at != table[i].at)
            fail_msg("%s: %d at %zu, not at %zu: %s", table[i].in, e, d.at, table[i].at, d.text);
        (void)snprintf(where, sizeof(where), "at byte %zu", table[i].at);
        assert_non_null(strstr(d.text, where));
        assert_null(q);
    }
    arena_done(&a);
}

static void ceilings(void **state)
{
    struct arena a;
    struct buf b;
    const struct query_node *q = NULL;
    struct diag d;
    (void)state;

    arena_init(&a, 16 << 20);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < QUERY_DEPTH_MAX + 1; i++)
        assert_int_equal(buf_putc(&b, '('), ERR_NONE);
    assert_int_equal(query_parse(&a, buf_slice(&b), &q, &d), ERR_LIMIT);
    buf_reset(&b);
    for (int i = 0; i < QUERY_TERMS_MAX; i++)
        assert_int_equal(buf_puts(&b, "a "), ERR_NONE);
    assert_int_equal(query_parse(&a, buf_slice(&b), &q, &d), ERR_NONE);
    assert_int_equal(buf_puts(&b, "a"), ERR_NONE);
    assert_int_equal(query_parse(&a, buf_slice(&b), &q, &d), ERR_LIMIT);
    buf_reset(&b);
    while (b.n <= QUERY_BYTES_MAX)
        assert_int_equal(buf_putc(&b, 'a'), ERR_NONE);
    assert_int_equal(query_parse(&a, buf_slice(&b), &q, &d), ERR_LIMIT);
    buf_done(&b);
    arena_done(&a);
}

#define FOLDED(cond)                                                                               \
    "(mapContains(folded, {p1:String}) AND arrayExists((k, v) -> k = {p1:String} AND (" cond       \
    "), mapKeys(folded), mapValues(folded)))"

static void statements(void **state)
{
    static const struct {
        const char *in, *sql, *p0;
    } table[] = {
        {"", "1", NULL},
        {"Thất-bại", "position(text, {p0:String}) > 0", " that bai "},
        {"fail*", "position(text, {p0:String}) > 0", " fail"},
        {"\"Failed  PASSWORD\"", "position(text, {p0:String}) > 0", " failed password "},
        {"f?il*ed", "match(text, {p0:String})", "(?s) f[^ \\n]il\\C*ed "},
        {"message:x", "position(substringIndex(text, '\\n', 1), {p0:String}) > 0", " x "},
        {"user.name:ADMIN*",
         "((user_name != '' AND startsWith(lower(user_name), {p0:String})) OR " FOLDED(
             "startsWith(v, {p0:String})") ")",
         "admin"},
        {"user.name:a.*\\?c",
         "((user_name != '' AND match(lower(user_name), {p0:String})) OR " FOLDED(
             "match(v, {p0:String})") ")",
         "(?s)^a\\.\\C*\\?c$"},
        {"@timestamp >= 2026-11-25T00:00:00Z",
         "timestamp >= fromUnixTimestamp64Nano(toInt64(1795564800000000000), 'UTC')", NULL},
        {"coloa.org:5", "toInt64(org) = toInt64(5)", NULL},
        {"event.id:*", "1", NULL},
        {"own.field:*", "mapContains(fields, {p0:String})", "own.field"},
        {"not x", "NOT (position(text, {p0:String}) > 0)", " x "},
    };
    struct arena a;
    struct buf out;
    struct store_params p;
    (void)state;

    arena_init(&a, 4 << 20);
    buf_init(&out, 65536);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct query_node *q = NULL;
        struct diag d = {.code = ERR_NONE};
        buf_reset(&out);
        p.n = 0;
        assert_int_equal(query_parse(&a, slice_of(table[i].in), &q, &d), ERR_NONE);
        if (query_to_sql(q, &a, 0, &p, &out, &d) != ERR_NONE)
            fail_msg("%s: %s", table[i].in, d.text);
        assert_string_equal(buf_cstr(&out), table[i].sql);
        assert_int_equal(p.n > 0, table[i].p0 != NULL);
        if (table[i].p0) {
            assert_int_equal(p.value[0].n, strlen(table[i].p0));
            assert_memory_equal(p.value[0].p, table[i].p0, p.value[0].n);
        }
    }
    buf_done(&out);
    arena_done(&a);
}

static void senseless(void **state)
{
    static const struct {
        const char *in;
        size_t at;
    } table[] = {
        {"a -- b", 2},           {"user.name > 5", 12},
        {"source.port > x", 14}, {"@timestamp > soon", 13},
        {"own > abc", 6},        {"message > 5", 10},
        {"coloa.org > x", 12},   {"event.id > 5", 11},
        {"tags < 1", 7},         {"event.start > never", 14},
    };
    struct arena a;
    struct buf out;
    struct store_params p = {.n = 0};
    (void)state;

    arena_init(&a, 4 << 20);
    buf_init(&out, 65536);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct query_node *q = NULL;
        struct diag d = {.code = ERR_NONE};
        assert_int_equal(query_parse(&a, slice_of(table[i].in), &q, &d), ERR_NONE);
        enum err e = query_to_sql(q, &a, 0, &p, &out, &d);
        if (e != ERR_SYNTAX || d.at != table[i].at)
            fail_msg("%s: %d at %zu: %s", table[i].in, e, d.at, d.text);
    }
    buf_done(&out);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),      cmocka_unit_test(mistakes),  cmocka_unit_test(ceilings),
        cmocka_unit_test(statements), cmocka_unit_test(senseless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
