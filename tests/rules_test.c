/* The shipped rules against lines as senders send them (cmd/rules_try.h). Every rule
 * has a file rules/tests/STEM.yaml with lines that it must find and lines that it must not; of
 * STEM_correlation.yml the last rule is tested, with sequences of events that have times. */
#include "core/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cmd/rules_try.h"

static struct ruleset *rules;
static struct rules_try *try;
static struct json_reader *reader;

static void root_path(const char *below, char *to, size_t n)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");

    assert_in_range(snprintf(to, n, "%s/%s", root ? root : ".", below), 1, n - 1);
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

static void on_failure(void *arg, const struct rules_try_failure *f)
{
    print_message("%s: %s %zu (line %u of %s): %s\n%.*s\n%.*s", f->rule ? f->rule->path : "",
                  f->kind, f->number, f->line, (const char *)arg, f->message, SLICE_ARG(f->event),
                  SLICE_ARG(f->explanation));
}

/* Both kinds, or what is proven? */
static void has_both(const struct rule_info *ri, const struct rules_try_sums *s)
{
    if (of_correlation(ri) && !(s->found_sequence && s->quiet_sequence))
        fail_msg("%s: its tests have not both kinds of sequences", ri->path);
    if (!of_correlation(ri) && !(s->match && s->no_match))
        fail_msg("%s: its tests have not both match and no_match", ri->path);
}

static void stem_of(const char *path, char *to, size_t n)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    (void)snprintf(to, n, "%.*s", (int)strcspn(name, "."), name);
}

static void every_rule_finds_its_lines(void **unused)
{
    size_t bad = 0;

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
        if (yaml_read(reader, (struct slice){text, n}, &docs, &diag) != ERR_NONE)
            fail_msg("%s: %s", below, diag.text);
        struct rules_try_sums sums = {0};
        assert_true(rules_try_run(try, docs, ri->path, &sums, on_failure, below));
        has_both(ri, &sums);
        bad += sums.failures;
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
    reader = json_reader_new(1 << 20, 100000);
    root_path("rules", path, sizeof(path));
    if (!reader || ruleset_load(paths, 1, &rules, &diag) != ERR_NONE) {
        print_message("%s\n", diag.text);
        return -1;
    }
    try = rules_try_new(rules);
    return try ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    ruleset_unref(rules);
    rules_try_free(try);
    json_reader_free(reader);
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
