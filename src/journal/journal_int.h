/* journal/journal_int.h - the writer's state, shared by journal.c, commit.c and recover.c.
 *
 * Locks, in the order of taking: trim, io, lock, notes_lock. `io` is held while a batch is
 * written; appenders take only `lock`, and copy their bytes outside of it into the room that they
 * reserved.
 *
 *   appenders ── reserve (lock) ── copy ──→ batch being filled
 *                                              │ swap (lock): 256 KiB or commit_ms
 *   commit thread: wait for the copies ── pwrite ── fdatasync ── page_store ── notes ── done()
 *                     └ failed: ENOSPC → cut back, ERR_FULL; sync → new segment, write again
 */
#ifndef JOURNAL_JOURNAL_INT_H
#define JOURNAL_JOURNAL_INT_H

#include <pthread.h>
#include <sys/types.h>

#include "journal/journal.h"
#include "journal/notes_int.h"
#include "journal/page_int.h"

enum {
    JOURNAL_PENDING_MAX = 64 << 20,
    JOURNAL_COMMIT_BYTES = 256 << 10,
    JOURNAL_NOTES_MAX = 64 << 20,
    JOURNAL_GROUPS_MAX = 1 << 20,
    JOURNAL_NEW_SEGMENT = SEGMENT_HEADER + SEGMENT_RECORD + SEGMENT_COMMIT, /* and the notes */
};

/* What a test replaces to make a disk fail. */
struct journal_io {
    ssize_t (*write)(int fd, const void *p, size_t n, off_t at);
    int (*sync)(int fd);
};
extern const struct journal_io *journal_io;

struct journal_group {
    journal_done_fn *done;
    void *arg;
    size_t notes_at; /* offset of its notes in the batch */
    size_t notes_n;
};

struct journal_batch {
    char *p;        /* owned map of JOURNAL_PENDING_MAX and a commit */
    size_t n;       /* reserved */
    size_t last;    /* after the last frame, 0 = none */
    size_t copying; /* appenders that still copy */
    uint32_t frames, notes;
    int64_t since_ns;             /* when its first group came */
    struct journal_group *groups; /* owned */
    size_t groups_n, groups_cap;
};

struct journal_segment {
    uint64_t number, size;
    uint64_t last; /* no frame lies at or after this */
};

struct journal {
    char *quarantine; /* owned */
    int dirfd, lockfd;
    uint64_t segment_bytes;
    bool no_thread, thread_on;
    pthread_t thread;
    pthread_mutex_t trim; /* one journal_trim at a time */

    pthread_mutex_t io;
    int fd;               /* of the last segment; -1 = the next commit makes a new one */
    uint64_t fresh;       /* size of that segment when it was new */
    uint64_t last_number; /* highest that was ever used */
    uint64_t sequence;    /* of the next commit */
    uint64_t salt;
    uint32_t seed;
    struct page *page; /* owned map */

    pthread_mutex_t lock;
    pthread_cond_t work, copied;
    struct journal_batch batches[2]; /* [filling] takes appends */
    unsigned filling;
    size_t pending; /* bytes reserved and not yet completed */
    bool stop;
    bool refused; /* for want of space, since the last trim */
    uint64_t max_bytes;
    int commit_ms;
    uint64_t carry_bytes;         /* of all live notes as records */
    struct journal_segment *segs; /* owned, ascending; changed under io and lock */
    size_t segs_n, segs_cap;
    struct journal_health health;

    pthread_mutex_t notes_lock;
    struct notes notes;
};

/* commit.c: all with io held (or before other threads exist). */
CHECKED enum err commit_batch(struct journal *j, struct journal_batch *b);
CHECKED enum err commit_rotate(struct journal *j);
CHECKED enum err commit_push(struct journal *j, struct journal_segment s);

/* recover.c: builds j->segs, notes, health from the folder; leaves the torn tail cut. */
CHECKED enum err recover_all(struct journal *j, struct diag *diag);

#endif
