#include "core/test.h"

#include <stdio.h>

#include "intake/rfc6587.h"

/* A constant, which SLICE is not. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* What came out, written as one text: R or L or C, framing o or l, then the bytes. A long record's
 * pieces are joined: how the stream was cut must not show. */
static void feed(const char *in, size_t n, size_t step, size_t max, struct buf *out)
{
    struct rfc6587 f;
    struct rfc6587_out o;
    enum rfc6587_got got;
    bool in_long = false;

    buf_init(out, 1 << 20);
    rfc6587_init(&f, max);
    for (size_t at = 0; at <= n; at += step) {
        struct slice s = {in + at, n - at < step ? n - at : step};
        bool ending = at + step > n;
        for (;;) {
            got = rfc6587_next(&f, &s, &o);
            if (got == RFC6587_NEED) {
                assert_int_equal(s.n, 0);
                if (!ending)
                    break;
                got = rfc6587_end(&f, &o);
                if (got == RFC6587_NEED)
                    break;
                ending = false;
            }
            assert_int_not_equal(got, RFC6587_NOMEM);
            assert_true(got == RFC6587_LONG || o.bytes.n <= max || got == RFC6587_CUT);
            if (got == RFC6587_LONG) {
                assert_int_equal(o.part == 0, !in_long);
                in_long = !o.last;
            }
            if (got != RFC6587_LONG || o.part == 0)
                assert_int_equal(
                    buf_printf(out, "%c%c", "NRLC"[got], o.framing == FRAMING_OCTET ? 'o' : 'l'),
                    ERR_NONE);
            assert_int_equal(buf_put(out, o.bytes), ERR_NONE);
            if (got != RFC6587_LONG || o.last)
                assert_int_equal(buf_putc(out, '|'), ERR_NONE);
        }
    }
    assert_false(in_long);
    rfc6587_done(&f);
}

static const struct {
    const char *label;
    struct slice in;
    const char *out;
} row[] = {
    {"nothing", {"", 0}, ""},
    {"lines", BYTES("<1>a\n<2>b\n"), "Rl<1>a|Rl<2>b|"},
    {"crlf", BYTES("<1>a\r\n<2>b\r\n"), "Rl<1>a|Rl<2>b|"},
    {"nul", BYTES("<1>a\0<2>b\0"), "Rl<1>a|Rl<2>b|"},
    {"lf nul", BYTES("<1>a\n\0<2>b\n\0"), "Rl<1>a|Rl<2>b|"},
    {"no trailer at the end", BYTES("<1>a\n<2>b"), "Rl<1>a|Rl<2>b|"},
    {"empty lines", BYTES("\n\n<1>a\n\r\n\n"), "Rl<1>a|"},
    {"counted", BYTES("5 <1>ab4 <2>c"), "Ro<1>ab|Ro<2>c|"},
    {"counted, lf inside", BYTES("7 <1>a\nbc4 <2>c"), "Ro<1>a\nbc|Ro<2>c|"},
    {"counted, lf counted", BYTES("5 <1>a\n4 <2>c"), "Ro<1>a|Ro<2>c|"},
    {"counted, lf not counted", BYTES("4 <1>a\n4 <2>c\n"), "Ro<1>a|Ro<2>c|"},
    {"mixed", BYTES("<1>a\n4 <2>b<3>c\n4 <4>d"), "Rl<1>a|Ro<2>b|Rl<3>c|Ro<4>d|"},
    {"digits that are no count", BYTES("2024 was\n12\n12 \n4<1>\n"),
     "Rl2024 was|Rl12|Rl12 |Rl4<1>|"},
    {"zero is no count", BYTES("04 <1>a\n0 <1>a\n"), "Rl04 <1>a|Rl0 <1>a|"},
    {"a count beyond belief", BYTES("99999999 <1>a\n123456789 <1>\n<2>b\n"),
     "Rl99999999 <1>a|Rl123456789 <1>|Rl<2>b|"},
    {"cut short", BYTES("9 <1>ab"), "Co<1>ab|"},
    {"digits at the end", BYTES("<1>a\n12 "), "Rl<1>a|Rl12 |"},
    {"as long as allowed", BYTES("<1>4567890123456\r\n16 <2>4567890123456"),
     "Rl<1>4567890123456|Ro<2>4567890123456|"},
    {"too long, then well", BYTES("<1>45678901234567\r\n<2>b\n"), "Ll<1>45678901234567|Rl<2>b|"},
    {"too long by far", BYTES("<1>4567890123456789012345678901234567890\n<2>b\n"),
     "Ll<1>4567890123456789012345678901234567890|Rl<2>b|"},
    {"counted too long", BYTES("18 <1>456789012345678<2>b\n"), "Lo<1>456789012345678|Rl<2>b|"},
    {"too long and unended", BYTES("<1>456789012345678"), "Ll<1>456789012345678|"},
    {"counted, too long and unended", BYTES("30 <1>456789012345678"), "Lo<1>456789012345678|"},
};

static void test_any_cut(void **state)
{
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        for (size_t step = 1; step <= row[i].in.n + 1; step++) {
            feed(row[i].in.p, row[i].in.n, step, 16, &out);
            const char *got = buf_cstr(&out);
            /* a CR in front of the LF of a long line is shown or not: pieces go out as they come */
            struct slice g = buf_slice(&out);
            char clean[512];
            size_t n = 0;
            for (size_t k = 0; k < g.n && n < sizeof(clean) - 1; k++)
                if (g.p[k] != '\r')
                    clean[n++] = g.p[k];
            clean[n] = 0;
            if (strcmp(clean, row[i].out) != 0)
                fail_msg("%s, %zu bytes at a time: %s instead of %s", row[i].label, step, got,
                         row[i].out);
            buf_done(&out);
        }
}

/* Nothing is buffered while records arrive whole, and never more than the ceiling. */
static void test_memory(void **state)
{
    struct rfc6587 f;
    struct rfc6587_out o;
    struct slice in = SLICE("<1>a\n4 <2>b<3>c\n");
    char x[100];

    (void)state;
    rfc6587_init(&f, 64);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rfc6587_next(&f, &in, &o), RFC6587_RECORD);
    assert_int_equal(rfc6587_next(&f, &in, &o), RFC6587_NEED);
    assert_false(rfc6587_pending(&f));
    assert_int_equal(f.held.cap, 0);

    memset(x, 'x', sizeof(x));
    for (int i = 0; i < 100; i++) {
        in = (struct slice){x, 10};
        while (rfc6587_next(&f, &in, &o) != RFC6587_NEED)
            assert_true(o.bytes.n <= 64 + 16);
        assert_true(f.held.n <= 64 + 16);
    }
    assert_true(rfc6587_pending(&f));
    rfc6587_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_cut),
                                       cmocka_unit_test(test_memory)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
