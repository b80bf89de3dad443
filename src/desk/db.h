/* desk/db.h - one small layer over two relational engines: SQLite and PostgreSQL.
 *
 * SQL is written once, in the dialect that both understand, with placeholders ?1 ?2 ... and bound
 * values only; nothing from outside ever becomes part of a statement's text. Types are BIGINT and
 * TEXT. Text that is not valid UTF-8, or holds a NUL, is bound with U+FFFD in place of the
 * offending bytes, so that both engines store the same.
 *
 * One connection, one thread at a time (the desk's lock sees to that). Writers are serialised on
 * both engines from db_begin on: BEGIN IMMEDIATE, and an advisory lock in PostgreSQL.
 *
 * Errors: a unique or foreign key that is violated is ERR_CONFLICT; a damaged file ERR_CORRUPT;
 * a full disk ERR_FULL; a lost server ERR_PEER (the next db_begin or query outside of a transaction
 * connects again); a lock that was not had in time ERR_BUSY. After any error inside a transaction
 * the caller rolls back.
 */
#ifndef DESK_DB_H
#define DESK_DB_H

#include "core/err.h"
#include "core/slice.h"

enum db_kind { DB_SQLITE = 1, DB_PG = 2, DB_BOTH = DB_SQLITE | DB_PG };

enum { DB_PARAMS_MAX = 16384, DB_SQL_BYTES_MAX = 1 << 20 };

struct db;
struct db_rows;

struct db_value {
    enum db_type { DB_NULL, DB_INT, DB_TEXT } type;
    int64_t i;
    struct slice s; /* borrowed during the call */
};

/* The bound values of one statement: db_run(db, "...", DB_ARGS(db_i(7), db_t(name)), diag). */
#define DB_ARGS(...)                                                                               \
    ((const struct db_value[]){__VA_ARGS__}),                                                      \
        (sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value))
#define DB_NONE NULL, 0

static inline struct db_value db_i(int64_t i)
{
    return (struct db_value){.type = DB_INT, .i = i};
}
static inline struct db_value db_t(struct slice s)
{
    return (struct db_value){.type = DB_TEXT, .s = s};
}
static inline struct db_value db_c(const char *cstr)
{
    return (struct db_value){.type = DB_TEXT, .s = slice_of(cstr)};
}
static inline struct db_value db_null(void)
{
    return (struct db_value){.type = DB_NULL};
}

void db_close(struct db *db);
/* Creates the file (mode 0600) if it is missing. WAL, synchronous=FULL, foreign keys on. */
CHECKED enum err db_open_sqlite(const char *path, struct db **ret, struct diag *diag);
/* A libpq connection string. */
CHECKED enum err db_open_pg(const char *conninfo, struct db **ret, struct diag *diag);
enum db_kind db_kind(const struct db *db);

/* Constant statements of ours without values, several in one text. */
CHECKED enum err db_exec(struct db *db, const char *sql, struct diag *diag);
/* One statement whose rows, if any, do not matter. ret_changed (may be NULL): rows touched. */
CHECKED enum err db_run(struct db *db, const char *sql, const struct db_value *args, size_t args_n,
                        int64_t *ret_changed, struct diag *diag);
/* One integer: the first column of the first row. ERR_NOENT when there is no row. */
CHECKED enum err db_one(struct db *db, const char *sql, const struct db_value *args, size_t args_n,
                        int64_t *ret, struct diag *diag);

/* Rows, one after another. Columns count from 0; text is borrowed until the next db_next or
 * db_rows_free, and never has a NULL pointer. An SQL NULL reads as 0 and "". */
void db_rows_free(struct db_rows *rows);
CHECKED enum err db_query(struct db *db, const char *sql, const struct db_value *args,
                          size_t args_n, struct db_rows **ret, struct diag *diag);
CHECKED enum err db_next(struct db_rows *rows, bool *ret_row, struct diag *diag);
int64_t db_int(const struct db_rows *rows, unsigned col);
struct slice db_text(const struct db_rows *rows, unsigned col);
bool db_is_null(const struct db_rows *rows, unsigned col);

CHECKED enum err db_begin(struct db *db, struct diag *diag);
CHECKED enum err db_commit(struct db *db, struct diag *diag);
void db_rollback(struct db *db); /* nothing happens outside of a transaction */

#endif
