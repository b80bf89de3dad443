#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/try_int.h"

#define TABLE                                                                                      \
    "field_sets:\n  f: {User: [account]}\n"                                                        \
    "logsources:\n  - {product: try, category: c, fields: [f], when: {never sent: null}}\n"        \
    "  - {product: other, when: {never sent: null}}\n---\n"
#define RULE(id, product, a)                                                                       \
    "title: " id "\nid: " id "\nname: name_" id "\nlevel: low\nlogsource: {" product "}\n"         \
    "detection: {s: {a: " a "}, condition: s}\n---\n"
#define RULES                                                                                      \
    RULE("r1", "product: try, category: c", "x")                                                   \
    RULE("r2", "product: try, category: c", "x") RULE("r3", "product: other", "x")
#define FILTER(source, body) "title: F\nlogsource: {" source "}\nfilter:\n" body "---\n"
#define ADM "  sel: {User|startswith: adm_}\n"

static unsigned detect(const struct ruleset *rs, const char *event, const char **ids)
{
    unsigned n = try_detect(rs, try_event(slice_of(event)), ids);
    const char *again;
    char first[256];

    (void)snprintf(first, sizeof(first), "%s", *ids);
    ruleset_full_scan((struct ruleset *)(uintptr_t)rs, true);
    (void)try_detect(rs, try_event(slice_of(event)), &again);
    ruleset_full_scan((struct ruleset *)(uintptr_t)rs, false);
    assert_string_equal(again, first);
    *ids = again;
    return n;
}

static void filters_are_added_with_and(void **unused)
{
    static const struct {
        const char *filters, *adm, *bob; /* who matches what administrators and others do */
    } cases[] = {
        {"", "r1 r2 r3", "r1 r2 r3"},
        {FILTER("product: try", "  rules: [r1]\n" ADM "  condition: not sel\n"), "r2 r3",
         "r1 r2 r3"},
        {FILTER("product: try", "  rules: [r1]\n" ADM "  condition: sel\n"), "r1 r2 r3", "r2 r3"},
        {FILTER("product: try", "  rules: r1\n" ADM "  condition: not sel\n"), "r2 r3", "r1 r2 r3"},
        {FILTER("product: TRY", "  rules: [name_r1, r2]\n" ADM "  condition: not sel\n"), "r3",
         "r1 r2 r3"},
        {FILTER("product: try", "  rules: any\n" ADM "  condition: not sel\n"), "r3", "r1 r2 r3"},
        {FILTER("category: c", "  rules: any\n" ADM "  condition: not 1 of them\n"), "r3",
         "r1 r2 r3"},
        {FILTER("product: other", "  rules: any\n" ADM "  condition: not sel\n"), "r1 r2 r3",
         "r1 r2 r3"},
        {FILTER("product: other", "  rules: [r3]\n  s: {User: '*'}\n  condition: s\n"), "r1 r2",
         "r1 r2"},
        /* several on one rule, and one twice */
        {FILTER("product: try", "  rules: [r1, r1, name_r1]\n" ADM "  condition: not sel\n")
             FILTER("product: try", "  rules: any\n  s: {User: bob}\n  condition: not s\n"),
         "r2 r3", "r3"},
        /* its selections are its own, whatever they are called */
        {FILTER("product: try", "  rules: any\n  s: {User: bob}\n  condition: not all of s*\n"),
         "r1 r2 r3", "r3"},
        {FILTER("product: try", "  rules: [r1]\n" ADM "  condition: [not sel, sel]\n"), "r1 r2 r3",
         "r1 r2 r3"},
    };

    (void)unused;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        char yaml[8192];
        const char *filters = cases[i / 2].filters, *ids;
        (void)snprintf(yaml, sizeof(yaml), TABLE "%s%s%s", i % 2 ? filters : "", RULES,
                       i % 2 ? "" : filters);
        struct ruleset *rs = try_rules(slice_of(yaml));
        assert_int_equal(ruleset_report(rs)->loaded, 3);
        (void)detect(rs, "{\"a\":\"x\",\"account\":\"ADM_1\"}", &ids);
        if (strcmp(ids, cases[i / 2].adm) != 0)
            fail_msg("%s\nadministrators: '%s'", yaml, ids);
        (void)detect(rs, "{\"a\":\"x\",\"account\":\"bob\"}", &ids);
        if (strcmp(ids, cases[i / 2].bob) != 0)
            fail_msg("%s\nbob: '%s'", yaml, ids);
        assert_int_equal(detect(rs, "{\"a\":\"y\",\"account\":\"bob\"}", &ids), 0);
        ruleset_unref(rs);
    }
}

static const struct rule_issue *issue_of(const struct ruleset *rs, const char *code)
{
    const struct rule_report *r = ruleset_report(rs);

    for (size_t i = 0; i < r->issues_n; i++)
        if (strcmp(r->issues[i].code, code) == 0)
            return &r->issues[i];
    return NULL;
}

static void defects_of_filters_are_named(void **unused)
{
    static const struct {
        const char *filter, *code;
        enum rule_issue_kind kind;
        unsigned line; /* from the filter's own first; 0: any */
    } cases[] = {
        {"title: F\nlogsource: {product: try}\nfilter:\n  rules: [nobody]\n" ADM
         "  condition: not sel\n",
         "unknown-rule", ISSUE_WARNING, 4},
        {"title: F\nlogsource: {product: try}\nfilter:\n  rules: [nobody]\n" ADM
         "  condition: not sel\n",
         "filter-unused", ISSUE_WARNING, 4},
        {"title: F\nlogsource: {product: other}\nfilter:\n  rules:\n    - r1\n" ADM
         "  condition: not sel\n",
         "filter-logsource", ISSUE_WARNING, 5},
        {"title: F\nlogsource: {product: try, category: d}\nfilter:\n  rules: any\n" ADM
         "  condition: not sel\n",
         "filter-unused", ISSUE_WARNING, 4},
        {"title: F\nlogsource: {product: no}\nfilter:\n  rules: any\n" ADM "  condition: not sel\n",
         "unmapped-logsource", ISSUE_CANNOT_MATCH, 2},
        {"title: F\nfilter:\n  rules: any\n" ADM "  condition: not sel\n", "missing-logsource",
         ISSUE_ERROR, 1},
        {"title: F\nlogsource: {}\nfilter:\n  rules: any\n" ADM "  condition: not sel\n",
         "bad-logsource", ISSUE_ERROR, 2},
        {"logsource: {product: try}\nfilter:\n  rules: any\n" ADM "  condition: not sel\n",
         "missing-title", ISSUE_ERROR, 1},
        {"title: F\nid: r1\nlogsource: {product: try}\nfilter:\n  rules: any\n" ADM
         "  condition: not sel\n",
         "duplicate-id", ISSUE_ERROR, 2},
        {FILTER("product: try", ADM "  condition: not sel\n"), "bad-filter", ISSUE_ERROR, 0},
        {FILTER("product: try", "  rules: []\n" ADM "  condition: not sel\n"), "bad-filter",
         ISSUE_ERROR, 4},
        {FILTER("product: try", "  rules: [[r1]]\n" ADM "  condition: not sel\n"), "bad-filter",
         ISSUE_ERROR, 4},
        {FILTER("product: try", "  rules: {a: r1}\n" ADM "  condition: not sel\n"), "bad-filter",
         ISSUE_ERROR, 4},
        {"title: F\nlogsource: {product: try}\nfilter: any\n", "bad-filter", ISSUE_ERROR, 3},
        {FILTER("product: try", "  rules: any\n" ADM), "missing-condition", ISSUE_ERROR, 3},
        {FILTER("product: try", "  rules: any\n" ADM "  condition: not other\n"),
         "unknown-selection", ISSUE_ERROR, 6},
        {FILTER("product: try", "  rules: any\n" ADM "  condition: not rules\n"),
         "unknown-selection", ISSUE_ERROR, 6},
        {FILTER("product: try", "  rules: any\n" ADM "  condition: sel | count() > 5\n"),
         "aggregation", ISSUE_ERROR, 6},
        {FILTER("product: try", "  rules: any\n" ADM ADM "  condition: sel\n"), "yaml", ISSUE_ERROR,
         0},
        {FILTER("product: try", "  rules: any\n" ADM "  b: {c: d}\n  condition: sel\n"),
         "unused-selection", ISSUE_WARNING, 6},
        {FILTER("product: try", "  rules: any\n  sel: {a|expand: '%u%'}\n  condition: not sel\n"),
         "placeholder", ISSUE_CANNOT_MATCH, 3},
        {FILTER("product: try", "  rules: any\n  sel: {a|nope: u}\n  condition: not sel\n"),
         "unknown-modifier", ISSUE_ERROR, 5},
        {"title: C\nid: c1\nlevel: low\ncorrelation: {type: event_count, rules: [r1], group-by: "
         "[a], timespan: 1m, condition: {gte: 2}}\n---\n" FILTER(
             "product: try", "  rules: [c1]\n" ADM "  condition: sel\n"),
         "filter-correlation", ISSUE_WARNING, 0},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char yaml[8192];
        unsigned before = 0;
        (void)snprintf(yaml, sizeof(yaml), TABLE RULES "%s", cases[i].filter);
        for (const char *p = TABLE RULES; *p; p++)
            before += *p == '\n';
        struct ruleset *rs = try_rules(slice_of(yaml));
        const struct rule_issue *is = issue_of(rs, cases[i].code);
        if (!is)
            fail_msg("%s\nwanted %s", yaml, cases[i].code);
        if (!is)
            return;
        assert_int_equal(is->kind, cases[i].kind);
        if (cases[i].line && is->line != before + cases[i].line)
            fail_msg("%s\n%s at line %u", yaml, is->code, is->line);
        if (is->kind == ISSUE_ERROR && strcmp(is->code, "yaml") != 0) {
            const char *ids;
            (void)detect(rs, "{\"a\":\"x\",\"account\":\"adm_1\"}", &ids);
            assert_string_equal(ids, "r1 r2 r3");
            assert_int_equal(ruleset_report(rs)->filters, 1);
        }
        ruleset_unref(rs);
    }
}

/* A finding names what decided, the rule's version says that it is not the same rule any more. */
static void filters_change_what_is_told(void **unused)
{
    struct ruleset *plain = try_rules(SLICE(TABLE RULES));
    struct ruleset *rs = try_rules(
        SLICE(TABLE RULES FILTER("product: try", "  rules: [r1]\n" ADM "  condition: sel\n")));
    const char *ids;

    (void)unused;
    assert_int_equal(detect(rs, "{\"a\":\"x\",\"account\":\"adm_1\"}", &ids), 3);
    assert_int_equal(ruleset_report(rs)->filters, 1);
    assert_string_not_equal(ruleset_rule(plain, 0)->version, ruleset_rule(rs, 0)->version);
    assert_string_equal(ruleset_rule(plain, 1)->version, ruleset_rule(rs, 1)->version);
    ruleset_unref(plain);
    ruleset_unref(rs);
}

/* Before and behind the rules: files are read in the order of their names. */
static void filters_of_other_files(void **unused)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        {"a.yml", FILTER("product: try", "  rules: [r1]\n" ADM "  condition: not sel\n")},
        {"m.yml", TABLE RULES},
        {"z.yml", FILTER("product: try", "  rules: [r2]\n" ADM "  condition: not sel\n")},
        {"logsources.yml", TABLE},
    };
    char dir[] = "/tmp/coloa_filter_XXXXXX", path[128];
    struct ruleset *rs = NULL;
    const char *const paths[] = {dir}, *ids;

    (void)unused;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(files[i].text, f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
    assert_int_equal(ruleset_load(paths, 1, &rs, NULL), ERR_NONE);
    assert_int_equal(ruleset_report(rs)->filters, 2);
    (void)detect(rs, "{\"a\":\"x\",\"account\":\"adm_1\"}", &ids);
    assert_string_equal(ids, "r3");
    ruleset_unref(rs);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void many_filters_have_a_ceiling(void **unused)
{
    enum { MANY = 1030, EACH = 160 };
    size_t cap = sizeof(TABLE RULES) + (size_t)MANY * EACH, at;
    char *yaml = malloc(cap);
    const char *ids;

    (void)unused;
    assert_non_null(yaml);
    at = (size_t)snprintf(yaml, cap, "%s", TABLE RULES);
    for (unsigned i = 0; i < MANY; i++)
        at += (size_t)snprintf(yaml + at, cap - at,
                               "---\ntitle: F%u\nlogsource: {product: try}\nfilter: {rules: [r1], "
                               "s: {User: u%u}, condition: not s}\n",
                               i, i);
    struct ruleset *rs = try_rules((struct slice){yaml, at});
    assert_true(try_has_issue(rs, "too-many-filters"));
    assert_true(try_has_issue(rs, "too-many-selections")); /* 1023 and the rule's own */
    (void)detect(rs, "{\"a\":\"x\",\"account\":\"u1000\"}", &ids);
    assert_string_equal(ids, "r2 r3");
    (void)detect(rs, "{\"a\":\"x\",\"account\":\"u1023\"}", &ids);
    assert_string_equal(ids, "r1 r2 r3");
    ruleset_unref(rs);
    free(yaml);
}

#define GLOBAL                                                                                     \
    "action: global\ntitle: G\nid: g\nlevel: low\nlogsource: {product: other}\n"                   \
    "detection: {s: {a: x}, condition: s and t}\n---\n"

static void actions_merge_documents(void **unused)
{
    static const struct {
        const char *yaml, *event, *ids;
    } cases[] = {
        {GLOBAL "detection: {t: {b: y}}\n---\ndetection: {t: {b: z}}\n",
         "{\"a\":\"x\",\"b\":\"y\"}", "g"},
        {GLOBAL "detection: {t: {b: y}}\n---\ndetection: {t: {b: z}}\n",
         "{\"a\":\"x\",\"b\":\"z\"}", "g/2"},
        {GLOBAL "detection: {t: {b: y}}\n---\nid: h\ndetection: {t: {b: z}}\n",
         "{\"a\":\"x\",\"b\":\"z\"}", "g/2"},
        {GLOBAL "action: global\ndetection: {condition: t}\n---\ndetection: {t: {b: y}}\n",
         "{\"a\":\"w\",\"b\":\"y\"}", "g"},
        /* what is global wins */
        {GLOBAL "detection: {t: {b: y}, s: {a: w}}\n", "{\"a\":\"w\",\"b\":\"y\"}", ""},
        {GLOBAL "action: reset\n---\n" RULE("r1", "product: other", "w"), "{\"a\":\"w\"}", "r1"},
        {RULE("r1", "product: other", "w") "action: repeat\ndetection: {s: {a: v}}\n",
         "{\"a\":\"v\"}", "r1/2"},
        {RULE("r1", "product: other", "w") "action: repeat\nid: r7\ndetection: {s: {a: v}}\n",
         "{\"a\":\"v\"}", "r7"},
        {RULE("r1", "product: other", "w") "action: repeat\ndetection: {s: {a: v}}\n---\n"
                                           "action: repeat\ndetection: {s: {b: u}}\n",
         "{\"a\":\"v\",\"b\":\"u\"}", "r1/2 r1/3"},
        {RULE("r1", "product: other", "w") "action: repeat\ndetection: {s: [{a: v}, {b: u}]}\n",
         "{\"b\":\"u\"}", "r1/2"},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char yaml[8192];
        const char *ids;
        (void)snprintf(yaml, sizeof(yaml), TABLE "%s", cases[i].yaml);
        struct ruleset *rs = try_rules(slice_of(yaml));
        (void)detect(rs, cases[i].event, &ids);
        if (strcmp(ids, cases[i].ids) != 0)
            fail_msg("%s\n'%s' instead of '%s'", yaml, ids, cases[i].ids);
        ruleset_unref(rs);
    }
}

static void defects_of_actions_are_named(void **unused)
{
    static const struct {
        const char *yaml, *code;
        unsigned line, column;
    } cases[] = {
        {"action: repeat\ntitle: t\n", "action", 1, 1},
        {"action: global\ntitle: t\n", "action", 1, 1},
        {"action: global\ntitle: t\n---\naction: reset\n", "action", 1, 1},
        {"title: t\naction: whatever\n", "action", 2, 1},
        {"action: [global]\n", "action", 1, 1},
        /* The place is where the text stands, not where it is merged to. */
        {"action: global\ntitle: G\nlevel: low\nlogsource: {product: other}\ndetection:\n"
         "  s: {a|nope: x}\n  condition: s\n---\nid: i\ndetection: {t: {b: y}}\n",
         "unknown-modifier", 6, 7},
        {"action: global\ntitle: G\nlevel: low\nlogsource: {product: other}\n---\nid: i\n"
         "detection:\n  s: {a: x}\n  condition: t\n",
         "unknown-selection", 9, 3},
        {RULE("r1", "product: other", "w") RULE("r1", "product: other", "v"), "duplicate-id", 0, 0},
        /* Given twice by documents of their own, it is not a template's. */
        {GLOBAL RULE("r1", "product: other", "w") RULE("g", "product: other", "v"), "duplicate-id",
         0, 0},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ruleset *rs = try_rules(slice_of(cases[i].yaml));
        const struct rule_issue *is = issue_of(rs, cases[i].code);
        if (!is)
            fail_msg("%s\nwanted %s", cases[i].yaml, cases[i].code);
        if (is && cases[i].line && (is->line != cases[i].line || is->column != cases[i].column))
            fail_msg("%s\n%s at %u:%u", cases[i].yaml, is->code, is->line, is->column);
        ruleset_unref(rs);
    }
}

/* A template that would be copied again and again. */
static void merging_has_ceilings(void **unused)
{
    enum { MANY = 4200, KEYS = 1030 };
    size_t cap = 1 << 20, at = 0;
    char *yaml = malloc(cap);

    (void)unused;
    assert_non_null(yaml);
    at += (size_t)snprintf(yaml + at, cap - at, "action: global\ntitle: t\n");
    for (unsigned i = 0; i < MANY; i++)
        at += (size_t)snprintf(yaml + at, cap - at, "---\nid: i%u\n", i);
    struct ruleset *rs = try_rules((struct slice){yaml, at});
    assert_true(try_has_issue(rs, "action"));
    ruleset_unref(rs);
    at = (size_t)snprintf(yaml, cap, "action: global\n");
    for (unsigned i = 0; i < KEYS; i++)
        at += (size_t)snprintf(yaml + at, cap - at, "k%u: {a: b}\n", i);
    at += (size_t)snprintf(yaml + at, cap - at, "---\ntitle: t\nk1: {c: d}\n");
    rs = try_rules((struct slice){yaml, at});
    const struct rule_issue *is = issue_of(rs, "action");
    if (!is || !strstr(is->message, "1024 members"))
        fail_msg("%s", is ? is->message : "no issue");
    ruleset_unref(rs);
    free(yaml);
}

static int end(void **unused)
{
    (void)unused;
    try_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_added_with_and),
        cmocka_unit_test(defects_of_filters_are_named),
        cmocka_unit_test(filters_change_what_is_told),
        cmocka_unit_test(filters_of_other_files),
        cmocka_unit_test(many_filters_have_a_ceiling),
        cmocka_unit_test(actions_merge_documents),
        cmocka_unit_test(defects_of_actions_are_named),
        cmocka_unit_test(merging_has_ceilings),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
