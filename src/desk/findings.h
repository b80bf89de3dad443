/* desk/findings.h - from the findings journal to alerts, exactly once.
 *
 * A batch of frames and the position behind them are committed in one transaction (table cursors),
 * and a finding's id is unique: a replay after any crash, of the desk or of watch, changes nothing.
 * A frame that can't be used (malformed, over a ceiling) never stops the stream: it is kept in the
 * table findings_bad (newest 1000) with its reason and counted. Format: docs/formats/desk.md.
 */
#ifndef DESK_FINDINGS_H
#define DESK_FINDINGS_H

#include "desk/desk.h"
#include "journal/journal.h"

enum { FINDINGS_BATCH_MAX = 1000, FINDINGS_FRAME_BYTES_MAX = 1 << 20 };

struct findings_result {
    uint64_t findings; /* applied */
    uint64_t repeated; /* known already */
    uint64_t alerts;   /* created */
    uint64_t sources;  /* counters added */
    uint64_t bad;      /* frames kept aside */
};

/* Where reading goes on: {0,0} at first. `name` tells several readers apart ("findings"). */
CHECKED enum err findings_cursor(struct desk *d, struct slice name, struct jpos *ret,
                                 struct diag *diag);
/* `after` is the position behind the last frame. n <= FINDINGS_BATCH_MAX. */
CHECKED enum err findings_apply(struct desk *d, struct slice name, const struct slice *frames,
                                size_t n, struct jpos after, struct findings_result *ret,
                                struct diag *diag);

#endif
