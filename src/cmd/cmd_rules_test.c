#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/cmd_rules_int.h"
#include "cmd/rules_try.h"
#include "core/jsonw.h"

static const struct args_usage usage = {
    "rules test",
    "[options] [PATH...]",
    "Runs the tests of Sigma rules: lines as senders send them, through the parsers and the "
    "engine.\n"
    "The test of NAME.yml is NAME.yaml in a folder `tests` beside it or above it, or a YAML "
    "document\n"
    "behind the rule: `coloa_tests: 1`, `match`, `no_match`, `sequences` (docs/rules/writing.md). "
    "A\n"
    "failure says which condition held, and the value seen. Exits with 1 when something fails, or "
    "when\n"
    "nothing was tested.",
    "  coloa rules test my-rules/\n"
    "  coloa rules test --tests my-tests/ my-rules/web/ours.yml\n"
    "  coloa rules test --json | jq '.failures[] | {file, event, explanation}'\n",
};

enum { TEST_BYTES_MAX = 4 << 20, LEVELS_UP = 8 };

struct testing {
    struct rules_try *try;
    struct json_reader *reader;
    const char *folder; /* of --tests, or NULL */
    bool json;
    struct jsonw w; /* of failures */
    struct buf out, untested;
    size_t files, tested, broken;
    const char *path;         /* of the rules under test */
    char test_path[PATH_MAX]; /* of their test */
    struct rules_try_sums sums;
};

static bool read_docs(struct testing *t, const char *path, const struct json_node **ret,
                      struct diag *diag)
{
    FILE *f = fopen(path, "rbe");
    char *text = f ? malloc(TEST_BYTES_MAX) : NULL;
    size_t n = text ? fread(text, 1, TEST_BYTES_MAX, f) : 0;
    bool ok = text && n < TEST_BYTES_MAX &&
              yaml_read(t->reader, (struct slice){text, n}, ret, diag) == ERR_NONE;

    if (text && !ok && !diag->text[0])
        (void)snprintf(diag->text, sizeof(diag->text), "larger than 4 MiB");
    free(text);
    if (f)
        (void)fclose(f);
    return ok;
}

/* Line by line: what came from events must not reach the terminal as it is. */
static void print_text(struct slice text)
{
    while (text.n) {
        size_t n = slice_find(text, '\n');
        (void)printf("    ");
        cmd_print_safe(stdout, slice_cut(text, 0, n));
        (void)putchar('\n');
        text = slice_cut(text, n < text.n ? n + 1 : n, text.n);
    }
}

static void on_failure(void *arg, const struct rules_try_failure *f)
{
    struct testing *t = arg;
    struct jsonw *w = &t->w;

    if (!t->json) {
        (void)printf("FAIL %s: %s %zu (%s:%u): %s\n", t->path, f->kind, f->number, t->test_path,
                     f->line, f->message);
        print_text(f->event);
        print_text(f->explanation);
        return;
    }
    jsonw_object(w);
    jsonw_kcstr(w, "rule_id", f->rule ? f->rule->id : "");
    jsonw_kcstr(w, "rule_title", f->rule ? f->rule->title : "");
    jsonw_kcstr(w, "file", t->path);
    jsonw_kcstr(w, "tests", t->test_path);
    jsonw_kint(w, "line", f->line);
    jsonw_kcstr(w, "kind", f->kind);
    jsonw_kint(w, "number", (int64_t)f->number);
    jsonw_kcstr(w, "message", f->message);
    jsonw_kstr(w, "event", f->event);
    jsonw_kstr(w, "explanation", f->explanation);
    jsonw_close_object(w);
}

static void broken(struct testing *t, unsigned line, const char *message)
{
    struct rules_try_failure f = {.kind = "test",
                                  .line = line,
                                  .message = message,
                                  .event = SLICE(""),
                                  .explanation = SLICE("")};

    t->broken++;
    on_failure(t, &f);
}

/* 1: tested; 0: there is no such file, or no test in it. */
static bool try_file(struct testing *t, const char *path)
{
    const struct json_node *docs;
    struct diag diag = {0};

    if (path != t->test_path)
        (void)snprintf(t->test_path, sizeof(t->test_path), "%s", path);
    if (read_docs(t, path, &docs, &diag))
        return rules_try_run(t->try, docs, t->path, &t->sums, on_failure, t);
    if (diag.text[0]) {
        broken(t, 0, diag.text);
        return true;
    }
    return false;
}

static bool try_name(struct testing *t, const char *folder, size_t folder_n, const char *below)
{
    static const char *const ends[] = {"yaml", "yml"};
    const char *slash = strrchr(t->path, '/');
    const char *name = slash ? slash + 1 : t->path;
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(ends) && !any; i++) {
        int n = snprintf(t->test_path, sizeof(t->test_path), "%.*s%s/%.*s.%s", (int)folder_n,
                         folder, below, (int)strcspn(name, "."), name, ends[i]);
        any = n > 0 && (size_t)n < sizeof(t->test_path) && try_file(t, t->test_path);
    }
    return any;
}

static bool test_path(struct testing *t)
{
    char real[PATH_MAX];
    bool any = try_file(t, t->path);

    if (any || t->folder)
        return any || try_name(t, t->folder, strlen(t->folder), "");
    if (!realpath(t->path, real))
        return false;
    for (size_t up = 0; up < LEVELS_UP && !any; up++) {
        char *slash = strrchr(real, '/');
        if (!slash)
            break;
        *slash = 0;
        any = try_name(t, real, strlen(real), "/tests");
    }
    return any;
}

/* A rule that does not load fails. */
static void loading(struct testing *t, const struct rule_report *r)
{
    for (size_t i = 0; i < r->issues_n; i++) {
        if (r->issues[i].kind != ISSUE_ERROR)
            continue;
        t->path = r->issues[i].file;
        (void)snprintf(t->test_path, sizeof(t->test_path), "%s", t->path);
        broken(t, r->issues[i].line, r->issues[i].message);
    }
}

static enum err run(struct testing *t, const struct ruleset *rs)
{
    enum err e = ERR_NONE;

    loading(t, ruleset_report(rs));
    for (size_t i = 0; e == ERR_NONE && i < ruleset_n(rs); i++) {
        const char *path = ruleset_rule(rs, i)->path;
        if (i && strcmp(path, ruleset_rule(rs, i - 1)->path) == 0)
            continue;
        t->path = path;
        t->files++;
        if (test_path(t))
            t->tested++;
        else
            e = buf_printf(&t->untested, "%s\n", path);
    }
    return e;
}

static enum err put_json(struct testing *t)
{
    struct jsonw *w = &t->w;
    struct slice left = buf_slice(&t->untested);

    jsonw_close_array(w);
    jsonw_kint(w, "files", (int64_t)t->files);
    jsonw_kint(w, "tested", (int64_t)t->tested);
    jsonw_kint(w, "match", (int64_t)t->sums.match);
    jsonw_kint(w, "no_match", (int64_t)t->sums.no_match);
    jsonw_kint(w, "sequences", (int64_t)t->sums.sequences);
    jsonw_kint(w, "failed", (int64_t)(t->sums.failures + t->broken));
    jsonw_key(w, SLICE("untested"));
    jsonw_array(w);
    while (left.n) {
        size_t n = slice_find(left, '\n');
        jsonw_str(w, slice_cut(left, 0, n));
        left = slice_cut(left, n + 1, left.n);
    }
    jsonw_close_array(w);
    jsonw_close_object(w);
    enum err e = jsonw_end(w);
    return e == ERR_NONE ? buf_putc(&t->out, '\n') : e;
}

static enum err put_text(struct testing *t)
{
    size_t without = t->files - t->tested;

    for (struct slice left = buf_slice(&t->untested); left.n && without <= 20;) {
        size_t n = slice_find(left, '\n');
        (void)printf("no test: %.*s\n", (int)n, left.p);
        left = slice_cut(left, n + 1, left.n);
    }
    return buf_printf(&t->out,
                      "%zu rule files, %zu tested, %zu without a test; %zu events to find, %zu not "
                      "to find, %zu sequences; %zu failures\n",
                      t->files, t->tested, without, t->sums.match, t->sums.no_match,
                      t->sums.sequences, t->sums.failures + t->broken);
}

static int test(struct testing *t, struct ruleset *rs)
{
    buf_init(&t->out, 256 << 20);
    buf_init(&t->untested, 64 << 20);
    jsonw_init(&t->w, &t->out);
    if (t->json) {
        jsonw_object(&t->w);
        jsonw_key(&t->w, SLICE("failures"));
        jsonw_array(&t->w);
    }
    t->try = rules_try_new(rs);
    t->reader = json_reader_new(TEST_BYTES_MAX, 400000);
    enum err e = t->try && t->reader ? run(t, rs) : ERR_NOMEM;
    if (e == ERR_NONE)
        e = t->json ? put_json(t) : put_text(t);
    int rc = rules_print("test", e, &t->out);
    if (rc == EXIT_SUCCESS && (t->sums.failures + t->broken > 0 || t->tested == 0))
        rc = 1;
    rules_try_free(t->try);
    json_reader_free(t->reader);
    buf_done(&t->untested);
    return rc;
}

int rules_test(int argc, char **argv)
{
    static struct arg_many rest;
    struct testing t = {.files = 0};
    struct ruleset_options options = {.placeholders = NULL};
    struct ruleset *rs;
    const struct arg specs[] = {
        {"tests", ARG_TEXT, &t.folder, "DIR", "where the tests are, if not in `tests`"},
        {"placeholders", ARG_TEXT, &options.placeholders, "PATH",
         "lists for the %placeholders% of rules: a YAML map, or a folder of NAME.txt"},
        {"json", ARG_FLAG, &t.json, NULL, "what was tested and what failed as one JSON object"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (!rules_load(&usage, &rest, &options, &rs))
        return EXIT_FAILED;
    int rc = test(&t, rs);
    ruleset_unref(rs);
    return rc;
}
