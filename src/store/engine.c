#include "store/engine.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Our own copies of the few prototypes that we call (chDB 26.7.3): no header is shipped with the
 * library, and a private copy keeps the pinned version visible here. */
struct chdb_result;
struct chdb_stream;

#define CHDB_SYMBOLS                                                                               \
    SYM(int, chdb_set_signal_handlers_enabled, (int))                                              \
    SYM(const char *, chdb_version, (void))                                                        \
    SYM(void **, chdb_connect, (int, char **))                                                     \
    SYM(void, chdb_close_conn, (void **))                                                          \
    SYM(struct chdb_result *, chdb_query_with_params_n,                                            \
        (void *, const char *, size_t, const char *, size_t, const char *const *, const size_t *,  \
         const char *const *, const size_t *, size_t))                                             \
    SYM(const char *, chdb_result_error, (struct chdb_result *))                                   \
    SYM(char *, chdb_result_buffer, (struct chdb_result *))                                        \
    SYM(size_t, chdb_result_length, (struct chdb_result *))                                        \
    SYM(void, chdb_destroy_query_result, (struct chdb_result *))                                   \
    SYM(struct chdb_stream *, chdb_stream_insert_n,                                                \
        (void *, const char *, size_t, const char *, size_t))                                      \
    SYM(int, chdb_stream_append, (struct chdb_stream *, const void *, size_t))                     \
    SYM(struct chdb_result *, chdb_stream_done, (struct chdb_stream *))                            \
    SYM(const char *, chdb_stream_insert_error, (struct chdb_stream *))                            \
    SYM(void, chdb_stream_cancel_insert, (struct chdb_stream *))                                   \
    SYM(void, chdb_destroy_insert_stream, (struct chdb_stream *))

struct chdb {
#define SYM(type, name, args) type(*name) args;
    CHDB_SYMBOLS
#undef SYM
};

enum { PARAMS_MAX = 512, SETTING_BYTES = PATH_MAX + 64, SETTINGS_MAX = 16 };

struct engine {
    struct chdb api;
    char path[PATH_MAX];
    uint64_t memory_bytes, answer_bytes;
    unsigned query_seconds;
    struct engine_conn *writer; /* owned */
};

struct engine_conn {
    const struct chdb *api; /* borrowed from the engine */
    void **handle;          /* owned */
};

struct engine_answer {
    const struct chdb *api;
    struct chdb_result *result; /* owned */
    char *text;                 /* owned; an error that has no result */
};

static const char *library_path(const char *asked, char out[static PATH_MAX])
{
    const char *env = getenv("COLOA_CHDB");
    const char *home = getenv("HOME");

    if (asked && *asked)
        return asked;
    if (env && *env)
        return env;
    int n = snprintf(out, PATH_MAX, "%s/.cache/coloa/chdb/libchdb.so", home ? home : "");
    return n > 0 && n < PATH_MAX ? out : "libchdb.so";
}

static CHECKED enum err load(struct chdb *api, const char *asked, struct diag *diag)
{
    char room[PATH_MAX];
    const char *path = library_path(asked, room);

    if (access(path, R_OK) != 0)
        return FAIL(diag, ERR_NOENT, 0,
                    "no event engine at %s: run tools/setup, or set store.library or COLOA_CHDB",
                    path);
    /* Never closed: the engine's threads may outlive the last connection. */
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return FAIL(diag, ERR_SYS, 0, "cannot load %s: %s", path, dlerror());
#define SYM(type, name, args)                                                                      \
    *(void **)&api->name = dlsym(lib, #name);                                                      \
    if (!api->name)                                                                                \
        return FAIL(diag, ERR_VERSION, 0, "%s has no %s: it is not chDB 26.7.3", path, #name);
    CHDB_SYMBOLS
#undef SYM
    return ERR_NONE;
}

static CHECKED enum err make_dir(const char *path, struct diag *diag)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return ERR_NONE;
    return FAIL(diag, ERR_SYS, 0, "cannot make %s", path);
}

/* An absolute path for the engine (it joins a relative one twice), and an empty folder to stand
 * in. */
static CHECKED enum err place(struct engine *e, const char *dir, struct diag *diag)
{
    char whole[PATH_MAX], path[PATH_MAX + 16];
    enum err err = make_dir(dir, diag);

    if (err != ERR_NONE)
        return err;
    if (!realpath(dir, whole))
        return FAIL(diag, ERR_SYS, 0, "cannot resolve %s", dir);
    (void)snprintf(path, sizeof(path), "%s/engine", whole);
    if (strlen(path) >= sizeof(e->path))
        return FAIL(diag, ERR_LIMIT, 0, "path too long: %s", dir);
    memcpy(e->path, path, strlen(path) + 1);
    err = make_dir(e->path, diag);
    if (err != ERR_NONE)
        return err;
    (void)snprintf(path, sizeof(path), "%s/empty", whole);
    err = make_dir(path, diag);
    if (err == ERR_NONE && chdir(path) != 0)
        err = FAIL(diag, ERR_SYS, 0, "cannot enter %s", path);
    return err;
}

struct settings {
    char text[SETTINGS_MAX][SETTING_BYTES];
    char *argv[SETTINGS_MAX];
    int n;
};

static void setting(struct settings *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void setting(struct settings *s, const char *fmt, ...)
{
    va_list ap;

    if (s->n >= SETTINGS_MAX)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(s->text[s->n], SETTING_BYTES, fmt, ap);
    va_end(ap);
    s->argv[s->n] = s->text[s->n];
    s->n++;
}

static CHECKED enum err conn_open(struct engine *e, bool writer, struct engine_conn **ret,
                                  struct diag *diag)
{
    struct settings *s = calloc(1, sizeof(*s));
    struct engine_conn *c = calloc(1, sizeof(*c));
    enum err err = ERR_NONE;

    if (!s || !c) {
        err = FAIL(diag, ERR_NOMEM, 0, "out of memory");
        goto out;
    }
    setting(s, "chdb");
    setting(s, "--path=%s", e->path);
    if (writer) {
        setting(s, "--async_insert=0");
        setting(s, "--max_server_memory_usage=%" PRIu64, e->memory_bytes);
        setting(s, "--mark_cache_size=%d", 64 << 20);
        setting(s, "--max_partitions_per_insert_block=0");
    } else {
        setting(s, "--readonly=1");
        setting(s, "--max_execution_time=%u", e->query_seconds);
        setting(s, "--max_memory_usage=%" PRIu64, e->memory_bytes / 2);
        setting(s, "--max_result_bytes=%" PRIu64, e->answer_bytes);
        setting(s, "--max_threads=2");
    }
    c->api = &e->api;
    c->handle = e->api.chdb_connect(s->n, s->argv);
    if (!c->handle || !*c->handle) {
        err = FAIL(diag, ERR_PEER, 0,
                   "the event engine did not open %s; if its words above name an .sql file, see "
                   "\"Repair\" in docs/formats/store.md",
                   e->path);
        goto out;
    }
    *ret = c;
    c = NULL;
out:
    free(c);
    free(s);
    return err;
}

CHECKED enum err engine_open(const struct engine_options *o, struct engine **ret, struct diag *diag)
{
    struct engine *e = calloc(1, sizeof(*e));
    enum err err;

    if (!e)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    e->memory_bytes = o->memory_bytes;
    e->answer_bytes = o->answer_bytes ? o->answer_bytes : 64U << 20;
    e->query_seconds = o->query_seconds ? o->query_seconds : 30;
    err = load(&e->api, o->library, diag);
    if (err == ERR_NONE)
        err = place(e, o->data_dir, diag);
    if (err == ERR_NONE) {
        /* Before the first connection: the engine takes eight signals otherwise and keeps them. */
        (void)e->api.chdb_set_signal_handlers_enabled(0);
        err = conn_open(e, true, &e->writer, diag);
    }
    if (err != ERR_NONE) {
        engine_close(e);
        return err;
    }
    *ret = e;
    return ERR_NONE;
}

void engine_reader_close(struct engine_conn *c)
{
    if (!c)
        return;
    c->api->chdb_close_conn(c->handle);
    free(c);
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    engine_reader_close(e->writer);
    free(e);
}

const char *engine_version(const struct engine *e)
{
    return e->api.chdb_version();
}

struct engine_conn *engine_writer(struct engine *e)
{
    return e->writer;
}

CHECKED enum err engine_reader_open(struct engine *e, struct engine_conn **ret, struct diag *diag)
{
    return conn_open(e, false, ret, diag);
}

/* Takes over `r`, which may be NULL: the engine had no memory for a result. */
static CHECKED enum err answer(const struct chdb *api, struct chdb_result *r, const char *text,
                               struct engine_answer **ret, struct diag *diag)
{
    struct engine_answer *a = calloc(1, sizeof(*a));

    if (!a) {
        api->chdb_destroy_query_result(r);
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    }
    a->api = api;
    a->result = r;
    if (!r)
        a->text = strdup(text && *text ? text : "the event engine gave no result");
    *ret = a;
    struct slice why = engine_answer_text(a);
    if (why.n || !r)
        return FAIL(diag, ERR_PEER, 0, "%.*s", SLICE_ARG(why));
    return ERR_NONE;
}

CHECKED enum err engine_query(struct engine_conn *c, struct slice sql, const char *format,
                              const struct engine_param *params, size_t n,
                              struct engine_answer **ret, struct diag *diag)
{
    const char *names[PARAMS_MAX], *values[PARAMS_MAX];
    size_t name_n[PARAMS_MAX], value_n[PARAMS_MAX];

    if (n > PARAMS_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "more than %d parameters", PARAMS_MAX);
    for (size_t i = 0; i < n; i++) {
        names[i] = params[i].name.p;
        name_n[i] = params[i].name.n;
        values[i] = params[i].value.p;
        value_n[i] = params[i].value.n;
    }
    return answer(c->api,
                  c->api->chdb_query_with_params_n(*c->handle, sql.p, sql.n, format, strlen(format),
                                                   n ? names : NULL, n ? name_n : NULL,
                                                   n ? values : NULL, n ? value_n : NULL, n),
                  NULL, ret, diag);
}

CHECKED enum err engine_insert(struct engine_conn *c, struct slice sql, const char *format,
                               struct slice data, struct engine_answer **ret, struct diag *diag)
{
    const struct chdb *api = c->api;
    struct chdb_stream *s =
        api->chdb_stream_insert_n(*c->handle, sql.p, sql.n, format, strlen(format));
    const char *why = api->chdb_stream_insert_error(s);
    enum err err;

    if ((why && *why) || (data.n && api->chdb_stream_append(s, data.p, data.n) != 0)) {
        if (!why || !*why) {
            why = api->chdb_stream_insert_error(s);
            api->chdb_stream_cancel_insert(s);
        }
        err = answer(api, NULL, why, ret, diag);
    } else {
        /* Only this commits; an append that was taken proves nothing. */
        err = answer(api, api->chdb_stream_done(s), NULL, ret, diag);
    }
    api->chdb_destroy_insert_stream(s);
    return err;
}

struct slice engine_answer_body(const struct engine_answer *a)
{
    if (!a || !a->result)
        return SLICE("");
    struct slice s = {a->api->chdb_result_buffer(a->result), a->api->chdb_result_length(a->result)};
    return s.p ? s : SLICE("");
}

struct slice engine_answer_text(const struct engine_answer *a)
{
    if (!a)
        return SLICE("");
    const char *text = a->result ? a->api->chdb_result_error(a->result) : a->text;
    return text ? slice_of(text) : SLICE("");
}

int engine_answer_code(const struct engine_answer *a)
{
    static const char lead[] = "Code: ";
    struct slice s = engine_answer_text(a);
    int code = 0;

    if (!slice_starts(s, SLICE("Code: ")))
        return 0;
    for (size_t i = sizeof(lead) - 1; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && code < 100000;
         i++)
        code = code * 10 + (s.p[i] - '0');
    return code;
}

void engine_answer_free(struct engine_answer *a)
{
    if (!a)
        return;
    if (a->result)
        a->api->chdb_destroy_query_result(a->result);
    free(a->text);
    free(a);
}
