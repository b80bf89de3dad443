#include "core/test.h"

#include "core/id.h"

static void test_never_goes_back(void **state)
{
    struct id_gen g;
    struct id128 last = {0};
    int64_t wall = INT64_C(1700000000000) * 1000000;

    (void)state;
    assert_int_equal(id_gen_init(&g), ERR_NONE);
    for (int i = 0; i < 400000; i++) {
        if (i == 100000)
            wall -= INT64_C(3600) * 1000000000; /* an hour back */
        if (i == 300000)
            wall = -5;
        struct id128 id = id_next(&g, wall);
        assert_true(id_cmp(id, last) > 0);
        assert_int_equal(id.b[6] >> 4, 7);
        assert_int_equal(id.b[8] >> 6, 2);
        assert_int_equal(id.b[14], 0);
        assert_int_equal(id.b[15], 0);
        last = id;
    }
    /* 400000 ids in one millisecond borrow six more of them, no more */
    assert_true(id_time_ms(last) <= INT64_C(1700000000000) + 7);
    struct id128 later = id_next(&g, INT64_C(1800000000000) * 1000000);
    assert_int_equal(id_time_ms(later), INT64_C(1800000000000));
}

static void test_two_generators_differ(void **state)
{
    struct id_gen a, b;

    (void)state;
    assert_int_equal(id_gen_init(&a), ERR_NONE);
    assert_int_equal(id_gen_init(&b), ERR_NONE);
    assert_int_not_equal(id_cmp(id_next(&a, 1), id_next(&b, 1)), 0);
}

static void test_text(void **state)
{
    static const char *const bad[] = {
        "",
        "018bcfe5-6800-7000-8000-00000000000",
        "018bcfe5-6800-7000-8000-0000000000000",
        "018bcfe5x6800-7000-8000-000000000000",
        "018bcfe5-6800-7000-8000-00000000000g",
        "018bcfe56-800-7000-8000-000000000000",
    };
    char text[ID_TEXT_BYTES + 1];
    struct id_gen g;
    struct id128 back = {{9}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(id_parse(slice_of(bad[i]), &back), ERR_SYNTAX);
        assert_int_equal(back.b[0], 9);
    }
    assert_int_equal(id_gen_init(&g), ERR_NONE);
    for (int i = 0; i < 1000; i++) {
        struct id128 id = id_next(&g, INT64_C(1700000000000000000) + i * 999999);
        id_text(id, text);
        assert_int_equal(strlen(text), ID_TEXT_BYTES);
        assert_int_equal(id_parse(slice_of(text), &back), ERR_NONE);
        assert_int_equal(id_cmp(id, back), 0);
    }
    assert_int_equal(id_parse(SLICE("018BCFE5-6800-7abc-8DEF-0123456789AB"), &back), ERR_NONE);
    id_text(back, text);
    assert_string_equal(text, "018bcfe5-6800-7abc-8def-0123456789ab");
    assert_int_equal(id_time_ms(back), INT64_C(0x018bcfe56800));
}

static void test_ordinals(void **state)
{
    struct id_gen g;
    struct id128 last;

    (void)state;
    assert_int_equal(id_gen_init(&g), ERR_NONE);
    struct id128 record = id_next(&g, INT64_C(1700000000000000000));
    last = record;
    for (unsigned i = 1; i <= ID_ORDINAL_MAX; i++) {
        struct id128 e = id_event(record, i);
        assert_true(id_cmp(e, last) > 0);
        assert_int_equal(id_cmp(id_record(e), record), 0);
        last = e;
    }
    assert_true(id_cmp(id_next(&g, 0), last) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_goes_back),
        cmocka_unit_test(test_two_generators_differ),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_ordinals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
