/* net/sock.h - addresses as people write them, and listening sockets.
 *
 * Text forms: "127.0.0.1:8443", "[::1]:80", "localhost:80" (127.0.0.1), ":80" (every address,
 * IPv6 and IPv4). Port 0 lets the system choose; sock_port then says which. No names are looked
 * up. Every descriptor is close-on-exec and non-blocking, and belongs to the caller.
 *
 * Errors: ERR_SYNTAX (text), ERR_CONFLICT (taken), ERR_DENIED (not permitted), ERR_SYS. The
 * diagnosis names the address and what to do.
 */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <sys/socket.h>

#include "core/err.h"
#include "core/slice.h"

enum { SOCK_TEXT_BYTES = 63 };

struct sock_addr {
    struct sockaddr_storage ss; /* AF_INET or AF_INET6 */
    socklen_t len;
    bool any; /* ":PORT": falls back to IPv4 alone where the system has no IPv6 */
};

CHECKED enum err sock_parse(struct slice text, struct sock_addr *ret, struct diag *diag);
void sock_text(const struct sock_addr *a, char out[static SOCK_TEXT_BYTES + 1]);
bool sock_is_loopback(const struct sock_addr *a);

CHECKED enum err sock_listen_tcp(const struct sock_addr *a, int *ret_fd, struct diag *diag);
/* rcvbuf_bytes 0 = the system's default; the kernel may give less (net.core.rmem_max). */
CHECKED enum err sock_bind_udp(const struct sock_addr *a, int rcvbuf_bytes, int *ret_fd,
                               struct diag *diag);
/* Mode 0600. A socket file that nobody answers on is replaced; a live one is ERR_CONFLICT. */
CHECKED enum err sock_listen_unix(const char *path, int *ret_fd, struct diag *diag);

/* The port that fd is bound to, 0 if it has none. */
uint16_t sock_port(int fd);

#endif
