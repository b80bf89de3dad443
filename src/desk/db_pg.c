#include "desk/db.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "desk/db_int.h"

enum { OID_INT8 = 20, OID_TEXT = 25 };

struct pg {
    struct db base;
    PGconn *c;
};

struct pg_rows {
    struct db_rows base;
    PGresult *res;
    int at; /* row; -1 before the first */
};

static enum err code_of(const char *state)
{
    static const struct {
        const char *prefix;
        enum err e;
    } table[] = {
        {"23505", ERR_CONFLICT}, {"23503", ERR_CONFLICT}, {"23", ERR_SYNTAX},
        {"P0001", ERR_DENIED},   {"55P03", ERR_BUSY},     {"40", ERR_BUSY},
        {"53100", ERR_FULL},     {"53", ERR_NOMEM},       {"54", ERR_LIMIT},
        {"XX", ERR_CORRUPT},     {"08", ERR_PEER},        {"57", ERR_PEER},
    };

    for (size_t i = 0; state && i < ARRAY_LEN(table); i++)
        if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].e;
    return ERR_SYS;
}

static enum err fail(const struct pg *p, const PGresult *res, struct diag *diag)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    enum err e = !state || PQstatus(p->c) != CONNECTION_OK ? ERR_PEER : code_of(state);
    struct slice said = slice_trim(slice_of(text ? text : PQerrorMessage(p->c)));

    if (e == ERR_CORRUPT)
        diag_set(diag, e, 0, "the PostgreSQL database is damaged: restore its newest backup (%.*s)",
                 SLICE_ARG(said));
    else
        diag_set(diag, e, 0, "PostgreSQL: %.*s", SLICE_ARG(said));
    return e;
}

static enum err finish(const struct pg *p, PGresult *res, struct diag *diag)
{
    ExecStatusType st = PQresultStatus(res);
    enum err e = st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK ? ERR_NONE : fail(p, res, diag);

    PQclear(res);
    return e;
}

static enum err prepare_session(struct pg *p, struct diag *diag)
{
    /* A commit is on disk before it is told, whatever the server's default. */
    return finish(p,
                  PQexec(p->c, "SET client_encoding='UTF8'; SET synchronous_commit=on;"
                               "SET lock_timeout='5s'; SET statement_timeout='30s';"
                               "SET client_min_messages=warning;"
                               "SET standard_conforming_strings=on"),
                  diag);
}

/* Outside of a transaction a lost connection is made again; inside, the caller must start over. */
static enum err alive(struct pg *p, struct diag *diag)
{
    if (p->base.in_tx || PQstatus(p->c) == CONNECTION_OK)
        return ERR_NONE;
    PQreset(p->c);
    if (PQstatus(p->c) != CONNECTION_OK)
        return fail(p, NULL, diag);
    return prepare_session(p, diag);
}

static void pg_close(struct db *db)
{
    struct pg *p = (struct pg *)db;

    PQfinish(p->c);
    free(p);
}

static enum err pg_exec(struct db *db, const char *sql, struct diag *diag)
{
    struct pg *p = (struct pg *)db;
    enum err e = alive(p, diag);

    return e == ERR_NONE ? finish(p, PQexec(p->c, sql), diag) : e;
}

/* ?1 becomes $1. Our statements hold no '?' in literals. */
static enum err translate(const char *sql, struct buf *out)
{
    for (; *sql; sql++) {
        enum err e = buf_putc(out, *sql == '?' ? '$' : *sql);
        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

/* What libpq wants: parallel arrays and NUL-terminated texts. */
struct params {
    const char **values;
    Oid *types;
    size_t *offset;
    struct buf texts;
};

static void params_done(struct params *a)
{
    free(a->values);
    free(a->types);
    free(a->offset);
    buf_done(&a->texts);
}

static enum err params_fill(struct params *a, const struct db_value *args, size_t n)
{
    enum err e = ERR_NONE;

    *a = (struct params){0};
    buf_init(&a->texts, 128u << 20);
    a->values = calloc(n + 1, sizeof(*a->values));
    a->types = calloc(n + 1, sizeof(*a->types));
    a->offset = calloc(n + 1, sizeof(*a->offset));
    if (!a->values || !a->types || !a->offset)
        return ERR_NOMEM;
    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        a->offset[i] = a->texts.n;
        a->types[i] = args[i].type == DB_INT ? OID_INT8 : args[i].type == DB_TEXT ? OID_TEXT : 0;
        if (args[i].type == DB_INT)
            e = buf_printf(&a->texts, "%lld", (long long)args[i].i);
        else if (args[i].type == DB_TEXT)
            e = buf_put(&a->texts, args[i].s);
        if (e == ERR_NONE)
            e = buf_putc(&a->texts, 0);
    }
    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        a->values[i] = args[i].type == DB_NULL ? NULL : a->texts.p + a->offset[i];
    return e;
}

static enum err send(struct pg *p, const char *sql, const struct params *a, size_t n,
                     PGresult **ret, struct diag *diag)
{
    PGresult *res = PQexecParams(p->c, sql, (int)n, a->types, a->values, NULL, NULL, 0);
    ExecStatusType st = PQresultStatus(res);

    if (st != PGRES_TUPLES_OK && st != PGRES_COMMAND_OK) {
        enum err e = fail(p, res, diag);
        PQclear(res);
        return e;
    }
    *ret = res;
    return ERR_NONE;
}

static enum err pg_query(struct db *db, const char *sql, const struct db_value *args, size_t args_n,
                         struct db_rows **ret, struct diag *diag)
{
    struct pg *p = (struct pg *)db;
    struct params a = {0};
    PGresult *res = NULL;
    struct buf text;

    enum err e = alive(p, diag);
    if (e != ERR_NONE)
        return e;
    buf_init(&text, DB_SQL_BYTES_MAX);
    struct pg_rows *r = calloc(1, sizeof(*r));
    e = r ? translate(sql, &text) : ERR_NOMEM;
    if (e == ERR_NONE)
        e = params_fill(&a, args, args_n);
    const char *cstr = e == ERR_NONE ? buf_cstr(&text) : NULL;
    if (cstr)
        e = send(p, cstr, &a, args_n, &res, diag);
    else
        e = FAIL(diag, e == ERR_NONE ? ERR_NOMEM : e, 0, "no room for a statement");
    params_done(&a);
    buf_done(&text);
    if (e != ERR_NONE || !r) {
        free(r);
        return e;
    }
    *r = (struct pg_rows){{db->ops}, res, -1};
    *ret = &r->base;
    return ERR_NONE;
}

static enum err pg_next(struct db_rows *rows, bool *ret_row, struct diag *diag)
{
    struct pg_rows *r = (struct pg_rows *)rows;

    (void)diag;
    if (r->at < PQntuples(r->res))
        r->at++;
    *ret_row = r->at < PQntuples(r->res);
    return ERR_NONE;
}

static int64_t pg_changed(struct db_rows *rows)
{
    return strtoll(PQcmdTuples(((struct pg_rows *)rows)->res), NULL, 10);
}

static struct slice pg_text(const struct db_rows *rows, unsigned col)
{
    const struct pg_rows *r = (const struct pg_rows *)rows;

    return (struct slice){PQgetvalue(r->res, r->at, (int)col),
                          (size_t)PQgetlength(r->res, r->at, (int)col)};
}

static int64_t pg_int(const struct db_rows *rows, unsigned col)
{
    return strtoll(pg_text(rows, col).p, NULL, 10);
}

static bool pg_is_null(const struct db_rows *rows, unsigned col)
{
    const struct pg_rows *r = (const struct pg_rows *)rows;

    return PQgetisnull(r->res, r->at, (int)col) != 0;
}

static void pg_rows_free(struct db_rows *rows)
{
    PQclear(((struct pg_rows *)rows)->res);
    free(rows);
}

static enum err pg_begin(struct db *db, struct diag *diag)
{
    enum err e = pg_exec(db, "BEGIN", diag);

    if (e != ERR_NONE)
        return e;
    db->in_tx = true;
    /* One writer at a time, as with SQLite: the audit chain and the counters rely on it. */
    e = pg_exec(db, "SELECT pg_advisory_xact_lock(426810437473)", diag);
    if (e != ERR_NONE)
        db_rollback(db);
    return e;
}

static enum err pg_commit(struct db *db, struct diag *diag)
{
    struct pg *p = (struct pg *)db;
    PGresult *res = PQexec(p->c, "COMMIT");
    /* A failed transaction answers COMMIT with ROLLBACK and calls that success. */
    bool rolled_back =
        PQresultStatus(res) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(res), "COMMIT") != 0;
    enum err e = finish(p, res, diag);

    if (e == ERR_NONE && rolled_back)
        return FAIL(diag, ERR_CONFLICT, 0, "PostgreSQL rolled the transaction back");
    return e;
}

static void pg_rollback(struct db *db)
{
    struct pg *p = (struct pg *)db;

    if (PQstatus(p->c) == CONNECTION_OK)
        PQclear(PQexec(p->c, "ROLLBACK"));
}

static const struct db_ops pg_ops = {
    .close = pg_close,
    .exec = pg_exec,
    .query = pg_query,
    .next = pg_next,
    .changed = pg_changed,
    .get_int = pg_int,
    .get_text = pg_text,
    .is_null = pg_is_null,
    .rows_free = pg_rows_free,
    .begin = pg_begin,
    .commit = pg_commit,
    .rollback = pg_rollback,
};

CHECKED enum err db_open_pg(const char *conninfo, struct db **ret, struct diag *diag)
{
    struct pg *p = calloc(1, sizeof(*p));

    if (!p)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for a database");
    p->base = (struct db){.ops = &pg_ops, .kind = DB_PG};
    p->c = PQconnectdb(conninfo);
    enum err e = PQstatus(p->c) == CONNECTION_OK ? prepare_session(p, diag) : fail(p, NULL, diag);
    if (e != ERR_NONE) {
        pg_close(&p->base);
        return e;
    }
    *ret = &p->base;
    return ERR_NONE;
}
