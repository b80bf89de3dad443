/* store/writer.h - events go into the store exactly once, by plan.
 *
 * Used by one inserting thread:
 *
 *     store_writer_begin(w, from)              the block is empty; its rows come from the journal
 * at `from` store_writer_add(w, ev) ...              ERR_LIMIT: full, commit first and add again
 *     store_writer_commit(w, to)               blocks until the rows are durable and `save` was
 * called
 *
 * commit writes the plan (store/plan.h), inserts under the token NAME:from-to:attempt:first id,
 * calls save and forgets the plan. When the outcome of an insert is unknown (connection broken off,
 * time-out, error of the server, or a plan found at start) it asks the store which of the block's
 * ids it has, leaves those rows out and inserts the rest under the next attempt's token. What
 * decides is ids, since they are the journal's own and name each row; the engine's token is only a
 * guard. The blocks of a replay need not be cut where the lost ones were: as long as a block begins
 * before the end of the plan that was found, it is asked about first. A replay must give the same
 * ids: parsers are deterministic.
 *
 * A store that is down or busy is tried again, with growing pauses up to 5 s, until *stop.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <stdatomic.h>

#include "core/event.h"
#include "store/client.h"
#include "store/plan.h"

struct store_writer;

struct store_writer_options {
    const char *unix_socket; /* of the store role */
    const char *state_dir;   /* DIR/state: plans go to its folder `plans` */
    const char *name;        /* of this inserter; NULL = "store" */
    size_t block_bytes;      /* ceiling of a block; 0 = 96 MiB */
    size_t block_rows;       /* at most NATIVE_ROWS_MAX; 0 = that */
    bool replay;             /* the cursor was set back: ask about every block of this run */
    const atomic_bool *stop; /* borrowed; NULL = never asked to stop */
    /* Saves the cursor durably; an error is commit's error, and the plan stays. */
    CHECKED enum err (*save)(void *arg, struct store_pos to, struct diag *diag);
    /* The retention class of an event, [a-z0-9_-]; NULL = "default" for all. */
    struct slice (*retention)(void *arg, const struct event *ev);
    void *arg;
};

/* A damaged plan is moved aside and every block of this run is asked about first. */
CHECKED enum err store_writer_open(const struct store_writer_options *o, struct store_writer **ret,
                                   struct diag *diag);
void store_writer_close(struct store_writer *w);

/* Whether an earlier run left a plan: replay the journal from its cursor, as usual; this is only
 * for the log. */
bool store_writer_pending(const struct store_writer *w, struct store_pos *ret_from,
                          struct store_pos *ret_to);

void store_writer_begin(struct store_writer *w, struct store_pos from);
CHECKED enum err store_writer_add(struct store_writer *w, const struct event *ev);
size_t store_writer_rows(const struct store_writer *w);

/* ERR_NONE: durable and saved; the block is empty and the next begins at `to`. ERR_BUSY: asked to
 * stop before that (the plan stays). ERR_SYNTAX, ERR_LIMIT: the store refuses this block, trying
 * again will not help. */
CHECKED enum err store_writer_commit(struct store_writer *w, struct store_pos to,
                                     struct diag *diag);

#endif
