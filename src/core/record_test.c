#include "core/test.h"

#include <stdlib.h>

#include "core/record.h"

static const struct record full = {
    .id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
    .received_ns = -5,
    .source = 0xfffffffe,
    .org = 7,
    .input = INPUT_HTTP,
    .framing = FRAMING_ENTRY,
    .format = 200,
    .peer = {0x20, 1, 0xd, 0xb8},
    .peer_port = 65535,
    .name = {"web \0x", 6},
    .payload = {"a\nb\0c\xff", 6},
};

static void test_round_trip(void **state)
{
    struct record r = {0};
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(buf_puts(&b, "x"), ERR_NONE); /* it appends */
    assert_int_equal(record_encode(&full, &b), ERR_NONE);
    assert_int_equal(b.n, 1 + 4 + 16 + 8 + 4 + 4 + 16 + 2 + 4 + 6 + 4 + 6);
    assert_int_equal(record_decode(slice_cut(buf_slice(&b), 1, b.n), &r, NULL), ERR_NONE);
    assert_int_equal(id_cmp(r.id, full.id), 0);
    assert_true(r.received_ns == -5);
    assert_true(r.source == full.source && r.org == 7 && r.peer_port == 65535);
    assert_true(r.input == INPUT_HTTP && r.framing == FRAMING_ENTRY && r.format == 200);
    assert_memory_equal(r.peer, full.peer, 16);
    assert_true(slice_eq(r.name, full.name));
    assert_true(slice_eq(r.payload, full.payload));
    struct record empty = {0};
    buf_reset(&b);
    assert_int_equal(record_encode(&empty, &b), ERR_NONE);
    assert_int_equal(record_decode(buf_slice(&b), &r, NULL), ERR_NONE);
    assert_int_equal(r.payload.n, 0);
    buf_done(&b);
}

static void test_damage(void **state)
{
    struct record r = {.org = 99};
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(record_encode(&full, &b), ERR_NONE);
    for (size_t cut = 0; cut < b.n; cut++) {
        struct diag d = {0};
        char *exact = test_malloc(cut ? cut : 1);
        memcpy(exact, b.p, cut);
        assert_int_equal(record_decode((struct slice){exact, cut}, &r, &d), ERR_CORRUPT);
        assert_int_equal(r.org, 99);
        test_free(exact);
    }
    assert_int_equal(buf_putc(&b, 'x'), ERR_NONE);
    assert_int_equal(record_decode(buf_slice(&b), &r, NULL), ERR_CORRUPT);
    b.n--;
    b.p[0] = 2;
    assert_int_equal(record_decode(buf_slice(&b), &r, NULL), ERR_VERSION);
    buf_done(&b);
}

static void test_ceiling(void **state)
{
    (void)state;
    for (size_t max = 0; max < 74; max++) {
        struct buf b;
        buf_init(&b, max);
        assert_int_equal(record_encode(&full, &b), ERR_LIMIT);
        assert_int_equal(b.n, 0);
        buf_done(&b);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int i = INPUT_SYSLOG_UDP; i <= INPUT_JOURNALD; i++)
        assert_string_not_equal(input_name((enum input_kind)i), "unknown");
    assert_string_equal(input_name(INPUT_NONE), "unknown");
    assert_string_equal(input_name((enum input_kind)200), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
