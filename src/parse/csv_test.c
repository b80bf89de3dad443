#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "parse/csv.h"

/* header, row -> "name=value|" */
static const struct {
    const char *header, *row, *want;
} rows[] = {
    {"a,b,c\n", "1,2,3\n", "a=1|b=2|c=3|"},
    {"a;b;c\r\n", "1;\"x;\"\"y\"\"\";\r\n", "a=1|b=x;\"y\"|"},
    {"a\tb\n", "\"two\nlines\"\tz", "a=two\nlines|b=z|"},
    {"\"Date and Time\",\"Event ID\"\n", "2026,4624\n", "Date and Time=2026|Event ID=4624|"},
    {"a,b\n", "1,2,3\n", "a=1|b=2|column3=3|"},
    {"a,b\n", "\"x\"y,2\n", "a=xy|b=2|"},
    {"a,b\n", "x\"y,2\n", "a=x\"y|b=2|"},
    {"#TYPE System.Object\r\n\"a\",\"b\"\r\n", "\"1\",\"2\"\n", "a=1|b=2|"},
    {"sep=;\na;b\n", "1;2\n", "a=1|b=2|"},
    {"a|b|c\n", "1|2|3\n", "a=1|b=2|c=3|"},
};

static void test_rows(void **state)
{
    static struct csv_header h;
    static struct pairs p;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[256] = "";
        size_t used, at = 0;
        bool broken;
        struct slice row = slice_of(rows[i].row);
        assert_int_equal(csv_header_read(&h, slice_of(rows[i].header), &used, NULL), ERR_NONE);
        assert_int_equal(used, strlen(rows[i].header));
        assert_int_equal(csv_row(row, h.separator, true, &broken), row.n);
        assert_false(broken);
        p.n = 0;
        assert_int_equal(csv_pairs(&h, row, &a, &p), ERR_NONE);
        for (size_t k = 0; k < p.n; k++)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%.*s=%.*s|",
                                   SLICE_ARG(p.at[k].name), SLICE_ARG(p.at[k].value));
        assert_string_equal(out, rows[i].want);
        csv_header_done(&h);
    }
    arena_done(&a);
}

static void test_cutting(void **state)
{
    bool broken;
    char *big = malloc(CSV_ROW_BYTES_MAX + 100);

    (void)state;
    assert_non_null(big);
    assert_int_equal(csv_row(slice_of("1,\"a\nb"), ',', false, &broken), 0);
    assert_int_equal(csv_row(slice_of("1,\"a\nb"), ',', true, &broken), 5);
    assert_true(broken);
    assert_int_equal(csv_row(slice_of("1,2\r"), ',', false, &broken), 0);
    assert_int_equal(csv_row(slice_of("1,2\r3"), ',', false, &broken), 4);
    memset(big, 'x', CSV_ROW_BYTES_MAX + 100);
    big[0] = '"';
    big[9] = '\n';
    assert_int_equal(csv_row((struct slice){big, CSV_ROW_BYTES_MAX + 100}, ',', false, &broken),
                     10);
    assert_true(broken);
    free(big);
}

static const struct {
    const char *head;
    bool hint, want;
} guesses[] = {
    {"time,host,cmd\n1,2,3\n", false, true},
    {"time;host;cmd\n1;2;3\n", false, true},
    {"time,host\n1,2\n", false, false}, /* too little to be sure */
    {"time,host\n1,2\n", true, true},
    {"Nov 25 08:00:00 h app: a, b, c\nNov 25 08:00:01 h app: x\n", false, false},
    {"{\"a\":1,\"b\":2,\"c\":3}\n", true, false},
    {"<13>a,b,c\n<13>d,e,f\n", false, false},
    {"1,2,3\n4,5,6\n", false, false},
    {"a,a,b\n1,2,3\n", false, false},
    {"", true, false},
};

static void test_guess(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(guesses); i++)
        if (csv_guess(slice_of(guesses[i].head), guesses[i].hint) != guesses[i].want)
            fail_msg("case %zu: %s", i, guesses[i].head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_cutting),
        cmocka_unit_test(test_guess),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
