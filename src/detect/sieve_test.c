/* The sieves against trying everything: random rules on random records, and SigmaHQ's rules on
 * labelled events where the shared data is at hand, match the same with and without. */
#include "core/test.h"

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

    rs->no_sieves = false;
    unsigned n = try_detect(rs, ev, &ids);
    (void)snprintf(first, sizeof(first), "%s", ids);
    rs->no_sieves = true;
    (void)try_detect(rs, ev, &ids);
    rs->no_sieves = false;
    if (strcmp(first, ids) != 0)
        fail_msg("%s\nwith sieves '%s'\nwithout     '%s'", what, first, ids);
    return n;
}

static void random_rules_match_the_same(void **unused)
{
    static char text[RECORD_BYTES + 16];
    unsigned hits = 0;
    size_t sieved = 0;
    struct arena a;
    struct buf b;

    (void)unused;
    arena_init(&a, 1 << 20);
    buf_init(&b, 1 << 16);
    for (unsigned i = 0; i < SETS; i++) {
        struct ruleset *rs = random_rules(&b);
        for (uint32_t k = 0; k < rs->slot_keys.n; k++)
            sieved += rs->slots[k].sieved >= 4;
        for (unsigned k = 0; k < RECORDS; k++) {
            struct record rec;
            struct event ev;
            arena_reset(&a);
            random_event(&a, &rec, text, &ev);
            hits += both(rs, &ev, buf_cstr(&b));
        }
        ruleset_unref(rs);
    }
    /* both outcomes are common, and the sieves were in use */
    assert_in_range(hits, SETS * RECORDS, SETS * RECORDS * RULES - SETS * RECORDS);
    assert_true(sieved > SETS);
    buf_done(&b);
    arena_done(&a);
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
    char path[4096], rules[4096];
    const char *paths[1] = {try_data_path("sigma/rules", rules, sizeof(rules))};
    const char *index = try_data_path("sigma/regression/index.tsv", path, sizeof(path));
    struct ruleset *rs = NULL;
    size_t n = 0;

    (void)unused;
    if (!paths[0] || !index)
        skip();
    assert_int_equal(ruleset_load(paths, 1, &rs, NULL), ERR_NONE);
    char *text = try_read(index, &n);
    assert_non_null(text);
    text[n] = 0;
    unsigned hits = each_file(rs, text);
    print_message("%u matches, the same without\n", hits);
    assert_in_range(hits, 96, 10000);
    free(text);
    ruleset_unref(rs);
}

static void a_regex_without_its_bytes_is_left_out(void **unused)
{
    static const struct {
        const char *re, *text;
        bool icase, may;
    } rows[] = {
        {"\\$\\{[jndi]", "GET /a b", false, false},
        {"\\$\\{[jndi]", "GET /$ {", false, true},
        {"abc:", "no colon, but an a", false, false},
        {"Kx", "KX", true, true},
        {"kx", "a b c", true, false},
        {"(;|\\|)cat", "cat a", false, false},
        {"(;|\\|)cat", "a;cat", false, true},
        {"a*", "", false, true},
        {"^", "", false, true},
        {"(?=a)", "b", false, true},
        {".*x", "abc", false, false},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct regex *re;
        struct sieve sv;
        assert_int_equal(
            regex_compile(slice_of(rows[i].re), rows[i].icase, false, false, &re, NULL), ERR_NONE);
        sieve_init(&sv);
        assert_true(sieve_add_ascii(&sv, slice_of(rows[i].text)));
        if ((regex_asks(re) ? regex_may(re, sv.bytes) : true) != rows[i].may)
            fail_msg("%s on %s", rows[i].re, rows[i].text);
        regex_free(re);
    }
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
        cmocka_unit_test(a_regex_without_its_bytes_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
