/* journal/journal.h - the durable queue: one writer process, many readers, on one folder.
 *
 * Used twice: for records (written by intake) and for findings (written by watch). A frame is an
 * opaque payload; what it holds is the business of whoever appends it.
 *
 * Position: a struct jpos names a byte in the endless sequence of frames: segment number and
 * offset. Positions are ordered and never reused. Cursors are positions, never ids.
 *
 * Writing. journal_append takes a group of frames with its notes and completes it after the
 * group is on disk (written, fdatasync'ed); several groups share one sync (group commit: 256 KiB
 * or commit_ms, whichever comes first). A group is atomic: after a crash either all of its frames
 * and notes are there, or none. Then the durable position in the shared page moves on. Readers
 * never read beyond it.
 *
 * Notes. A note is a small (key, value, expiry) that is committed with its group: idempotency keys
 * with their answers, and how far a tailed file has been read. All notes alive are known after
 * journal_open (journal_note_get) and are carried into each new segment, so that old segments can
 * be deleted. Setting a key again replaces; an empty value deletes.
 *
 * Keys have at most 4 KiB, values 64 KiB; all live notes together 64 MiB or half a segment,
 * whichever is less. Beyond it those that expire soonest are forgotten early (notes_dropped), and a
 * new one that never expires is refused with ERR_LIMIT.
 *
 * Space. The sum of segments never passes max_bytes: journal_append then fails with ERR_FULL (as on
 * ENOSPC) and works again when there is room. Nothing acknowledged is ever dropped. A segment is
 * deleted by the writer when every registered cursor has passed it (journal_trim).
 *
 * Recovery (journal_open). A torn tail (after the last whole commit) is truncated and counted; a
 * damaged middle is skipped to the next valid commit, the bytes between are copied to
 * `quarantine/` and counted. It never refuses to start for damage; only for a newer version.
 *
 * A failed sync or write: the batch is written again into a new segment, once; then its groups fail
 * with ERR_SYS. Such a group may be found after a crash all the same, wholly or not at all.
 *
 * The format is documented byte by byte in docs/formats/journal.md.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "core/err.h"
#include "core/slice.h"

struct jpos {
    uint64_t segment; /* from 1 */
    uint64_t offset;  /* byte in the segment's file, at a frame or at the end */
};

static inline int jpos_cmp(struct jpos a, struct jpos b)
{
    if (a.segment != b.segment)
        return a.segment < b.segment ? -1 : 1;
    return (a.offset > b.offset) - (a.offset < b.offset);
}

struct journal_note {
    struct slice key;
    struct slice value;
    int64_t expires_ns; /* wall clock; 0 = never */
};

struct journal_options {
    const char *dir;        /* made if missing */
    const char *quarantine; /* folder for damaged bytes; made if missing */
    uint64_t segment_bytes;
    uint64_t max_bytes;
    int commit_ms;
    bool no_thread; /* tests: commit inside journal_append */
};

struct journal_health {
    uint64_t bytes;           /* of all segments */
    uint64_t torn_bytes;      /* truncated at open */
    uint64_t damaged_bytes;   /* skipped and quarantined at open */
    uint64_t commits, frames; /* since open */
    uint64_t notes_dropped;   /* before they expired, because notes passed their ceiling */
    struct jpos durable;
};

struct journal;

/* ---- the writer: one process at a time (flock on DIR/lock) ---- */

CHECKED enum err journal_open(const struct journal_options *o, struct journal **ret,
                              struct diag *diag);
void journal_close(struct journal *j); /* commits what was appended, then closes */

/* What became of a group: ERR_NONE (durable) or the failure, called on the journal's commit
 * thread in the order of appending. Must be quick and must not call journal_append. */
typedef void journal_done_fn(void *arg, enum err e);

/* Takes a group. Frames and notes are copied before it returns. ERR_BUSY when 64 MiB wait for
 * their sync: the caller slows its sender. ERR_LIMIT for a frame over 4 MiB. done may be NULL.
 * Thread-safe. */
CHECKED enum err journal_append(struct journal *j, const struct slice *frames, size_t n,
                                const struct journal_note *notes, size_t notes_n,
                                journal_done_fn *done, void *arg);
/* Appends and waits until durable. */
CHECKED enum err journal_append_wait(struct journal *j, const struct slice *frames, size_t n,
                                     const struct journal_note *notes, size_t notes_n);

/* The committed value of a note copied to `out` (at most cap bytes; ERR_LIMIT if longer).
 * ERR_NOENT if unknown or expired. Thread-safe. */
CHECKED enum err journal_note_get(struct journal *j, struct slice key, char *out, size_t cap,
                                  size_t *ret_n);
/* Calls fn for each live note whose key starts with `prefix`. */
void journal_note_each(struct journal *j, struct slice prefix,
                       void (*fn)(void *arg, struct slice key, struct slice value), void *arg);

/* Deletes segments that lie wholly before `all_passed`. */
CHECKED enum err journal_trim(struct journal *j, struct jpos all_passed);
void journal_health(struct journal *j, struct journal_health *ret);
/* Changes max_bytes and commit_ms on the fly. */
void journal_tune(struct journal *j, uint64_t max_bytes, int commit_ms);

/* ---- a reader: any process that may read the folder ---- */

struct journal_reader;

/* Starts at `from`; {0,0} = the oldest segment that is there. If `from` was trimmed away the
 * reader starts at the oldest and *ret_skipped (may be NULL) is true. Opening before the writer
 * ever ran is fine: nothing to read yet. */
CHECKED enum err journal_reader_open(const char *dir, struct jpos from, struct journal_reader **ret,
                                     bool *ret_skipped, struct diag *diag);
void journal_reader_close(struct journal_reader *r);

/* The next frame: payload borrowed until the next call, *ret_pos the position just after it (store
 * that as the cursor). ERR_NOENT when there is nothing more that is durable yet. ERR_CORRUPT is
 * reported once per damaged stretch, after which the reader stands behind it. */
CHECKED enum err journal_reader_next(struct journal_reader *r, struct slice *ret_frame,
                                     struct jpos *ret_pos, struct diag *diag);
/* Waits until something more is durable or wait_ms passed (futex on the shared page; polls
 * segments when the writer is not there). true = try again now. */
bool journal_reader_wait(struct journal_reader *r, int wait_ms);
/* Bytes between the reader and the durable position. */
uint64_t journal_reader_lag(struct journal_reader *r);

/* ---- cursors: small durable files, two slots, each with CRC; fsynced ---- */

/* {0,0} when there is none yet; a torn newer slot falls back to the older. */
CHECKED enum err jcursor_load(const char *path, struct jpos *ret, struct diag *diag);
CHECKED enum err jcursor_save(const char *path, struct jpos pos, struct diag *diag);

#endif
