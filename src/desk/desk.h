/* desk/desk.h - what people work on: one relational database and everything that changes it.
 *
 * Every function of this room takes the desk's lock itself, so all are thread-safe; none calls back
 * under the lock. Rows are returned as structs whose slices live in the caller's arena.
 *
 * Transactions: each changing call is one. desk_begin ... desk_end joins several into one: calls
 * inside take part in it, and a failure of any makes desk_end roll everything back. Keep them
 * short: the lock is held from begin to end.
 *
 * Tenancy: a caller's scope is a list of organisation numbers that the query layer adds to every
 * statement. What is outside of it is ERR_NOENT, never ERR_DENIED: its existence is not told.
 *
 * Snapshots for intake and watch are published after the commit that changed them (publish.h).
 */
#ifndef DESK_DESK_H
#define DESK_DESK_H

#include "core/arena.h"
#include "core/config.h"
#include "core/record.h"

enum { ORG_DEFAULT = 2 }; /* the organisation made at first start */
enum { DESK_TEXT_BYTES_MAX = 4096, DESK_SCOPE_MAX = 10000, DESK_LIST_MAX = 1000 };

struct desk;

struct desk_options {
    const char *data_dir;     /* the installation's folder; DIR/desk and DIR/snapshots are made */
    const struct config *cfg; /* borrowed until desk_open returns; NULL = defaults */
    const char *conninfo;     /* PostgreSQL in spite of cfg; NULL = as cfg says */
};

/* Which organisations a caller sees. */
struct desk_scope {
    bool all;
    const uint32_t *orgs; /* borrowed; ignored when all */
    size_t n;             /* 0 and not all: sees nothing */
};
#define DESK_SCOPE_ALL ((struct desk_scope){.all = true})
bool desk_scope_has(struct desk_scope scope, uint32_t org);

/* Who does it: goes into the audit record. Texts may be NULL. */
struct desk_actor {
    uint64_t user;    /* 0: the system, a token or the local administrator */
    const char *name; /* login, token name, "local", "system" */
    const char *role;
    const char *address; /* where from */
    uint32_t org;        /* 0: none */
};
#define DESK_ACTOR_SYSTEM ((struct desk_actor){.name = "system", .role = "admin"})

/* What happened, told after the commit, on the thread that made it, outside of the lock. */
struct desk_change {
    enum desk_topic { DESK_ALERTS, DESK_SOURCES, DESK_GAP } topic; /* GAP: many; read anew */
    bool created;
    uint64_t id; /* alert or source */
    uint32_t org;
};
typedef void desk_change_fn(void *arg, const struct desk_change *change);

void desk_close(struct desk *d);
/* Opens or creates the database, migrates it, makes the two first organisations, publishes both
 * snapshots. ERR_VERSION: written by a newer version. ERR_CORRUPT: damaged; the text says what to
 * do. */
CHECKED enum err desk_open(const struct desk_options *opt, struct desk **ret, struct diag *diag);

/* At most 8 listeners. */
CHECKED enum err desk_on_change(struct desk *d, desk_change_fn *fn, void *arg);

/* Once a second: publishes what is not published yet (also what another desk on the same
 * PostgreSQL changed), ends what has expired. */
CHECKED enum err desk_tick(struct desk *d, struct diag *diag);

/* After a reload: takes over the options that may change while running. NULL = defaults. */
void desk_tune(struct desk *d, const struct config *cfg);

CHECKED enum err desk_begin(struct desk *d, struct diag *diag);
/* Commits if e is ERR_NONE and nothing inside failed, else rolls back; returns what the whole came
 * to. */
CHECKED enum err desk_end(struct desk *d, enum err e, struct diag *diag);

const char *desk_data_dir(const struct desk *d);

#endif
