/* Syslog over TCP (RFC 6587). No acknowledgement exists, so that what has been read is kept until
 * it is durable (sink.h), and nothing is read while the journal can take no more. */
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "intake/intake_int.h"
#include "intake/rfc6587.h"

enum {
    CONNS_MAX = 1024,
    IDLE_EVICT_S = 60,  /* at the ceiling, one that has been silent as long makes room */
    IDLE_CUT_S = 300,   /* silent in mid-record */
    IDLE_MAX_S = 86400, /* silent at all; TCP keep-alive finds the dead ones sooner */
    CHECK_MS = 10000,
    BATCH_BYTES = 16 << 20, /* 64 KiB of one-byte records, encoded */
};

struct tcp;

struct conn {
    struct tcp *tcp;
    struct conn *next, **back;
    struct loop_conn *conn;
    struct rfc6587 framer;
    uint8_t peer[16];
    uint16_t port;
    int64_t heard_ns;
    struct record long_record; /* of the long record under way */
};

struct tcp {
    struct intake *in;
    struct loop_listener *listener;
    struct loop_timer *timer;
    struct conn *conns;
    struct batch batch;
    _Atomic uint64_t conns_n, records, refused;
};

static void conn_free(struct conn *c)
{
    loop_conn_close(c->conn);
    rfc6587_done(&c->framer);
    if (c->next)
        c->next->back = c->back;
    *c->back = c->next;
    c->tcp->conns_n--;
    free(c);
}

static struct record new_record(struct conn *c, enum framing framing)
{
    struct record r = intake_record(c->tcp->in, INPUT_SYSLOG_TCP, framing);

    memcpy(r.peer, c->peer, sizeof(r.peer));
    r.peer_port = c->port;
    return r;
}

/* false: no memory */
static bool take(struct conn *c, enum rfc6587_got got, const struct rfc6587_out *o)
{
    struct tcp *t = c->tcp;

    if (got == RFC6587_NOMEM)
        return false;
    if (got == RFC6587_LONG) {
        if (o->part == 0)
            c->long_record = new_record(c, o->framing);
        c->long_record.payload = o->bytes;
        intake_quarantine(t->in, &c->long_record, "too long", o->part, o->last);
        return true;
    }
    struct record r = new_record(c, o->framing);
    r.payload = o->bytes;
    if (got == RFC6587_CUT) {
        intake_quarantine(t->in, &r, "the connection ended within a counted record", 0, true);
        return true;
    }
    t->records++;
    enum err e = batch_add(&t->batch, &r);
    if (e == ERR_LIMIT && sink_take(t->in->sink, &t->batch) == ERR_NONE)
        e = batch_add(&t->batch, &r);
    return e == ERR_NONE;
}

static void pause_all(struct tcp *t)
{
    for (struct conn *c = t->conns; c; c = c->next)
        loop_conn_pause(c->conn);
}

static void on_open(void *arg)
{
    struct tcp *t = arg;

    for (struct conn *c = t->conns; c; c = c->next)
        loop_conn_resume(c->conn);
}

/* false: no memory, some records are lost and the connection must say so by ending */
static bool hand_on(struct tcp *t)
{
    bool ok = sink_take(t->in->sink, &t->batch) == ERR_NONE;

    batch_reset(&t->batch);
    if (!sink_is_open(t->in->sink))
        pause_all(t);
    return ok;
}

static void end(struct conn *c, const char *why)
{
    struct rfc6587_out o;
    enum rfc6587_got got = rfc6587_end(&c->framer, &o);
    bool ok = got == RFC6587_NEED || take(c, got, &o);

    ok = hand_on(c->tcp) && ok;
    if (!ok)
        log_error("intake.syslog", "a connection was closed for lack of memory");
    else if (why)
        log_debug("intake.syslog", "connection closed: %s", why);
    conn_free(c);
}

static void on_data(void *arg, struct slice in)
{
    struct conn *c = arg;
    struct rfc6587_out o;
    enum rfc6587_got got;
    bool ok = true;

    c->heard_ns = clock_mono_ns();
    if (c->framer.state != RFC6587_IN_LONG)
        c->framer.max = c->tcp->in->record_bytes;
    while (ok && (got = rfc6587_next(&c->framer, &in, &o)) != RFC6587_NEED)
        ok = take(c, got, &o);
    ok = hand_on(c->tcp) && ok;
    if (!ok)
        end(c, NULL);
}

static void on_end(void *arg, enum err e)
{
    end(arg, e == ERR_NONE ? NULL : "broken off");
}

static const struct loop_conn_ops conn_ops = {on_data, on_end};

/* The one that has been silent for longest goes when it has been so for IDLE_EVICT_S. */
static bool make_room(struct tcp *t, int64_t now)
{
    struct conn *quiet = t->conns;

    for (struct conn *c = t->conns; c; c = c->next)
        if (c->heard_ns < quiet->heard_ns)
            quiet = c;
    if (!quiet || now - quiet->heard_ns < IDLE_EVICT_S * NS_PER_S)
        return false;
    end(quiet, "silent, and too many connections");
    return true;
}

static void on_accept(void *arg, struct loop_conn *lc, const uint8_t ip[static 16], uint16_t port)
{
    struct tcp *t = arg;
    int64_t now = clock_mono_ns();
    struct conn *c = NULL;

    if (t->conns_n < CONNS_MAX || make_room(t, now))
        c = calloc(1, sizeof(*c));
    if (!c) {
        t->refused++;
        metric_add(M_INTAKE_REFUSED, 1);
        log_warn("intake.syslog", "a connection was refused: %d are open", CONNS_MAX);
        loop_conn_close(lc);
        return;
    }
    c->tcp = t;
    c->conn = lc;
    c->heard_ns = now;
    c->port = port;
    memcpy(c->peer, ip, sizeof(c->peer));
    rfc6587_init(&c->framer, t->in->record_bytes);
    c->next = t->conns;
    c->back = &t->conns;
    if (c->next)
        c->next->back = &c->next;
    t->conns = c;
    t->conns_n++;
    loop_conn_start(lc, &conn_ops, c);
    if (!sink_is_open(t->in->sink))
        loop_conn_pause(lc);
}

/* While the sink is closed silence is ours, not the sender's. */
static void on_check(void *arg)
{
    struct tcp *t = arg;
    int64_t now = clock_mono_ns();
    struct conn *next;

    for (struct conn *c = t->conns; c; c = next) {
        int64_t limit = rfc6587_pending(&c->framer) ? IDLE_CUT_S : IDLE_MAX_S;
        next = c->next;
        if (!sink_is_open(t->in->sink))
            c->heard_ns = now;
        else if (now - c->heard_ns > limit * NS_PER_S)
            end(c, "silent for too long");
    }
}

static void tcp_stop(void *self)
{
    struct tcp *t = self;

    loop_listener_stop(t->listener);
    loop_timer_stop(t->timer);
    while (t->conns)
        end(t->conns, "shutting down");
    batch_done(&t->batch);
    free(t);
}

static CHECKED enum err tcp_start(struct intake *in, const struct intake_options *o, void **ret,
                                  struct diag *diag)
{
    if (o->tcp_fd < 0)
        return ERR_NONE;
    struct tcp *t = calloc(1, sizeof(*t));
    if (!t) {
        (void)close(o->tcp_fd);
        return FAIL(diag, ERR_NOMEM, 0, "no memory for syslog over TCP");
    }
    t->in = in;
    batch_init(&t->batch, BATCH_BYTES);
    enum err e = loop_listen(in->loop, o->tcp_fd, on_accept, t, &t->listener, diag);
    if (e == ERR_NONE)
        e = loop_timer_start(in->loop, CHECK_MS, CHECK_MS, on_check, t, &t->timer);
    if (e == ERR_NONE)
        e = sink_user_add(in->sink, on_open, t);
    if (e != ERR_NONE) {
        tcp_stop(t);
        return e;
    }
    *ret = t;
    return ERR_NONE;
}

static void tcp_status(void *self, struct jsonw *w)
{
    struct tcp *t = self;

    jsonw_kcstr(w, "state", "ok");
    jsonw_kint(w, "records", (int64_t)t->records);
    jsonw_kint(w, "connections", (int64_t)t->conns_n);
    jsonw_kint(w, "refused", (int64_t)t->refused);
}

const struct input_ops input_syslog_tcp = {tcp_start, tcp_stop, tcp_status};
