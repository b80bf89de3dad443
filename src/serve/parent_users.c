#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "serve/parent_int.h"
#include "serve/rules_dir.h"

enum { PATH_BYTES = 4096 };

/* The engine may lie in root's cache folder, where the store's user can't go: the parent opens it
 * and the store finds it by its descriptor. What can't be opened is for the store to complain of.
 */
static void open_library(struct parent *p)
{
    char path[PATH_BYTES];
    const char *asked = config_text(p->cfg, OPT_STORE_LIBRARY), *env = getenv("COLOA_CHDB"),
               *home = getenv("HOME");

    (void)snprintf(path, sizeof(path), "%s%s", home ? home : "", "/.cache/coloa/chdb/libchdb.so");
    p->library_fd = open(asked[0] ? asked : env && env[0] ? env : path, O_RDONLY); /* inherited */
    if (p->library_fd < 0)
        log_warn("library.open", "errno=%d the store will look for it by itself", errno);
}

CHECKED enum err parent_handed(const struct parent *p, struct config *cfg, struct diag *diag)
{
    char text[48];

    if (p->library_fd < 0)
        return ERR_NONE;
    int n = snprintf(text, sizeof(text), "/proc/self/fd/%d", p->library_fd);
    return config_set(cfg, SLICE("store.library"), (struct slice){text, (size_t)n}, diag);
}

CHECKED enum err parent_users(struct parent *p, struct diag *diag)
{
    char program[PATH_BYTES], rules[PATH_BYTES];
    const char *paths[4] = {p->o->data_dir, program, NULL, NULL};
    enum err e = child_program(ROLE_DESK, program, sizeof(program), diag);

    if (e != ERR_NONE)
        return e;
    if (rules_dir_shipped("rules", rules, sizeof(rules)))
        paths[2] = rules;
    e = users_find(p->cfg, paths, &p->users, diag);
    if (e == ERR_NONE)
        e = users_own(&p->users, p->o->data_dir, diag);
    if (e != ERR_NONE || !p->users.own)
        return e;
    (void)umask(0027);
    open_library(p);
    log_info("users.own", "each role runs under a user of its own");
    return parent_handed(p, p->cfg, diag);
}
