#include "serve/demo_player.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "net/http_client.h"
#include "net/sock.h"

enum { SCENARIO_BYTES = 1 << 20, PEERS_MAX = 32, BATCH_BYTES = 256 * 1024, TICK_MS = 50 };

struct peer {
    enum demo_door door;
    char name[48];
    int fd; /* -1 = to be opened */
};

struct player {
    struct demo_scenario scenario;
    int64_t due[DEMO_ROWS_MAX]; /* monotonic; INT64_MAX = done in this round */
    int64_t round_ns;           /* when this round began */
    uint64_t random;
    struct sock_addr syslog;
    char url[128], bearer[160];
    const char *token_file; /* gone = the demo was removed */
    struct peer peers[PEERS_MAX];
    size_t peers_n;
    struct http_client *http;
    struct buf line, batch; /* batch: NDJSON of this tick */
};

static int open_peer(const struct player *p, const struct peer *at)
{
    struct sock_addr from;
    char text[64];
    int kind = at->door == DEMO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(p->syslog.ss.ss_family, kind | SOCK_CLOEXEC, 0);

    (void)snprintf(text, sizeof(text), "%s:0", at->name);
    if (fd >= 0 && strcmp(at->name, "-") != 0 &&
        (sock_parse(slice_of(text), &from, NULL) != ERR_NONE ||
         bind(fd, (const struct sockaddr *)&from.ss, from.len) != 0)) {
        (void)close(fd);
        return -1;
    }
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&p->syslog.ss, p->syslog.len) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static struct peer *peer_of(struct player *p, const struct demo_row *r)
{
    for (size_t i = 0; i < p->peers_n; i++)
        if (p->peers[i].door == r->door && strcmp(p->peers[i].name, r->peer) == 0)
            return &p->peers[i];
    if (p->peers_n == PEERS_MAX)
        return NULL;
    struct peer *n = &p->peers[p->peers_n++];
    *n = (struct peer){.door = r->door, .fd = -1};
    memcpy(n->name, r->peer, sizeof(n->name));
    return n;
}

static void send_syslog(struct player *p, const struct demo_row *r)
{
    struct peer *at = peer_of(p, r);

    if (!at)
        return;
    if (at->fd < 0)
        at->fd = open_peer(p, at);
    if (at->fd < 0 || (r->door == DEMO_TCP && buf_putc(&p->line, '\n') != ERR_NONE))
        return;
    if (send(at->fd, p->line.p, p->line.n, MSG_NOSIGNAL) < 0) {
        (void)close(at->fd);
        at->fd = -1; /* the next line of this peer opens it anew */
    }
}

static void play(struct player *p, const struct demo_row *r)
{
    buf_reset(&p->line);
    if (demo_fill(r->line, clock_wall_ns(), &p->random, &p->line) != ERR_NONE)
        return;
    if (r->door != DEMO_HTTP)
        send_syslog(p, r);
    else if (buf_put(&p->batch, buf_slice(&p->line)) != ERR_NONE ||
             buf_putc(&p->batch, '\n') != ERR_NONE)
        log_warn("demo.batch", "full");
}

static void post_batch(struct player *p)
{
    const char *headers[] = {p->bearer, "Content-Type: application/x-ndjson"};
    const struct http_request q = {.method = "POST",
                                   .url = p->url,
                                   .headers = headers,
                                   .headers_n = ARRAY_LEN(headers),
                                   .body = buf_slice(&p->batch),
                                   .timeout_ms = 5000,
                                   .max_body = 65536};
    struct http_answer a;

    if (p->batch.n == 0)
        return;
    enum err e = http_do(p->http, &q, &a, NULL);
    if (e != ERR_NONE || a.status != 200)
        log_warn("demo.post", "status=%d", a.status);
    buf_done(&a.body);
    buf_reset(&p->batch);
}

static int64_t next_due(struct player *p, const struct demo_row *r, int64_t now)
{
    if (!r->every)
        return INT64_MAX;
    p->random = p->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    int64_t span = r->most_ns - r->least_ns;
    return now + r->least_ns + (span ? (int64_t)(p->random >> 20) % span : 0);
}

static void begin_round(struct player *p, int64_t now)
{
    p->round_ns = now;
    for (size_t i = 0; i < p->scenario.n; i++) {
        const struct demo_row *r = &p->scenario.rows[i];
        if (!r->every)
            p->due[i] = now + r->least_ns;
        else if (p->due[i] == 0)
            p->due[i] = next_due(p, r, now);
    }
}

static _Noreturn void run(struct player *p)
{
    begin_round(p, clock_mono_ns());
    for (;;) {
        int64_t now = clock_mono_ns();
        if (access(p->token_file, R_OK) != 0) {
            log_info("demo.end", "the demo was removed");
            exit(EXIT_SUCCESS);
        }
        if (now - p->round_ns > p->scenario.loop_ns)
            begin_round(p, now);
        for (size_t i = 0; i < p->scenario.n; i++)
            if (p->due[i] <= now) {
                play(p, &p->scenario.rows[i]);
                p->due[i] = next_due(p, &p->scenario.rows[i], now);
            }
        post_batch(p);
        (void)nanosleep(&(struct timespec){.tv_nsec = TICK_MS * NS_PER_MS}, NULL);
    }
}

static bool read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *to;
    ssize_t n = -1;

    if (fd >= 0 && buf_reserve(out, out->max - 1, &to) == ERR_NONE)
        n = read(fd, to, out->max - 1);
    if (fd >= 0)
        (void)close(fd);
    out->n = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

static bool prepare(struct player *p, int argc, char **argv, struct buf *text, struct buf *token)
{
    const char *dir = option(argc, argv, "--scenario"), *file = option(argc, argv, "--token-file"),
               *syslog = option(argc, argv, "--syslog"), *ingest = option(argc, argv, "--ingest");
    char path[4200];
    struct diag d = {0};

    if (!dir || !file || !syslog || !ingest)
        return false;
    (void)snprintf(path, sizeof(path), "%s/scenario.txt", dir);
    if (!read_file(path, text) || demo_read(buf_slice(text), &p->scenario, &d) != ERR_NONE) {
        log_error("demo.scenario", "path=%s line=%zu %s", path, d.at, d.text);
        return false;
    }
    if (read_file(file, token)) {
        struct slice t = slice_trim(buf_slice(token));
        (void)snprintf(p->bearer, sizeof(p->bearer), "Authorization: Bearer %.*s", SLICE_ARG(t));
    }
    p->token_file = file;
    (void)snprintf(p->url, sizeof(p->url), "http://%s/ingest", ingest);
    p->random = (uint64_t)clock_wall_ns() | 1;
    p->http = http_client_new();
    return p->http && sock_parse(slice_of(syslog), &p->syslog, &d) == ERR_NONE;
}

int demo_main(int argc, char **argv)
{
    static struct player p;
    struct buf text, token;

    log_init("demo", LOG_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    buf_init(&text, SCENARIO_BYTES);
    buf_init(&token, 256);
    buf_init(&p.line, 4 * DEMO_LINE_MAX);
    buf_init(&p.batch, BATCH_BYTES);
    if (!prepare(&p, argc, argv, &text, &token))
        return 3;
    run(&p);
}
