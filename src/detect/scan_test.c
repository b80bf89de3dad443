/* The scanner finds what a naive search finds, all of it: few literals and many, short and long, at
 * the beginning and the end of texts at every alignment. Debian 12's library loses some without
 * padding. */
#include "core/test.h"

#include <stdlib.h>

#include "detect/scan_int.h"

enum { LITERALS_MAX = 600, TEXT_BYTES_MAX = 400 };

static uint64_t state = 3;

static unsigned pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

struct finds {
    struct slice text;
    const struct scan_want *want;
    unsigned counts[LITERALS_MAX];
};

static void on_find(void *arg, uint32_t number, size_t end)
{
    struct finds *f = arg;
    struct slice lit = f->want[number].text;

    assert_true(end >= lit.n && end <= f->text.n);
    assert_memory_equal(f->text.p + end - lit.n, lit.p, lit.n);
    f->counts[number]++;
}

static unsigned naive(struct slice text, struct slice lit)
{
    unsigned n = 0;

    for (size_t i = 0; i + lit.n <= text.n; i++)
        n += memcmp(text.p + i, lit.p, lit.n) == 0;
    return n;
}

static void random_bytes(char *to, size_t n)
{
    static const char letters[] = "as1k-x.e\\ qz";

    for (size_t i = 0; i < n; i++)
        to[i] = pick(40) ? letters[pick(sizeof(letters) - 1)] : (char)pick(255);
}

static size_t one_text(const struct scan *db, struct scan_scratch *scratch, struct finds *f,
                       size_t n)
{
    static char room[TEXT_BYTES_MAX + SCAN_PAD + 64];
    char *text = room + pick(64);
    size_t found = 0;

    f->text = (struct slice){text, pick(TEXT_BYTES_MAX)};
    random_bytes(text, f->text.n);
    if (pick(2) && n) { /* at the very end */
        struct slice lit = f->want[pick((unsigned)n)].text;
        if (lit.n <= f->text.n)
            memcpy(text + f->text.n - lit.n, lit.p, lit.n);
    }
    scan_pad(text + f->text.n);
    memset(f->counts, 0, sizeof(f->counts));
    assert_true(scan_run(db, scratch, f->text, on_find, f));
    for (size_t i = 0; i < n; i++) {
        unsigned want = naive(f->text, f->want[i].text);
        found += want > 0;
        if (f->want[i].once ? (f->counts[i] > 0) != (want > 0) : f->counts[i] != want)
            fail_msg("%.*s in %.*s: %u times, not %u", SLICE_ARG(f->want[i].text),
                     SLICE_ARG(f->text), f->counts[i], want);
    }
    return found;
}

static void all_literals_are_found(void **unused)
{
    static const unsigned sizes[] = {1, 2, 3, 5, 8, 16, 40, 100, LITERALS_MAX};
    static struct finds f;
    size_t found = 0;

    (void)unused;
    if (!scan_works())
        skip();
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (unsigned round = 0; round < 40; round++) {
            struct scan_want want[LITERALS_MAX];
            char *bytes = malloc(LITERALS_MAX * 16);
            struct scan *db;
            struct scan_scratch *scratch = NULL;
            assert_non_null(bytes);
            for (unsigned i = 0; i < sizes[s]; i++) {
                want[i] = (struct scan_want){{bytes + i * 16, 1 + pick(pick(2) ? 4 : 16)}, pick(2)};
                random_bytes(bytes + i * 16, want[i].text.n);
                bytes[i * 16] = bytes[i * 16] ? bytes[i * 16] : 'x';
            }
            assert_int_equal(scan_literals(want, sizes[s], &db), ERR_NONE);
            assert_int_equal(scan_scratch_fit(&scratch, db), ERR_NONE);
            f.want = want;
            for (unsigned t = 0; t < 200; t++)
                found += one_text(db, scratch, &f, sizes[s]);
            scan_scratch_free(scratch);
            scan_free(db);
            free(bytes);
        }
    assert_true(found > 100000);
}

static void what_does_not_fit_is_refused(void **unused)
{
    struct scan_want want[] = {{SLICE("good"), false},
                               {SLICE("b\xff"
                                      "d"),
                                false},
                               {SLICE(""), false}};
    struct scan *db;

    (void)unused;
    assert_true(scan_fits(want[0].text));
    assert_int_equal(scan_literals(want, 2, &db), ERR_UNSUPPORTED);
    assert_int_equal(scan_literals(want + 2, 1, &db), ERR_UNSUPPORTED);
    assert_false(scan_fits((struct slice){"\0a", 2}));
    assert_int_equal(scan_literals(want, 0, &db), ERR_UNSUPPORTED);
    assert_int_equal(scan_load(SLICE("no database"), &db), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_literals_are_found),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
