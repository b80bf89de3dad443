/* desk/publish.h - the snapshots "access", "inventory" and "exceptions" for
 * intake and watch (docs/formats/snapshots.md).
 *
 * Each change of what they hold counts a number in the table counters up, in its own transaction.
 * After the commit, at start and in desk_tick, the number is compared with the one last published:
 * so a crash in between, a full disk, or another desk on the same database delays a snapshot and
 * never loses it.
 */
#ifndef DESK_PUBLISH_H
#define DESK_PUBLISH_H

#include "core/buf.h"
#include "desk/desk.h"

enum publish_kind { PUBLISH_ACCESS, PUBLISH_INVENTORY, PUBLISH_EXCEPTIONS, PUBLISH_N };
const char *publish_name(enum publish_kind k); /* "access", "inventory", "exceptions" */

/* The snapshot's JSON as it would be published now. */
CHECKED enum err publish_build(struct desk *d, enum publish_kind k, struct buf *out,
                               struct diag *diag);

#endif
