#include "serve/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "serve/datadir.h"
#include "serve/demo.h"
#include "serve/msg.h"
#include "serve/parent_int.h"

enum { STOP_MS = 4500, RESERVED_FDS = 10, EXIT_OK = 0, EXIT_FAILED = 3 };

static void refuse(const struct diag *d, enum err e)
{
    (void)fprintf(stderr, "coloa serve: %s\n", d->text[0] ? d->text : err_text(e));
}

/* The roles get their descriptors under fixed low numbers: nothing of ours may sit there. */
static void reserve_low_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd < RESERVED_FDS - 1);
}

static CHECKED enum err send_config(struct parent *p, struct child *c)
{
    struct buf b;

    buf_init(&b, MSG_BYTES_MAX);
    enum err e = config_encode_for(p->cfg, c->role, &b);
    if (e == ERR_NONE)
        e = msg_send(c->ctl_fd, MSG_CONFIG, buf_slice(&b));
    buf_done(&b);
    return e;
}

static void start_child(struct parent *p, struct child *c)
{
    struct diag d = {0};
    enum err e = child_start(c, &p->users, p->o->data_dir, &d);

    if (e == ERR_NONE)
        e = send_config(p, c);
    if (e != ERR_NONE) {
        log_err(LOG_ERROR, "child.start", e, &d, "role=%s", role_name(c->role));
        (void)snprintf(c->why, sizeof(c->why), "%s", d.text);
        if (!c->pid) {
            c->started_ns = clock_mono_ns(); /* so that the back-off grows */
            child_exited(c, 0);
        }
    }
    parent_status_write(p);
}

static void pass_on(struct parent *p, unsigned to, enum msg_kind kind, struct slice payload)
{
    for (size_t i = 0; i < CHILDREN_N; i++) {
        struct child *c = &p->children[i];
        if ((to & 1u << c->role) && c->ctl_fd >= 0 &&
            msg_send(c->ctl_fd, kind, payload) != ERR_NONE)
            log_warn("message.lost", "to=%s kind=%d", role_name(c->role), (int)kind);
    }
}

static void from_child(struct parent *p, struct child *c, enum msg_kind kind, struct slice payload)
{
    unsigned to = msg_route(kind, c->role);

    switch (kind) {
    case MSG_READY:
        c->state = CHILD_SERVING;
        c->why[0] = 0;
        parent_announce(p);
        break;
    case MSG_FAILED:
    case MSG_CONFIG_REFUSED:
        (void)snprintf(c->why, sizeof(c->why), "%.*s", SLICE_ARG(payload));
        if (kind == MSG_FAILED)
            (void)fprintf(stderr, "coloa-%s: %s\n", role_name(c->role), c->why);
        break;
    case MSG_FIRST_LOGIN:
        (void)snprintf(p->first_login, sizeof(p->first_login), "%.*s", SLICE_ARG(payload));
        break;
    case MSG_NONE:
    case MSG_CONFIG:
    case MSG_STOP:
    case MSG_SNAPSHOT:
    case MSG_RULES_RELOAD:
        pass_on(p, to, kind, payload);
        return;
    }
    parent_status_write(p);
}

static void take_from(struct parent *p, struct child *c, struct buf *in)
{
    enum msg_kind kind;

    while (c->ctl_fd >= 0) {
        enum err e = msg_take(c->ctl_fd, c->role, ROLE_PARENT, &kind, in);
        if (e == ERR_NOENT)
            return;
        if (e != ERR_NONE) { /* its end is closed; waitpid will say why */
            (void)close(c->ctl_fd);
            c->ctl_fd = -1;
            return;
        }
        from_child(p, c, kind, buf_slice(in));
    }
}

static void reap(struct parent *p)
{
    struct buf in;
    int status;
    pid_t pid;

    buf_init(&in, MSG_BYTES_MAX + 64);
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == p->demo_pid) {
            p->demo_pid = 0;
            p->demo_retry_ns = clock_mono_ns() + 5 * NS_PER_S;
        }
        for (size_t i = 0; i < CHILDREN_N; i++) {
            struct child *c = &p->children[i];
            if (c->pid != pid)
                continue;
            take_from(p, c, &in); /* its last words */
            child_exited(c, status);
            if (!p->stopping)
                log_warn("child.exit", "role=%s why=%s restarts=%u", role_name(c->role), c->why,
                         c->restarts);
            parent_status_write(p);
        }
    }
    buf_done(&in);
}

static void reload(struct parent *p)
{
    struct diag d = {0};
    struct config *next;
    enum option first = OPT_N;
    enum err e = parent_config(p->o, &next, &d);

    if (e == ERR_NONE && (e = parent_handed(p, next, &d)) != ERR_NONE)
        config_free(next);
    if (e != ERR_NONE) {
        log_err(LOG_ERROR, "config.refused", e, &d, "the old configuration stays");
        return;
    }
    if (config_needs_restart(p->cfg, next, &first))
        log_warn("config.restart", "key=%s takes effect after a restart", option_info(first)->key);
    config_free(p->cfg);
    p->cfg = next;
    for (size_t i = 0; i < CHILDREN_N; i++)
        if (p->children[i].ctl_fd >= 0 && send_config(p, &p->children[i]) != ERR_NONE)
            log_warn("config.lost", "role=%s", role_name(p->children[i].role));
    pass_on(p, R_WATCH, MSG_RULES_RELOAD, (struct slice){0});
    log_info("config.reload", "file=read");
}

static void take_signals(struct parent *p)
{
    struct signalfd_siginfo s;

    while (read(p->signal_fd, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
        if (s.ssi_signo == SIGHUP)
            reload(p);
        else if (s.ssi_signo == SIGTERM || s.ssi_signo == SIGINT)
            p->stopping = true;
    }
    reap(p);
}

static void start_due(struct parent *p)
{
    int64_t now = clock_mono_ns();

    for (size_t i = 0; i < CHILDREN_N; i++) {
        struct child *c = &p->children[i];
        if (c->state == CHILD_OFF || (c->state == CHILD_WAITING && c->retry_ns <= now))
            start_child(p, c);
    }
    if (config_bool(p->cfg, OPT_DEMO) && p->announced && !p->demo_pid && p->demo_retry_ns <= now) {
        p->demo_pid =
            demo_start(&p->users, p->o->data_dir, p->listen.syslog_addr, p->listen.ingest_addr);
        p->demo_retry_ns = now + 5 * NS_PER_S;
    }
}

static void wait_and_serve(struct parent *p, struct buf *in, int wait_ms)
{
    struct pollfd fds[CHILDREN_N + 1] = {{.fd = p->signal_fd, .events = POLLIN}};

    for (size_t i = 0; i < CHILDREN_N; i++)
        fds[i + 1] = (struct pollfd){.fd = p->children[i].ctl_fd, .events = POLLIN};
    if (poll(fds, CHILDREN_N + 1, wait_ms) < 0 && errno != EINTR)
        log_error("parent.poll", "errno=%d", errno);
    for (size_t i = 0; i < CHILDREN_N; i++)
        if (fds[i + 1].revents)
            take_from(p, &p->children[i], in);
    take_signals(p);
}

/* Intake first, so that nothing new comes in; the store last, since others still write to it. */
static void stop_all(struct parent *p, struct buf *in)
{
    static const enum role order[] = {ROLE_INTAKE, ROLE_WATCH, ROLE_DESK, ROLE_STORE};
    int64_t until = clock_mono_ns() + STOP_MS * NS_PER_MS;

    if (p->demo_pid > 0)
        (void)kill(p->demo_pid, SIGKILL);
    for (size_t k = 0; k < ARRAY_LEN(order); k++)
        for (size_t i = 0; i < CHILDREN_N; i++) {
            struct child *c = &p->children[i];
            if (c->role != order[k])
                continue;
            bool told = c->pid > 0 && c->ctl_fd >= 0;
            c->state = c->pid > 0 ? CHILD_STOPPING : CHILD_OFF;
            if (told && msg_send(c->ctl_fd, MSG_STOP, (struct slice){0}) != ERR_NONE)
                log_warn("child.deaf", "role=%s", role_name(c->role));
            while (c->pid > 0 && clock_mono_ns() < until)
                wait_and_serve(p, in, 20);
            if (c->pid > 0) {
                log_error("child.kill", "role=%s did not stop in time", role_name(c->role));
                (void)kill(c->pid, SIGKILL);
                (void)waitpid(c->pid, NULL, 0);
                c->pid = 0;
            }
        }
}

static CHECKED enum err prepare(struct parent *p, struct diag *d)
{
    sigset_t set;
    enum err e = datadir_open(p->o->data_dir, 3000, &p->lock_fd, d);

    if (e == ERR_NONE)
        e = parent_config(p->o, &p->cfg, d);
    if (e == ERR_NONE)
        e = parent_users(p, d);
    if (e == ERR_NONE)
        e = parent_listen(p, d);
    if (e != ERR_NONE)
        return e;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    p->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return p->signal_fd < 0 ? FAIL(d, ERR_SYS, 0, "no signalfd") : ERR_NONE;
}

static void furnish(struct parent *p)
{
    static const enum role roles[CHILDREN_N] = {ROLE_STORE, ROLE_INTAKE, ROLE_WATCH, ROLE_DESK};
    const struct child_fd fds[CHILDREN_N][4] = {
        {{"listen", p->listen.store}},
        {{"udp", p->listen.syslog_udp},
         {"tcp", p->listen.syslog_tcp},
         {"ingest", p->listen.ingest}},
        {{NULL, -1}},
        {{"web", p->listen.web}, {"local", p->listen.local}},
    };
    char path[4096];

    for (size_t i = 0; i < CHILDREN_N; i++) {
        struct child *c = &p->children[i];
        *c = (struct child){.role = roles[i], .ctl_fd = -1};
        memcpy(c->fds, fds[i], sizeof(c->fds));
        (void)snprintf(path, sizeof(path), "%s/run/metrics.%s", p->o->data_dir,
                       role_name(roles[i]));
        c->metrics_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    }
}

int parent_main(const struct parent_options *o)
{
    struct parent p = {.o = o, .library_fd = -1, .started_ns = clock_mono_ns()};
    struct diag d = {0};
    struct buf in;

    log_init("parent", LOG_INFO);
    reserve_low_fds();
    enum err e = prepare(&p, &d);
    if (e != ERR_NONE) {
        refuse(&d, e);
        config_free(p.cfg);
        return EXIT_FAILED;
    }
    furnish(&p);
    buf_init(&in, MSG_BYTES_MAX + 64);
    while (!p.stopping) {
        start_due(&p);
        wait_and_serve(&p, &in, 200);
    }
    log_info("parent.stop", "asked=yes");
    stop_all(&p, &in);
    parent_status_write(&p);
    log_info("parent.stopped", "after_ms=%d", (int)((clock_mono_ns() - p.started_ns) / NS_PER_MS));
    buf_done(&in);
    config_free(p.cfg);
    return EXIT_OK;
}
