#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/snapshot.h"
#include "detect/pipeline.h"
#include "serve/datadir.h"
#include "serve/rules_dir.h"
#include "serve/watch_int.h"

enum { RULES_JSON_MAX = 16 << 20, ISSUES_SHOWN = 500 };

struct watch_view *watch_view_take(struct watch *w)
{
    (void)pthread_mutex_lock(&w->view_lock);
    struct watch_view *v = w->view;
    (void)atomic_fetch_add(&v->refs, 1);
    (void)pthread_mutex_unlock(&w->view_lock);
    return v;
}

void watch_view_drop(struct watch_view *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) != 1)
        return;
    ruleset_unref(v->rules);
    inventory_free(v->inv);
    exceptions_free(v->exceptions);
    free(v);
}

static void one_rule(struct jsonw *j, const struct rule_info *r)
{
    jsonw_object(j);
    jsonw_kcstr(j, "id", r->id);
    jsonw_kcstr(j, "title", r->title);
    jsonw_kcstr(j, "title_vi", r->title_vi);
    jsonw_kcstr(j, "description", r->description);
    jsonw_kcstr(j, "author", r->author);
    jsonw_kcstr(j, "level", rule_level_name(r->level));
    jsonw_kcstr(j, "status", r->status);
    jsonw_kcstr(j, "product", r->product);
    jsonw_kcstr(j, "category", r->category);
    jsonw_kcstr(j, "service", r->service);
    jsonw_key(j, SLICE("tags"));
    jsonw_array(j);
    for (size_t i = 0; i < r->tags_n; i++)
        jsonw_str(j, slice_of(r->tags[i]));
    jsonw_close_array(j);
    jsonw_close_object(j);
}

static void one_issue(struct jsonw *j, const struct rule_issue *i)
{
    static const char *const kinds[] = {"error", "warning", "cannot_match"};

    jsonw_object(j);
    jsonw_kcstr(j, "kind", kinds[i->kind]);
    jsonw_kcstr(j, "file", i->file);
    jsonw_kint(j, "line", i->line);
    jsonw_kint(j, "column", i->column);
    jsonw_kcstr(j, "code", i->code);
    jsonw_kcstr(j, "message", i->message);
    jsonw_kcstr(j, "rule_id", i->rule_id);
    jsonw_close_object(j);
}

/* For the desk, which links no rule engine. */
static void publish_rules(struct watch *w, const struct ruleset *rs)
{
    const struct rule_report *rep = ruleset_report(rs);
    char path[4200];
    struct buf b;
    struct jsonw j;

    buf_init(&b, RULES_JSON_MAX);
    jsonw_init(&j, &b);
    jsonw_object(&j);
    jsonw_ktime(&j, "loaded_at", clock_wall_ns());
    jsonw_kint(&j, "files", (int64_t)rep->files);
    jsonw_kint(&j, "rules", (int64_t)rep->rules);
    jsonw_kint(&j, "loaded", (int64_t)rep->loaded);
    jsonw_key(&j, SLICE("issues"));
    jsonw_array(&j);
    for (size_t i = 0; i < rep->issues_n && i < ISSUES_SHOWN; i++)
        one_issue(&j, &rep->issues[i]);
    jsonw_close_array(&j);
    jsonw_key(&j, SLICE("items"));
    jsonw_array(&j);
    for (size_t i = 0; i < ruleset_n(rs); i++)
        one_rule(&j, ruleset_rule(rs, i));
    jsonw_close_array(&j);
    jsonw_close_object(&j);
    (void)snprintf(path, sizeof(path), "%s/run/rules.json", w->ctx->data_dir);
    enum err e = jsonw_end(&j);
    if (e == ERR_NONE)
        e = datadir_write_file(path, b.p, b.n, 0640, false, NULL);
    if (e != ERR_NONE)
        log_err(LOG_WARN, "rules.publish", e, NULL, "path=run/rules.json");
    buf_done(&b);
}

/* Demo events get a retention class of their own, so that removing the demo drops partitions. */
static uint32_t find_demo(struct slice inventory)
{
    struct json_reader *r = json_reader_new(SNAPSHOT_BYTES_MAX, 4000000);
    const struct json_node *root;
    uint32_t org = 0;

    if (r && json_read_strict(r, inventory, &root, NULL) == ERR_NONE) {
        const struct json_node *orgs = json_get(root, "orgs");
        for (const struct json_node *o = orgs ? orgs->child : NULL; o; o = o->next)
            if (slice_eq(json_get_str(o, "slug"), SLICE("demo")))
                org = (uint32_t)json_get_int(o, "id", 0);
    }
    json_reader_free(r);
    return org;
}

static CHECKED enum err load_snapshot(struct watch *w, const char *kind, struct buf *b,
                                      struct diag *diag)
{
    char dir[4200];
    uint64_t seq;

    (void)snprintf(dir, sizeof(dir), "%s/snapshots", w->ctx->data_dir);
    buf_reset(b);
    enum err e = snapshot_load(dir, kind, b, &seq, diag);
    return e == ERR_NOENT ? ERR_NONE : e;
}

static CHECKED enum err load_snapshots(struct watch *w, struct watch_view *v, struct diag *diag)
{
    struct buf b;

    buf_init(&b, SNAPSHOT_BYTES_MAX);
    enum err e = load_snapshot(w, "inventory", &b, diag);
    if (e == ERR_NONE)
        e = inventory_read(buf_slice(&b), &v->inv, diag);
    if (e == ERR_NONE && b.n)
        v->demo_org = find_demo(buf_slice(&b));
    if (e == ERR_NONE)
        e = load_snapshot(w, "exceptions", &b, diag);
    if (e == ERR_NONE)
        e = exceptions_read(buf_slice(&b), &v->exceptions, diag);
    buf_done(&b);
    return e;
}

static CHECKED enum err load_rules(struct watch *w, struct watch_view *v, struct diag *diag)
{
    const char *pipelines[PIPELINES_MAX];
    struct rules_dir dirs;

    rules_dir_list(w->ctx->cfg, &dirs);
    size_t n = config_list_n(w->ctx->cfg, OPT_RULES_PIPELINES);
    if (n > PIPELINES_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "rules.pipelines: more than %d files", PIPELINES_MAX);
    for (size_t i = 0; i < n; i++)
        pipelines[i] = config_list_at(w->ctx->cfg, OPT_RULES_PIPELINES, i);
    struct ruleset_options options = {
        .placeholders = config_text(w->ctx->cfg, OPT_RULES_PLACEHOLDERS),
        .pipelines = pipelines,
        .pipelines_n = n,
    };
    enum err e = ruleset_load_with(dirs.paths, dirs.n, &options, &v->rules, diag);
    if (e != ERR_NONE)
        return e;
    const struct rule_report *rep = ruleset_report(v->rules);
    metric_set(M_DETECT_RULES, rep->loaded);
    metric_set(M_DETECT_RULES_FAILED, rep->rules - rep->loaded);
    if (rep->loaded == 0)
        log_error("rules.none", "no rule is loaded: nothing will be detected");
    log_info("rules.load", "files=%zu rules=%zu loaded=%zu", rep->files, rep->rules, rep->loaded);
    publish_rules(w, v->rules);
    return ERR_NONE;
}

/* `old` gives its rules; NULL: they are loaded. */
static CHECKED enum err swap(struct watch *w, struct watch_view *old, struct diag *diag)
{
    struct watch_view *v = calloc(1, sizeof(*v));

    if (!v)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the rules");
    atomic_init(&v->refs, 1);
    enum err e = ERR_NONE;
    if (old)
        v->rules = ruleset_ref(old->rules);
    else
        e = load_rules(w, v, diag);
    if (e == ERR_NONE)
        e = load_snapshots(w, v, diag);
    if (e != ERR_NONE) {
        watch_view_drop(v);
        return e;
    }
    (void)pthread_mutex_lock(&w->view_lock);
    struct watch_view *before = w->view;
    w->view = v;
    (void)pthread_mutex_unlock(&w->view_lock);
    watch_view_drop(before);
    return ERR_NONE;
}

CHECKED enum err watch_view_load(struct watch *w, struct diag *diag)
{
    return swap(w, NULL, diag);
}

CHECKED enum err watch_view_refresh(struct watch *w, struct diag *diag)
{
    struct watch_view *old = watch_view_take(w);
    enum err e = swap(w, old, diag);

    watch_view_drop(old);
    return e;
}
