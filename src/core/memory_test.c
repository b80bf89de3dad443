#include "core/test.h"

#include "core/arena.h"
#include "core/buf.h"
#include "core/bytes.h"

static void test_arena(void **state)
{
    struct arena a;
    char *first, *again;

    (void)state;
    arena_init(&a, 256 * 1024);
    first = arena_alloc(&a, 1);
    assert_non_null(first);
    assert_int_equal((uintptr_t)first % 16, 0);
    for (int i = 0; i < 1000; i++) {
        uint8_t *p = arena_calloc(&a, 3, 5);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (int k = 0; k < 15; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xaa, 15);
    }
    assert_non_null(arena_alloc(&a, 100000)); /* larger than a block */
    size_t total = a.total_bytes;
    assert_true(total <= a.max_bytes);
    arena_reset(&a);
    again = arena_alloc(&a, 1);
    assert_ptr_equal(again, first);
    assert_int_equal(a.total_bytes, total);
    for (int i = 0; i < 1000; i++) { /* memory that was used before is zeroed again */
        uint8_t *p = arena_calloc(&a, 1, 16);
        assert_non_null(p);
        for (int k = 0; k < 16; k++)
            assert_int_equal(p[k], 0);
    }
    arena_done(&a);
    arena_done(NULL);
    arena_done(&(struct arena){0});
}

static void test_arena_ceiling(void **state)
{
    struct arena a;
    size_t n = 0;

    (void)state;
    arena_init(&a, 1000);
    while (arena_alloc(&a, 16))
        n++;
    assert_int_equal(n, 62); /* all of the ceiling is usable */
    assert_true(a.total_bytes <= 1000);
    arena_done(&a);
    arena_init(&a, 200000);
    assert_null(arena_alloc(&a, 200001));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    for (int i = 0; i < 20; i++)
        (void)arena_alloc(&a, 30000);
    assert_true(a.total_bytes <= 200000);
    assert_null(arena_alloc(&a, 70000));
    arena_done(&a);
    arena_init(&a, 0);
    assert_null(arena_alloc(&a, 1));
    arena_done(&a);
}

static void test_arena_copies(void **state)
{
    struct arena a;
    struct slice s = {NULL, 9};

    (void)state;
    arena_init(&a, 1 << 20);
    assert_int_equal(arena_dup(&a, SLICE("abc"), &s), ERR_NONE);
    assert_true(slice_eq(s, SLICE("abc")));
    assert_int_equal(arena_dup(&a, (struct slice){NULL, 0}, &s), ERR_NONE);
    assert_non_null(s.p);
    const char *c = arena_cstr(&a, SLICE("x\0y"));
    assert_memory_equal(c, "x\0y", 4);
    assert_string_equal(arena_cstr(&a, (struct slice){NULL, 0}), "");
    assert_null(arena_cstr(&a, (struct slice){"", SIZE_MAX}));
    arena_done(&a);
    s = SLICE("kept");
    assert_int_equal(arena_dup(&(struct arena){0}, SLICE("abc"), &s), ERR_NOMEM);
    assert_true(slice_eq(s, SLICE("kept")));
}

static void test_buf(void **state)
{
    struct buf b;
    char *to;

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(buf_reserve(&b, 0, &to), ERR_NONE);
    assert_non_null(to);
    assert_int_equal(buf_put(&b, (struct slice){NULL, 0}), ERR_NONE);
    assert_int_equal(buf_puts(&b, "abc"), ERR_NONE);
    assert_int_equal(buf_putc(&b, '\0'), ERR_NONE);
    assert_int_equal(buf_printf(&b, "%d-%s", 12, "x"), ERR_NONE);
    assert_true(slice_eq(buf_slice(&b), SLICE("abc\0"
                                              "12-x")));
    buf_drop_front(&b, 4);
    assert_string_equal(buf_cstr(&b), "12-x");
    buf_drop_front(&b, 99);
    assert_int_equal(b.n, 0);
    assert_string_equal(buf_cstr(&b), "");
    buf_done(&b);
    assert_null(b.p);
    buf_done(NULL);
}

static void test_buf_ceiling(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 8);
    assert_int_equal(buf_puts(&b, "12345678"), ERR_NONE);
    assert_string_equal(buf_cstr(&b), "12345678"); /* the NUL is beyond the ceiling */
    assert_int_equal(buf_putc(&b, '9'), ERR_LIMIT);
    assert_int_equal(buf_printf(&b, "%d", 9), ERR_LIMIT);
    assert_int_equal(buf_reserve(&b, SIZE_MAX, NULL), ERR_LIMIT);
    assert_int_equal(bytes_put_uint(&b, 1, 1), ERR_LIMIT);
    assert_true(slice_eq(buf_slice(&b), SLICE("12345678")));
    buf_reset(&b);
    assert_int_equal(buf_printf(&b, "%s", "12345678"), ERR_NONE); /* exactly full */
    assert_int_equal(b.n, 8);
    buf_reset(&b);
    assert_int_equal(bytes_put_sized(&b, SLICE("12345")), ERR_LIMIT); /* all or nothing */
    assert_int_equal(b.n, 0);
    assert_int_equal(bytes_put_sized(&b, SLICE("1234")), ERR_NONE);
    buf_done(&b);
    assert_int_equal(buf_putc(&(struct buf){0}, 'x'), ERR_LIMIT);
}

static void test_bytes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    assert_int_equal(bytes_put_uint(&b, 0x11, 1), ERR_NONE);
    assert_int_equal(bytes_put_uint(&b, 0x2233, 2), ERR_NONE);
    assert_int_equal(bytes_put_uint(&b, 0x44556677, 4), ERR_NONE);
    assert_int_equal(bytes_put_uint(&b, UINT64_C(0x8899aabbccddeeff), 8), ERR_NONE);
    assert_int_equal(bytes_put_sized(&b, SLICE("hello")), ERR_NONE);
    assert_memory_equal(b.p, "\x11\x33\x22\x77\x66\x55\x44", 7);
    for (size_t cut = 0; cut <= b.n; cut++) {
        char *exact = test_malloc(cut ? cut : 1);
        memcpy(exact, b.p, cut);
        struct bytes r = bytes_of((struct slice){exact, cut});
        bool whole = cut == b.n;
        assert_int_equal(bytes_u8(&r), cut >= 1 ? 0x11 : 0);
        assert_int_equal(bytes_u16(&r), cut >= 3 ? 0x2233 : 0);
        assert_int_equal(bytes_u32(&r), cut >= 7 ? 0x44556677 : 0);
        assert_true(bytes_u64(&r) == (cut >= 15 ? UINT64_C(0x8899aabbccddeeff) : 0));
        assert_true(slice_eq(bytes_sized(&r), whole ? SLICE("hello") : SLICE("")));
        assert_int_equal(bytes_all_read(&r), whole);
        assert_int_equal(bytes_left(&r), 0);
        assert_int_equal(bytes_u8(&r), 0); /* past the end, for ever */
        assert_true(r.bad);
        test_free(exact);
    }
    struct bytes r = bytes_of(SLICE("\xff\xff\xff\xffxx"));
    assert_int_equal(bytes_sized(&r).n, 0);
    assert_true(r.bad);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),        cmocka_unit_test(test_arena_ceiling),
        cmocka_unit_test(test_arena_copies), cmocka_unit_test(test_buf),
        cmocka_unit_test(test_buf_ceiling),  cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
