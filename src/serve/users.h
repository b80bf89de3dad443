/* serve/users.h - a user of its own for each role, where the parent is root.
 *
 * The users coloa-store, coloa-intake, coloa-watch, coloa-desk, coloa-lab and coloa-demo with the
 * group coloa (`tools/setup users` makes them). A role owns its folders of the data folder; what
 * another role reads is readable by the group, the rest by nobody (the table in users.c). Intake
 * also gets the groups adm and systemd-journal where they are there, to read this machine's logs.
 *
 * The option serve.users decides: `auto` takes own users when root, when they are there and when
 * they can reach all that they need, else one user for all, and says why; `own` refuses to start
 * then; `one` never tries.
 */
#ifndef SERVE_USERS_H
#define SERVE_USERS_H

#include <sys/types.h>

#include "core/config.h"

enum { USERS_GROUPS_MAX = 8, USERS_DEMO = ROLE_N, USERS_N };

struct user_ids {
    uid_t uid;
    gid_t gid;
    int groups_n;
    gid_t groups[USERS_GROUPS_MAX];
};

struct users {
    bool own;                    /* false: every role runs as the parent does */
    struct user_ids of[USERS_N]; /* by role, and USERS_DEMO; of[ROLE_PARENT] is the parent's */
};

/* Looks the users up and whether they reach `paths` (NULL-ended): folders and programs. ERR_DENIED
 * with what to do when own ones are asked for and can't be had. */
CHECKED enum err users_find(const struct config *cfg, const char *const *paths, struct users *ret,
                            struct diag *diag);

/* Gives each folder below data_dir to its owner, and what is in a folder whose owner was another.
 * For root only; as anybody else nothing is done. Links are never followed. */
CHECKED enum err users_own(const struct users *u, const char *data_dir, struct diag *diag);

/* In a child between fork and exec: becomes that user, for good, with umask 0027. Only
 * async-signal-safe calls. False: it must not go on. */
CHECKED bool users_become(const struct users *u, int who);

/* For lab, which no centre starts: its own user when root and when that can reach the program, else
 * the caller's. */
void users_lab(const char *program, struct users *ret);

#endif
