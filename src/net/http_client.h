/* net/http_client.h - HTTP requests (libcurl, GnuTLS), over TCP or a Unix socket. Blocking: never
 * on a loop's thread. One struct http_client per thread; connections are kept alive.
 * Redirects are not followed, proxies of the environment not used, certificates always checked.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "core/buf.h"

struct http_client;

struct http_request {
    const char *method; /* "GET", "POST" ... */
    const char *url;    /* http://... or https://...; with `unix_socket` the host is a name only */
    const char *unix_socket;    /* NULL = TCP */
    const char *const *headers; /* "Name: value", headers_n of them */
    size_t headers_n;
    struct slice body; /* sent as is */
    int timeout_ms;    /* whole exchange; 0 = 30 s */
    size_t max_body;   /* of the answer; more is ERR_LIMIT; 0 = 1 MiB */
    /* The server may get it twice without harm (a query by POST; GET and HEAD always are): allows a
     * kept connection, on which a request that broke off unanswered is sent again. Anything else
     * goes out once, on a new connection. */
    bool repeatable;
};

struct http_answer {
    int status;
    struct buf body;    /* owned by the caller: buf_done; init'ed by http_do */
    char exception[16]; /* X-ClickHouse-Exception-Code, or "" */
    bool sent;          /* at least one byte of the request may have reached the server: after a
                           failure the outcome is unknown */
};

void http_client_free(struct http_client *c);
FREED_BY(http_client_free) struct http_client *http_client_new(void);

/* ERR_NONE for any HTTP answer, whatever its status. ERR_PEER when it could not be reached or broke
 * off, ERR_TIMEOUT. ret is filled (sent, an empty body) on failure as well. */
CHECKED enum err http_do(struct http_client *c, const struct http_request *q,
                         struct http_answer *ret, struct diag *diag);

#endif
