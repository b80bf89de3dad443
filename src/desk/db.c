#include "desk/db.h"

#include <stdlib.h>

#include "core/buf.h"
#include "core/utf8.h"
#include "desk/db_int.h"

static size_t clean_prefix(struct slice s)
{
    size_t at = 0;

    while (at < s.n) {
        uint32_t c;
        unsigned len = utf8_get(s.p + at, s.n - at, &c);
        if (len == 0 || c == 0) /* PostgreSQL refuses a NUL in text */
            break;
        at += len;
    }
    return at;
}

static enum err clean_into(struct buf *out, struct slice s)
{
    while (s.n) {
        size_t good = clean_prefix(s);
        enum err e = buf_put(out, slice_cut(s, 0, good));
        if (e == ERR_NONE && good < s.n) {
            e = buf_put(out, SLICE("\xef\xbf\xbd"));
            good++;
        }
        if (e != ERR_NONE)
            return e;
        s = slice_cut(s, good, s.n);
    }
    return ERR_NONE;
}

static bool is_clean(const struct db_value *v)
{
    return v->type != DB_TEXT || clean_prefix(v->s) == v->s.n;
}

/* A copy of the values in which each unclean text points into *texts. Offsets first, pointers once
 * the buffer has stopped moving. */
static enum err clean_args(const struct db_value *args, size_t n, struct buf *texts,
                           struct db_value **ret)
{
    struct db_value *copy = calloc(n, sizeof(*copy));
    size_t *from = calloc(n, sizeof(*from));
    enum err e = copy && from ? ERR_NONE : ERR_NOMEM;

    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        copy[i] = args[i];
        if (is_clean(&args[i]))
            continue;
        from[i] = texts->n;
        e = clean_into(texts, args[i].s);
        copy[i].s.n = texts->n - from[i];
    }
    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        if (!is_clean(&args[i]))
            copy[i].s.p = texts->p + from[i];
    free(from);
    if (e != ERR_NONE) {
        free(copy);
        return e;
    }
    *ret = copy;
    return ERR_NONE;
}

void db_close(struct db *db)
{
    if (db)
        db->ops->close(db);
}

enum db_kind db_kind(const struct db *db)
{
    return db->kind;
}

CHECKED enum err db_exec(struct db *db, const char *sql, struct diag *diag)
{
    return db->ops->exec(db, sql, diag);
}

CHECKED enum err db_query(struct db *db, const char *sql, const struct db_value *args,
                          size_t args_n, struct db_rows **ret, struct diag *diag)
{
    struct db_value *copy = NULL;
    struct buf texts;
    bool clean = true;

    if (args_n > DB_PARAMS_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "more than %d values in one statement", DB_PARAMS_MAX);
    for (size_t i = 0; i < args_n; i++)
        clean = clean && is_clean(&args[i]);
    if (clean)
        return db->ops->query(db, sql, args, args_n, ret, diag);
    buf_init(&texts, 64u << 20);
    enum err e = clean_args(args, args_n, &texts, &copy);
    if (e == ERR_NONE)
        e = db->ops->query(db, sql, copy, args_n, ret, diag);
    else
        e = FAIL(diag, e, 0, "no room to bind a statement's values");
    free(copy);
    buf_done(&texts);
    return e;
}

CHECKED enum err db_run(struct db *db, const char *sql, const struct db_value *args, size_t args_n,
                        int64_t *ret_changed, struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = true;

    enum err e = db_query(db, sql, args, args_n, &rows, diag);
    while (e == ERR_NONE && row)
        e = db_next(rows, &row, diag);
    if (e == ERR_NONE && ret_changed)
        *ret_changed = db->ops->changed(rows);
    db_rows_free(rows);
    return e;
}

CHECKED enum err db_one(struct db *db, const char *sql, const struct db_value *args, size_t args_n,
                        int64_t *ret, struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = false;
    int64_t value = 0;

    enum err e = db_query(db, sql, args, args_n, &rows, diag);
    if (e == ERR_NONE)
        e = db_next(rows, &row, diag);
    if (e == ERR_NONE && row)
        value = db_int(rows, 0);
    /* An INSERT or UPDATE ... RETURNING is complete only after its last step. */
    for (bool more = row; e == ERR_NONE && more;)
        e = db_next(rows, &more, diag);
    db_rows_free(rows);
    if (e != ERR_NONE)
        return e;
    if (!row)
        return FAIL(diag, ERR_NOENT, 0, "no such row");
    *ret = value;
    return ERR_NONE;
}

void db_rows_free(struct db_rows *rows)
{
    if (rows)
        rows->ops->rows_free(rows);
}

CHECKED enum err db_next(struct db_rows *rows, bool *ret_row, struct diag *diag)
{
    return rows->ops->next(rows, ret_row, diag);
}

int64_t db_int(const struct db_rows *rows, unsigned col)
{
    return rows->ops->get_int(rows, col);
}

struct slice db_text(const struct db_rows *rows, unsigned col)
{
    return rows->ops->get_text(rows, col);
}

bool db_is_null(const struct db_rows *rows, unsigned col)
{
    return rows->ops->is_null(rows, col);
}

CHECKED enum err db_begin(struct db *db, struct diag *diag)
{
    enum err e = db->ops->begin(db, diag);

    if (e == ERR_NONE)
        db->in_tx = true;
    return e;
}

CHECKED enum err db_commit(struct db *db, struct diag *diag)
{
    enum err e = db->ops->commit(db, diag);

    if (e != ERR_NONE)
        db->ops->rollback(db);
    db->in_tx = false;
    return e;
}

void db_rollback(struct db *db)
{
    if (!db->in_tx)
        return;
    db->ops->rollback(db);
    db->in_tx = false;
}
