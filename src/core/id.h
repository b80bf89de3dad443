/* core/id.h - 128-bit ids, UUIDv7 (RFC 9562 section 5.7).
 *
 *   bytes 0-5   milliseconds since 1970, big-endian; never goes back within one generator
 *   byte  6     version 7 in the high nibble, sequence bits 15-12
 *   byte  7     sequence bits 11-4
 *   byte  8     variant 10 in the two high bits, sequence bits 3-0, 2 bits of node
 *   bytes 9-13  40 bits of node: random, fixed per generator start
 *   bytes 14-15 4 zero bits, then the 12-bit ordinal: 0 for a record,
 *               1... for the events that came out of it
 *
 * A record's id has ordinal 0. An event's id is its record's with the ordinal set, so the
 * record of an event, and how many events a record gave, can be read off the id.
 */
#ifndef CORE_ID_H
#define CORE_ID_H

#include "core/err.h"
#include "core/slice.h"

enum { ID_TEXT_BYTES = 36, ID_ORDINAL_MAX = 4095 };

struct id128 {
    uint8_t b[16];
};

struct id_gen {
    uint64_t last_ms;
    uint32_t seq; /* 16 bits */
    uint8_t node[6];
};

/* Takes the node from the system's random source. */
CHECKED enum err id_gen_init(struct id_gen *g);

/* The next id, strictly greater (bytewise) than every one before from this generator, even when
 * `wall_ns` went back. */
struct id128 id_next(struct id_gen *g, int64_t wall_ns);

struct id128 id_event(struct id128 record, unsigned ordinal); /* ordinal <= ID_ORDINAL_MAX */
struct id128 id_record(struct id128 event);                   /* ordinal cleared */
int64_t id_time_ms(struct id128 id);

/* Writes 36 characters (lower case, hyphens) and a NUL. */
void id_text(struct id128 id, char out[static ID_TEXT_BYTES + 1]);
CHECKED enum err id_parse(struct slice s, struct id128 *ret);

static inline int id_cmp(struct id128 a, struct id128 b)
{
    return memcmp(a.b, b.b, sizeof(a.b));
}

#endif
