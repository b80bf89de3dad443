#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/config.h"
#include "detect/detect.h"
#include "serve/child.h"
#include "serve/rules_dir.h"
#include "serve/seal.h"

enum { FILE_BYTES_MAX = 1 << 20, DISK_LEAST_MIB = 1024 };

static const struct args_usage usage = {
    "doctor",
    "[options]",
    "Looks at an installation, running or not, and says for each finding how to mend it.\n"
    "Exit 0: nothing wrong; 1: something is.",
    "  coloa doctor\n  coloa doctor --data /var/lib/coloa\n",
};

static unsigned wrong;

static void say(bool ok, const char *what, const char *mend)
{
    (void)printf("%s %s\n", ok ? "  ok   " : "  WRONG", what);
    if (!ok) {
        wrong++;
        if (mend)
            (void)printf("        mend: %s\n", mend);
    }
}

static ssize_t read_small(const char *dir, const char *rest, char *out, size_t cap)
{
    char path[4200];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, rest);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, out, cap - 1);
    (void)close(fd);
    out[n > 0 ? n : 0] = 0;
    return n;
}

static void programs(void)
{
    static const enum role roles[] = {ROLE_STORE, ROLE_INTAKE, ROLE_WATCH, ROLE_DESK, ROLE_LAB};
    char path[4096], text[300];
    struct diag d = {0};

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        bool ok = child_program(roles[i], path, sizeof(path), &d) == ERR_NONE;
        (void)snprintf(text, sizeof(text), "program coloa-%s", role_name(roles[i]));
        say(ok, text, d.text);
    }
}

static void engine(void)
{
    const char *home = getenv("HOME"), *env = getenv("COLOA_CHDB");
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s%s",
                   env    ? env
                   : home ? home
                          : "",
                   env ? "" : "/.cache/coloa/chdb/libchdb.so");
    say(access(path, R_OK) == 0, "embedded engine libchdb.so",
        "run `make setup` (or tools/setup run), set store.library, or set store.url to a "
        "ClickHouse server");
}

static void folder(const char *data)
{
    struct stat st;
    struct statvfs fs;
    char text[300];

    if (stat(data, &st) != 0) {
        say(false, "data folder",
            "start `coloa serve --data DIR` once, or give --data the right folder");
        return;
    }
    say((st.st_mode & 067) == 0, "data folder is private", "chmod 700 DIR");
    if (geteuid() == 0 && st.st_uid == 0)
        say((st.st_mode & 010) != 0, "each role has a user of its own",
            "started as root every role is root: run tools/setup users, then restart; the log says "
            "what else is in the way");
    say(access(data, W_OK) == 0, "data folder is writable", "run as the user who owns it");
    if (statvfs(data, &fs) == 0) {
        unsigned long long mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
        (void)snprintf(text, sizeof(text), "%llu MiB free on its disk", mib);
        say(mib >= DISK_LEAST_MIB, text, "free space: below 1 GiB senders are soon slowed down");
    }
}

static void configuration(const char *data)
{
    static char text[FILE_BYTES_MAX];
    struct diag d = {0};
    ssize_t n = read_small(data, "coloa.yaml", text, sizeof(text));
    struct config *c = config_new();

    if (n >= 0 && c)
        say(config_read_yaml(c, (struct slice){text, (size_t)n}, &d) == ERR_NONE, "coloa.yaml",
            d.text);
    config_free(c);
}

static void rules(void)
{
    char dir[4096], text[300];
    const char *paths[] = {dir};
    struct ruleset *rs;
    struct diag d = {0};

    if (!rules_dir_shipped("rules", dir, sizeof(dir))) {
        say(false, "shipped rules", "they belong beside the program's folder; set COLOA_SHARE");
        return;
    }
    if (ruleset_load(paths, 1, &rs, &d) != ERR_NONE) {
        say(false, "shipped rules", d.text);
        return;
    }
    (void)snprintf(text, sizeof(text), "shipped rules: %zu of %zu load", ruleset_report(rs)->loaded,
                   ruleset_report(rs)->rules);
    say(ruleset_report(rs)->loaded == ruleset_report(rs)->rules, text, "coloa rules check");
    ruleset_unref(rs);
}

static void roles(const char *data)
{
    static char text[FILE_BYTES_MAX];
    char line[400];
    struct json_reader *r = json_reader_new(FILE_BYTES_MAX, 10000);
    const struct json_node *root;
    ssize_t n = read_small(data, "run/status.json", text, sizeof(text));

    if (n > 0 && r &&
        json_read_strict(r, (struct slice){text, (size_t)n}, &root, NULL) == ERR_NONE) {
        const struct json_node *list = json_get(root, "roles");
        for (const struct json_node *c = list ? list->child : NULL; c; c = c->next) {
            struct slice state = json_get_str(c, "state"), why = json_get_str(c, "why");
            (void)snprintf(line, sizeof(line), "role %.*s: %.*s, restarted %lld times",
                           SLICE_ARG(json_get_str(c, "name")), SLICE_ARG(state),
                           (long long)json_get_int(c, "restarts", 0));
            char mend[300];
            (void)snprintf(mend, sizeof(mend), "%.*s", SLICE_ARG(why));
            say(slice_eq(state, SLICE("serving")) || slice_eq(state, SLICE("off")), line, mend);
        }
    }
    json_reader_free(r);
}

/* A kernel without it is no fault of the installation: said, not counted as wrong. */
static void sandbox(void)
{
    char line[120];
    int abi = role_confine_abi();

    if (abi)
        (void)snprintf(line, sizeof(line), "sandbox: seccomp and Landlock (version %d)", abi);
    else
        (void)snprintf(line, sizeof(line),
                       "sandbox: seccomp alone; Landlock needs Linux 5.19 or newer");
    say(true, line, NULL);
}

static void quarantine(const char *data)
{
    static const char *const of[] = {"quarantine/intake", "quarantine/watch"};
    char path[4200], text[200];

    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        unsigned n = 0;
        (void)snprintf(path, sizeof(path), "%s/%s", data, of[i]);
        DIR *dp = opendir(path);
        for (struct dirent *f; dp && (f = readdir(dp));)
            n += f->d_name[0] != '.';
        if (dp)
            (void)closedir(dp);
        (void)snprintf(text, sizeof(text), "%s holds %u files", of[i], n);
        say(n == 0, text, "look at them: they are records that could not be taken or parsed");
    }
}

int cmd_doctor(int argc, char **argv)
{
    const char *data = NULL;
    struct arg_many rest;
    const struct arg specs[] = {
        {"data", ARG_TEXT, &data, "DIR", "the installation's folder"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (rest.n)
        args_wrong(&usage, "unexpected argument", rest.at[0]);
    if (!data)
        data = cmd_data_dir();
    programs();
    engine();
    folder(data);
    configuration(data);
    rules();
    roles(data);
    sandbox();
    quarantine(data);
    (void)printf(wrong ? "\n%u things are wrong.\n" : "\nNothing is wrong.\n", wrong);
    return wrong ? 1 : EXIT_SUCCESS;
}
