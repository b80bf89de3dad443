#include "serve/intake_role.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/metrics.h"
#include "intake/intake.h"
#include "serve/pem.h"

enum { PATH_BYTES = 4200 };

struct intake_own {
    struct journal *journal;
    struct intake *intake;
    struct pem certificate, key;
};

static CHECKED enum err open_journal(struct role_ctx *c, struct journal **ret, struct diag *diag)
{
    char dir[PATH_BYTES], quarantine[PATH_BYTES];
    enum err e = role_path(c, "journal", dir, sizeof(dir));

    if (e == ERR_NONE)
        e = role_path(c, "quarantine/intake", quarantine, sizeof(quarantine));
    if (e != ERR_NONE)
        return e;
    const struct journal_options o = {
        .dir = dir,
        .quarantine = quarantine,
        .segment_bytes = (uint64_t)config_int(c->cfg, OPT_JOURNAL_SEGMENT_BYTES),
        .max_bytes = (uint64_t)config_int(c->cfg, OPT_JOURNAL_MAX_BYTES),
        .commit_ms = (int)config_int(c->cfg, OPT_JOURNAL_COMMIT_MS),
    };
    return journal_open(&o, ret, diag);
}

static CHECKED enum err intake_role_start(struct role_ctx *c, struct diag *diag)
{
    struct intake_own *own = calloc(1, sizeof(*own));
    struct journal_health h;

    if (!own)
        return ERR_NOMEM;
    c->own = own;
    enum err e = open_journal(c, &own->journal, diag);
    if (e == ERR_NONE)
        e = pem_read(config_text(c->cfg, OPT_TLS_CERTIFICATE), &own->certificate, diag);
    if (e == ERR_NONE)
        e = pem_read(config_text(c->cfg, OPT_TLS_KEY), &own->key, diag);
    if (e != ERR_NONE)
        return e;
    journal_health(own->journal, &h);
    if (h.torn_bytes || h.damaged_bytes)
        log_warn("journal.recovered", "torn_bytes=%llu damaged_bytes=%llu",
                 (unsigned long long)h.torn_bytes, (unsigned long long)h.damaged_bytes);
    const struct intake_options o = {
        .journal = own->journal,
        .data_dir = c->data_dir,
        .cfg = c->cfg,
        .udp_fd = role_fd(c, "udp"),
        .tcp_fd = role_fd(c, "tcp"),
        .ingest_fd = role_fd(c, "ingest"),
        .certificate_pem = own->certificate.text,
        .key_pem = own->key.text,
    };
    return intake_start(&o, &own->intake, diag);
}

static CHECKED enum err intake_role_reload(struct role_ctx *c, struct diag *diag)
{
    struct intake_own *own = c->own;

    (void)diag;
    journal_tune(own->journal, (uint64_t)config_int(c->cfg, OPT_JOURNAL_MAX_BYTES),
                 (int)config_int(c->cfg, OPT_JOURNAL_COMMIT_MS));
    intake_reload(own->intake, c->cfg);
    return ERR_NONE;
}

static void intake_role_message(struct role_ctx *c, enum msg_kind kind, struct slice payload)
{
    struct intake_own *own = c->own;

    if (kind == MSG_SNAPSHOT && slice_eq(payload, SLICE("access")))
        intake_snapshot_changed(own->intake);
}

/* What both workers of watch have passed may go. A cursor that is not there yet holds everything.
 */
static void intake_role_tick(struct role_ctx *c)
{
    static const char *const cursors[] = {"cursors/watch/detect", "cursors/watch/store"};
    struct intake_own *own = c->own;
    struct jpos all = {UINT64_MAX, UINT64_MAX};
    struct journal_health h;

    for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
        char path[PATH_BYTES];
        struct jpos at = {0, 0};
        if (role_path(c, cursors[i], path, sizeof(path)) != ERR_NONE ||
            jcursor_load(path, &at, NULL) != ERR_NONE)
            at = (struct jpos){0, 0};
        if (jpos_cmp(at, all) < 0)
            all = at;
    }
    if (all.segment > 0 && journal_trim(own->journal, all) != ERR_NONE)
        log_warn("journal.trim", "segment=%llu", (unsigned long long)all.segment);
    journal_health(own->journal, &h);
    metric_set(M_JOURNAL_BYTES, h.bytes);
}

static void intake_role_stop(struct role_ctx *c)
{
    struct intake_own *own = c->own;

    intake_stop(own->intake);
    journal_close(own->journal);
    pem_done(&own->certificate);
    pem_done(&own->key);
    free(own);
}

const struct role_ops intake_role = {
    .role = ROLE_INTAKE,
    .start = intake_role_start,
    .reload = intake_role_reload,
    .message = intake_role_message,
    .tick = intake_role_tick,
    .stop = intake_role_stop,
};
