/* Syslog over UDP (RFC 5426): a datagram is a record. Batches by recvmmsg; UDP_GRO brings several
 * datagrams of one sender as one buffer, cut again by the segment size. What the kernel dropped
 * comes as SO_RXQ_OVFL, a count since the socket was opened that wraps at 2^32. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/metrics.h"
#include "intake/intake_int.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

enum {
    MESSAGES = 32,
    MESSAGE_BYTES = 65536,
    ROUNDS = 8, /* of recvmmsg before other handles get their turn */
    RCVBUF = 16 << 20,
    BATCH_BYTES = MESSAGES * (MESSAGE_BYTES + 128) * 2,
};

struct message {
    char bytes[MESSAGE_BYTES];
    struct sockaddr_storage from;
    char control[CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(int))];
};

struct udp {
    struct intake *in;
    int fd;
    struct loop_poll *poll;
    struct batch batch;
    struct message *message; /* MESSAGES */
    struct mmsghdr hdr[MESSAGES];
    struct iovec iov[MESSAGES];
    uint32_t ovfl_seen;
    _Atomic uint64_t records, lost;
    int rcvbuf; /* granted */
};

static void peer_of(const struct sockaddr_storage *ss, struct record *r)
{
    if (ss->ss_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)ss;
        r->peer[10] = r->peer[11] = 0xff;
        memcpy(r->peer + 12, &a->sin_addr, 4);
        r->peer_port = ntohs(a->sin_port);
    } else if (ss->ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)ss;
        memcpy(r->peer, &a->sin6_addr, 16);
        r->peer_port = ntohs(a->sin6_port);
    }
}

static void read_control(struct udp *u, struct msghdr *h, size_t *ret_segment)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t seen;
            memcpy(&seen, CMSG_DATA(c), sizeof(seen));
            uint32_t more = seen - u->ovfl_seen;
            u->ovfl_seen = seen;
            u->lost += more;
            if (more)
                metric_add(M_INTAKE_LOST_UDP, more);
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, CMSG_DATA(c), sizeof(segment));
            if (segment > 0)
                *ret_segment = (size_t)segment;
        }
    }
}

static void take_datagram(struct udp *u, const struct sockaddr_storage *from, struct slice s)
{
    while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\0'))
        s.n--;
    if (s.n == 0)
        return;
    struct record r = intake_record(u->in, INPUT_SYSLOG_UDP, FRAMING_DATAGRAM);
    r.payload = s;
    peer_of(from, &r);
    u->records++;
    if (s.n > u->in->record_bytes)
        intake_quarantine(u->in, &r, "too long", 0, true);
    else if (batch_add(&u->batch, &r) != ERR_NONE) {
        /* no memory, since a batch has room for all messages: the loss is counted like the kernel's
         */
        u->lost++;
        metric_add(M_INTAKE_LOST_UDP, 1);
    }
}

static void take_message(struct udp *u, size_t i)
{
    struct msghdr *h = &u->hdr[i].msg_hdr;
    struct slice s = {u->message[i].bytes, u->hdr[i].msg_len};
    size_t segment = s.n;

    read_control(u, h, &segment);
    while (s.n > 0) {
        size_t n = s.n < segment ? s.n : segment;
        take_datagram(u, &u->message[i].from, slice_cut(s, 0, n));
        s = slice_cut(s, n, s.n);
    }
}

static void on_readable(void *arg)
{
    struct udp *u = arg;
    int n = MESSAGES;

    for (int round = 0; round < ROUNDS && n == MESSAGES && sink_is_open(u->in->sink); round++) {
        for (size_t i = 0; i < MESSAGES; i++) {
            u->hdr[i].msg_hdr.msg_namelen = sizeof(u->message[i].from);
            u->hdr[i].msg_hdr.msg_controllen = sizeof(u->message[i].control);
        }
        n = recvmmsg(u->fd, u->hdr, MESSAGES, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            take_message(u, (size_t)i);
        size_t records = u->batch.n;
        if (sink_take(u->in->sink, &u->batch) != ERR_NONE) {
            u->lost += records;
            metric_add(M_INTAKE_LOST_UDP, records);
            batch_reset(&u->batch);
        }
    }
    if (!sink_is_open(u->in->sink))
        loop_poll_pause(u->poll); /* the kernel's buffer fills, then it drops and counts */
}

static void on_open(void *arg)
{
    struct udp *u = arg;

    loop_poll_resume(u->poll);
}

static void udp_stop(void *self)
{
    struct udp *u = self;

    loop_poll_stop(u->poll);
    batch_done(&u->batch);
    (void)close(u->fd);
    free(u->message);
    free(u);
}

static void set_options(struct udp *u)
{
    int on = 1, want = RCVBUF;
    socklen_t n = sizeof(u->rcvbuf);

    if (setsockopt(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof(want)) != 0)
        (void)setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof(want));
    if (getsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &u->rcvbuf, &n) == 0)
        u->rcvbuf /= 2; /* the kernel doubles it for its own bookkeeping */
    (void)setsockopt(u->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
    (void)setsockopt(u->fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

static CHECKED enum err udp_start(struct intake *in, const struct intake_options *o, void **ret,
                                  struct diag *diag)
{
    if (o->udp_fd < 0)
        return ERR_NONE;
    struct udp *u = calloc(1, sizeof(*u));
    struct message *m = calloc(MESSAGES, sizeof(*m));
    if (!u || !m) {
        free(u);
        free(m);
        (void)close(o->udp_fd);
        return FAIL(diag, ERR_NOMEM, 0, "no memory for syslog over UDP");
    }
    u->in = in;
    u->fd = o->udp_fd;
    u->message = m;
    batch_init(&u->batch, BATCH_BYTES);
    for (size_t i = 0; i < MESSAGES; i++) {
        u->iov[i] = (struct iovec){m[i].bytes, sizeof(m[i].bytes)};
        u->hdr[i].msg_hdr = (struct msghdr){.msg_name = &m[i].from,
                                            .msg_iov = &u->iov[i],
                                            .msg_iovlen = 1,
                                            .msg_control = m[i].control};
    }
    set_options(u);
    enum err e = loop_poll_start(in->loop, u->fd, on_readable, u, &u->poll);
    if (e == ERR_NONE)
        e = sink_user_add(in->sink, on_open, u);
    if (e != ERR_NONE) {
        udp_stop(u);
        return FAIL(diag, e, 0, "cannot receive syslog over UDP");
    }
    *ret = u;
    return ERR_NONE;
}

static void udp_status(void *self, struct jsonw *w)
{
    struct udp *u = self;

    jsonw_kcstr(w, "state", "ok");
    jsonw_kint(w, "records", (int64_t)u->records);
    jsonw_kint(w, "lost", (int64_t)u->lost);
    jsonw_kint(w, "receive_buffer", u->rcvbuf);
}

const struct input_ops input_syslog_udp = {udp_start, udp_stop, udp_status};
