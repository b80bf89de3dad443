#include "core/test.h"
#include "store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "store/writer.h"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

bool fixture_start(struct fixture *f)
{
    const char *given = getenv("COLOA_STORE_HOST"), *build = getenv("COLOA_BUILD_ROOT");
    char program[512], data[96], line[64];
    int in[2], out[2];

    (void)snprintf(program, sizeof(program), "%s/src/store/store_host", build ? build : ".");
    (void)snprintf(data, sizeof(data), "%s/store", f->dir);
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return false;
    f->pid = fork();
    if (f->pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)execl(given ? given : program, "store_host", data, f->socket, (char *)NULL);
        _exit(126);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    f->in = in[1];
    ssize_t n = read(out[0], line, sizeof(line));
    (void)close(out[0]);
    if (n > 0)
        return true;
    (void)close(f->in);
    f->in = -1;
    return false;
}

bool fixture_init(struct fixture *f, const char **ret_why)
{
    int status = 0;

    (void)signal(SIGPIPE, SIG_IGN);
    memset(f, 0, sizeof(*f));
    f->in = -1;
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/coloa-store-XXXXXX");
    if (!mkdtemp(f->dir)) {
        *ret_why = "no temporary folder";
        return false;
    }
    (void)snprintf(f->socket, sizeof(f->socket), "%s/sock", f->dir);
    if (!fixture_start(f)) {
        (void)waitpid(f->pid, &status, 0);
        (void)nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        /* Anything but "cannot be hosted here" is a failure of ours, not a reason to skip. */
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 77);
        *ret_why = "the engine is not installed, or this build is sanitized (set COLOA_STORE_HOST "
                   "to the store_host of an ordinary build)";
        return false;
    }
    struct store_client_options o = {.unix_socket = f->socket};
    f->client = store_client_new(&o);
    assert_non_null(f->client);
    return true;
}

void fixture_kill(struct fixture *f)
{
    if (f->pid > 0) {
        (void)kill(f->pid, SIGKILL);
        (void)waitpid(f->pid, NULL, 0);
    }
    if (f->in >= 0)
        (void)close(f->in);
    f->pid = 0;
    f->in = -1;
}

bool fixture_stop(struct fixture *f)
{
    int status = -1;

    (void)close(f->in);
    f->in = -1;
    (void)waitpid(f->pid, &status, 0);
    f->pid = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void fixture_done(struct fixture *f)
{
    fixture_kill(f);
    store_client_free(f->client);
    (void)nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fixture_text(struct fixture *f, const char *sql, struct buf *out)
{
    struct diag d = {.code = ERR_NONE};

    buf_reset(out);
    if (store_select(f->client, slice_of(sql), NULL, "TabSeparatedRaw", out, &d) != ERR_NONE)
        fail_msg("%s: %s", sql, d.text);
    while (out->n && out->p[out->n - 1] == '\n')
        out->n--;
    return buf_cstr(out);
}

uint64_t fixture_count(struct fixture *f, const char *sql)
{
    struct buf out;
    uint64_t v = 0;

    buf_init(&out, 1U << 20);
    assert_non_null(fixture_text(f, sql, &out));
    if (!slice_to_u64(buf_slice(&out), &v))
        fail_msg("%s: not a number", sql);
    buf_done(&out);
    return v;
}

struct event *fixture_event(struct arena *a, uint64_t n, const char *payload)
{
    struct event *ev = arena_alloc(a, sizeof(*ev));
    struct record *r = arena_calloc(a, 1, sizeof(*r));
    int64_t ns = INT64_C(1764000000) * NS_PER_S + (int64_t)n * NS_PER_MS;

    assert_non_null(ev);
    assert_non_null(r);
    uint64_t ms = (uint64_t)(ns / NS_PER_MS);
    for (size_t i = 0; i < 6; i++)
        r->id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    r->id.b[6] = 0x70;
    r->id.b[8] = 0x80;
    r->received_ns = ns;
    r->payload = slice_of(payload);
    event_init(ev, a);
    ev->record = r;
    ev->id = id_event(r->id, 1);
    ev->timestamp_ns = ns - 5 * NS_PER_S;
    ev->ingested_ns = ns;
    ev->org = 2;
    ev->message = r->payload;
    return ev;
}

static struct slice class_of(void *arg, const struct event *ev)
{
    (void)ev;
    return slice_of(arg);
}

void fixture_insert(struct fixture *f, struct event *const *ev, size_t n, const char *class)
{
    struct store_writer_options o = {.unix_socket = f->socket,
                                     .state_dir = f->dir,
                                     .name = "test",
                                     .retention = class_of,
                                     .arg = (void *)(uintptr_t) class};
    struct store_writer *w = NULL;
    struct diag d = {.code = ERR_NONE};

    assert_int_equal(store_writer_open(&o, &w, &d), ERR_NONE);
    store_writer_begin(w, (struct store_pos){1, 0});
    for (size_t i = 0; i < n; i++)
        assert_int_equal(store_writer_add(w, ev[i]), ERR_NONE);
    if (store_writer_commit(w, (struct store_pos){1, n}, &d) != ERR_NONE)
        fail_msg("%s", d.text);
    store_writer_close(w);
}
