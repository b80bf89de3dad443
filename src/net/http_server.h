/* net/http_server.h - HTTP/1.1 server (libmicrohttpd, epoll thread, suspend and resume), behind the
 * framing guard: a request with more than one Content-Length or Transfer-Encoding, with both,
 * or without exactly one Host is answered 400 and closed before any handler sees it.
 *
 * A handler never blocks. It either answers at once (http_reply) or keeps the pointer, returns, and
 * answers later from any thread; the request lives until http_reply or, for streams,
 * http_stream_end. If the client leaves first, http_reply is still required (it then only frees).
 *
 * Beside the guard: a header name that is no token, a NUL (also as %00), or a Transfer-Encoding
 * other than "chunked" is 400. A client has idle_s for the head and 1 KiB/s for the body, however
 * it spreads its bytes. A chunked body over the cap is read 1 MiB further at most.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "core/buf.h"

struct http_server;
struct http_call; /* one request being answered */

struct http_server_options {
    int listen_fd; /* taken over; TCP or Unix stream socket, already listening */
    const char *certificate_pem, *key_pem; /* NULL = plain */
    size_t max_body;                       /* default cap; 413 above */
    bool keep_body; /* the largest body's memory serves the next calls: for few, large requests */
    unsigned max_connections; /* 0 = 1000 */
    unsigned idle_s;          /* 0 = 30; streams are exempt */
    /* Called when head and whole body are there. arg is yours. */
    void (*handle)(void *arg, struct http_call *c);
    /* May be NULL: a cap per route, asked once the head is there. 0 = no body allowed. */
    size_t (*body_limit)(void *arg, const struct http_call *c);
    void *arg;
    /* Headers put on every answer ("Name", "value" pairs), may be NULL; borrowed until the stop.
     * http_add_header with the same name wins. What the library itself refuses (a head too large,
     * a chunk or a number that can't be read) is answered without them. */
    const char *const (*headers)[2];
    size_t headers_n;
};

CHECKED enum err http_server_start(const struct http_server_options *o, struct http_server **ret,
                                   struct diag *diag);
/* Stops taking requests, waits until those being answered are done or grace_ms passed, frees. */
void http_server_stop(struct http_server *s, int grace_ms);

/* ---- reading a request; slices live until the reply ---- */
const char *http_method(const struct http_call *c);
const char *http_path(const struct http_call *c); /* percent-decoded, without the query */
const char *http_query(const struct http_call *c, const char *name);  /* decoded value or NULL */
const char *http_header(const struct http_call *c, const char *name); /* NULL if absent */
const char *http_cookie(const struct http_call *c, const char *name);
struct slice http_body(const struct http_call *c);
/* 16 bytes, IPv4 mapped; Unix sockets give ::1. */
void http_peer(const struct http_call *c, uint8_t ip[static 16], uint16_t *ret_port);
/* 16 hex digits, unique in this process's life and hard to mistake for another start's; on every
 * answer as X-Request-Id. */
const char *http_request_id(const struct http_call *c);
/* For Unix sockets: SO_PEERCRED's uid, else -1. */
long http_peer_uid(const struct http_call *c);
bool http_is_tls(const struct http_call *c);

/* ---- answering, once ---- */
void http_add_header(struct http_call *c, const char *name,
                     const char *value); /* before the reply */
/* Body is copied. content_type may be NULL for an empty body. */
void http_reply(struct http_call *c, int status, const char *content_type, struct slice body);
/* The body is borrowed for ever (embedded files). */
void http_reply_static(struct http_call *c, int status, const char *content_type,
                       struct slice body);
/* application/problem+json (RFC 9457): type about:blank, instance the path, request_id. 429 and
 * 503 get a Retry-After of 1 s unless one was added. Texts are copied. */
struct http_problem {
    int status;
    const char *code, *title, *detail; /* detail may be NULL */
    const char *instance;              /* set by http_reply_problem */
    const char *extra_name;            /* one more member, when extra is not empty */
    struct slice extra;                /* finished JSON */
};
void http_reply_problem(struct http_call *c, const struct http_problem *p);
/* The same from an error: status, code, title of err.def, detail of the diagnosis. */
void http_reply_err(struct http_call *c, enum err e, const struct diag *diag);

/* ---- streams (SSE): open, then write from any thread until end ----
 * gone(arg) is called once, on the server's thread, when the client left or the server stops before
 * http_stream_end; the end is still yours to call, also inside gone. A client that left is noticed
 * at a write: send something every 15 s. http_stream_end waits for a gone that is running on
 * another thread, so that arg may be freed after it: hold no lock there that gone takes.
 * NULL when there is no memory: the call is then over. */
struct http_stream;
struct http_stream *http_stream_open(struct http_call *c, const char *content_type,
                                     void (*gone)(void *arg), void *arg);
/* Copies; ERR_BUSY when 1 MiB waits unread (slow client: end it), ERR_NOENT when it has left. */
CHECKED enum err http_stream_write(struct http_stream *s, struct slice bytes);
void http_stream_end(struct http_stream *s); /* frees; what was written is still sent */

#endif
