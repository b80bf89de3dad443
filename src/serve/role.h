/* serve/role.h - what every role's program does before and after its own work.
 *
 *   exec ─→ waits for CONFIG ─→ role_confine() ─→ start() ─→ role_seal() ─→ READY ─→ loop ─→ STOP
 * ─→ stop() ─→ exit 0 └ parent gone: exit           └ FAILED + exit 1       ├ CONFIG: reload() ├
 * message() └ tick(), once a second
 *
 * SIGTERM and SIGINT are the parent's business: roles ignore them and are told by STOP. When the
 * parent dies, the kernel kills the role (PR_SET_PDEATHSIG): nothing acknowledged is lost by that.
 *
 * Descriptors come by name on the command line (`--fd web=7`); 3 is always the control socket.
 */
#ifndef SERVE_ROLE_H
#define SERVE_ROLE_H

#include "serve/msg.h"

struct role_ctx {
    enum role role;
    const char *data_dir;
    const struct config
        *cfg; /* replaced at a reload, before ops->reload; old one stays until after */
    int ctl_fd;
    int fds_n;
    struct {
        const char *name;
        int fd;
    } fds[8];
    void *own; /* the role's state */
};

struct role_ops {
    enum role role;
    CHECKED enum err (*start)(struct role_ctx *c, struct diag *diag);
    CHECKED enum err (*reload)(struct role_ctx *c, struct diag *diag);             /* may be NULL */
    void (*message)(struct role_ctx *c, enum msg_kind kind, struct slice payload); /* may be NULL */
    void (*tick)(struct role_ctx *c);                                              /* may be NULL */
    void (*stop)(struct role_ctx *c);
};

/* The whole main() of a role's program. */
int role_main(int argc, char **argv, const struct role_ops *ops);

/* -1 when the parent did not give it. */
int role_fd(const struct role_ctx *c, const char *name);
/* To the parent, which passes it on by the message's row. Thread-safe. */
CHECKED enum err role_send(struct role_ctx *c, enum msg_kind kind, struct slice payload);
/* DATA/rest, snprintf'ed into out; ERR_LIMIT when too long. */
CHECKED enum err role_path(const struct role_ctx *c, const char *rest, char *out, size_t cap);

#endif
