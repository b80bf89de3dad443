#include "core/test.h"
#include "store/server_int.h"

static void upkeep(void **state)
{
    static const struct {
        const char *sql;
        bool is;
    } table[] = {
        {"ALTER TABLE coloa.events DROP PARTITION ID '0123-abc'", true},
        {"ALTER TABLE coloa.events DROP PARTITION ID ''", false},
        {"ALTER TABLE coloa.events DROP PARTITION ID 'a', DROP COLUMN id", false},
        {"ALTER TABLE coloa.events DROP PARTITION ID 'a' ", false},
        {"ALTER TABLE coloa.events DROP PARTITION ID 'a", false},
        {"ALTER TABLE coloa.events DROP PARTITION ALL", false},
        {"DROP TABLE coloa.events", false},
        {"", false},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        assert_int_equal(store_server_is_upkeep(slice_of(table[i].sql)), table[i].is);
}

static void formats(void **state)
{
    static const struct {
        const char *in, *sql, *format;
    } table[] = {
        {"INSERT INTO t (a) FORMAT Native", "INSERT INTO t (a)", "Native"},
        {"INSERT INTO t (a) format  native \n", "INSERT INTO t (a)", "Native"},
        {"INSERT INTO t FORMAT TSV", "INSERT INTO t", "TSV"},
        {"INSERT INTO t", NULL, NULL},
        {"INSERT INTO t FORMAT", NULL, NULL},
        {"INSERT INTO t FORMAT Nonsense", NULL, NULL},
        {"INSERT INTO FUNCTION file('x') SELECT 1", NULL, NULL},
        {"", NULL, NULL},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct slice sql = slice_of(table[i].in);
        const char *format = NULL;
        bool ok = store_server_cut_format(&sql, &format);
        assert_int_equal(ok, table[i].sql != NULL);
        if (!ok)
            continue;
        assert_string_equal(format, table[i].format);
        assert_int_equal(sql.n, strlen(table[i].sql));
        assert_memory_equal(sql.p, table[i].sql, sql.n);
    }
}

static void statuses(void **state)
{
    (void)state;
    assert_int_equal(store_server_status(62), 400);
    assert_int_equal(store_server_status(164), 400);
    assert_int_equal(store_server_status(159), 408);
    assert_int_equal(store_server_status(241), 500);
    assert_int_equal(store_server_status(0), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upkeep),
        cmocka_unit_test(formats),
        cmocka_unit_test(statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
