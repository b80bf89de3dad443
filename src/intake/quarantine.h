/* intake/quarantine.h - what was received but is no record: kept whole, bounded, to be looked at.
 *
 * DIR/NNNNNNNNNNNN.jsonl, numbers only grow; one JSON object a line:
 *   {"time":"RFC 3339","id":"uuid","input":"syslog-tcp","peer":"192.0.2.1","port":514,
 *    "name":"","org":0,"reason":"too long","part":0,"last":true,"bytes":"base64"}
 * Bytes that came in several pieces share the id, with parts from 0; the one with last ends them.
 *
 * A file of QUARANTINE_FILE_BYTES is followed by a new one; when all files together pass
 * QUARANTINE_BYTES_MAX the oldest goes. Adding is one write without a sync; quarantine_sync makes
 * everything added before durable. Thread-safe.
 */
#ifndef INTAKE_QUARANTINE_H
#define INTAKE_QUARANTINE_H

#include "core/err.h"
#include "core/record.h"

enum {
    QUARANTINE_FILE_BYTES = 16 << 20,
    QUARANTINE_BYTES_MAX = 256 << 20,
    QUARANTINE_PIECE_BYTES = 1 << 20, /* longer input is written as several parts */
};

struct quarantine;
void quarantine_free(struct quarantine *q);

/* The folder is made if missing. The ceilings are arguments for the tests. */
CHECKED enum err quarantine_open(const char *dir, uint64_t file_bytes, uint64_t bytes_max,
                                 struct quarantine **ret, struct diag *diag);

/* r->payload is what is kept; the rest says where it came from. `part` counts the pieces that the
 * caller has; *ret_next (may be NULL) is the part to go on with. ERR_FULL on a full disk. */
CHECKED enum err quarantine_add(struct quarantine *q, const struct record *r, const char *reason,
                                unsigned part, bool last, unsigned *ret_next);
CHECKED enum err quarantine_sync(struct quarantine *q);

#endif
