/* detect/memo_int.h - what was found out about a slot's value, by the value: logs repeat
 * themselves.
 *
 * A ring of bytes holds the entries, oldest first overwritten; a table of two places a bucket finds
 * them. An answer is given only for the same slot, type, number and all the same bytes. Bounded:
 * MEMO_RING_BYTES and the table, allocated once. One thread each.
 */
#ifndef DETECT_MEMO_INT_H
#define DETECT_MEMO_INT_H

#include "core/slice.h"

enum {
    MEMO_RING_BYTES = 8 << 20,
    MEMO_BUCKETS = 1 << 15,
    MEMO_TEXT_MAX = 2048,
    MEMO_FOUND_MAX = 2048,
};

struct memo;

void memo_free(struct memo *m);
/* NULL without memory. */
struct memo *memo_new(void);
void memo_clear(struct memo *m);

struct memo_key {
    uint32_t slot;
    uint32_t type;
    int64_t number;
    struct slice text;
};

/* What a lookup worked out, for the put that follows a miss. */
struct memo_hash {
    uint64_t h;
};

/* The bits, or NULL: unknown. They live until the next memo_put. *hint is where the asker found its
 * last answer (0 at first): the same question again needs no search. */
const uint32_t *memo_get(const struct memo *m, const struct memo_key *k, uint64_t *hint,
                         uint32_t *ret_n, struct memo_hash *ret_hash);
/* Too long a text or too many bits are not kept. */
void memo_put(struct memo *m, const struct memo_key *k, struct memo_hash hash, const uint32_t *bits,
              uint32_t n);

/* Every byte counts; eight at a time. */
static inline uint64_t memo_hash_of(struct slice s, uint64_t seed)
{
    const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = seed ^ (s.n * k), w = 0;
    size_t i = 0;

    for (; s.n - i >= sizeof(w); i += sizeof(w)) {
        memcpy(&w, s.p + i, sizeof(w));
        h = (h ^ w) * k;
        h ^= h >> 29;
    }
    if (i < s.n) {
        w = 0;
        memcpy(&w, s.p + i, s.n - i);
        h = (h ^ w) * k;
        h ^= h >> 29;
    }
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 32;
}

#endif
