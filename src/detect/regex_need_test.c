/* What is said to be in every match is in every match: rows by hand, and random expressions on
 * random texts. */
#include "core/test.h"

#include <stdio.h>

#include "core/fold.h"
#include "detect/regex_int.h"

static void literals_are_found(void **unused)
{
    static const struct {
        const char *re, *need;
    } rows[] = {
        {"abc", "abc"},
        {"^C:\\\\Users\\\\[^\\\\]+\\\\x\\.exe$", "c:\\users\\"},
        {"a|b", ""},
        {"(a|b)cde", "cde"},
        {"abcd?ef", "abc"},
        {"abcd*ef", "abc"},
        {"abcd+ef", "abcd"},
        {"ab{2}cde", "cde"},
        {"ab{0,2}c", "a"},
        {"(?i)Hello", "hello"},
        {"(?i:x)Hello", "hello"},
        {"(?x)a b c", ""},
        {"(?s)abc", ""},
        {"\\Qa|b\\E", ""},
        {"(*ANYCRLF)abc", ""},
        {"a\\x41bc", ""},
        {"\\d+abc\\s*de", "abc"},
        {"[[:alpha:]]abc", ""},
        {"[]a]bcd", "bcd"},
        {"[^]a]bcd(e(f)[)]g)hijk", "hijk"},
        {"(?=abc)xyz", "xyz"},
        {"x\\K", ""},
        {"", ""},
        {"\xc3\xa9tude", "tude"},
        {"abcd??ef", "abc"},
        {"abc++def", "abc"},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char to[REGEX_NEED_MAX];
        size_t n = regex_needs(slice_of(rows[i].re), to);
        if (!slice_eq((struct slice){to, n}, slice_of(rows[i].need)))
            fail_msg("%s: '%.*s', not '%s'", rows[i].re, (int)n, to, rows[i].need);
    }
}

static uint64_t state = 5;

static unsigned pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

static void no_match_is_without_it(void **unused)
{
    static const char *const parts[] = {"a",   "b",    "K",     "s",    "ab",  "\\.",  "\\\\",
                                        ".",   "[ab]", "[^a]",  "(",    ")",   "|",    "?",
                                        "*",   "+",    "{1,2}", "{0}",  "^",   "$",    "\\w",
                                        "\\b", "(?:",  "(?i)",  "(?i:", "(?=", "\\x41"};
    static const char *const texts[] = {
        "a", "b", "k", "K", "S", ".", "\\", "A", " ", "\xe2\x84\xaa", "\xc5\xbf", "\xff"};
    struct regex_scratch *scratch = regex_scratch_new();
    unsigned matches = 0, said = 0;

    (void)unused;
    for (unsigned i = 0; i < 60000; i++) {
        char re[128] = "", need[REGEX_NEED_MAX];
        struct regex *r;
        for (unsigned k = 1 + pick(7), at = 0; k > 0; k--)
            at += (unsigned)snprintf(re + at, sizeof(re) - at, "%s", parts[pick(ARRAY_LEN(parts))]);
        if (regex_compile(slice_of(re), pick(2), false, false, &r, NULL) != ERR_NONE)
            continue;
        size_t n = regex_needs(slice_of(re), need);
        said += n > 0;
        for (unsigned t = 0; n > 0 && t < 12; t++) {
            char text[128] = "", folded[512];
            bool limited = false;
            for (unsigned k = pick(9), at = 0; k > 0; k--)
                at += (unsigned)snprintf(text + at, sizeof(text) - at, "%s",
                                         texts[pick(ARRAY_LEN(texts))]);
            if (!regex_search(r, scratch, slice_of(text), &limited))
                continue;
            matches++;
            size_t m = fold_case(slice_of(text), folded);
            if (!memmem(folded, m, need, n))
                fail_msg("%s matches %s without '%.*s'", re, text, (int)n, need);
        }
        regex_free(r);
    }
    assert_true(matches > 5000);
    assert_true(said > 5000);
    regex_scratch_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_found),
        cmocka_unit_test(no_match_is_without_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
