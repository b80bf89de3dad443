#include "net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/ip.h"

enum { BACKLOG = 1024 };

static enum err parse_port(struct slice text, uint16_t *ret, struct diag *diag)
{
    uint64_t v;

    if (!slice_to_u64(text, &v) || v > UINT16_MAX)
        return FAIL(diag, ERR_SYNTAX, 0, "\"%.*s\" is no port (0 to 65535)", SLICE_ARG(text));
    *ret = (uint16_t)v;
    return ERR_NONE;
}

static void fill(struct sock_addr *a, const uint8_t ip[static 16], uint16_t port, bool v6)
{
    memset(a, 0, sizeof(*a));
    if (!v6) {
        struct sockaddr_in *in = (struct sockaddr_in *)&a->ss;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, ip + 12, 4);
        a->len = sizeof(*in);
        return;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->ss;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, ip, 16);
    a->len = sizeof(*in6);
}

CHECKED enum err sock_parse(struct slice text, struct sock_addr *ret, struct diag *diag)
{
    text = slice_trim(text);
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "\"%.*s\" is no address: write ADDR:PORT",
                    SLICE_ARG(text));
    struct slice host = slice_cut(text, 0, colon - 1);
    uint16_t port;
    enum err e = parse_port(slice_cut(text, colon, text.n), &port, diag);
    if (e != ERR_NONE)
        return e;

    uint8_t ip[16] = {0};
    struct sock_addr a;
    if (host.n == 0) {
        fill(&a, ip, port, true);
        a.any = true;
        *ret = a;
        return ERR_NONE;
    }
    bool bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    struct slice bare = bracketed ? slice_cut(host, 1, host.n - 1) : host;
    if (slice_eq(host, SLICE("localhost")))
        bare = SLICE("127.0.0.1");
    bool colons = slice_find(bare, ':') < bare.n;
    if (colons != bracketed || !ip_parse(bare, ip))
        return FAIL(diag, ERR_SYNTAX, 0,
                    "\"%.*s\" is no address: write 127.0.0.1:PORT, [::1]:PORT or :PORT",
                    SLICE_ARG(text));
    fill(&a, ip, port, colons);
    *ret = a;
    return ERR_NONE;
}

static void addr_ip(const struct sock_addr *a, uint8_t ip[static 16], uint16_t *ret_port)
{
    memset(ip, 0, 16);
    *ret_port = 0;
    if (a->ss.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a->ss;
        ip[10] = ip[11] = 0xff;
        memcpy(ip + 12, &in->sin_addr, 4);
        *ret_port = ntohs(in->sin_port);
    } else if (a->ss.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->ss;
        memcpy(ip, &in6->sin6_addr, 16);
        *ret_port = ntohs(in6->sin6_port);
    }
}

void sock_text(const struct sock_addr *a, char out[static SOCK_TEXT_BYTES + 1])
{
    uint8_t ip[16];
    uint16_t port;
    char text[IP_TEXT_BYTES + 1];

    addr_ip(a, ip, &port);
    ip_text(ip, text);
    if (a->any)
        snprintf(out, SOCK_TEXT_BYTES + 1, ":%u", (unsigned)port);
    else if (a->ss.ss_family == AF_INET6)
        snprintf(out, SOCK_TEXT_BYTES + 1, "[%s]:%u", text, (unsigned)port);
    else
        snprintf(out, SOCK_TEXT_BYTES + 1, "%s:%u", text, (unsigned)port);
}

bool sock_is_loopback(const struct sock_addr *a)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    uint8_t ip[16];
    uint16_t port;

    addr_ip(a, ip, &port);
    return ip_is_v4(ip) ? ip[12] == 127 : memcmp(ip, v6_loopback, 16) == 0;
}

static enum err explain(const struct sock_addr *a, int type, int sys, struct diag *diag)
{
    char text[SOCK_TEXT_BYTES + 1];
    uint8_t ip[16];
    uint16_t port;

    addr_ip(a, ip, &port);
    sock_text(a, text);
    enum err e = ERR_SYS;
    if (sys == EADDRINUSE) {
        e = FAIL(diag, ERR_CONFLICT, 0,
                 "port %u (%s) is taken: choose another port, or stop the program that "
                 "\"ss -%slnp 'sport = :%u'\" shows",
                 (unsigned)port, text, type == SOCK_STREAM ? "t" : "u", (unsigned)port);
    } else if (sys == EACCES || sys == EPERM) {
        e = FAIL(diag, ERR_DENIED, 0,
                 "not permitted to listen on port %u (%s): ports below 1024 need root, choose a "
                 "higher one",
                 (unsigned)port, text);
    } else if (sys == EADDRNOTAVAIL) {
        diag_set(diag, e, 0, "%s is no address of this machine: \"ip addr\" lists them", text);
    } else {
        diag_set(diag, e, 0, "cannot listen on %s: %s", text, strerror(sys));
    }
    if (diag)
        diag->sys = sys;
    return e;
}

static bool set_flag(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static enum err open_bound(const struct sock_addr *a, int type, int rcvbuf, int *ret_fd,
                           struct diag *diag)
{
    int fd = socket(a->ss.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 && errno == EAFNOSUPPORT && a->any) {
        struct sock_addr v4;
        uint8_t ip[16];
        uint16_t port;
        addr_ip(a, ip, &port);
        fill(&v4, ip, port, false);
        return open_bound(&v4, type, rcvbuf, ret_fd, diag);
    }
    if (fd < 0)
        return explain(a, type, errno, diag);
    bool ok = true;
    if (type == SOCK_STREAM)
        ok = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (ok && a->ss.ss_family == AF_INET6)
        ok = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->any);
    if (ok && rcvbuf > 0 && !set_flag(fd, SOL_SOCKET, SO_RCVBUFFORCE, rcvbuf))
        ok = set_flag(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf);
    if (ok)
        ok = bind(fd, (const struct sockaddr *)&a->ss, a->len) == 0;
    if (ok && type == SOCK_STREAM)
        ok = listen(fd, BACKLOG) == 0;
    if (!ok) {
        int sys = errno;
        close(fd);
        return explain(a, type, sys, diag);
    }
    *ret_fd = fd;
    return ERR_NONE;
}

CHECKED enum err sock_listen_tcp(const struct sock_addr *a, int *ret_fd, struct diag *diag)
{
    return open_bound(a, SOCK_STREAM, 0, ret_fd, diag);
}

CHECKED enum err sock_bind_udp(const struct sock_addr *a, int rcvbuf_bytes, int *ret_fd,
                               struct diag *diag)
{
    return open_bound(a, SOCK_DGRAM, rcvbuf_bytes, ret_fd, diag);
}

/* Whether something listens behind the socket file. */
static bool unix_answers(const struct sockaddr_un *un)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return false;
    int rc = connect(fd, (const struct sockaddr *)un, sizeof(*un));
    bool yes = rc == 0 || errno == EAGAIN || errno == EINPROGRESS;
    close(fd);
    return yes;
}

static bool unix_bind(int fd, const struct sockaddr_un *un)
{
    return bind(fd, (const struct sockaddr *)un, sizeof(*un)) == 0;
}

/* A file that is no socket is left alone: bind then says that it is in the way. */
static bool unix_remove_stale(const struct sockaddr_un *un)
{
    struct stat st;

    return lstat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(un->sun_path) == 0;
}

CHECKED enum err sock_listen_unix(const char *path, int *ret_fd, struct diag *diag)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(un.sun_path))
        return FAIL(diag, ERR_LIMIT, 0,
                    "a socket's path has at most %zu bytes, %.60s... has %zu: choose a shorter "
                    "folder",
                    sizeof(un.sun_path) - 1, path, strlen(path));
    memcpy(un.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "cannot make a socket: %s", strerror(errno));
    /* On Linux the file takes the socket's mode, so it is never open to others, even for a moment.
     */
    bool ok = fchmod(fd, 0600) == 0;
    if (ok && !unix_bind(fd, &un)) {
        ok = false;
        if (errno == EADDRINUSE && unix_answers(&un)) {
            close(fd);
            return FAIL(diag, ERR_CONFLICT, 0, "another program is listening on %.120s", path);
        }
        if (errno == EADDRINUSE || errno == ECONNREFUSED)
            ok = unix_remove_stale(&un) && unix_bind(fd, &un);
    }
    ok = ok && listen(fd, BACKLOG) == 0;
    if (!ok) {
        int sys = errno;
        close(fd);
        return FAIL(diag, sys == EACCES ? ERR_DENIED : ERR_SYS, 0, "cannot listen on %.100s: %s",
                    path, strerror(sys));
    }
    *ret_fd = fd;
    return ERR_NONE;
}

uint16_t sock_port(int fd)
{
    struct sock_addr a = {.len = sizeof(a.ss)};
    uint8_t ip[16];
    uint16_t port;

    if (getsockname(fd, (struct sockaddr *)&a.ss, &a.len) != 0)
        return 0;
    addr_ip(&a, ip, &port);
    return port;
}
