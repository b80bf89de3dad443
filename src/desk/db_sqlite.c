#include "desk/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "desk/db_int.h"

enum {
    CACHE_N = 96,          /* prepared statements kept */
    BUSY_MS = 5000,        /* another process holds the file: wait this long */
    CHECK_BYTES = 64 << 20 /* files up to this are checked as a whole at open */
};

struct lite;

struct lite_rows {
    struct db_rows base;
    struct lite *lite; /* borrowed */
    sqlite3_stmt *stmt;
    char *sql; /* owned; NULL: not in the cache, freed after use */
    uint64_t used;
    bool busy;
};

struct lite {
    struct db base;
    sqlite3 *h;
    char *path;
    uint64_t tick;
    struct lite_rows cache[CACHE_N];
};

static enum err code_of(int extended)
{
    switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
        if (extended == SQLITE_CONSTRAINT_TRIGGER)
            return ERR_DENIED;
        return extended == SQLITE_CONSTRAINT_CHECK || extended == SQLITE_CONSTRAINT_NOTNULL
                   ? ERR_SYNTAX
                   : ERR_CONFLICT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_TOOBIG:
        return ERR_LIMIT;
    default:
        return ERR_SYS;
    }
}

static enum err fail(const struct lite *l, struct diag *diag)
{
    enum err e = code_of(sqlite3_extended_errcode(l->h));

    if (e == ERR_CORRUPT)
        diag_set(diag, e, 0,
                 "the database %s is damaged (%s): stop coloa, move it away and put the newest "
                 "backup in its place",
                 l->path, sqlite3_errmsg(l->h));
    else
        diag_set(diag, e, 0, "SQLite: %s", sqlite3_errmsg(l->h));
    return e;
}

static void lite_close(struct db *db)
{
    struct lite *l = (struct lite *)db;

    for (size_t i = 0; i < CACHE_N; i++) {
        (void)sqlite3_finalize(l->cache[i].stmt);
        free(l->cache[i].sql);
    }
    (void)sqlite3_close_v2(l->h);
    free(l->path);
    free(l);
}

static enum err lite_exec(struct db *db, const char *sql, struct diag *diag)
{
    struct lite *l = (struct lite *)db;

    if (sqlite3_exec(l->h, sql, NULL, NULL, NULL) == SQLITE_OK)
        return ERR_NONE;
    return fail(l, diag);
}

/* A slot for this text: one that holds it, else the least used one that is free, else none. */
static struct lite_rows *slot_for(struct lite *l, const char *sql)
{
    struct lite_rows *oldest = NULL;

    for (size_t i = 0; i < CACHE_N; i++) {
        struct lite_rows *r = &l->cache[i];
        if (r->busy)
            continue;
        if (r->sql && strcmp(r->sql, sql) == 0)
            return r;
        if (!oldest || r->used < oldest->used)
            oldest = r;
    }
    if (!oldest)
        return NULL;
    (void)sqlite3_finalize(oldest->stmt);
    free(oldest->sql);
    *oldest = (struct lite_rows){0};
    return oldest;
}

static enum err prepare(struct lite *l, const char *sql, struct lite_rows **ret, struct diag *diag)
{
    struct lite_rows *r = slot_for(l, sql);
    bool kept = r != NULL;

    if (!r)
        r = calloc(1, sizeof(*r));
    if (!r)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for a statement");
    if (!r->stmt) {
        if (sqlite3_prepare_v3(l->h, sql, -1, kept ? SQLITE_PREPARE_PERSISTENT : 0, &r->stmt,
                               NULL) != SQLITE_OK) {
            enum err e = fail(l, diag);
            if (!kept)
                free(r);
            return e;
        }
        /* Without its text a slot is simply prepared anew the next time. */
        r->sql = kept ? strdup(sql) : NULL;
    }
    r->base.ops = l->base.ops;
    r->lite = l;
    r->busy = true;
    r->used = ++l->tick;
    *ret = r;
    return ERR_NONE;
}

static bool is_cached(const struct lite_rows *r)
{
    return r >= r->lite->cache && r < r->lite->cache + CACHE_N;
}

static void lite_rows_free(struct db_rows *rows)
{
    struct lite_rows *r = (struct lite_rows *)rows;

    if (!is_cached(r)) {
        (void)sqlite3_finalize(r->stmt);
        free(r);
        return;
    }
    (void)sqlite3_reset(r->stmt);
    (void)sqlite3_clear_bindings(r->stmt);
    r->busy = false;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct db_value *v)
{
    switch (v->type) {
    case DB_INT:
        return sqlite3_bind_int64(stmt, at, v->i);
    case DB_TEXT:
        return sqlite3_bind_text64(stmt, at, v->s.p ? v->s.p : "", v->s.n, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, at);
}

static enum err lite_query(struct db *db, const char *sql, const struct db_value *args,
                           size_t args_n, struct db_rows **ret, struct diag *diag)
{
    struct lite *l = (struct lite *)db;
    struct lite_rows *r = NULL;

    enum err e = prepare(l, sql, &r, diag);
    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < args_n; i++)
        if (bind_one(r->stmt, (int)i + 1, &args[i]) != SQLITE_OK) {
            e = fail(l, diag);
            lite_rows_free(&r->base);
            return e;
        }
    *ret = &r->base;
    return ERR_NONE;
}

static enum err lite_next(struct db_rows *rows, bool *ret_row, struct diag *diag)
{
    struct lite_rows *r = (struct lite_rows *)rows;
    /* prepare() has set it: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    int rc = sqlite3_step(r->stmt);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return fail(r->lite, diag);
    *ret_row = rc == SQLITE_ROW;
    return ERR_NONE;
}

static int64_t lite_changed(struct db_rows *rows)
{
    return sqlite3_changes64(((struct lite_rows *)rows)->lite->h);
}

static int64_t lite_int(const struct db_rows *rows, unsigned col)
{
    return sqlite3_column_int64(((const struct lite_rows *)rows)->stmt, (int)col);
}

static struct slice lite_text(const struct db_rows *rows, unsigned col)
{
    sqlite3_stmt *stmt = ((const struct lite_rows *)rows)->stmt;
    const unsigned char *p = sqlite3_column_text(stmt, (int)col);

    if (!p)
        return SLICE("");
    return (struct slice){(const char *)p, (size_t)sqlite3_column_bytes(stmt, (int)col)};
}

static bool lite_is_null(const struct db_rows *rows, unsigned col)
{
    return sqlite3_column_type(((const struct lite_rows *)rows)->stmt, (int)col) == SQLITE_NULL;
}

static enum err lite_begin(struct db *db, struct diag *diag)
{
    return lite_exec(db, "BEGIN IMMEDIATE", diag);
}

static enum err lite_commit(struct db *db, struct diag *diag)
{
    return lite_exec(db, "COMMIT", diag);
}

static void lite_rollback(struct db *db)
{
    struct lite *l = (struct lite *)db;

    /* SQLite has rolled back by itself after some errors (full disk, corruption). */
    if (!sqlite3_get_autocommit(l->h))
        (void)sqlite3_exec(l->h, "ROLLBACK", NULL, NULL, NULL);
}

static const struct db_ops lite_ops = {
    .close = lite_close,
    .exec = lite_exec,
    .query = lite_query,
    .next = lite_next,
    .changed = lite_changed,
    .get_int = lite_int,
    .get_text = lite_text,
    .is_null = lite_is_null,
    .rows_free = lite_rows_free,
    .begin = lite_begin,
    .commit = lite_commit,
    .rollback = lite_rollback,
};

static enum err check_small(struct lite *l, off_t bytes, struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = false;

    if (bytes > CHECK_BYTES)
        return ERR_NONE;
    enum err e = lite_query(&l->base, "PRAGMA quick_check(1)", DB_NONE, &rows, diag);
    if (e != ERR_NONE)
        return e;
    e = lite_next(rows, &row, diag);
    if (e == ERR_NONE && row && !slice_eq(lite_text(rows, 0), SLICE("ok"))) {
        struct slice what = lite_text(rows, 0);
        e = FAIL(diag, ERR_CORRUPT, 0,
                 "the database %s is damaged (%.*s): stop coloa, move it away and put the newest "
                 "backup in its place",
                 l->path, (int)(what.n > 60 ? 60 : what.n), what.p);
    }
    lite_rows_free(rows);
    return e;
}

static enum err setup(struct lite *l, off_t bytes, struct diag *diag)
{
    (void)sqlite3_extended_result_codes(l->h, 1);
    (void)sqlite3_busy_timeout(l->h, BUSY_MS);
    (void)sqlite3_db_config(l->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_limit(l->h, SQLITE_LIMIT_SQL_LENGTH, DB_SQL_BYTES_MAX);
    (void)sqlite3_limit(l->h, SQLITE_LIMIT_VARIABLE_NUMBER, DB_PARAMS_MAX);
    enum err e = lite_exec(&l->base,
                           "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                           "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                           "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY",
                           diag);
    return e == ERR_NONE ? check_small(l, bytes, diag) : e;
}

CHECKED enum err db_open_sqlite(const char *path, struct db **ret, struct diag *diag)
{
    struct stat st = {0};
    /* Made here rather than by SQLite, so that nobody else can ever read it; -wal and -shm take its
     * mode. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "can't open %s", path);
    (void)fstat(fd, &st);
    (void)close(fd);
    struct lite *l = calloc(1, sizeof(*l));
    if (!l)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for a database");
    l->base = (struct db){.ops = &lite_ops, .kind = DB_SQLITE};
    l->path = strdup(path);
    enum err e = ERR_NONE;
    if (!l->path)
        e = FAIL(diag, ERR_NOMEM, 0, "no memory for a database");
    else if (sqlite3_open_v2(path, &l->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
             SQLITE_OK)
        e = fail(l, diag);
    else
        e = setup(l, st.st_size, diag);
    if (e != ERR_NONE) {
        lite_close(&l->base);
        return e;
    }
    *ret = &l->base;
    return ERR_NONE;
}
