#include "web/web_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/metrics.h"

enum { STOP_GRACE_MS = 3000, RUN_JSON_BYTES = 16 << 20, RUN_JSON_NODES = 500000 };

struct web_job {
    struct http_call *c;
    const struct web_route *route;
    struct slice param;
    bool local;
};

#define CSP                                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "   \
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "                \
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "             \
    "trusted-types svelte-trusted-html"

/* The last one only with TLS. */
static const char *const headers[][2] = {
    {"Content-Security-Policy", CSP},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), "
                           "payment=(), usb=()"},
    {"Strict-Transport-Security", "max-age=31536000"},
};

/* ---- answering ---- */

/* A member's name came from outside: only a plain one is repeated. */
static const char *plain_word(const char *s)
{
    for (const char *p = s; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", *p))
            return "";
    return s;
}

static void reply_wrong(struct web_call *w, enum err e, const struct diag *diag)
{
    char extra[200] = "", params[48] = "";

    if (w->wrong_at >= 0)
        (void)snprintf(params, sizeof(params), ",\"params\":{\"at\":%lld}", (long long)w->wrong_at);
    if (w->wrong_code)
        (void)snprintf(extra, sizeof(extra), "[{\"pointer\":\"/%s\",\"code\":\"%s\"%s}]",
                       plain_word(w->wrong_member), w->wrong_code, params);
    if (e == ERR_AUTH)
        http_add_header(w->c, "WWW-Authenticate", "Bearer realm=\"coloa\"");
    http_reply_problem(w->c, &(struct http_problem){.status = err_http_status(e),
                                                    .code = err_code(e),
                                                    .title = err_text(e),
                                                    .detail = diag->text,
                                                    .extra_name = "errors",
                                                    .extra = slice_of(extra)});
}

static void reply(struct web_call *w, enum err e, const struct diag *diag)
{
    if (e == ERR_NONE && !w->replied && w->status != 204)
        e = jsonw_end(&w->j);
    if (w->replied)
        return;
    http_add_header(w->c, "Cache-Control", "no-store");
    if (e != ERR_NONE)
        reply_wrong(w, e, diag);
    else if (w->status == 204)
        http_reply(w->c, 204, NULL, SLICE(""));
    else
        http_reply(w->c, w->status, "application/json", buf_slice(&w->out));
}

static bool must_change_first(struct web_call *w)
{
    if (w->who.kind != CALLER_SESSION || !w->who.user.must_change ||
        w->route->permission == PERM_SIGNED_IN)
        return false;
    http_reply_problem(w->c, &(struct http_problem){.status = 403,
                                                    .code = "password-change-required",
                                                    .title = "not permitted",
                                                    .detail = "change the first password before "
                                                              "anything else"});
    w->replied = true;
    return true;
}

/* Everything between the route and its handler; ERR_NONE with w->replied: said no by itself. */
static enum err admit(struct web_call *w, struct diag *diag)
{
    bool changes = strcmp(w->route->method, "GET") != 0;
    enum err e = ERR_NONE;

    if (w->route->permission != PERM_PUBLIC) {
        e = caller_find(w, diag);
        if (e == ERR_NONE && w->who.kind == CALLER_NONE)
            e = FAIL(diag, ERR_AUTH, 0, "sign in, or send Authorization: Bearer");
        if (e != ERR_NONE)
            return e;
        if (w->who.kind != CALLER_LOCAL && !rate_take(w->web->rates, caller_key(&w->who)))
            return FAIL(diag, ERR_BUSY, 0, "more than 50 requests a second");
        if (must_change_first(w))
            return ERR_NONE;
        if (!permission_has(w->who.role, w->route->permission))
            return FAIL(diag, ERR_DENIED, 0, "the role %s does not include %s",
                        user_role_name(w->who.role), permission_word(w->route->permission));
    }
    if (changes && !caller_may_change(w))
        return ERR_NONE;
    return e;
}

static enum err perform(struct web_call *w, struct diag *diag)
{
    bool search = w->route->rate == RATE_SEARCH;
    uint64_t key = caller_key(&w->who);

    if (search && !rate_enter(w->web->rates, key))
        return FAIL(diag, ERR_BUSY, 0, "at most %d searches at once", WEB_SEARCHES_MAX);
    enum err e = w->route->handler(w, diag);
    if (search)
        rate_leave(w->web->rates, key);
    return e;
}

static void run(struct web_worker *k, const struct web_job *job)
{
    struct diag diag = {0};
    struct web_call w = {.web = k->w,
                         .worker = k,
                         .c = job->c,
                         .route = job->route,
                         .param = job->param,
                         .local = job->local,
                         .arena = &k->arena,
                         .status = 200,
                         .wrong_at = -1};

    arena_reset(&k->arena);
    buf_init(&w.out, WEB_ANSWER_BYTES);
    jsonw_init(&w.j, &w.out);
    enum err e = admit(&w, &diag);
    if (e == ERR_NONE && !w.replied)
        e = perform(&w, &diag);
    reply(&w, e, &diag);
    buf_done(&w.out);
}

static void *work(void *arg)
{
    struct web_worker *k = arg;

    for (;;) {
        struct web_job *job = queue_take(k->from, 60000);
        if (job) {
            run(k, job);
            free(job);
            continue;
        }
        pthread_mutex_lock(&k->from->lock);
        bool over = k->from->closed && k->from->n == 0;
        pthread_mutex_unlock(&k->from->lock);
        if (over)
            return NULL;
    }
}

/* ---- the server's thread ---- */

static void say_wrong_method(struct http_call *c, const char *path)
{
    char allow[128];
    size_t at = 0;
    struct slice param;

    for (size_t i = 0; i < route_n(); i++) {
        const char *m = route_at(i)->method;
        if (!route_fits(route_at(i)->path, path, &param) || at + strlen(m) + 3 > sizeof(allow))
            continue;
        at += (size_t)snprintf(allow + at, sizeof(allow) - at, "%s%s", at ? ", " : "", m);
    }
    http_add_header(c, "Allow", allow);
    http_reply_problem(c, &(struct http_problem){.status = 405,
                                                 .code = "method",
                                                 .title = "this method is not possible here"});
}

static void enqueue(struct web *w, struct http_call *c, const struct web_job *job)
{
    struct web_job *own = malloc(sizeof(*own));
    enum err e = own ? ERR_NONE : ERR_NOMEM;

    if (own)
        *own = *job;
    if (e == ERR_NONE)
        e = queue_try_put(job->route->rate == RATE_SEARCH ? &w->searches : &w->waiting, own);
    if (e == ERR_NONE)
        return;
    free(own);
    http_reply_err(c, e == ERR_CONFLICT ? ERR_BUSY : e, NULL);
}

static void on_call(void *arg, struct http_call *c)
{
    struct web_door *door = arg;
    struct web_job job = {.c = c, .local = door->local};
    const char *path = http_path(c);
    bool known;

    metric_add(M_DESK_REQUESTS, 1);
    job.route = route_find(http_method(c), path, &job.param, &known);
    if (job.route && job.route->rate == RATE_INLINE) {
        struct web_call w = {.web = door->w, .c = c, .route = job.route, .local = door->local};
        if (job.route->handler(&w, NULL) != ERR_NONE)
            http_reply_err(c, ERR_SYS, NULL);
    } else if (job.route) {
        enqueue(door->w, c, &job);
    } else if (known) {
        say_wrong_method(c, path);
    } else if (slice_starts(slice_of(path), SLICE("/api/")) || door->local) {
        http_reply_err(c, ERR_NOENT, NULL);
    } else {
        console_serve(c);
    }
}

static size_t on_limit(void *arg, const struct http_call *c)
{
    struct slice param;
    bool known;
    const struct web_route *r = route_find(http_method(c), http_path(c), &param, &known);

    (void)arg;
    return r ? r->body_bytes : 0;
}

/* ---- start and stop ---- */

static enum err start_worker(struct web *w, struct queue *from, struct diag *diag)
{
    struct web_worker *k = &w->workers[w->workers_n];

    *k = (struct web_worker){.w = w, .from = from};
    arena_init(&k->arena, WEB_ARENA_BYTES);
    k->reader = json_reader_new(RUN_JSON_BYTES, RUN_JSON_NODES);
    k->store = store_client_new(
        &(struct store_client_options){.unix_socket = w->o.store_socket, .timeout_ms = 60000});
    w->workers_n++;
    if (!k->reader || !k->store)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    if (pthread_create(&k->thread, NULL, work, k) != 0)
        return FAIL(diag, ERR_SYS, 0, "cannot start a thread");
    k->started = true;
    return ERR_NONE;
}

static enum err start_server(struct web *w, struct web_door *door, int fd, bool local,
                             struct http_server **ret, struct diag *diag)
{
    struct http_server_options o = {
        .listen_fd = fd,
        .handle = on_call,
        .body_limit = on_limit,
        .arg = door,
        .headers = headers,
        .headers_n = ARRAY_LEN(headers) - (w->tls && !local ? 0 : 1),
    };

    *door = (struct web_door){w, local};
    if (fd < 0)
        return ERR_NONE;
    if (!local) {
        o.certificate_pem = w->o.certificate_pem;
        o.key_pem = w->o.key_pem;
    }
    return http_server_start(&o, ret, diag);
}

static enum err start_threads(struct web *w, struct diag *diag)
{
    enum err e = queue_init(&w->waiting, WEB_WAITING_MAX);

    if (e != ERR_NONE)
        return e;
    e = queue_init(&w->searches, WEB_WAITING_MAX);
    if (e != ERR_NONE) {
        queue_done(&w->waiting);
        return e;
    }
    w->workers = calloc(WEB_WORKERS + WEB_SEARCHERS, sizeof(*w->workers));
    w->rates = rate_new();
    if (!w->workers || !w->rates)
        e = FAIL(diag, ERR_NOMEM, 0, "out of memory");
    for (int i = 0; e == ERR_NONE && i < WEB_WORKERS; i++)
        e = start_worker(w, &w->waiting, diag);
    for (int i = 0; e == ERR_NONE && i < WEB_SEARCHERS; i++)
        e = start_worker(w, &w->searches, diag);
    return e;
}

CHECKED enum err web_start(const struct web_options *o, struct web **ret, struct diag *diag)
{
    struct web *w = calloc(1, sizeof(*w));

    if (!w)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    w->o = *o;
    w->o.cfg = NULL;
    w->tls = o->certificate_pem != NULL;
    struct stat st; /* who owns the data folder is the local administrator, not this process */
    w->uid = stat(o->data_dir, &st) == 0 ? (long)st.st_uid : (long)geteuid();
    atomic_store(&w->behind_proxy, o->cfg && config_bool(o->cfg, OPT_WEB_BEHIND_PROXY));
    enum err e = ERR_NONE;
    if (getrandom(w->key, sizeof(w->key), 0) != (ssize_t)sizeof(w->key))
        e = FAIL(diag, ERR_SYS, 0, "no random numbers");
    if (e == ERR_NONE)
        e = start_threads(w, diag);
    if (e != ERR_NONE && !w->workers) {
        free(w);
        return e;
    }
    if (e == ERR_NONE)
        e = stream_start(w, diag);
    if (e == ERR_NONE)
        e = start_server(w, &w->tcp_door, o->listen_fd, false, &w->tcp, diag);
    if (e == ERR_NONE)
        e = start_server(w, &w->local_door, o->local_fd, true, &w->local, diag);
    if (e == ERR_NONE)
        e = stream_listen(w, diag);
    if (e != ERR_NONE) {
        web_stop(w);
        return e;
    }
    *ret = w;
    return ERR_NONE;
}

void web_reload(struct web *w, const struct config *cfg)
{
    atomic_store(&w->behind_proxy, config_bool(cfg, OPT_WEB_BEHIND_PROXY));
}

void web_stop(struct web *w)
{
    if (!w)
        return;
    /* the workers go on meanwhile, so that what has begun is answered */
    http_server_stop(w->tcp, STOP_GRACE_MS);
    http_server_stop(w->local, STOP_GRACE_MS);
    queue_close(&w->waiting);
    queue_close(&w->searches);
    for (size_t i = 0; i < w->workers_n; i++) {
        struct web_worker *k = &w->workers[i];
        if (k->started)
            pthread_join(k->thread, NULL);
        store_client_free(k->store);
        json_reader_free(k->reader);
        arena_done(&k->arena);
    }
    stream_free(w);
    queue_done(&w->waiting);
    queue_done(&w->searches);
    rate_free(w->rates);
    free(w->workers);
    explicit_bzero(w->key, sizeof(w->key));
    free(w);
}
