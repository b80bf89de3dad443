#include "serve/users.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

enum { OPEN_FOLDERS = 16, ENTRY_BYTES = 16384 };

static const char group_name[] = "coloa";
static const char *const names[USERS_N] = {
    [ROLE_STORE] = "coloa-store", [ROLE_INTAKE] = "coloa-intake", [ROLE_WATCH] = "coloa-watch",
    [ROLE_DESK] = "coloa-desk",   [ROLE_LAB] = "coloa-lab",       [USERS_DEMO] = "coloa-demo",
};

/* Those above come before those below: a folder that is given away takes its contents along. */
static const struct {
    const char *path;
    enum role owner;
    mode_t mode; /* with own users; without them 0700 */
} folders[] = {
    {"", ROLE_PARENT, 0710},
    {"run", ROLE_PARENT, 03770}, /* each role writes there, and removes only what is its own */
    {"journal", ROLE_INTAKE, 0750},
    {"cursors", ROLE_PARENT, 0750},
    {"cursors/watch", ROLE_WATCH, 0750},
    {"cursors/desk", ROLE_DESK, 0750},
    {"state", ROLE_WATCH, 0700},
    {"findings", ROLE_WATCH, 0750},
    {"snapshots", ROLE_DESK, 0750},
    {"store", ROLE_STORE, 0700},
    {"desk", ROLE_DESK, 0700},
    {"quarantine", ROLE_PARENT, 0750},
    {"quarantine/intake", ROLE_INTAKE, 0750},
    {"quarantine/watch", ROLE_WATCH, 0750},
};

static bool group_of(const char *name, gid_t *ret)
{
    char room[ENTRY_BYTES];
    struct group g, *found = NULL;

    if (getgrnam_r(name, &g, room, sizeof(room), &found) != 0 || !found)
        return false;
    *ret = found->gr_gid;
    return true;
}

static bool user_of(int who, gid_t group, struct user_ids *ret)
{
    static const char *const logs[] = {"adm", "systemd-journal"};
    char room[ENTRY_BYTES];
    struct passwd p, *found = NULL;

    if (getpwnam_r(names[who], &p, room, sizeof(room), &found) != 0 || !found || found->pw_uid == 0)
        return false;
    *ret = (struct user_ids){.uid = found->pw_uid, .gid = group, .groups_n = 1, .groups = {group}};
    for (size_t i = 0; who == ROLE_INTAKE && i < ARRAY_LEN(logs); i++)
        if (group_of(logs[i], &ret->groups[ret->groups_n]))
            ret->groups_n++;
    return true;
}

/* Whether members of the group can go through every folder above the path. The path itself is
 * theirs already or will be. */
static bool reached(const char *path, gid_t group, char at[static PATH_MAX])
{
    struct stat st;

    if (!realpath(path, at))
        return false;
    for (char *slash = strrchr(at, '/'); slash; slash = strrchr(at, '/')) {
        *slash = 0;
        if (stat(at[0] ? at : "/", &st) != 0)
            return false;
        bool through = st.st_mode & S_IXOTH || (st.st_gid == group && st.st_mode & S_IXGRP);
        if (!through)
            return false;
    }
    return true;
}

static CHECKED enum err look_up(struct users *u, const char *const *paths, struct diag *diag)
{
    char at[PATH_MAX];
    gid_t group;

    if (u->of[ROLE_PARENT].uid != 0)
        return FAIL(diag, ERR_DENIED, 0, "not started as root");
    bool there = group_of(group_name, &group);
    for (int who = 0; there && who < USERS_N; who++)
        if (names[who])
            there = user_of(who, group, &u->of[who]);
    if (!there)
        return FAIL(diag, ERR_DENIED, 0,
                    "the users coloa-store, coloa-intake ... are not there: run tools/setup users");
    u->of[ROLE_PARENT].gid = group;
    for (; *paths; paths++)
        if (!reached(*paths, group, at))
            return FAIL(diag, ERR_DENIED, 0,
                        "others than root cannot go through the folder %s: move the data folder or "
                        "the program, or chmod o+x it",
                        at[0] ? at : "/");
    return ERR_NONE;
}

CHECKED enum err users_find(const struct config *cfg, const char *const *paths, struct users *ret,
                            struct diag *diag)
{
    const char *want = config_text(cfg, OPT_SERVE_USERS);
    struct users u = {.of = {{0}}};
    struct diag why = {0};

    for (int i = 0; i < USERS_N; i++)
        u.of[i] = (struct user_ids){.uid = geteuid(), .gid = getegid()};
    if (strcmp(want, "one") == 0) {
        *ret = u;
        return ERR_NONE;
    }
    if (strcmp(want, "auto") != 0 && strcmp(want, "own") != 0)
        return FAIL(diag, ERR_SYNTAX, 0, "serve.users is auto, own or one, not %s", want);
    struct users one = u;
    enum err e = look_up(&u, paths, &why);
    if (e == ERR_NONE) {
        u.own = true;
        *ret = u;
        return ERR_NONE;
    }
    if (strcmp(want, "own") == 0)
        return FAIL(diag, e, 0, "no users of their own for the roles: %s", why.text);
    if (geteuid() == 0)
        log_warn("users.one", "every role runs as root: %s", why.text);
    *ret = one;
    return ERR_NONE;
}

void users_lab(const char *program, struct users *ret)
{
    char at[PATH_MAX];
    gid_t group;

    *ret = (struct users){.own = false};
    ret->own = geteuid() == 0 && group_of(group_name, &group) &&
               user_of(ROLE_LAB, group, &ret->of[ROLE_LAB]) && reached(program, group, at);
}

/* nftw has no argument of the caller's: what it gives away, and to whom. The parent has one thread.
 */
static struct {
    uid_t uid;
    gid_t gid;
    bool shared; /* the group reads */
} giving;

static int give(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    mode_t folder = giving.shared ? 0750 : 0700, file = giving.shared ? 0640 : 0600;

    if (at->level == 0) /* the folder itself comes last, when all in it is right */
        return 0;
    if (lchown(path, giving.uid, giving.gid) != 0)
        return errno == ENOENT ? 0 : -1;
    if (kind == FTW_SL || kind == FTW_SLN)
        return 0;
    if ((kind == FTW_D || kind == FTW_DP) ? chmod(path, folder) != 0
                                          : S_ISREG(st->st_mode) && chmod(path, file) != 0)
        return errno == ENOENT ? 0 : -1;
    return 0;
}

CHECKED enum err users_own(const struct users *u, const char *data_dir, struct diag *diag)
{
    char path[PATH_MAX];
    struct stat st;

    if (geteuid() != 0)
        return ERR_NONE;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const struct user_ids *to = &u->of[folders[i].owner];
        mode_t mode = u->own ? folders[i].mode : 0700;
        bool whole = folders[i].path[0] != 0;
        int n = snprintf(path, sizeof(path), "%s%s%s", data_dir, whole ? "/" : "", folders[i].path);
        if (n < 0 || (size_t)n >= sizeof(path))
            return FAIL(diag, ERR_LIMIT, 0, "the path of the data folder is too long");
        if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
            return FAIL(diag, ERR_SYS, 0, "%s is not a folder", path);
        if (st.st_uid == to->uid && st.st_gid == to->gid && (st.st_mode & 07777) == mode)
            continue;
        giving.uid = to->uid;
        giving.gid = to->gid;
        giving.shared = (mode & 0040) != 0;
        if ((whole && nftw(path, give, OPEN_FOLDERS, FTW_PHYS | FTW_DEPTH) != 0) ||
            lchown(path, to->uid, to->gid) != 0 || chmod(path, mode) != 0)
            return FAIL(diag, ERR_SYS, 0, "cannot give %s to its role: %s", path, strerror(errno));
    }
    return ERR_NONE;
}

CHECKED bool users_become(const struct users *u, int who)
{
    const struct user_ids *to = &u->of[who];

    if (!u->own)
        return true;
    (void)umask(0027);
    return setgroups((size_t)to->groups_n, to->groups) == 0 &&
           setresgid(to->gid, to->gid, to->gid) == 0 && setresuid(to->uid, to->uid, to->uid) == 0;
}
