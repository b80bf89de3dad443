#include "desk/desk_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/snapshot.h"
#include "desk/desk_int.h"
#include "desk/org.h"

static const struct desk_actor tester = {.name = "tester", .role = "admin"};

static struct db *with_table(struct fixture *f)
{
    struct db *db = desk_fixture_db(f);

    OK(db_exec(db, "CREATE TABLE t(a BIGINT PRIMARY KEY, b TEXT CHECK (b <> 'no'))", &diag));
    return db;
}

static void values_come_back(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct db *db = with_table(f);
    static const struct {
        struct slice in;
        const char *want;
    } cases[] = {
        {{"", 0}, ""},
        {{"Đăng nhập", 13}, "Đăng nhập"},
        {{"'; DROP TABLE t; --", 19}, "'; DROP TABLE t; --"},
        {{"a\0b", 3},
         "a\xef\xbf\xbd"
         "b"},
        {{"\xc3", 1}, "\xef\xbf\xbd"},
        {{"\xed\xa0\x80", 3}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {{NULL, 0}, ""},
    };
    struct db_rows *rows = NULL;
    bool row = false;
    int64_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        OK(db_run(db, "INSERT INTO t(a, b) VALUES (?1, ?2)",
                  DB_ARGS(db_i((int64_t)i), db_t(cases[i].in)), &n, &diag));
        assert_int_equal(n, 1);
    }
    OK(db_run(db, "INSERT INTO t(a, b) VALUES (?1, ?2)", DB_ARGS(db_i(INT64_MIN), db_null()), NULL,
              &diag));
    OK(db_query(db, "SELECT a, b FROM t ORDER BY a", DB_NONE, &rows, &diag));
    OK(db_next(rows, &row, &diag));
    assert_true(row && db_is_null(rows, 1));
    assert_true(db_int(rows, 0) == INT64_MIN);
    assert_slice(db_text(rows, 1), "");
    assert_int_equal(db_int(rows, 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        OK(db_next(rows, &row, &diag));
        assert_true(row && !db_is_null(rows, 1));
        assert_slice(db_text(rows, 1), cases[i].want);
    }
    OK(db_next(rows, &row, &diag));
    assert_false(row);
    db_rows_free(rows);
    OK(db_run(db, "UPDATE t SET b = ?1 WHERE a > ?2", DB_ARGS(db_c("x"), db_i(2)), &n, &diag));
    assert_int_equal(n, (int64_t)ARRAY_LEN(cases) - 3);
    db_close(db);
}

static void errors_have_codes(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct db *db = with_table(f);
    static const struct {
        const char *sql;
        enum err want;
    } cases[] = {
        {"INSERT INTO t(a, b) VALUES (1, 'x')", ERR_CONFLICT},
        {"INSERT INTO t(a, b) VALUES (2, 'no')", ERR_SYNTAX},
        {"INSERT INTO systems(id, org, level, name, owner, about, created_ns, version)"
         " VALUES (1, 99, 1, 'x', '', '', 0, 1)",
         ERR_CONFLICT},
        {"DELETE FROM orgs WHERE id = 99", ERR_NONE},
        {"UPDATE t SET b = NULL WHERE a = 99", ERR_NONE},
        {"INSERT INTO orgs(id, slug, name, name_en, created_ns, version)"
         " VALUES (9, 'y', NULL, '', 0, 1)",
         ERR_SYNTAX},
        {"SELECT nonsense FROM nowhere", ERR_SYS},
    };
    int64_t v = 42;

    OK(db_exec(db, "INSERT INTO t(a, b) VALUES (1, 'x')", &diag));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        FAILS(cases[i].want, db_run(db, cases[i].sql, DB_NONE, NULL, &diag));
    FAILS(ERR_NOENT, db_one(db, "SELECT a FROM t WHERE a = 5", DB_NONE, &v, &diag));
    assert_int_equal(v, 42);
    struct db_value *many = calloc(DB_PARAMS_MAX + 1, sizeof(*many));
    FAILS(ERR_LIMIT, db_run(db, "SELECT 1", many, DB_PARAMS_MAX + 1, NULL, &diag));
    free(many);
    db_close(db);
}

static void transactions_are_whole(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct db *db = with_table(f), *other = desk_fixture_db(f);
    int64_t n = 0;

    OK(db_begin(db, &diag));
    OK(db_exec(db, "INSERT INTO t(a, b) VALUES (1, 'x')", &diag));
    OK(db_one(other, "SELECT COUNT(*) FROM t", DB_NONE, &n, &diag));
    assert_int_equal(n, 0); /* not seen before the commit */
    db_rollback(db);
    db_rollback(db); /* without one: nothing */
    OK(db_begin(db, &diag));
    OK(db_exec(db, "INSERT INTO t(a, b) VALUES (1, 'x')", &diag));
    OK(db_commit(db, &diag));
    OK(db_one(other, "SELECT COUNT(*) FROM t", DB_NONE, &n, &diag));
    assert_int_equal(n, 1);
    OK(db_begin(db, &diag));
    FAILS(ERR_BUSY, db_begin(other, &diag)); /* one writer at a time, waiting has an end */
    db_rollback(db);
    OK(db_begin(other, &diag));
    db_rollback(other);
    db_close(other);
    db_close(db);
}

/* More statements than the cache holds, and the same one while its rows are still open. */
static void statements_nest(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct db *db = with_table(f);
    struct db_rows *rows[120] = {NULL}, *again = NULL;
    bool row;

    OK(db_exec(db, "INSERT INTO t(a, b) VALUES (7, 'x')", &diag));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sql[64];
        (void)snprintf(sql, sizeof(sql), "SELECT a + %zu FROM t", i);
        OK(db_query(db, sql, DB_NONE, &rows[i], &diag));
        OK(db_next(rows[i], &row, &diag));
    }
    OK(db_query(db, "SELECT a + 0 FROM t", DB_NONE, &again, &diag));
    OK(db_next(again, &row, &diag));
    assert_int_equal(db_int(again, 0), 7);
    db_rows_free(again);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(db_int(rows[i], 0), 7 + i);
        db_rows_free(rows[i]);
    }
    db_close(db);
}

/* A connection as the desk opens it. */
static void sqlite_is_set_for_durability(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct db *db = desk_fixture_db(f);
    struct db_rows *rows = NULL;
    int64_t v = 0;
    bool row = false;

    OK(db_one(db, "PRAGMA synchronous", DB_NONE, &v, &diag));
    assert_int_equal(v, 2); /* FULL */
    OK(db_one(db, "PRAGMA foreign_keys", DB_NONE, &v, &diag));
    assert_int_equal(v, 1);
    OK(db_query(db, "PRAGMA journal_mode", DB_NONE, &rows, &diag));
    OK(db_next(rows, &row, &diag));
    assert_slice(db_text(rows, 0), "wal");
    db_rows_free(rows);
    db_close(db);
}

static void files_are_private(void **state)
{
    struct fixture *f = desk_fixture(state);
    static const char *const names[] = {"desk", "desk/desk.db", "desk/desk.db-wal"};
    struct stat st;
    char path[96];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
}

/* A file that can't grow is a full disk: told as such or as the system's refusal, and nothing is
 * half written. */
static void a_full_disk_loses_nothing(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct org in = {.slug = SLICE("a"), .name = SLICE("a")};
    struct rlimit none = {16384, 16384};
    uint32_t id = 0;
    int status = 0;

    desk_close(f->desk);
    f->desk = NULL;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct desk_options opt = {.data_dir = f->dir};
        struct desk *d = NULL;
        struct diag diag;
        if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || desk_open(&opt, &d, &diag) != ERR_NONE ||
            setrlimit(RLIMIT_FSIZE, &none) != 0)
            _exit(1);
        enum err e = org_add(d, &tester, &in, &id, &diag);
        _exit(e == ERR_FULL || e == ERR_SYS ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    desk_fixture_reopen(f);
    FAILS(ERR_NOENT, org_find(f->desk, SLICE("a"), &id, &diag));
    OK(org_add(f->desk, &tester, &in, &id, &diag));
}

/* The commit counts; a snapshot that could not be written follows as soon as it can. */
static void a_late_snapshot_is_made_up_for(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct org in = {.slug = SLICE("a"), .name = SLICE("a")};
    char dir[96], aside[96];
    uint64_t before = 0, after = 0;
    uint32_t id;
    struct buf b;

    buf_init(&b, 1 << 20);
    (void)snprintf(dir, sizeof(dir), "%s/snapshots", f->dir);
    (void)snprintf(aside, sizeof(aside), "%s/aside", f->dir);
    OK(snapshot_load(dir, "inventory", &b, &before, &diag));
    assert_int_equal(rename(dir, aside), 0);
    FILE *in_the_way = fopen(dir, "w");
    assert_non_null(in_the_way);
    (void)fclose(in_the_way);
    OK(org_add(f->desk, &tester, &in, &id, &diag));
    assert_int_not_equal(desk_tick(f->desk, NULL), ERR_NONE);
    assert_int_equal(remove(dir), 0);
    assert_int_equal(rename(aside, dir), 0);
    OK(desk_tick(f->desk, &diag));
    OK(snapshot_load(dir, "inventory", &b, &after, &diag));
    assert_true(after > before);
    OK(desk_tick(f->desk, &diag));
    OK(snapshot_load(dir, "inventory", &b, &before, &diag));
    assert_int_equal(before, after); /* nothing new, nothing written */
    buf_done(&b);
}

static void a_lost_server_is_found_again(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct db *db = desk_fixture_db(f);
    struct org *list;
    size_t n;

    OK(db_exec(db,
               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE datname = current_database() AND pid <> pg_backend_pid()",
               &diag));
    FAILS(ERR_PEER, org_list(f->desk, DESK_SCOPE_ALL, &f->arena, &list, &n, &diag));
    OK(org_list(f->desk, DESK_SCOPE_ALL, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 2);
    db_close(db);
}

static void two_desks_see_each_other(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct org in = {.slug = SLICE("a"), .name = SLICE("a")};
    struct desk_options opt = {.conninfo = f->conninfo};
    char dir[96], snapshots[110];
    struct desk *second = NULL;
    uint64_t before = 0, after = 0;
    uint32_t id;
    struct buf b;

    (void)snprintf(dir, sizeof(dir), "%s/second", f->dir);
    (void)snprintf(snapshots, sizeof(snapshots), "%s/snapshots", dir);
    opt.data_dir = dir;
    buf_init(&b, 1 << 20);
    OK(desk_open(&opt, &second, &diag));
    OK(snapshot_load(snapshots, "inventory", &b, &before, &diag));
    OK(org_add(f->desk, &tester, &in, &id, &diag));
    OK(desk_tick(second, &diag));
    OK(snapshot_load(snapshots, "inventory", &b, &after, &diag));
    assert_true(after > before);
    in.slug = SLICE("b");
    OK(org_add(second, &tester, &in, &id, &diag));
    uint64_t rows = 0, bad = 0;
    OK(audit_verify(second, &rows, &bad, &diag));
    assert_int_equal(rows, 2);
    desk_close(second);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(values_come_back),
        ON_BOTH(errors_have_codes),
        ON_BOTH(transactions_are_whole),
        ON_BOTH(statements_nest),
        ON_BOTH(a_late_snapshot_is_made_up_for),
        {"sqlite_is_set_for_durability", sqlite_is_set_for_durability, desk_fixture_setup,
         desk_fixture_teardown, &desk_fixture_sqlite},
        {"files_are_private", files_are_private, desk_fixture_setup, desk_fixture_teardown,
         &desk_fixture_sqlite},
        {"a_full_disk_loses_nothing", a_full_disk_loses_nothing, desk_fixture_setup,
         desk_fixture_teardown, &desk_fixture_sqlite},
        {"a_lost_server_is_found_again", a_lost_server_is_found_again, desk_fixture_setup,
         desk_fixture_teardown, &desk_fixture_pg},
        {"two_desks_see_each_other", two_desks_see_each_other, desk_fixture_setup,
         desk_fixture_teardown, &desk_fixture_pg},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
