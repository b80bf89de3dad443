/* core/slice.h - a borrowed view of bytes. Never owns, never NUL-terminated. */
#ifndef CORE_SLICE_H
#define CORE_SLICE_H

#include <string.h>

#include "core/base.h"

struct slice {
    const char *p;
    size_t n;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

/* For printf's "%.*s". */
#define SLICE_ARG(s) (int)((s).n > 1000000 ? 1000000 : (s).n), (s).p ? (s).p : ""

static inline struct slice slice_of(const char *cstr)
{
    return (struct slice){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_starts(struct slice s, struct slice with)
{
    return s.n >= with.n && (with.n == 0 || memcmp(s.p, with.p, with.n) == 0);
}

/* ASCII case only: protocol words, never matching of event values. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* The offset of the first `c`, or s.n. */
static inline size_t slice_find(struct slice s, char c)
{
    const char *hit = s.n ? memchr(s.p, (unsigned char)c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

/* The part of s from byte `from` up to, not including, byte `to`. */
static inline struct slice slice_cut(struct slice s, size_t from, size_t to)
{
    return (struct slice){s.p + from, to - from};
}

/* Whether `what` stands in s. Looks for its byte at `rare` first, which the caller knows to be
 * seldom in s: then this costs one pass of memchr. */
bool slice_has(struct slice s, struct slice what, size_t rare);

struct slice slice_trim(struct slice s); /* without ASCII blanks at both ends */

/* Whole-slice decimal numbers; false on anything else or on overflow. */
CHECKED bool slice_to_u64(struct slice s, uint64_t *ret);
CHECKED bool slice_to_i64(struct slice s, int64_t *ret);

#endif
