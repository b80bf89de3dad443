/* The index against the full scan, which tries everything: random rules on random records;
 * SigmaHQ's rules, where the shared data is at hand, on labelled events and on events made of the
 * rules' own texts, bent. Both ways find the same, in the same order. */
#include "core/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "detect/rule_int.h"
#include "detect/try_int.h"

enum { SETS = 120, RULES = 24, RECORDS = 60, FIELDS = 4, RECORD_BYTES = 400 };

static uint64_t state = 11;

static unsigned pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

/* Kelvin and the long s have ASCII letters as their other case. */
static const char *piece(bool ascii)
{
    static const char *const all[] = {"a",        "B",   "k", "K", "s", "S",        "xy",
                                      "Q",        "/",   "<", "=", "1", "-",        " ",
                                      "$",        ":",   "A", "b", "z", "\xc4\x90", "\xe2\x84\xaa",
                                      "\xc5\xbf", "\xff"};

    return all[pick(ascii ? 19 : ARRAY_LEN(all))];
}

static void random_text(char *to, size_t n, unsigned pieces, bool ascii)
{
    size_t at = 0;

    to[0] = 0;
    for (unsigned i = 0; i < pieces && at + 8 < n; i++)
        at += (size_t)snprintf(to + at, n - at, "%s", piece(ascii));
}

static void put_test(struct buf *b, unsigned field)
{
    static const char *const mods[] = {"|contains", "|startswith",   "|endswith",      "", "|re",
                                       "|re|i",     "|contains|all", "|contains|cased"};
    unsigned m = pick(ARRAY_LEN(mods));
    char one[64], two[64];

    random_text(one, sizeof(one), 1 + pick(3), pick(4) != 0);
    random_text(two, sizeof(two), 1 + pick(3), true);
    bool re = m == 4 || m == 5;
    const char *tail = !re ? "" : pick(2) ? ".*[kx]" : "|q?s+";
    for (char *p = one; re && *p; p++)
        if (*p == '$' || (*p & 0x80))
            *p = 'k';
    for (char *p = one; *p; p++)
        if (*p == '\xff') /* a rule is UTF-8 */
            *p = 'K';
    for (char *p = two; re && *p; p++)
        if (*p == '$')
            *p = 's';
    if (field == FIELDS)
        assert_int_equal(buf_printf(b, "\"%s\": ['%s%s', '%s']",
                                    m == 6 ? "|all"
                                    : re   ? mods[m]
                                           : "",
                                    one, tail, two),
                         ERR_NONE);
    else
        assert_int_equal(buf_printf(b, "\"f%u%s\": ['%s%s', '%s']", field, mods[m], one, tail, two),
                         ERR_NONE);
}

static struct ruleset *random_rules(struct buf *b)
{
    buf_reset(b);
    assert_int_equal(buf_puts(b, "logsources:\n  - {product: p, when: {any|exists: true}}\n"),
                     ERR_NONE);
    for (unsigned r = 0; r < RULES; r++) {
        assert_int_equal(buf_printf(b,
                                    "---\ntitle: r%u\nid: r%u\nlevel: low\nlogsource: {product: "
                                    "p}\ndetection:\n  s:\n    ",
                                    r, r),
                         ERR_NONE);
        put_test(b, pick(FIELDS + 1));
        assert_int_equal(buf_puts(b, pick(4) ? "\n  condition: s\n" : "\n  condition: not s\n"),
                         ERR_NONE);
    }
    struct ruleset *rs = try_rules(buf_slice(b));
    const struct rule_report *rep = ruleset_report(rs);
    if (rep->loaded != RULES)
        fail_msg("%s\n%s", rep->issues_n ? rep->issues[0].message : "?", buf_cstr(b));
    return rs;
}

/* A record whose fields are mostly parts of it, as parsers make them. */
static void random_event(struct arena *a, struct record *rec, char *text, struct event *ev)
{
    static const char *const names[] = {"f0", "f1", "f2", "f3"};
    bool ascii = pick(3) != 0;

    random_text(text, RECORD_BYTES, 4 + pick(60), ascii);
    *rec = (struct record){.payload = slice_of(text)};
    event_init(ev, a);
    ev->record = pick(8) ? rec : NULL;
    ev->message = slice_cut(rec->payload, pick(3), rec->payload.n);
    assert_int_equal(event_add(ev, SLICE("any"), value_str(SLICE("1"))), ERR_NONE);
    for (unsigned i = 0; i < FIELDS; i++) {
        size_t from = pick((unsigned)rec->payload.n), to = from + pick(30);
        struct slice s = slice_cut(rec->payload, from, to < rec->payload.n ? to : rec->payload.n);
        char own[64];
        random_text(own, sizeof(own), pick(8), pick(2) == 0);
        if (pick(3) == 0)
            assert_int_equal(arena_dup(a, slice_of(own), &s), ERR_NONE);
        if (pick(6))
            assert_int_equal(event_add(ev, slice_of(names[i]), value_str(s)), ERR_NONE);
    }
}

/* Returns how many matched; fails when the two ways differ. */
static unsigned both(struct ruleset *rs, struct event *ev, const char *what)
{
    static char first[1 << 16];
    const char *ids;

    unsigned n = try_detect(rs, ev, &ids);
    (void)snprintf(first, sizeof(first), "%s", ids);
    ruleset_full_scan(rs, true);
    (void)try_detect(rs, ev, &ids);
    ruleset_full_scan(rs, false);
    if (strcmp(first, ids) == 0)
        return n;
    for (uint32_t i = 0; i < ev->n; i++)
        print_message("%.*s=%.*s\n", SLICE_ARG(ev->fields[i].name),
                      SLICE_ARG(ev->fields[i].v.text));
    print_message("by index     '%s'\n", first);
    print_message("by full scan '%s'\n", ids);
    (void)fprintf(stderr, "%s\n", what);
    fail_msg("the two ways differ");
    return n;
}

static void random_rules_match_the_same(void **unused)
{
    static char text[RECORD_BYTES + 16];
    unsigned hits = 0;
    struct arena a;
    struct buf b;

    (void)unused;
    arena_init(&a, 1 << 20);
    buf_init(&b, 1 << 16);
    for (unsigned i = 0; i < SETS; i++) {
        struct ruleset *rs = random_rules(&b);
        for (unsigned k = 0; k < RECORDS; k++) {
            struct record rec;
            struct event ev;
            arena_reset(&a);
            random_event(&a, &rec, text, &ev);
            hits += both(rs, &ev, buf_cstr(&b));
        }
        ruleset_unref(rs);
    }
    /* both outcomes are common */
    assert_in_range(hits, SETS * RECORDS, SETS * RECORDS * RULES - SETS * RECORDS);
    buf_done(&b);
    arena_done(&a);
}

static struct ruleset *sigma(void)
{
    char rules[4096];
    const char *paths[1] = {try_data_path("sigma/rules", rules, sizeof(rules))};
    struct ruleset *rs = NULL;

    if (!paths[0])
        return NULL;
    assert_int_equal(ruleset_load(paths, 1, &rs, NULL), ERR_NONE);
    return rs;
}

/* Objects, however they are laid out. */
static unsigned each_object(struct ruleset *rs, struct slice text)
{
    unsigned hits = 0, depth = 0;
    bool quoted = false;
    size_t from = 0;

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
            hits += both(rs, try_event(slice_cut(text, from, i + 1)), "an object of shared data");
    }
    return hits;
}

static unsigned each_file(struct ruleset *rs, char *index)
{
    char path[4096], *rest = index, *line = strsep(&rest, "\n");
    unsigned hits = 0;

    while ((line = strsep(&rest, "\n")) && *line) {
        for (unsigned i = 0; i < 3; i++)
            (void)strsep(&line, "\t");
        const char *json = strsep(&line, "\t"), *full;
        size_t n = 0;
        full = json && *json ? try_data_path(json, path, sizeof(path)) : NULL;
        char *text = full ? try_read(full, &n) : NULL;
        if (text)
            hits += each_object(rs, (struct slice){text, n});
        free(text);
    }
    return hits;
}

static void real_rules_match_the_same(void **unused)
{
    char path[4096];
    const char *index = try_data_path("sigma/regression/index.tsv", path, sizeof(path));
    struct ruleset *rs = index ? sigma() : NULL;
    size_t n = 0;

    (void)unused;
    if (!rs)
        skip();
    char *text = try_read(index, &n);
    assert_non_null(text);
    text[n] = 0;
    unsigned hits = each_file(rs, text);
    print_message("%u matches, the same without\n", hits);
    assert_in_range(hits, 96, 10000);
    free(text);
    ruleset_unref(rs);
}

/* --- events made of the rules' own texts --- */

static void put_text(struct buf *b, const char *s, size_t n)
{
    assert_int_equal(buf_put(b, (struct slice){s, n}), ERR_NONE);
}

/* A text that the pattern matches, or nearly. */
static void put_pattern(struct buf *b, const struct pattern *p)
{
    static const char *const dashes[] = {"-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"};

    if (p->open_start && pick(3))
        put_text(b, "C:\\x -y ", pick(8));
    for (size_t i = 0; i < p->segs_n; i++) {
        for (size_t k = 0; k < p->segs[i].n; k++) {
            const struct tok *t = &p->segs[i].t[k];
            const char *dash = dashes[pick(5)];
            if (t->kind == TOK_DASH)
                put_text(b, dash, strlen(dash));
            else
                put_text(b, t->kind == TOK_ONE ? "q" : &t->byte, 1);
        }
        put_text(b, " *ab ", i + 1 < p->segs_n ? pick(6) : 0);
    }
    if (p->open_end && pick(3))
        put_text(b, " --z\n.exe", pick(9));
}

/* Another case, a letter from far away with the same case, a stray byte, a cut. */
static void bend(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->n; i++) {
        char *c = &b->p[i];
        if (pick(3) == 0 && ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
            *c ^= 0x20;
    }
    if (pick(6) == 0 && b->n > from)
        b->p[from + pick((unsigned)(b->n - from))] = (char)pick(256);
    if (pick(8) == 0 && b->n > from)
        b->n -= 1 + pick((unsigned)(b->n - from));
    for (size_t i = from; pick(8) == 0 && i < b->n; i++) {
        if ((b->p[i] | 0x20) != 'k')
            continue;
        char tail[256];
        size_t n = b->n - i - 1 < sizeof(tail) ? b->n - i - 1 : sizeof(tail);
        memcpy(tail, b->p + i + 1, n);
        b->n = i;
        put_text(b, "\xe2\x84\xaa", 3); /* Kelvin */
        put_text(b, tail, n);
        break;
    }
}

static void put_test_text(struct buf *b, const struct test *t)
{
    char ip[IP_TEXT_BYTES + 1];
    size_t from = b->n;

    if (t->kind == TEST_PATTERN)
        put_pattern(b, &t->pats[pick((unsigned)t->pats_n)]);
    else if (t->kind == TEST_NUMBER)
        assert_int_equal(buf_printf(b, pick(4) ? "%.0Lf" : "%.1Lf", t->number + (pick(5) == 0)),
                         ERR_NONE);
    else if (t->kind == TEST_CIDR)
        ip_text(t->cidr.ip, ip), put_text(b, ip, strlen(ip));
    else if (t->kind == TEST_REGEX) /* its own letters: seldom a match, often nearly one */
        put_text(b, regex_source(t->re)->text.p, regex_source(t->re)->text.n);
    else
        put_text(b, "any", pick(4));
    if (t->kind == TEST_PATTERN && pick(2))
        bend(b, from);
}

static struct value value_of(struct arena *a, struct buf *b, const struct item *it)
{
    struct value v = {.type = VT_NULL, .text = SLICE("")};
    int64_t i;

    if (pick(20) == 0)
        return v;
    buf_reset(b);
    put_test_text(b, &it->tests[pick((unsigned)it->tests_n)]);
    for (size_t k = 1; it->all && k < it->tests_n; k++)
        put_test_text(b, &it->tests[k]);
    v = value_str(SLICE(""));
    assert_int_equal(arena_dup(a, buf_slice(b), &v.text), ERR_NONE);
    if (slice_to_i64(v.text, &i) && pick(2))
        v = value_int(a, i);
    return v;
}

static void add_item(struct arena *a, struct buf *b, const struct ruleset *rs, struct event *ev,
                     const struct item *it)
{
    const struct slot *slot = &rs->slots[it->slot];
    struct value v = value_of(a, b, it);

    if (it->slot == SLOT_KEYWORDS || !slot->n || it->neq)
        return;
    const struct slot_source *from = &slot->from[pick(slot->n)];
    struct slice name = from->field != F_NONE ? field_info((enum field)from->field)->name
                                              : rs->names.keys[from->name];
    if (pick(10) == 0) {
        struct value *list = arena_alloc(a, 2 * sizeof(*list));
        assert_non_null(list);
        list[0] = pick(2) ? v : value_str(SLICE("other"));
        list[1] = v;
        v = (struct value){.type = VT_LIST, .text = SLICE(""), .list_n = pick(3), .list = list};
    }
    if (slice_eq(name, SLICE("message")))
        ev->message = v.text;
    assert_int_equal(event_add(ev, name, v), ERR_NONE);
}

static void add_sel(struct arena *a, struct buf *b, const struct ruleset *rs, struct event *ev,
                    const struct sel *sel)
{
    if (sel->kind == SEL_ITEM) {
        add_item(a, b, rs, ev, &sel->item);
        return;
    }
    if (sel->kind == SEL_OR) {
        add_sel(a, b, rs, ev, &sel->kids[pick((unsigned)sel->n)]);
        return;
    }
    for (size_t i = 0; i < sel->n; i++)
        if (pick(12))
            add_sel(a, b, rs, ev, &sel->kids[i]);
}

/* Sets of fields as the log source and the selections of one rule, or of several, ask. */
static void made_event(struct arena *a, struct buf *b, const struct ruleset *rs, struct event *ev,
                       struct record *rec, size_t rule)
{
    event_init(ev, a);
    for (size_t i = 0; i < rs->rows_n; i++)
        for (uint32_t k = 0; k < rs->rows[i].rules_n && pick(8); k++)
            if (rs->rows[i].rules[k] == rule && pick(2))
                add_sel(a, b, rs, ev, &rs->rows[i].when);
    for (unsigned n = 0; n < 1 + pick(2); n++) {
        const struct rule *r = &rs->rules[n ? pick((unsigned)rs->rules_n) : rule];
        for (size_t i = 0; i < r->sels_n; i++)
            if (slice_starts(r->names[i], SLICE("filter")) ? pick(4) == 0 : pick(8) > 0)
                add_sel(a, b, rs, ev, &r->sels[i]);
    }
    buf_reset(b);
    for (uint32_t i = 0; i < ev->n; i++)
        put_text(b, ev->fields[i].v.text.p, ev->fields[i].v.text.n);
    assert_int_equal(arena_dup(a, buf_slice(b), &rec->payload), ERR_NONE);
    ev->record = pick(3) ? rec : NULL;
}

static void made_events_match_the_same(void **unused)
{
    struct ruleset *rs = sigma();
    const char *much = getenv("COLOA_LONG");
    unsigned hits = 0, rounds = much ? 40 : 1;
    struct arena a;
    struct buf b;

    (void)unused;
    if (!rs)
        skip();
    arena_init(&a, 16 << 20);
    buf_init(&b, 1 << 20);
    for (unsigned k = 0; k < rounds; k++)
        for (size_t i = 0; i < rs->rules_n; i++) {
            struct event ev;
            struct record rec = {.payload = SLICE("")};
            arena_reset(&a);
            made_event(&a, &b, rs, &ev, &rec, i);
            hits += both(rs, &ev, rs->rules[i].info.path);
        }
    print_message("%u matches of %zu made events\n", hits, rounds * rs->rules_n);
    assert_true(hits > rounds * rs->rules_n / 4);
    buf_done(&b);
    arena_done(&a);
    ruleset_unref(rs);
}

/* --- keywords: what stands in the record is not looked at twice, however JSON writes it --- */

static void put_json(struct buf *b, const char *text, bool strange)
{
    static const char plain[] = "\"\\\b\f\n\r\t", with[] = "\"\\bfnrt";

    for (const char *c = text; *c; c++) {
        const char *hit = strchr(plain, *c);
        if (strange && pick(6) == 0)
            assert_int_equal(buf_printf(b, pick(2) ? "\\u%04x" : "\\u%04X", (unsigned)*c),
                             ERR_NONE);
        else if (strange && *c == '/' && pick(2))
            assert_int_equal(buf_puts(b, "\\/"), ERR_NONE);
        else if (hit)
            assert_int_equal(buf_printf(b, "\\%c", with[hit - plain]), ERR_NONE);
        else
            assert_int_equal(buf_putc(b, *c), ERR_NONE);
    }
}

static void keywords_are_found_however_written(void **unused)
{
    static const char rules[] =
        "logsources: [{product: p, when: {any|exists: true}}]\n"
        "---\n{title: r0, id: r0, level: low, logsource: {product: p}, detection: {s: "
        "['mimikatz', '\\tools\\x', 'a/b'], condition: s}}\n"
        "---\n{title: r1, id: r1, level: low, logsource: {product: p}, detection: {s: "
        "['k\"q', 'x*zz', \"u\\n2\"], t: {f|exists: true}, condition: s or not t}}\n";
    static const char *const parts[] = {"mimi", "KATZ", "katz", "\\tools\\", "x",  "zz", "a/b",
                                        "a",    "/",    "b",    "\\",        "u",  "/u", "k\"q",
                                        "k",    "\"",   "q",    "u\n2",      "\n", "2"};
    struct ruleset *rs = try_rules(slice_of(rules));
    unsigned hits = 0;
    struct arena a;
    struct buf b;

    (void)unused;
    assert_int_equal(ruleset_n(rs), 2);
    arena_init(&a, 1 << 20);
    buf_init(&b, 1 << 16);
    for (unsigned i = 0; i < 20000; i++) {
        struct record rec;
        struct event ev;
        char text[128] = "";
        bool strange = pick(2);
        for (unsigned k = pick(5), at = 0; k > 0; k--)
            at += (unsigned)snprintf(text + at, sizeof(text) - at, "%s",
                                     parts[pick(ARRAY_LEN(parts))]);
        arena_reset(&a);
        event_init(&ev, &a);
        buf_reset(&b);
        assert_int_equal(buf_puts(&b, "{\"any\":\"1\",\"f\":\""), ERR_NONE);
        put_json(&b, text, strange);
        assert_int_equal(buf_puts(&b, "\"}"), ERR_NONE);
        rec = (struct record){.payload = buf_slice(&b)};
        ev.record = &rec;
        assert_int_equal(event_add(&ev, SLICE("any"), value_str(SLICE("1"))), ERR_NONE);
        if (pick(8)) {
            assert_int_equal(event_add(&ev, SLICE("f"), value_str(slice_of(text))), ERR_NONE);
            ev.fields[ev.n - 1].sent = true;
        } else {
            ev.message = ev.sent_text = slice_of(text);
        }
        hits += both(rs, &ev, text);
    }
    assert_in_range(hits, 2000, 38000);
    buf_done(&b);
    arena_done(&a);
    ruleset_unref(rs);
}

/* --- one ruleset, many threads --- */

enum { THREADS = 4, THREAD_EVENTS = 3000 };

struct worker {
    const struct ruleset *rs;
    uint64_t sum;
};

static void add_up(void *arg, const struct finding *f)
{
    uint64_t *sum = arg;

    for (const char *c = f->rule->id; *c; c++)
        *sum = *sum * 31 + (unsigned char)*c;
}

static void *work(void *arg)
{
    static const char *const texts[] = {"ab", "xyK", "S/k", "q=1", "\xe2\x84\xaa x", "Ab$:", "kzs"};
    struct worker *w = arg;
    struct detect_scratch *scratch = detect_scratch_new();
    struct arena a;

    arena_init(&a, 1 << 20);
    for (unsigned i = 0; scratch && i < THREAD_EVENTS; i++) {
        struct event ev;
        const char *x = texts[i % ARRAY_LEN(texts)], *y = texts[i / 7 % ARRAY_LEN(texts)];
        arena_reset(&a);
        event_init(&ev, &a);
        ev.message = slice_of(y);
        if (event_add(&ev, SLICE("any"), value_str(SLICE("1"))) != ERR_NONE ||
            event_add(&ev, SLICE("f0"), value_str(slice_of(x))) != ERR_NONE ||
            event_add(&ev, SLICE("f2"), value_str(slice_of(y))) != ERR_NONE)
            break;
        (void)detect_event(w->rs, scratch, &ev, add_up, &w->sum);
    }
    arena_done(&a);
    detect_scratch_free(scratch);
    return NULL;
}

static void threads_find_the_same(void **unused)
{
    struct worker alone = {0}, many[THREADS] = {0};
    pthread_t threads[THREADS];
    struct buf b;

    (void)unused;
    buf_init(&b, 1 << 16);
    struct ruleset *rs = random_rules(&b);
    alone.rs = rs;
    (void)work(&alone);
    assert_true(alone.sum != 0);
    for (unsigned i = 0; i < THREADS; i++) {
        many[i].rs = rs;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &many[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(many[i].sum == alone.sum);
    }
    ruleset_unref(rs);
    buf_done(&b);
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
        cmocka_unit_test(random_rules_match_the_same),
        cmocka_unit_test(real_rules_match_the_same),
        cmocka_unit_test(made_events_match_the_same),
        cmocka_unit_test(keywords_are_found_however_written),
        cmocka_unit_test(threads_find_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
