#include "core/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/crc32c.h"
#include "core/err.h"
#include "core/slice.h"
#include "core/utf8.h"

static void test_errors(void **state)
{
    struct diag d = {0};

    (void)state;
    assert_string_equal(err_code(ERR_NONE), "ok");
    for (int e = 0; e <= ERR_VERSION; e++) {
        assert_true(err_text((enum err)e)[0] != 0);
        for (int f = 0; f < e; f++)
            assert_string_not_equal(err_code((enum err)e), err_code((enum err)f));
    }
    assert_string_equal(err_code((enum err)9999), "unknown");
    assert_int_equal(err_http_status(ERR_NOENT), 404);
    assert_int_equal(err_http_status((enum err)9999), 500);
    assert_true(err_retryable(ERR_BUSY));
    assert_false(err_retryable(ERR_SYNTAX));
    errno = EACCES;
    assert_int_equal(FAIL(&d, ERR_SYS, 7, "%s", "no"), ERR_SYS);
    assert_int_equal(d.sys, EACCES);
    assert_int_equal(d.at, 7);
    assert_string_equal(d.text, "no");
    diag_set(&d, ERR_SYNTAX, 0, "%0500d", 1);
    assert_int_equal(strlen(d.text), sizeof(d.text) - 1);
    assert_int_equal(d.sys, 0);
    diag_set(NULL, ERR_SYNTAX, 0, "nobody asks");
}

static void test_numbers(void **state)
{
    static const struct {
        const char *in;
        bool u_ok, i_ok;
        uint64_t u;
        int64_t i;
    } rows[] = {
        {"0", true, true, 0, 0},
        {"007", true, true, 7, 7},
        {"-1", false, true, 0, -1},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"99999999999999999999", false, false, 0, 0},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", true, false, UINT64_C(1) << 63, 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN},
        {"-9223372036854775809", false, false, 0, 0},
        {"", false, false, 0, 0},
        {"-", false, false, 0, 0},
        {"--1", false, false, 0, 0},
        {"+1", false, false, 0, 0},
        {"1 ", false, false, 0, 0},
        {"1a", false, false, 0, 0},
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        uint64_t u = 99;
        int64_t i = 99;
        assert_int_equal(slice_to_u64(slice_of(rows[k].in), &u), rows[k].u_ok);
        assert_true(u == (rows[k].u_ok ? rows[k].u : 99));
        assert_int_equal(slice_to_i64(slice_of(rows[k].in), &i), rows[k].i_ok);
        assert_true(i == (rows[k].i_ok ? rows[k].i : 99));
    }
}

static void test_slices(void **state)
{
    struct slice none = {NULL, 0};

    (void)state;
    assert_true(slice_eq(none, SLICE("")));
    assert_true(slice_eq(slice_of(NULL), none));
    assert_false(slice_eq(SLICE("a"), SLICE("b")));
    assert_true(slice_eq_nocase(SLICE("Content-Type"), SLICE("cONTENT-tYPE")));
    assert_false(slice_eq_nocase(SLICE("a"), SLICE("ab")));
    assert_false(slice_eq_nocase(SLICE("@"), SLICE("`")));
    assert_true(slice_has(SLICE("a_b"), SLICE("a_b"), 1));
    assert_true(slice_has(SLICE("xx_ya_b"), SLICE("a_b"), 1));
    assert_true(slice_has(SLICE("a_a_ab"), SLICE("_ab"), 0));
    assert_true(slice_has(SLICE("_ab_"), SLICE("ab_"), 2));
    assert_false(slice_has(SLICE("a_c"), SLICE("a_b"), 1));
    assert_false(slice_has(SLICE("__"), SLICE("a_b"), 1));
    assert_false(slice_has(SLICE("a_"), SLICE("a_b"), 1));
    assert_false(slice_has(none, SLICE("a_b"), 1));
    assert_true(slice_starts(SLICE("abc"), none));
    assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
    assert_false(slice_starts(SLICE("a"), SLICE("ab")));
    assert_int_equal(slice_find(SLICE("a=b"), '='), 1);
    assert_int_equal(slice_find(SLICE("a=b"), '!'), 3);
    assert_int_equal(slice_find(none, '!'), 0);
    assert_true(slice_eq(slice_trim(SLICE(" \t a b\r\n")), SLICE("a b")));
    assert_true(slice_eq(slice_trim(SLICE(" \t ")), none));
    assert_true(slice_eq(slice_trim(none), none));
    assert_true(slice_eq(slice_cut(SLICE("abcdef"), 2, 4), SLICE("cd")));
}

/* RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
static void test_crc32c(void **state)
{
    char zeros[32] = {0}, ones[32], up[32], down[32];

    (void)state;
    memset(ones, 0xff, sizeof(ones));
    for (int i = 0; i < 32; i++) {
        up[i] = (char)i;
        down[i] = (char)(31 - i);
    }
    assert_true(crc32c(0, SLICE("123456789")) == 0xe3069283);
    assert_true(crc32c(0, (struct slice){zeros, 32}) == 0x8a9136aa);
    assert_true(crc32c(0, (struct slice){ones, 32}) == 0x62a8ab43);
    assert_true(crc32c(0, (struct slice){up, 32}) == 0x46dd794e);
    assert_true(crc32c(0, (struct slice){down, 32}) == 0x113fdb5c);
    assert_true(crc32c(5, (struct slice){NULL, 0}) == 5);
    for (size_t cut = 0; cut <= 32; cut++) {
        uint32_t first = crc32c(0, (struct slice){up, cut});
        assert_true(crc32c(first, (struct slice){up + cut, 32 - cut}) == 0x46dd794e);
    }
}

static int64_t fake_mono(void)
{
    return 42;
}

static int64_t fake_wall(void)
{
    return 43;
}

static void test_clock(void **state)
{
    int64_t before = clock_mono_ns();

    (void)state;
    assert_true(before > 0);
    assert_true(clock_mono_ns() >= before);
    assert_true(clock_wall_ns() > INT64_C(1600000000) * NS_PER_S);
    clock_replace(fake_mono, fake_wall);
    assert_int_equal(clock_mono_ns(), 42);
    assert_int_equal(clock_wall_ns(), 43);
    clock_replace(NULL, NULL);
    assert_true(clock_mono_ns() >= before);
}

static void test_utf8(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xc3",
                                      "\xe1\xba",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xc3("};

    (void)state;
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        char b[4] = {0};
        uint32_t back = 1;
        unsigned n = utf8_put(b, cp);
        bool surrogate = cp >= 0xd800 && cp < 0xe000;
        assert_int_equal(utf8_get(b, n, &back), surrogate ? 0 : n);
        assert_true(surrogate || back == cp);
        assert_int_equal(utf8_get(b, n - 1, &back), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint32_t cp = 77;
        assert_int_equal(utf8_get(bad[i], strlen(bad[i]), &cp), 0);
        assert_int_equal(cp, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_slices), cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_clock),  cmocka_unit_test(test_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
