/* intake/rfc6587.h - cutting syslog records out of a stream (RFC 6587), octet counting or a
 * trailer, told apart for each record anew, since relays mix both on one connection.
 *
 *   "NNN <"    1-8 digits without a leading zero, a blank, then '<': octet counting, NNN bytes
 *              from the '<' on. A count over RFC6587_COUNT_MAX is not believed.
 *   otherwise  the record ends before LF, CRLF or NUL
 *
 * Left-over trailers before a record are passed over, and trailers at the end of a counted record
 * are cut off: an empty line is no record. A record longer than `max` comes out as RFC6587_LONG in
 * pieces, so that it can be kept without being buffered; the stream then goes on behind it.
 *
 * Memory per stream is at most max + 16 bytes, and none while records arrive whole.
 */
#ifndef INTAKE_RFC6587_H
#define INTAKE_RFC6587_H

#include "core/buf.h"
#include "core/record.h"

enum { RFC6587_COUNT_MAX = 16 << 20, RFC6587_HEAD_BYTES = 10 };

enum rfc6587_got {
    RFC6587_NEED,   /* the input is used up */
    RFC6587_RECORD, /* one whole record */
    RFC6587_LONG,   /* a piece of a record that is too long */
    RFC6587_CUT,    /* only from rfc6587_end: what came of a counted record before the end */
    RFC6587_NOMEM,
};

struct rfc6587_out {
    struct slice bytes; /* in the input or in the framer; until the next call */
    enum framing framing;
    unsigned part; /* RFC6587_LONG: pieces from 0 */
    bool last;     /* RFC6587_LONG: the record ends with this piece (which may be empty) */
};

struct rfc6587 {
    size_t max; /* may be changed between calls */
    enum { RFC6587_AT_START, RFC6587_IN_LINE, RFC6587_IN_COUNTED, RFC6587_IN_LONG } state;
    enum framing framing; /* of the record being read */
    char head[RFC6587_HEAD_BYTES];
    size_t head_n;
    size_t need; /* octets still to come of a counted record */
    unsigned part;
    struct buf held; /* what came of the record so far */
    bool held_out;   /* held was handed out: forget it at the next call */
};

void rfc6587_init(struct rfc6587 *f, size_t max);
void rfc6587_done(struct rfc6587 *f);

/* Takes from the front of *in. Call until RFC6587_NEED. */
enum rfc6587_got rfc6587_next(struct rfc6587 *f, struct slice *in, struct rfc6587_out *ret);

/* The stream has ended: RFC6587_RECORD (a line without its trailer), RFC6587_LONG (last),
 * RFC6587_CUT, or RFC6587_NEED when nothing was pending. Call once. */
enum rfc6587_got rfc6587_end(struct rfc6587 *f, struct rfc6587_out *ret);

/* Whether part of a record waits for the rest. */
static inline bool rfc6587_pending(const struct rfc6587 *f)
{
    return f->state != RFC6587_AT_START || f->head_n > 0;
}

#endif
