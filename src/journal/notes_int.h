/* journal/notes_int.h - the table of live notes, in memory.
 *
 * Keys come from outside (idempotency keys), so they are hashed with SipHash under a random key.
 * The table has a ceiling in bytes on disk, because it is carried into every new segment. When it
 * would pass the ceiling, first the expired notes go, then the ones that expire soonest (counted in
 * `dropped`); notes that never expire are never dropped and refused instead.
 * Not thread-safe.
 */
#ifndef JOURNAL_NOTES_INT_H
#define JOURNAL_NOTES_INT_H

#include "journal/segment_int.h"

struct notes_entry;

struct notes {
    struct notes_entry **buckets; /* owned */
    size_t buckets_n, n;
    uint64_t bytes;         /* as records */
    uint64_t forever_bytes; /* of those that never expire */
    uint64_t max_bytes;
    uint64_t dropped;
    uint64_t key[2];
};

CHECKED enum err notes_init(struct notes *t, uint64_t max_bytes);
void notes_done(struct notes *t);

/* Sets, replaces, or (empty value) deletes. ERR_LIMIT for one that never expires and has no room.
 */
CHECKED enum err notes_set(struct notes *t, const struct segment_note *n, int64_t now_ns);
/* NULL slices when unknown or expired; borrowed until the next change. */
CHECKED bool notes_get(const struct notes *t, struct slice key, int64_t now_ns,
                       struct slice *ret_value);
void notes_each(const struct notes *t, struct slice prefix, int64_t now_ns,
                void (*fn)(void *arg, const struct segment_note *n), void *arg);
void notes_expire(struct notes *t, int64_t now_ns);

#endif
