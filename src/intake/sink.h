/* intake/sink.h - the way into the journal for senders that cannot be answered (syslog).
 *
 * What was read from such a sender must not be lost to a full or busy journal: a group that the
 * journal refuses, at once or at its sync, is kept and offered again every SINK_RETRY_MS, in
 * order. Meanwhile the sink is closed, and its users stop reading (the senders' windows close);
 * when the last kept group is taken, on_open tells them to go on. Kept are only groups that were
 * under way when the sink closed, so the ceiling is the journal's own (64 MiB) and one group per
 * user.
 *
 * sink_take and sink_is_open belong to the loop's thread.
 */
#ifndef INTAKE_SINK_H
#define INTAKE_SINK_H

#include "intake/batch.h"
#include "net/loop.h"

enum { SINK_RETRY_MS = 50, SINK_USERS_MAX = 4 };

struct sink;

void sink_free(struct sink *s); /* after sink_drain */
CHECKED enum err sink_new(struct journal *j, struct loop *l, struct sink **ret);

/* on_open is called on the loop. */
CHECKED enum err sink_user_add(struct sink *s, loop_fn *on_open, void *arg);

/* Takes the batch's records and leaves it empty. ERR_NOMEM: nothing was taken. */
CHECKED enum err sink_take(struct sink *s, struct batch *b);
bool sink_is_open(const struct sink *s);
/* Why it is closed (for the status), ERR_NONE while open. */
enum err sink_reason(const struct sink *s);

/* The loop has ended: waits for groups under way and offers kept ones until wait_ms have passed.
 * Returns the number of records that had to be given up. */
size_t sink_drain(struct sink *s, int wait_ms);

#endif
