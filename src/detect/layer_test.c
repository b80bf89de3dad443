#include "core/test.h"

#include <stdio.h>

#include "core/json.h"
#include "detect/layer.h"
#include "detect/try_int.h"

#define RULE(id, level, tags, status)                                                              \
    "---\ntitle: " id "\nid: " id "\nlevel: " level "\nstatus: " status "\ntags: " tags            \
    "\nlogsource: {product: windows}\ndetection: {s: {f: v}, condition: s}\n"

static struct buf out;
static struct json_reader *reader;

static const struct json_node *layer_of(const char *yaml)
{
    struct ruleset *rs = try_rules(slice_of(yaml));
    const struct json_node *root;
    struct diag d;

    buf_reset(&out);
    assert_int_equal(layer_put(rs, &out), ERR_NONE);
    ruleset_unref(rs);
    assert_int_equal(json_read(reader, buf_slice(&out), &root, NULL, &d), ERR_NONE);
    return root;
}

static const struct json_node *technique(const struct json_node *root, const char *id)
{
    for (const struct json_node *n = json_get(root, "techniques")->child; n; n = n->next)
        if (slice_eq(json_get_str(n, "techniqueID"), slice_of(id)))
            return n;
    return NULL;
}

static void counts_rules(void **unused)
{
    (void)unused;
    const struct json_node *root =
        layer_of(RULE("r1", "high", "[attack.t1110, attack.T1110, attack.stealth]", "test") RULE(
            "r2", "critical", "[attack.t1110.003, attack.t1110, attack.defense-evasion]", "test")
                     RULE("r3", "low", "[attack.t1110]", "unsupported"));
    const struct json_node *t = technique(root, "T1110");

    assert_non_null(t);
    assert_int_equal(json_get_int(t, "score", 0), 2);
    assert_true(slice_eq(json_get_str(t, "comment"), SLICE("2 rules: 1 critical, 1 high\nr1\nr2")));
    const struct json_node *m = json_get(t, "metadata");
    assert_int_equal(m->n, 2);
    assert_true(slice_eq(json_get_str(m->child, "value"), SLICE("stealth")));
    assert_true(slice_eq(json_get_str(m->child->next, "value"), SLICE("defense-evasion")));
    assert_int_equal(json_get_int(technique(root, "T1110.003"), "score", 0), 1);
    assert_int_equal(json_get(root, "techniques")->n, 2);
    assert_int_equal(json_get_int(json_get(root, "gradient"), "maxValue", 0), 2);
    assert_true(slice_eq(json_get_str(json_get(root, "versions"), "layer"), SLICE("4.5")));
}

static void other_tags(void **unused)
{
    static const char *const tags[] = {
        "[attack.t111]",       "[attack.t11100]", "[attack.t1110.03]",
        "[attack.t1110.0034]", "[attack.s0002]",  "[attack.t1x10]",
        "[cve.2021-1234]",     "[attack.t1110.]", "[]"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        char yaml[400];
        (void)snprintf(yaml, sizeof(yaml),
                       "title: r\nid: r\nlevel: low\ntags: %s\nlogsource: {product: windows}\n"
                       "detection: {s: {f: v}, condition: s}\n",
                       tags[i]);
        const struct json_node *root = layer_of(yaml);
        assert_int_equal(json_get(root, "techniques")->n, 0);
        assert_int_equal(json_get_int(json_get(root, "gradient"), "maxValue", 0), 1);
    }
}

static void ceiling(void **unused)
{
    struct ruleset *rs = try_rules(SLICE(RULE("r1", "high", "[attack.t1110]", "test")));
    struct buf small;

    (void)unused;
    buf_init(&small, 64);
    assert_int_not_equal(layer_put(rs, &small), ERR_NONE);
    buf_done(&small);
    ruleset_unref(rs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_rules),
        cmocka_unit_test(other_tags),
        cmocka_unit_test(ceiling),
    };

    buf_init(&out, 1 << 20);
    reader = json_reader_new(1 << 20, 10000);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_reader_free(reader);
    buf_done(&out);
    return rc;
}
