#include "serve/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "serve/msg.h"

enum { PATH_BYTES = 4096, CONTROL_FD = 3, ARGS_MAX = 20 };
#define BACKOFF_FIRST (100 * NS_PER_MS)
#define BACKOFF_MOST (10 * NS_PER_S)

const char *child_state_name(enum child_state s)
{
    static const char *const names[] = {"off", "starting", "serving", "stopping", "waiting"};

    return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

static bool runs(const char *dir, enum role r, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/coloa-%s", dir, role_name(r));

    return n > 0 && (size_t)n < cap && access(out, X_OK) == 0;
}

CHECKED enum err child_program(enum role r, char *out, size_t cap, struct diag *diag)
{
    char exe[PATH_BYTES], dir[PATH_BYTES + 32];
    const char *env = getenv("COLOA_LIBEXEC");
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    if (env && runs(env, r, out, cap))
        return ERR_NONE;
    exe[n > 0 ? n : 0] = 0;
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = 0;
    (void)snprintf(dir, sizeof(dir), "%s/libexec", exe);
    if (runs(dir, r, out, cap))
        return ERR_NONE;
    (void)snprintf(dir, sizeof(dir), "%s/../libexec/coloa", exe);
    if (runs(dir, r, out, cap))
        return ERR_NONE;
    return FAIL(diag, ERR_NOENT, 0,
                "the program coloa-%s is not in %s/libexec: run `make`, or set COLOA_LIBEXEC",
                role_name(r), exe);
}

/* In the child: only async-signal-safe calls. */
static _Noreturn void become(const struct child *c, const struct users *users, int ctl, int null_fd,
                             const char *program, char *const *args)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(ctl, CONTROL_FD) < 0)
        _exit(127);
    for (size_t i = 0; i < ARRAY_LEN(c->fds); i++)
        if (c->fds[i].name && c->fds[i].fd >= 0)
            (void)fcntl(c->fds[i].fd, F_SETFD, 0);
    if (c->metrics_fd >= 0)
        (void)fcntl(c->metrics_fd, F_SETFD, 0);
    if (users_become(users, (int)c->role))
        (void)execv(program, args);
    _exit(127);
}

CHECKED enum err child_start(struct child *c, const struct users *users, const char *data_dir,
                             struct diag *diag)
{
    char program[PATH_BYTES], texts[ARRAY_LEN(c->fds) + 1][48], path[PATH_BYTES],
        parent[] = "parent=3", fd_flag[] = "--fd", data_flag[] = "--data";
    char *args[ARGS_MAX] = {program, data_flag, path, fd_flag, parent};
    size_t n = 5;
    int pair[2];
    enum err e = child_program(c->role, program, sizeof(program), diag);

    if (e != ERR_NONE)
        return e;
    (void)snprintf(path, sizeof(path), "%s", data_dir);
    for (size_t i = 0; i <= ARRAY_LEN(c->fds); i++) {
        bool last = i == ARRAY_LEN(c->fds);
        const char *name = last ? "metrics" : c->fds[i].name;
        int fd = last ? c->metrics_fd : c->fds[i].fd;
        if (!name || fd < 0)
            continue;
        (void)snprintf(texts[i], sizeof(texts[i]), "%s=%d", name, fd);
        args[n++] = fd_flag;
        args[n++] = texts[i];
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return FAIL(diag, ERR_SYS, 0, "no socket pair for coloa-%s", role_name(c->role));
    int room = 4 * MSG_BYTES_MAX;
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0)
        become(c, users, pair[1], null_fd, program, args);
    (void)close(pair[1]);
    (void)close(null_fd);
    if (pid < 0) {
        (void)close(pair[0]);
        return FAIL(diag, ERR_SYS, 0, "cannot start coloa-%s: %s", role_name(c->role),
                    strerror(errno));
    }
    c->pid = pid;
    c->ctl_fd = pair[0];
    c->state = CHILD_STARTING;
    c->started_ns = clock_mono_ns();
    return ERR_NONE;
}

void child_exited(struct child *c, int wait_status)
{
    int64_t now = clock_mono_ns();

    if (c->ctl_fd >= 0)
        (void)close(c->ctl_fd);
    c->ctl_fd = -1;
    c->pid = 0;
    if (c->state == CHILD_STOPPING) {
        c->state = CHILD_OFF;
        return;
    }
    if (WIFSIGNALED(wait_status))
        (void)snprintf(c->why, sizeof(c->why), "killed by signal %d", WTERMSIG(wait_status));
    else if (!c->why[0] || c->state == CHILD_SERVING)
        (void)snprintf(c->why, sizeof(c->why), "exited with %d", WEXITSTATUS(wait_status));
    /* one that served for a while begins anew with the shortest wait */
    c->fails_in_row = now - c->started_ns > 10 * NS_PER_S ? 0 : c->fails_in_row + 1;
    int64_t wait = BACKOFF_FIRST;
    for (unsigned i = 1; i < c->fails_in_row && wait < BACKOFF_MOST; i++)
        wait *= 2;
    c->retry_ns = now + (wait < BACKOFF_MOST ? wait : BACKOFF_MOST);
    c->restarts++;
    c->state = CHILD_WAITING;
}
