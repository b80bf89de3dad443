#include "core/test.h"

#include <stdio.h>

#include "parse/json_split.h"

static const struct {
    const char *in, *out; /* objects, each behind its line: "1:{...} " */
} cases[] = {
    {"{\"a\":1}\n{\"b\":2}", "1:{\"a\":1} 2:{\"b\":2} "},
    {"{\"a\":1}{\"b\":2}", "1:{\"a\":1} 1:{\"b\":2} "},
    {"[{\"a\":[1,{}]},\n {\"b\":\"}]\"}]", "1:{\"a\":[1,{}]} 2:{\"b\":\"}]\"} "},
    {"{\"a\":\"\\\"}\"}", "1:{\"a\":\"\\\"}\"} "},
    {"{\"n\":1,\"Records\": [ {\"a\":1},{\"b\":{}} ],\"z\":{\"y\":[]}}{\"c\":3}",
     "1:{\"a\":1} 1:{\"b\":{}} 1:{\"c\":3} "},
    {"{\"Records\":[]}", "1:{\"Records\":[]} "},
    {"{\"Records\":[1,{\"a\":2}]}", "1:{\"Records\":[1,{\"a\":2}]} "},
    {"{\"x\":\"Records\",\"other\":[{\"a\":1}]}", "1:{\"x\":\"Records\",\"other\":[{\"a\":1}]} "},
    {"{\"x\":{\"Records\":[{\"a\":1}]}}", "1:{\"x\":{\"Records\":[{\"a\":1}]}} "},
    {"{\"Records\":[{\"a\":1}]}{\"Records\":[{\"b\":1}]}", "1:{\"a\":1} 1:{\"b\":1} "},
    {"{\"a\":1}{\"items\":[{\"b\":1}]}", "1:{\"a\":1} 1:{\"items\":[{\"b\":1}]} "},
    {"[{\"items\":[{\"b\":1}]}]", "1:{\"items\":[{\"b\":1}]} "},
    {"[[{\"a\":1}],[{\"b\":2}]]", "1:{\"a\":1} 1:{\"b\":2} "},
    {"junk\n{\"a\":1}", "2:{\"a\":1} "},
    {"{\"a\":1", ""},
    {"]}{", ""},
    {"", ""},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice in = slice_of(cases[i].in);
        struct json_split s;
        struct json_span span[16];
        char out[512] = "";
        size_t at = 0;
        json_split_init(&s);
        size_t n = json_split_run(&s, in, span, ARRAY_LEN(span));
        for (size_t k = 0; k < n; k++)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%d:%.*s ", (int)span[k].line,
                                   (int)span[k].n, in.p + span[k].at);
        assert_string_equal(out, cases[i].out);
    }
}

/* An object that never ends is given up at the next line that begins one. */
static void test_resync(void **state)
{
    struct slice in = slice_of("[{\"a\":1},\n{\"b\":\"x\n{\"c\":3}]");
    struct json_split s;
    struct json_span span[8];

    (void)state;
    json_split_init(&s);
    assert_int_equal(json_split_run(&s, in, span, 8), 1);
    assert_true(s.open);
    json_split_resync(&s, in);
    assert_int_equal(json_split_run(&s, in, span, 8), 1);
    assert_int_equal(span[0].line, 3);
    assert_int_equal(span[0].n, 7);
}

static void test_limits(void **state)
{
    char deep[100];
    struct json_split s;
    struct json_span span[2];

    (void)state;
    memset(deep, '[', sizeof(deep));
    json_split_init(&s);
    assert_int_equal(json_split_run(&s, (struct slice){deep, sizeof(deep)}, span, 2), 0);
    assert_int_equal(s.levels, JSON_SPLIT_LEVELS);
    assert_true(s.stray > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_resync),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
