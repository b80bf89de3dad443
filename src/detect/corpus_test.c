/* SigmaHQ's rules, where the shared data is at hand: all load or say why not, the documented
 * constructs of old Sigma are named, and every labelled event is found by its rule. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "detect/try_int.h"

static struct ruleset *load(const char *below)
{
    char path[4096];
    const char *paths[1] = {try_data_path(below, path, sizeof(path))};
    struct ruleset *rs = NULL;
    struct diag diag = {0};

    if (!paths[0])
        return NULL;
    if (ruleset_load(paths, 1, &rs, &diag) != ERR_NONE)
        fail_msg("%s", diag.text);
    return rs;
}

static void tally(const struct rule_report *r)
{
    for (size_t i = 0; i < r->issues_n; i++) {
        size_t n = 0, k;
        for (k = 0; k < i && strcmp(r->issues[k].code, r->issues[i].code) != 0; k++)
            ;
        if (k < i)
            continue;
        for (k = i; k < r->issues_n; k++)
            n += strcmp(r->issues[k].code, r->issues[i].code) == 0;
        print_message("%s: %zu\n", r->issues[i].code, n);
    }
}

static size_t count(const struct rule_report *r, enum rule_issue_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < r->issues_n; i++)
        n += r->issues[i].kind == kind;
    return n;
}

static void active_rules_load(void **unused)
{
    struct ruleset *rs = load("sigma/rules");

    (void)unused;
    if (!rs)
        skip();
    const struct rule_report *r = ruleset_report(rs);
    print_message("%zu files, %zu rules, %zu loaded, of these %zu can't match\n", r->files,
                  r->rules, r->loaded, count(r, ISSUE_CANNOT_MATCH));
    tally(r);
    for (size_t i = 0; i < r->issues_n; i++)
        if (r->issues[i].kind == ISSUE_ERROR || (r->issues[i].kind == ISSUE_CANNOT_MATCH &&
                                                 strcmp(r->issues[i].code, "placeholder") != 0))
            print_message("%s:%u: %s\n", r->issues[i].file, r->issues[i].line,
                          r->issues[i].message);
    assert_int_equal(r->files, 3780);
    assert_int_equal(r->rules, 3780);
    assert_int_equal(r->loaded, 3780);
    assert_int_equal(count(r, ISSUE_ERROR), 0);
    ruleset_unref(rs);
}

/* All but four files use a construct that is named, and these four are plain Sigma, set aside
 * upstream for what they ask of the sender. */
static void unsupported_rules_are_named(void **unused)
{
    struct ruleset *rs = load("sigma/unsupported");
    static const char *const codes[] = {
        "aggregation", "near", "timeframe", "action", "unknown-selection", "status-unsupported"};

    (void)unused;
    if (!rs)
        skip();
    const struct rule_report *r = ruleset_report(rs);
    size_t files = 0;
    for (size_t i = 0; i < r->issues_n; i++) {
        size_t k = 0;
        if (r->issues[i].kind == ISSUE_WARNING)
            continue;
        while (k < i && (r->issues[k].kind == ISSUE_WARNING ||
                         strcmp(r->issues[k].file, r->issues[i].file) != 0))
            k++;
        files += k == i;
    }
    tally(r);
    assert_int_equal(r->files, 87);
    assert_int_equal(files, 83);
    assert_int_equal(r->loaded, 25);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (!try_has_issue(rs, codes[i]))
            fail_msg("nothing is reported as %s", codes[i]);
    ruleset_unref(rs);
}

static bool has_id(const char *ids, const char *id)
{
    return strstr(ids, id) != NULL;
}

/* Lines of JSON objects, or one object over many lines. */
static unsigned run_file(const struct ruleset *rs, struct slice text, const char *id)
{
    unsigned hits = 0;
    int depth = 0;
    bool quoted = false;
    size_t from = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        const char *ids;
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        if (c == '{' && depth++ == 0)
            from = i;
        if (c != '}' || --depth != 0)
            continue;
        (void)try_detect(rs, try_event(slice_cut(text, from, i + 1)), &ids);
        hits += has_id(ids, id);
    }
    return hits;
}

static char *field(char **line)
{
    return strsep(line, "\t");
}

static unsigned regress(const struct ruleset *rs, char *line)
{
    char path[4096];
    const char *id = field(&line);
    (void)field(&line);
    (void)field(&line);
    const char *json = field(&line);
    (void)field(&line);
    const char *expected = field(&line);
    size_t n = 0;

    if (!expected)
        fail_msg("index of another shape");
    if (!*json)
        return 0;
    const char *full = try_data_path(json, path, sizeof(path));
    char *text = full ? try_read(full, &n) : NULL;
    if (!text)
        fail_msg("no %s", json);
    unsigned hits = run_file(rs, (struct slice){text, n}, id);
    if (hits != (unsigned)strtoul(expected, NULL, 10)) {
        print_message("%s: %u of %s\n", json, hits, expected);
        hits = 0;
    }
    free(text);
    return hits > 0;
}

static void labelled_events_are_found(void **unused)
{
    struct ruleset *rs = load("sigma/rules");
    char path[4096];
    size_t n = 0;
    unsigned files = 0, good = 0;

    (void)unused;
    if (!rs)
        skip();
    const char *full = try_data_path("sigma/regression/index.tsv", path, sizeof(path));
    char *index = full ? try_read(full, &n) : NULL;
    assert_non_null(index);
    index[n] = 0;
    char *rest = index, *line = strsep(&rest, "\n");
    while ((line = strsep(&rest, "\n")) && *line) {
        files++;
        good += regress(rs, line);
    }
    print_message("%u of %u\n", good, files);
    assert_int_equal(good, files);
    free(index);
    ruleset_unref(rs);
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
        cmocka_unit_test(active_rules_load),
        cmocka_unit_test(unsupported_rules_are_named),
        cmocka_unit_test(labelled_events_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
