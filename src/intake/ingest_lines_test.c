#include "core/test.h"

#include "intake/ingest_lines.h"

/* A constant, which SLICE is not. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static void test_lines(void **state)
{
    static const struct {
        struct slice in;
        const char *kinds; /* R, B or L for each line */
    } row[] = {
        {{"", 0}, ""},
        {BYTES("{}"), "R"},
        {BYTES("{}\n"), "R"},
        {BYTES("{\"a\":1}\r\n{\"b\":2}\r\n"), "RR"},
        {BYTES("\n\r\n  \n\t{ } \n\n"), "R"},
        {BYTES("{\n}"), "BB"},
        {BYTES("[1]\n\"x\"\nplain\n{}"), "BBBR"},
        {BYTES("{\"a\":1234}\n{\"a\":12345}\n{}"), "RLR"},
        {BYTES("{"), "B"},
        {BYTES("\xef\xbb\xbf{}"), "B"},
        {BYTES("{\0}\n"), "R"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct slice rest = row[i].in, line;
        char got[16] = "";
        size_t n = 0;
        enum ingest_line k;

        while ((k = ingest_lines_next(&rest, 10, &line)) != INGEST_END)
            got[n++] = "ERBL"[k];
        assert_string_equal(got, row[i].kinds);
    }
}

static void test_bytes_unchanged(void **state)
{
    struct slice rest = SLICE(" {\"a\":\"\xff\"} \r\n"), line;

    (void)state;
    assert_int_equal(ingest_lines_next(&rest, 100, &line), INGEST_RECORD);
    assert_int_equal(line.n, 11);
    assert_memory_equal(line.p, " {\"a\":\"\xff\"} ", 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_bytes_unchanged)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
