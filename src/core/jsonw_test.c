#include "core/test.h"

#include <math.h>

#include "core/json.h"
#include "core/jsonw.h"

static void test_shape(void **state)
{
    struct buf b;
    struct jsonw w;

    (void)state;
    buf_init(&b, 4096);
    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kint(&w, "i", INT64_MIN);
    jsonw_key(&w, SLICE("a"));
    jsonw_array(&w);
    jsonw_uint(&w, UINT64_MAX);
    jsonw_null(&w);
    jsonw_array(&w);
    jsonw_close_array(&w);
    jsonw_object(&w);
    jsonw_close_object(&w);
    jsonw_raw(&w, SLICE("{\"x\":1}"));
    jsonw_close_array(&w);
    jsonw_kbool(&w, "b", true);
    jsonw_kcstr(&w, "n", NULL);
    jsonw_kcstr(&w, "c", "x");
    jsonw_kstr(&w, "e", (struct slice){NULL, 0});
    jsonw_ktime(&w, "t", INT64_C(1500000000));
    jsonw_close_object(&w);
    assert_int_equal(jsonw_end(&w), ERR_NONE);
    assert_string_equal(buf_cstr(&b),
                        "{\"i\":-9223372036854775808,\"a\":[18446744073709551615,null,[],{},"
                        "{\"x\":1}],\"b\":true,\"n\":null,\"c\":\"x\",\"e\":\"\","
                        "\"t\":\"1970-01-01T00:00:01.500Z\"}");
    buf_done(&b);
}

static void test_strings(void **state)
{
    static const struct {
        struct slice in;
        const char *out;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"a\"\\/b", 5}, "\"a\\\"\\\\/b\""},
        {{"\n\r\t\b\x01\x1f\x7f", 7}, "\"\\n\\r\\t\\u0008\\u0001\\u001f\x7f\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
        {{"Cổ Loa \xf0\x9f\x90\x89", 13}, "\"Cổ Loa \xf0\x9f\x90\x89\""},
        {{"\xff", 1}, "\"\xef\xbf\xbd\""},
        {{"a\xc3", 2}, "\"a\xef\xbf\xbd\""},
        {{"\xed\xa0\x80z", 4}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
        {{"\xc3\"", 2}, "\"\xef\xbf\xbd\\\"\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        struct jsonw w;
        buf_init(&b, 4096);
        jsonw_init(&w, &b);
        jsonw_str(&w, rows[i].in);
        assert_int_equal(jsonw_end(&w), ERR_NONE);
        assert_string_equal(buf_cstr(&b), rows[i].out);
        buf_done(&b);
    }
}

static void test_doubles(void **state)
{
    static const struct {
        double v;
        const char *out;
    } rows[] = {
        {0.1, "0.1"},
        {1, "1.0"},
        {-0.0, "-0.0"},
        {1e300, "1e+300"},
        {5e-324, "4.94065645841247e-324"},
        {1.0 / 3, "0.3333333333333333"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {(double)NAN, "null"},
        {(double)INFINITY, "null"},
    };
    struct json_reader *r = json_reader_new(1000, 10);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct json_node *n = NULL;
        struct buf b;
        struct jsonw w;
        buf_init(&b, 4096);
        jsonw_init(&w, &b);
        jsonw_double(&w, rows[i].v);
        assert_int_equal(jsonw_end(&w), ERR_NONE);
        assert_string_equal(buf_cstr(&b), rows[i].out);
        assert_int_equal(json_read_strict(r, buf_slice(&b), &n, NULL), ERR_NONE);
        if (isfinite(rows[i].v)) {
            assert_int_equal(n->type, JSON_DOUBLE);
            assert_memory_equal(&n->d, &rows[i].v, sizeof(n->d));
        }
        buf_done(&b);
    }
    json_reader_free(r);
}

/* Every misuse sticks and is told at the end. */
static void test_misuse(void **state)
{
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        struct buf b;
        struct jsonw w;
        buf_init(&b, 4096);
        jsonw_init(&w, &b);
        switch (kind) {
        case 0: /* nothing */
            break;
        case 1:
            jsonw_object(&w);
            break;
        case 2:
            jsonw_close_object(&w);
            break;
        case 3:
            jsonw_int(&w, 1);
            jsonw_int(&w, 2);
            break;
        case 4:
            jsonw_key(&w, SLICE("k"));
            break;
        case 5:
            jsonw_object(&w);
            jsonw_key(&w, SLICE("k"));
            jsonw_close_object(&w);
            break;
        case 6:
            jsonw_object(&w);
            jsonw_key(&w, SLICE("k"));
            jsonw_key(&w, SLICE("k"));
            break;
        default:
            jsonw_int(&w, 1);
            jsonw_close_array(&w);
            break;
        }
        assert_int_equal(jsonw_end(&w), ERR_SYNTAX);
        buf_done(&b);
    }
}

static void test_limits(void **state)
{
    struct buf b;
    struct jsonw w;

    (void)state;
    for (size_t max = 0; max < 14; max++) {
        buf_init(&b, max);
        jsonw_init(&w, &b);
        jsonw_object(&w);
        jsonw_kint(&w, "key", 1234);
        jsonw_close_object(&w);
        assert_int_equal(jsonw_end(&w), max < 12 ? ERR_LIMIT : ERR_NONE);
        assert_true(b.n <= max);
        buf_done(&b);
    }
    buf_init(&b, 4096);
    jsonw_init(&w, &b);
    for (int i = 0; i < JSONW_DEPTH_MAX + 5; i++)
        jsonw_array(&w);
    for (int i = 0; i < JSONW_DEPTH_MAX + 5; i++)
        jsonw_close_array(&w);
    assert_int_equal(jsonw_end(&w), ERR_LIMIT);
    buf_reset(&b);
    jsonw_init(&w, &b);
    for (int i = 0; i < JSONW_DEPTH_MAX; i++)
        jsonw_array(&w);
    for (int i = 0; i < JSONW_DEPTH_MAX; i++)
        jsonw_close_array(&w);
    assert_int_equal(jsonw_end(&w), ERR_NONE);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),   cmocka_unit_test(test_strings),
        cmocka_unit_test(test_doubles), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
