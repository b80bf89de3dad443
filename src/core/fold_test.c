#include "core/test.h"

#include <stdlib.h>
#include <string.h>

#include "core/fold.h"
#include "core/utf8.h"

static struct slice folded(size_t (*f)(struct slice, char *), struct slice in, char *to)
{
    return (struct slice){to, f(in, to)};
}

static void test_known(void **state)
{
    static const struct {
        const char *in, *by_case, *by_search;
    } rows[] = {
        {"", "", ""},
        {"PowerShell.EXE -Enc", "powershell.exe -enc", "powershell.exe -enc"},
        {"Đăng nhập THẤT BẠI", "đăng nhập thất bại", "dang nhap that bai"},
        {"ĐẠI HỌC Ưu tú, Nguyễn Ỷ Ỹ", "đại học ưu tú, nguyễn ỷ ỹ", "dai hoc uu tu, nguyen y y"},
        {"Ed\xcc\xa3ng", "ed\xcc\xa3ng", "edng"}, /* a mark of its own: U+0323 */
        {"ð Ð", "ð ð", "d d"},
        {"ｃｍｄ．ＥＸＥ", "cmd.exe", "cmd.exe"},
        {"Straße", "strasse", "strasse"},
        {"ΑΒΓ Σς", "αβγ σσ", "αβγ σσ"},
        {"ά й", "ά й", "α и"},
        {"İ", "i\xcc\x87", "i"},
        {"ﬁle ① ２", "file ① 2", "file 1 2"},
        {"ℌ", "ℌ", "h"},
        {"Łódź Øre", "łódź øre", "lodz ore"},
        {"が हिन्दी ไทย", "が हिन्दी ไทย", "が हिन्दी ไทย"},
        {"\xff\xc3(A", "\xff\xc3(a", "\xff\xc3(a"},
        {"\xc3\xcc\x81\xa9", "\xc3\xcc\x81\xa9", "\xc3\xcc\x81\xa9"},
        {"´¨", "´¨", "´¨"},
        {"\xed\xa0\x80Z", "\xed\xa0\x80z", "\xed\xa0\x80z"},
    };
    char to[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice in = slice_of(rows[i].in);
        size_t n = fold_case(in, to);
        assert_int_equal(n, strlen(rows[i].by_case));
        assert_memory_equal(to, rows[i].by_case, n);
        n = fold_search(in, to);
        assert_int_equal(n, strlen(rows[i].by_search));
        assert_memory_equal(to, rows[i].by_search, n);
    }
}

static void test_every_code_point(void **state)
{
    size_t (*const folds[])(struct slice, char *) = {fold_case, fold_search};

    (void)state;
    for (size_t f = 0; f < 2; f++) {
        for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
            char in[4], once[16], twice[64];
            struct slice s = {in, utf8_put(in, cp)};
            struct slice a = folded(folds[f], s, once);
            assert_true(a.n <= fold_bound(s.n));
            struct slice b = folded(folds[f], a, twice);
            if (!slice_eq(a, b))
                fail_msg("U+%04X is not stable", cp);
            if (f == 0 && !fold_case_eq(s, a))
                fail_msg("U+%04X differs from its own folding", cp);
            /* the search folding is the coarser one */
            char via[64];
            struct slice c = folded(fold_case, s, twice);
            struct slice d = folded(fold_search, c, via);
            if (f == 1 && !slice_eq(a, d))
                fail_msg("U+%04X: search is not coarser than case", cp);
        }
    }
}

static void test_lengths_around_the_lanes(void **state)
{
    char in[80], want[80], to[240];

    (void)state;
    for (size_t n = 0; n < 70; n++) {
        for (size_t special = 0; special <= n; special++) {
            for (size_t i = 0; i < n; i++) {
                in[i] = (char)('?' + i % 30); /* ? @ A ... Z [ \ */
                want[i] = (char)(in[i] >= 'A' && in[i] <= 'Z' ? in[i] + 32 : in[i]);
            }
            if (special < n)
                in[special] = want[special] = (char)0xfe;
            assert_int_equal(fold_case((struct slice){in, n}, to), n);
            assert_memory_equal(to, want, n);
            assert_int_equal(fold_search((struct slice){in, n}, to), n);
            assert_memory_equal(to, want, n);
            assert_true(fold_case_eq((struct slice){in, n}, (struct slice){want, n}));
        }
    }
}

static void test_random_bytes_are_stable(void **state)
{
    /* pieces that meet each other in every order: halves of letters, marks, letters */
    static const char *const pieces[] = {"\xc3",     "\xa9", "\xcc\x81", "\xe1", "\xba", "\xa1",
                                         "\xc4\x90", "A",    "\xf0",     "\x9f", "ẤẠ",   "\0"};
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char in[64], once[192], twice[576];
        size_t n = 0;
        for (int k = 0; k < 8; k++) {
            seed = seed * 1664525 + 1013904223;
            const char *p = pieces[(seed >> 16) % ARRAY_LEN(pieces)];
            size_t len = p[0] ? strlen(p) : 1;
            memcpy(in + n, p, len);
            n += len;
        }
        struct slice a = folded(fold_search, (struct slice){in, n}, once);
        assert_true(slice_eq(a, folded(fold_search, a, twice)));
        a = folded(fold_case, (struct slice){in, n}, once);
        assert_true(slice_eq(a, folded(fold_case, a, twice)));
        assert_true(fold_case_eq(a, (struct slice){in, n}));
    }
}

static void test_dup(void **state)
{
    struct arena a;
    struct slice r = {0};
    struct slice same = SLICE("already lower, long enough for lanes: đã gấp");

    (void)state;
    arena_init(&a, 1 << 20);
    assert_int_equal(fold_case_dup(&a, same, &r), ERR_NONE);
    assert_ptr_equal(r.p, same.p);
    assert_int_equal(fold_search_dup(&a, same, &r), ERR_NONE);
    assert_true(slice_eq(r, SLICE("already lower, long enough for lanes: da gap")));
    assert_int_equal(fold_case_dup(&a, SLICE("0123456789abcdefG"), &r), ERR_NONE);
    assert_true(slice_eq(r, SLICE("0123456789abcdefg")));
    assert_int_equal(fold_search_dup(&a, SLICE("\xcc\x81"), &r), ERR_NONE);
    assert_int_equal(r.n, 0);
    arena_done(&a);
    arena_init(&a, 0);
    assert_int_equal(fold_case_dup(&a, SLICE("A"), &r), ERR_NOMEM);
    assert_int_equal(r.n, 0);
    arena_done(&a);
}

static void test_eq(void **state)
{
    (void)state;
    assert_true(fold_case_eq(SLICE("STRASSE"), SLICE("straße")));
    assert_true(fold_case_eq(SLICE("ẞ"), SLICE("sS")));
    assert_false(fold_case_eq(SLICE("s"), SLICE("ß")));
    assert_false(fold_case_eq(SLICE("ß"), SLICE("s")));
    assert_true(fold_case_eq(SLICE(""), SLICE("")));
    assert_false(fold_case_eq(SLICE(""), SLICE("a")));
    assert_false(fold_case_eq(SLICE("bạn"), SLICE("ban")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_lengths_around_the_lanes),
        cmocka_unit_test(test_random_bytes_are_stable),
        cmocka_unit_test(test_dup),
        cmocka_unit_test(test_eq),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
