/* serve/child.h - one role's process as the parent sees it.
 *
 *   OFF ──child_start──→ STARTING ──READY──→ SERVING ──child_stop──→ STOPPING ──exit──→ OFF
 *    ↑                      │ exit             │ exit
 *    └──── retry_ns ──── WAITING ←─────────────┘      (back-off 0.1 s, doubling up to 10 s)
 */
#ifndef SERVE_CHILD_H
#define SERVE_CHILD_H

#include <sys/types.h>

#include "core/config.h"
#include "serve/users.h"

enum child_state { CHILD_OFF, CHILD_STARTING, CHILD_SERVING, CHILD_STOPPING, CHILD_WAITING };

struct child_fd {
    const char *name;
    int fd; /* borrowed; -1 = not given */
};

struct child {
    enum role role;
    enum child_state state;
    pid_t pid;
    int ctl_fd; /* our end; -1 when there is none */
    int metrics_fd;
    unsigned restarts, fails_in_row;
    int64_t started_ns, retry_ns;
    char why[200]; /* of the last failure */
    struct child_fd fds[4];
};

/* Where the roles' programs are: COLOA_LIBEXEC, else libexec beside this program, else the
 * installed folder. */
CHECKED enum err child_program(enum role r, char *out, size_t cap, struct diag *diag);

/* fork, the role's user, exec. The child inherits lock_fd. On success ctl_fd and pid are set, state
 * STARTING. */
CHECKED enum err child_start(struct child *c, const struct users *users, const char *data_dir,
                             struct diag *diag);
/* After waitpid: closes our end, notes why, sets WAITING (or OFF after STOPPING). */
void child_exited(struct child *c, int wait_status);
const char *child_state_name(enum child_state s);

#endif
