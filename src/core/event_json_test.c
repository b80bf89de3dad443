#include "core/test.h"

#include "core/event_json.h"

static void put_name(void *arg, size_t i, struct jsonw *w)
{
    (void)arg;
    jsonw_int(w, (int64_t)i);
}

static void nests_by_name(void **state)
{
    static const struct {
        const char *names[6];
        const char *want;
    } t[] = {
        {{NULL}, "{}"},
        {{"b", "a"}, "{\"a\":1,\"b\":0}"},
        {{"a.b", "a.c", "d"}, "{\"a\":{\"b\":0,\"c\":1},\"d\":2}"},
        {{"a.b.c", "a.d", "a.b.e"}, "{\"a\":{\"b\":{\"c\":0,\"e\":2},\"d\":1}}"},
        {{"a", "a.b"}, "{\"a\":0,\"a.b\":1}"},
        {{"x.a", "x.a.b", "x.c"}, "{\"x\":{\"a\":0,\"a.b\":1,\"c\":2}}"},
        {{"a-b", "a.b", "ab"}, "{\"a\":{\"b\":1},\"a-b\":0,\"ab\":2}"},
        {{"a", "a"}, "{\"a\":0}"},
        {{".", "..", "a."}, "{\"\":{\"\":0,\".\":1},\"a\":{\"\":2}}"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct nest_item items[6];
        size_t n = 0;
        struct buf b;
        struct jsonw w;
        for (; n < 6 && t[i].names[n]; n++)
            items[n] = (struct nest_item){slice_of(t[i].names[n]), n};
        buf_init(&b, 4096);
        jsonw_init(&w, &b);
        assert_int_equal(nest_write(items, n, &w, put_name, NULL), ERR_NONE);
        assert_int_equal(jsonw_end(&w), ERR_NONE);
        assert_string_equal(buf_cstr(&b), t[i].want);
        buf_done(&b);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nests_by_name),
    };
    return cmocka_run_group_tests_name("event_json", tests, NULL, NULL);
}
