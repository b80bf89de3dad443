#include <stdio.h>
#include <stdlib.h>

#include "desk/desk_int.h"

void query_init(struct query *q, const char *sql)
{
    *q = (struct query){0};
    buf_init(&q->sql, DB_SQL_BYTES_MAX);
    query_sql(q, sql);
}

void query_done(struct query *q)
{
    free(q->args);
    buf_done(&q->sql);
    *q = (struct query){0};
}

void query_sql(struct query *q, const char *sql)
{
    if (q->err == ERR_NONE)
        q->err = buf_puts(&q->sql, sql);
}

void query_value(struct query *q, struct db_value v)
{
    if (q->err != ERR_NONE)
        return;
    if (q->args_n == q->args_cap) {
        size_t cap = q->args_cap ? q->args_cap * 2 : 16;
        struct db_value *p = q->args_n < DB_PARAMS_MAX ? realloc(q->args, cap * sizeof(*p)) : NULL;
        if (!p) {
            q->err = q->args_n < DB_PARAMS_MAX ? ERR_NOMEM : ERR_LIMIT;
            return;
        }
        q->args = p;
        q->args_cap = cap;
    }
    q->args[q->args_n++] = v;
    q->err = buf_printf(&q->sql, " ?%zu ", q->args_n);
}

void query_scope(struct query *q, const char *col, struct desk_scope scope)
{
    if (scope.all)
        return;
    if (scope.n == 0) {
        query_sql(q, " AND 1=0 ");
        return;
    }
    query_sql(q, " AND ");
    query_sql(q, col);
    query_sql(q, " IN (");
    for (size_t i = 0; i < scope.n; i++) {
        if (i)
            query_sql(q, ",");
        query_value(q, db_i(scope.orgs[i]));
    }
    query_sql(q, ") ");
}

void query_like(struct query *q, const char *col, struct slice text, struct buf *keep)
{
    if (text.n == 0 || q->err != ERR_NONE)
        return;
    size_t from = keep->n;
    enum err e = buf_putc(keep, '%');
    for (size_t i = 0; e == ERR_NONE && i < text.n; i++) {
        if (text.p[i] == '%' || text.p[i] == '_' || text.p[i] == '!')
            e = buf_putc(keep, '!');
        bool upper = text.p[i] >= 'A' && text.p[i] <= 'Z';
        if (e == ERR_NONE)
            e = buf_putc(keep, (char)(upper ? text.p[i] | 0x20 : text.p[i]));
    }
    if (e == ERR_NONE)
        e = buf_putc(keep, '%');
    if (e != ERR_NONE) {
        q->err = e;
        return;
    }
    query_sql(q, " AND ");
    query_sql(q, col);
    query_sql(q, " LIKE ");
    query_value(q, db_t((struct slice){keep->p + from, keep->n - from}));
    query_sql(q, " ESCAPE '!' ");
}

static enum err ready(struct query *q, const char **ret_sql, struct diag *diag)
{
    const char *sql = q->err == ERR_NONE ? buf_cstr(&q->sql) : NULL;

    if (!sql)
        return FAIL(diag, q->err == ERR_NONE ? ERR_NOMEM : q->err, 0,
                    "the question is too large for one statement");
    *ret_sql = sql;
    return ERR_NONE;
}

CHECKED enum err query_open(struct query *q, struct db *db, struct db_rows **ret, struct diag *diag)
{
    const char *sql = NULL;
    enum err e = ready(q, &sql, diag);

    return e == ERR_NONE ? db_query(db, sql, q->args, q->args_n, ret, diag) : e;
}

CHECKED enum err query_run(struct query *q, struct db *db, int64_t *ret_changed, struct diag *diag)
{
    const char *sql = NULL;
    enum err e = ready(q, &sql, diag);

    return e == ERR_NONE ? db_run(db, sql, q->args, q->args_n, ret_changed, diag) : e;
}

void *query_row(struct row_list *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        void *p = arena_calloc(l->a, cap, l->size);
        if (!p)
            return NULL;
        if (l->n)
            memcpy(p, l->rows, l->n * l->size);
        l->rows = p;
        l->cap = cap;
    }
    return (char *)l->rows + l->n++ * l->size;
}

struct slice query_text(const struct db_rows *rows, unsigned col, struct arena *a, enum err *e)
{
    struct slice copy = SLICE("");

    if (*e == ERR_NONE)
        *e = arena_dup(a, db_text(rows, col), &copy);
    if (!copy.p)
        copy = SLICE("");
    return copy;
}

CHECKED enum err query_change(struct query *q, struct desk *d, const struct query_key *key,
                              struct diag *diag)
{
    int64_t changed = 0, there = 0;
    struct query seek;

    query_sql(q, " WHERE id = ");
    query_value(q, db_i(key->id));
    if (key->version) {
        query_sql(q, " AND version = ");
        query_value(q, db_i((int64_t)key->version));
    }
    if (key->scope_col)
        query_scope(q, key->scope_col, key->scope);
    enum err e = query_run(q, d->db, &changed, diag);
    if (e != ERR_NONE || changed)
        return e;
    query_init(&seek, "SELECT COUNT(*) FROM ");
    query_sql(&seek, key->table);
    query_sql(&seek, " WHERE id = ");
    query_value(&seek, db_i(key->id));
    if (key->scope_col)
        query_scope(&seek, key->scope_col, key->scope);
    const char *sql = NULL;
    e = ready(&seek, &sql, diag);
    if (e == ERR_NONE)
        e = db_one(d->db, sql, seek.args, seek.args_n, &there, diag);
    query_done(&seek);
    if (e != ERR_NONE)
        return e;
    if (there)
        return FAIL(diag, ERR_PRECOND, 0, "it has been changed since it was read");
    return FAIL(diag, ERR_NOENT, 0, "no such row in %s", key->table);
}

CHECKED enum err query_rows(struct query *q, struct desk *d, struct row_list *list,
                            enum err (*read)(const struct db_rows *rows, struct arena *a, void *to),
                            struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = true;

    desk_lock(d);
    enum err e = query_open(q, d->db, &rows, diag);
    while (e == ERR_NONE && (e = db_next(rows, &row, diag)) == ERR_NONE && row) {
        void *to = query_row(list);
        e = to ? read(rows, list->a, to) : ERR_LIMIT;
        if (e != ERR_NONE)
            diag_set(diag, e, 0, "the answer is larger than its room");
    }
    db_rows_free(rows);
    desk_unlock(d);
    query_done(q);
    return e;
}

CHECKED enum err query_one(struct query *q, struct desk *d, struct arena *a, void *to,
                           enum err (*read)(const struct db_rows *rows, struct arena *a, void *to),
                           struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = false;

    desk_lock(d);
    enum err e = query_open(q, d->db, &rows, diag);
    if (e == ERR_NONE)
        e = db_next(rows, &row, diag);
    if (e == ERR_NONE && !row)
        e = FAIL(diag, ERR_NOENT, 0, "no such thing");
    else if (e == ERR_NONE)
        e = read(rows, a, to);
    db_rows_free(rows);
    desk_unlock(d);
    query_done(q);
    return e;
}
