/* SigmaHQ's labelled events against all of its rules, with no configuration: each rule finds its
 * events as often as upstream says, straight from the event log and from the same records as JSON,
 * and both ways the same rules match. The list of rules that can't match is known, rule by rule. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/json.h"
#include "detect/detect.h"
#include "parse/evtx_make_int.h"

enum { RULES_MAX = 8192 };

static struct ruleset *rules;
static struct detect_scratch *scratch;
static struct evtx_reader *reader;
static struct arena arena;
static struct json_reader *json;
static unsigned hits[RULES_MAX];

static char *read_data(const char *below, size_t *ret_n)
{
    enum { MAX = 16 << 20 };
    const char *root = getenv("COLOA_SOURCE_ROOT");
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/../shared/data/%s", root ? root : ".", below);
    FILE *f = fopen(path, "rbe");
    if (!f) {
        print_message("skipped: no %s\n", path);
        return NULL;
    }
    char *p = malloc(MAX);
    assert_non_null(p);
    *ret_n = fread(p, 1, MAX - 1, f);
    p[*ret_n] = 0;
    (void)fclose(f);
    return p;
}

static void on_finding(void *arg, const struct finding *f)
{
    (void)arg;
    for (size_t i = 0; i < ruleset_n(rules); i++) {
        if (ruleset_rule(rules, i) == f->rule) {
            hits[i]++;
            return;
        }
    }
    fail_msg("a finding of no rule");
}

static void on_event(void *arg, struct event *ev)
{
    unsigned *n = arg;

    (*n)++;
    (void)detect_event(rules, scratch, ev, on_finding, NULL);
}

static unsigned run_evtx(struct slice bytes)
{
    struct parse_ctx ctx = {.arena = &arena, .json = json};
    struct record from = {.received_ns = INT64_C(1795593600000000000), .name = SLICE("test")};
    struct evtx_file file;
    struct event ev;
    struct diag d = {0};
    unsigned n = 0;
    enum evtx_got got;

    assert_int_equal(evtx_file_open(bytes, &file, &d), ERR_NONE);
    for (uint32_t i = 0; i < file.chunks; i++) {
        arena_reset(&arena);
        evtx_reader_chunk(reader, evtx_file_chunk(&file, i));
        while ((got = evtx_reader_next(reader, &ctx, &from, &ev, &d)) != EVTX_END) {
            if (got == EVTX_BAD)
                fail_msg("%s", d.text);
            on_event(&n, &ev);
        }
    }
    return n;
}

static void run_object(struct slice text, unsigned *n)
{
    struct parse_ctx ctx = {.arena = &arena, .json = json};
    struct record r = {
        .received_ns = INT64_C(1795593600000000000), .input = INPUT_HTTP, .payload = text};

    r.id.b[6] = 0x70;
    arena_reset(&arena);
    assert_int_equal(parse_record(&ctx, &r, on_event, n), 1);
}

/* Lines of objects, or one object over many lines. */
static unsigned run_json(struct slice text)
{
    size_t from = 0;
    int depth = 0;
    bool quoted = false;
    unsigned n = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        if (c == '{' && depth++ == 0)
            from = i;
        if (c == '}' && --depth == 0)
            run_object(slice_cut(text, from, i + 1), &n);
    }
    return n;
}

struct row {
    const char *id, *evtx, *json;
    unsigned records, expected;
};

static struct row row_of(char *line)
{
    char *at[6];

    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        at[i] = strsep(&line, "\t");
    if (!at[5])
        fail_msg("an index of another shape");
    return (struct row){at[0], at[2], at[3], (unsigned)strtoul(at[4], NULL, 10),
                        (unsigned)strtoul(at[5], NULL, 10)};
}

static unsigned rule_number(const char *id)
{
    for (size_t i = 0; i < ruleset_n(rules); i++)
        if (strcmp(ruleset_rule(rules, i)->id, id) == 0)
            return (unsigned)i;
    fail_msg("no rule %s", id);
    return 0;
}

static unsigned differences(const struct row *row, const char *way, unsigned records)
{
    unsigned got = hits[rule_number(row->id)];

    if (records == row->records && got == row->expected)
        return 0;
    print_message("%s as %s: %u of %u records, %u of %u findings\n", row->id, way, records,
                  row->records, got, row->expected);
    return 1;
}

static unsigned check_row(const struct row *row)
{
    static unsigned first[RULES_MAX];
    size_t n;
    unsigned bad = 0;
    char *text = read_data(row->evtx, &n);

    assert_non_null(text);
    memset(hits, 0, sizeof(hits));
    bad += differences(row, "evtx", run_evtx((struct slice){text, n}));
    memcpy(first, hits, sizeof(first));
    free(text);
    text = read_data(row->json, &n);
    assert_non_null(text);
    memset(hits, 0, sizeof(hits));
    bad += differences(row, "json", run_json((struct slice){text, n}));
    free(text);
    for (size_t i = 0; i < ruleset_n(rules); i++) {
        if (hits[i] == first[i])
            continue;
        print_message("%s: %s matches %u times as evtx and %u as json\n", row->id,
                      ruleset_rule(rules, i)->id, first[i], hits[i]);
        bad++;
    }
    return bad;
}

static void labelled_events_are_found_both_ways(void **unused)
{
    size_t n;
    unsigned files = 0, bad = 0;

    (void)unused;
    if (!rules)
        skip();
    char *index = read_data("sigma/regression/index.tsv", &n);
    if (!index)
        skip();
    char *rest = index, *line = strsep(&rest, "\n");
    while ((line = strsep(&rest, "\n")) && *line) {
        struct row row = row_of(line);
        if (!*row.evtx || !*row.json)
            continue;
        files++;
        bad += check_row(&row);
    }
    free(index);
    print_message("%u files, %u differences\n", files, bad);
    assert_int_equal(files, 96);
    assert_int_equal(bad, 0);
}

/* Every rule that can't match here, by its number, and why. A rule that can't match and is not
 * listed is a rule that was lost; one that is listed and can is one to be taken off the list. */
static void rules_that_cannot_match_are_known(void **unused)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");
    const struct rule_report *report = rules ? ruleset_report(rules) : NULL;
    char path[4096], line[256], want[256];
    size_t listed = 0, cannot = 0;

    (void)unused;
    if (!rules)
        skip();
    (void)snprintf(path, sizeof(path), "%s/tests/sigma_cannot_match.tsv", root ? root : ".");
    for (size_t i = 0; i < report->issues_n; i++) {
        const struct rule_issue *issue = &report->issues[i];
        bool found = false;
        if (issue->kind != ISSUE_CANNOT_MATCH)
            continue;
        cannot++;
        listed = 0;
        (void)snprintf(want, sizeof(want), "%s\t%s\n", issue->rule_id, issue->code);
        FILE *f = fopen(path, "rbe");
        assert_non_null(f);
        for (; fgets(line, sizeof(line), f); listed++)
            found |= strcmp(line, want) == 0;
        (void)fclose(f);
        if (!found)
            fail_msg("%s: %s", issue->file, issue->message);
    }
    assert_int_equal(cannot, listed);
}

/* What clouds and devices really send, under their own names, and the rule it must set off. */
static void logs_of_clouds_and_devices_set_off_their_rules(void **unused)
{
    static const struct {
        const char *id, *line;
    } cases[] = {
        {"4db60cc0-36fb-42b7-9b58-a5b53019fb74",
         "{\"eventVersion\":\"1.08\",\"eventSource\":\"cloudtrail.amazonaws.com\",\"eventName\":"
         "\"StopLogging\",\"awsRegion\":\"ap-southeast-1\",\"sourceIPAddress\":\"192.0.2.1\","
         "\"eventTime\":\"2026-11-25T07:00:00Z\"}"},
        {"a0413867-daf3-43dd-9245-734b3a787942",
         "{\"loggedByService\":\"Core Directory\",\"category\":\"KeyManagement\","
         "\"activityDisplayName\":\"Read BitLocker key\"}"},
        {"ad87d14e-7599-4633-ba81-aeb60cfe8cd6",
         "{\"time\":\"2026-11-25T07:00:00Z\",\"category\":\"Administrative\",\"operationName\":"
         "\"MICROSOFT.NETWORK/APPLICATIONGATEWAYS/DELETE\",\"resultType\":\"Success\"}"},
        {"2b7d6fc0-71ac-4cf7-8ed1-b5788ee5257a",
         "{\"category\":\"SignInLogs\",\"operationName\":\"Sign-in activity\",\"resultType\":"
         "\"50053\",\"properties\":{\"userPrincipalName\":\"a@example.vn\"}}"},
        {"2b7d6fc0-71ac-4cf7-8ed1-b5788ee5257a", "{\"Type\":\"SigninLogs\",\"ResultType\":50053}"},
        {"53acd925-2003-440d-a1f3-71a5253fe237",
         "{\"riskEventType\":\"anonymizedIPAddress\",\"riskState\":\"atRisk\"}"},
        {"e2feb918-4e77-4608-9697-990a1aaf74c3",
         "{\"protoPayload\":{\"serviceName\":\"storage.googleapis.com\",\"methodName\":"
         "\"storage.buckets.list\"},\"logName\":\"x\"}"},
        {"50e068d7-1e6b-4054-87e5-0a592c40c7e0",
         "{\"eventType\":\"user.mfa.factor.deactivate\",\"actor\":{\"alternateId\":\"a@b\"}}"},
        {"d7eab125-5f94-43df-8710-795b80fa1189",
         "{\"Workload\":\"SecurityComplianceCenter\",\"Operation\":\"AlertTriggered\",\"Name\":"
         "\"Impossible travel activity\",\"Status\":\"success\"}"},
        {"402b955c-8fe0-4a8c-b635-622b4ac5f902",
         "{\"auditID\":\"x\",\"verb\":\"create\",\"objectRef\":{\"resource\":\"pods\"},"
         "\"requestObject\":{\"spec\":{\"volumes\":[{\"hostPath\":{\"path\":\"/\"}}]}}}"},
        {"ff7139bc-fdb1-4437-92f2-6afefe8884cb",
         "{\"logtype\":4002,\"node_id\":\"oc1\",\"src_host\":\"192.0.2.1\"}"},
        {"195e1b9d-bfc2-4ffa-ab4e-35aef69815f8",
         "{\"auditType\":{\"category\":\"Data pipeline\",\"action\":\"Full data export "
         "triggered\"}}"},
        {"ceb407f6-8277-439b-951f-e4210e3ed956",
         "<189>77: Nov 25 07:00:00: %PARSER-5-CFGLOG_LOGGEDCMD: User:a  logged command:clear "
         "logging"},
        {"2053961f-44c7-4a64-b62d-f6e72800af0d",
         "{\"Channel\":\"RPCFW\",\"EventID\":3,\"InterfaceUuid\":"
         "\"82273fdc-e32a-18c3-3f78-827929dc23ea\"}"},
        {"78cc2dd2-7d20-4d32-93ff-057084c38b93",
         "{\"Channel\":\"Microsoft-Windows-Windows Defender/Operational\",\"EventID\":1116,"
         "\"Threat Name\":\"HackTool:Win32/Mimikatz.D\"}"},
        {"edd595d7-7895-4fa7-acb3-85a18a8772ca",
         "type=EXECVE msg=audit(1795593000.1:7): argc=2 a0=\"unzip\" a1=\"x.jpg\""},
        {"100ef69e-3327-481c-8e5c-6d80d9507556",
         "{\"Event\":{\"System\":{\"Channel\":\"System\",\"EventID\":104,\"Provider\":{"
         "\"#attributes\":{\"Name\":\"Microsoft-Windows-Eventlog\"}}},\"UserData\":{"
         "\"LogFileCleared\":{\"Channel\":\"Security\"}}}}"},
    };

    (void)unused;
    if (!rules)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned n = 0;
        memset(hits, 0, sizeof(hits));
        run_object(slice_of(cases[i].line), &n);
        if (!hits[rule_number(cases[i].id)])
            fail_msg("%s\nis not found by %s", cases[i].line, cases[i].id);
    }
}

/* Whatever a sender does to a value, it is looked at: half pairs, bad UTF-8, long numbers, keys
 * given twice. */
static void odd_values_hide_nothing(void **unused)
{
    static const char *const lines[] = {
        "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"CommandLine\":"
        "\"cmdkey \xff\xfe /list\",\"Image\":\"C:\\\\Windows\\\\System32\\\\cmdkey.exe\"}",
        "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"CommandLine\":"
        "\"cmdkey \\ud83d /list\",\"Image\":\"C:\\\\Windows\\\\System32\\\\cmdkey.exe\"}",
        "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"CommandLine\":"
        "\"harmless\",\"CommandLine\":\"cmdkey /list\",\"Image\":"
        "\"C:\\\\Windows\\\\System32\\\\cmdkey.exe\"}",
        "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"ProcessId\":"
        "99999999999999999999999999999999999999999999,\"CommandLine\":\"cmdkey /list\",\"Image\":"
        "\"C:\\\\Windows\\\\System32\\\\cmdkey.exe\"}",
        "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"ProcessId\":1e999,"
        "\"CommandLine\":\"cmdkey /list\",\"Image\":"
        "\"C:\\\\Windows\\\\System32\\\\cmdkey.exe\"}",
        "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"EventID\":7,"
        "\"CommandLine\":\"cmdkey /list\",\"Image\":"
        "\"C:\\\\Windows\\\\System32\\\\cmdkey.exe\"}",
    };

    (void)unused;
    if (!rules)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        unsigned n = 0;
        memset(hits, 0, sizeof(hits));
        run_object(slice_of(lines[i]), &n);
        if (!hits[rule_number("07f8bdc2-c9b3-472a-9817-5a670b872f53")])
            fail_msg("not found: %s", lines[i]);
    }
}

/* The same from an event log: half pairs and NULs in UTF-16, a name with a blank, a value twice. */
static void odd_event_logs_hide_nothing(void **unused)
{
    static struct evtx_make make;
    static const struct make_value none[] = {{.type = 0xff}};
    static const char line[] = "c\0m\0d\0k\0e\0y\0 \0\x3d\xd8 \0\0\0 \0/\0l\0i\0s\0t\0";
    static const struct make_value odd[] = {{0x01, line, sizeof(line) - 1, NULL}, {.type = 0xff}};
    static const char *const xml[] = {
        "<Data Name=\"CommandLine\">%0</Data>",
        "<Data Name=\"Command Line\">cmdkey /list</Data>",
        "<Data Name=\"CommandLine\">harmless</Data><Data Name=\"CommandLine\">cmdkey /list</Data>",
        "<CommandLine>cmdkey /list</CommandLine>",
    };

    (void)unused;
    if (!rules)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(xml); i++) {
        char text[1024];
        (void)snprintf(
            text, sizeof(text),
            "<Event><System><EventID>1</EventID><Channel>Microsoft-Windows-Sysmon/"
            "Operational</Channel></System><EventData>%s<Data "
            "Name=\"Image\">C:\\Windows\\System32\\cmdkey.exe</Data></EventData></Event>",
            xml[i]);
        evtx_make_begin(&make);
        (void)evtx_make_record(&make, text, i ? none : odd);
        evtx_make_end(&make);
        memset(hits, 0, sizeof(hits));
        assert_int_equal(run_evtx((struct slice){make.file, sizeof(make.file)}), 1);
        if (!hits[rule_number("07f8bdc2-c9b3-472a-9817-5a670b872f53")])
            fail_msg("not found: %s", xml[i]);
    }
}

static int begin(void **unused)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");
    char path[4096];
    const char *paths[1] = {path};
    struct diag d = {0};
    struct stat st;

    (void)unused;
    arena_init(&arena, 64 << 20);
    json = json_reader_new(4 << 20, 200000);
    scratch = detect_scratch_new();
    reader = evtx_reader_new();
    (void)snprintf(path, sizeof(path), "%s/../shared/data/sigma/rules", root ? root : ".");
    if (stat(path, &st) != 0) {
        print_message("skipped: no %s\n", path);
        return 0;
    }
    if (ruleset_load(paths, 1, &rules, &d) != ERR_NONE) {
        print_message("%s\n", d.text);
        return -1;
    }
    return json && scratch && reader && ruleset_n(rules) <= RULES_MAX ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    ruleset_unref(rules);
    detect_scratch_free(scratch);
    evtx_reader_free(reader);
    json_reader_free(json);
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labelled_events_are_found_both_ways),
        cmocka_unit_test(rules_that_cannot_match_are_known),
        cmocka_unit_test(logs_of_clouds_and_devices_set_off_their_rules),
        cmocka_unit_test(odd_values_hide_nothing),
        cmocka_unit_test(odd_event_logs_hide_nothing),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
