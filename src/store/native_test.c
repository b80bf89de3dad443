#include "core/test.h"
#include "store/native.h"

#include <stdlib.h>

#include "store/fixture.h"
#include "store/schema.h"

static void words(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"", ""},
        {" -- ", ""},
        {"a", " a "},
        {"sshd[123]: Failed password", " sshd 123 failed password "},
        {"Đăng nhập THẤT bại", " dang nhap that bai "},
        {"10.0.0.1", " 10 0 0 1 "},
    };
    struct buf scratch, out;
    (void)state;

    buf_init(&scratch, 4096);
    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_reset(&out);
        assert_int_equal(native_words(slice_of(table[i].in), &scratch, &out), ERR_NONE);
        assert_int_equal(out.n, strlen(table[i].out));
        if (out.n)
            assert_memory_equal(out.p, table[i].out, out.n);
    }
    buf_reset(&out);
    assert_int_equal(native_words((struct slice){"a\0\xff\xfe z", 6}, &scratch, &out), ERR_NONE);
    assert_int_equal(out.n, 8);
    assert_memory_equal(out.p, " a \xff\xfe z ", 8);
    buf_done(&scratch);
    buf_done(&out);
}

static struct event *rich(struct arena *a, uint64_t n)
{
    static const char *const users[] = {"admin", "Nguyễn", "", "a\xff"};
    struct event *ev = fixture_event(a, n, n % 3 ? "Failed password for admin" : "");

    assert_int_equal(event_set(ev, F_USER_NAME, slice_of(users[n % 4])), ERR_NONE);
    if (n % 2)
        assert_int_equal(event_set(ev, F_SOURCE_IP, SLICE("10.1.2.3")), ERR_NONE);
    if (n % 5 == 0)
        assert_int_equal(event_set(ev, F_SOURCE_PORT, SLICE("none")), ERR_NONE);
    for (uint64_t i = 0; i < n % 4; i++)
        assert_int_equal(event_push(ev, F_TAGS, SLICE("tag")), ERR_NONE);
    for (uint64_t i = 0; i < n % 3; i++)
        assert_int_equal(event_add(ev, SLICE("own.field"), value_str(SLICE("v"))), ERR_NONE);
    return ev;
}

/* Leaving rows out must give the same bytes as never having added them. */
static void dropped_rows(void **state)
{
    enum { ROWS = 200 };
    struct native *all = native_new(1 << 20), *some = native_new(1 << 20);
    struct buf x, y;
    struct arena a;
    uint8_t drop[ROWS];
    size_t rows_x, rows_y;
    (void)state;

    arena_init(&a, 16 << 20);
    buf_init(&x, 4 << 20);
    buf_init(&y, 4 << 20);
    assert_non_null(all);
    assert_non_null(some);
    for (uint64_t i = 0; i < ROWS; i++) {
        struct event *ev = rich(&a, i);
        drop[i] = i % 7 == 0 || (i > 50 && i < 60);
        assert_int_equal(native_add(all, ev, SLICE("default")), ERR_NONE);
        if (!drop[i])
            assert_int_equal(native_add(some, ev, SLICE("default")), ERR_NONE);
        assert_int_equal(id_cmp(native_id(all, i), ev->id), 0);
        assert_int_equal(native_ingested(all, i), ev->ingested_ns);
    }
    assert_int_equal(native_encode(all, drop, &x, &rows_x), ERR_NONE);
    assert_int_equal(native_encode(some, NULL, &y, &rows_y), ERR_NONE);
    assert_int_equal(rows_x, native_rows(some));
    assert_int_equal(rows_y, native_rows(some));
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.p, y.p, x.n);
    buf_done(&x);
    buf_done(&y);
    native_free(all);
    native_free(some);
    arena_done(&a);
}

/* A row that does not fit leaves no trace, whichever column it broke in. */
static void full_block(void **state)
{
    struct native *n, *fresh;
    struct buf x, y;
    struct arena a;
    size_t rows;
    (void)state;

    arena_init(&a, 16 << 20);
    buf_init(&x, 4 << 20);
    buf_init(&y, 4 << 20);
    for (size_t max = 100; max < 6000; max += 37) {
        n = native_new(max);
        fresh = native_new(1 << 20);
        uint64_t took = 0;
        while (native_add(n, rich(&a, took), SLICE("default")) == ERR_NONE)
            took++;
        assert_int_equal(native_rows(n), took);
        for (uint64_t i = 0; i < took; i++)
            assert_int_equal(native_add(fresh, rich(&a, i), SLICE("default")), ERR_NONE);
        buf_reset(&x);
        buf_reset(&y);
        assert_int_equal(native_encode(n, NULL, &x, &rows), ERR_NONE);
        assert_int_equal(native_encode(fresh, NULL, &y, &rows), ERR_NONE);
        assert_int_equal(x.n, y.n);
        assert_memory_equal(x.p, y.p, x.n);
        native_free(n);
        native_free(fresh);
        arena_reset(&a);
    }
    buf_done(&x);
    buf_done(&y);
    arena_done(&a);
}

/* The kinds that a hot column can have; another one needs a case in schema.c and native.c. */
static void dictionary_kinds(void **state)
{
    size_t n;
    const struct schema_column *c = schema_columns(&n);
    (void)state;

    assert_true(n > SB_N && n < SCHEMA_COLUMNS_MAX);
    for (size_t i = SB_N; i < n; i++) {
        enum field_type t = field_info(c[i].field)->type;
        assert_true(t == FT_KEYWORD || t == FT_LONG || t == FT_IP || t == FT_LIST);
        assert_ptr_equal(schema_column_of(c[i].field), &c[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(c[i].name, c[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(dropped_rows),
        cmocka_unit_test(full_block),
        cmocka_unit_test(dictionary_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
