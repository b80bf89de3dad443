#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/cmd_rules_int.h"
#include "cmd/rules_diff.h"
#include "cmd/rules_install.h"

static const struct args_usage usage = {
    "rules update",
    "[options] DIR | --rollback",
    "Takes over a local copy of a Sigma repository (a git checkout or a plain folder), whole or "
    "not "
    "at\n"
    "all. It is loaded first; what is added, changed and removed is shown by level, and with it "
    "what\n"
    "newly fails: then nothing changes, unless --force. The installed folder is changed in one "
    "step,\n"
    "the one before is kept for --rollback, and .coloa-rules.json in it says commit and SHA-256. "
    "A\n"
    "running centre of --data is told to load the rules again.",
    "  git -C sigma pull && coloa rules update sigma/rules --dry-run\n"
    "  coloa rules update sigma/rules --data /var/lib/coloa\n"
    "  coloa rules update --rollback --data /var/lib/coloa\n",
};

struct update {
    const char *from, *into, *data;
    bool dry_run, force, rollback;
    struct rules_install in;
};

static int failed(const struct diag *d)
{
    (void)fprintf(stderr, "coloa rules update: %s\n", d->text);
    return EXIT_FAILED;
}

static void say_pin(const char *what, const struct rules_pin *p)
{
    (void)printf("%s: %zu files, commit %s, sha256 %s\n", what, p->files,
                 p->commit[0] ? p->commit : "-", p->sha256);
}

/* The parent of the roles listens on the desk's socket: the kernel says who that is. 0: nobody. */
static pid_t centre_pid(const char *data)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct ucred who = {.pid = 0};
    socklen_t size = sizeof(who);
    int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/desk.sock", data);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return 0;
    if (n < 0 || (size_t)n >= sizeof(a.sun_path) ||
        connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        who.pid = 0;
    (void)close(fd);
    return who.pid;
}

/* A process of that number which is a centre: numbers are used again. */
static bool is_centre(pid_t pid)
{
    char path[64], exe[4096];

    (void)snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
    ssize_t n = readlink(path, exe, sizeof(exe) - 1);
    exe[n > 0 ? n : 0] = 0;
    const char *slash = strrchr(exe, '/');
    return slash && strcmp(slash, "/coloa") == 0;
}

static void tell_centre(const char *data)
{
    pid_t pid = centre_pid(data);

    if (pid > 1 && is_centre(pid) && kill(pid, SIGHUP) == 0)
        (void)printf("the centre of %s loads the rules again (process %ld)\n", data, (long)pid);
    else if (pid > 1)
        (void)printf("tell the centre of %s to load them: kill -HUP %ld\n", data, (long)pid);
    else
        (void)printf("no centre runs at %s; a running one loads them at SIGHUP\n", data);
}

static int back(struct update *u)
{
    struct diag d = {0};

    if (u->dry_run) {
        (void)printf("current %s, before it %s\n", u->in.current[0] ? u->in.current : "-",
                     u->in.previous[0] ? u->in.previous : "-");
        return EXIT_SUCCESS;
    }
    if (rules_install_back(&u->in, &d) != ERR_NONE)
        return failed(&d);
    say_pin("back to", &u->in.pin);
    tell_centre(u->data);
    return EXIT_SUCCESS;
}

static bool load(const char *path, struct ruleset **ret, struct diag *d)
{
    return ruleset_load(&path, 1, ret, d) == ERR_NONE;
}

static int install(struct update *u, const struct ruleset *new, const struct rules_pin *pin,
                   const struct rules_diff *diff)
{
    struct diag d = {0};
    char source[4096];
    const struct rule_report *r = ruleset_report(new);
    const struct rules_install_facts facts = {realpath(u->from, source) ? source : u->from,
                                              r->rules, r->loaded};

    if (r->loaded == 0 || (diff->refused && !u->force)) {
        (void)fprintf(stderr,
                      "coloa rules update: refused, nothing was changed: %zu rules are wrong that "
                      "were not before%s\n",
                      diff->refused, r->loaded ? " (--force takes them all the same)" : "");
        return EXIT_FAILED;
    }
    if (u->dry_run) {
        (void)printf("dry run: nothing was changed\n");
        return EXIT_SUCCESS;
    }
    bool first = !u->in.current[0];
    if (rules_install_put(&u->in, u->from, pin, &facts, &d) != ERR_NONE)
        return failed(&d);
    say_pin("installed", pin);
    if (first)
        (void)printf("a centre reads them when its rules.dirs names %s\n", u->in.into);
    tell_centre(u->data);
    return EXIT_SUCCESS;
}

static int update(struct update *u)
{
    struct rules_pin pin;
    struct ruleset *old = NULL, *new = NULL;
    struct rules_diff diff;
    struct diag d = {0};

    if (rules_pin_read(u->from, &pin, &d) != ERR_NONE)
        return failed(&d);
    say_pin("new", &pin);
    if (u->in.current[0])
        say_pin("installed", &u->in.pin);
    if (u->in.current[0] && strcmp(pin.sha256, u->in.pin.sha256) == 0 &&
        strcmp(pin.commit, u->in.pin.commit) == 0) {
        (void)printf("nothing to do: it is installed\n");
        return EXIT_SUCCESS;
    }
    int rc = EXIT_FAILED;
    if (!load(u->from, &new, &d) || (u->in.current[0] && !load(u->in.into, &old, &d)))
        rc = failed(&d);
    else if (!rules_diff_print(old, u->in.into, new, u->from, &diff))
        (void)fprintf(stderr, "coloa rules update: out of memory\n");
    else
        rc = install(u, new, &pin, &diff);
    ruleset_unref(old);
    ruleset_unref(new);
    return rc;
}

static void take_places(struct update *u, const struct arg_many *rest)
{
    static char from[4096], into[4096];
    size_t n = rest->n ? strlen(rest->at[0]) : 0;

    if (rest->n != (u->rollback ? 0 : 1))
        args_wrong(&usage, u->rollback ? "--rollback takes no folder" : "one folder is taken",
                   NULL);
    while (n > 1 && rest->at[0][n - 1] == '/')
        n--;
    if (n >= sizeof(from))
        args_wrong(&usage, "the path is too long", NULL);
    (void)snprintf(from, sizeof(from), "%.*s", (int)n, n ? rest->at[0] : "");
    u->from = from;
    if (!u->data)
        u->data = cmd_data_dir();
    (void)snprintf(into, sizeof(into), "%s/rules/sigma", u->data);
    if (!u->into)
        u->into = into;
}

int rules_update(int argc, char **argv)
{
    static struct arg_many rest;
    static struct update u;
    struct diag d = {0};
    const struct arg specs[] = {
        {"into", ARG_TEXT, &u.into, "FOLDER", "where they are installed (DATA/rules/sigma)"},
        {"data", ARG_TEXT, &u.data, "DIR", "the installation, whose centre is told"},
        {"dry-run", ARG_FLAG, &u.dry_run, NULL, "shows what would change"},
        {"force", ARG_FLAG, &u.force, NULL, "takes them though rules newly fail"},
        {"rollback", ARG_FLAG, &u.rollback, NULL, "back to the folder before"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    take_places(&u, &rest);
    if (rules_install_open(u.into, &u.in, &d) != ERR_NONE)
        return failed(&d);
    int rc = u.rollback ? back(&u) : update(&u);
    rules_install_close(&u.in);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}
