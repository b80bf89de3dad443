#include "core/test.h"

#include <math.h>

#include "core/json.h"
#include "core/json_int.h"
#include "core/jsonw.h"
#include "core/test_files.h"

static struct json_reader *fresh(void **state)
{
    struct json_reader *r = json_reader_new(1 << 20, 1 << 16);

    (void)state;
    assert_non_null(r);
    return r;
}

static bool same_number(const struct json_node *a, const struct json_node *b)
{
    if (a->type == JSON_BOOL)
        return a->b == b->b;
    if (a->type == JSON_DOUBLE)
        return memcmp(&a->d, &b->d, sizeof(a->d)) == 0;
    return (a->type != JSON_INT && a->type != JSON_UINT) || a->u == b->u;
}

static bool same_tree(const struct json_node *a, const struct json_node *b)
{
    if (!a || !b)
        return a == b;
    if (a->type != b->type || a->n != b->n || !slice_eq(a->key, b->key) ||
        !slice_eq(a->str, b->str) || !same_number(a, b))
        return false;
    const struct json_node *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (!same_tree(x, y))
            return false;
    return x == y;
}

static void test_values(void **state)
{
    struct json_reader *r = fresh(state);
    const struct json_node *n = NULL;
    bool tolerant = true;
    struct slice in = SLICE(" {\"s\":\"a\\u0000\\ud83d\\ude00\\n\",\"i\":-9223372036854775808,"
                            "\"u\":9223372036854775808,\"d\":1.5,\"t\":true,\"z\":null,"
                            "\"a\":[[],{},7],\"\":0} \n");

    for (int pass = 0; pass < 3; pass++) {
        if (pass == 0)
            assert_int_equal(json_read(r, in, &n, &tolerant, NULL), ERR_NONE);
        else if (pass == 1)
            assert_int_equal(json_read_strict(r, in, &n, NULL), ERR_NONE);
        else
            assert_int_equal(json_read_tolerant(r, in, &n, NULL), ERR_NONE);
        assert_false(tolerant);
        assert_int_equal(n->type, JSON_OBJECT);
        assert_int_equal(n->n, 8);
        assert_true(slice_eq(json_get_str(n, "s"), SLICE("a\0\xf0\x9f\x98\x80\n")));
        assert_true(json_get_int(n, "i", 0) == INT64_MIN);
        assert_int_equal(json_get(n, "u")->type, JSON_UINT);
        assert_true(json_get(n, "u")->u == UINT64_C(1) << 63);
        assert_true(json_get(n, "d")->d == 1.5);
        assert_true(json_get_bool(n, "t", false));
        assert_int_equal(json_get(n, "z")->type, JSON_NULL);
        assert_int_equal(json_get(n, "a")->n, 3);
        assert_int_equal(json_get(n, "a")->child->next->type, JSON_OBJECT);
        assert_int_equal(json_get(n, "a")->child->next->next->i, 7);
        assert_int_equal(json_get_int(n, "", 9), 0);
        assert_null(json_get(n, "S"));
        assert_null(json_get(NULL, "s"));
        assert_null(json_get(json_get(n, "a"), "s"));
        assert_int_equal(json_get_str(n, "i").n, 0);
        assert_non_null(json_get_str(n, "none").p);
        assert_int_equal(json_get_int(n, "s", 5), 5);
    }
    json_reader_free(r);
}

static void test_hostile(void **state)
{
    static const struct {
        struct slice in;
        const char *str; /* of the first element */
        size_t len;
        size_t odd; /* where strict reading stumbles */
    } rows[] = {
        {{"[\"\\ud800\"]", 10}, "\xed\xa0\x80", 3, 2},
        {{"[\"a\\udc00b\"]", 12},
         "a\xed\xb0\x80"
         "b",
         5,
         3},
        {{"[\"\\ud800\\u0041\"]", 16},
         "\xed\xa0\x80"
         "A",
         4,
         2},
        {{"[\"\\ud800\\ud800\\udc00\"]", 22}, "\xed\xa0\x80\xf0\x90\x80\x80", 7, 2},
        {{"[\"\xff\"]", 5}, "\xff", 1, 2},
        {{"[\"\xc3\"]", 5}, "\xc3", 1, 2},
        {{"[\"a\nb\0c\"]", 9}, "a\nb\0c", 5, 3},
        {{"[1e999]", 7}, "1e999", 5, 1},
        {{"[-18446744073709551616]", 23}, "-18446744073709551616", 21, 1},
        {{"[123456789012345678901234567890]", 32}, "123456789012345678901234567890", 30, 1},
        {{"\xef\xbb\xbf[\"x\"]", 8}, "x", 1, 0},
    };
    struct json_reader *r = fresh(state);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct json_node *n = NULL;
        struct diag d = {0};
        bool tolerant = false;
        assert_int_equal(json_read(r, rows[i].in, &n, &tolerant, &d), ERR_NONE);
        assert_true(tolerant);
        assert_true(slice_eq(n->child->str, (struct slice){rows[i].str, rows[i].len}));
        assert_int_equal(json_read_strict(r, rows[i].in, &n, &d), ERR_SYNTAX);
        assert_int_equal(d.at, rows[i].odd);
    }
    const struct json_node *n = NULL;
    assert_int_equal(json_read(r, SLICE("[1e999, -1e999]"), &n, NULL, NULL), ERR_NONE);
    assert_true(isinf(n->child->d) && n->child->d > 0 && n->child->next->d < 0);
    json_reader_free(r);
}

static void test_duplicates(void **state)
{
    struct json_reader *r = fresh(state);
    const struct json_node *n = NULL;
    struct slice in = SLICE("{\"a\":1,\"b\":{\"k\":1,\"k\":2},\"a\":3}");
    struct diag d = {0};
    struct buf b;

    for (int pass = 0; pass < 2; pass++) {
        enum err e = pass ? json_read_tolerant(r, in, &n, NULL) : json_read(r, in, &n, NULL, NULL);
        assert_int_equal(e, ERR_NONE);
        assert_int_equal(n->n, 3);
        assert_int_equal(json_get_int(n, "a", 0), 1);
        assert_int_equal(n->child->next->next->i, 3);
        assert_int_equal(n->child->next->n, 2);
    }
    assert_int_equal(json_read_strict(r, SLICE("[{\"a\":1,\"\\u0061\":2}]"), &n, &d), ERR_SYNTAX);
    assert_int_equal(d.at, 9);
    buf_init(&b, 1 << 16);
    for (int i = 0; i < 500; i++)
        assert_int_equal(buf_printf(&b, "%c\"k%d\":0", i ? ',' : '{', i % 499), ERR_NONE);
    assert_int_equal(buf_putc(&b, '}'), ERR_NONE);
    assert_int_equal(json_read_strict(r, buf_slice(&b), &n, &d), ERR_SYNTAX);
    assert_non_null(strstr(d.text, "\"k0\""));
    buf_done(&b);
    json_reader_free(r);
}

static void test_errors(void **state)
{
    static const struct {
        const char *in;
        size_t at;
    } rows[] = {
        {"", 0},        {" ", 1},          {"{", 1},
        {"[1,", 3},     {"[1,]", 3},       {"[,1]", 1},
        {"[1 2]", 3},   {"{\"a\"}", 4},    {"{\"a\":}", 5},
        {"{a:1}", 1},   {"{\"a\":1,}", 7}, {"[1}", 2},
        {"[01]", 1},    {"[1.]", 3},       {"[.5]", 1},
        {"[1e]", 3},    {"[+1]", 1},       {"[-]", 2},
        {"[NaN]", 1},   {"[Infinity]", 1}, {"[-Infinity]", 2},
        {"[tru]", 1},   {"[truex]", 5},    {"'a'", 0},
        {"\"a", 2},     {"\"\\x\"", 2},    {"\"\\u12\"", 3},
        {"\"\\", 2},    {"1 1", 2},        {"[]]", 2},
        {"// c\n1", 0}, {"]", 0},          {",", 0},
    };
    struct json_reader *r = fresh(state);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct json_node *n = NULL;
        struct slice copy = slice_of(rows[i].in);
        for (int pass = 0; pass < 3; pass++) {
            struct diag d = {0};
            enum err e = pass == 0   ? json_read(r, copy, &n, NULL, &d)
                         : pass == 1 ? json_read_strict(r, copy, &n, &d)
                                     : json_read_tolerant(r, copy, &n, &d);
            if (e != ERR_SYNTAX || d.at != rows[i].at || n)
                fail_msg("%s: %d at %zu: %s", rows[i].in, e, d.at, d.text);
        }
    }
    json_reader_free(r);
    json_reader_free(NULL);
}

static enum err read_nested(struct json_reader *r, int depth, bool strict, struct diag *d)
{
    const struct json_node *n;
    char in[400];

    memset(in, '[', (size_t)depth);
    memset(in + depth, ']', (size_t)depth);
    struct slice s = {in, 2 * (size_t)depth};
    return strict ? json_read_strict(r, s, &n, d) : json_read(r, s, &n, NULL, d);
}

static void test_limits(void **state)
{
    struct json_reader *r = fresh(state);
    const struct json_node *n = NULL;
    struct diag d = {0};
    char in[200];

    for (int strict = 0; strict < 2; strict++) {
        assert_int_equal(read_nested(r, JSON_DEPTH_MAX, strict, &d), ERR_NONE);
        assert_int_equal(read_nested(r, JSON_DEPTH_MAX + 1, strict, &d), ERR_LIMIT);
        assert_int_equal(d.at, JSON_DEPTH_MAX);
    }
    json_reader_free(r);

    r = json_reader_new(100, 10);
    memset(in, ' ', sizeof(in));
    in[0] = '1';
    assert_int_equal(json_read(r, (struct slice){in, 100}, &n, NULL, &d), ERR_NONE);
    assert_int_equal(json_read(r, (struct slice){in, 101}, &n, NULL, &d), ERR_LIMIT);
    assert_int_equal(json_read(r, SLICE("[1,2,3,4,5,6,7,8,9]"), &n, NULL, &d), ERR_NONE);
    assert_int_equal(json_read(r, SLICE("[1,2,3,4,5,6,7,8,9,10]"), &n, NULL, &d), ERR_LIMIT);
    assert_int_equal(json_read_tolerant(r, SLICE("[1,2,3,4,5,6,7,8,9,10]"), &n, &d), ERR_LIMIT);
    assert_int_equal(json_read(r, SLICE("[1,2,3,4,5,6,7,8,9]"), &n, NULL, &d), ERR_NONE);
    json_reader_free(r);
}

static void test_pool_is_reused(void **state)
{
    struct json_reader *r = fresh(state);
    const struct json_node *n = NULL;
    struct buf b;

    buf_init(&b, 1 << 19);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buf_printf(&b, "%c%d", i ? ',' : '[', i), ERR_NONE);
    assert_int_equal(buf_putc(&b, ']'), ERR_NONE);
    for (int pass = 0; pass < 4; pass++) {
        enum err e = pass % 2 ? json_read_tolerant(r, buf_slice(&b), &n, NULL)
                              : json_read(r, buf_slice(&b), &n, NULL, NULL);
        int64_t want = 0;
        assert_int_equal(e, ERR_NONE);
        assert_int_equal(n->n, 20000);
        for (const struct json_node *c = n->child; c; c = c->next)
            assert_int_equal(c->i, want++);
        assert_int_equal(want, 20000);
    }
    unsigned blocks = r->blocks_n;
    assert_int_equal(json_read(r, buf_slice(&b), &n, NULL, NULL), ERR_NONE);
    assert_int_equal(r->blocks_n, blocks);
    buf_done(&b);
    json_reader_free(r);
}

/* Nicolas Seriot's JSONTestSuite: y_ must be read, n_ refused, i_ are free to choose.
 * Strict reading also refuses the suite's y_ files with duplicate keys. */
static void check_suite_file(struct json_reader *a, struct json_reader *b, const char *name,
                             struct slice in)
{
    const struct json_node *x = NULL, *y = NULL, *z = NULL;
    bool deep = strstr(name, "structure_100000") || strstr(name, "nested") ||
                strstr(name, "open_array_object");
    bool twice = strstr(name, "duplicated_key") != NULL;
    struct diag d = {0};
    bool tolerant = false;
    enum err strict = json_read_strict(a, in, &x, &d);

    if (name[0] == 'y' && strict != (twice ? ERR_SYNTAX : ERR_NONE))
        fail_msg("%s: strict says %s at %zu", name, d.text, d.at);
    if (name[0] == 'n' && strict != ERR_SYNTAX && !(deep && strict == ERR_LIMIT))
        fail_msg("%s: strict took it, or a wrong error", name);
    enum err any = json_read(a, in, &x, &tolerant, &d);
    enum err loose = json_read_tolerant(b, in, &y, &d);
    assert_int_equal(any, loose);
    if (name[0] == 'y' && (any != ERR_NONE || tolerant))
        fail_msg("%s: json_read says %s", name, d.text);
    if (any == ERR_NONE && !same_tree(x, y))
        fail_msg("%s: the readers disagree", name);
    if (strict == ERR_NONE) {
        assert_int_equal(json_read_strict(a, in, &z, NULL), ERR_NONE);
        assert_true(same_tree(z, y));
    }
}

static void test_suite(void **state)
{
    struct json_reader *a = fresh(state), *b = fresh(state);
    char path[4096], dir[4096];
    unsigned n = 0;

    if (!test_data_path("json/LICENSE", path, sizeof(path))) {
        print_message("# no shared test data\n");
        skip();
    }
    (void)snprintf(dir, sizeof(dir), "%.*s/test_parsing", (int)(strlen(path) - 8), path);
    DIR *dp = opendir(dir);
    assert_non_null(dp);
    for (struct dirent *e; (e = readdir(dp));) {
        if (e->d_name[0] == '.')
            continue;
        assert_true((size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < sizeof(path));
        struct slice in = test_read_file(path);
        assert_non_null(in.p);
        check_suite_file(a, b, e->d_name, in);
        test_free_file(in);
        n++;
    }
    (void)closedir(dp);
    assert_true(n > 300);
    json_reader_free(a);
    json_reader_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_pool_is_reused),
        cmocka_unit_test(test_suite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
