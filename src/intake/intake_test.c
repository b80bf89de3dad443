#include "intake/kit_int.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "core/snapshot.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static const uint8_t loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

/* ---- syslog over UDP ---- */

static int udp_socket(const struct kit *k)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(k->udp)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void test_udp(void **state)
{
    struct kit k;
    uint64_t quarantined = metric_get(M_INTAKE_QUARANTINED);
    char big[2000];

    (void)state;
    kit_new(&k);
    kit_set(&k, "intake.record_bytes", "1024");
    kit_start(&k);
    int fd = udp_socket(&k);
    memset(big, 'b', sizeof(big));
    assert_int_equal(send(fd, "<13>one", 7, 0), 7);
    assert_int_equal(send(fd, "<13>two\nlines\n", 14, 0), 14);
    assert_int_equal(send(fd, "\n", 1, 0), 1); /* nothing in it */
    assert_int_equal(send(fd, "", 0, 0), 0);
    assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
    assert_int_equal(send(fd, "<13>three\0", 10, 0), 10);
    kit_wait(&k, 3);
    assert_int_equal(k.got_n, 3);
    assert_string_equal(k.got[0].text, "<13>one");
    assert_string_equal(k.got[1].text, "<13>two\nlines");
    assert_string_equal(k.got[2].text, "<13>three");
    assert_int_equal(k.got[0].r.input, INPUT_SYSLOG_UDP);
    assert_int_equal(k.got[0].r.framing, FRAMING_DATAGRAM);
    assert_memory_equal(k.got[0].r.peer, loopback, 16);
    assert_int_not_equal(k.got[0].r.peer_port, 0);
    assert_true(id_cmp(k.got[0].r.id, k.got[1].r.id) < 0);
    assert_true(id_cmp(k.got[1].r.id, k.got[2].r.id) < 0);
    assert_true(llabs(clock_wall_ns() - k.got[0].r.received_ns) < 60 * NS_PER_S);
    assert_int_equal(metric_get(M_INTAKE_QUARANTINED) - quarantined, 1);
    (void)close(fd);
    kit_done(&k);
}

/* A sender that hands the kernel many datagrams at once: they may arrive as one buffer. */
static void test_udp_segments(void **state)
{
    struct kit k;
    int size = 100;
    char many[1050];

    (void)state;
    kit_new(&k);
    kit_start(&k);
    int fd = udp_socket(&k);
    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = (char)('a' + i / 100);
    if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)) != 0) {
        (void)close(fd);
        kit_done(&k);
        skip();
    }
    assert_int_equal(send(fd, many, sizeof(many), 0), sizeof(many));
    kit_wait(&k, 11);
    assert_int_equal(k.got_n, 11);
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(k.got[i].r.payload.n, i < 10 ? 100 : 50);
        assert_int_equal(k.got[i].text[0], 'a' + (int)i);
    }
    (void)close(fd);
    kit_done(&k);
}

/* ---- syslog over TCP ---- */

static void test_tcp_mixed(void **state)
{
    static const char text[] = "<1>one\n4 <2>2<3>three\r\n12 <4>four\nmore<5>five\0"
                               "2024 is no count\n<6>the end without LF";
    static const struct {
        const char *payload;
        enum framing framing;
    } want[] = {{"<1>one", FRAMING_LF},
                {"<2>2", FRAMING_OCTET},
                {"<3>three", FRAMING_LF},
                {"<4>four\nmore", FRAMING_OCTET},
                {"<5>five", FRAMING_LF},
                {"2024 is no count", FRAMING_LF},
                {"<6>the end without LF", FRAMING_LF}};

    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        struct kit k;
        kit_new(&k);
        kit_start(&k);
        int fd = kit_connect(k.tcp);
        for (size_t i = 0; slow && i < sizeof(text) - 1; i++) {
            kit_send(fd, text + i, 1);
            (void)usleep(300);
        }
        if (!slow)
            kit_send(fd, text, sizeof(text) - 1);
        (void)close(fd);
        kit_wait(&k, ARRAY_LEN(want));
        assert_int_equal(k.got_n, ARRAY_LEN(want));
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
            assert_string_equal(k.got[i].text, want[i].payload);
            assert_int_equal(k.got[i].r.framing, want[i].framing);
            assert_int_equal(k.got[i].r.input, INPUT_SYSLOG_TCP);
            assert_memory_equal(k.got[i].r.peer, loopback, 16);
        }
        kit_done(&k);
    }
}

/* Too long by line and by count: into quarantine, whole; what follows is received. One more is cut
 * by the end of the connection. */
static void test_tcp_oversize(void **state)
{
    struct kit k;
    uint64_t quarantined = metric_get(M_INTAKE_QUARANTINED);
    size_t n = 300000;
    char *big = malloc(n), head[32], *q;

    (void)state;
    memset(big, 'x', n);
    kit_new(&k);
    kit_set(&k, "intake.record_bytes", "4096");
    kit_start(&k);
    int fd = kit_connect(k.tcp);
    kit_send(fd, "<1>", 3);
    kit_send(fd, big, n);
    kit_send(fd, "\n<2>ok\n", 7);
    kit_send(fd, head, (size_t)snprintf(head, sizeof(head), "%zu <3>", n + 3));
    kit_send(fd, big, n);
    kit_send(fd, "<4>ok\n99 <5>cut", 15);
    (void)shutdown(fd, SHUT_WR);
    kit_wait(&k, 2);
    (void)close(fd);
    assert_true(kit_has(&k, "<2>ok"));
    assert_true(kit_has(&k, "<4>ok"));
    kit_wait_status(&k, "\"connections\":0");
    kit_read(&k);
    assert_int_equal(k.got_n, 2);
    assert_int_equal(metric_get(M_INTAKE_QUARANTINED) - quarantined, 3);
    q = kit_quarantine(&k);
    assert_non_null(strstr(q, "the connection ended within a counted record"));
    size_t bytes = 0;
    for (const char *p = q; (p = strstr(p, "\"bytes\":\""));) {
        p += 9;
        bytes += strcspn(p, "\"=") * 3 / 4;
    }
    assert_int_equal(bytes, 2 * (n + 3) + 6);
    free(q);
    free(big);
    kit_done(&k);
}

/* ---- POST /ingest ---- */

static void test_http(void **state)
{
    static const struct {
        struct slice body;
        const char *answer;
    } row[] = {
        {{"{\"a\":1}\n{\"a\":2}\n", 16}, "{\"accepted\":2,\"quarantined\":0,\"batch\":\""},
        {{"{\"a\":3}\r\n\n[1]\nplain\n{\"a\":4}", 27},
         "{\"accepted\":2,\"quarantined\":2,\"batch\":\""},
        {{"", 0}, "{\"accepted\":0,\"quarantined\":0,\"batch\":\""},
        {{"{", 1}, "{\"accepted\":0,\"quarantined\":1,\"batch\":\""},
    };
    struct kit k;
    char body[256];

    (void)state;
    kit_new(&k);
    kit_start(&k);
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        assert_int_equal(kit_post(&k, "/ingest", row[i].body, NULL, body, sizeof(body)), 200);
        if (strncmp(body, row[i].answer, strlen(row[i].answer)) != 0)
            fail_msg("%s instead of %s", body, row[i].answer);
        if (i == 0) { /* durable when answered, and named by its first record */
            char id[ID_TEXT_BYTES + 1];
            kit_read(&k);
            assert_int_equal(k.got_n, 2);
            id_text(k.got[0].r.id, id);
            assert_non_null(strstr(body, id));
            assert_int_equal(k.got[0].r.org, ORG_INVALID);
        }
    }
    kit_read(&k);
    assert_int_equal(k.got_n, 4);
    assert_string_equal(k.got[2].text, "{\"a\":3}");
    char *q = kit_quarantine(&k);
    assert_non_null(strstr(q, "\"reason\":\"not a JSON object\""));
    free(q);
    assert_int_equal(kit_post(&k, "/other", SLICE("{}"), NULL, body, sizeof(body)), 404);
    int fd = kit_connect(k.http);
    kit_send(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 54);
    assert_true(recv(fd, body, sizeof(body) - 1, 0) > 12);
    assert_memory_equal(body, "HTTP/1.1 200", 12);
    (void)close(fd);
    fd = kit_connect(k.http);
    kit_send(fd, "GET /ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 53);
    assert_true(recv(fd, body, sizeof(body) - 1, 0) > 12);
    assert_memory_equal(body, "HTTP/1.1 405", 12);
    (void)close(fd);
    kit_done(&k);
}

/* {"a":1}, {"a":2}, bad */
static const uint8_t gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                             0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32, 0xac, 0xe5, 0xaa, 0x06,
                             0xd1, 0x46, 0xb5, 0x5c, 0x49, 0x89, 0x29, 0x5c, 0x00, 0xbf,
                             0x25, 0xe7, 0xb3, 0x14, 0x00, 0x00, 0x00};
static const uint8_t zst[] = {0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0xa1, 0x00, 0x00, 0x7b, 0x22,
                              0x61, 0x22, 0x3a, 0x31, 0x7d, 0x0a, 0x7b, 0x22, 0x61, 0x22, 0x3a,
                              0x32, 0x7d, 0x0a, 0x62, 0x61, 0x64, 0x0a, 0x95, 0x09, 0xdc, 0xb9};

/* 70 MiB of zeros as one zstd frame of RLE blocks (RFC 8878 section 3.1.1.2). */
static size_t make_bomb(uint8_t *out)
{
    size_t n = 0, blocks = 560;
    const uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58};

    memcpy(out, head, sizeof(head));
    n = sizeof(head);
    for (size_t i = 0; i < blocks; i++) {
        uint32_t h = (131072U << 3) | (1U << 1) | (i + 1 == blocks);
        out[n++] = (uint8_t)h;
        out[n++] = (uint8_t)(h >> 8);
        out[n++] = (uint8_t)(h >> 16);
        out[n++] = 0;
    }
    return n;
}

static void test_http_coded(void **state)
{
    static const char *const gzip[] = {"Content-Encoding: gzip", NULL};
    static const char *const zstd[] = {"Content-Encoding: zstd", NULL};
    static const char *const br[] = {"Content-Encoding: br", NULL};
    struct slice g = {(const char *)gz, sizeof(gz)}, z = {(const char *)zst, sizeof(zst)};
    uint8_t bomb[4096];
    struct kit k;
    char body[512];

    (void)state;
    kit_new(&k);
    kit_start(&k);
    assert_int_equal(kit_post(&k, "/ingest", g, gzip, body, sizeof(body)), 200);
    assert_non_null(strstr(body, "{\"accepted\":2,\"quarantined\":1,"));
    assert_int_equal(kit_post(&k, "/ingest", z, zstd, body, sizeof(body)), 200);
    assert_non_null(strstr(body, "{\"accepted\":2,\"quarantined\":1,"));
    assert_int_equal(kit_post(&k, "/ingest", slice_cut(g, 0, g.n - 3), gzip, body, 512), 400);
    assert_int_equal(kit_post(&k, "/ingest", slice_cut(z, 0, z.n - 3), zstd, body, 512), 400);
    assert_int_equal(kit_post(&k, "/ingest", z, gzip, body, sizeof(body)), 400);
    assert_int_equal(kit_post(&k, "/ingest", z, br, body, sizeof(body)), 415);
    struct slice b = {(const char *)bomb, make_bomb(bomb)};
    assert_int_equal(kit_post(&k, "/ingest", b, zstd, body, sizeof(body)), 413);
    kit_read(&k);
    assert_int_equal(k.got_n, 4);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), NULL, body, sizeof(body)), 200);
    kit_done(&k);
}

static void test_http_too_large(void **state)
{
    struct kit k;
    char body[512], *big = malloc(INTAKE_BODY_MAX + 1), *q;

    (void)state;
    memset(big, ' ', INTAKE_BODY_MAX + 1);
    kit_new(&k);
    kit_start(&k);
    struct slice all = {big, INTAKE_BODY_MAX + 1};
    assert_int_equal(kit_post(&k, "/ingest", all, NULL, body, sizeof(body)), 413);
    /* a line over the limit is kept, the request goes on */
    big[0] = '{';
    big[70000] = '}';
    memcpy(big + 70001, "\n{\"a\":1}\n", 9);
    assert_int_equal(kit_post(&k, "/ingest", slice_cut(all, 0, 70010), NULL, body, 512), 200);
    assert_non_null(strstr(body, "{\"accepted\":1,\"quarantined\":1,"));
    q = kit_quarantine(&k);
    assert_non_null(strstr(q, "\"reason\":\"too long\""));
    free(q);
    free(big);
    kit_done(&k);
}

/* ---- tokens ---- */

/* SHA-256 of "abc", of "" is unused, and of a second text. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define TWO "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"

static void publish(const struct kit *k, const char *tokens)
{
    char dir[96];
    uint64_t seq;

    (void)snprintf(dir, sizeof(dir), "%s/snapshots", k->dir);
    assert_int_equal(snapshot_publish(dir, "access", slice_of(tokens), &seq, NULL), ERR_NONE);
    intake_snapshot_changed(k->in);
}

static void test_tokens(void **state)
{
    static const char *const good[] = {"Authorization: Bearer abc", NULL};
    static const char *const bad[] = {"Authorization: Bearer abd", NULL};
    static const char *const page[] = {"Origin: http://example.org", NULL};
    static const char *const person[] = {
        "Authorization: Bearer abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", NULL};
    struct kit k;
    char body[512];

    (void)state;
    kit_new(&k);
    kit_set(&k, "intake.token_required", "true");
    kit_start(&k);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), NULL, body, sizeof(body)), 401);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), good, body, sizeof(body)), 401);
    publish(&k, "{\"tokens\":[{\"sha256\":\"" ABC "\",\"org\":2,\"source\":9,\"name\":\"fw-1\","
                "\"role\":\"machine\",\"rate\":2,\"expires\":null},"
                "{\"sha256\":\"" TWO "\",\"org\":3,\"role\":\"analyst\"}]}");
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), NULL, body, sizeof(body)), 401);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), bad, body, sizeof(body)), 401);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), person, body, sizeof(body)), 403);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}\n{}\n{}"), good, body, 512), 200);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), good, body, sizeof(body)), 429);
    kit_read(&k);
    assert_int_equal(k.got_n, 3);
    assert_int_equal(k.got[0].r.org, 2);
    assert_int_equal(k.got[0].r.source, 9);
    assert_string_equal(k.got[0].r.name.p, "fw-1");
    publish(&k, "{\"tokens\":[]}");
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), good, body, sizeof(body)), 401);
    kit_set(&k, "intake.token_required", "false"); /* of our own copy: nothing is shared */
    intake_reload(k.in, k.cfg);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), NULL, body, sizeof(body)), 200);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), bad, body, sizeof(body)), 401);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), page, body, sizeof(body)), 403);
    kit_done(&k);
}

/* ---- idempotency ---- */

static void test_idempotency(void **state)
{
    static const char *const one[] = {"Idempotency-Key: k-1", NULL};
    static const char *const two[] = {"Idempotency-Key: k-2", NULL};
    static const char *const wrong[] = {"Idempotency-Key: a b", NULL};
    struct kit k;
    char first[512], again[512];

    (void)state;
    kit_new(&k);
    kit_start(&k);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{\"a\":1}\nx"), one, first, 512), 200);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{\"a\":1}\nx"), one, again, 512), 200);
    assert_string_equal(first, again);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{\"a\":1}\nx"), two, again, 512), 200);
    assert_string_not_equal(first, again);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), wrong, again, 512), 400);
    kit_stop(&k);
    kit_start(&k);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{\"a\":1}\nx"), one, again, 512), 200);
    assert_string_equal(first, again);
    kit_read(&k);
    assert_int_equal(k.got_n, 2);
    kit_done(&k);
}

struct poster {
    struct kit *k;
    int status;
    char body[512];
};

static void *post_same(void *arg)
{
    static const char *const key[] = {"Idempotency-Key: same", NULL};
    struct poster *p = arg;

    p->status = kit_post(p->k, "/ingest", SLICE("{\"a\":1}"), key, p->body, sizeof(p->body));
    return NULL;
}

/* Many at once with one key: one set of records, one answer. */
static void test_idempotency_at_once(void **state)
{
    struct kit k;
    struct poster p[12];
    pthread_t t[ARRAY_LEN(p)];
    const char *answer = NULL;

    (void)state;
    kit_new(&k);
    kit_set(&k, "journal.commit_ms", "50");
    kit_start(&k);
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        p[i] = (struct poster){.k = &k};
        assert_int_equal(pthread_create(&t[i], NULL, post_same, &p[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        assert_true(p[i].status == 200 || p[i].status == 409);
        if (p[i].status != 200)
            continue;
        if (answer)
            assert_string_equal(answer, p[i].body);
        answer = p[i].body;
    }
    assert_non_null(answer);
    kit_read(&k);
    assert_int_equal(k.got_n, 1);
    kit_done(&k);
}

/* ---- a full journal ---- */

static void fill(struct kit *k)
{
    size_t n = 1 << 20;
    char *big = malloc(n), body[512];
    int status = 200;

    for (size_t i = 0; i < n; i += 1024) {
        memset(big + i, 'x', 1024);
        memcpy(big + i, "{\"a\":\"", 6);
        memcpy(big + i + 1021, "\"}\n", 3);
    }
    for (int i = 0; i < 40 && status == 200; i++)
        status = kit_post(k, "/ingest", (struct slice){big, n}, NULL, body, sizeof(body));
    assert_int_equal(status, 503);
    /* the last room, so that even a small request finds none */
    for (n = 64 << 10; n >= 1024; n = status == 503 ? n / 2 : n)
        status = kit_post(k, "/ingest", (struct slice){big, n}, NULL, body, sizeof(body));
    for (status = 200; status == 200;)
        status = kit_post(k, "/ingest", SLICE("{}"), NULL, body, sizeof(body));
    assert_int_equal(kit_post(k, "/ingest", SLICE("{}"), NULL, body, sizeof(body)), 503);
    assert_non_null(strstr(body, "\"full\""));
    free(big);
}

static void make_room(struct kit *k)
{
    struct journal_health h;

    journal_health(k->journal, &h);
    assert_int_equal(journal_trim(k->journal, h.durable), ERR_NONE);
}

/* 503 with Retry-After; syslog senders are held, not dropped; all goes on when there is room. */
static void test_full(void **state)
{
    struct kit k;
    char body[512], line[64];
    uint64_t before;
    size_t n = 3000;

    (void)state;
    kit_new(&k);
    kit_set(&k, "journal.max_bytes", "16777216");
    kit_start(&k);
    fill(&k);
    before = metric_get(M_INTAKE_RECORDS);
    int fd = kit_connect(k.tcp);
    for (size_t i = 0; i < n; i++)
        kit_send(fd, line, (size_t)snprintf(line, sizeof(line), "<1>line %zu\n", i));
    kit_wait_status(&k, "\"state\":\"slowed\",\"reason\":\"full\"");
    assert_int_equal(metric_get(M_INTAKE_RECORDS), before);
    make_room(&k);
    int64_t until = clock_mono_ns() + 10 * NS_PER_S;
    while (metric_get(M_INTAKE_RECORDS) < before + n && clock_mono_ns() < until)
        (void)usleep(5000);
    assert_int_equal(metric_get(M_INTAKE_RECORDS), before + n);
    kit_wait_status(&k, "\"state\":\"ok\",\"reason\":null");
    (void)close(fd);
    kit_read(&k);
    size_t at = 0; /* in order, each once */
    for (size_t i = 0; i < k.got_n; i++)
        if (k.got[i].r.input == INPUT_SYSLOG_TCP) {
            (void)snprintf(line, sizeof(line), "<1>line %zu", at++);
            assert_string_equal(k.got[i].text, line);
        }
    assert_int_equal(at, n);
    assert_int_equal(kit_post(&k, "/ingest", SLICE("{}"), NULL, body, sizeof(body)), 200);
    kit_done(&k);
}

/* What the kernel drops while the journal is full is counted, to the datagram. */
static void test_udp_lost(void **state)
{
    struct kit k;
    uint64_t records, lost = metric_get(M_INTAKE_LOST_UDP);
    char text[100];
    size_t n = 80000;

    (void)state;
    memset(text, 'u', sizeof(text));
    kit_new(&k);
    kit_set(&k, "journal.max_bytes", "67108864");
    kit_start(&k);
    kit_set(&k, "journal.max_bytes", "16777216");
    intake_reload(k.in, k.cfg);
    fill(&k);
    records = metric_get(M_INTAKE_RECORDS);
    int fd = udp_socket(&k);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
    kit_wait_status(&k, "\"slowed\"");
    kit_set(&k, "journal.max_bytes", "268435456"); /* room without trimming: nothing is deleted */
    intake_reload(k.in, k.cfg);
    int64_t until = clock_mono_ns() + 15 * NS_PER_S;
    uint64_t got, gone;
    do { /* the count comes with the next datagram that gets in */
        (void)usleep(50000);
        assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
        n++;
        (void)usleep(50000);
        got = metric_get(M_INTAKE_RECORDS) - records;
        gone = metric_get(M_INTAKE_LOST_UDP) - lost;
    } while (got + gone != n && clock_mono_ns() < until);
    assert_int_equal(got + gone, n);
    assert_true(gone > 0);
    (void)close(fd);
    kit_done(&k);
}

/* ---- many connections, status, stopping ---- */

static void test_connections(void **state)
{
    struct kit k;
    enum { N = 200 };
    int fd[N];
    char line[64];

    (void)state;
    kit_new(&k);
    kit_start(&k);
    for (int i = 0; i < N; i++)
        fd[i] = kit_connect(k.tcp);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < N; i++)
            kit_send(fd[i], line, (size_t)snprintf(line, sizeof(line), "<1>%d of %d\n", round, i));
    kit_wait(&k, 5 * N);
    assert_int_equal(k.got_n, 5 * N);
    kit_wait_status(&k, "\"connections\":200");
    /* what is read but not ended is not lost by stopping */
    kit_send(fd[0], "<1>the last words", 17);
    (void)usleep(100000);
    kit_stop(&k);
    kit_read(&k);
    assert_int_equal(k.got_n, 5 * N + 1);
    assert_true(kit_has(&k, "<1>the last words"));
    for (int i = 0; i < N; i++)
        (void)close(fd[i]);
    kit_done(&k);
}

static void test_status_file(void **state)
{
    struct kit k;
    char path[128], text[4096];
    struct stat st;

    (void)state;
    kit_new(&k);
    kit_set(&k, "intake.files", "/nowhere/at-all.log");
    kit_set(&k, "intake.journald", "true");
    kit_start(&k);
    kit_wait_status(&k, "\"unmatched\":[\"/nowhere/at-all.log\"],\"state\":\"waiting\"");
    (void)snprintf(path, sizeof(path), "%s/run/intake-status.json", k.dir);
    int64_t until = clock_mono_ns() + 10 * NS_PER_S;
    while (stat(path, &st) != 0 && clock_mono_ns() < until)
        (void)usleep(10000);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = 0;
    (void)fclose(f);
    assert_memory_equal(text, "{\"time\":\"", 9);
    assert_non_null(strstr(text, "\"syslog-udp\":{\"state\":\"ok\""));
    assert_non_null(strstr(text, "\"journald\":{\"state\":\""));
    kit_done(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_udp_segments),
        cmocka_unit_test(test_tcp_mixed),
        cmocka_unit_test(test_tcp_oversize),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_http_coded),
        cmocka_unit_test(test_http_too_large),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_idempotency),
        cmocka_unit_test(test_idempotency_at_once),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_udp_lost),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_status_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
