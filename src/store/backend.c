#include "store/backend_int.h"

#include <stdlib.h>

#include "net/http_client.h"
#include "store/client_int.h"

enum { TOKEN_BYTES_MAX = 200 };

struct backend {
    struct engine *engine; /* owned; NULL when a server stands behind */
    char *url;             /* owned */
};

struct backend_session {
    struct engine_conn *conn;    /* the writer's is borrowed, a reader's owned */
    struct store_client *client; /* owned; NULL with the engine */
    bool writer;
    struct buf sql; /* room for statements */
};

void backend_close(struct backend *b)
{
    if (!b)
        return;
    engine_close(b->engine);
    free(b->url);
    free(b);
}

CHECKED enum err backend_open(const struct store_server_options *o, struct backend **ret,
                              struct diag *diag)
{
    struct backend *b = calloc(1, sizeof(*b));
    enum err e = ERR_NONE;

    if (!b)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    if (o->url && *o->url) {
        b->url = strdup(o->url);
        if (!b->url)
            e = FAIL(diag, ERR_NOMEM, 0, "out of memory");
    } else {
        struct engine_options eo = {
            .library = o->library, .data_dir = o->data_dir, .memory_bytes = o->memory_bytes};
        e = engine_open(&eo, &b->engine, diag);
    }
    if (e != ERR_NONE) {
        backend_close(b);
        return e;
    }
    *ret = b;
    return ERR_NONE;
}

void backend_session_close(struct backend_session *s)
{
    if (!s)
        return;
    if (!s->writer)
        engine_reader_close(s->conn);
    store_client_free(s->client);
    buf_done(&s->sql);
    free(s);
}

CHECKED enum err backend_session_open(struct backend *b, bool writer, struct backend_session **ret,
                                      struct diag *diag)
{
    struct backend_session *s = calloc(1, sizeof(*s));
    enum err e = ERR_NONE;

    if (!s)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    s->writer = writer;
    buf_init(&s->sql, 1U << 20);
    if (b->engine && writer) {
        s->conn = engine_writer(b->engine);
    } else if (b->engine) {
        e = engine_reader_open(b->engine, &s->conn, diag);
    } else {
        struct store_client_options o = {.url = b->url};
        s->client = store_client_new(&o);
        if (!s->client)
            e = FAIL(diag, ERR_NOMEM, 0, "out of memory");
    }
    if (e != ERR_NONE) {
        backend_session_close(s);
        return e;
    }
    *ret = s;
    return ERR_NONE;
}

void backend_answer_done(struct backend_answer *a)
{
    engine_answer_free(a->engine);
    buf_done(&a->copy);
    *a = (struct backend_answer){.code = 0};
}

static void failed(struct backend_answer *a, const struct diag *d)
{
    if (!a->copy.max)
        buf_init(&a->copy, 4096);
    buf_reset(&a->copy);
    if (buf_puts(&a->copy, d->text[0] ? d->text : err_text(d->code)) == ERR_NONE)
        a->text = buf_slice(&a->copy);
    else
        a->text = SLICE("out of memory");
}

static void from_engine(enum err e, struct engine_answer *engine, const struct diag *d,
                        struct backend_answer *a)
{
    a->engine = engine;
    a->body = engine_answer_body(engine);
    a->text = engine_answer_text(engine);
    a->code = engine_answer_code(engine);
    if (e != ERR_NONE && a->text.n == 0)
        failed(a, d);
}

static void from_server(enum err e, struct http_answer *h, const struct diag *d,
                        struct backend_answer *a)
{
    if (e != ERR_NONE) {
        buf_done(&h->body);
        failed(a, d);
        return;
    }
    a->copy = h->body;
    if (h->status == 200) {
        a->body = buf_slice(&a->copy);
        return;
    }
    a->text = a->copy.n ? buf_slice(&a->copy) : SLICE("the server refused without a word");
    a->code = client_code(h);
}

void backend_query(struct backend_session *s, struct slice sql, const char *format,
                   const struct engine_param *params, size_t n, struct backend_answer *ret)
{
    struct diag d = {.code = ERR_NONE};
    struct engine_answer *engine = NULL;
    struct http_answer h = {.status = 0};
    char room[80] = "param_";

    *ret = (struct backend_answer){.code = 0};
    if (s->conn) {
        enum err e = engine_query(s->conn, sql, format, params, n, &engine, &d);
        from_engine(e, engine, &d, ret);
        return;
    }
    buf_reset(&s->sql);
    enum err e = client_arg(&s->sql, SLICE("default_format"), slice_of(format));
    if (e == ERR_NONE)
        e = client_arg(&s->sql, SLICE("wait_end_of_query"), SLICE("1"));
    if (e == ERR_NONE && !s->writer)
        e = client_arg(&s->sql, SLICE("readonly"), SLICE("1"));
    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        if (params[i].name.n + 7 > sizeof(room))
            e = ERR_LIMIT;
        memcpy(room + 6, params[i].name.p, e == ERR_NONE ? params[i].name.n : 0);
        if (e == ERR_NONE)
            e = client_arg(&s->sql, (struct slice){room, 6 + params[i].name.n}, params[i].value);
    }
    if (e == ERR_NONE)
        e = client_post(s->client, buf_slice(&s->sql), sql, !s->writer, &h, &d);
    else
        diag_set(&d, e, 0, "the request is too long");
    from_server(e, &h, &d, ret);
}

/* A token comes from our own writer, but it lands in a statement. */
static bool token_ok(const char *t)
{
    size_t n = strlen(t);

    for (size_t i = 0; i < n; i++)
        if (!((t[i] >= '0' && t[i] <= '9') || (t[i] >= 'a' && t[i] <= 'z') ||
              (t[i] >= 'A' && t[i] <= 'Z') || strchr(":._-", t[i])))
            return false;
    return n > 0 && n <= TOKEN_BYTES_MAX;
}

static CHECKED enum err insert_engine(struct backend_session *s, struct slice sql,
                                      const char *format, const char *token, struct slice data,
                                      struct engine_answer **ret, struct diag *d)
{
    buf_reset(&s->sql);
    enum err e = buf_put(&s->sql, sql);

    if (e == ERR_NONE && token)
        e = buf_printf(&s->sql, " SETTINGS insert_deduplication_token='%s'", token);
    if (e != ERR_NONE)
        return FAIL(d, e, 0, "the statement is too long");
    return engine_insert(s->conn, buf_slice(&s->sql), format, data, ret, d);
}

void backend_insert(struct backend_session *s, struct slice sql, const char *format,
                    const char *token, struct slice data, struct backend_answer *ret)
{
    struct diag d = {.code = ERR_NONE};
    struct engine_answer *engine = NULL;
    struct http_answer h = {.status = 0};
    struct buf query;
    enum err e;

    *ret = (struct backend_answer){.code = 0};
    if (token && !token_ok(token)) {
        diag_set(&d, ERR_SYNTAX, 0, "a deduplication token has letters, digits and : . _ - only");
        failed(ret, &d);
        return;
    }
    if (s->conn) {
        e = insert_engine(s, sql, format, token, data, &engine, &d);
        from_engine(e, engine, &d, ret);
        return;
    }
    buf_init(&query, 1U << 20);
    buf_reset(&s->sql);
    e = buf_printf(&query, "%.*s FORMAT %s", SLICE_ARG(sql), format);
    if (e == ERR_NONE)
        e = client_arg(&s->sql, SLICE("query"), buf_slice(&query));
    if (e == ERR_NONE && token)
        e = client_arg(&s->sql, SLICE("insert_deduplication_token"), slice_of(token));
    if (e == ERR_NONE)
        e = client_post(s->client, buf_slice(&s->sql), data, false, &h, &d);
    else
        diag_set(&d, e, 0, "the request is too long");
    from_server(e, &h, &d, ret);
    buf_done(&query);
}
