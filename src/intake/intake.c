#include "intake/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "intake/intake_int.h"

enum { TICK_MS = 2000, STATUS_BYTES_MAX = 1 << 20, PATH_BYTES = 4096, DRAIN_MS = 3000 };

static const struct {
    const char *name;
    const struct input_ops *ops;
} inputs[] = {
#define INPUT(id, name) {name, &input_##id},
#include "intake/inputs.def"
#undef INPUT
};

struct record intake_record(struct intake *in, enum input_kind input, enum framing framing)
{
    struct record r = {.input = input, .framing = framing, .received_ns = clock_wall_ns()};

    (void)pthread_mutex_lock(&in->ids_lock);
    r.id = id_next(&in->ids, r.received_ns);
    (void)pthread_mutex_unlock(&in->ids_lock);
    return r;
}

void intake_quarantine(struct intake *in, const struct record *r, const char *reason, unsigned part,
                       bool last)
{
    enum err e = quarantine_add(in->quarantine, r, reason, part, last, NULL);

    if (e != ERR_NONE)
        log_err(LOG_ERROR, "intake.quarantine", e, NULL, "input=%s bytes=%zu lost",
                input_name(r->input), r->payload.n);
    if (last)
        metric_add(M_INTAKE_QUARANTINED, 1);
}

void intake_mend_group(const char *groups, char *out, size_t cap)
{
    struct passwd pw, *found = NULL;
    char room[4096];

    if (getpwuid_r(geteuid(), &pw, room, sizeof(room), &found) != 0)
        found = NULL;
    (void)snprintf(out, cap, "sudo usermod -aG %s %s", groups, found ? found->pw_name : "USER");
}

void intake_stopper_init(struct intake_stopper *s)
{
    pthread_condattr_t a;

    s->stop = false;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&a);
    (void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &a);
    (void)pthread_condattr_destroy(&a);
}

void intake_stopper_done(struct intake_stopper *s)
{
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
}

void intake_stopper_stop(struct intake_stopper *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->stop = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

bool intake_stopper_wait(struct intake_stopper *s, int wait_ms)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += wait_ms / 1000;
    t.tv_nsec += wait_ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    (void)pthread_mutex_lock(&s->lock);
    while (!s->stop && pthread_cond_timedwait(&s->changed, &s->lock, &t) == 0)
        ;
    bool stop = s->stop;
    (void)pthread_mutex_unlock(&s->lock);
    return stop;
}

/* ---- status ---- */

static enum err render(struct intake *in, struct buf *out, bool with_time)
{
    struct jsonw w;
    enum err reason = sink_reason(in->sink);

    jsonw_init(&w, out);
    jsonw_object(&w);
    if (with_time)
        jsonw_ktime(&w, "time", clock_wall_ns());
    jsonw_kcstr(&w, "state", reason == ERR_NONE ? "ok" : "slowed");
    jsonw_kcstr(&w, "reason", reason == ERR_NONE ? NULL : err_code(reason));
    jsonw_key(&w, SLICE("inputs"));
    jsonw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        jsonw_key(&w, slice_of(inputs[i].name));
        jsonw_object(&w);
        if (in->input[i])
            inputs[i].ops->status(in->input[i], &w);
        else
            jsonw_kcstr(&w, "state", "off");
        jsonw_close_object(&w);
    }
    jsonw_close_object(&w);
    jsonw_close_object(&w);
    return jsonw_end(&w);
}

CHECKED enum err intake_status(struct intake *in, struct buf *out)
{
    return render(in, out, true);
}

static enum err replace_file(const char *dir, const char *name, struct slice bytes)
{
    char path[PATH_BYTES], temp[PATH_BYTES];

    if (snprintf(path, sizeof(path), "%s/run/%s", dir, name) >= (int)sizeof(path) ||
        snprintf(temp, sizeof(temp), "%s/run/.%s.new", dir, name) >= (int)sizeof(temp))
        return ERR_LIMIT;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return ERR_SYS;
    bool ok = write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n;
    ok = close(fd) == 0 && ok;
    return ok && rename(temp, path) == 0 ? ERR_NONE : ERR_SYS;
}

static void write_status(struct intake *in)
{
    buf_reset(&in->status);
    enum err e = render(in, &in->status, false);
    if (e == ERR_NONE && slice_eq(buf_slice(&in->status), buf_slice(&in->status_was)))
        return;
    struct buf swap = in->status_was;
    in->status_was = in->status;
    in->status = swap;
    buf_reset(&in->status);
    if (e == ERR_NONE)
        e = render(in, &in->status, true);
    if (e == ERR_NONE)
        e = replace_file(in->data_dir, "intake-status.json", buf_slice(&in->status));
    if (e != ERR_NONE)
        log_err(LOG_WARN, "intake.status", e, NULL, "cannot write run/intake-status.json");
}

static void keep_house(struct intake *in)
{
    struct journal_health h;

    journal_health(in->journal, &h);
    metric_set(M_INTAKE_COMMITS, h.commits);
    metric_set(M_JOURNAL_BYTES, h.bytes);
    write_status(in);
    enum err e = quarantine_sync(in->quarantine);
    if (e != ERR_NONE)
        log_err(LOG_WARN, "intake.quarantine", e, NULL, "cannot sync");
    if (++in->ticks % (INTAKE_ACCESS_S * 1000 / TICK_MS) == 0)
        intake_snapshot_changed(in);
}

static void *run_keeper(void *arg)
{
    struct intake *in = arg;

    do
        keep_house(in);
    while (!intake_stopper_wait(&in->stopper, TICK_MS));
    return NULL;
}

/* ---- life ---- */

void intake_reload(struct intake *in, const struct config *cfg)
{
    in->record_bytes = (uint32_t)config_int(cfg, OPT_INTAKE_RECORD_BYTES);
    in->token_required = config_bool(cfg, OPT_INTAKE_TOKEN_REQUIRED);
    journal_tune(in->journal, (uint64_t)config_int(cfg, OPT_JOURNAL_MAX_BYTES),
                 (int)config_int(cfg, OPT_JOURNAL_COMMIT_MS));
}

void intake_snapshot_changed(struct intake *in)
{
    char dir[PATH_BYTES];
    struct diag d = {0};

    if (snprintf(dir, sizeof(dir), "%s/snapshots", in->data_dir) >= (int)sizeof(dir))
        return;
    enum err e = access_reload(in->access, dir, &d);
    if (e != ERR_NONE && e != ERR_NOENT)
        log_err(LOG_ERROR, "intake.access", e, &d, "the last good tokens stay in force");
}

static enum err make_parts(struct intake *in, const struct intake_options *o, struct diag *diag)
{
    char path[PATH_BYTES];

    in->data_dir = strdup(o->data_dir);
    in->loop = loop_new();
    in->access = access_new();
    if (!in->data_dir || !in->loop || !in->access)
        return FAIL(diag, ERR_NOMEM, 0, "no memory to receive anything");
    enum err e = id_gen_init(&in->ids);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "no random numbers for record ids");
    e = sink_new(o->journal, in->loop, &in->sink);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "no memory to receive anything");
    if (snprintf(path, sizeof(path), "%s/run", o->data_dir) >= (int)sizeof(path) - 32)
        return FAIL(diag, ERR_LIMIT, 0, "the data folder's name is too long");
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return FAIL(diag, ERR_SYS, 0, "%s: %s", path, strerror(errno));
    (void)snprintf(path, sizeof(path), "%s/quarantine/intake", o->data_dir);
    return quarantine_open(path, QUARANTINE_FILE_BYTES, QUARANTINE_BYTES_MAX, &in->quarantine,
                           diag);
}

/* Every input takes its descriptor over even when an earlier one failed. */
static enum err start_inputs(struct intake *in, const struct intake_options *o, struct diag *diag)
{
    enum err first = ERR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        enum err e = inputs[i].ops->start(in, o, &in->input[i], first == ERR_NONE ? diag : NULL);
        if (first == ERR_NONE)
            first = e;
    }
    return first;
}

static void *run_loop(void *arg)
{
    struct intake *in = arg;

    loop_run(in->loop);
    return NULL;
}

static void close_fds(const struct intake_options *o)
{
    const int fd[] = {o->udp_fd, o->tcp_fd, o->ingest_fd};

    for (size_t i = 0; i < ARRAY_LEN(fd); i++)
        if (fd[i] >= 0)
            (void)close(fd[i]);
}

CHECKED enum err intake_start(const struct intake_options *o, struct intake **ret,
                              struct diag *diag)
{
    struct intake *in = calloc(1, sizeof(*in));

    if (!in) {
        close_fds(o);
        return FAIL(diag, ERR_NOMEM, 0, "no memory to receive anything");
    }
    in->journal = o->journal;
    (void)pthread_mutex_init(&in->ids_lock, NULL);
    intake_stopper_init(&in->stopper);
    buf_init(&in->status, STATUS_BYTES_MAX);
    buf_init(&in->status_was, STATUS_BYTES_MAX);
    intake_reload(in, o->cfg);
    enum err e = make_parts(in, o, diag);
    if (e != ERR_NONE) {
        close_fds(o);
    } else {
        intake_snapshot_changed(in);
        e = start_inputs(in, o, diag);
    }
    if (e == ERR_NONE) {
        in->loop_runs = pthread_create(&in->loop_thread, NULL, run_loop, in) == 0;
        in->keeper_runs = pthread_create(&in->keeper, NULL, run_keeper, in) == 0;
        if (!in->loop_runs || !in->keeper_runs)
            e = FAIL(diag, ERR_SYS, 0, "no threads to receive on");
    }
    if (e != ERR_NONE) {
        intake_stop(in);
        return e;
    }
    *ret = in;
    return ERR_NONE;
}

void intake_stop(struct intake *in)
{
    if (!in)
        return;
    intake_stopper_stop(&in->stopper);
    if (in->keeper_runs)
        (void)pthread_join(in->keeper, NULL);
    if (in->loop_runs) {
        loop_stop(in->loop);
        (void)pthread_join(in->loop_thread, NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++)
        if (in->input[i])
            inputs[i].ops->stop(in->input[i]);
    if (in->sink) {
        size_t lost = sink_drain(in->sink, DRAIN_MS);
        if (lost > 0)
            log_error("intake.stop", "records=%zu could not be stored and are lost", lost);
    }
    sink_free(in->sink);
    loop_free(in->loop);
    if (in->quarantine && quarantine_sync(in->quarantine) != ERR_NONE)
        log_error("intake.quarantine", "cannot sync at the end");
    quarantine_free(in->quarantine);
    access_free(in->access);
    buf_done(&in->status);
    buf_done(&in->status_was);
    intake_stopper_done(&in->stopper);
    (void)pthread_mutex_destroy(&in->ids_lock);
    free(in->data_dir);
    free(in);
}
