/* What a match tells, what an explanation says of a match and of a miss, and what rules cost. */
#include "core/test.h"

#include <stdio.h>

#include "core/buf.h"
#include "detect/try_int.h"

#define TABLE                                                                                      \
    "logsources:\n"                                                                                \
    "  - {product: p, service: s, when: {type: one}}\n"                                            \
    "  - {product: q, when: {type: two}}\n"
#define RULE                                                                                       \
    "---\ntitle: t\nid: r1\nmodified: 2026-11-25\nlevel: low\nlogsource: {product: p}\n"           \
    "detection:\n"                                                                                 \
    "  by_name:\n    Image|endswith: '\\cmd.exe'\n    User|contains|all: [a, b]\n"                 \
    "  words:\n    - secret\n    - hidden\n"                                                       \
    "  but: {Safe: yes}\n"                                                                         \
    "  condition: by_name and not but or words\n"

static struct detect_scratch *scratch;
static struct buf out;

static void step(void *arg, const struct explain_step *s)
{
    static const char *const kinds[] = {"source", "selection", "item", "condition"};

    (void)arg;
    assert_int_equal(buf_printf(&out, "%u %s '%.*s' %s%s%.*s\n", s->depth, kinds[s->kind],
                                SLICE_ARG(s->name), s->holds ? "yes" : "no", s->present ? " " : "",
                                SLICE_ARG(s->value)),
                     ERR_NONE);
}

static void an_explanation_names_every_part(void **unused)
{
    static const struct {
        const char *event, *says;
        bool matches;
    } rows[] = {
        {"{\"type\":\"one\",\"Image\":\"C:\\\\CMD.exe\",\"User\":\"ab\",\"Safe\":\"no\"}",
         "0 source 'p//' yes\n"
         "0 selection 'by_name' yes\n1 item 'Image|endswith' yes C:\\CMD.exe\n"
         "1 item 'User|contains|all' yes ab\n"
         "0 selection 'words' no\n1 item '' no {\"type\":\"one\",\"Image\":\"C:\\\\CMD.exe\","
         "\"User\":\"ab\",\"Safe\":\"no\"}\n"
         "0 selection 'but' no\n1 item 'Safe' no no\n0 condition '' yes\n",
         true},
        {"{\"type\":\"two\",\"User\":\"b\"}",
         "0 source 'p//' no\n"
         "0 selection 'by_name' no\n1 item 'Image|endswith' no\n1 item 'User|contains|all' no b\n"
         "0 selection 'words' no\n1 item '' no {\"type\":\"two\",\"User\":\"b\"}\n"
         "0 selection 'but' no\n1 item 'Safe' no\n0 condition '' no\n",
         false},
    };
    struct ruleset *rs = try_rules(SLICE(TABLE RULE));

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&out);
        bool got = detect_explain(rs, scratch, try_event(slice_of(rows[i].event)), 0, step, NULL);
        assert_string_equal(buf_cstr(&out), rows[i].says);
        assert_int_equal(got, rows[i].matches);
        assert_int_equal(try_detect(rs, try_event(slice_of(rows[i].event)), NULL), rows[i].matches);
    }
    ruleset_unref(rs);
}

static void told(void *arg, const struct finding *f)
{
    (void)arg;
    for (size_t i = 0; i < f->selections_n; i++)
        assert_int_equal(buf_printf(&out, "%.*s ", SLICE_ARG(f->selections[i])), ERR_NONE);
    assert_int_equal(buf_printf(&out, "%s %zu;", f->rule->modified, strlen(f->rule->version)),
                     ERR_NONE);
}

static void a_finding_names_its_selections_and_the_version(void **unused)
{
    struct ruleset *rs = try_rules(SLICE(TABLE RULE));
    struct event *ev =
        try_event(SLICE("{\"type\":\"one\",\"Image\":\"\\\\cmd.exe\",\"User\":\"a b hidden\"}"));

    (void)unused;
    buf_reset(&out);
    assert_int_equal(detect_event(rs, scratch, ev, told, NULL), 1);
    assert_string_equal(buf_cstr(&out), "by_name words 2026-11-25 16;");
    ruleset_unref(rs);
}

static void a_version_is_of_the_content(void **unused)
{
    struct ruleset *a = try_rules(SLICE(TABLE RULE));
    struct ruleset *b = try_rules(SLICE("# another layout\n" TABLE "\n" RULE "\n# the end\n"));
    struct ruleset *c = try_rules(SLICE(TABLE RULE "# \nauthor: somebody\n"));

    (void)unused;
    assert_string_equal(ruleset_rule(a, 0)->version, ruleset_rule(b, 0)->version);
    assert_string_not_equal(ruleset_rule(a, 0)->version, ruleset_rule(c, 0)->version);
    ruleset_unref(a);
    ruleset_unref(b);
    ruleset_unref(c);
}

static void a_profile_counts_only_when_asked(void **unused)
{
    struct ruleset *rs = try_rules(SLICE(TABLE RULE));
    const char *event = "{\"type\":\"one\",\"User\":\"a b hidden\"}";

    (void)unused;
    (void)detect_event(rs, scratch, try_event(slice_of(event)), told, NULL);
    assert_int_equal(detect_profile_of(scratch, rs, 0).evaluated, 0);
    detect_profile_start(scratch);
    for (unsigned i = 0; i < 3; i++)
        (void)detect_event(rs, scratch, try_event(slice_of(event)), told, NULL);
    assert_int_equal(detect_profile_of(scratch, rs, 0).evaluated, 3);
    assert_int_equal(detect_profile_of(scratch, rs, 0).matched, 3);
    assert_true(detect_profile_of(scratch, rs, 0).ns > 0);
    detect_profile_stop(scratch);
    assert_int_equal(detect_profile_of(scratch, rs, 0).evaluated, 0);
    ruleset_unref(rs);
}

static int begin(void **unused)
{
    (void)unused;
    buf_init(&out, 1 << 16);
    scratch = detect_scratch_new();
    return scratch ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    buf_done(&out);
    detect_scratch_free(scratch);
    try_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_explanation_names_every_part),
        cmocka_unit_test(a_finding_names_its_selections_and_the_version),
        cmocka_unit_test(a_version_is_of_the_content),
        cmocka_unit_test(a_profile_counts_only_when_asked),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
