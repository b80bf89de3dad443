#include "core/test.h"

#include <stdio.h>

#include "core/json.h"
#include "intake/journald_entry.h"

static void test_entry(void **state)
{
    struct journald_entry e;
    struct buf out;

    (void)state;
    journald_entry_init(&e, 1 << 16);
    buf_init(&out, 1 << 16);
    assert_int_equal(journald_entry_add(&e, SLICE("MESSAGE=a=\"b\"\n\xff")), ERR_NONE);
    assert_int_equal(journald_entry_add(&e, SLICE("N=1")), ERR_NONE);
    assert_int_equal(journald_entry_add(&e, SLICE("_SYSTEMD_UNIT=ssh.service")), ERR_NONE);
    assert_int_equal(journald_entry_add(&e, SLICE("N=2")), ERR_NONE);
    assert_int_equal(journald_entry_add(&e, SLICE("EMPTY=")), ERR_NONE);
    assert_int_equal(journald_entry_add(&e, SLICE("no name")), ERR_NONE);
    assert_int_equal(journald_entry_add_number(&e, "__REALTIME_TIMESTAMP", 1700000000000000),
                     ERR_NONE);
    assert_true(slice_eq(journald_entry_get(&e, "_SYSTEMD_UNIT"), SLICE("ssh.service")));
    assert_int_equal(journald_entry_get(&e, "_SYSTEMD").n, 0);
    assert_int_equal(journald_entry_json(&e, &out), ERR_NONE);
    assert_string_equal(buf_cstr(&out),
                        "{\"MESSAGE\":\"a=\\\"b\\\"\\n\xef\xbf\xbd\",\"N\":[\"1\",\"2\"],"
                        "\"_SYSTEMD_UNIT\":\"ssh.service\",\"EMPTY\":\"\","
                        "\"__REALTIME_TIMESTAMP\":\"1700000000000000\"}");
    journald_entry_done(&e);
    buf_done(&out);
}

static void test_limits(void **state)
{
    struct journald_entry e;
    struct json_reader *r = json_reader_new(1 << 20, 10000);
    const struct json_node *o;
    struct buf out;
    char field[32];

    (void)state;
    journald_entry_init(&e, 1 << 16);
    buf_init(&out, 1 << 16);
    for (int i = 0; i < JOURNALD_FIELDS_MAX + 3; i++) {
        (void)snprintf(field, sizeof(field), "F%d=x", i);
        assert_int_equal(journald_entry_add(&e, slice_of(field)), ERR_NONE);
    }
    assert_int_equal(journald_entry_json(&e, &out), ERR_NONE);
    assert_int_equal(json_read_strict(r, buf_slice(&out), &o, NULL), ERR_NONE);
    assert_int_equal(o->n, JOURNALD_FIELDS_MAX + 1);
    assert_int_equal(json_get_int(o, "coloa.fields_left_out", 0), 3);
    journald_entry_reset(&e);
    e.text.max = 10;
    assert_int_equal(journald_entry_add(&e, SLICE("LONG=0123456789")), ERR_LIMIT);
    assert_int_equal(e.n, 0);
    journald_entry_done(&e);
    buf_done(&out);
    json_reader_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_entry), cmocka_unit_test(test_limits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
