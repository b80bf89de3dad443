#include "serve/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.h"
#include "serve/rules_dir.h"

/* Debian 12's header is older than the kernels that we meet: newer rights are named here. */
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define NET_TCP (UINT64_C(1) << 0 | UINT64_C(1) << 1) /* bind, connect */
enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4 };

struct attr { /* struct landlock_ruleset_attr of ABI 4 */
    uint64_t fs, net;
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
#define FS_NEVER                                                                                   \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define FS_OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

struct place {
    unsigned roles;
    bool writes;
    const char *path; /* "/…" as it is, else below the data folder */
};

#define FOUR (R_STORE | R_INTAKE | R_WATCH | R_DESK)

/* Who owns what on disk, and what of the system each role's libraries read. */
static const struct place places[] = {
    {R_INTAKE, true, "journal"},
    {R_WATCH, false, "journal"},
    {R_WATCH, true, "cursors/watch"},
    {R_INTAKE, false, "cursors"},
    {R_DESK, true, "cursors/desk"},
    {R_WATCH, true, "state"},
    {R_WATCH, true, "findings"},
    {R_DESK, false, "findings"},
    {R_DESK, true, "snapshots"},
    {R_INTAKE | R_WATCH, false, "snapshots"},
    {R_STORE, true, "store"},
    {R_DESK, true, "desk"},
    {R_INTAKE, true, "quarantine/intake"},
    {R_WATCH, true, "quarantine/watch"},
    {R_DESK, false, "quarantine"},
    {R_INTAKE | R_WATCH | R_DESK, true, "run"},
    {FOUR, true, "/dev/null"},
    {FOUR, false, "/dev/urandom"},
    {FOUR, false, "/dev/random"},
    {FOUR, false, "/etc/ld.so.cache"},
    {FOUR, false, "/etc/localtime"},
    {FOUR, false, "/lib"},
    {FOUR, false, "/lib64"},
    {FOUR, false, "/usr/lib"},
    {FOUR, false, "/usr/share/zoneinfo"},
    {FOUR, false, "/proc/self"},
    {FOUR, false, "/proc/meminfo"},
    {FOUR, false, "/proc/sys"},
    {FOUR, false, "/sys/devices/system"},
    {R_STORE, false, "/proc"},
    {R_STORE, false, "/sys/fs/cgroup"},
    {R_STORE, true, "/proc/self/oom_score_adj"},
    {R_STORE | R_DESK, false, "/etc/hosts"},
    {R_STORE | R_DESK, false, "/etc/host.conf"},
    {R_STORE | R_DESK, false, "/etc/gai.conf"},
    {R_STORE | R_DESK, false, "/etc/nsswitch.conf"},
    {R_STORE | R_DESK, false, "/etc/resolv.conf"},
    {R_STORE | R_DESK, false, "/etc/services"},
    {R_STORE | R_DESK, false, "/etc/ssl"},
    {R_STORE | R_DESK, false, "/usr/share/ca-certificates"},
};

struct fence {
    int fd, abi;
    uint64_t fs; /* what this kernel can refuse */
    const char *failed;
};

/* What is not there needs no right; what appears later below an allowed folder has it. */
static void allow(struct fence *f, const char *path, bool writes)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return;
    struct landlock_path_beneath_attr a = {.parent_fd = fd,
                                           .allowed_access = FS_READ | (writes ? FS_WRITE : 0)};
    if (fstat(fd, &st) == 0) {
        a.allowed_access &= S_ISDIR(st.st_mode) ? f->fs : f->fs & FS_OF_FILES;
        if (syscall(SYS_landlock_add_rule, f->fd, LANDLOCK_RULE_PATH_BENEATH, &a, 0) != 0)
            f->failed = "a folder cannot be allowed";
    }
    (void)close(fd);
}

/* A followed file is rotated and may not be there yet: its folder is what can be named. Of a
 * pattern it is the folder above the first wildcard; never the root of all. */
static void allow_followed(struct fence *f, const char *pattern)
{
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s", pattern);

    if (n < 0 || (size_t)n >= sizeof(path))
        return;
    path[strcspn(path, "*?[")] = 0;
    for (;;) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            break;
        *slash = 0;
        if (stat(path, &st) == 0) {
            allow(f, path, false);
            return;
        }
    }
    log_warn("confine.follow", "pattern=%s reason=no folder to allow; make it and restart",
             pattern);
}

static void allow_file_option(struct fence *f, const struct config *cfg, enum option o)
{
    const char *text = config_text(cfg, o);

    if (strncmp(text, "file:", 5) == 0)
        allow(f, text + 5, false);
    else if (text[0])
        allow(f, text, false);
}

static void allow_engine(struct fence *f, const struct config *cfg)
{
    char path[PATH_MAX];
    const char *env = getenv("COLOA_CHDB"), *home = getenv("HOME");

    allow_file_option(f, cfg, OPT_STORE_LIBRARY);
    if (env)
        allow(f, env, false);
    int n = snprintf(path, sizeof(path), "%s/.cache/coloa/chdb", home ? home : "");
    if (n > 0 && (size_t)n < sizeof(path))
        allow(f, path, false);
}

/* A folder of rules may be a link that `rules update` leads elsewhere: beside where it leads now.
 */
static void allow_rules(struct fence *f, const char *path)
{
    char real[PATH_MAX];
    struct stat st;

    allow(f, path, false);
    if (lstat(path, &st) != 0 || !S_ISLNK(st.st_mode) || !realpath(path, real))
        return;
    char *slash = strrchr(real, '/');
    const char *name = strrchr(path, '/');
    size_t n = strlen(name ? name + 1 : path);
    *slash = 0;
    slash = strrchr(real, '/');
    /* .NAME.versions only, so that no link opens the folder of somebody else */
    if (slash && slash[1] == '.' &&
        slice_starts(slice_of(slash + 2), (struct slice){name ? name + 1 : path, n}) &&
        strcmp(slash + 2 + n, ".versions") == 0)
        allow(f, real, false);
}

static void allow_configured(struct fence *f, enum role r, const struct config *cfg)
{
    struct rules_dir dirs;

    if (r == ROLE_INTAKE || r == ROLE_DESK) {
        allow_file_option(f, cfg, OPT_TLS_CERTIFICATE);
        allow_file_option(f, cfg, OPT_TLS_KEY);
    }
    if (r == ROLE_DESK)
        allow_file_option(f, cfg, OPT_DESK_DATABASE);
    if (r == ROLE_STORE)
        allow_engine(f, cfg);
    if (r == ROLE_WATCH) {
        allow_file_option(f, cfg, OPT_ENRICH_MMDB);
        allow_file_option(f, cfg, OPT_RULES_PLACEHOLDERS);
        for (size_t i = 0; i < config_list_n(cfg, OPT_RULES_PIPELINES); i++)
            allow(f, config_list_at(cfg, OPT_RULES_PIPELINES, i), false);
    }
    if (r == ROLE_WATCH || r == ROLE_DESK) {
        rules_dir_list(cfg, &dirs);
        for (size_t i = 0; i < dirs.n; i++)
            allow_rules(f, dirs.paths[i]);
    }
    if (r != ROLE_INTAKE)
        return;
    for (size_t i = 0; i < config_list_n(cfg, OPT_INTAKE_FILES); i++)
        allow_followed(f, config_list_at(cfg, OPT_INTAKE_FILES, i));
    if (config_bool(cfg, OPT_INTAKE_JOURNALD)) {
        allow(f, "/var/log/journal", false);
        allow(f, "/run/log/journal", false);
        allow(f, "/etc/machine-id", false);
    }
}

/* A database or event store on another machine is the one reason to go out. */
static bool goes_out(enum role r, const struct config *cfg)
{
    if (r == ROLE_STORE)
        return config_text(cfg, OPT_STORE_URL)[0] != 0;
    return r == ROLE_DESK && strcmp(config_text(cfg, OPT_DESK_DATABASE), "sqlite") != 0;
}

static void allow_places(struct fence *f, enum role r, const char *data_dir)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const struct place *p = &places[i];
        if (!(p->roles & 1u << r))
            continue;
        int n = snprintf(path, sizeof(path), "%s%s%s", p->path[0] == '/' ? "" : data_dir,
                         p->path[0] == '/' ? "" : "/", p->path);
        if (n > 0 && (size_t)n < sizeof(path))
            allow(f, path, p->writes);
        else
            f->failed = "a path is too long";
    }
}

int role_confine_abi(void)
{
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return abi < ABI_REFER ? 0 : abi; /* under ABI 1 no rename into another folder works */
}

CHECKED enum err role_confine(enum role r, const char *data_dir, const struct config *cfg,
                              int *ret_abi, struct diag *diag)
{
    int abi = role_confine_abi();
    struct fence f = {.abi = abi, .fs = FS_READ | FS_WRITE | FS_NEVER};
    struct attr a = {0};

    if (abi == 0) {
        *ret_abi = 0;
        return ERR_NONE;
    }
    if (abi < ABI_TRUNCATE)
        f.fs &= ~FS_TRUNCATE;
    a.fs = f.fs;
    if (abi >= ABI_NET && (!cfg || !goes_out(r, cfg)))
        a.net = NET_TCP;
    size_t size = abi >= ABI_NET ? sizeof(a) : sizeof(a.fs);
    f.fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
    if (f.fd < 0)
        return FAIL(diag, ERR_SYS, 0, "the kernel refuses the sandbox (Landlock): %s",
                    strerror(errno));
    if (data_dir)
        allow_places(&f, r, data_dir);
    if (cfg)
        allow_configured(&f, r, cfg);
    if (!f.failed && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                      syscall(SYS_landlock_restrict_self, f.fd, 0) != 0))
        f.failed = strerror(errno);
    (void)close(f.fd);
    if (f.failed)
        return FAIL(diag, ERR_SYS, 0, "the sandbox (Landlock) cannot be set up: %s", f.failed);
    *ret_abi = abi;
    return ERR_NONE;
}
