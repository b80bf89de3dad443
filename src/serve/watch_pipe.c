#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/metrics.h"
#include "core/timefmt.h"
#include "serve/watch_int.h"

enum { JSON_BYTES_MAX = 4 << 20, JSON_NODES_MAX = 200000, QUARANTINE_BYTES_MAX = 256 << 20 };

/* "+07:00" to seconds; anything else is this machine's zone. */
static int32_t zone_of(const char *text)
{
    unsigned h, m;
    time_t now = time(NULL);
    struct tm tm;

    if ((text[0] == '+' || text[0] == '-') && sscanf(text + 1, "%2u:%2u", &h, &m) == 2 && h < 15)
        return (int32_t)(h * 3600 + m * 60) * (text[0] == '-' ? -1 : 1);
    return localtime_r(&now, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

CHECKED enum err watch_pipe_open(struct watch_pipe *p, struct watch *w, unsigned slot,
                                 struct jpos from, struct diag *diag)
{
    bool skipped = false;

    *p = (struct watch_pipe){.w = w, .slot = slot, .at = from};
    arena_init(&p->arena, WATCH_ARENA_BYTES);
    p->parse = (struct parse_ctx){
        .arena = &p->arena,
        .json = json_reader_new(JSON_BYTES_MAX, JSON_NODES_MAX),
    };
    p->zone_s = zone_of(config_text(w->ctx->cfg, OPT_INTAKE_SYSLOG_TZ));
    if (gethostname(p->host, sizeof(p->host) - 1) == 0)
        p->parse.local_host = slice_of(p->host);
    if (!p->parse.json)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the JSON reader");
    enum err e = journal_reader_open(w->journal_dir, from, &p->reader, &skipped, diag);
    if (e == ERR_NONE && skipped)
        log_warn("watch.skipped", "slot=%u the journal was trimmed before the cursor", slot);
    return e;
}

void watch_pipe_close(struct watch_pipe *p)
{
    journal_reader_close(p->reader);
    json_reader_free(p->parse.json);
    arena_done(&p->arena);
}

void watch_pipe_begin(struct watch_pipe *p)
{
    p->view = watch_view_take(p->w);
}

void watch_pipe_end(struct watch_pipe *p)
{
    watch_view_drop(p->view);
    p->view = NULL;
}

static void each_event(void *arg, struct event *ev)
{
    struct watch_pipe *p = arg;

    enrich_event(p->view->inv, p->w->geo, ev);
    p->each(p->arg, ev);
}

/* Named by its position: the other worker finds the file there and does not count again. */
void watch_pipe_quarantine(struct watch_pipe *p, const char *why)
{
    char path[4200];

    (void)snprintf(path, sizeof(path), "%s/%llu-%llu.record", p->w->quarantine_dir,
                   (unsigned long long)p->last_at.segment, (unsigned long long)p->last_at.offset);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd >= 0) {
        if (write(fd, p->last.p, p->last.n) != (ssize_t)p->last.n || fsync(fd) != 0)
            log_error("quarantine.write", "path=%s", path);
        (void)close(fd);
        metric_add(M_WATCH_POISON, 1);
    }
    log_error("record.quarantined", "why=%s kept=%s", why, path);
}

/* Test aid: COLOA_FAULT=watch.poison:TEXT makes a record that holds TEXT kill the process. */
static void fault_point(struct slice payload)
{
    static const char *text;
    static bool asked;

    if (!asked) {
        const char *env = getenv("COLOA_FAULT");
        text = env && strncmp(env, "watch.poison:", 13) == 0 ? env + 13 : NULL;
        asked = true;
    }
    if (text && memmem(payload.p, payload.n, text, strlen(text)))
        abort();
}

/* What the inventory knows of the sender helps the parser. */
static void apply_source(struct watch_pipe *p, struct record *r)
{
    const struct inventory_source *s = inventory_source_for(p->view->inv, r);
    const struct parser *format = s && !r->format && s->format.n ? parser_find(s->format) : NULL;

    p->parse.zone_s = s && s->has_zone ? s->zone_s : p->zone_s;
    if (format)
        r->format = parser_number(format);
}

CHECKED enum err watch_pipe_step(struct watch_pipe *p)
{
    struct slice frame;
    struct record r;
    struct jpos before = p->at, after;
    struct diag d = {0};
    enum err e = journal_reader_next(p->reader, &frame, &after, &d);

    if (e == ERR_CORRUPT) {
        p->damaged++;
        log_err(LOG_ERROR, "journal.damaged", e, &d, "slot=%u", p->slot);
        return ERR_NONE;
    }
    if (e != ERR_NONE)
        return e;
    p->at = after;
    p->last = frame;
    p->last_at = before;
    if (mark_is_poison(p->w->mark, p->slot, before)) {
        watch_pipe_quarantine(p, "crashed a worker");
        return ERR_NONE;
    }
    if (record_decode(frame, &r, &d) != ERR_NONE) {
        watch_pipe_quarantine(p, "not a record");
        return ERR_NONE;
    }
    /* Per record, so that the same few kilobytes stay in the processor's cache. */
    arena_reset(&p->arena);
    mark_begin(p->w->mark, p->slot, before);
    apply_source(p, &r);
    fault_point(r.payload);
    (void)parse_record(&p->parse, &r, each_event, p);
    mark_end(p->w->mark, p->slot);
    return ERR_NONE;
}
