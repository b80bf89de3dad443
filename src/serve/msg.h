/* serve/msg.h - typed messages over one SEQPACKET socket pair between the parent and each role.
 *
 *   u32 kind (core/messages.def) · payload, at most MSG_BYTES_MAX
 *
 * The receiver checks the row: a kind that the other side may not send is dropped and counted.
 */
#ifndef SERVE_MSG_H
#define SERVE_MSG_H

#include "core/config.h"

enum { MSG_BYTES_MAX = 128 * 1024 };

enum msg_kind {
    MSG_NONE = 0,
#define MSG(id, number, from, to, what) MSG_##id = (number),
#include "core/messages.def"
#undef MSG
};

/* Waits at most 1 s for room. ERR_PEER when the other side is gone. */
CHECKED enum err msg_send(int fd, enum msg_kind kind, struct slice payload);

/* Takes one message at `me` from the role at the other end. ERR_NOENT when none waits, ERR_PEER
 * when the other side is gone. Dropped ones are skipped. The payload replaces the contents of
 * `out`. */
CHECKED enum err msg_take(int fd, enum role from, enum role me, enum msg_kind *ret,
                          struct buf *out);

/* The roles that a message of `from` goes to, as a mask; 0 = it may not send this. */
unsigned msg_route(enum msg_kind kind, enum role from);

#endif
