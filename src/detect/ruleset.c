#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "detect/correlate_int.h"
#include "detect/index_int.h"
#include "detect/placeholder_int.h"
#include "detect/pipeline_int.h"

enum {
    PATHS_MAX = 200000,
    PATH_DEPTH_MAX = 32,
    FILE_BYTES_MAX = 4 << 20,
    FILE_NODES_MAX = 400000,
    RULESET_BYTES_MAX = 1 << 30,
};

struct paths {
    char **p; /* owned, each owned */
    size_t n, cap;
};

static void paths_done(struct paths *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->p[i]);
    free(all->p);
}

static CHECKED enum err paths_add(struct paths *all, const char *path)
{
    if (all->n >= PATHS_MAX)
        return ERR_LIMIT;
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 64;
        char **p = realloc(all->p, cap * sizeof(*p));
        if (!p)
            return ERR_NOMEM;
        all->p = p;
        all->cap = cap;
    }
    all->p[all->n] = strdup(path);
    if (!all->p[all->n])
        return ERR_NOMEM;
    all->n++;
    return ERR_NONE;
}

static bool is_yaml(const char *name)
{
    size_t n = strlen(name);

    return (n > 4 && strcmp(name + n - 4, ".yml") == 0) ||
           (n > 5 && strcmp(name + n - 5, ".yaml") == 0);
}

static CHECKED enum err walk(struct paths *all, const char *dir, unsigned depth, struct diag *diag);

/* A link to a folder is not followed, so that no loop is. */
static CHECKED enum err visit(struct paths *all, const char *dir, const struct dirent *d,
                              unsigned depth, struct diag *diag)
{
    char path[4096];
    struct stat link, st;
    int n = snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);

    if (n < 0 || (size_t)n >= sizeof(path))
        return FAIL(diag, ERR_LIMIT, 0, "path too long below %.150s", dir);
    if (lstat(path, &link) != 0 || stat(path, &st) != 0)
        return is_yaml(d->d_name) ? paths_add(all, path) : ERR_NONE;
    if (S_ISDIR(link.st_mode))
        return walk(all, path, depth + 1, diag);
    return is_yaml(d->d_name) && S_ISREG(st.st_mode) ? paths_add(all, path) : ERR_NONE;
}

static CHECKED enum err walk(struct paths *all, const char *dir, unsigned depth, struct diag *diag)
{
    const struct dirent *d;
    enum err e = ERR_NONE;

    if (depth > PATH_DEPTH_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "folders nested too deep at %.150s", dir);
    DIR *dp = opendir(dir);
    if (!dp) {
        e = FAIL(diag, ERR_SYS, 0, "can't read %.120s: %s", dir, strerror(errno));
        return e;
    }
    while (e == ERR_NONE && (d = readdir(dp)))
        if (d->d_name[0] != '.')
            e = visit(all, dir, d, depth, diag);
    (void)closedir(dp);
    return e;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

static CHECKED enum err collect(const char *const *paths, size_t n, struct paths *all,
                                struct diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        enum err e;
        if (stat(paths[i], &st) != 0)
            return FAIL(diag, errno == ENOENT ? ERR_NOENT : ERR_SYS, 0, "%.120s: %s", paths[i],
                        strerror(errno));
        e = S_ISDIR(st.st_mode) ? walk(all, paths[i], 0, diag) : paths_add(all, paths[i]);
        if (e == ERR_LIMIT && diag && !diag->text[0])
            return FAIL(diag, e, 0, "more than %d rule files", PATHS_MAX);
        if (e != ERR_NONE)
            return e;
    }
    if (all->n)
        qsort(all->p, all->n, sizeof(*all->p), by_text);
    size_t kept = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (kept && strcmp(all->p[kept - 1], all->p[i]) == 0)
            free(all->p[i]);
        else
            all->p[kept++] = all->p[i];
    }
    all->n = kept;
    return ERR_NONE;
}

static CHECKED enum err add_issue(struct compile *c, const struct rule_issue *issue)
{
    struct ruleset *rs = c->rs;

    if (rs->report.issues_n >= ISSUES_MAX)
        return ERR_NONE;
    if (rs->report.issues_n == rs->issues_cap) {
        size_t cap = rs->issues_cap ? rs->issues_cap * 2 : 64;
        struct rule_issue *issues = realloc(rs->issues, cap * sizeof(*issues));
        if (!issues)
            return ERR_NOMEM;
        rs->issues = issues;
        rs->issues_cap = cap;
        rs->report.issues = issues;
    }
    struct rule_issue *to = &rs->issues[rs->report.issues_n++];
    *to = *issue;
    if (rs->report.issues_n == ISSUES_MAX) {
        to->code = "more-issues";
        (void)snprintf(to->message, sizeof(to->message), "there are more than %d issues",
                       ISSUES_MAX);
    }
    return ERR_NONE;
}

CHECKED enum err report_issue(struct compile *c, enum rule_issue_kind kind,
                              const struct json_node *at, const char *code, const char *fmt, ...)
{
    struct rule_issue issue = {.kind = kind,
                               .file = c->file,
                               .line = at ? at->line : 0,
                               .column = at ? at->col : 0,
                               .code = code,
                               .rule_id = c->rule_id ? c->rule_id : ""};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(issue.message, sizeof(issue.message), fmt, ap);
    va_end(ap);
    if (kind == ISSUE_ERROR) {
        c->failed = true;
        if (++c->errors > ISSUES_OF_ONE_MAX)
            return ERR_NONE;
        if (c->errors == ISSUES_OF_ONE_MAX) {
            issue.code = "more-issues";
            (void)snprintf(issue.message, sizeof(issue.message),
                           "%d errors in one document: no more of it are told", ISSUES_OF_ONE_MAX);
        }
    }
    return add_issue(c, &issue);
}

static CHECKED enum err read_file(const char *path, char *to, size_t *ret_n, const char **ret_why)
{
    FILE *f = fopen(path, "rbe");

    if (!f) {
        *ret_why = strerror(errno);
        return ERR_SYS;
    }
    size_t n = fread(to, 1, FILE_BYTES_MAX + 1, f);
    bool bad = ferror(f);
    (void)fclose(f);
    if (bad || n > FILE_BYTES_MAX) {
        *ret_why = bad ? "read error" : "larger than 4 MiB";
        return ERR_SYS;
    }
    *ret_n = n;
    return ERR_NONE;
}

struct loader {
    struct ruleset *rs;
    struct json_reader *reader;
    char *text; /* FILE_BYTES_MAX + 1 */
    struct actions actions;
    bool tables; /* this pass takes tables of log sources, else rules */
    bool broken; /* the last text was no YAML */
};

static CHECKED enum err one_document(struct loader *l, const char *file,
                                     const struct json_node *doc)
{
    struct compile c = {.rs = l->rs, .file = file, .rule_id = ""};

    if (source_is_table(doc))
        return l->tables ? source_load(&c, doc) : ERR_NONE;
    if (l->tables || doc->type == JSON_NULL || json_get(doc, "coloa_tests"))
        return ERR_NONE;
    if (doc->type != JSON_OBJECT)
        return report_issue(&c, ISSUE_ERROR, doc, "not-a-rule", "a rule is a map");
    enum err e = actions_apply(&l->actions, &c, doc, &doc);
    return e == ERR_NONE && doc ? rule_compile(&c, doc) : e;
}

static bool has_rules(const struct json_node *docs)
{
    for (const struct json_node *d = docs->child; d; d = d->next)
        if (!source_is_table(d) && !json_get(d, "coloa_tests"))
            return true;
    return false;
}

static CHECKED enum err bad_yaml(struct loader *l, const char *file, struct slice text,
                                 const struct diag *diag)
{
    struct compile c = {.rs = l->rs, .file = file, .rule_id = ""};
    struct json_node at = {.line = 1, .col = 1};

    for (size_t i = 0; i < diag->at && i < text.n; i++) {
        at.col++;
        if (text.p[i] == '\n') {
            at.line++;
            at.col = 1;
        }
    }
    l->rs->report.files++;
    return report_issue(&c, ISSUE_ERROR, &at, "yaml", "%s", diag->text);
}

static CHECKED enum err load_text(struct loader *l, const char *file, struct slice text)
{
    struct diag diag = {0};
    const struct json_node *docs;
    enum err e = yaml_read(l->reader, text, &docs, &diag);

    l->broken = e != ERR_NONE;
    if (e == ERR_NOMEM)
        return e;
    if (e != ERR_NONE)
        return l->tables ? ERR_NONE : bad_yaml(l, file, text, &diag);
    if (!l->tables && has_rules(docs))
        l->rs->report.files++;
    actions_reset(&l->actions, docs);
    for (const struct json_node *d = docs->child; d && e == ERR_NONE; d = d->next)
        e = one_document(l, file, d);
    if (e == ERR_NONE && !l->tables)
        e = actions_end(&l->actions, &(struct compile){.rs = l->rs, .file = file, .rule_id = ""});
    return e;
}

static CHECKED enum err load_file(struct loader *l, const char *path)
{
    const char *why = "";
    size_t n = 0;
    const char *file = arena_cstr(&l->rs->arena, slice_of(path));

    if (!file)
        return ERR_NOMEM;
    if (read_file(path, l->text, &n, &why) != ERR_NONE) {
        struct compile c = {.rs = l->rs, .file = file, .rule_id = ""};
        l->rs->report.files += !l->tables;
        return l->tables ? ERR_NONE : report_issue(&c, ISSUE_ERROR, NULL, "unreadable", "%s", why);
    }
    return load_text(l, file, (struct slice){l->text, n});
}

static bool table_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    return strcmp(name, "logsources.yaml") == 0 || strcmp(name, "logsources.yml") == 0;
}

/* A table among the paths replaces the one that the program carries. */
static CHECKED enum err load_tables(struct loader *l, const struct paths *all)
{
    enum err e = ERR_NONE;

    l->tables = true;
    for (size_t i = 0; e == ERR_NONE && i < all->n; i++)
        if (table_name(all->p[i]))
            e = load_file(l, all->p[i]);
    if (e == ERR_NONE && !l->rs->rows_n)
        e = load_text(l, "(built in)/logsources.yaml",
                      (struct slice){source_builtin, source_builtin_n});
    l->tables = false;
    return e;
}

static CHECKED enum err ruleset_new(struct ruleset **ret)
{
    static _Atomic uint64_t serials;
    struct ruleset *rs = calloc(1, sizeof(*rs));
    struct compile c = {.rs = rs};
    uint32_t keywords = 0;

    if (!rs)
        return ERR_NOMEM;
    rs->refs = 1;
    rs->serial = ++serials;
    arena_init(&rs->arena, RULESET_BYTES_MAX);
    intern_init(&rs->names, &rs->arena);
    intern_init(&rs->slot_keys, &rs->arena);
    intern_init(&rs->ids, &rs->arena);
    intern_init(&rs->expressions, &rs->arena);
    enum err e = slot_of(&c, SLICE(""), &keywords);
    if (e != ERR_NONE) {
        ruleset_unref(rs);
        return e;
    }
    *ret = rs;
    return ERR_NONE;
}

void ruleset_unref(struct ruleset *rs)
{
    if (!rs || --rs->refs)
        return;
    for (size_t i = 0; i < rs->regexes_n; i++)
        regex_free(rs->regexes[i]);
    for (size_t i = 0; i < rs->rows_n; i++)
        free(rs->rows[i].rules);
    free(rs->regexes);
    free(rs->rules);
    free(rs->correlations);
    placeholders_free(rs->placeholders);
    free(rs->filters);
    free(rs->slots);
    free(rs->issues);
    intern_done(&rs->names);
    intern_done(&rs->slot_keys);
    intern_done(&rs->ids);
    intern_done(&rs->expressions);
    intern_done(&rs->gate.keys);
    index_free(rs->index);
    arena_done(&rs->arena);
    free(rs);
}

struct ruleset *ruleset_ref(struct ruleset *rs)
{
    rs->refs++;
    return rs;
}

static CHECKED enum err loader_init(struct loader *l)
{
    enum err e = ruleset_new(&l->rs);

    actions_init(&l->actions);
    if (e != ERR_NONE)
        return e;
    l->reader = json_reader_new(FILE_BYTES_MAX, FILE_NODES_MAX);
    return l->reader ? ERR_NONE : ERR_NOMEM;
}

/* Ends the loading: the ruleset goes to the caller or, after a failure, nowhere. */
static CHECKED enum err finish(struct loader *l, enum err e, struct ruleset **ret,
                               struct diag *diag)
{
    if (e == ERR_NONE)
        e = filter_apply(l->rs);
    if (e == ERR_NONE)
        e = correlation_link(l->rs);
    if (e == ERR_NONE)
        e = gate_build(l->rs);
    if (e == ERR_NONE)
        e = index_build(l->rs, diag);
    placeholders_free(l->rs ? l->rs->placeholders : NULL);
    pipelines_free(l->rs ? l->rs->pipelines : NULL);
    if (l->rs) {
        l->rs->placeholders = NULL;
        l->rs->pipelines = NULL;
    }
    json_reader_free(l->reader);
    actions_done(&l->actions);
    free(l->text);
    if (e != ERR_NONE) {
        ruleset_unref(l->rs);
        return FAIL(diag, e, 0, "rules not loaded: %s", err_text(e));
    }
    *ret = l->rs;
    return ERR_NONE;
}

CHECKED enum err ruleset_load(const char *const *paths, size_t n, struct ruleset **ret,
                              struct diag *diag)
{
    return ruleset_load_with(paths, n, &(struct ruleset_options){.placeholders = NULL}, ret, diag);
}

CHECKED enum err ruleset_load_with(const char *const *paths, size_t n,
                                   const struct ruleset_options *options, struct ruleset **ret,
                                   struct diag *diag)
{
    const char *lists = options->placeholders;
    struct paths all = {.n = 0};
    struct loader l = {.tables = false};
    struct diag local = {0};
    enum err e = collect(paths, n, &all, diag ? diag : &local);

    if (e != ERR_NONE) {
        paths_done(&all);
        return e;
    }
    e = loader_init(&l);
    if (e == ERR_NONE) {
        l.text = malloc(FILE_BYTES_MAX + 1);
        e = l.text ? load_tables(&l, &all) : ERR_NOMEM;
    }
    if (e == ERR_NONE && lists && *lists)
        e = placeholders_load(l.rs, lists, l.reader, l.text, FILE_BYTES_MAX + 1, diag);
    if (e == ERR_NONE)
        e = pipelines_load(options->pipelines, options->pipelines_n, &l.rs->pipelines, diag);
    if (e == ERR_NONE)
        e = pipeline_notes(l.rs);
    if (e == ERR_NOENT || e == ERR_SYS || e == ERR_LIMIT || e == ERR_SYNTAX)
        diag = NULL; /* it says why */
    for (size_t i = 0; e == ERR_NONE && i < all.n; i++)
        e = load_file(&l, all.p[i]);
    paths_done(&all);
    return finish(&l, e, ret, diag);
}

CHECKED enum err ruleset_load_text(const char *name, struct slice text, struct ruleset **ret,
                                   struct diag *diag)
{
    struct paths none = {.n = 0};
    struct loader l = {.tables = false};
    enum err e = loader_init(&l);
    const char *file = e == ERR_NONE ? arena_cstr(&l.rs->arena, slice_of(name)) : NULL;

    if (e == ERR_NONE && !file)
        e = ERR_NOMEM;
    if (e == ERR_NONE) {
        l.tables = true;
        e = load_text(&l, file, text);
    }
    if (e == ERR_NONE && !l.broken && !l.rs->rows_n)
        e = load_tables(&l, &none);
    l.tables = false;
    if (e == ERR_NONE)
        e = load_text(&l, file, text);
    return finish(&l, e, ret, diag);
}

const struct rule_report *ruleset_report(const struct ruleset *rs)
{
    return &rs->report;
}

size_t ruleset_n(const struct ruleset *rs)
{
    return rs->rules_n;
}

const struct rule_info *ruleset_rule(const struct ruleset *rs, size_t i)
{
    return &rs->rules[i].info;
}
