#include "intake/kit_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/http_client.h"

static const int64_t patience = 15 * NS_PER_S;

void kit_new(struct kit *k)
{
    *k = (struct kit){.cfg = config_new()};
    assert_non_null(k->cfg);
    (void)snprintf(k->dir, sizeof(k->dir), "/tmp/intake-test-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    k->got = calloc(KIT_RECORDS_MAX, sizeof(*k->got));
    assert_non_null(k->got);
    kit_set(k, "intake.token_required", "false");
    kit_set(k, "journal.segment_bytes", "1048576");
}

void kit_set(struct kit *k, const char *key, const char *value)
{
    struct diag d = {0};

    if (config_set(k->cfg, slice_of(key), slice_of(value), &d) != ERR_NONE)
        fail_msg("%s: %s", key, d.text);
}

static int bound(int type, uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

void kit_start(struct kit *k)
{
    char dir[96], quarantine[96];
    struct diag d = {0};

    (void)snprintf(dir, sizeof(dir), "%s/quarantine", k->dir);
    (void)mkdir(dir, 0700);
    (void)snprintf(dir, sizeof(dir), "%s/journal", k->dir);
    (void)snprintf(quarantine, sizeof(quarantine), "%s/quarantine/journal", k->dir);
    struct journal_options jo = {.dir = dir,
                                 .quarantine = quarantine,
                                 .segment_bytes =
                                     (uint64_t)config_int(k->cfg, OPT_JOURNAL_SEGMENT_BYTES),
                                 .max_bytes = (uint64_t)config_int(k->cfg, OPT_JOURNAL_MAX_BYTES),
                                 .commit_ms = (int)config_int(k->cfg, OPT_JOURNAL_COMMIT_MS)};
    if (journal_open(&jo, &k->journal, &d) != ERR_NONE)
        fail_msg("journal: %s", d.text);
    struct intake_options o = {.journal = k->journal, .data_dir = k->dir, .cfg = k->cfg};
    o.udp_fd = bound(SOCK_DGRAM, &k->udp);
    o.tcp_fd = bound(SOCK_STREAM, &k->tcp);
    o.ingest_fd = bound(SOCK_STREAM, &k->http);
    assert_int_equal(listen(o.ingest_fd, 64), 0);
    if (intake_start(&o, &k->in, &d) != ERR_NONE)
        fail_msg("intake: %s", d.text);
}

void kit_stop(struct kit *k)
{
    intake_stop(k->in);
    k->in = NULL;
    if (k->journal)
        journal_close(k->journal);
    k->journal = NULL;
}

static void forget(struct kit *k)
{
    for (size_t i = 0; i < k->got_n; i++)
        free(k->got[i].text);
    k->got_n = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void kit_done(struct kit *k)
{
    kit_stop(k);
    forget(k);
    free(k->got);
    config_free(k->cfg);
    (void)nftw(k->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void keep(struct kit *k, const struct record *r)
{
    struct kit_record *g = &k->got[k->got_n++];

    assert_true(k->got_n < KIT_RECORDS_MAX);
    g->r = *r;
    g->text = malloc(r->payload.n + r->name.n + 2);
    assert_non_null(g->text);
    memcpy(g->text, r->payload.p, r->payload.n);
    g->text[r->payload.n] = 0;
    memcpy(g->text + r->payload.n + 1, r->name.p, r->name.n);
    g->text[r->payload.n + 1 + r->name.n] = 0;
    g->r.payload.p = g->text;
    g->r.name.p = g->text + r->payload.n + 1;
}

void kit_read(struct kit *k)
{
    char dir[96];
    struct journal_reader *jr;
    struct slice frame;
    struct jpos pos;
    struct record r;

    forget(k);
    (void)snprintf(dir, sizeof(dir), "%s/journal", k->dir);
    assert_int_equal(journal_reader_open(dir, (struct jpos){0, 0}, &jr, NULL, NULL), ERR_NONE);
    while (journal_reader_next(jr, &frame, &pos, NULL) == ERR_NONE) {
        assert_int_equal(record_decode(frame, &r, NULL), ERR_NONE);
        keep(k, &r);
    }
    journal_reader_close(jr);
}

void kit_wait(struct kit *k, size_t n)
{
    int64_t until = clock_mono_ns() + patience;

    for (;;) {
        kit_read(k);
        if (k->got_n >= n)
            return;
        if (clock_mono_ns() > until)
            fail_msg("%zu records instead of %zu", k->got_n, n);
        (void)usleep(10000);
    }
}

bool kit_has(const struct kit *k, const char *payload)
{
    for (size_t i = 0; i < k->got_n; i++)
        if (strcmp(k->got[i].text, payload) == 0)
            return true;
    return false;
}

char *kit_status(struct kit *k)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(intake_status(k->in, &out), ERR_NONE);
    char *text = strdup(buf_cstr(&out));
    buf_done(&out);
    return text;
}

void kit_wait_status(struct kit *k, const char *text)
{
    int64_t until = clock_mono_ns() + patience;

    for (;;) {
        char *s = kit_status(k);
        assert_non_null(s);
        bool found = strstr(s, text) != NULL;
        if (!found && clock_mono_ns() > until)
            fail_msg("no %s in %s", text, s);
        free(s);
        if (found)
            return;
        (void)usleep(10000);
    }
}

int kit_connect(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

void kit_send(int fd, const void *p, size_t n)
{
    const char *c = p;

    while (n > 0) {
        ssize_t w = send(fd, c, n, MSG_NOSIGNAL);
        if (w < 0)
            fail_msg("send: %s", strerror(errno));
        c += w;
        n -= (size_t)w;
    }
}

void kit_write_file(struct kit *k, const char *name, const char *text, bool append)
{
    char path[160];
    size_t n = strlen(text);

    (void)snprintf(path, sizeof(path), "%s/%s", k->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    (void)close(fd);
}

char *kit_quarantine(struct kit *k)
{
    char pattern[128], chunk[65536];
    struct buf all;
    glob_t g;

    buf_init(&all, 256 << 20);
    assert_int_equal(buf_puts(&all, ""), ERR_NONE);
    (void)snprintf(pattern, sizeof(pattern), "%s/quarantine/intake/*.jsonl", k->dir);
    if (glob(pattern, 0, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++) {
            FILE *f = fopen(g.gl_pathv[i], "rb");
            size_t n;
            assert_non_null(f);
            while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
                assert_int_equal(buf_put(&all, (struct slice){chunk, n}), ERR_NONE);
            (void)fclose(f);
        }
        globfree(&g);
    }
    char *text = strdup(buf_cstr(&all));
    buf_done(&all);
    return text;
}

int kit_post(struct kit *k, const char *path, struct slice bytes, const char *const *headers,
             char *body, size_t cap)
{
    struct http_client *c = http_client_new();
    struct http_answer a;
    char url[160];
    struct diag d = {0};
    size_t n = 0;

    assert_non_null(c);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", k->http, path);
    while (headers && headers[n])
        n++;
    struct http_request q = {.method = "POST",
                             .url = url,
                             .headers = headers,
                             .headers_n = n,
                             .body = bytes,
                             .max_body = 1 << 16};
    int status = http_do(c, &q, &a, &d) == ERR_NONE ? a.status : 0;
    if (cap)
        (void)snprintf(body, cap, "%.*s", SLICE_ARG(buf_slice(&a.body)));
    buf_done(&a.body);
    http_client_free(c);
    return status;
}
