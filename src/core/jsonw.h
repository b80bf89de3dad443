/* core/jsonw.h - writing JSON into a buffer.
 *
 * Calls nest; commas are the writer's business. An error (ceiling, memory, depth) sticks: write
 * on and ask once with jsonw_end. Output is always valid UTF-8: bytes that are not are written
 * as U+FFFD, so that a reader of ours or anybody else's never chokes on an event's bytes.
 */
#ifndef CORE_JSONW_H
#define CORE_JSONW_H

#include "core/buf.h"

enum { JSONW_DEPTH_MAX = 32 };

struct jsonw {
    struct buf *out; /* borrowed */
    enum err err;    /* first failure */
    unsigned depth;
    bool comma[JSONW_DEPTH_MAX + 1]; /* a value was written at this depth */
    bool key;                        /* a key waits for its value */
};

void jsonw_init(struct jsonw *w, struct buf *out);
void jsonw_object(struct jsonw *w); /* opens */
void jsonw_array(struct jsonw *w);
void jsonw_close_object(struct jsonw *w);
void jsonw_close_array(struct jsonw *w);
void jsonw_key(struct jsonw *w, struct slice key);
void jsonw_str(struct jsonw *w, struct slice s);
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_uint(struct jsonw *w, uint64_t v);
void jsonw_double(struct jsonw *w, double v); /* NaN and infinities become null */
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
void jsonw_time(struct jsonw *w, int64_t ns);    /* RFC 3339 in UTC */
void jsonw_raw(struct jsonw *w, struct slice s); /* one finished JSON value of ours */

/* key + value in one call */
void jsonw_kstr(struct jsonw *w, const char *key, struct slice s);
void jsonw_kcstr(struct jsonw *w, const char *key, const char *s); /* NULL writes null */
void jsonw_kint(struct jsonw *w, const char *key, int64_t v);
void jsonw_kbool(struct jsonw *w, const char *key, bool v);
void jsonw_ktime(struct jsonw *w, const char *key, int64_t ns);

/* The first error, or ERR_NONE when the value is complete. */
CHECKED enum err jsonw_end(const struct jsonw *w);

#endif
