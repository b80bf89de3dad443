#include "serve/role.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "serve/seal.h"

enum { CONTROL_FD = 3, TICK_MS = 1000 };

int role_fd(const struct role_ctx *c, const char *name)
{
    for (int i = 0; i < c->fds_n; i++)
        if (strcmp(c->fds[i].name, name) == 0)
            return c->fds[i].fd;
    return -1;
}

CHECKED enum err role_send(struct role_ctx *c, enum msg_kind kind, struct slice payload)
{
    return msg_send(c->ctl_fd, kind, payload);
}

CHECKED enum err role_path(const struct role_ctx *c, const char *rest, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/%s", c->data_dir, rest);

    return n < 0 || (size_t)n >= cap ? ERR_LIMIT : ERR_NONE;
}

static CHECKED enum err take_args(int argc, char **argv, struct role_ctx *c)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0) {
            c->data_dir = argv[i + 1];
        } else if (strcmp(argv[i], "--fd") == 0 && c->fds_n < (int)ARRAY_LEN(c->fds)) {
            char *eq = strchr(argv[i + 1], '=');
            uint64_t fd;
            if (!eq || !slice_to_u64(slice_of(eq + 1), &fd) || fd > 1024)
                return ERR_SYNTAX;
            *eq = 0;
            c->fds[c->fds_n].name = argv[i + 1];
            c->fds[c->fds_n++].fd = (int)fd;
        } else {
            return ERR_SYNTAX;
        }
    }
    return c->data_dir ? ERR_NONE : ERR_SYNTAX;
}

static enum log_level level_of(const char *word)
{
    if (strcmp(word, "debug") == 0)
        return LOG_DEBUG;
    if (strcmp(word, "warn") == 0)
        return LOG_WARN;
    return strcmp(word, "error") == 0 ? LOG_ERROR : LOG_INFO;
}

/* Blocks until the parent's first message, which is the configuration. */
static CHECKED enum err first_config(struct role_ctx *c, struct buf *in, struct diag *diag)
{
    struct pollfd p = {.fd = c->ctl_fd, .events = POLLIN};
    enum msg_kind kind = MSG_NONE;
    struct config *cfg;

    while (kind != MSG_CONFIG) {
        (void)poll(&p, 1, -1);
        enum err e = msg_take(c->ctl_fd, ROLE_PARENT, c->role, &kind, in);
        if (e != ERR_NONE && e != ERR_NOENT)
            return FAIL(diag, e, 0, "no configuration from the parent");
    }
    enum err e = config_decode(buf_slice(in), &cfg, diag);
    if (e == ERR_NONE)
        c->cfg = cfg;
    return e;
}

static void reload(struct role_ctx *c, const struct role_ops *ops, struct slice payload)
{
    struct diag d = {0};
    struct config *next;
    const struct config *old = c->cfg;
    enum err e = config_decode(payload, &next, &d);

    if (e == ERR_NONE) {
        c->cfg = next;
        e = ops->reload ? ops->reload(c, &d) : ERR_NONE;
        if (e != ERR_NONE) {
            c->cfg = old;
            config_free(next);
        }
    }
    if (e == ERR_NONE) {
        log_info("role.reload", "configuration=new");
        return; /* the old object stays: threads may still read it, and reloads are rare */
    }
    log_err(LOG_WARN, "role.reload", e, &d, "configuration=old");
    (void)!role_send(c, MSG_CONFIG_REFUSED, slice_of(d.text));
}

/* Returns true when the role is to stop. */
static bool take_messages(struct role_ctx *c, const struct role_ops *ops, struct buf *in)
{
    for (;;) {
        enum msg_kind kind;
        enum err e = msg_take(c->ctl_fd, ROLE_PARENT, c->role, &kind, in);
        if (e == ERR_NOENT)
            return false;
        if (e != ERR_NONE) {
            log_error("role.orphan", "the parent is gone");
            return true;
        }
        if (kind == MSG_STOP)
            return true;
        if (kind == MSG_CONFIG)
            reload(c, ops, buf_slice(in));
        else if (ops->message)
            ops->message(c, kind, buf_slice(in));
    }
}

static void loop(struct role_ctx *c, const struct role_ops *ops, struct buf *in)
{
    int64_t next = clock_mono_ns();

    for (;;) {
        struct pollfd p = {.fd = c->ctl_fd, .events = POLLIN};
        int64_t now = clock_mono_ns();
        if (now >= next) {
            if (ops->tick)
                ops->tick(c);
            next = now + TICK_MS * NS_PER_MS;
        }
        int rc = poll(&p, 1, (int)((next - now) / NS_PER_MS) + 1);
        if (rc < 0 && errno != EINTR)
            return;
        if (take_messages(c, ops, in))
            return;
    }
}

static CHECKED enum err confine(struct role_ctx *c, struct diag *d)
{
    int abi = 0;
    enum err e = role_confine(c->role, c->data_dir, c->cfg, &abi, d);

    if (e == ERR_NONE && abi)
        log_info("role.confined", "landlock=%d", abi);
    else if (e == ERR_NONE)
        log_warn("role.unconfined", "reason=this kernel has no Landlock (Linux 5.19 or newer); "
                                    "seccomp alone is in force");
    return e;
}

static CHECKED enum err begin(struct role_ctx *c, const struct role_ops *ops, struct buf *in,
                              struct diag *d)
{
    enum err e = first_config(c, in, d);

    if (e != ERR_NONE)
        return e;
    log_init(role_name(c->role), level_of(config_text(c->cfg, OPT_LOG_LEVEL)));
    if (role_fd(c, "metrics") >= 0)
        e = metrics_map(role_fd(c, "metrics"));
    if (e == ERR_NONE)
        e = confine(c, d);
    if (e == ERR_NONE)
        e = ops->start(c, d);
    if (e == ERR_NONE)
        e = role_seal(c->role, d);
    if (e == ERR_NONE)
        e = role_send(c, MSG_READY, (struct slice){0});
    return e;
}

int role_main(int argc, char **argv, const struct role_ops *ops)
{
    struct role_ctx c = {.role = ops->role, .ctl_fd = CONTROL_FD};
    struct diag d = {0};
    struct buf in;

    log_init(role_name(ops->role), LOG_INFO);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || take_args(argc, argv, &c) != ERR_NONE ||
        role_fd(&c, "parent") != CONTROL_FD) {
        (void)fprintf(stderr, "coloa-%s is started by `coloa serve`, not by hand\n",
                      role_name(ops->role));
        return 2;
    }
    buf_init(&in, MSG_BYTES_MAX + 64);
    enum err e = begin(&c, ops, &in, &d);
    if (e != ERR_NONE) {
        log_err(LOG_ERROR, "role.failed", e, &d, "start=no");
        (void)!role_send(&c, MSG_FAILED, slice_of(d.text[0] ? d.text : err_text(e)));
        buf_done(&in);
        return 1;
    }
    log_info("role.ready", "pid=%d", (int)getpid());
    loop(&c, ops, &in);
    ops->stop(&c);
    log_info("role.stopped", "pid=%d", (int)getpid());
    buf_done(&in);
    if (ops->role == ROLE_STORE)
        _exit(0); /* the engine's own threads may still hold what exit handlers wait for */
    return 0;
}
