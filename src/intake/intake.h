/* intake/intake.h - everything that receives: syslog over UDP and TCP, POST /ingest, followed
 * files, this machine's journal. Bytes come in, framed and stamped records go into the journal.
 *
 * Threads of its own: one loop (syslog), a keeper (status, tokens, sync of the
 * quarantine), the HTTP server's, INTAKE_WORKERS for bodies,
 * one for files, one for journald. The caller keeps the journal open until intake_stop returned.
 *
 * Promises: a sender that can be answered is answered after the sync of its records; a sender that
 * can not is slowed, never dropped, while the journal is full or busy; what UDP loses is counted
 * (M_INTAKE_LOST_UDP). What is no record goes to DIR/quarantine/intake and is counted
 * (M_INTAKE_QUARANTINED).
 *
 * Notes in the journal, besides records:
 *   idem:WHO:KEY      the answer to an Idempotency-Key, 24 h (WHO: token or peer address)
 *   tail:PATH         how far a followed file has been read, in the group of its lines
 *   tailino:DEV:INO   the same of a file that was rotated away, 7 days
 *   tailglob:PATTERN  that the pattern has been followed before
 *   journald:cursor   how far this machine's journal has been read
 */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "core/config.h"
#include "journal/journal.h"

enum { INTAKE_WORKERS = 2, INTAKE_BODY_MAX = 16 << 20, INTAKE_INFLATED_MAX = 64 << 20 };

struct intake_options {
    struct journal *journal;  /* borrowed */
    const char *data_dir;     /* DIR: quarantine/, snapshots/ and run/ lie below; copied */
    const struct config *cfg; /* read during the call only */
    /* Bound by the parent and taken over, even on failure; -1 = none. TCP may be listening or not.
     */
    int udp_fd, tcp_fd, ingest_fd;
    const char *certificate_pem, *key_pem; /* of the ingest door, NULL = plain */
};

struct intake;

CHECKED enum err intake_start(const struct intake_options *o, struct intake **ret,
                              struct diag *diag);
/* Stops receiving, waits for what is under way (at most some seconds), frees. NULL is fine. */
void intake_stop(struct intake *in);

/* Takes over the options that a reload may change. Any thread. */
void intake_reload(struct intake *in, const struct config *cfg);
/* The desk has published: reads the `access` snapshot again. Any thread; also done by itself every
 * INTAKE_ACCESS_S, so that a lost message does not keep a revoked token alive. */
enum { INTAKE_ACCESS_S = 4 };
void intake_snapshot_changed(struct intake *in);

/* Appends the status as one JSON object:
 *   {"time":"...","state":"ok|slowed","reason":"full","inputs":{"syslog-udp":{"state":"ok",...},
 *    "files":{"state":"ok","files":[{"path","state","offset","size","detail","mend"}]},...}}
 * state of an input: ok, off, waiting, denied, failed; `mend` is the command that repairs it.
 * The same object lies in DIR/run/intake-status.json, replaced every 2 s when it has changed. */
CHECKED enum err intake_status(struct intake *in, struct buf *out);

#endif
