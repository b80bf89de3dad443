#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/try_int.h"

#define TABLE "logsources:\n  - {product: try, when: {never sent: null}}\n"
#define HEAD "title: Try\nid: r1\nlevel: low\nlogsource: {product: try}\ndetection:\n"

static char dir[64];

static void put(const char *name, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void gone(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static struct ruleset *load(const char *rule, const char *lists)
{
    char rules[256], at[256];
    const char *const paths[] = {rules};
    struct ruleset *rs = NULL;
    struct diag diag = {0};

    put("rules/logsources.yml", TABLE);
    put("rules/r.yml", rule);
    (void)snprintf(rules, sizeof(rules), "%s/rules", dir);
    (void)snprintf(at, sizeof(at), "%s/%s", dir, lists);
    struct ruleset_options o = {.placeholders = at};
    if (ruleset_load_with(paths, 1, &o, &rs, &diag) != ERR_NONE)
        fail_msg("%s", diag.text);
    return rs;
}

static const char lists[] = "users: [adm_*, root]\n"
                            "ports: [22, 3389, '99']\n"
                            "one: solo\n"
                            "nets: [10.0.0.0/8, 192.0.2.0/24]\n"
                            "dirs: ['C:\\Temp\\', 'D:\\']\n"
                            "starred: '*any'\n"
                            "hours: [22, 23]\n"
                            "words: [a.b, c]\n"
                            "none: []\n";

static void values_are_put_in(void **unused)
{
    static const struct {
        const char *item, *event;
        bool match;
    } cases[] = {
        {"a|expand: '%users%'", "{\"a\":\"ADM_7\"}", true},
        {"a|expand: '%users%'", "{\"a\":\"root\"}", true},
        {"a|expand: '%users%'", "{\"a\":\"%users%\"}", false},
        {"a|expand: '%users%'", "{\"a\":\"bob\"}", false},
        {"a|expand: ['%users%', bob]", "{\"a\":\"bob\"}", true},
        {"a: '%users%'", "{\"a\":\"%users%\"}", true}, /* only where expand asks for it */
        {"a: '%users%'", "{\"a\":\"root\"}", false},
        /* types of the list */
        {"a|expand: '%ports%'", "{\"a\":22}", true},
        {"a|expand: '%ports%'", "{\"a\":\"22\"}", true},
        {"a|expand: '%ports%'", "{\"a\":\"22.0\"}", true}, /* a number, as if it stood there */
        {"a|expand: '%ports%'", "{\"a\":\"99.0\"}", false},
        {"a|expand: '%one%'", "{\"a\":\"solo\"}", true},
        /* in the middle, several */
        {"a|expand: 'x%one%y'", "{\"a\":\"XsoloY\"}", true},
        {"a|expand: 'x%one%y'", "{\"a\":\"solo\"}", false},
        {"a|expand: '%users%:%ports%'", "{\"a\":\"root:3389\"}", true},
        {"a|expand: '%users%:%ports%'", "{\"a\":\"adm_1:22\"}", true},
        {"a|expand: '%users%:%ports%'", "{\"a\":\"root:80\"}", false},
        {"a|expand: '%one%%one%'", "{\"a\":\"solosolo\"}", true},
        {"a|expand: '100%'", "{\"a\":\"100%\"}", true},
        {"a|expand: '%%'", "{\"a\":\"%%\"}", true},
        {"a|expand: '%%one%'", "{\"a\":\"%solo\"}", true},
        {"a|expand: '%a\\b%'", "{\"a\":\"%a\\\\b%\"}", true}, /* a name has no backslash */
        /* a backslash at the end of a part escapes nothing of the next */
        {"a|expand: '%dirs%*.exe'", "{\"a\":\"c:\\\\temp\\\\x.exe\"}", true},
        {"a|expand: '%dirs%*.exe'", "{\"a\":\"c:\\\\temp*.exe\"}", false},
        {"a|expand: 'x\\%starred%'", "{\"a\":\"x\\\\many\"}", true},
        {"a|expand: 'x\\%starred%'", "{\"a\":\"x\\\\ma any\"}", true},
        {"a|expand: 'x\\%starred%'", "{\"a\":\"x*any\"}", false},
        /* with others */
        {"a|expand|contains: '%one%'", "{\"a\":\"a solo b\"}", true},
        {"a|contains|expand: '%one%'", "{\"a\":\"a solo b\"}", true},
        {"a|endswith|expand: '\\%one%'", "{\"a\":\"x\\\\solo\"}", true},
        {"a|cased|expand: '%one%'", "{\"a\":\"SOLO\"}", false},
        {"a|neq|expand: '%users%'", "{\"a\":\"root\"}", false},
        {"a|neq|expand: '%users%'", "{\"a\":\"bob\"}", true},
        {"a|contains|all|expand: '%words%'", "{\"a\":\"c a.b\"}", true},
        {"a|contains|all|expand: '%words%'", "{\"a\":\"c\"}", false},
        {"a|cidr|expand: '%nets%'", "{\"a\":\"192.0.2.9\"}", true},
        {"a|cidr|expand: '%nets%'", "{\"a\":\"192.0.3.9\"}", false},
        {"a|gt|expand: '%hours%'", "{\"a\":23}", true},
        {"a|gt|expand: '%hours%'", "{\"a\":22}", false},
        {"a|hour|expand: '%hours%'", "{\"a\":\"2026-11-25T22:10:00Z\"}", true},
        {"a|re|expand: '^%words%$'", "{\"a\":\"axb\"}", true}, /* an expression, as written */
        {"a|base64|contains|expand: '%one%'", "{\"a\":\"c29sbw==\"}", true},
        {"'|expand': '%one%'", "{\"z\":\"a solo b\"}", true},
    };

    (void)unused;
    put("p.yml", lists);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char rule[1024];
        (void)snprintf(rule, sizeof(rule), HEAD "  s:\n    %s\n  condition: s\n", cases[i].item);
        struct ruleset *rs = load(rule, "p.yml");
        const struct rule_report *r = ruleset_report(rs);
        if (r->issues_n || r->loaded != 1)
            fail_msg("%s: %s", cases[i].item, r->issues_n ? r->issues[0].message : "not loaded");
        for (unsigned full = 0; full < 2; full++) {
            ruleset_full_scan(rs, full);
            if (try_detect(rs, try_event(slice_of(cases[i].event)), NULL) != cases[i].match)
                fail_msg("%s on %s, full scan %u", cases[i].item, cases[i].event, full);
        }
        ruleset_unref(rs);
    }
}

static void what_has_no_values_cannot_match(void **unused)
{
    static const struct {
        const char *item, *name;
    } cases[] = {
        {"a|expand: '%nobody%'", "'nobody'"},      {"a|expand: 'x%one%y%nobody%'", "'nobody'"},
        {"a|expand: '%none%'", "'none'"},          {"a|expand: [x, '%nobody%']", "'nobody'"},
        {"a|expand|cidr: '%nobody%'", "'nobody'"}, {"a|expand|gt: '%nobody%'", "'nobody'"},
        {"a|expand|neq: '%nobody%'", "'nobody'"},  {"a|expand|re: '(%nobody%'", "'nobody'"},
        {"a|expand|hour: '%nobody%'", "'nobody'"},
    };

    (void)unused;
    put("p.yml", lists);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char rule[1024];
        (void)snprintf(rule, sizeof(rule), HEAD "  s:\n    %s\n  condition: not s\n",
                       cases[i].item);
        struct ruleset *rs = load(rule, "p.yml");
        const struct rule_report *r = ruleset_report(rs);
        assert_int_equal(r->loaded, 1);
        assert_int_equal(r->issues_n, 1);
        assert_int_equal(r->issues[0].kind, ISSUE_CANNOT_MATCH);
        assert_string_equal(r->issues[0].code, "placeholder");
        if (!strstr(r->issues[0].message, cases[i].name))
            fail_msg("%s: %s", cases[i].item, r->issues[0].message);
        assert_int_equal(try_detect(rs, try_event(SLICE("{\"a\":\"x\"}")), NULL), 0);
        ruleset_unref(rs);
    }
}

static void folders_of_lists(void **unused)
{
    static const char rule[] = HEAD "  s: {a|expand: ['%t%', '%y%', '%in_map%', "
                                    "'%single%']}\n  condition: s\n";
    static const struct {
        const char *event;
        bool match;
    } cases[] = {
        {"{\"a\":\"one\"}", true},    {"{\"a\":\"two words\"}", true}, {"{\"a\":\"# no\"}", false},
        {"{\"a\":\"\"}", false},      {"{\"a\":\"why\"}", true},       {"{\"a\":\"map\"}", true},
        {"{\"a\":\"single\"}", true}, {"{\"a\":\"second\"}", false},
    };

    (void)unused;
    put("lists/t.txt", "\xef\xbb\xbfone\r\n\n# no\n  two words  ");
    put("lists/y.yml", "- why\n- 7\n");
    put("lists/z.yaml", "in_map: [map]\nt: [second]\n");
    put("lists/single.yml", "single\n");
    put("lists/.hidden.txt", "x\n");
    put("lists/other.csv", "x\n");
    struct ruleset *rs = load(rule, "lists");
    const struct rule_report *r = ruleset_report(rs);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (try_detect(rs, try_event(slice_of(cases[i].event)), NULL) != cases[i].match)
            fail_msg("%s", cases[i].event);
    /* z.yaml is the second that has a list t. */
    if (r->issues_n != 1 || strcmp(r->issues[0].code, "bad-placeholders") != 0)
        fail_msg("%zu issues, the last %s", r->issues_n,
                 r->issues_n ? r->issues[r->issues_n - 1].message : "");
    ruleset_unref(rs);
    gone("lists/t.txt");
    gone("lists/y.yml");
    gone("lists/z.yaml");
    gone("lists/single.yml");
    gone("lists/.hidden.txt");
    gone("lists/other.csv");
}

static void bad_lists_are_named(void **unused)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *message;
    } cases[] = {
        {"a: {b: c}\n", 1, "a list of values"}, {"a: [b]\nc: [[d]]\n", 2, "a list of values"},
        {"a: [null]\n", 1, "a list of values"}, {"a: [b\n", 0, "line"},
        {"a: null\n", 1, "a list of values"},   {"a: [b]\n---\na: [c]\n", 3, "the first counts"},
    };
    struct ruleset *rs = NULL;
    struct diag diag = {0};
    const struct ruleset_options o = {.placeholders = "/nonexistent/lists.yml"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put("p.yml", cases[i].text);
        rs = load("", "p.yml");
        const struct rule_report *r = ruleset_report(rs);
        assert_int_equal(r->issues_n, 1);
        assert_string_equal(r->issues[0].code, "bad-placeholders");
        assert_int_equal(r->issues[0].line, cases[i].line);
        assert_non_null(strstr(r->issues[0].file, "/p.yml"));
        if (!strstr(r->issues[0].message, cases[i].message))
            fail_msg("%s: %s", cases[i].text, r->issues[0].message);
        ruleset_unref(rs);
    }
    rs = NULL;
    assert_int_equal(ruleset_load_with(NULL, 0, &o, &rs, &diag), ERR_NOENT);
    assert_null(rs);
    assert_non_null(strstr(diag.text, "/nonexistent/lists.yml"));
}

/* Lists that multiply. */
static void expansion_has_ceilings(void **unused)
{
    static char text[1 << 20];
    static const struct {
        const char *item, *message;
    } cases[] = {
        {"a|expand: '%n%%n%%n%%n%%n%%n%'", "65536 values"},
        {"a|expand: '%w%%w%%w%%w%%w%%w%%w%%w%%w%%w%%w%%w%%n%%n%'", "16 MiB"},
        {"a|expand: '%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-"
         "%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%-%w%'",
         "31 placeholders"},
    };
    size_t at = 0;

    (void)unused;
    at += (size_t)snprintf(text, sizeof(text), "n: [1,2,3,4,5,6,7,8,9,10]\nw: ");
    memset(text + at, 'w', 40000);
    text[at + 40000] = '\n';
    put("p.yml", text);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char rule[2048];
        (void)snprintf(rule, sizeof(rule), HEAD "  s:\n    %s\n  condition: s\n", cases[i].item);
        struct ruleset *rs = load(rule, "p.yml");
        const struct rule_report *r = ruleset_report(rs);
        assert_int_equal(r->loaded, 0);
        assert_int_equal(r->issues_n, 1);
        assert_string_equal(r->issues[0].code, "placeholder-limit");
        assert_int_equal(r->issues[0].line, 7);
        if (!strstr(r->issues[0].message, cases[i].message))
            fail_msg("%s: %s", cases[i].item, r->issues[0].message);
        ruleset_unref(rs);
    }
}

static int begin(void **unused)
{
    char path[256];

    (void)unused;
    (void)snprintf(dir, sizeof(dir), "/tmp/coloa_lists_XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/rules", dir);
    if (mkdir(path, 0700) != 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/lists", dir);
    return mkdir(path, 0700);
}

static int end(void **unused)
{
    static const char *const names[] = {
        "rules/r.yml", "rules/logsources.yml", "p.yml", "rules", "lists", ""};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    try_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_put_in),      cmocka_unit_test(what_has_no_values_cannot_match),
        cmocka_unit_test(folders_of_lists),       cmocka_unit_test(bad_lists_are_named),
        cmocka_unit_test(expansion_has_ceilings),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
