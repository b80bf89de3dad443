#include "core/test.h"

#include "net/http_server.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/sock.h"

enum { BODY_MAX = 1000, IDLE_S = 2 };

struct fixture {
    struct http_server *server;
    uint16_t port;
    struct http_call *kept; /* /keep: answered by the test */
    struct http_stream *stream;
    atomic_int kept_n, gone_n, handled_n;
    pthread_mutex_t lock;
};

static struct fixture fx;

static void rest(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static bool wait_int(atomic_int *v, int want)
{
    for (int i = 0; i < 1000; i++) {
        if (atomic_load(v) >= want)
            return true;
        rest(5);
    }
    return false;
}

static void *reply_later(void *arg)
{
    struct http_call *c = arg;

    rest(2);
    http_add_header(c, "X-Late", "yes");
    http_reply(c, 200, "text/plain", SLICE("late"));
    return NULL;
}

static void on_gone(void *arg)
{
    (void)arg;
    atomic_fetch_add(&fx.gone_n, 1);
}

static void show(struct http_call *c)
{
    struct buf b;
    uint8_t ip[16];
    uint16_t port;
    const char *q = http_query(c, "q"), *cookie = http_cookie(c, "sid");

    http_peer(c, ip, &port);
    buf_init(&b, 4096);
    assert_int_equal(buf_printf(&b, "%s %s q=%s cookie=%s uid=%d ip=%d body=%.*s", http_method(c),
                                http_path(c), q ? q : "-", cookie ? cookie : "-",
                                http_peer_uid(c) >= 0, ip[15], SLICE_ARG(http_body(c))),
                     ERR_NONE);
    http_reply(c, 200, "text/plain", buf_slice(&b));
    buf_done(&b);
}

static void handle(void *arg, struct http_call *c)
{
    const char *path = http_path(c);
    pthread_t t;

    (void)arg;
    atomic_fetch_add(&fx.handled_n, 1);
    if (strcmp(path, "/late") == 0) {
        assert_int_equal(pthread_create(&t, NULL, reply_later, c), 0);
        pthread_detach(t);
    } else if (strcmp(path, "/keep") == 0) {
        pthread_mutex_lock(&fx.lock);
        fx.kept = c;
        pthread_mutex_unlock(&fx.lock);
        atomic_fetch_add(&fx.kept_n, 1);
    } else if (strcmp(path, "/stream") == 0) {
        pthread_mutex_lock(&fx.lock);
        fx.stream = http_stream_open(c, "text/event-stream", on_gone, NULL);
        pthread_mutex_unlock(&fx.lock);
        atomic_fetch_add(&fx.kept_n, 1);
    } else if (strcmp(path, "/err") == 0) {
        struct diag d = {0};
        diag_set(&d, ERR_SYNTAX, 3, "bad \"thing\" at 3");
        http_reply_err(c, ERR_SYNTAX, &d);
    } else if (strcmp(path, "/static") == 0) {
        http_reply_static(c, 200, "text/css", SLICE("body{}"));
    } else {
        show(c);
    }
}

static size_t limit_of(void *arg, const struct http_call *c)
{
    (void)arg;
    return strcmp(http_path(c), "/none") == 0 ? 0 : BODY_MAX;
}

static const char *const defaults[][2] = {{"X-Content-Type-Options", "nosniff"}};

static void start_on(int fd)
{
    struct http_server_options o = {
        .listen_fd = fd,
        .max_body = BODY_MAX,
        .keep_body = true,
        .idle_s = IDLE_S,
        .handle = handle,
        .body_limit = limit_of,
        .headers = defaults,
        .headers_n = 1,
    };
    struct diag d = {0};

    fx.port = sock_port(fd);
    fx.kept = NULL;
    fx.stream = NULL;
    fx.kept_n = fx.gone_n = fx.handled_n = 0;
    assert_int_equal(http_server_start(&o, &fx.server, &d), ERR_NONE);
}

static int setup(void **state)
{
    struct sock_addr a;
    int fd;

    (void)state;
    assert_int_equal(sock_parse(SLICE("127.0.0.1:0"), &a, NULL), ERR_NONE);
    assert_int_equal(sock_listen_tcp(&a, &fd, NULL), ERR_NONE);
    start_on(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_server_stop(fx.server, 1000);
    fx.server = NULL;
    return 0;
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(fx.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void put(int fd, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t w = send(fd, s, n, MSG_NOSIGNAL);
        if (w <= 0)
            return;
        s += w;
        n -= (size_t)w;
    }
}

static void put_text(int fd, const char *s)
{
    put(fd, s, strlen(s));
}

/* Reads until the other side closes, `until` is seen, or ms passed; true when it was closed. */
static bool take(int fd, char *out, size_t cap, const char *until, int ms)
{
    size_t n = 0;
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;

    out[0] = '\0';
    while (n + 1 < cap) {
        struct pollfd p = {fd, POLLIN, 0};
        int left = (int)((end - clock_mono_ns()) / NS_PER_MS);
        if (left <= 0 || poll(&p, 1, left) <= 0)
            return false;
        ssize_t r = recv(fd, out + n, cap - 1 - n, 0);
        if (r <= 0)
            return true;
        n += (size_t)r;
        out[n] = '\0';
        if (until && strstr(out, until))
            return false;
    }
    return false;
}

#define HOST "Host: localhost\r\n"

static void test_probe(void **state)
{
    static const struct {
        const char *name, *request;
        int status;
        bool closes;
    } rows[] = {
        {"plain", "GET /a HTTP/1.1\r\n" HOST "\r\n", 200, false},
        {"keep-alive off", "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 200, true},
        {"HTTP/1.0", "GET /a HTTP/1.0\r\n" HOST "\r\n", 200, true},
        {"two lengths",
         "POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400,
         true},
        {"two other lengths",
         "POST /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\ncontent-length: 3\r\n\r\nabc", 400,
         true},
        {"length and chunked",
         "POST /a HTTP/1.1\r\n" HOST
         "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400, true},
        {"chunked and length",
         "POST /a HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
         400, true},
        {"two encodings",
         "POST /a HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400, true},
        {"other encoding",
         "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, true},
        {"encoding list",
         "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
         true},
        {"chunked in 1.0",
         "POST /a HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true},
        {"two hosts", "GET /a HTTP/1.1\r\n" HOST "Host: evil\r\n\r\n", 400, true},
        {"no host", "GET /a HTTP/1.1\r\nAccept: */*\r\n\r\n", 400, true},
        {"blank before the colon", "GET /a HTTP/1.1\r\nHost : localhost\r\n\r\n", 400, true},
        {"blank before the length's colon",
         "POST /a HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc", 400, true},
        {"length not a number", "POST /a HTTP/1.1\r\n" HOST "Content-Length: 3x\r\n\r\nabc", 400,
         true},
        {"length with a sign", "POST /a HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400,
         true},
        {"length list", "POST /a HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400, true},
        {"bad chunk",
         "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
         400, true},
        {"NUL in the path", "GET /a%00b HTTP/1.1\r\n" HOST "\r\n", 400, true},
        {"NUL in the query", "GET /a?q=%00b HTTP/1.1\r\n" HOST "\r\n", 400, true},
        {"over the cap", "POST /a HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", 413, true},
        {"body where none may be", "POST /none HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", 413,
         true},
        {"chunked over a cap of 0",
         "POST /none HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
         413, true},
        {"chunked",
         "POST /a HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
         200, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[4096], want[16];
        int before = atomic_load(&fx.handled_n), fd = dial();
        put(fd, rows[i].request, strlen(rows[i].request));
        bool closed = take(fd, out, sizeof(out), rows[i].closes ? NULL : "body=", 3000);
        snprintf(want, sizeof(want), "HTTP/1.1 %d ", rows[i].status);
        if (strncmp(out, want, strlen(want)) != 0 && strncmp(out + 5, "1.0", 3) != 0)
            fail_msg("%s: wanted %d, got %.60s", rows[i].name, rows[i].status, out);
        if (closed != rows[i].closes)
            fail_msg("%s: closed %d", rows[i].name, closed);
        if (rows[i].status != 200 && atomic_load(&fx.handled_n) != before)
            fail_msg("%s: reached the handler", rows[i].name);
        close(fd);
    }
}

static void test_huge_head(void **state)
{
    char *big = malloc(70000), out[1024];
    int fd = dial();

    (void)state;
    assert_non_null(big);
    memset(big, 'a', 70000);
    put_text(fd, "GET / HTTP/1.1\r\nX-Big: ");
    put(fd, big, 70000);
    take(fd, out, sizeof(out), "\r\n", 3000);
    /* the library may close before all was sent, which loses its answer */
    assert_true(out[0] == '\0' || strstr(out, " 431 ") != NULL);
    assert_int_equal(fx.handled_n, 0);
    close(fd);
    free(big);
}

static void test_chunked_over_cap(void **state)
{
    char out[4096], chunk[600 + 16];
    int fd = dial();

    (void)state;
    put_text(fd, "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    int n = snprintf(chunk, sizeof(chunk), "258\r\n");
    memset(chunk + n, 'x', 600);
    memcpy(chunk + n + 600, "\r\n", 2);
    put(fd, chunk, (size_t)n + 602);
    put(fd, chunk, (size_t)n + 602);
    put_text(fd, "0\r\n\r\n");
    assert_true(take(fd, out, sizeof(out), NULL, 3000));
    assert_non_null(strstr(out, " 413 "));
    assert_non_null(strstr(out, "application/problem+json"));
    assert_int_equal(fx.handled_n, 0);
    close(fd);
}

static void test_pipelining(void **state)
{
    static const char three[] = "GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
                                "Content-Length: 3\r\n\r\nabcGET /late HTTP/1.1\r\n" HOST
                                "\r\nGET /3 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    char out[8192];
    int fd = dial();

    (void)state;
    put(fd, three, sizeof(three) - 1);
    assert_true(take(fd, out, sizeof(out), NULL, 3000));
    char *one = strstr(out, "GET /1 "), *two = strstr(out, "POST /2 "),
         *late = strstr(out, "\r\nlate");
    char *last = strstr(out, "GET /3 ");
    assert_true(one && two && late && last && one < two && two < late && late < last);
    assert_non_null(strstr(two, "body=abc"));
    close(fd);
}

static void test_reading(void **state)
{
    char out[4096];
    int fd = dial();
    static const char get[] = "GET /a%20b?x=1&q=%C4%90%2Bc+d HTTP/1.1\r\n" HOST
                              "Cookie: other=1; sid=abc ; sid=second\r\nConnection: close\r\n\r\n";

    (void)state;
    put(fd, get, sizeof(get) - 1);
    assert_true(take(fd, out, sizeof(out), NULL, 3000));
    assert_non_null(strstr(out, "GET /a b q=\xc4\x90+c d cookie=abc uid=0 ip=1 body="));
    assert_non_null(strstr(out, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(out, "X-Request-Id: "));
    close(fd);

    fd = dial();
    put_text(fd, "HEAD /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_true(take(fd, out, sizeof(out), NULL, 3000));
    assert_non_null(strstr(out, "Content-Length: "));
    assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    close(fd);

    fd = dial();
    put_text(fd, "GET /err HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_true(take(fd, out, sizeof(out), NULL, 3000));
    assert_non_null(strstr(out, "HTTP/1.1 400 "));
    assert_non_null(
        strstr(out, "\"status\":400,\"code\":\"syntax\",\"detail\":\"bad \\\"thing\\\" at 3\""));
    close(fd);
}

static void test_late_and_kept(void **state)
{
    char out[4096];
    int fd = dial();

    (void)state;
    put_text(fd, "GET /late HTTP/1.1\r\n" HOST "\r\n");
    take(fd, out, sizeof(out), "\r\n\r\nlate", 3000);
    assert_non_null(strstr(out, "X-Late: yes"));
    close(fd);
    /* the client leaves while its answer is being made: the call stays valid */
    fd = dial();
    put_text(fd, "GET /keep?q=here HTTP/1.1\r\n" HOST "\r\n");
    assert_true(wait_int(&fx.kept_n, 1));
    close(fd);
    rest(50);
    assert_string_equal(http_query(fx.kept, "q"), "here");
    http_reply(fx.kept, 200, NULL, SLICE(""));
}

static void test_slowloris(void **state)
{
    char out[1024];
    int head = dial(), body = dial(), line = dial();
    int64_t began = clock_mono_ns();
    bool head_open = true, body_open = true, line_open = true;

    (void)state;
    put_text(head, "GET /a HTTP/1.1\r\n" HOST "X-Slow: ");
    put_text(body, "POST /a HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n");
    /* every byte resets the library's own time-out of 2 s: only ours ends these */
    for (int i = 0; i < 100 && (head_open || body_open || line_open); i++) {
        put_text(head, "x");
        put_text(body, "x");
        put_text(line, "G");
        head_open = head_open && !take(head, out, sizeof(out), NULL, 40);
        body_open = body_open && !take(body, out, sizeof(out), NULL, 40);
        line_open = line_open && !take(line, out, sizeof(out), NULL, 40);
    }
    assert_false(head_open);
    assert_false(body_open);
    assert_false(line_open);
    assert_true(clock_mono_ns() - began < 9 * NS_PER_S);
    assert_int_equal(fx.handled_n, 0);
    close(head);
    close(body);
    close(line);
    /* an idle kept connection is closed as well */
    int idle = dial();
    assert_true(take(idle, out, sizeof(out), NULL, 6000));
    close(idle);
}

static int open_stream(void)
{
    char out[4096];
    int fd = dial();

    put_text(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    assert_true(wait_int(&fx.kept_n, 1));
    assert_int_equal(http_stream_write(fx.stream, SLICE("id: 1\n\n")), ERR_NONE);
    take(fd, out, sizeof(out), "id: 1\n\n", 3000);
    assert_non_null(strstr(out, "Content-Type: text/event-stream"));
    assert_non_null(strstr(out, "id: 1\n\n"));
    return fd;
}

static void test_stream(void **state)
{
    char out[4096];
    int fd = open_stream();

    (void)state;
    rest(IDLE_S * 1000 + 1500); /* exempt from the idle limit */
    assert_int_equal(http_stream_write(fx.stream, SLICE("id: 2\n\n")), ERR_NONE);
    take(fd, out, sizeof(out), "id: 2\n\n", 3000);
    assert_non_null(strstr(out, "id: 2\n\n"));
    assert_int_equal(http_stream_write(fx.stream, SLICE("id: 3\n\n")), ERR_NONE);
    http_stream_end(fx.stream);
    take(fd, out, sizeof(out), "0\r\n\r\n", 3000);
    assert_non_null(strstr(out, "id: 3\n\n"));
    assert_non_null(strstr(out, "0\r\n\r\n"));
    assert_int_equal(fx.gone_n, 0);
    close(fd);
}

static void test_stream_client_leaves(void **state)
{
    int fd = open_stream();
    enum err e = ERR_NONE;

    (void)state;
    close(fd);
    for (int i = 0; i < 200 && e == ERR_NONE; i++) {
        e = http_stream_write(fx.stream, SLICE(": beat\n\n"));
        rest(10);
    }
    assert_int_equal(e, ERR_NOENT);
    assert_true(wait_int(&fx.gone_n, 1));
    http_stream_end(fx.stream);
    assert_int_equal(fx.gone_n, 1);
}

static void test_stream_slow_client(void **state)
{
    static char block[64 * 1024];
    int fd = open_stream();
    enum err e = ERR_NONE;

    (void)state;
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 2000 && e == ERR_NONE; i++) {
        e = http_stream_write(fx.stream, (struct slice){block, sizeof(block)});
        rest(1);
    }
    assert_int_equal(e, ERR_BUSY);
    http_stream_end(fx.stream);
    /* others are served meanwhile, and the one that never reads is cut off */
    char out[4096];
    int other = dial();
    put_text(other, "GET /a HTTP/1.1\r\n" HOST "\r\n");
    take(other, out, sizeof(out), "body=", 3000);
    assert_non_null(strstr(out, "200"));
    close(other);
    rest(IDLE_S * 1000 + 1500);
    bool cut = false;
    for (int i = 0; i < 10000 && !cut; i++)
        cut = recv(fd, block, sizeof(block), 0) <= 0;
    assert_true(cut);
    assert_int_equal(fx.gone_n, 0);
    close(fd);
}

enum { CLIENTS = 200, ROUNDS = 5 };
static atomic_int good, bad;
static struct http_call *kept_calls[200];

static void *client(void *arg)
{
    char out[2048], request[128];
    int fd = dial();

    for (int i = 0; i < ROUNDS; i++) {
        int n = snprintf(request, sizeof(request), "GET %s?q=%d HTTP/1.1\r\n" HOST "\r\n",
                         i % 2 ? "/late" : "/a", (int)(intptr_t)arg);
        put(fd, request, (size_t)n);
        take(fd, out, sizeof(out), i % 2 ? "\r\n\r\nlate" : "body=", 20000);
        atomic_fetch_add(strstr(out, "HTTP/1.1 200") ? &good : &bad, 1);
    }
    close(fd);
    return NULL;
}

static void run_clients(pthread_t *t)
{
    pthread_attr_t attr;

    good = bad = 0;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&t[i], &attr, client, (void *)(intptr_t)i), 0);
    pthread_attr_destroy(&attr);
}

static void test_many(void **state)
{
    pthread_t t[CLIENTS];

    (void)state;
    run_clients(t);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(good, CLIENTS * ROUNDS);
    assert_int_equal(bad, 0);
}

/* Many suspended connections hide no active one (a bug of that kind was mended in the library's
 * 1.0.3). */
static void test_many_suspended(void **state)
{
    enum { KEPT = 200 };
    pthread_t t[CLIENTS];
    int fds[KEPT];
    char out[1024];

    (void)state;
    for (int i = 0; i < KEPT; i++) {
        fds[i] = dial();
        put_text(fds[i], "GET /keep HTTP/1.1\r\n" HOST "\r\n");
        assert_true(wait_int(&fx.kept_n, i + 1));
        pthread_mutex_lock(&fx.lock);
        kept_calls[i] = fx.kept;
        pthread_mutex_unlock(&fx.lock);
    }
    run_clients(t);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(good, CLIENTS * ROUNDS);
    for (int i = KEPT - 1; i >= 0; i--)
        http_reply(kept_calls[i], 200, "text/plain", SLICE("now"));
    for (int i = 0; i < KEPT; i++) {
        take(fds[i], out, sizeof(out), "\r\n\r\nnow", 5000);
        assert_non_null(strstr(out, "now"));
        close(fds[i]);
    }
}

static void test_stop_under_load(void **state)
{
    pthread_t t[CLIENTS];
    int keep, stream;

    setup(state);
    stream = open_stream();
    keep = dial();
    put_text(keep, "GET /keep HTTP/1.1\r\n" HOST "\r\n");
    assert_true(wait_int(&fx.kept_n, 2));
    struct http_call *kept = fx.kept;
    struct http_stream *st = fx.stream;
    run_clients(t);
    rest(20);
    int64_t began = clock_mono_ns();
    http_server_stop(fx.server, 300); /* the kept call makes it use its whole grace */
    assert_true(clock_mono_ns() - began < 5 * NS_PER_S);
    assert_int_equal(fx.gone_n, 1);
    assert_int_equal(http_stream_write(st, SLICE("x")), ERR_NOENT);
    http_stream_end(st);
    http_reply(kept, 200, NULL, SLICE("")); /* late, and only frees */
    close(keep);
    close(stream);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(good + bad, CLIENTS * ROUNDS);
}

static void test_unix_socket(void **state)
{
    char dir[] = "/tmp/coloa-http-XXXXXX", out[4096];
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd;

    assert_non_null(mkdtemp(dir));
    snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", dir);
    assert_int_equal(sock_listen_unix(un.sun_path, &fd, NULL), ERR_NONE);
    start_on(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    put_text(fd, "GET /u HTTP/1.1\r\n" HOST "\r\n");
    take(fd, out, sizeof(out), "body=", 3000);
    assert_non_null(strstr(out, "GET /u q=- cookie=- uid=1 ip=1 body="));
    close(fd);
    teardown(state);
    unlink(un.sun_path);
    rmdir(dir);
}

/* Made for this test alone: worth nothing anywhere. */
static const char test_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBljCCATugAwIBAgIUbohDQN2fcgYn0xYYEKIzjG67hBEwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTA5MjQxNFoYDzIxMjYxMTAx\n"
    "MDkyNDE0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATJXQsETpwIJn487e+FMBtoVrPluQqT56CRho9ES0n+HxeSt2iyxZXk\n"
    "b5x8ySFjppWJE2aWdlWBKl19CNBEDsDEo2kwZzAdBgNVHQ4EFgQU4KAj4LeX6aQ5\n"
    "GeSNugW+luLkSacwHwYDVR0jBBgwFoAU4KAj4LeX6aQ5GeSNugW+luLkSacwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID\n"
    "SQAwRgIhAOV8BVhI57HOkzV9PXQdde1n2nNxP01N3J/y28KQ11e4AiEApgKCA2R3\n"
    "sUJ32nQaT6ZVaEEyZDS0A47u9KvmsVcNeJY=\n"
    "-----END CERTIFICATE-----\n";
static const char test_key[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkqG2/abzuMbCZDS+\n"
                               "iPvRFuyLi5OWivLXJI/3tsKD6ZmhRANCAATJXQsETpwIJn487e+FMBtoVrPluQqT\n"
                               "56CRho9ES0n+HxeSt2iyxZXkb5x8ySFjppWJE2aWdlWBKl19CNBEDsDE\n"
                               "-----END PRIVATE KEY-----\n";

static size_t keep_body(char *p, size_t size, size_t n, void *arg)
{
    struct buf *b = arg;

    return buf_put(b, (struct slice){p, size * n}) == ERR_NONE ? size * n : 0;
}

/* HTTPS, checked by a client that trusts this certificate; what is older than TLS 1.2 is refused.
 */
static void test_tls(void **state)
{
    struct http_server_options o = {.handle = handle,
                                    .max_body = BODY_MAX,
                                    .certificate_pem = test_certificate,
                                    .key_pem = test_key};
    char ca[] = "/tmp/coloa-ca-XXXXXX";
    struct sock_addr a;
    struct diag d = {0};
    struct buf body;
    char url[64];

    (void)state;
    assert_int_equal(sock_parse(SLICE("127.0.0.1:0"), &a, NULL), ERR_NONE);
    assert_int_equal(sock_listen_tcp(&a, &o.listen_fd, NULL), ERR_NONE);
    fx.port = sock_port(o.listen_fd);
    assert_int_equal(http_server_start(&o, &fx.server, &d), ERR_NONE);
    snprintf(url, sizeof(url), "https://localhost:%u/late", (unsigned)fx.port);
    int file = mkstemp(ca);
    assert_int_equal(write(file, test_certificate, sizeof(test_certificate) - 1),
                     sizeof(test_certificate) - 1);
    close(file);
    CURL *h = curl_easy_init();
    buf_init(&body, 4096);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_IPRESOLVE, CURL_IPRESOLVE_V4);
    curl_easy_setopt(h, CURLOPT_CAINFO, ca);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &body);
    assert_int_equal(curl_easy_perform(h), CURLE_OK);
    assert_true(slice_eq(buf_slice(&body), SLICE("late")));
    curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(h, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_0 | CURL_SSLVERSION_MAX_TLSv1_1);
    assert_int_not_equal(curl_easy_perform(h), CURLE_OK);
    curl_easy_cleanup(h);
    unlink(ca);
    buf_done(&body);
    http_server_stop(fx.server, 1000);
    /* a certificate that is none is said at the start */
    o.certificate_pem = "nonsense";
    assert_int_equal(sock_listen_tcp(&a, &o.listen_fd, NULL), ERR_NONE);
    assert_int_equal(http_server_start(&o, &fx.server, &d), ERR_SYS);
    assert_non_null(strstr(d.text, "certificate"));
    close(o.listen_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_huge_head, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chunked_over_cap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pipelining, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_and_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slowloris, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_client_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_slow_client, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_suspended, setup, teardown),
        cmocka_unit_test(test_stop_under_load),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_unix_socket),
    };
    pthread_mutex_init(&fx.lock, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
