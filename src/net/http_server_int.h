/* net/http_server_int.h - what http_server.c (the library's callbacks) and http_call.c (reading
 * and describing one request) share.
 */
#ifndef NET_HTTP_SERVER_INT_H
#define NET_HTTP_SERVER_INT_H

#include "net/http_server.h"

enum {
    HTTP_FIELDS_MAX = 256,
    HTTP_COOKIES_MAX = 32,
    HTTP_ADDED_MAX = 24,
    HTTP_REQUEST_ID_BYTES = 16
};

struct http_field {
    const char *name, *value;
};

/* The head of a request in memory of its own, so that it outlives the connection. */
struct http_head {
    char *text; /* owned; the strings of path, headers and args lie in it */
    const char *method, *path;
    struct http_field *fields;         /* owned: headers, then args */
    struct http_field *headers, *args; /* borrowed from fields */
    size_t headers_n, args_n;
    char *cookie_text; /* owned; the strings of cookies lie in it */
    struct http_field cookies[HTTP_COOKIES_MAX];
    size_t cookies_n;
    uint8_t peer[16];
    uint16_t peer_port;
    long uid; /* -1 unless a Unix socket */
    bool tls;
    char id[HTTP_REQUEST_ID_BYTES + 1];
};

struct http_added {
    struct http_field f[HTTP_ADDED_MAX]; /* owned strings */
    size_t n;
};

void http_head_done(struct http_head *h);
/* Cuts the Cookie headers into pairs (RFC 6265 section 5.4 the other way round). Pairs beyond
 * HTTP_COOKIES_MAX and pieces without '=' are passed over. */
CHECKED enum err http_head_cookies(struct http_head *h);
const struct http_head *http_call_head(const struct http_call *c);
struct http_added *http_call_added(struct http_call *c);

/* Fills peer, port and uid; a NULL address is a Unix socket's. */
struct sockaddr;
void http_head_peer(struct http_head *h, const struct sockaddr *sa, int fd);
void http_added_done(struct http_added *a);

/* The framing guard; `version` as "HTTP/1.1". What is wrong, or NULL. */
const char *http_guard(const struct http_head *h, const char *version);
const char *http_head_header(const struct http_head *h, const char *name);

/* One of ours for the known methods, "OTHER" for the rest. */
const char *http_method_word(const char *method);

/* Where a connection is; since when, tells when it is too slow. The library's own time-out starts
 * anew with every byte, these limits do not. */
enum http_stage { HTTP_STAGE_LINE, HTTP_STAGE_REQUEST, HTTP_STAGE_BUSY, HTTP_STAGE_DRAIN };
bool http_overdue(enum http_stage stage, int64_t age_ns, size_t body_bytes, unsigned idle_s);

/* problem+json into out (ceiling already set). */
CHECKED enum err http_problem(struct buf *out, const struct http_problem *p,
                              const char *request_id);

#endif
