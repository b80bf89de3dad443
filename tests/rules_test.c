/* The shipped rules against lines as senders send them: parse_record, then detect_event. Every rule
 * has a file rules/tests/STEM.yaml with lines that it must find and lines that it must not; of
 * STEM_correlation.yml the last rule is tested, with sequences of events that have times. */
#include "core/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/json.h"
#include "detect/check.h"
#include "detect/correlate.h"
#include "parse/parse.h"

static struct ruleset *rules;
static struct detect_scratch *scratch;
static struct arena arena;
static struct json_reader *lines_reader, *parse_reader;
static char hits[1 << 16];
static struct correlator *correlator; /* while a sequence runs */
static int64_t now_ns;                /* the time of its event */

#define RECEIVED_NS INT64_C(1795568462000000000)

static void root_path(const char *below, char *to, size_t n)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");

    assert_in_range(snprintf(to, n, "%s/%s", root ? root : ".", below), 1, n - 1);
}

static void on_finding(void *arg, const struct finding *f)
{
    size_t at = strlen(hits);

    (void)arg;
    assert_true(f->matched_n > 0);
    if (correlator && !f->correlation)
        assert_int_equal(correlator_feed(correlator, scratch, f, on_finding, NULL), ERR_NONE);
    if (correlator && !f->correlation)
        return;
    (void)snprintf(hits + at, sizeof(hits) - at, "%s ", f->rule->id);
}

static void on_event(void *arg, struct event *ev)
{
    (void)arg;
    if (correlator)
        ev->timestamp_ns = now_ns;
    (void)detect_event(rules, scratch, ev, on_finding, NULL);
}

static void take_line(struct slice line, int64_t received_ns)
{
    static uint32_t number;
    struct parse_ctx ctx = {.arena = &arena, .json = parse_reader};
    struct record r = {.received_ns = received_ns, .input = INPUT_SYSLOG_UDP};

    arena_reset(&arena);
    number++;
    memcpy(r.id.b, &number, sizeof(number));
    if (line.n && (line.p[0] == '{' || line.p[0] == '2'))
        r.input = INPUT_HTTP;
    r.id.b[6] = 0x70;
    assert_int_equal(arena_dup(&arena, line, &r.payload), ERR_NONE);
    assert_in_range(parse_record(&ctx, &r, on_event, NULL), 1, 1000);
}

/* The ids of all rules that match the line. */
static const char *run_line(struct slice line)
{
    hits[0] = 0;
    take_line(line, RECEIVED_NS);
    return hits;
}

/* "{n}" of the line is the number of its repetition. */
static void one_of(struct slice line, int64_t n, int64_t at_s)
{
    const char *hole = memmem(line.p, line.n, "{n}", 3);
    size_t before = hole ? (size_t)(hole - line.p) : line.n;
    char text[4096];
    int len = snprintf(text, sizeof(text), "%.*s", (int)before, line.p);

    if (hole)
        len = snprintf(text, sizeof(text), "%.*s%d%.*s", (int)before, line.p, (int)n,
                       (int)(line.n - before - 3), hole + 3);
    now_ns = RECEIVED_NS + at_s * INT64_C(1000000000);
    take_line((struct slice){text, (size_t)len}, now_ns);
}

/* Whether the rule finds anything in the sequence, and how often: a finding is told once. */
static size_t run_sequence(const struct rule_info *ri, const struct json_node *events)
{
    const struct correlator_options o = {.lateness_ns = INT64_C(60000000000),
                                         .rule_bytes = 16 << 20};
    size_t found = 0;

    assert_int_equal(correlator_new(rules, &o, &correlator), ERR_NONE);
    hits[0] = 0;
    for (const struct json_node *e = events ? events->child : NULL; e; e = e->next)
        for (int64_t n = 0; n < json_get_int(e, "times", 1); n++)
            one_of(json_get_str(e, "line"), n,
                   json_get_int(e, "at", 0) + n * json_get_int(e, "every", 0));
    correlator_advance(correlator, INT64_MAX, on_finding, NULL);
    correlator_free(correlator);
    correlator = NULL;
    for (const char *at = hits; (at = strstr(at, ri->id)); at++)
        found++;
    return found;
}

static unsigned check_sequences(const struct rule_info *ri, const struct json_node *doc)
{
    const struct json_node *list = json_get(doc, "sequences");
    unsigned bad = 0, kinds = 0, number = 0;

    for (const struct json_node *s = list ? list->child : NULL; s; s = s->next, number++) {
        bool want = json_get_bool(s, "found", false);
        kinds |= 1U << want;
        if ((run_sequence(ri, json_get(s, "events")) > 0) == want)
            continue;
        print_message("%s: sequence %u: %s\n", ri->path, number, want ? "not found" : "found");
        bad++;
    }
    if (kinds != 3)
        fail_msg("%s: its tests have not both kinds of sequences", ri->path);
    return bad;
}

static bool of_correlation(const struct rule_info *ri)
{
    size_t n = strlen(ri->path);

    return n > 16 && strcmp(ri->path + n - 16, "_correlation.yml") == 0;
}

/* What only serves a correlation in its file is tested through it. */
static bool serves(const struct rule_info *ri)
{
    return of_correlation(ri) && ri->level == LEVEL_INFORMATIONAL;
}

static char *read_all(const char *path, size_t *ret_n)
{
    enum { MAX = 1 << 20 };
    FILE *f = fopen(path, "rbe");
    char *p = malloc(MAX);

    assert_non_null(p);
    *ret_n = f ? fread(p, 1, MAX, f) : 0;
    if (!f) {
        free(p);
        return NULL;
    }
    (void)fclose(f);
    return p;
}

static unsigned check_lines(const struct rule_info *ri, const struct json_node *doc,
                            const char *key, bool want)
{
    const struct json_node *list = json_get(doc, key);
    unsigned bad = 0;

    if (!list || list->type != JSON_ARRAY || list->n == 0)
        fail_msg("%s: its tests have no %s", ri->path, key);
    for (const struct json_node *n = list->child; n; n = n->next) {
        bool got = strstr(run_line(n->str), ri->id) != NULL;
        if (got == want)
            continue;
        print_message("%s: %s:\n  %.*s\n", ri->path, want ? "not found" : "found",
                      SLICE_ARG(n->str));
        bad++;
    }
    return bad;
}

static void stem_of(const char *path, char *to, size_t n)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    (void)snprintf(to, n, "%.*s", (int)strcspn(name, "."), name);
}

static void every_rule_finds_its_lines(void **unused)
{
    unsigned bad = 0;

    (void)unused;
    for (size_t i = 0; i < ruleset_n(rules); i++) {
        const struct rule_info *ri = ruleset_rule(rules, i);
        char stem[200], below[256], path[4096];
        const struct json_node *docs;
        struct diag diag = {0};
        size_t n;
        if (serves(ri))
            continue;
        stem_of(ri->path, stem, sizeof(stem));
        (void)snprintf(below, sizeof(below), "rules/tests/%s.yaml", stem);
        root_path(below, path, sizeof(path));
        char *text = read_all(path, &n);
        if (!text)
            fail_msg("%s has no tests: %s", ri->path, below);
        if (yaml_read(lines_reader, (struct slice){text, n}, &docs, &diag) != ERR_NONE)
            fail_msg("%s: %s", below, diag.text);
        if (of_correlation(ri)) {
            bad += check_sequences(ri, docs->child);
        } else {
            bad += check_lines(ri, docs->child, "match", true);
            bad += check_lines(ri, docs->child, "no_match", false);
        }
        free(text);
    }
    assert_int_equal(bad, 0);
}

static bool uuid4(const char *s)
{
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !strchr("0123456789abcdef", s[i]) || !s[i])
            return false;
    }
    return s[36] == 0 && s[14] == '4' && strchr("89ab", s[19]);
}

static void every_rule_says_what_it_is(void **unused)
{
    const struct rule_report *r = ruleset_report(rules);

    (void)unused;
    for (size_t i = 0; i < r->issues_n; i++)
        print_message("%s:%u: %s\n", r->issues[i].file, r->issues[i].line, r->issues[i].message);
    assert_int_equal(r->issues_n, 0);
    assert_int_equal(r->loaded, r->rules);
    assert_in_range(r->loaded, 42, 10000);
    for (size_t i = 0; i < ruleset_n(rules); i++) {
        const struct rule_info *ri = ruleset_rule(rules, i);
        if (serves(ri) && uuid4(ri->id) && *ri->title)
            continue;
        if (!uuid4(ri->id) || !*ri->title || !*ri->title_vi || !*ri->description ||
            !*ri->description_vi || ri->tags_n == 0 || ri->false_positives_n == 0)
            fail_msg("%s lacks something", ri->path);
        for (size_t k = 0; k < ri->tags_n; k++)
            if (strncmp(ri->tags[k], "attack.", 7) != 0)
                fail_msg("%s: tag %s", ri->path, ri->tags[k]);
    }
}

static bool rule_has_stem(const char *want)
{
    char stem[200];

    for (size_t i = 0; i < ruleset_n(rules); i++) {
        stem_of(ruleset_rule(rules, i)->path, stem, sizeof(stem));
        if (strcmp(stem, want) == 0)
            return true;
    }
    return false;
}

static void no_tests_without_a_rule(void **unused)
{
    char path[4096], stem[200];
    const struct dirent *d;
    size_t n = 0;

    (void)unused;
    root_path("rules/tests", path, sizeof(path));
    DIR *dp = opendir(path);
    assert_non_null(dp);
    while ((d = readdir(dp))) {
        if (d->d_name[0] == '.')
            continue;
        stem_of(d->d_name, stem, sizeof(stem));
        if (!rule_has_stem(stem))
            fail_msg("rules/tests/%s belongs to no rule", d->d_name);
        n++;
    }
    (void)closedir(dp);
    size_t tested = 0;
    for (size_t i = 0; i < ruleset_n(rules); i++)
        tested += !serves(ruleset_rule(rules, i));
    assert_int_equal(n, tested);
}

static int begin(void **unused)
{
    char path[4096];
    const char *paths[1] = {path};
    struct diag diag = {0};

    (void)unused;
    arena_init(&arena, 64 << 20);
    lines_reader = json_reader_new(1 << 20, 100000);
    parse_reader = json_reader_new(1 << 20, 100000);
    scratch = detect_scratch_new();
    root_path("rules", path, sizeof(path));
    if (!lines_reader || !parse_reader || !scratch ||
        ruleset_load(paths, 1, &rules, &diag) != ERR_NONE) {
        print_message("%s\n", diag.text);
        return -1;
    }
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    ruleset_unref(rules);
    detect_scratch_free(scratch);
    json_reader_free(lines_reader);
    json_reader_free(parse_reader);
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_says_what_it_is),
        cmocka_unit_test(every_rule_finds_its_lines),
        cmocka_unit_test(no_tests_without_a_rule),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
