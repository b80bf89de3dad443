#include "core/test.h"

#include <stdio.h>

#include "core/event.h"

static struct arena arena;
static struct event ev;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 8 << 20);
    event_init(&ev, &arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void test_dictionary(void **state)
{
    (void)state;
    for (size_t f = 1; f < F_N; f++) {
        const struct field_info *i = field_info((enum field)f);
        if (f > 1) {
            struct slice before = field_info((enum field)(f - 1))->name;
            int c = memcmp(before.p, i->name.p, before.n < i->name.n ? before.n : i->name.n);
            if (c > 0 || (c == 0 && before.n >= i->name.n))
                fail_msg("fields.def is not sorted at %s", i->name.p);
        }
        assert_int_equal(field_find(i->name), f);
        /* '.' becomes '_' and '@' goes, nothing is cut off; no two columns are the same */
        size_t at = i->name.p[0] == '@';
        assert_int_equal(strlen(i->column), i->name.n - at);
        for (size_t k = 0; i->column[k]; k++)
            assert_int_equal(i->column[k], i->name.p[k + at] == '.' ? '_' : i->name.p[k + at]);
        for (size_t g = 1; g < f; g++)
            assert_string_not_equal(field_info((enum field)g)->column, i->column);
    }
    assert_int_equal(field_info(F_NONE)->name.n, 0);
    assert_int_equal(field_info((enum field)9999)->name.n, 0);
    assert_int_equal(field_find(SLICE("user.nam")), F_NONE);
    assert_int_equal(field_find(SLICE("user.namee")), F_NONE);
    assert_int_equal(field_find(SLICE("USER.NAME")), F_NONE);
    assert_int_equal(field_find(SLICE("")), F_NONE);
    assert_int_equal(field_find((struct slice){NULL, 0}), F_NONE);
    assert_int_equal(field_find(SLICE("zzz")), F_NONE);
}

static void test_set(void **state)
{
    static const uint8_t ip[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    const struct value *v;

    (void)state;
    assert_null(event_get(&ev, F_USER_NAME));
    assert_int_equal(event_set(&ev, F_USER_NAME, SLICE("a\0b\xff")), ERR_NONE);
    assert_int_equal(event_set(&ev, F_SOURCE_IP, SLICE("192.0.2.1")), ERR_NONE);
    assert_int_equal(event_set(&ev, F_SOURCE_PORT, SLICE("443")), ERR_NONE);
    v = event_get(&ev, F_USER_NAME);
    assert_int_equal(v->type, VT_STRING);
    assert_true(slice_eq(v->text, SLICE("a\0b\xff")));
    v = event_get(&ev, F_SOURCE_IP);
    assert_int_equal(v->type, VT_IP);
    assert_memory_equal(v->ip, ip, 16);
    assert_true(slice_eq(v->text, SLICE("192.0.2.1")));
    v = event_get(&ev, F_SOURCE_PORT);
    assert_int_equal(v->type, VT_INT);
    assert_int_equal(v->i, 443);
    assert_true(slice_eq(v->text, SLICE("443")));
    assert_int_equal(event_set(&ev, F_SOURCE_IP, SLICE("not an ip")), ERR_NONE);
    assert_int_equal(event_set(&ev, F_SOURCE_PORT, SLICE("0x1bb")), ERR_NONE);
    assert_int_equal(ev.n, 3); /* the last setter wins */
    assert_int_equal(event_get(&ev, F_SOURCE_IP)->type, VT_STRING);
    assert_int_equal(event_get(&ev, F_SOURCE_PORT)->type, VT_STRING);
    assert_int_equal(event_set_int(&ev, F_SOURCE_PORT, INT64_MIN), ERR_NONE);
    assert_true(slice_eq(event_get(&ev, F_SOURCE_PORT)->text, SLICE("-9223372036854775808")));
    assert_int_equal(event_set(&ev, F_USER_NAME, (struct slice){NULL, 0}), ERR_NONE);
    assert_non_null(event_get(&ev, F_USER_NAME)->text.p);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(event_add(&ev, SLICE("user.name"), value_str(SLICE("x"))), ERR_NONE);
    assert_true(slice_eq(event_get(&ev, F_USER_NAME)->text, SLICE("x")));
    assert_int_equal(event_add(&ev, SLICE("source.port"), value_str(SLICE("8"))), ERR_NONE);
    assert_int_equal(event_get(&ev, F_SOURCE_PORT)->type, VT_INT);
    assert_int_equal(event_add(&ev, SLICE("My.Own"), value_str(SLICE("1"))), ERR_NONE);
    assert_int_equal(event_add(&ev, SLICE("My.Own"), value_str(SLICE("2"))), ERR_NONE);
    assert_int_equal(ev.n, 4); /* both are kept */
    assert_true(slice_eq(event_get_name(&ev, SLICE("My.Own"))->text, SLICE("2")));
    assert_true(slice_eq(event_get_name(&ev, SLICE("user.name"))->text, SLICE("x")));
    assert_null(event_get_name(&ev, SLICE("my.own")));
    /* a sender may not write the base columns; what it sent is still kept */
    assert_int_equal(event_add(&ev, SLICE("event.id"), value_str(SLICE("fake"))), ERR_NONE);
    assert_null(event_get(&ev, F_EVENT_ID));
    assert_true(slice_eq(event_get_name(&ev, SLICE("event.id"))->text, SLICE("fake")));
}

static void test_lists(void **state)
{
    struct value three[3];
    char text[EVENT_LIST_MAX][8];
    const struct value *v;

    (void)state;
    assert_int_equal(event_set(&ev, F_USER_NAME, SLICE("first")), ERR_NONE);
    assert_int_equal(event_push(&ev, F_USER_NAME, SLICE("second")), ERR_NONE);
    v = event_get(&ev, F_USER_NAME);
    assert_int_equal(v->type, VT_LIST);
    assert_int_equal(v->list_n, 2);
    assert_true(slice_eq(v->list[0].text, SLICE("first")));
    assert_non_null(v->text.p);
    for (int i = 0; i < EVENT_LIST_MAX; i++) {
        int n = snprintf(text[i], sizeof(text[i]), "%d", i);
        assert_int_equal(event_push(&ev, F_HOST_NAME, (struct slice){text[i], (size_t)n}),
                         ERR_NONE);
    }
    assert_int_equal(event_push(&ev, F_HOST_NAME, SLICE("x")), ERR_LIMIT);
    v = event_get(&ev, F_HOST_NAME);
    assert_int_equal(v->list_n, EVENT_LIST_MAX);
    for (int i = 0; i < EVENT_LIST_MAX; i++)
        assert_true(slice_eq(v->list[i].text, slice_of(text[i])));
    assert_true(arena.total_bytes < 400000); /* growing does not cost its square */
    for (int i = 0; i < 3; i++)
        three[i] = value_str(SLICE("t"));
    struct value list = {.type = VT_LIST, .list_n = 2, .text = SLICE(""), .list = three};
    assert_int_equal(event_set_value(&ev, F_FILE_PATH, list), ERR_NONE);
    assert_int_equal(event_push(&ev, F_FILE_PATH, SLICE("u")), ERR_NONE);
    assert_true(slice_eq(three[2].text, SLICE("t"))); /* somebody else's array is not written */
    assert_int_equal(event_get(&ev, F_FILE_PATH)->list_n, 3);
}

static void test_overflow(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_FIELDS_MAX; i++)
        assert_int_equal(event_add(&ev, SLICE("x"), value_str(SLICE("y"))), ERR_NONE);
    assert_false(ev.overflow);
    assert_int_equal(event_add(&ev, SLICE("x"), value_str(SLICE("y"))), ERR_LIMIT);
    assert_int_equal(event_set(&ev, F_USER_NAME, SLICE("y")), ERR_LIMIT);
    assert_true(ev.overflow);
    assert_null(event_get(&ev, F_USER_NAME));
    arena_done(&arena);
    arena_init(&arena, 0);
    event_init(&ev, &arena);
    assert_int_equal(event_add(&ev, SLICE("x"), value_str(SLICE("y"))), ERR_NOMEM);
    assert_int_equal(event_push(&ev, F_USER_NAME, SLICE("y")), ERR_NOMEM);
    assert_int_equal(value_int(&arena, 5).type, VT_STRING);
    assert_int_equal(ev.n, 0);
}

static void test_base(void **state)
{
    struct record r = {.payload = {"raw", 3}};
    struct value v;

    (void)state;
    assert_false(event_base(&ev, F_MESSAGE, &v));
    assert_false(event_base(&ev, F_EVENT_ORIGINAL, &v));
    assert_false(event_base(&ev, F_USER_NAME, &v));
    ev.message = SLICE("hello");
    ev.record = &r;
    ev.timestamp_ns = 1500000000;
    ev.org = 7;
    assert_true(event_base(&ev, F_MESSAGE, &v));
    assert_true(slice_eq(v.text, SLICE("hello")));
    assert_true(event_base(&ev, F_EVENT_ORIGINAL, &v));
    assert_true(slice_eq(v.text, SLICE("raw")));
    assert_true(event_base(&ev, F_TIMESTAMP, &v));
    assert_int_equal(v.type, VT_TIME);
    assert_true(v.i == 1500000000);
    assert_true(slice_eq(v.text, SLICE("1970-01-01T00:00:01.500Z")));
    assert_true(event_base(&ev, F_COLOA_ORG, &v));
    assert_true(slice_eq(v.text, SLICE("7")));
    assert_true(event_base(&ev, F_EVENT_ID, &v));
    assert_int_equal(v.text.n, ID_TEXT_BYTES);
    for (size_t f = 1; f < F_N; f++) /* every base field of the dictionary is answered */
        if (field_info((enum field)f)->store == FS_BASE && !event_base(&ev, (enum field)f, &v))
            fail_msg("%s is BASE, but event_base does not know it",
                     field_info((enum field)f)->name.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dictionary),
        cmocka_unit_test_setup_teardown(test_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
