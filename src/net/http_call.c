#include "net/http_server_int.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/jsonw.h"

enum { LEAST_BYTES_PER_S = 1024 };

void http_head_done(struct http_head *h)
{
    free(h->text);
    free(h->fields);
    free(h->cookie_text);
}

static char *trim_in_place(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        s[--n] = '\0';
    return s;
}

static void cut_cookies(struct http_head *h, char *text)
{
    char *next;

    for (char *at = text; at && h->cookies_n < HTTP_COOKIES_MAX; at = next) {
        next = strchr(at, ';');
        if (next)
            *next++ = '\0';
        char *equals = strchr(at, '=');
        if (!equals)
            continue;
        *equals = '\0';
        h->cookies[h->cookies_n++] =
            (struct http_field){trim_in_place(at), trim_in_place(equals + 1)};
    }
}

CHECKED enum err http_head_cookies(struct http_head *h)
{
    size_t need = 0, at = 0;

    for (size_t i = 0; i < h->headers_n; i++)
        if (strcasecmp(h->headers[i].name, "Cookie") == 0)
            need += strlen(h->headers[i].value) + 1;
    if (need == 0)
        return ERR_NONE;
    h->cookie_text = malloc(need);
    if (!h->cookie_text)
        return ERR_NOMEM;
    for (size_t i = 0; i < h->headers_n; i++) {
        if (strcasecmp(h->headers[i].name, "Cookie") != 0)
            continue;
        size_t n = strlen(h->headers[i].value) + 1;
        memcpy(h->cookie_text + at, h->headers[i].value, n);
        cut_cookies(h, h->cookie_text + at);
        at += n;
    }
    return ERR_NONE;
}

void http_added_done(struct http_added *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free((char *)(uintptr_t)a->f[i].name);
        free((char *)(uintptr_t)a->f[i].value);
    }
    a->n = 0;
}

/* RFC 9110 section 5.6.2. Blanks in a name ("Content-Length :") are how requests get smuggled. */
static bool is_token(const char *s)
{
    if (*s == '\0')
        return false;
    for (; *s; s++) {
        bool alnum =
            (*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z');
        if (!alnum && !strchr("!#$%&'*+-.^_`|~", *s))
            return false;
    }
    return true;
}

const char *http_guard(const struct http_head *h, const char *version)
{
    unsigned lengths = 0, encodings = 0, hosts = 0;
    const char *encoding = "";

    for (size_t i = 0; i < h->headers_n; i++) {
        const char *name = h->headers[i].name;
        if (!is_token(name))
            return "a header's name is no token";
        lengths += strcasecmp(name, "Content-Length") == 0;
        hosts += strcasecmp(name, "Host") == 0;
        if (strcasecmp(name, "Transfer-Encoding") == 0) {
            encodings++;
            encoding = h->headers[i].value;
        }
    }
    if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0))
        return "the length of the body is ambiguous";
    if (hosts != 1)
        return "exactly one Host header is needed";
    if (encodings == 1 &&
        (strcasecmp(encoding, "chunked") != 0 || strcmp(version, "HTTP/1.1") != 0))
        return "this Transfer-Encoding is not supported";
    return NULL;
}

const char *http_head_header(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->headers_n; i++)
        if (strcasecmp(h->headers[i].name, name) == 0)
            return h->headers[i].value;
    return NULL;
}

const char *http_method_word(const char *method)
{
    static const char *const words[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], method) == 0)
            return words[i];
    return "OTHER";
}

bool http_overdue(enum http_stage stage, int64_t age_ns, size_t body_bytes, unsigned idle_s)
{
    int64_t idle_ns = (int64_t)idle_s * NS_PER_S;

    switch (stage) {
    case HTTP_STAGE_LINE: /* the library's time-out closes idle ones after idle_s */
        return age_ns > 2 * idle_ns;
    case HTTP_STAGE_REQUEST:
        return age_ns > idle_ns + (int64_t)(body_bytes / LEAST_BYTES_PER_S) * NS_PER_S;
    case HTTP_STAGE_DRAIN:
        return age_ns > idle_ns;
    case HTTP_STAGE_BUSY:
        return false;
    }
    return false;
}

const char *http_method(const struct http_call *c)
{
    return http_call_head(c)->method;
}

const char *http_path(const struct http_call *c)
{
    return http_call_head(c)->path;
}

const char *http_header(const struct http_call *c, const char *name)
{
    return http_head_header(http_call_head(c), name);
}

const char *http_query(const struct http_call *c, const char *name)
{
    const struct http_head *h = http_call_head(c);

    for (size_t i = 0; i < h->args_n; i++)
        if (strcmp(h->args[i].name, name) == 0)
            return h->args[i].value;
    return NULL;
}

const char *http_cookie(const struct http_call *c, const char *name)
{
    const struct http_head *h = http_call_head(c);

    for (size_t i = 0; i < h->cookies_n; i++)
        if (strcmp(h->cookies[i].name, name) == 0)
            return h->cookies[i].value;
    return NULL;
}

void http_peer(const struct http_call *c, uint8_t ip[static 16], uint16_t *ret_port)
{
    memcpy(ip, http_call_head(c)->peer, 16);
    *ret_port = http_call_head(c)->peer_port;
}

long http_peer_uid(const struct http_call *c)
{
    return http_call_head(c)->uid;
}

bool http_is_tls(const struct http_call *c)
{
    return http_call_head(c)->tls;
}

const char *http_request_id(const struct http_call *c)
{
    return http_call_head(c)->id;
}

void http_add_header(struct http_call *c, const char *name, const char *value)
{
    struct http_added *a = http_call_added(c);

    if (a->n == HTTP_ADDED_MAX || strpbrk(value, "\r\n"))
        return;
    for (size_t i = 0; i < a->n; i++)
        if (strcasecmp(name, "Set-Cookie") != 0 && strcasecmp(a->f[i].name, name) == 0)
            return;
    char *n = strdup(name), *v = strdup(value);
    if (!n || !v) {
        free(n);
        free(v);
        return;
    }
    a->f[a->n++] = (struct http_field){n, v};
}

CHECKED enum err http_problem(struct buf *out, const struct http_problem *p, const char *request_id)
{
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_kcstr(&w, "type", "about:blank");
    jsonw_kcstr(&w, "title", p->title);
    jsonw_kint(&w, "status", p->status);
    jsonw_kcstr(&w, "code", p->code);
    if (p->detail && *p->detail)
        jsonw_kcstr(&w, "detail", p->detail);
    if (p->instance)
        jsonw_kcstr(&w, "instance", p->instance);
    jsonw_kcstr(&w, "request_id", request_id);
    if (p->extra.n > 0) {
        jsonw_key(&w, slice_of(p->extra_name));
        jsonw_raw(&w, p->extra);
    }
    jsonw_close_object(&w);
    return jsonw_end(&w);
}

void http_reply_problem(struct http_call *c, const struct http_problem *p)
{
    struct http_problem with = *p;
    struct buf out;

    with.instance = http_path(c);
    buf_init(&out, 16384 + p->extra.n);
    if (http_problem(&out, &with, http_request_id(c)) != ERR_NONE)
        buf_reset(&out);
    if (p->status == 429 || p->status == 503)
        http_add_header(c, "Retry-After", "1");
    http_reply(c, p->status, "application/problem+json", buf_slice(&out));
    buf_done(&out);
}

void http_reply_err(struct http_call *c, enum err e, const struct diag *diag)
{
    http_reply_problem(c, &(struct http_problem){.status = err_http_status(e),
                                                 .code = err_code(e),
                                                 .title = err_text(e),
                                                 .detail = diag ? diag->text : NULL});
}

void http_head_peer(struct http_head *h, const struct sockaddr *sa, int fd)
{
    h->uid = -1;
    memset(h->peer, 0, 16);
    if (sa && sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        h->peer[10] = h->peer[11] = 0xff;
        memcpy(h->peer + 12, &in->sin_addr, 4);
        h->peer_port = ntohs(in->sin_port);
    } else if (sa && sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        memcpy(h->peer, &in6->sin6_addr, 16);
        h->peer_port = ntohs(in6->sin6_port);
    } else {
        struct ucred cred;
        socklen_t n = sizeof(cred);
        h->peer[15] = 1;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 && cred.pid != 0)
            h->uid = (long)cred.uid;
    }
}
