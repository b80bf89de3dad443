#include "store/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/queue.h"
#include "net/http_server.h"
#include "store/backend_int.h"
#include "store/client.h"
#include "store/server_int.h"

enum {
    READERS = 3,
    READS_WAITING_MAX = 64,
    WRITES_WAITING_MAX = 4, /* each may hold a block of 128 MiB */
    BODY_MAX = 256 << 20,
    STOP_MS = 2000,
    PARAM_NAME_BYTES = 64,
    PARAMS_MAX = 320,
};

struct worker {
    struct store_server *server;     /* borrowed */
    struct backend_session *session; /* owned */
    struct queue *queue;             /* borrowed */
    pthread_t thread;
    bool started;
};

struct store_server {
    struct backend *backend;    /* owned */
    struct http_server *http;   /* owned */
    struct queue reads, writes; /* of struct http_call */
    bool reads_ready, writes_ready;
    struct worker writer, readers[READERS];
    atomic_bool stopping;
    bool own_engine; /* not a server, whose statements may be others' */
    uint64_t detached;
};

/* ---- one request ---- */

struct request {
    struct slice sql;
    bool insert, upkeep; /* both are the writer's */
    const char *format, *token;
};

static bool begins(struct slice s, struct slice with)
{
    return s.n >= with.n && slice_eq_nocase(slice_cut(s, 0, with.n), with);
}

/* The one statement besides INSERT that may change something: retention. */
bool store_server_is_upkeep(struct slice sql)
{
    static const char lead[] = "ALTER TABLE coloa.events DROP PARTITION ID '";
    size_t i = sizeof(lead) - 1;

    if (!slice_starts(sql, slice_of(lead)))
        return false;
    while (i < sql.n && ((sql.p[i] >= '0' && sql.p[i] <= '9') || sql.p[i] == '-' ||
                         (sql.p[i] >= 'a' && sql.p[i] <= 'z')))
        i++;
    return i > sizeof(lead) - 1 && i + 1 == sql.n && sql.p[i] == '\'';
}

/* Cuts "... FORMAT Name" off an INSERT. Name is one of ours, since it goes to the engine apart. */
bool store_server_cut_format(struct slice *sql, const char **ret_format)
{
    static const char *const known[] = {"Native",       "RowBinary", "JSONEachRow",
                                        "TabSeparated", "TSV",       "Values"};
    struct slice s = slice_trim(*sql);
    size_t at = s.n;

    while (at > 0 && s.p[at - 1] != ' ' && s.p[at - 1] != '\n')
        at--;
    struct slice name = slice_cut(s, at, s.n), rest = slice_trim(slice_cut(s, 0, at));
    if (rest.n < 6 || !slice_eq_nocase(slice_cut(rest, rest.n - 6, rest.n), SLICE("FORMAT")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!slice_eq_nocase(name, slice_of(known[i])))
            continue;
        *ret_format = known[i];
        *sql = slice_trim(slice_cut(rest, 0, rest.n - 6));
        return true;
    }
    return false;
}

/* The parameters that the statement names, as {name:Type}. The values stay the call's. */
static size_t params_of(const struct http_call *c, struct slice sql, struct engine_param *out,
                        size_t max)
{
    char key[PARAM_NAME_BYTES + 8] = "param_";
    size_t n = 0;

    for (size_t i = 0; i < sql.n && n < max; i++) {
        if (sql.p[i] != '{')
            continue;
        size_t len = slice_find(slice_cut(sql, i + 1, sql.n), ':');
        if (len == 0 || len >= PARAM_NAME_BYTES || i + 1 + len >= sql.n)
            continue;
        memcpy(key + 6, sql.p + i + 1, len);
        key[6 + len] = 0;
        const char *value = http_query(c, key);
        if (value)
            out[n++] = (struct engine_param){{sql.p + i + 1, len}, slice_of(value)};
    }
    return n;
}

static void reply(struct http_call *c, const struct backend_answer *a)
{
    char code[16];

    if (a->text.n == 0) {
        http_reply(c, 200, "text/plain; charset=UTF-8", a->body);
        return;
    }
    if (a->code > 0) {
        (void)snprintf(code, sizeof(code), "%d", a->code);
        http_add_header(c, "X-ClickHouse-Exception-Code", code);
    }
    http_reply(c, store_server_status(a->code), "text/plain; charset=UTF-8", a->text);
}

int store_server_status(int code)
{
    static const int mistakes[] = {27, 36, 41, 42, 43, 46,  47,  53,  60,  62,
                                   70, 72, 73, 80, 81, 115, 164, 403, 456, 457};

    if (code == 159)
        return 408;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++)
        if (mistakes[i] == code)
            return 400;
    return 500;
}

/* A statement may be split: ClickHouse puts `query` and the body together. *ret_room is owned. */
static bool understand(struct http_call *c, struct request *r, struct buf *room)
{
    const char *query = http_query(c, "query");
    struct slice q = slice_trim(slice_of(query ? query : "")), body = http_body(c);

    r->format = http_query(c, "default_format");
    r->format = r->format ? r->format : "TabSeparated";
    r->token = http_query(c, "insert_deduplication_token");
    r->sql = q;
    r->insert = begins(q, SLICE("INSERT "));
    if (r->insert)
        return store_server_cut_format(&r->sql, &r->format);
    if (q.n == 0)
        r->sql = slice_trim(body);
    else if (body.n) {
        if (buf_put(room, q) != ERR_NONE || buf_putc(room, '\n') != ERR_NONE ||
            buf_put(room, body) != ERR_NONE)
            return false;
        r->sql = buf_slice(room);
    }
    r->upkeep = store_server_is_upkeep(r->sql) ||
                slice_starts(r->sql, SLICE(STORE_AFTER_INSERTS "SELECT "));
    return r->sql.n > 0;
}

static void answer(struct worker *w, struct http_call *c)
{
    struct engine_param *params = calloc(PARAMS_MAX, sizeof(*params));
    struct backend_answer a = {.code = 0};
    struct request r = {.format = NULL};
    struct buf room;

    buf_init(&room, BODY_MAX);
    if (atomic_load(&w->server->stopping)) {
        http_reply(c, 503, "text/plain", SLICE("the store is stopping\n"));
    } else if (!params || !understand(c, &r, &room)) {
        http_reply(c, 400, "text/plain", SLICE("no statement that the store understands\n"));
    } else {
        if (r.insert)
            backend_insert(w->session, r.sql, r.format, r.token, http_body(c), &a);
        else
            backend_query(w->session, r.sql, r.format, params,
                          params_of(c, r.sql, params, PARAMS_MAX), &a);
        reply(c, &a);
    }
    backend_answer_done(&a);
    buf_done(&room);
    free(params);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct http_call *c;

    for (;;) {
        c = queue_take(w->queue, 1000);
        if (c)
            answer(w, c);
        else if (atomic_load(&w->server->stopping))
            return NULL;
    }
}

/* On the server's thread: sorts, never waits. */
static void handle(void *arg, struct http_call *c)
{
    struct store_server *s = arg;
    struct request r = {.format = NULL};
    struct buf none;

    if (strcmp(http_path(c), "/ping") == 0) {
        http_reply(c, 200, "text/plain; charset=UTF-8", SLICE("Ok.\n"));
        return;
    }
    if (strcmp(http_path(c), "/") != 0) {
        http_reply(c, 404, "text/plain", SLICE("no such path\n"));
        return;
    }
    buf_init(&none, 0);
    bool ok = understand(c, &r, &none) || (http_query(c, "query") && !r.insert);
    if (!ok)
        http_reply(c, 400, "text/plain", SLICE("no statement that the store understands\n"));
    else if (queue_try_put(r.insert || r.upkeep ? &s->writes : &s->reads, c) != ERR_NONE)
        http_reply(c, 429, "text/plain", SLICE("too many statements wait\n"));
}

/* ---- start and stop ---- */

/* The engine's own limit is soft: these stop it from taking the machine with it. RLIMIT_DATA
 * counts the stacks of its threads too, hence the slack. */
static void limit_memory(uint64_t bytes)
{
    struct rlimit r = {.rlim_cur = bytes + bytes / 2 + (UINT64_C(2) << 30),
                       .rlim_max = RLIM_INFINITY};
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    (void)setrlimit(RLIMIT_DATA, &r);
    if (fd >= 0) {
        ssize_t n = write(fd, "500", 3); /* best effort: the first to go when memory is short */
        (void)n;
        (void)close(fd);
    }
}

static CHECKED enum err worker_start(struct store_server *s, struct worker *w, bool writer,
                                     struct diag *diag)
{
    w->server = s;
    w->queue = writer ? &s->writes : &s->reads;
    if (!w->session) {
        enum err e = backend_session_open(s->backend, writer, &w->session, diag);
        if (e != ERR_NONE)
            return e;
    }
    if (pthread_create(&w->thread, NULL, work, w) != 0)
        return FAIL(diag, ERR_SYS, 0, "cannot start a thread");
    w->started = true;
    return ERR_NONE;
}

static CHECKED enum err listen_http(struct store_server *s, int fd, struct diag *diag)
{
    struct http_server_options o = {.listen_fd = fd,
                                    .max_body = BODY_MAX,
                                    .keep_body = true,
                                    .max_connections = 256,
                                    .idle_s = 300,
                                    .handle = handle,
                                    .arg = s};

    return http_server_start(&o, &s->http, diag);
}

/* Absolute before the engine changes the working directory. */
static CHECKED enum err own_dir(const char *dir, char ret[static PATH_MAX], struct diag *diag)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return FAIL(diag, ERR_SYS, 0, "cannot make %s", dir);
    if (!realpath(dir, ret))
        return FAIL(diag, ERR_SYS, 0, "cannot resolve %s", dir);
    return ERR_NONE;
}

CHECKED enum err store_server_start(const struct store_server_options *o, struct store_server **ret,
                                    struct diag *diag)
{
    struct store_server *s = calloc(1, sizeof(*s));
    struct store_server_options own = *o;
    char dir[PATH_MAX];
    enum err e;

    if (!s)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    s->own_engine = !o->url || !*o->url;
    limit_memory(o->memory_bytes);
    s->reads_ready = queue_init(&s->reads, READS_WAITING_MAX) == ERR_NONE;
    s->writes_ready = queue_init(&s->writes, WRITES_WAITING_MAX) == ERR_NONE;
    if (!s->reads_ready || !s->writes_ready) {
        e = FAIL(diag, ERR_NOMEM, 0, "out of memory");
        goto fail;
    }
    e = own_dir(o->data_dir, dir, diag);
    own.data_dir = dir;
    if (e == ERR_NONE)
        e = backend_open(&own, &s->backend, diag);
    if (e == ERR_NONE)
        e = backend_session_open(s->backend, true, &s->writer.session, diag);
    if (e == ERR_NONE)
        e = store_server_prepare(s->writer.session, o->url && *o->url ? NULL : dir, &s->detached,
                                 diag);
    if (e == ERR_NONE)
        e = worker_start(s, &s->writer, true, diag);
    for (size_t i = 0; e == ERR_NONE && i < READERS; i++)
        e = worker_start(s, &s->readers[i], false, diag);
    if (e == ERR_NONE)
        e = listen_http(s, o->listen_fd, diag);
    if (e == ERR_NONE) {
        *ret = s;
        return ERR_NONE;
    }
fail:
    store_server_stop(s);
    return e;
}

uint64_t store_server_detached(const struct store_server *s)
{
    return s->detached;
}

static bool worker_join(struct worker *w, const struct timespec *until)
{
    if (w->started && pthread_timedjoin_np(w->thread, NULL, until) != 0)
        return false;
    w->started = false;
    return true;
}

static void worker_close(struct worker *w)
{
    backend_session_close(w->session);
    w->session = NULL;
}

/* Statements that still run would hold up the end; the writer is idle by now. */
static void kill_statements(struct store_server *s)
{
    struct backend_answer a;

    if (!s->own_engine || !s->writer.session)
        return;
    backend_query(s->writer.session,
                  SLICE("KILL QUERY WHERE query NOT LIKE 'KILL QUERY%' ASYNC FORMAT Null"), "TSV",
                  NULL, 0, &a);
    backend_answer_done(&a);
}

void store_server_stop(struct store_server *s)
{
    struct timespec until;
    bool all = true;

    if (!s)
        return;
    atomic_store(&s->stopping, true);
    if (s->reads_ready)
        queue_close(&s->reads);
    if (s->writes_ready)
        queue_close(&s->writes);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_MS / 1000;
    all = worker_join(&s->writer, &until);
    if (all)
        kill_statements(s);
    for (size_t i = 0; i < READERS; i++)
        all = worker_join(&s->readers[i], &until) && all;
    /* A statement that does not end still uses all this: the end of the process frees it. */
    if (!all)
        return;
    http_server_stop(s->http, 500);
    worker_close(&s->writer);
    for (size_t i = 0; i < READERS; i++)
        worker_close(&s->readers[i]);
    backend_close(s->backend);
    if (s->reads_ready)
        queue_done(&s->reads);
    if (s->writes_ready)
        queue_done(&s->writes);
    free(s);
}
