#include "core/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve/datadir.h"
#include "serve/seal.h"

/* What each role may write, and what is another's: the table of the design, once more and by hand,
 * so that a slip in confine.c's table fails here. */
static const struct {
    enum role role;
    const char *own[4], *reads[3], *foreign[6];
} roles[] = {
    {ROLE_INTAKE,
     {"journal", "quarantine/intake", "run"},
     {"snapshots", "cursors/watch"},
     {"desk", "store", "findings", "state", "quarantine/watch"}},
    {ROLE_WATCH,
     {"findings", "state", "cursors/watch", "quarantine/watch"},
     {"journal", "snapshots"},
     {"desk", "store", "quarantine/intake", "cursors/desk"}},
    {ROLE_STORE, {"store"}, {NULL}, {"desk", "journal", "findings", "snapshots", "state", "run"}},
    {ROLE_DESK,
     {"desk", "snapshots", "cursors/desk", "run"},
     {"findings"},
     {"journal", "store", "state", "cursors/watch"}},
    {ROLE_LAB, {NULL}, {NULL}, {"desk", "store", "journal", "findings", "state", "run"}},
};

struct scene {
    char dir[64];
    uint16_t port; /* somebody listens there */
};

static bool opens(const char *dir, const char *folder, const char *name, int flags)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s/%s", dir, folder, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

static bool connects(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* In the sealed process: the number of the first thing that is not as it should be, else 0. */
static int try_all(size_t k, const struct scene *s)
{
    char *const none[] = {NULL};

    for (size_t i = 0; i < ARRAY_LEN(roles[k].own) && roles[k].own[i]; i++)
        if (!opens(s->dir, roles[k].own[i], "mine", O_RDWR | O_CREAT))
            return 10 + (int)i;
    for (size_t i = 0; i < ARRAY_LEN(roles[k].reads) && roles[k].reads[i]; i++)
        if (!opens(s->dir, roles[k].reads[i], "there", O_RDONLY) ||
            opens(s->dir, roles[k].reads[i], "there", O_RDWR) ||
            opens(s->dir, roles[k].reads[i], "new", O_RDWR | O_CREAT))
            return 20 + (int)i;
    for (size_t i = 0; i < ARRAY_LEN(roles[k].foreign) && roles[k].foreign[i]; i++)
        if (opens(s->dir, roles[k].foreign[i], "there", O_RDONLY) ||
            opens(s->dir, roles[k].foreign[i], "new", O_WRONLY | O_CREAT))
            return 30 + (int)i;
    if (opens("", "etc", "passwd", O_RDONLY) || opens(s->dir, ".", "coloa.yaml", O_RDONLY))
        return 40;
    if (connects(s->port))
        return 50;
    (void)execv("/bin/true", none);
    return errno == EACCES || errno == EPERM ? 0 : 60;
}

struct task {
    size_t k;
    const struct scene *s;
    int go, result;
};

static void *thread_main(void *arg)
{
    struct task *t = arg;
    char c;

    t->result = read(t->go, &c, 1) == 1 ? try_all(t->k, t->s) : 70;
    return NULL;
}

/* As a role lives: the fence, then a thread, then the filter. Both threads are bound by both. */
static _Noreturn void live(size_t k, const struct scene *s)
{
    struct config *cfg = config_new();
    struct diag d = {0};
    struct task t = {.k = k, .s = s};
    pthread_t thread;
    int abi, go[2];

    if (!cfg || pipe2(go, O_CLOEXEC) != 0 ||
        role_confine(roles[k].role, s->dir, cfg, &abi, &d) != ERR_NONE)
        _exit(80);
    if (abi == 0)
        _exit(77);
    t.go = go[0];
    if (pthread_create(&thread, NULL, thread_main, &t) != 0 ||
        role_seal(roles[k].role, &d) != ERR_NONE || write(go[1], "x", 1) != 1 ||
        pthread_join(thread, NULL) != 0)
        _exit(81);
    int rc = try_all(k, s);
    _exit(t.result ? 100 + t.result : rc);
}

static void scene_make(struct scene *s)
{
    static const char *const folders[] = {"journal",
                                          "findings",
                                          "state",
                                          "snapshots",
                                          "store",
                                          "desk",
                                          "cursors/desk",
                                          "quarantine/watch",
                                          "quarantine/intake",
                                          "run",
                                          "cursors/watch",
                                          "."};
    struct diag d = {0};
    char path[128];
    int lock;

    (void)snprintf(s->dir, sizeof(s->dir), "/tmp/coloa-seal-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_int_equal(datadir_open(s->dir, 100, &lock, &d), ERR_NONE);
    (void)close(lock);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s/%s", s->dir, folders[i],
                       i + 1 == ARRAY_LEN(folders) ? "coloa.yaml" : "there");
        assert_int_equal(datadir_write_file(path, "x", 1, 0600, false, &d), ERR_NONE);
    }
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void each_role_keeps_to_its_table(void **state)
{
    struct scene s;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
    (void)state;

    scene_make(&s);
    assert_int_equal(bind(door, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(door, 64), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&at, &len), 0);
    s.port = ntohs(at.sin_port);
    assert_true(connects(s.port)); /* so that a refusal below is the seal's */
    for (size_t k = 0; k < ARRAY_LEN(roles); k++) {
        pid_t pid = fork();
        if (pid == 0)
            live(k, &s);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77) {
            print_message("skipped: this kernel has no Landlock\n");
            break;
        }
        if (WEXITSTATUS(status) != 0)
            fail_msg("coloa-%s: step %d", role_name(roles[k].role), WEXITSTATUS(status));
    }
    (void)close(door);
    (void)nftw(s.dir, drop, 16, FTW_DEPTH | FTW_PHYS);
}

/* Under COLOA_SEAL=strict a call from the filter's table ends the process, in any thread. */
static void strict_kills(void **state)
{
    int status;
    (void)state;

    pid_t pid = fork();
    if (pid == 0) {
        struct diag d = {0};
        char *const none[] = {NULL};
        (void)setenv("COLOA_SEAL", "strict", 1);
        if (role_seal(ROLE_DESK, &d) == ERR_NONE)
            (void)execv("/bin/true", none);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_keeps_to_its_table),
        cmocka_unit_test(strict_kills),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
