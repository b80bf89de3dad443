/* Event logs of other projects under ../shared/data/evtx: as many records, of the same channels
 * and numbers, as two other readers find, and the same values in those that they show in full. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "parse/evtx.h"
#include "parse/try_int.h"
#include "parse/winxml.h"

enum { IDS_MAX = 65536, LINE_MAX_BYTES = 8192 };

static struct evtx_reader *reader;
static struct arena arena;
static unsigned ids[IDS_MAX];
static uint64_t last_recovered;

typedef bool event_fn(struct event *ev, void *arg); /* false: enough */

/* Returns how many events. */
static unsigned read_log(struct slice bytes, event_fn *fn, void *arg)
{
    struct parse_ctx ctx = {.arena = &arena};
    struct record from = {.received_ns = TRY_RECEIVED_NS, .name = SLICE("log")};
    struct evtx_file f;
    struct event ev;
    unsigned n = 0;
    enum evtx_got got;

    assert_int_equal(evtx_file_open(bytes, &f, NULL), ERR_NONE);
    for (uint32_t i = 0; i < f.chunks; i++) {
        arena_reset(&arena);
        evtx_reader_chunk(reader, evtx_file_chunk(&f, i));
        while ((got = evtx_reader_next(reader, &ctx, &from, &ev, NULL)) != EVTX_END) {
            if (got != EVTX_EVENT)
                continue;
            n++;
            if (fn && !fn(&ev, arg))
                return n;
        }
    }
    return n;
}

static bool tally(struct event *ev, void *arg)
{
    const struct value *code = event_get(ev, F_EVENT_CODE),
                       *channel = event_get(ev, F_WINLOG_CHANNEL);
    const char *channels = arg;

    if (try_field(ev, "winlog.recovered"))
        return true;
    uint64_t id;
    if (code && slice_to_u64(code->text, &id) && id < IDS_MAX)
        ids[id]++;
    if (!channel || !memmem(channels, strlen(channels), channel->text.p, channel->text.n))
        fail_msg("channel %.*s is not of %s", channel ? (int)channel->text.n : 0,
                 channel ? channel->text.p : "", channels);
    return true;
}

/* "4688x3;4624x1": every number as often, and with `exact` no others. */
static unsigned ids_differ(const char *list, bool exact)
{
    unsigned bad = 0;

    for (const char *p = list; *p;) {
        char *end;
        unsigned long id = strtoul(p, &end, 10), n = strtoul(end + 1, &end, 10);
        if (ids[id] < n || (exact && ids[id] != n)) {
            print_message("  %lu: %u of %lu\n", id, ids[id], n);
            bad++;
        }
        ids[id] = 0;
        p = *end ? end + 1 : end;
    }
    for (size_t i = 0; exact && i < IDS_MAX; i++)
        bad += ids[i] != 0;
    return bad;
}

static size_t columns(char *line, char **at, size_t max)
{
    size_t n = 0;

    while (n < max && line)
        at[n++] = strsep(&line, "\t");
    return n;
}

/* Calls fn with the columns of each line. */
static void each_row(const char *index, size_t columns_n, void (*fn)(char **at))
{
    size_t n;
    char *text = try_data(index, &n), *rest = text, *line;

    if (!text)
        skip();
    (void)strsep(&rest, "\n");
    while ((line = strsep(&rest, "\n")) && *line) {
        char *at[12] = {0};
        if (columns(line, at, ARRAY_LEN(at)) < columns_n)
            fail_msg("%s: an index of another shape", index);
        fn(at);
    }
    free(text);
}

static void same_records(char **at)
{
    size_t n;
    char *text = try_data(at[0], &n);
    unsigned want = (unsigned)strtoul(at[2], NULL, 10);

    assert_non_null(text);
    memset(ids, 0, sizeof(ids));
    unsigned got = read_log((struct slice){text, n}, tally, at[3]);
    if (got != want || ids_differ(at[4], true))
        fail_msg("%s: %u of %u records", at[0], got, want);
    free(text);
}

static void records_channels_and_numbers_are_the_same(void **unused)
{
    (void)unused;
    each_row("evtx/mdecrevoisier/index.tsv", 9, same_records);
}

/* Damaged files: the others stop earlier, so theirs is the least. */
static void no_fewer(char **at)
{
    size_t n;
    char *text = try_data(at[0], &n);
    unsigned want = (unsigned)strtoul(at[2], NULL, 10);
    bool damaged = strstr(at[8], "dirty") || strstr(at[8], "size is 0") || strstr(at[8], "magic") ||
                   strstr(at[8], "incomplete");

    assert_non_null(text);
    memset(ids, 0, sizeof(ids));
    unsigned got = read_log((struct slice){text, n}, tally, at[6]);
    uint64_t recovered = evtx_reader_stats(reader).recovered - last_recovered;
    last_recovered += recovered;
    if (got < want || (damaged ? recovered == 0 : recovered != 0) ||
        (!damaged && ids_differ(at[7], true)))
        fail_msg("%s: %u of %u records, %u recovered", at[0], got, want, (unsigned)recovered);
    if (*at[2] && !damaged)
        assert_int_equal(got, want);
    free(text);
}

static void damaged_files_give_no_less(void **unused)
{
    (void)unused;
    last_recovered = evtx_reader_stats(reader).recovered;
    each_row("evtx/omerbenamram/index.tsv", 9, no_fewer);
}

struct wanted {
    uint64_t record; /* 0: the first */
    char *values[512];
    size_t n, missing;
};

static void lower(char *to, size_t max, struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n && n + 1 < max; i++) {
        char c = s.p[i];
        if (c == '{' || c == '}' || c == '\r')
            continue;
        to[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    while (n && (to[n - 1] == ' ' || to[n - 1] == '\n'))
        n--;
    to[n] = 0;
}

static void want(struct wanted *w, struct slice s)
{
    char text[LINE_MAX_BYTES];

    lower(text, sizeof(text), s);
    if (!*text || strstr(text, "schemas.microsoft.com"))
        return;
    assert_in_range(w->n, 0, ARRAY_LEN(w->values) - 1);
    w->values[w->n++] = strdup(text);
}

static bool has_value(const struct value *v, const char *text)
{
    char own[LINE_MAX_BYTES];
    size_t n = strlen(text);

    if (v->type == VT_LIST) {
        for (uint32_t i = 0; i < v->list_n; i++)
            if (has_value(&v->list[i], text))
                return true;
        return false;
    }
    lower(own, sizeof(own), v->text);
    if (strcmp(own, text) == 0)
        return true;
    /* Times: theirs have six or nine digits behind the point, ours seven. */
    return n > 20 && text[4] == '-' && text[10] == 't' && strncmp(own, text, n - 2) == 0;
}

static bool compare(struct event *ev, void *arg)
{
    struct wanted *w = arg;
    struct value time;

    if (w->record && (!try_field(ev, "EventRecordID") ||
                      strtoull(try_field(ev, "EventRecordID"), NULL, 10) != w->record))
        return true;
    assert_true(event_base(ev, F_TIMESTAMP, &time));
    for (size_t i = 0; i < w->n; i++) {
        bool found = false;
        char stamp[64];
        lower(stamp, sizeof(stamp), time.text);
        for (uint32_t k = 0; k < ev->n && !found; k++)
            found = has_value(&ev->fields[k].v, w->values[i]);
        if (!found && strncmp(stamp, w->values[i], 19) != 0) {
            print_message("  missing: %s\n", w->values[i]);
            w->missing++;
        }
    }
    return false;
}

static void want_json(struct wanted *w, const struct json_node *n)
{
    char text[32];

    switch (n->type) {
    case JSON_STRING:
        want(w, n->str);
        break;
    case JSON_INT:
        (void)snprintf(text, sizeof(text), "%lld", (long long)n->i);
        want(w, slice_of(text));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        for (const struct json_node *c = n->child; c; c = c->next)
            want_json(w, c);
        break;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_UINT:
    case JSON_DOUBLE:
        break;
    }
}

static unsigned goldens, golden_values;

static void same_values(char **at)
{
    static struct pairs pairs;
    static struct wanted w;
    struct slice one;
    struct diag d = {0};
    bool cut;
    size_t n, golden_n;
    char *golden = try_data(at[0], &golden_n), *text = try_data(at[1], &n);

    memset(&w, 0, sizeof(w));
    assert_true(golden && text);
    if (strncmp(at[2], "EventRecordID ", 14) == 0)
        w.record = strtoull(at[2] + 14, NULL, 10);
    if (strcmp(at[3], "xml") == 0) {
        memset(&pairs, 0, sizeof(pairs));
        assert_true(winxml_next((struct slice){golden, golden_n}, 0, &one, &cut));
        assert_int_equal(winxml_pairs(one, &arena, &pairs, &d), ERR_NONE);
        for (size_t i = 0; i < pairs.n; i++)
            want(&w, pairs.at[i].value);
    } else {
        struct json_reader *json = json_reader_new(1 << 20, 10000);
        const struct json_node *root;
        assert_non_null(json);
        assert_int_equal(json_read(json, (struct slice){golden, golden_n}, &root, NULL, NULL),
                         ERR_NONE);
        want_json(&w, root);
        json_reader_free(json);
    }
    assert_true(w.n > 5);
    (void)read_log((struct slice){text, n}, compare, &w);
    if (w.missing)
        fail_msg("%s: %zu of %zu values are missing", at[0], w.missing, w.n);
    goldens++;
    golden_values += (unsigned)w.n;
    for (size_t i = 0; i < w.n; i++)
        free(w.values[i]);
    free(golden);
    free(text);
}

static void values_are_the_same(void **unused)
{
    (void)unused;
    each_row("evtx/omerbenamram/golden.tsv", 5, same_values);
    print_message("%u goldens, %u values\n", goldens, golden_values);
    assert_int_equal(goldens, 15);
}

static bool is_4624(struct event *ev, void *arg)
{
    static const char *const wanted[][2] = {
        {"EventID", "4624"},
        {"EventRecordID", "31880"},
        {"Execution_ProcessID", "676"},
        {"ActivityID", "{02277543-beaa-0000-bb75-2702aabed401}"},
        {"SubjectUserName", "test"},
        {"TargetUserName", "user"},
        {"TargetUserSid", "S-1-5-21-546003962-2713609280-610790815-1002"},
        {"SubjectLogonId", "0x2995e"}, /* 170334 */
        {"TargetLogonId", "0x5b9a0d"}, /* 6003213 */
        {"LogonType", "2"},
        {"ProcessName", "C:\\Windows\\System32\\svchost.exe"},
        {"IpAddress", "::1"},
        {"source.ip", "::1"},
        {"user.name", "user"},
        {"ImpersonationLevel", "%%1833"},
        {"event.outcome", "success"},
        {"event.action", "logged-in"},
    };
    bool *seen = arg;

    if (!slice_eq(event_get(ev, F_EVENT_CODE)->text, SLICE("4624")))
        return true;
    *seen = true;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const char *got = try_field(ev, wanted[i][0]);
        if (!got || strcmp(got, wanted[i][1]) != 0)
            fail_msg("%s is %s", wanted[i][0], got ? got : "absent");
    }
    return false;
}

static void a_logon_is_read_in_full(void **unused)
{
    size_t n;
    bool seen = false;
    char *text = try_data("evtx/velocidex/Security.evtx", &n);

    (void)unused;
    if (!text)
        skip();
    (void)read_log((struct slice){text, n}, is_4624, &seen);
    assert_true(seen);
    assert_int_equal(read_log((struct slice){text, n}, NULL, NULL), 739);
    free(text);
}

/* Each labelled log cut at many lengths, in memory of its own, so that a read past its end is
 * seen; and with bytes changed. */
static void cut_and_bent(char **at)
{
    size_t n;
    char *text = try_data(at[2], &n);
    unsigned seed = 1;

    if (!text)
        fail_msg("no %s", at[2]);
    for (size_t cut = 1; cut < n && cut < 24000; cut += 1 + cut / 40) {
        char *own = malloc(cut);
        assert_non_null(own);
        memcpy(own, text, cut);
        if (cut > 7)
            (void)read_log((struct slice){own, cut}, NULL, NULL);
        free(own);
    }
    for (unsigned i = 0; i < 200; i++) {
        size_t where = EVTX_HEADER_BYTES + 512;
        seed = seed * 1103515245 + 12345;
        where += seed / 65536 % 8000;
        char before = text[where];
        text[where] = (char)(seed >> 8);
        (void)read_log((struct slice){text, n < 90000 ? n : 90000}, NULL, NULL);
        if (i % 4)
            text[where] = before;
    }
    free(text);
}

static void cut_and_bent_files_do_no_harm(void **unused)
{
    (void)unused;
    evtx_reader_recover(reader, true);
    each_row("sigma/regression/index.tsv", 6, cut_and_bent);
    evtx_reader_recover(reader, false);
}

static int begin(void **unused)
{
    (void)unused;
    arena_init(&arena, 256 << 20);
    reader = evtx_reader_new();
    return reader ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    evtx_reader_free(reader);
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_channels_and_numbers_are_the_same),
        cmocka_unit_test(damaged_files_give_no_less),
        cmocka_unit_test(values_are_the_same),
        cmocka_unit_test(a_logon_is_read_in_full),
        cmocka_unit_test(cut_and_bent_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
