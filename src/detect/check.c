#include "detect/check.h"

#include "core/jsonw.h"

static void put_issue(struct jsonw *w, const struct rule_issue *is)
{
    bool cannot = is->kind == ISSUE_CANNOT_MATCH;

    jsonw_object(w);
    if (cannot) {
        jsonw_kcstr(w, "rule_id", is->rule_id);
        jsonw_kcstr(w, "reason", is->code);
    }
    jsonw_kcstr(w, "file", is->file);
    jsonw_kint(w, "line", is->line);
    jsonw_kint(w, "column", is->column);
    if (!cannot)
        jsonw_kcstr(w, "code", is->code);
    jsonw_kcstr(w, "message", is->message);
    jsonw_close_object(w);
}

static void put_issues(struct jsonw *w, const struct rule_report *r, const char *key,
                       enum rule_issue_kind kind)
{
    jsonw_key(w, slice_of(key));
    jsonw_array(w);
    for (size_t i = 0; i < r->issues_n; i++)
        if (r->issues[i].kind == kind)
            put_issue(w, &r->issues[i]);
    jsonw_close_array(w);
}

CHECKED enum err check_json(const struct ruleset *rs, struct buf *out)
{
    const struct rule_report *r = ruleset_report(rs);
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_kint(&w, "files", (int64_t)r->files);
    jsonw_kint(&w, "rules", (int64_t)r->rules);
    jsonw_kint(&w, "loaded", (int64_t)r->loaded);
    jsonw_kint(&w, "correlations", (int64_t)r->correlations);
    jsonw_kint(&w, "filters", (int64_t)r->filters);
    put_issues(&w, r, "errors", ISSUE_ERROR);
    put_issues(&w, r, "warnings", ISSUE_WARNING);
    put_issues(&w, r, "cannot_match", ISSUE_CANNOT_MATCH);
    jsonw_close_object(&w);
    return jsonw_end(&w);
}

static size_t count(const struct rule_report *r, enum rule_issue_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < r->issues_n; i++)
        n += r->issues[i].kind == kind;
    return n;
}

CHECKED enum err check_text(const struct ruleset *rs, struct buf *out)
{
    static const char *const kinds[] = {
        [ISSUE_ERROR] = "error", [ISSUE_WARNING] = "warning", [ISSUE_CANNOT_MATCH] = "can't match"};
    const struct rule_report *r = ruleset_report(rs);
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < r->issues_n; i++) {
        const struct rule_issue *is = &r->issues[i];
        e = buf_printf(out, "%s:%u:%u: %s: %s [%s]\n", is->file, is->line, is->column,
                       kinds[is->kind], is->message, is->code);
    }
    if (e == ERR_NONE)
        e = buf_printf(out,
                       "%zu files, %zu rules, %zu loaded, %zu correlations, %zu filters; "
                       "%zu errors, %zu warnings, %zu can't match\n",
                       r->files, r->rules, r->loaded, r->correlations, r->filters,
                       count(r, ISSUE_ERROR), count(r, ISSUE_WARNING),
                       count(r, ISSUE_CANNOT_MATCH));
    return e;
}

bool check_failed(const struct ruleset *rs)
{
    return count(ruleset_report(rs), ISSUE_ERROR) > 0;
}
