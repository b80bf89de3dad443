#include "store/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/http_client.h"
#include "store/client_int.h"

/* A request's URL has to fit into what the server reads as its head. */
enum { URL_BYTES_MAX = 24000 };

struct store_client {
    struct http_client *http; /* owned */
    char *unix_socket, *url;  /* owned */
    int timeout_ms;
    size_t answer_bytes;
    struct buf args, value; /* of the request being made */
};

static void destroy(struct store_client *c)
{
    if (!c)
        return;
    http_client_free(c->http);
    buf_done(&c->args);
    buf_done(&c->value);
    free(c->unix_socket);
    free(c->url);
    free(c);
}

void store_client_free(struct store_client *c)
{
    destroy(c);
}

struct store_client *store_client_new(const struct store_client_options *o)
{
    struct store_client *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    buf_init(&c->args, URL_BYTES_MAX);
    buf_init(&c->value, URL_BYTES_MAX);
    c->timeout_ms = o->timeout_ms ? o->timeout_ms : 60000;
    c->answer_bytes = o->answer_bytes ? o->answer_bytes : 64U << 20;
    c->http = http_client_new();
    c->unix_socket = o->unix_socket ? strdup(o->unix_socket) : NULL;
    c->url = strdup(o->unix_socket || !o->url ? "http://store/" : o->url);
    if (!c->http || !c->url || (o->unix_socket && !c->unix_socket)) {
        destroy(c);
        return NULL;
    }
    return c;
}

CHECKED enum err client_arg(struct buf *url, struct slice name, struct slice value)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to;
    enum err e = ERR_NONE;

    if (url->n)
        e = buf_putc(url, '&');
    if (e == ERR_NONE)
        e = buf_put(url, name);
    if (e == ERR_NONE)
        e = buf_putc(url, '=');
    if (e == ERR_NONE)
        e = buf_reserve(url, 3 * value.n, &to);
    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            c == '_' || c == '-' || c == '.') {
            *to++ = (char)c;
            url->n++;
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
            url->n += 3;
        }
    }
    return ERR_NONE;
}

CHECKED enum err client_escape(struct buf *out, struct slice s)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < s.n; i++) {
        switch (s.p[i]) {
        case '\\':
            e = buf_puts(out, "\\\\");
            break;
        case '\t':
            e = buf_puts(out, "\\t");
            break;
        case '\n':
            e = buf_puts(out, "\\n");
            break;
        case '\r':
            e = buf_puts(out, "\\r");
            break;
        case '\0':
            e = buf_puts(out, "\\0");
            break;
        default:
            e = buf_putc(out, s.p[i]);
        }
    }
    return e;
}

CHECKED enum err client_post(struct store_client *c, struct slice args, struct slice body,
                             bool repeatable, struct http_answer *ret, struct diag *diag)
{
    static const char *const headers[] = {"Content-Type: application/octet-stream", "Expect:"};
    char url[URL_BYTES_MAX + 2048];
    size_t base = strlen(c->url);

    *ret = (struct http_answer){.status = 0};
    if (base + args.n + 3 > sizeof(url))
        return FAIL(diag, ERR_LIMIT, 0, "the request is too long");
    int n = snprintf(url, sizeof(url), "%s%s?%.*s", c->url,
                     base && c->url[base - 1] == '/' ? "" : "/", SLICE_ARG(args));
    if (n < 0 || (size_t)n >= sizeof(url))
        return FAIL(diag, ERR_LIMIT, 0, "the request is too long");
    struct http_request q = {.method = "POST",
                             .url = url,
                             .unix_socket = c->unix_socket,
                             .headers = headers,
                             .headers_n = ARRAY_LEN(headers),
                             .body = body,
                             .timeout_ms = c->timeout_ms,
                             .max_body = c->answer_bytes,
                             .repeatable = repeatable};
    return http_do(c->http, &q, ret, diag);
}

enum err client_err_of(int code, int status)
{
    switch (code) {
    case 159: /* TIMEOUT_EXCEEDED */
        return ERR_TIMEOUT;
    case 158: /* TOO_MANY_ROWS */
    case 241: /* MEMORY_LIMIT_EXCEEDED */
    case 307: /* TOO_MANY_BYTES */
    case 396: /* TOO_MANY_ROWS_OR_BYTES */
        return ERR_LIMIT;
    case 243: /* NOT_ENOUGH_SPACE */
        return ERR_FULL;
    case 164: /* READONLY */
        return ERR_DENIED;
    default:
        return status == 429 ? ERR_BUSY : status >= 400 && status < 500 ? ERR_SYNTAX : ERR_PEER;
    }
}

int client_code(const struct http_answer *a)
{
    struct slice s = slice_of(a->exception), text = buf_slice(&a->body);
    int code = 0;

    if (s.n == 0 && slice_starts(text, SLICE("Code: ")))
        s = slice_cut(text, 6, text.n);
    for (size_t i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && code < 100000; i++)
        code = code * 10 + (s.p[i] - '0');
    return code;
}

static CHECKED enum err refused(const struct http_answer *a, struct diag *diag)
{
    enum err e = client_err_of(client_code(a), a->status);

    diag_set(diag, e, 0, "%.*s", SLICE_ARG(slice_trim(buf_slice(&a->body))));
    return e;
}

CHECKED enum err store_select(struct store_client *c, struct slice sql,
                              const struct store_params *p, const char *format, struct buf *out,
                              struct diag *diag)
{
    struct http_answer a;
    char name[32];
    enum err e;

    buf_reset(&c->args);
    e = client_arg(&c->args, SLICE("default_format"), slice_of(format));
    if (e == ERR_NONE)
        e = client_arg(&c->args, SLICE("wait_end_of_query"), SLICE("1"));
    for (size_t i = 0; p && e == ERR_NONE && i < p->n; i++) {
        (void)snprintf(name, sizeof(name), "param_p%zu", i);
        buf_reset(&c->value);
        e = client_escape(&c->value, p->value[i]);
        if (e == ERR_NONE)
            e = client_arg(&c->args, slice_of(name), buf_slice(&c->value));
    }
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "the query is too long");
    e = client_post(c, buf_slice(&c->args), sql, true, &a, diag);
    if (e == ERR_NONE && a.status != 200)
        e = refused(&a, diag);
    if (e == ERR_NONE) {
        e = buf_put(out, buf_slice(&a.body));
        if (e != ERR_NONE)
            diag_set(diag, e, 0, "the answer is too long");
    }
    buf_done(&a.body);
    return e;
}

CHECKED enum err store_insert(struct store_client *c, const char *sql, const char *token,
                              struct slice data, bool *ret_unknown, struct diag *diag)
{
    struct http_answer a;
    enum err e;

    *ret_unknown = false;
    buf_reset(&c->args);
    e = client_arg(&c->args, SLICE("query"), slice_of(sql));
    if (e == ERR_NONE && token)
        e = client_arg(&c->args, SLICE("insert_deduplication_token"), slice_of(token));
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "the statement is too long");
    e = client_post(c, buf_slice(&c->args), data, false, &a, diag);
    if (e != ERR_NONE) {
        *ret_unknown = a.sent;
    } else if (a.status != 200) {
        /* Mistakes are found before anything is written; any other failure may come after some
         * partitions of the block were. */
        *ret_unknown = a.status != 400 && a.status != 404 && a.status != 413 && a.status != 429;
        e = refused(&a, diag);
    }
    buf_done(&a.body);
    return e;
}

CHECKED enum err store_ping(struct store_client *c, struct diag *diag)
{
    struct buf out;

    buf_init(&out, 64);
    enum err e = store_select(c, SLICE("SELECT 1"), NULL, "TSV", &out, diag);
    buf_done(&out);
    return e;
}
