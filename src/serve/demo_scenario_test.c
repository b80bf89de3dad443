#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/demo_player.h"

static struct demo_scenario s;

static void rows(void **state)
{
    static const struct {
        const char *in;
        enum err err;
        size_t at, n;
    } t[] = {
        {"every 0.5 2 udp 127.0.10.1 hello\n", ERR_NONE, 0, 1},
        {"# only a comment\n\nat 12 http - {\"a\":1}", ERR_NONE, 0, 1},
        {"", ERR_SYNTAX, 0, 0},
        {"loop 60\nevery 2 1 udp - x", ERR_SYNTAX, 2, 0},
        {"at x udp - y", ERR_SYNTAX, 1, 0},
        {"at 1 carrier - y", ERR_SYNTAX, 1, 0},
        {"at 1 udp -", ERR_SYNTAX, 1, 0},
        {"sometimes 1 udp - y", ERR_SYNTAX, 1, 0},
        {"at 1.2345 udp - y", ERR_SYNTAX, 1, 0},
        {"loop never", ERR_SYNTAX, 1, 0},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct diag d = {0};
        assert_int_equal(demo_read(slice_of(t[i].in), &s, &d), t[i].err);
        if (t[i].err == ERR_NONE)
            assert_int_equal(s.n, t[i].n);
        else
            assert_int_equal(d.at, t[i].at);
    }
}

static const char *filled(const char *line)
{
    static struct buf b;
    uint64_t random = 42;

    b.max = 4096;
    buf_reset(&b);
    assert_int_equal(demo_fill(slice_of(line), INT64_C(1795593600123000000), &random, &b),
                     ERR_NONE);
    return buf_cstr(&b);
}

static void braces(void **state)
{
    (void)state;
    assert_string_equal(filled("plain"), "plain");
    assert_string_equal(filled("{iso}"), "2026-11-25T08:00:00.123Z");
    assert_string_equal(filled("{pick:a}{pick:a|a}"), "aa");
    assert_string_equal(filled("{rand:7-7}"), "7");
    assert_string_equal(filled("{pick:x{rand:3-3}y|x{pick:3|3}y}"), "x3y");
    assert_string_equal(filled("{\"a\":{rand:1-1}}"), "{\"a\":1}");
    assert_string_equal(filled("{unknown} {rand:9-1} {"), "{unknown} {rand:9-1} {");
    assert_string_equal(filled("${jndi:ldap://x}"), "${jndi:ldap://x}");
}

/* The scenario that ships must be readable, and every line must fill. */
static void shipped(void **state)
{
    char path[4096];
    static char text[1 << 20];
    const char *root = getenv("COLOA_SOURCE_ROOT");
    (void)state;

    (void)snprintf(path, sizeof(path), "%s/demo/scenario.txt", root ? root : ".");
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text), f);
    (void)fclose(f);
    struct diag d = {0};
    assert_int_equal(demo_read((struct slice){text, n}, &s, &d), ERR_NONE);
    assert_true(s.n > 30);
    for (size_t i = 0; i < s.n; i++) {
        const char *line = filled("x");
        struct buf b;
        uint64_t random = i + 1;
        buf_init(&b, 65536);
        assert_non_null(line);
        assert_int_equal(demo_fill(s.rows[i].line, 0, &random, &b), ERR_NONE);
        assert_null(memmem(b.p, b.n, "{pick:", 6));
        assert_null(memmem(b.p, b.n, "{rand:", 6));
        buf_done(&b);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(braces),
        cmocka_unit_test(shipped),
    };
    return cmocka_run_group_tests_name("demo_scenario", tests, NULL, NULL);
}
