/* SigmaHQ's labelled events against all of its rules, with no configuration: each rule finds its
 * events as often as upstream says, straight from the event log and from the same records as JSON,
 * and both ways the same rules match. The list of rules that can't match is known, rule by rule. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/json.h"
#include "detect/detect.h"
#include "parse/evtx.h"

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
    };

    return cmocka_run_group_tests(tests, begin, end);
}
