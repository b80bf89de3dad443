#include "serve/msg.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/metrics.h"

static const struct {
    enum msg_kind kind;
    unsigned from, to;
} rows[] = {
#define MSG(id, number, from, to, what) {MSG_##id, (from), (to)},
#include "core/messages.def"
#undef MSG
};

unsigned msg_route(enum msg_kind kind, enum role from)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == kind)
            return rows[i].from & 1u << from ? rows[i].to : 0;
    return 0;
}

/* The parent knows who is at the other end; a role only knows that the parent let it through. */
static bool allowed(enum msg_kind kind, enum role from, enum role me)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == kind)
            return (me == ROLE_PARENT ? rows[i].from & 1u << from : rows[i].to & 1u << me) != 0;
    return false;
}

CHECKED enum err msg_send(int fd, enum msg_kind kind, struct slice payload)
{
    uint32_t head = (uint32_t)kind;
    char none = 0;
    struct iovec iov[2] = {{&head, sizeof(head)}, {&none, 0}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

    if (payload.n > MSG_BYTES_MAX)
        return ERR_LIMIT;
    if (payload.n) {
        /* iovec has no const form; sendmsg does not write */
        memcpy(&iov[1].iov_base, &payload.p, sizeof(payload.p));
        iov[1].iov_len = payload.n;
    }
    for (int tries = 0; tries < 2; tries++) {
        if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return ERR_NONE;
        if (errno != EAGAIN && errno != EINTR)
            return ERR_PEER;
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        (void)poll(&p, 1, 1000);
    }
    return ERR_BUSY;
}

CHECKED enum err msg_take(int fd, enum role from, enum role me, enum msg_kind *ret, struct buf *out)
{
    for (;;) {
        char *to;
        uint32_t head;

        buf_reset(out);
        enum err e = buf_reserve(out, MSG_BYTES_MAX + sizeof(head), &to);
        if (e != ERR_NONE)
            return e;
        ssize_t n = recv(fd, to, MSG_BYTES_MAX + sizeof(head), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? ERR_NOENT : ERR_PEER;
        if (n == 0)
            return ERR_PEER;
        if ((size_t)n < sizeof(head)) {
            metric_add(M_MESSAGES_DROPPED, 1);
            continue;
        }
        memcpy(&head, to, sizeof(head));
        if (!allowed((enum msg_kind)head, from, me)) {
            metric_add(M_MESSAGES_DROPPED, 1);
            continue;
        }
        memmove(to, to + sizeof(head), (size_t)n - sizeof(head));
        out->n = (size_t)n - sizeof(head);
        *ret = (enum msg_kind)head;
        return ERR_NONE;
    }
}
