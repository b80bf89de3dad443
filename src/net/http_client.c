#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

struct http_client {
    CURL *easy;
    char error[CURL_ERROR_SIZE];
};

struct exchange {
    struct http_answer *ret;
    bool over; /* the answer passed its ceiling */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->easy);
    free(c);
}

struct http_client *http_client_new(void)
{
    pthread_once(&once, global_init);
    struct http_client *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->easy = curl_easy_init();
    if (!c->easy) {
        free(c);
        return NULL;
    }
    return c;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    if (buf_put(&x->ret->body, (struct slice){p, size * n}) != ERR_NONE) {
        x->over = true;
        return 0;
    }
    return size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    static const char name[] = "X-ClickHouse-Exception-Code:";
    struct exchange *x = arg;
    size_t bytes = size * n;

    if (bytes >= sizeof(name) - 1 && strncasecmp(p, name, sizeof(name) - 1) == 0) {
        struct slice v = slice_trim((struct slice){p + sizeof(name) - 1, bytes - sizeof(name) + 1});
        if (v.n < sizeof(x->ret->exception)) {
            memcpy(x->ret->exception, v.p, v.n);
            x->ret->exception[v.n] = '\0';
        }
    }
    return bytes;
}

/* The first byte of the request went into the socket. */
static int on_debug(CURL *easy, curl_infotype type, char *p, size_t n, void *arg)
{
    struct exchange *x = arg;

    (void)easy;
    (void)p;
    (void)n;
    if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT)
        x->ret->sent = true;
    return 0;
}

static bool is_safe_method(const char *m)
{
    return strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0;
}

static struct curl_slist *headers_of(const struct http_request *q)
{
    /* Without this curl waits up to a second for a "100 Continue" before a large body. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; list && i < q->headers_n; i++) {
        struct curl_slist *more = curl_slist_append(list, q->headers[i]);
        if (!more) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = more;
    }
    return list;
}

static CURLcode set_transport(CURL *h, const struct http_request *q)
{
    long timeout = q->timeout_ms > 0 ? q->timeout_ms : 30000;
    long fresh = q->repeatable || is_safe_method(q->method) ? 0 : 1;
    CURLcode e = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");

    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_URL, q->url);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, q->unix_socket);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_PROXY, "");
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout);
    /* On a kept connection that breaks off unanswered curl repeats any request by itself. */
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, fresh);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_FORBID_REUSE, fresh);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    return e;
}

static CURLcode set_request(CURL *h, const struct http_request *q)
{
    bool head = strcmp(q->method, "HEAD") == 0;
    bool body = q->body.n > 0 || !is_safe_method(q->method);
    CURLcode e = CURLE_OK;

    if (head)
        e = curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    if (e == CURLE_OK && body)
        e = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
    if (e == CURLE_OK && body)
        e = curl_easy_setopt(h, CURLOPT_POSTFIELDS, q->body.n ? q->body.p : "");
    if (e == CURLE_OK && !head)
        e = curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, q->method);
    return e;
}

static CURLcode set_callbacks(struct http_client *c, struct exchange *x)
{
    CURL *h = c->easy;
    CURLcode e = curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);

    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_WRITEDATA, x);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_HEADERDATA, x);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_DEBUGFUNCTION, on_debug);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_DEBUGDATA, x);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_VERBOSE, 1L);
    if (e == CURLE_OK)
        e = curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->error);
    return e;
}

static enum err outcome(const struct http_client *c, const struct http_request *q, CURLcode code,
                        const struct exchange *x, struct diag *diag)
{
    const char *where = q->unix_socket ? q->unix_socket : q->url;
    const char *why = c->error[0] ? c->error : curl_easy_strerror(code);

    if (code == CURLE_OK)
        return ERR_NONE;
    if (x->over)
        return FAIL(diag, ERR_LIMIT, 0, "%.80s: the answer is longer than %zu bytes", where,
                    x->ret->body.max);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return FAIL(diag, ERR_TIMEOUT, 0, "%.80s: %.100s", where, why);
    if (code == CURLE_OUT_OF_MEMORY)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    if (!x->ret->sent && (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL))
        return FAIL(diag, ERR_SYNTAX, 0, "%.80s: %.100s", q->url, why);
    return FAIL(diag, ERR_PEER, 0, "%.80s: %.100s", where, why);
}

CHECKED enum err http_do(struct http_client *c, const struct http_request *q,
                         struct http_answer *ret, struct diag *diag)
{
    struct exchange x = {.ret = ret};
    long status = 0;

    memset(ret, 0, sizeof(*ret));
    buf_init(&ret->body, q->max_body ? q->max_body : 1 << 20);
    curl_easy_reset(c->easy); /* keeps the connections */
    c->error[0] = '\0';
    struct curl_slist *headers = headers_of(q);
    if (!headers)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    CURLcode code = curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
    if (code == CURLE_OK)
        code = set_transport(c->easy, q);
    if (code == CURLE_OK)
        code = set_request(c->easy, q);
    if (code == CURLE_OK)
        code = set_callbacks(c, &x);
    if (code == CURLE_OK)
        code = curl_easy_perform(c->easy);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    enum err e = outcome(c, q, code, &x, diag);
    if (e == ERR_NONE)
        ret->status = (int)status;
    else
        buf_reset(&ret->body);
    return e;
}
