/* One mutex per server (lock) guards every call's and connection's state; it is held for moments.
 * Order of locks: the library's response mutex (so no call on a response under `lock`), then
 * `lock`, then the library's own list mutex (suspend and resume).
 *
 * A call has two owners: the library's side, from on_uri to on_completed, and the handler's side,
 * from handle() to http_reply or http_stream_end. The last one frees it. `mc` is valid while the
 * library's side is there.
 */
#include "net/http_server_int.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/metrics.h"

enum {
    CONNECTION_MEMORY_BYTES = 32 * 1024,
    STREAM_WAITING_BYTES = 1 << 20,
    STREAM_BLOCK_BYTES = 16 * 1024,
    DISCARD_BYTES = 1 << 20, /* read past the cap so that the 413 arrives */
};

struct conn {
    struct conn *prev, *next;
    int fd; /* the library's */
    enum http_stage stage;
    int64_t since_ns;
    size_t got; /* bytes of the body */
};

struct http_stream {
    struct buf waiting;
    bool open, suspended, ended, in_gone;
    pthread_t gone_thread;
    void (*gone)(void *arg);
    void *arg;
};

struct http_call {
    struct http_server *s; /* shared */
    struct http_call *prev, *next;
    struct MHD_Connection *mc; /* NULL when the library's side is over */
    struct conn *conn;         /* as long as mc */
    struct http_head head;
    struct http_added added;
    struct buf body;
    size_t limit;
    unsigned owners;
    bool bad_uri, begun, handled, suspended, too_big, answered, close;
    int status;
    struct MHD_Response *response; /* owned until queued; NULL with `answered`: out of memory */
    struct http_stream stream;
};

struct http_server {
    struct http_server_options o;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_call *calls; /* every call whose library side is there */
    struct conn *conns;
    unsigned answering; /* handled, not completed */
    bool stopping, forced, quit;
    pthread_t reaper;
    unsigned owners;  /* the starter, and each call */
    struct buf spare; /* owned; with keep_body, of a call that is over */
    atomic_uint seq;
    uint32_t start;
};

/* ---- lifetime ---- */

static void server_free(struct http_server *s)
{
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    buf_done(&s->spare);
    free(s);
}

static void call_free(struct http_call *c)
{
    http_head_done(&c->head);
    http_added_done(&c->added);
    buf_done(&c->body);
    buf_done(&c->stream.waiting);
    if (c->response)
        MHD_destroy_response(c->response);
    free(c);
}

/* Called with the lock, returns without it. */
static void call_unref_unlock(struct http_call *c)
{
    struct http_server *s = c->s;
    bool last = --c->owners == 0;
    bool last_of_all = last && --s->owners == 0;

    if (last && s->o.keep_body && c->body.cap > s->spare.cap) {
        struct buf smaller = s->spare;
        s->spare = c->body;
        c->body = smaller;
    }
    pthread_mutex_unlock(&s->lock);
    if (last)
        call_free(c);
    if (last_of_all)
        server_free(s);
}

static void wake(struct http_call *c)
{
    if (c->mc && c->suspended) {
        c->suspended = false;
        MHD_resume_connection(c->mc);
    }
}

const struct http_head *http_call_head(const struct http_call *c)
{
    return &c->head;
}

struct http_added *http_call_added(struct http_call *c)
{
    return &c->added;
}

struct slice http_body(const struct http_call *c)
{
    return c->body.n ? buf_slice(&c->body) : SLICE("");
}

/* ---- copying the head ---- */

struct copy {
    struct http_head *h;
    size_t n, bytes, at;
    bool bad;
};

static enum MHD_Result count_field(void *arg, enum MHD_ValueKind kind, const char *name,
                                   size_t name_n, const char *value, size_t value_n)
{
    struct copy *k = arg;

    (void)kind;
    k->n++;
    k->bytes += name_n + value_n + 2;
    k->bad |= memchr(name, 0, name_n) || (value && memchr(value, 0, value_n));
    return MHD_YES;
}

static const char *copy_text(struct copy *k, const char *s, size_t n)
{
    char *to = k->h->text + k->at;

    if (n > 0)
        memcpy(to, s, n);
    to[n] = '\0';
    k->at += n + 1;
    return to;
}

static enum MHD_Result copy_field(void *arg, enum MHD_ValueKind kind, const char *name,
                                  size_t name_n, const char *value, size_t value_n)
{
    struct copy *k = arg;
    struct http_field *f = &k->h->fields[k->n++];

    (void)kind;
    f->name = copy_text(k, name, name_n);
    f->value = copy_text(k, value, value ? value_n : 0);
    return MHD_YES;
}

static void copy_peer(struct http_call *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mc, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    http_head_peer(&c->head, info ? info->client_addr : NULL, c->conn->fd);
}

static const char *copy_head(struct http_call *c, const char *path, const char *method)
{
    struct http_head *h = &c->head;
    struct copy k = {.h = h};

    MHD_get_connection_values_n(c->mc, MHD_HEADER_KIND, count_field, &k);
    h->headers_n = k.n;
    MHD_get_connection_values_n(c->mc, MHD_GET_ARGUMENT_KIND, count_field, &k);
    h->args_n = k.n - h->headers_n;
    if (k.bad || c->bad_uri)
        return "a NUL where none may be";
    if (k.n > HTTP_FIELDS_MAX)
        return "too many headers or query parameters";
    h->text = malloc(k.bytes + strlen(path) + 1);
    h->fields = calloc(k.n ? k.n : 1, sizeof(*h->fields));
    if (!h->text || !h->fields)
        return "out of memory";
    k.n = 0;
    MHD_get_connection_values_n(c->mc, MHD_HEADER_KIND, copy_field, &k);
    MHD_get_connection_values_n(c->mc, MHD_GET_ARGUMENT_KIND, copy_field, &k);
    h->headers = h->fields;
    h->args = h->fields + h->headers_n;
    h->path = copy_text(&k, path, strlen(path));
    h->method = http_method_word(method);
    copy_peer(c);
    return http_head_cookies(h) == ERR_NONE ? NULL : "out of memory";
}

/* ---- answers ---- */

static bool added_has(const struct http_added *a, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcasecmp(a->f[i].name, name) == 0)
            return true;
    return false;
}

static bool add_headers(struct http_call *c, struct MHD_Response *r, const char *content_type)
{
    const struct http_server_options *o = &c->s->o;
    bool ok = MHD_add_response_header(r, "X-Request-Id", c->head.id) == MHD_YES;

    for (size_t i = 0; ok && i < o->headers_n; i++)
        if (!added_has(&c->added, o->headers[i][0]))
            ok = MHD_add_response_header(r, o->headers[i][0], o->headers[i][1]) == MHD_YES;
    for (size_t i = 0; ok && i < c->added.n; i++)
        ok = MHD_add_response_header(r, c->added.f[i].name, c->added.f[i].value) == MHD_YES;
    if (ok && content_type)
        ok = MHD_add_response_header(r, "Content-Type", content_type) == MHD_YES;
    if (ok && c->close)
        ok = MHD_add_response_header(r, "Connection", "close") == MHD_YES;
    return ok;
}

/* NULL when out of memory. */
static struct MHD_Response *make(struct http_call *c, const char *content_type, struct slice body,
                                 enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)(body.n ? body.p : ""), mode);

    if (r && !add_headers(c, r, content_type)) {
        MHD_destroy_response(r);
        return NULL;
    }
    return r;
}

static void answer(struct http_call *c, int status, struct MHD_Response *r)
{
    struct http_server *s = c->s;

    pthread_mutex_lock(&s->lock);
    if (!c->answered) { /* else the stop was faster */
        c->answered = true;
        c->status = status;
        c->response = r;
        r = NULL;
        wake(c);
    }
    call_unref_unlock(c);
    if (r)
        MHD_destroy_response(r);
}

void http_reply(struct http_call *c, int status, const char *content_type, struct slice body)
{
    answer(c, status, make(c, content_type, body, MHD_RESPMEM_MUST_COPY));
}

void http_reply_static(struct http_call *c, int status, const char *content_type, struct slice body)
{
    answer(c, status, make(c, content_type, body, MHD_RESPMEM_PERSISTENT));
}

/* Refuses on the library's side, before any handler knows of the call. */
static void refuse(struct http_call *c, int status, const char *code, const char *detail)
{
    struct buf out;

    c->close = true;
    buf_init(&out, 1024);
    struct http_problem p = {
        .status = status, .code = code, .title = "the request was refused", .detail = detail};
    if (http_problem(&out, &p, c->head.id) != ERR_NONE)
        buf_reset(&out);
    c->answered = true;
    c->status = status;
    c->response = make(c, "application/problem+json", buf_slice(&out), MHD_RESPMEM_MUST_COPY);
    buf_done(&out);
}

/* Without the lock; NO closes the connection. */
static enum MHD_Result queue_answer(struct http_call *c)
{
    struct MHD_Response *r = c->response;

    if (!r)
        return MHD_NO;
    c->response = NULL;
    if (c->stream.open)
        MHD_set_connection_option(c->mc, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    enum MHD_Result ok = MHD_queue_response(c->mc, (unsigned)c->status, r);
    MHD_destroy_response(r);
    return ok;
}

/* ---- streams ---- */

static ssize_t on_read(void *arg, uint64_t pos, char *to, size_t max)
{
    struct http_call *c = arg;
    struct http_stream *st = &c->stream;
    ssize_t n = 0;

    (void)pos;
    pthread_mutex_lock(&c->s->lock);
    if (st->waiting.n > 0 && !c->s->forced) {
        size_t take = st->waiting.n < max ? st->waiting.n : max;
        memcpy(to, st->waiting.p, take);
        buf_drop_front(&st->waiting, take);
        n = (ssize_t)take;
    } else if (st->ended || c->s->stopping) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        c->suspended = true;
        MHD_suspend_connection(c->mc);
    }
    pthread_mutex_unlock(&c->s->lock);
    return n;
}

struct http_stream *http_stream_open(struct http_call *c, const char *content_type,
                                     void (*gone)(void *arg), void *arg)
{
    struct http_stream *st = &c->stream;
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, on_read, c, NULL);

    if (!r || !add_headers(c, r, content_type)) {
        if (r)
            MHD_destroy_response(r);
        answer(c, 503, NULL);
        return NULL;
    }
    pthread_mutex_lock(&c->s->lock);
    if (c->answered || !c->mc) {
        call_unref_unlock(c);
        MHD_destroy_response(r);
        return NULL;
    }
    buf_init(&st->waiting, STREAM_WAITING_BYTES);
    st->gone = gone;
    st->arg = arg;
    st->open = true;
    c->answered = true;
    c->status = 200;
    c->response = r;
    wake(c);
    pthread_mutex_unlock(&c->s->lock);
    return st;
}

static struct http_call *call_of(struct http_stream *st)
{
    return (struct http_call *)(void *)((char *)st - offsetof(struct http_call, stream));
}

CHECKED enum err http_stream_write(struct http_stream *st, struct slice bytes)
{
    struct http_call *c = call_of(st);
    enum err e;

    pthread_mutex_lock(&c->s->lock);
    if (!c->mc || st->ended || c->s->stopping)
        e = ERR_NOENT;
    else
        e = buf_put(&st->waiting, bytes);
    if (e == ERR_NONE)
        wake(c);
    pthread_mutex_unlock(&c->s->lock);
    return e == ERR_LIMIT ? ERR_BUSY : e;
}

void http_stream_end(struct http_stream *st)
{
    struct http_call *c = call_of(st);
    struct http_server *s = c->s;

    pthread_mutex_lock(&s->lock);
    st->ended = true;
    while (st->in_gone && !pthread_equal(st->gone_thread, pthread_self()))
        pthread_cond_wait(&s->changed, &s->lock);
    if (c->mc) { /* a client that does not read the rest is cut off */
        c->conn->stage = HTTP_STAGE_DRAIN;
        c->conn->since_ns = clock_mono_ns();
    }
    wake(c);
    call_unref_unlock(c);
}

/* With the lock, which it gives up while the owner is told. */
static void stream_gone(struct http_call *c)
{
    struct http_stream *st = &c->stream;

    if (!st->open || st->ended)
        return;
    st->in_gone = true;
    st->gone_thread = pthread_self();
    pthread_mutex_unlock(&c->s->lock);
    if (st->gone)
        st->gone(st->arg);
    pthread_mutex_lock(&c->s->lock);
    st->in_gone = false;
    pthread_cond_broadcast(&c->s->changed);
}

/* ---- the library's callbacks, all on its thread ---- */

static void on_connection(void *arg, struct MHD_Connection *mc, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = arg;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct conn *n = calloc(1, sizeof(*n));
        *context = n;
        if (!n)
            return;
        n->fd = info ? info->connect_fd : -1;
        n->since_ns = clock_mono_ns();
        pthread_mutex_lock(&s->lock);
        n->next = s->conns;
        if (n->next)
            n->next->prev = n;
        s->conns = n;
        pthread_mutex_unlock(&s->lock);
        return;
    }
    struct conn *n = *context;
    if (!n)
        return;
    pthread_mutex_lock(&s->lock);
    if (n->prev)
        n->prev->next = n->next;
    else
        s->conns = n->next;
    if (n->next)
        n->next->prev = n->prev;
    pthread_mutex_unlock(&s->lock);
    free(n);
    *context = NULL;
}

/* The request line is there: the call begins. NULL makes on_access close the connection. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mc)
{
    struct http_server *s = arg;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *n = info ? info->socket_context : NULL;
    struct http_call *c = n ? calloc(1, sizeof(*c)) : NULL;

    if (!c)
        return NULL;
    c->s = s;
    c->mc = mc;
    c->conn = n;
    c->owners = 1;
    c->bad_uri = strstr(uri, "%00") != NULL;
    snprintf(c->head.id, sizeof(c->head.id), "%08x%08x", s->start, atomic_fetch_add(&s->seq, 1));
    pthread_mutex_lock(&s->lock);
    s->owners++;
    c->next = s->calls;
    if (c->next)
        c->next->prev = c;
    s->calls = c;
    n->stage = HTTP_STAGE_REQUEST;
    n->since_ns = clock_mono_ns();
    n->got = 0;
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void on_completed(void *arg, struct MHD_Connection *mc, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *s = arg;
    struct http_call *c = *context;

    (void)mc;
    (void)code;
    *context = NULL;
    if (!c)
        return;
    pthread_mutex_lock(&s->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->conn->stage = HTTP_STAGE_LINE;
    c->conn->since_ns = clock_mono_ns();
    c->mc = NULL;
    c->conn = NULL;
    s->answering -= c->handled;
    pthread_cond_broadcast(&s->changed);
    stream_gone(c);
    call_unref_unlock(c);
}

static void check_length(struct http_call *c)
{
    const struct http_server_options *o = &c->s->o;
    const char *length = http_head_header(&c->head, "Content-Length");
    uint64_t n = 0;

    c->limit = o->body_limit ? o->body_limit(o->arg, c) : o->max_body;
    buf_init(&c->body, c->limit);
    pthread_mutex_lock(&c->s->lock);
    if (o->keep_body && c->s->spare.cap <= c->limit) {
        c->body = (struct buf){.p = c->s->spare.p, .cap = c->s->spare.cap, .max = c->limit};
        c->s->spare = (struct buf){.p = NULL};
    }
    pthread_mutex_unlock(&c->s->lock);
    if (length && (!slice_to_u64(slice_of(length), &n) || n > c->limit))
        refuse(c, 413, "limit", "the body is larger than allowed here");
}

static enum MHD_Result begin(struct http_call *c, const char *path, const char *method,
                             const char *version)
{
    c->begun = true;
    const char *wrong = copy_head(c, path, method);
    if (!wrong)
        wrong = http_guard(&c->head, version);
    pthread_mutex_lock(&c->s->lock);
    bool stopping = c->s->stopping;
    pthread_mutex_unlock(&c->s->lock);
    if (wrong) {
        metric_add(M_HTTP_REFUSED, 1);
        refuse(c, 400, "syntax", wrong);
    } else if (stopping) {
        refuse(c, 503, "busy", "the server is stopping");
    } else {
        check_length(c);
    }
    return c->answered ? queue_answer(c) : MHD_YES;
}

static enum MHD_Result take_body(struct http_call *c, const char *data, size_t *n)
{
    size_t got = c->conn->got + *n;

    pthread_mutex_lock(&c->s->lock);
    c->conn->got = got;
    pthread_mutex_unlock(&c->s->lock);
    if (got > c->limit + DISCARD_BYTES)
        return MHD_NO;
    if (!c->too_big) {
        enum err e = buf_put(&c->body, (struct slice){data, *n});
        if (e == ERR_NOMEM)
            return MHD_NO;
        c->too_big = e != ERR_NONE;
    }
    *n = 0;
    return MHD_YES;
}

/* The request is complete; called again after each resume. */
static enum MHD_Result finish(struct http_call *c)
{
    struct http_server *s = c->s;

    if (c->too_big && !c->answered)
        refuse(c, 413, "limit", "the body is larger than allowed here");
    pthread_mutex_lock(&s->lock);
    c->conn->stage = HTTP_STAGE_BUSY;
    if (!c->answered && !c->handled) {
        c->handled = true;
        c->owners++;
        s->answering++;
        pthread_mutex_unlock(&s->lock);
        s->o.handle(s->o.arg, c);
        pthread_mutex_lock(&s->lock);
    }
    bool ready = c->answered, over = !ready && s->forced;
    c->answered |= over;
    if (!c->answered) {
        c->suspended = true;
        MHD_suspend_connection(c->mc);
    }
    pthread_mutex_unlock(&s->lock);
    if (over)
        return MHD_NO;
    return ready ? queue_answer(c) : MHD_YES;
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *mc, const char *path,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_n, void **context)
{
    struct http_call *c = *context;

    (void)arg;
    (void)mc;
    if (!c)
        return MHD_NO;
    if (!c->begun)
        return begin(c, path, method, version);
    if (*upload_n > 0)
        return take_body(c, upload, upload_n);
    return finish(c);
}

/* ---- slow clients: the library's time-out starts anew with every byte, these limits do not ----
 */

static void *reap(void *arg)
{
    struct http_server *s = arg;

    pthread_mutex_lock(&s->lock);
    while (!s->quit) {
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += 1;
        pthread_cond_timedwait(&s->changed, &s->lock, &at);
        int64_t now = clock_mono_ns();
        for (struct conn *n = s->conns; n; n = n->next)
            if (n->fd >= 0 && http_overdue(n->stage, now - n->since_ns, n->got, s->o.idle_s))
                shutdown(n->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- start and stop ---- */

static struct MHD_Daemon *start_daemon(struct http_server *s)
{
    const struct http_server_options *o = &s->o;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_LISTEN_SOCKET, o->listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)o->max_connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_s, NULL},
#if MHD_VERSION >= 0x01000000
        {MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL},
#else
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
#endif
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_uri, s},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };

    if (o->certificate_pem) {
        flags |= MHD_USE_TLS;
        items[8] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
                                           (void *)(uintptr_t)o->certificate_pem};
        items[9] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->key_pem};
        items[10] = (struct MHD_OptionItem){
            MHD_OPTION_HTTPS_PRIORITIES, 0,
            (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"};
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, on_access, s, MHD_OPTION_ARRAY, items,
                            MHD_OPTION_END);
}

static bool init_locks(struct http_server *s)
{
    pthread_condattr_t attr;

    if (pthread_condattr_init(&attr) != 0)
        return false;
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&s->changed, &attr) == 0;
    pthread_condattr_destroy(&attr);
    if (ok && pthread_mutex_init(&s->lock, NULL) != 0) {
        pthread_cond_destroy(&s->changed);
        ok = false;
    }
    return ok;
}

CHECKED enum err http_server_start(const struct http_server_options *o, struct http_server **ret,
                                   struct diag *diag)
{
    struct http_server *s = calloc(1, sizeof(*s));

    if (!s || !init_locks(s)) {
        free(s);
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    }
    s->o = *o;
    s->owners = 1;
    if (s->o.max_connections == 0)
        s->o.max_connections = 1000;
    if (s->o.idle_s == 0)
        s->o.idle_s = 30;
    if (getrandom(&s->start, sizeof(s->start), 0) != (ssize_t)sizeof(s->start))
        s->start = (uint32_t)clock_wall_ns();
    errno = 0;
    s->daemon = start_daemon(s);
    if (!s->daemon) {
        int sys = errno;
        server_free(s);
        return FAIL(diag, ERR_SYS, 0, "cannot start the HTTP server: %s",
                    o->certificate_pem ? "is the certificate with its key in order?"
                                       : strerror(sys));
    }
    if (pthread_create(&s->reaper, NULL, reap, s) != 0) {
        MHD_stop_daemon(s->daemon);
        server_free(s);
        return FAIL(diag, ERR_SYS, 0, "cannot start a thread");
    }
    *ret = s;
    return ERR_NONE;
}

static void wait_for_answers(struct http_server *s, int grace_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * (long)NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_nsec -= (long)NS_PER_S;
        until.tv_sec++;
    }
    while (s->answering > 0)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT)
            return;
}

void http_server_stop(struct http_server *s, int grace_ms)
{
    if (!s)
        return;
    /* With suspended connections left the library would abort, so from `forced` on none is made. */
    int fd = MHD_quiesce_daemon(s->daemon);
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (struct http_call *c = s->calls; c; c = c->next)
        if (c->stream.open)
            wake(c);
    wait_for_answers(s, grace_ms);
    s->forced = s->quit = true;
    for (struct http_call *c = s->calls; c; c = c->next) {
        if (c->suspended)
            c->answered = true;
        wake(c);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->reaper, NULL);
    MHD_stop_daemon(s->daemon);
    if (fd >= 0)
        close(fd);
    pthread_mutex_lock(&s->lock);
    bool last = --s->owners == 0;
    pthread_mutex_unlock(&s->lock);
    if (last)
        server_free(s);
}
