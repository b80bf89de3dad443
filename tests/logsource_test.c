/* Windows log sources against SigmaHQ's own table (tests/thor.yml): for events of every channel and
 * number, the rules of exactly those log sources are tried. One rule a log source, all of them
 * asking for the same field, shows which are tried. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "detect/detect.h"
#include "parse/parse.h"

enum { SOURCES_MAX = 200, TEXT_BYTES = 1 << 18 };

struct entry {
    const struct json_node *node;
    struct slice category, service; /* the log source; service also names the channels */
    struct slice channels_of;       /* the service whose channels count */
    size_t source;
};

static struct arena arena;
static struct json_reader *yaml, *json;
static struct ruleset *rules;
static struct detect_scratch *scratch;
static struct entry entries[SOURCES_MAX];
static size_t entries_n;
static struct slice sources[SOURCES_MAX][2]; /* category, service: one rule each */
static bool tried[SOURCES_MAX], asked_for[SOURCES_MAX];
static size_t sources_n;

static char *read_table(void)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/../shared/data/sigma/tests/thor.yml", root ? root : ".");
    FILE *f = fopen(path, "rbe");
    if (!f) {
        print_message("skipped: no %s\n", path);
        return NULL;
    }
    char *p = calloc(1, TEXT_BYTES);
    assert_non_null(p);
    assert_int_not_equal(fread(p, 1, TEXT_BYTES - 1, f), 0);
    (void)fclose(f);
    return p;
}

static size_t source_number(struct slice category, struct slice service)
{
    for (size_t i = 0; i < sources_n; i++)
        if (slice_eq(sources[i][0], category) && slice_eq(sources[i][1], service))
            return i;
    assert_in_range(sources_n, 0, SOURCES_MAX - 1);
    sources[sources_n][0] = category;
    sources[sources_n][1] = service;
    return sources_n++;
}

/* Log sources of Windows; files of other systems are told by other means than a channel. */
static void load_entries(const struct json_node *root)
{
    const struct json_node *list = json_get(root, "logsources");

    assert_non_null(list);
    for (const struct json_node *n = list->child; n; n = n->next) {
        struct slice rewrite = json_get_str(json_get(n, "rewrite"), "service");
        struct entry e = {.node = n,
                          .category = json_get_str(n, "category"),
                          .service = json_get_str(n, "service")};
        if (!rewrite.n && !slice_eq(json_get_str(n, "product"), SLICE("windows")))
            continue;
        e.channels_of = rewrite.n ? rewrite : e.service;
        assert_in_range(entries_n, 0, SOURCES_MAX - 1);
        e.source = source_number(e.category, e.service);
        entries[entries_n++] = e;
    }
}

static void load_rules(void)
{
    char *text = malloc(TEXT_BYTES);
    size_t n = 0;
    struct diag d = {0};

    assert_non_null(text);
    for (size_t i = 0; i < sources_n; i++) {
        bool windows = !slice_eq(sources[i][0], SLICE("antivirus"));
        n +=
            (size_t)snprintf(text + n, TEXT_BYTES - n, "---\ntitle: t%zu\nid: t%zu\nlogsource:\n%s",
                             i, i, windows ? "  product: windows\n" : "");
        for (size_t k = 0; k < 2; k++)
            if (sources[i][k].n)
                n += (size_t)snprintf(text + n, TEXT_BYTES - n, "  %s: %.*s\n",
                                      k ? "service" : "category", SLICE_ARG(sources[i][k]));
        n += (size_t)snprintf(text + n, TEXT_BYTES - n,
                              "detection:\n  a:\n    Probe: 1\n  condition: a\nlevel: low\n");
        assert_in_range(n, 1, TEXT_BYTES - 1000);
    }
    assert_int_equal(ruleset_load_text("thor", (struct slice){text, n}, &rules, &d), ERR_NONE);
    const struct rule_report *r = ruleset_report(rules);
    for (size_t i = 0; i < r->issues_n; i++)
        if (r->issues[i].kind != ISSUE_WARNING)
            fail_msg("%s", r->issues[i].message);
    assert_int_equal(r->loaded, sources_n);
    free(text);
}

static bool has_channel(struct slice service, struct slice channel)
{
    for (size_t i = 0; i < entries_n; i++) {
        const struct json_node *list = json_get(entries[i].node, "sources");
        if (!slice_eq(entries[i].service, service))
            continue;
        for (const struct json_node *c = list ? list->child : NULL; c; c = c->next)
            if (slice_eq(slice_cut(c->str, sizeof("WinEventLog:") - 1, c->str.n), channel))
                return true;
    }
    return false;
}

static bool has_number(const struct json_node *asked, int64_t id)
{
    const struct json_node *one = asked && asked->type == JSON_ARRAY ? asked->child : asked;

    if (!asked)
        return true;
    for (; one; one = asked->type == JSON_ARRAY ? one->next : NULL)
        if (one->i == id)
            return true;
    return false;
}

/* Sysmon's event 26 is a deletion too, only that the file was not kept: SigmaHQ's pipelines and
 * taxonomy say so, this table does not. */
static bool more_than_the_table(size_t source, struct slice channel, int64_t id)
{
    return id == 26 && slice_eq(channel, SLICE("Microsoft-Windows-Sysmon/Operational")) &&
           slice_eq(sources[source][0], SLICE("file_delete"));
}

static bool wanted(size_t source, struct slice channel, int64_t id, struct slice type)
{
    for (size_t i = 0; i < entries_n; i++) {
        const struct entry *e = &entries[i];
        const struct json_node *when = json_get(e->node, "conditions");
        struct slice asked = json_get_str(when, "EventType");
        if (e->source == source && has_channel(e->channels_of, channel) &&
            has_number(json_get(when, "EventID"), id) && (!asked.n || slice_eq(asked, type)))
            return true;
    }
    return more_than_the_table(source, channel, id);
}

static void on_finding(void *arg, const struct finding *f)
{
    (void)arg;
    tried[strtoul(f->rule->id + 1, NULL, 10)] = true;
}

static void on_event(void *arg, struct event *ev)
{
    (void)arg;
    (void)detect_event(rules, scratch, ev, on_finding, NULL);
}

enum form { FLAT, TREE, WINLOGBEAT, FORMS_N };

static void write_event(char to[static 1024], enum form form, struct slice channel, int64_t id,
                        struct slice type)
{
    if (form == FLAT)
        (void)snprintf(to, 1024,
                       "{\"Channel\":\"%.*s\",\"EventID\":%d,\"EventType\":\"%.*s\",\"Probe\":1}",
                       SLICE_ARG(channel), (int)id, SLICE_ARG(type));
    else if (form == TREE)
        (void)snprintf(to, 1024,
                       "{\"Event\":{\"System\":{\"Channel\":\"%.*s\",\"EventID\":%d},"
                       "\"EventData\":{\"EventType\":\"%.*s\",\"Probe\":1}}}",
                       SLICE_ARG(channel), (int)id, SLICE_ARG(type));
    else
        (void)snprintf(to, 1024,
                       "{\"winlog\":{\"channel\":\"%.*s\",\"event_id\":%d,\"event_data\":{"
                       "\"EventType\":\"%.*s\",\"Probe\":1}}}",
                       SLICE_ARG(channel), (int)id, SLICE_ARG(type));
}

static void try_event(enum form form, struct slice channel, int64_t id, struct slice type)
{
    struct parse_ctx ctx = {.arena = &arena, .json = json};
    char text[1024];
    struct record r = {.received_ns = INT64_C(1795593600000000000), .input = INPUT_HTTP};

    write_event(text, form, channel, id, type);
    r.payload = slice_of(text);
    r.id.b[6] = 0x70;
    arena_reset(&arena);
    memset(tried, 0, sizeof(tried));
    assert_int_equal(parse_record(&ctx, &r, on_event, NULL), 1);
    for (size_t i = 0; i < sources_n; i++)
        if (tried[i] != asked_for[i])
            fail_msg("%s\nis %s rules of category '%.*s', service '%.*s'", text,
                     tried[i] ? "tried against" : "not tried against", SLICE_ARG(sources[i][0]),
                     SLICE_ARG(sources[i][1]));
}

static void try_forms(struct slice channel, int64_t id, struct slice type)
{
    for (size_t i = 0; i < sources_n; i++)
        asked_for[i] = wanted(i, channel, id, type);
    for (enum form form = FLAT; form < FORMS_N; form++)
        try_event(form, channel, id, type);
}

static void each_number(struct slice channel, unsigned *events)
{
    static const int64_t more[] = {255, 400, 600, 800, 1006, 1116, 1117, 4103, 4104, 4688, 9999};
    static const struct slice types[] = {{"CreateKey", 9}, {"DeleteKey", 9}, {"DeleteValue", 11}};

    for (int64_t id = 1; id < 31; id++)
        for (size_t t = 0; t < (id == 12 ? ARRAY_LEN(types) : 1); t++, (*events)++)
            try_forms(channel, id, id == 12 ? types[t] : SLICE("x"));
    for (size_t i = 0; i < ARRAY_LEN(more); i++, (*events)++)
        try_forms(channel, more[i], SLICE("x"));
}

static void events_are_tried_against_their_log_sources_alone(void **unused)
{
    const struct json_node *docs;
    struct diag d = {0};
    unsigned events = 0;
    char *text = read_table();

    (void)unused;
    if (!text)
        skip();
    if (yaml_read(yaml, slice_of(text), &docs, &d) != ERR_NONE)
        fail_msg("%s", d.text);
    load_entries(docs->child);
    load_rules();
    for (size_t i = 0; i < entries_n; i++) {
        const struct json_node *list = json_get(entries[i].node, "sources");
        for (const struct json_node *c = list ? list->child : NULL; c; c = c->next)
            each_number(slice_cut(c->str, sizeof("WinEventLog:") - 1, c->str.n), &events);
    }
    each_number(SLICE("Vendor-Unheard-Of/Operational"), &events);
    print_message("%zu log sources, %u events in three forms\n", sources_n, events);
    assert_int_equal(sources_n, 78);
    assert_in_range(events, 2000, 100000);
    free(text);
}

static int begin(void **unused)
{
    (void)unused;
    arena_init(&arena, 64 << 20);
    yaml = json_reader_new(1 << 20, 100000);
    json = json_reader_new(1 << 20, 100000);
    scratch = detect_scratch_new();
    return yaml && json && scratch ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    ruleset_unref(rules);
    detect_scratch_free(scratch);
    json_reader_free(yaml);
    json_reader_free(json);
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_tried_against_their_log_sources_alone),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
