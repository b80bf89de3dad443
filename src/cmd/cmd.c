#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "core/jsonw.h"
#include "net/http_client.h"

enum { ANSWER_BYTES_MAX = 64 << 20, URL_BYTES_MAX = 64 * 1024, TIMEOUT_MS = 60000 };

const char *cmd_data_dir(void)
{
    const char *env = getenv("COLOA_DATA");

    return env && env[0] ? env : "coloa-data";
}

CHECKED enum err cmd_url_put(struct buf *b, struct slice s)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; i < s.n && e == ERR_NONE; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     strchr("-_.~", c) != NULL;
        e = plain && c ? buf_putc(b, s.p[i]) : buf_printf(b, "%%%02X", c);
    }
    return e;
}

void cmd_print_safe(FILE *to, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            (void)fprintf(to, "\\x%02x", c);
        else
            (void)fputc(c, to);
    }
}

static void write_node(struct jsonw *w, const struct json_node *n)
{
    const struct json_node *c;

    switch (n->type) {
    case JSON_NULL:
        jsonw_null(w);
        break;
    case JSON_BOOL:
        jsonw_bool(w, n->b);
        break;
    case JSON_INT:
        jsonw_int(w, n->i);
        break;
    case JSON_UINT:
        jsonw_uint(w, n->u);
        break;
    case JSON_DOUBLE:
        jsonw_double(w, n->d);
        break;
    case JSON_STRING:
        jsonw_str(w, n->str);
        break;
    case JSON_ARRAY:
        jsonw_array(w);
        for (c = n->child; c; c = c->next)
            write_node(w, c);
        jsonw_close_array(w);
        break;
    case JSON_OBJECT:
        jsonw_object(w);
        for (c = n->child; c; c = c->next) {
            jsonw_key(w, c->key);
            write_node(w, c);
        }
        jsonw_close_object(w);
        break;
    }
}

void cmd_print_json(const struct json_node *row)
{
    struct buf b;
    struct jsonw w;

    buf_init(&b, ANSWER_BYTES_MAX);
    jsonw_init(&w, &b);
    write_node(&w, row);
    if (jsonw_end(&w) == ERR_NONE)
        (void)printf("%.*s\n", (int)b.n, b.p);
    buf_done(&b);
}

/* The problem's detail if the answer is one, else its first bytes. */
static void explain(const char *command, int status, struct slice body)
{
    struct json_reader *r = json_reader_new(1 << 20, 10000);
    const struct json_node *root = NULL;
    struct slice text = body.n > 300 ? slice_cut(body, 0, 300) : body;

    if (r && json_read_strict(r, body, &root, NULL) == ERR_NONE) {
        struct slice detail = json_get_str(root, "detail");
        text = detail.n ? detail : json_get_str(root, "title");
    }
    (void)fprintf(stderr, "coloa %s: ", command);
    cmd_print_safe(stderr, text);
    (void)fprintf(stderr, " (HTTP %d)\n", status);
    json_reader_free(r);
}

static bool exchange(const char *command, const struct http_request *q, struct buf *out)
{
    struct http_client *c = http_client_new();
    struct http_answer a = {0};
    struct diag d = {0};
    enum err e = c ? http_do(c, q, &a, &d) : ERR_NOMEM;
    bool ok = e == ERR_NONE && a.status >= 200 && a.status < 300;

    if (e != ERR_NONE)
        (void)fprintf(stderr,
                      "coloa %s: no answer from %s: %s\nIs `coloa serve` running with this folder? "
                      "Give --data DIR or --url URL.\n",
                      command, q->unix_socket ? q->unix_socket : q->url,
                      d.text[0] ? d.text : err_text(e));
    else if (!ok)
        explain(command, a.status, buf_slice(&a.body));
    else if (buf_put(out, buf_slice(&a.body)) != ERR_NONE)
        ok = false;
    buf_done(&a.body);
    http_client_free(c);
    return ok;
}

bool cmd_call(const char *command, const struct cmd_target *t, const char *method, const char *path,
              struct slice body, const char *if_match, struct buf *out)
{
    char sock[4096], match[128], bearer[600];
    const char *headers[5] = {"X-Coloa: 1", "Accept: application/json"};
    const char *token = getenv("COLOA_TOKEN");
    size_t n = 2;
    struct buf url;

    buf_init(&url, URL_BYTES_MAX);
    (void)snprintf(sock, sizeof(sock), "%s/run/desk.sock", t->data ? t->data : cmd_data_dir());
    if (buf_printf(&url, "%s%s", t->url ? t->url : "http://localhost", path) != ERR_NONE ||
        !buf_cstr(&url)) {
        (void)fprintf(stderr, "coloa %s: the question is too long\n", command);
        buf_done(&url);
        return false;
    }
    if (body.n)
        headers[n++] = "Content-Type: application/json";
    if (if_match) {
        (void)snprintf(match, sizeof(match), "If-Match: %s", if_match);
        headers[n++] = match;
    }
    if (t->url && token) {
        (void)snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", token);
        headers[n++] = bearer;
    }
    const struct http_request q = {
        .method = method,
        .url = url.p,
        .unix_socket = t->url ? NULL : sock,
        .headers = headers,
        .headers_n = n,
        .body = body,
        .timeout_ms = TIMEOUT_MS,
        .max_body = ANSWER_BYTES_MAX,
    };
    bool ok = exchange(command, &q, out);
    buf_done(&url);
    return ok;
}

bool cmd_call_json(const char *command, const struct cmd_target *t, const char *method,
                   const char *path, struct slice body, struct json_reader *r,
                   const struct json_node **ret)
{
    struct buf out;
    struct diag d = {0};

    buf_init(&out, ANSWER_BYTES_MAX);
    bool ok = cmd_call(command, t, method, path, body, NULL, &out);
    if (ok && json_read_strict(r, buf_slice(&out), ret, &d) != ERR_NONE) {
        (void)fprintf(stderr, "coloa %s: the answer is not JSON: %s\n", command, d.text);
        ok = false;
    }
    buf_done(&out);
    return ok;
}
