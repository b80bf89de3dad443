#include "serve/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/metrics.h"
#include "serve/watch_int.h"

#define FINDINGS_SEGMENT_BYTES (UINT64_C(16) << 20)
#define FINDINGS_MAX_BYTES (UINT64_C(1) << 30)

static void paths(struct watch *w)
{
    const char *dir = w->ctx->data_dir;

    (void)snprintf(w->journal_dir, sizeof(w->journal_dir), "%s/journal", dir);
    (void)snprintf(w->state_dir, sizeof(w->state_dir), "%s/state", dir);
    (void)snprintf(w->quarantine_dir, sizeof(w->quarantine_dir), "%s/quarantine/watch", dir);
    (void)snprintf(w->store_socket, sizeof(w->store_socket), "%s/run/store.sock", dir);
    (void)snprintf(w->cursor_detect, sizeof(w->cursor_detect), "%s/cursors/watch/detect", dir);
    (void)snprintf(w->cursor_store, sizeof(w->cursor_store), "%s/cursors/watch/store", dir);
}

static CHECKED enum err open_all(struct watch *w, struct diag *diag)
{
    char path[4200];
    const struct journal_options o = {
        .dir = path,
        .quarantine = w->quarantine_dir,
        .segment_bytes = FINDINGS_SEGMENT_BYTES,
        .max_bytes = FINDINGS_MAX_BYTES,
        .commit_ms = 2,
    };
    const char *mmdb = config_text(w->ctx->cfg, OPT_ENRICH_MMDB);

    ruleset_cache(w->state_dir);
    (void)snprintf(path, sizeof(path), "%s/watch.mark", w->state_dir);
    enum err e = mark_open(path, &w->mark, diag);
    if (e == ERR_NONE && mmdb[0])
        e = geo_open(mmdb, &w->geo, diag);
    (void)snprintf(path, sizeof(path), "%s/findings", w->ctx->data_dir);
    if (e == ERR_NONE)
        e = journal_open(&o, &w->findings, diag);
    if (e == ERR_NONE)
        e = watch_view_load(w, diag);
    return e;
}

static CHECKED enum err watch_start(struct role_ctx *c, struct diag *diag)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w)
        return ERR_NOMEM;
    c->own = w;
    w->ctx = c;
    (void)pthread_mutex_init(&w->view_lock, NULL);
    paths(w);
    enum err e = open_all(w, diag);
    if (e != ERR_NONE)
        return e;
    w->detect_runs = pthread_create(&w->detect_thread, NULL, watch_detect_main, w) == 0;
    w->store_runs = pthread_create(&w->store_thread, NULL, watch_store_main, w) == 0;
    if (!w->detect_runs || !w->store_runs)
        return FAIL(diag, ERR_SYS, 0, "cannot start the workers of watch");
    return ERR_NONE;
}

static void load_again(struct role_ctx *c, bool rules, const char *why)
{
    struct diag d = {0};
    enum err e = rules ? watch_view_load(c->own, &d) : watch_view_refresh(c->own, &d);

    if (e != ERR_NONE)
        log_err(LOG_ERROR, "watch.load", e, &d, "what was loaded before stays; why=%s", why);
}

static CHECKED enum err watch_reload(struct role_ctx *c, struct diag *diag)
{
    return watch_view_load(c->own, diag);
}

static void watch_message(struct role_ctx *c, enum msg_kind kind, struct slice payload)
{
    if (kind == MSG_RULES_RELOAD)
        load_again(c, true, "rules");
    else if (kind == MSG_SNAPSHOT && slice_eq(payload, SLICE("inventory")))
        load_again(c, false, "inventory");
    else if (kind == MSG_SNAPSHOT && slice_eq(payload, SLICE("exceptions")))
        load_again(c, false, "exceptions");
}

/* What the desk has taken may go from the findings journal. */
static void watch_tick(struct role_ctx *c)
{
    struct watch *w = c->own;
    char path[4200];
    struct jpos at;

    (void)snprintf(path, sizeof(path), "%s/cursors/desk/findings", c->data_dir);
    if (jcursor_load(path, &at, NULL) == ERR_NONE && at.segment > 0 &&
        journal_trim(w->findings, at) != ERR_NONE)
        log_warn("findings.trim", "segment=%llu", (unsigned long long)at.segment);
}

static void watch_stop(struct role_ctx *c)
{
    struct watch *w = c->own;

    atomic_store(&w->stop, true);
    if (w->detect_runs)
        (void)pthread_join(w->detect_thread, NULL);
    if (w->store_runs)
        (void)pthread_join(w->store_thread, NULL);
    journal_close(w->findings);
    watch_view_drop(w->view);
    geo_close(w->geo);
    mark_close(w->mark);
    (void)pthread_mutex_destroy(&w->view_lock);
    free(w);
}

const struct role_ops watch_role = {
    .role = ROLE_WATCH,
    .start = watch_start,
    .reload = watch_reload,
    .message = watch_message,
    .tick = watch_tick,
    .stop = watch_stop,
};
