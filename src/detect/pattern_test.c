#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/fold.h"
#include "detect/pattern_naive_int.h"

static struct arena arena;

static uint64_t state = 42;

static unsigned pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

static struct toks random_pattern(void)
{
    static const char bytes[] = "ab\x80\xc3-/\0";
    static struct tok t[8];
    size_t n = pick(8);

    for (size_t i = 0; i < n; i++) {
        unsigned kind = pick(8);
        t[i] = (struct tok){kind < 4   ? TOK_BYTE
                            : kind < 6 ? TOK_ANY
                            : kind < 7 ? TOK_ONE
                                       : TOK_DASH,
                            bytes[pick(sizeof(bytes) - 1)]};
    }
    return (struct toks){t, n};
}

static struct slice random_text(void)
{
    static const char *const parts[] = {"a",        "b", "ab", "\x80",         "\xc3",
                                        "\xc3\xa9", "-", "/",  "\xe2\x80\x93", "\xe2\x80"};
    static char text[64];
    size_t n = 0;

    for (unsigned i = pick(9); i > 0; i--) {
        unsigned k = pick(ARRAY_LEN(parts) + 1);
        if (k == ARRAY_LEN(parts)) {
            text[n++] = 0;
            continue;
        }
        memcpy(text + n, parts[k], strlen(parts[k]));
        n += strlen(parts[k]);
    }
    return (struct slice){text, n};
}

static void matches_as_defined(void **unused)
{
    unsigned hits = 0;

    (void)unused;
    for (unsigned i = 0; i < 300000; i++) {
        struct toks t = random_pattern();
        struct slice text = random_text();
        struct pattern p;
        arena_reset(&arena);
        assert_int_equal(pattern_build(&arena, t, true, &p), ERR_NONE);
        bool want = pattern_naive(t.t, t.n, text);
        hits += want;
        if (pattern_match(&p, text) == want)
            continue;
        for (size_t k = 0; k < t.n; k++)
            print_message("%d:%02x ", t.t[k].kind, (uint8_t)t.t[k].byte);
        fail_msg("case %u: wanted %d on '%.*s'", i, want, SLICE_ARG(text));
    }
    assert_in_range(hits, 20000, 200000);
}

static void scans_and_folds(void **unused)
{
    static const struct {
        const char *pattern, *text;
        enum pattern_kind kind;
        bool match;
    } cases[] = {
        {"", "", PATTERN_EQUAL, true},
        {"", "a", PATTERN_EQUAL, false},
        {"*", "", PATTERN_ANY, true},
        {"abc", "ABC", PATTERN_EQUAL, true},
        {"*abc", "xABC", PATTERN_ENDS, true},
        {"abc*", "abcd", PATTERN_STARTS, true},
        {"*abc*", "xabcd", PATTERN_CONTAINS, true},
        {"**abc**", "xabcd", PATTERN_CONTAINS, true},
        {"a*c", "a\nb\nc", PATTERN_GLOB, true},
        {"a?c",
         "a\xc4\x91"
         "c",
         PATTERN_GLOB, true},
        {"a?c", "ac", PATTERN_GLOB, false},
        {"a\\*c", "a*c", PATTERN_EQUAL, true},
        {"a\\*c", "abc", PATTERN_EQUAL, false},
        {"a\\?c", "a?c", PATTERN_EQUAL, true},
        {"a\\\\*", "a\\b", PATTERN_STARTS, true},
        {"a\\\\\\*", "a\\*", PATTERN_EQUAL, true},
        {"\\\\srv\\x", "\\srv\\x", PATTERN_EQUAL, true},
        {"a\\b", "a\\b", PATTERN_EQUAL, true},
        {"a\\", "a\\", PATTERN_EQUAL, true},
        {"\xc4\x90\xc6\xaf\xe1\xbb\x9cNG", "\xc4\x91\xc6\xb0\xe1\xbb\x9dng", PATTERN_EQUAL, true},
        {"whoami", "\xef\xbd\x97\xef\xbd\x88\xef\xbd\x8f\xef\xbd\x81\xef\xbd\x8d\xef\xbd\x89",
         PATTERN_EQUAL, true},
        {"dang", "\xc4\x91\x61ng", PATTERN_EQUAL, false},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct toks t;
        struct pattern p;
        struct slice folded;
        assert_int_equal(pattern_scan(&arena, slice_of(cases[i].pattern), &t), ERR_NONE);
        assert_int_equal(pattern_build(&arena, t, false, &p), ERR_NONE);
        assert_int_equal(fold_case_dup(&arena, slice_of(cases[i].text), &folded), ERR_NONE);
        if (p.kind != cases[i].kind || pattern_match(&p, folded) != cases[i].match)
            fail_msg("'%s' on '%s': kind %d", cases[i].pattern, cases[i].text, p.kind);
    }
}

static void stops_at_the_ceiling(void **unused)
{
    struct arena small;
    struct toks t;

    (void)unused;
    arena_init(&small, 16);
    assert_int_equal(pattern_scan(&small, SLICE("a pattern of more bytes"), &t), ERR_NOMEM);
    arena_done(&small);
}

static int begin(void **unused)
{
    (void)unused;
    arena_init(&arena, 64 << 20);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_defined),
        cmocka_unit_test(scans_and_folds),
        cmocka_unit_test(stops_at_the_ceiling),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
