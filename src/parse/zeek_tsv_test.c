#include "core/test.h"

#include <stdio.h>

#include "parse/zeek_tsv.h"

static const char *const head[] = {
    "#separator \\x09",
    "#set_separator\t,",
    "#empty_field\t(empty)",
    "#unset_field\t-",
    "#path\tdns",
    "#open\t2026-11-25-08-00-00",
    "#fields\tts\tuid\tid.orig_h\tanswers\tnote",
    "#types\ttime\tstring\taddr\tvector[string]\tstring",
};

static const struct {
    const char *line, *want; /* NULL: refused */
} lines[] = {
    {"1.5\tC1\t10.0.0.1\ta,b\tx", "ts=1.5|uid=C1|id.orig_h=10.0.0.1|answers=a|+answers=b|note=x|"},
    {"1.5\tC1\t10.0.0.1\t-\t-\r\n", "ts=1.5|uid=C1|id.orig_h=10.0.0.1|"},
    {"1.5\t-\t-\t(empty)\ta\\x09b\\x0", "ts=1.5|note=a\tb\\x0|"},
    {"1.5", "ts=1.5|"},
    {"1\t2\t3\t4\t5\t6", NULL},
};

static void test_lines(void **state)
{
    static struct zeek_header h;
    static struct pairs p;
    struct arena a;
    struct diag d;

    (void)state;
    arena_init(&a, 1 << 20);
    zeek_header_init(&h);
    assert_int_equal(zeek_pairs(&h, slice_of("1\t2"), &a, &p, &d), ERR_SYNTAX);
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        assert_int_equal(zeek_header_line(&h, slice_of(head[i]), NULL), ERR_NONE);
    assert_string_equal(h.dataset, "zeek.dns");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        char out[256] = "";
        size_t at = 0;
        p.n = 0;
        enum err e = zeek_pairs(&h, slice_of(lines[i].line), &a, &p, &d);
        assert_int_equal(e == ERR_NONE, lines[i].want != NULL);
        for (size_t k = 0; k < p.n && lines[i].want; k++)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%.*s=%.*s|",
                                   p.at[k].more ? "+" : "", SLICE_ARG(p.at[k].name),
                                   SLICE_ARG(p.at[k].value));
        if (lines[i].want)
            assert_string_equal(out, lines[i].want);
    }
    assert_int_equal(zeek_header_line(&h, slice_of("#what"), NULL), ERR_SYNTAX);
    zeek_header_done(&h);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
