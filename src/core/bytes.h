/* core/bytes.h - a bounds-checked cursor over bytes from outside, and its writing twin.
 *
 * A read past the end yields zeros (or an empty slice), sets `bad` and leaves the position at
 * the end: decode a whole message, then ask once with bytes_ok. Integers are little-endian.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

struct bytes {
    struct slice in; /* borrowed */
    size_t at;
    bool bad; /* a read went past the end */
};

static inline struct bytes bytes_of(struct slice in)
{
    return (struct bytes){.in = in};
}

static inline struct slice bytes_get(struct bytes *b, size_t n)
{
    if (b->bad || n > b->in.n - b->at) {
        b->bad = true;
        b->at = b->in.n;
        return (struct slice){"", 0};
    }
    struct slice s = {b->in.p + b->at, n};
    b->at += n;
    return s;
}

static inline uint64_t bytes_uint(struct bytes *b, unsigned width)
{
    struct slice s = bytes_get(b, width);
    uint64_t v = 0;

    for (size_t i = s.n; i > 0; i--)
        v = v << 8 | (uint8_t)s.p[i - 1];
    return v;
}

static inline uint8_t bytes_u8(struct bytes *b)
{
    return (uint8_t)bytes_uint(b, 1);
}
static inline uint16_t bytes_u16(struct bytes *b)
{
    return (uint16_t)bytes_uint(b, 2);
}
static inline uint32_t bytes_u32(struct bytes *b)
{
    return (uint32_t)bytes_uint(b, 4);
}
static inline uint64_t bytes_u64(struct bytes *b)
{
    return bytes_uint(b, 8);
}

/* A u32 length, then that many bytes. */
static inline struct slice bytes_sized(struct bytes *b)
{
    return bytes_get(b, bytes_u32(b));
}

static inline size_t bytes_left(const struct bytes *b)
{
    return b->in.n - b->at;
}

/* True when every read so far was inside and nothing is left over. */
static inline bool bytes_all_read(const struct bytes *b)
{
    return !b->bad && b->at == b->in.n;
}

CHECKED enum err bytes_put_uint(struct buf *b, uint64_t v, unsigned width);
CHECKED enum err bytes_put_sized(struct buf *b, struct slice s);

#endif
