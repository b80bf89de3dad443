#include "serve/desk_role.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/snapshot.h"
#include "desk/desk_demo.h"
#include "desk/findings.h"
#include "desk/publish.h"
#include "desk/setup.h"
#include "desk/token.h"
#include "serve/datadir.h"
#include "serve/pem.h"
#include "web/web.h"

enum { BATCH = 500, IDLE_MS = 100, PATH_BYTES = 4200 };

struct desk_own {
    struct role_ctx *ctx;
    struct desk *desk;
    struct web *web;
    struct pem certificate, key;
    _Atomic bool stop;
    bool runs;
    pthread_t thread;
    uint64_t seen[PUBLISH_N]; /* newest snapshot told to the others */
    char findings_dir[PATH_BYTES], cursor[PATH_BYTES], store_socket[PATH_BYTES];
};

/* ---- findings to alerts ---- */

static size_t take_batch(struct journal_reader *r, struct arena *a, struct slice *frames,
                         struct jpos *after)
{
    size_t n = 0;

    while (n < BATCH) {
        struct slice frame;
        struct diag d = {0};
        enum err e = journal_reader_next(r, &frame, after, &d);
        if (e == ERR_CORRUPT) {
            log_err(LOG_ERROR, "findings.damaged", e, &d, "a stretch was skipped");
            continue;
        }
        if (e != ERR_NONE || arena_dup(a, frame, &frames[n]) != ERR_NONE)
            break;
        n++;
    }
    return n;
}

/* Tries until it is in or the role stops: nothing is skipped because the disk is full. */
static bool apply(struct desk_own *o, const struct slice *frames, size_t n, struct jpos after)
{
    while (!atomic_load(&o->stop)) {
        struct findings_result res;
        struct diag d = {0};
        enum err e = findings_apply(o->desk, SLICE("findings"), frames, n, after, &res, &d);
        if (e == ERR_NONE) {
            metric_add(M_DESK_FINDINGS, res.findings);
            metric_add(M_DESK_ALERTS, res.alerts);
            if (res.bad)
                log_warn("findings.bad", "n=%llu", (unsigned long long)res.bad);
            return true;
        }
        log_err(LOG_ERROR, "findings.apply", e, &d, "frames=%zu", n);
        (void)nanosleep(&(struct timespec){.tv_nsec = IDLE_MS * NS_PER_MS}, NULL);
    }
    return false;
}

static void *findings_main(void *arg)
{
    struct desk_own *o = arg;
    struct jpos after = {0, 0};
    struct journal_reader *r = NULL;
    struct arena a;
    struct diag d = {0};
    enum err e = findings_cursor(o->desk, SLICE("findings"), &after, &d);

    arena_init(&a, 256 << 20);
    if (e == ERR_NONE)
        e = journal_reader_open(o->findings_dir, after, &r, NULL, &d);
    if (e != ERR_NONE)
        log_err(LOG_ERROR, "findings.open", e, &d, "no alerts will be made");
    while (e == ERR_NONE && !atomic_load(&o->stop)) {
        struct slice frames[BATCH];
        arena_reset(&a);
        size_t n = take_batch(r, &a, frames, &after);
        if (n == 0) {
            (void)journal_reader_wait(r, IDLE_MS);
            continue;
        }
        if (apply(o, frames, n, after) && jcursor_save(o->cursor, after, NULL) != ERR_NONE)
            log_warn("cursor.save", "path=%s", o->cursor);
    }
    journal_reader_close(r);
    arena_done(&a);
    return NULL;
}

/* ---- snapshots: told once a newer file is there ---- */

static void tell_snapshots(struct desk_own *o)
{
    char dir[PATH_BYTES];

    (void)snprintf(dir, sizeof(dir), "%s/snapshots", o->ctx->data_dir);
    for (int k = 0; k < PUBLISH_N; k++) {
        const char *kind = publish_name((enum publish_kind)k);
        uint64_t seq = snapshot_newest(dir, kind);
        if (seq == o->seen[k])
            continue;
        if (role_send(o->ctx, MSG_SNAPSHOT, slice_of(kind)) == ERR_NONE)
            o->seen[k] = seq;
    }
}

/* ---- the role ---- */

static CHECKED enum err first_login(struct desk_own *o, struct diag *diag)
{
    char password[SETUP_PASSWORD_BYTES + 1], text[96];
    bool created = false;
    enum err e = setup_first_admin(o->desk, &created, password, diag);

    if (e != ERR_NONE || !created)
        return e;
    (void)snprintf(text, sizeof(text), "admin  %s", password);
    e = role_send(o->ctx, MSG_FIRST_LOGIN, slice_of(text));
    explicit_bzero(text, sizeof(text));
    explicit_bzero(password, sizeof(password));
    return e;
}

/* The player is another program: it reads its token from a file that only this user may read. */
static CHECKED enum err demo(struct desk_own *o, struct diag *diag)
{
    char secret[TOKEN_TEXT_BYTES + 1], path[PATH_BYTES];
    uint64_t id;
    uint32_t org;

    if (!config_bool(o->ctx->cfg, OPT_DEMO))
        return ERR_NONE;
    (void)snprintf(path, sizeof(path), "%s/run/demo-token", o->ctx->data_dir);
    enum err e = desk_demo_ensure(o->desk, &org, diag);
    if (e != ERR_NONE || access(path, R_OK) == 0)
        return e;
    const struct token t = {
        .org = org, .role = USER_MACHINE, .name = SLICE("demo"), .source = SLICE("demo")};
    e = token_add(o->desk, &DESK_ACTOR_SYSTEM, &t, &id, secret, diag);
    if (e == ERR_NONE)
        e = datadir_write_file(path, secret, strlen(secret), 0640, true, diag);
    explicit_bzero(secret, sizeof(secret));
    return e;
}

static CHECKED enum err start_web(struct desk_own *o, struct diag *diag)
{
    enum err e = pem_read(config_text(o->ctx->cfg, OPT_TLS_CERTIFICATE), &o->certificate, diag);

    if (e == ERR_NONE)
        e = pem_read(config_text(o->ctx->cfg, OPT_TLS_KEY), &o->key, diag);
    if (e != ERR_NONE)
        return e;
    const struct web_options w = {
        .desk = o->desk,
        .listen_fd = role_fd(o->ctx, "web"),
        .local_fd = role_fd(o->ctx, "local"),
        .data_dir = o->ctx->data_dir,
        .store_socket = o->store_socket,
        .cfg = o->ctx->cfg,
        .certificate_pem = o->certificate.text,
        .key_pem = o->key.text,
    };
    return web_start(&w, &o->web, diag);
}

static CHECKED enum err desk_start(struct role_ctx *c, struct diag *diag)
{
    struct desk_own *o = calloc(1, sizeof(*o));
    const struct desk_options opt = {.data_dir = c->data_dir, .cfg = c->cfg};

    if (!o)
        return ERR_NOMEM;
    c->own = o;
    o->ctx = c;
    (void)snprintf(o->findings_dir, sizeof(o->findings_dir), "%s/findings", c->data_dir);
    (void)snprintf(o->cursor, sizeof(o->cursor), "%s/cursors/desk/findings", c->data_dir);
    (void)snprintf(o->store_socket, sizeof(o->store_socket), "%s/run/store.sock", c->data_dir);
    enum err e = desk_open(&opt, &o->desk, diag);
    if (e == ERR_NONE)
        e = first_login(o, diag);
    if (e == ERR_NONE)
        e = demo(o, diag);
    if (e == ERR_NONE)
        e = start_web(o, diag);
    if (e != ERR_NONE)
        return e;
    o->runs = pthread_create(&o->thread, NULL, findings_main, o) == 0;
    tell_snapshots(o);
    return o->runs ? ERR_NONE : FAIL(diag, ERR_SYS, 0, "cannot start the desk's worker");
}

static void desk_tick_role(struct role_ctx *c)
{
    struct desk_own *o = c->own;
    struct diag d = {0};
    enum err e = desk_tick(o->desk, &d);

    if (e != ERR_NONE)
        log_err(LOG_ERROR, "desk.tick", e, &d, "snapshots may be late");
    tell_snapshots(o);
}

static CHECKED enum err desk_reload(struct role_ctx *c, struct diag *diag)
{
    struct desk_own *o = c->own;

    (void)diag;
    desk_tune(o->desk, c->cfg);
    web_reload(o->web, c->cfg);
    return ERR_NONE;
}

static void desk_stop(struct role_ctx *c)
{
    struct desk_own *o = c->own;

    atomic_store(&o->stop, true);
    if (o->runs) /* before web_stop: what it commits is told to the live stream */
        (void)pthread_join(o->thread, NULL);
    web_stop(o->web);
    desk_close(o->desk);
    pem_done(&o->certificate);
    pem_done(&o->key);
    free(o);
}

const struct role_ops desk_role = {
    .role = ROLE_DESK,
    .start = desk_start,
    .reload = desk_reload,
    .tick = desk_tick_role,
    .stop = desk_stop,
};
