/* net/loop.h - the event loop of one thread (libuv, named in loop.c only).
 *
 * Everything but loop_stop and loop_wake_send belongs to the loop's own thread, or to any one
 * thread while the loop does not run. Callbacks must never wait. Handles may be stopped from
 * inside their own callback; the pointer is dead after that, its memory goes later by itself.
 *
 * Life: loop_new, start handles, loop_run until loop_stop, stop the handles, loop_free (which
 * closes what is still open without calling anybody).
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "core/err.h"
#include "core/slice.h"

enum { LOOP_READ_BYTES = 65536 }; /* most that one on_data carries */

struct loop;
void loop_free(struct loop *l);
FREED_BY(loop_free) struct loop *loop_new(void); /* NULL: no memory or descriptors */
void loop_run(struct loop *l);                   /* until loop_stop */
void loop_stop(struct loop *l);                  /* any thread; also before loop_run */

typedef void loop_fn(void *arg);

/* ---- timers: first after first_ms, then every repeat_ms (0 = once; still to be stopped) ---- */
struct loop_timer;
CHECKED enum err loop_timer_start(struct loop *l, uint64_t first_ms, uint64_t repeat_ms,
                                  loop_fn *fn, void *arg, struct loop_timer **ret);
void loop_timer_stop(struct loop_timer *t); /* NULL is fine */

/* ---- a descriptor that becomes readable (level-triggered); it stays the caller's ---- */
struct loop_poll;
CHECKED enum err loop_poll_start(struct loop *l, int fd, loop_fn *fn, void *arg,
                                 struct loop_poll **ret);
void loop_poll_pause(struct loop_poll *p);
void loop_poll_resume(struct loop_poll *p);
void loop_poll_stop(struct loop_poll *p); /* NULL is fine; close the descriptor afterwards */

/* ---- waking the loop from other threads; several sends may become one call ---- */
struct loop_wake;
CHECKED enum err loop_wake_start(struct loop *l, loop_fn *fn, void *arg, struct loop_wake **ret);
void loop_wake_send(struct loop_wake *w); /* any thread, until loop_wake_stop */
void loop_wake_stop(struct loop_wake *w); /* NULL is fine */

/* ---- stream servers ---- */
struct loop_conn;
struct loop_conn_ops {
    /* Bytes are borrowed for the call. */
    void (*on_data)(void *arg, struct slice bytes);
    /* Once, when the peer has ended (ERR_NONE) or the connection failed (ERR_PEER): close it. */
    void (*on_end)(void *arg, enum err e);
};
/* A new connection, peer as 16 bytes (IPv4 mapped; Unix sockets give ::1). Either call
 * loop_conn_start or loop_conn_close. */
typedef void loop_accept_fn(void *arg, struct loop_conn *c, const uint8_t ip[static 16],
                            uint16_t port);

struct loop_listener;
/* fd is bound, and is taken over even on failure. */
CHECKED enum err loop_listen(struct loop *l, int fd, loop_accept_fn *fn, void *arg,
                             struct loop_listener **ret, struct diag *diag);
void loop_listener_stop(struct loop_listener *s); /* closes; connections live on */

/* ops: borrowed for the connection's life. Reading begins at once. */
void loop_conn_start(struct loop_conn *c, const struct loop_conn_ops *ops, void *arg);
void loop_conn_pause(struct loop_conn *c); /* back-pressure: the peer's window closes */
void loop_conn_resume(struct loop_conn *c);
void loop_conn_close(struct loop_conn *c); /* NULL is fine; no callback after it */

#endif
