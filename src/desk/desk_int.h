/* desk/desk_int.h - the desk's inside, for the files of this room.
 *
 * Lock: `lock` is recursive and guards everything below it. desk_lock/desk_unlock around reads,
 * desk_begin/desk_end around changes. Passwords are hashed outside of it.
 */
#ifndef DESK_DESK_INT_H
#define DESK_DESK_INT_H

#include <pthread.h>

#include "desk/audit.h"
#include "desk/db.h"
#include "desk/desk.h"
#include "desk/limit_int.h"
#include "desk/publish.h"

enum { DESK_CHANGES_MAX = 256, DESK_LISTENERS_MAX = 8 };

struct desk_listener {
    desk_change_fn *fn;
    void *arg;
};

struct desk {
    pthread_mutex_t lock;
    char *dir;       /* owned */
    char *snapshots; /* owned */
    int64_t session_idle_ns, session_whole_ns;
    struct db *db;
    unsigned depth; /* of desk_begin */
    enum err tx_err;
    struct desk_change changes[DESK_CHANGES_MAX]; /* of the transaction that runs */
    size_t changes_n;
    bool changes_over;
    struct desk_listener listeners[DESK_LISTENERS_MAX];
    size_t listeners_n;
    int64_t published[PUBLISH_N];                /* counter values; -1 = not yet */
    struct limit_table *by_account, *by_address; /* sign-ins */
    int64_t swept_mono_ns;
};

void desk_lock(struct desk *d);
void desk_unlock(struct desk *d);

/* Inside a transaction: the next number of a counter, from 1, never given again. */
CHECKED enum err desk_next(struct desk *d, const char *counter, int64_t *ret, struct diag *diag);
/* Inside a transaction: told to the listeners if it commits. */
void desk_tell(struct desk *d, enum desk_topic topic, bool created, uint64_t id, uint32_t org);
/* Inside a transaction: the snapshot has to be published anew. */
CHECKED enum err desk_mark(struct desk *d, enum publish_kind k, struct diag *diag);
/* Publishes what is marked; the lock is held. */
CHECKED enum err publish_due(struct desk *d, struct diag *diag);

CHECKED enum err migrations_run(struct db *db, struct diag *diag);

/* ---- statements with parts that depend on the caller: query.c ---- */

/* The text grows with its values; an error sticks until query_open or query_run. */
struct query {
    struct buf sql;
    struct db_value *args; /* owned */
    size_t args_n, args_cap;
    enum err err;
};

void query_init(struct query *q, const char *sql);
void query_done(struct query *q);
void query_sql(struct query *q, const char *sql);     /* constants of ours only */
void query_value(struct query *q, struct db_value v); /* " ?N " */
/* "AND COL IN (...)" or nothing for all, "AND 1=0" for none. COL is a constant of ours. */
void query_scope(struct query *q, const char *col, struct desk_scope scope);
/* "AND COL LIKE %text%", with the wildcards in text escaped and ASCII letters in lower case (COL
 * gives lower case too); nothing when it is empty. The pattern lives in *keep until query_done. */
void query_like(struct query *q, const char *col, struct slice text, struct buf *keep);
CHECKED enum err query_open(struct query *q, struct db *db, struct db_rows **ret,
                            struct diag *diag);
CHECKED enum err query_run(struct query *q, struct db *db, int64_t *ret_changed, struct diag *diag);

/* One row of a table with the columns id and version, inside a scope. */
struct query_key {
    const char *table;     /* constants of ours */
    const char *scope_col; /* NULL: no scope */
    int64_t id;
    uint64_t version; /* 0 = whatever it is */
    struct desk_scope scope;
};
/* Ends an UPDATE or DELETE with the key's WHERE and runs it. ERR_NOENT: not there (or out of
 * scope); ERR_PRECOND: there in another version. */
CHECKED enum err query_change(struct query *q, struct desk *d, const struct query_key *key,
                              struct diag *diag);

/* ---- rows into the caller's arena ---- */

/* A growing array of rows; `size` is that of one. */
struct row_list {
    struct arena *a;
    void *rows;
    size_t n, cap, size;
};
/* Room for one more, zeroed; NULL: the arena is full. */
void *query_row(struct row_list *l);
/* Text columns copied; *e sticks. */
struct slice query_text(const struct db_rows *rows, unsigned col, struct arena *a, enum err *e);

/* Reads every row of an opened query with `read`, which fills one zeroed element; closes the query.
 */
CHECKED enum err query_rows(struct query *q, struct desk *d, struct row_list *list,
                            enum err (*read)(const struct db_rows *rows, struct arena *a, void *to),
                            struct diag *diag);
/* The same for exactly one; ERR_NOENT when there is none. */
CHECKED enum err query_one(struct query *q, struct desk *d, struct arena *a, void *to,
                           enum err (*read)(const struct db_rows *rows, struct arena *a, void *to),
                           struct diag *diag);

/* 0 is stored as NULL where a foreign key stands. */
static inline struct db_value db_ref(uint64_t id)
{
    return id ? db_i((int64_t)id) : db_null();
}

static inline size_t desk_limit(size_t asked)
{
    return asked && asked < DESK_LIST_MAX ? asked : DESK_LIST_MAX;
}

/* ERR_SYNTAX unless least <= s.n <= DESK_TEXT_BYTES_MAX. */
CHECKED enum err desk_text_ok(const char *what, struct slice s, size_t least, struct diag *diag);

#endif
