#include "desk/desk_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"

extern char **environ;

enum db_kind desk_fixture_sqlite = DB_SQLITE, desk_fixture_pg = DB_PG;

static const char bin[] = "/usr/lib/postgresql/15/bin";
static char server_dir[64]; /* empty: not started */
static pid_t server;
static unsigned databases;

static int64_t frozen_wall, frozen_mono;

static int64_t wall(void)
{
    return frozen_wall;
}

static int64_t mono(void)
{
    return frozen_mono;
}

void desk_fixture_freeze(int64_t wall_ns)
{
    frozen_wall = wall_ns;
    frozen_mono = NS_PER_S;
    clock_replace(mono, wall);
}

void desk_fixture_pass(int64_t ns)
{
    frozen_wall += ns;
    frozen_mono += ns;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_tree(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* As user postgres when root: the server refuses to run as root. */
static pid_t run(const char *const *args)
{
    const char *argv[24] = {"setpriv",       "--reuid=postgres", "--regid=postgres",
                            "--init-groups", "--pdeathsig",      "INT"};
    size_t n = geteuid() == 0 ? 6 : 0;
    posix_spawn_file_actions_t quiet;
    pid_t pid = 0;

    for (size_t i = 0; args[i]; i++)
        argv[n++] = args[i];
    (void)posix_spawn_file_actions_init(&quiet);
    (void)posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&quiet);
    return rc == 0 ? pid : 0;
}

static void stop_server(void)
{
    if (server > 0) {
        (void)kill(server, SIGINT); /* fast shutdown */
        (void)waitpid(server, NULL, 0);
    }
    remove_tree(server_dir);
}

static bool make_cluster(void)
{
    char data[80];
    int status = -1;

    (void)snprintf(server_dir, sizeof(server_dir), "/tmp/coloa-pg-XXXXXX");
    if (!mkdtemp(server_dir) || chmod(server_dir, 0777) != 0)
        return false;
    (void)snprintf(data, sizeof(data), "%s/data", server_dir);
    char initdb[80], postgres[80];
    (void)snprintf(initdb, sizeof(initdb), "%s/initdb", bin);
    (void)snprintf(postgres, sizeof(postgres), "%s/postgres", bin);
    const char *const init[] = {initdb,      "-D",       data, "-A",   "trust",
                                "-U",        "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                                "--no-sync", NULL};
    pid_t pid = run(init);
    if (pid <= 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return false;
    const char *const serve[] = {postgres,
                                 "-D",
                                 data,
                                 "-k",
                                 server_dir,
                                 "-h",
                                 "",
                                 "-c",
                                 "fsync=off",
                                 "-c",
                                 "shared_buffers=16MB",
                                 NULL};
    server = run(serve);
    return server > 0;
}

static struct db *connect_to(const char *name)
{
    char conninfo[160];
    struct db *db = NULL;

    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=%s", server_dir, name);
    for (int i = 0; i < 200; i++) {
        if (db_open_pg(conninfo, &db, NULL) == ERR_NONE)
            return db;
        (void)usleep(50000);
    }
    return NULL;
}

static bool fresh_database(char *name, size_t cap)
{
    char initdb[80], sql[64];

    (void)snprintf(initdb, sizeof(initdb), "%s/initdb", bin);
    if (access(initdb, X_OK) != 0)
        return false;
    if (!server_dir[0]) {
        if (atexit(stop_server) != 0 || !make_cluster())
            fail_msg("PostgreSQL is installed but does not start");
    }
    struct db *db = connect_to("postgres");
    if (!db)
        fail_msg("PostgreSQL does not answer");
    (void)snprintf(name, cap, "t%u", databases++);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
    OK(db_exec(db, sql, &diag));
    db_close(db);
    return true;
}

static void open_desk(struct fixture *f)
{
    struct desk_options opt = {.data_dir = f->dir,
                               .conninfo = f->kind == DB_PG ? f->conninfo : NULL};

    OK(desk_open(&opt, &f->desk, &diag));
}

int desk_fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char name[16];

    if (!f)
        return -1;
    f->kind = *(enum db_kind *)*state;
    *state = f;
    arena_init(&f->arena, 16 << 20);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/coloa-desk-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    if (f->kind == DB_PG) {
        f->skip = !fresh_database(name, sizeof(name));
        if (!f->skip)
            (void)snprintf(f->conninfo, sizeof(f->conninfo), "host=%s user=postgres dbname=%s",
                           server_dir, name);
    }
    return 0;
}

int desk_fixture_teardown(void **state)
{
    struct fixture *f = *state;

    clock_replace(NULL, NULL);
    desk_close(f->desk);
    arena_done(&f->arena);
    remove_tree(f->dir);
    free(f);
    return 0;
}

struct fixture *desk_fixture(void **state)
{
    struct fixture *f = *state;

    if (f->skip) {
        print_message("skipped: Debian's postgresql-15 is not installed\n");
        skip();
    }
    open_desk(f);
    return f;
}

void desk_fixture_reopen(struct fixture *f)
{
    desk_close(f->desk);
    f->desk = NULL;
    open_desk(f);
}

struct db *desk_fixture_db(const struct fixture *f)
{
    char path[96];
    struct db *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/desk/desk.db", f->dir);
    if (f->kind == DB_PG)
        OK(db_open_pg(f->conninfo, &db, &diag));
    else
        OK(db_open_sqlite(path, &db, &diag));
    return db;
}
