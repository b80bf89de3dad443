#include "core/test.h"

#include "net/http_client.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/http_server.h"
#include "net/sock.h"

/* A server that says exactly what it is told, once per connection, then closes. */
struct script {
    int fd;
    const char *answer; /* NULL: closes after reading; "": says nothing until told to quit */
    atomic_int connections;
    pthread_t thread;
};

static void *play(void *arg)
{
    struct script *s = arg;

    for (;;) {
        int c = accept(s->fd, NULL, NULL);
        char in[4096];
        if (c < 0)
            return NULL;
        atomic_fetch_add(&s->connections, 1);
        ssize_t n = recv(c, in, sizeof(in), 0);
        if (n > 0 && s->answer && *s->answer)
            (void)!send(c, s->answer, strlen(s->answer), MSG_NOSIGNAL);
        if (s->answer && !*s->answer)
            while (recv(c, in, sizeof(in), 0) > 0)
                continue;
        close(c);
    }
}

static void script_start(struct script *s, const char *answer, char url[static 64])
{
    struct sockaddr_in a = {.sin_family = AF_INET};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->answer = answer;
    s->connections = 0;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    snprintf(url, 64, "http://127.0.0.1:%u/x", (unsigned)sock_port(s->fd));
    assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
}

static void script_stop(struct script *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static void test_outcomes(void **state)
{
    static const struct {
        const char *answer;
        size_t max_body;
        enum err want;
        int status;
        const char *body, *exception;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, ERR_NONE, 200, "ok", ""},
        {"HTTP/1.1 500 E\r\nX-ClickHouse-Exception-Code: 62 \r\nContent-Length: 0\r\n\r\n", 0,
         ERR_NONE, 500, "", "62"},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 0,
         ERR_NONE, 302, "", ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 3, ERR_NONE,
         200, "abc", ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 3, ERR_LIMIT, 0, "", ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 0, ERR_PEER, 0, "", ""},
        {"nonsense\r\n\r\n", 0, ERR_PEER, 0, "", ""},
        {NULL, 0, ERR_PEER, 0, "", ""},
    };
    struct http_client *c = http_client_new();

    (void)state;
    assert_non_null(c);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script s;
        char url[64];
        struct http_answer a;
        struct diag d = {0};
        script_start(&s, rows[i].answer, url);
        struct http_request q = {.method = "POST",
                                 .url = url,
                                 .body = SLICE("payload"),
                                 .timeout_ms = 5000,
                                 .max_body = rows[i].max_body};
        assert_int_equal(http_do(c, &q, &a, &d), rows[i].want);
        assert_int_equal(a.status, rows[i].status);
        assert_true(slice_eq(buf_slice(&a.body), slice_of(rows[i].body)));
        assert_string_equal(a.exception, rows[i].exception);
        assert_true(a.sent);
        assert_int_equal(d.text[0] != '\0', rows[i].want != ERR_NONE);
        buf_done(&a.body);
        script_stop(&s);
        assert_int_equal(s.connections, 1);
    }
    http_client_free(c);
}

static void test_refused(void **state)
{
    struct http_client *c = http_client_new();
    struct http_answer a;
    struct diag d = {0};
    struct sock_addr addr;
    char url[64];
    int fd;

    (void)state;
    assert_int_equal(sock_parse(SLICE("127.0.0.1:0"), &addr, NULL), ERR_NONE);
    assert_int_equal(sock_listen_tcp(&addr, &fd, NULL), ERR_NONE);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)sock_port(fd));
    close(fd);
    struct http_request q = {.method = "GET", .url = url};
    assert_int_equal(http_do(c, &q, &a, &d), ERR_PEER);
    assert_false(a.sent);
    buf_done(&a.body);
    q.url = "http://store/";
    q.unix_socket = "/nonexistent/socket";
    assert_int_equal(http_do(c, &q, &a, &d), ERR_PEER);
    assert_false(a.sent);
    assert_non_null(strstr(d.text, "/nonexistent/socket"));
    buf_done(&a.body);
    q.unix_socket = NULL;
    q.url = "file:///etc/passwd";
    assert_int_equal(http_do(c, &q, &a, &d), ERR_SYNTAX);
    assert_false(a.sent);
    buf_done(&a.body);
    http_client_free(c);
}

static void test_timeout(void **state)
{
    struct http_client *c = http_client_new();
    struct script s;
    struct http_answer a;
    char url[64];
    int64_t began = clock_mono_ns();

    (void)state;
    script_start(&s, "", url);
    struct http_request q = {.method = "GET", .url = url, .timeout_ms = 200};
    assert_int_equal(http_do(c, &q, &a, NULL), ERR_TIMEOUT);
    assert_true(a.sent);
    assert_true(clock_mono_ns() - began < 3 * NS_PER_S);
    buf_done(&a.body);
    http_client_free(c);
    script_stop(&s);
}

static atomic_int handled;

static void echo(void *arg, struct http_call *c)
{
    const char *h = http_header(c, "X-Test");

    (void)arg;
    atomic_fetch_add(&handled, 1);
    http_add_header(c, "X-ClickHouse-Exception-Code", h ? h : "none");
    http_reply(c, 200, "text/plain", http_body(c).n ? http_body(c) : slice_of(http_method(c)));
}

static void exchange(struct http_client *c, const char *path, const char *method, struct slice body,
                     bool repeatable, const char *want)
{
    static const char *const headers[] = {"X-Test: 42"};
    struct http_answer a;
    struct diag d = {0};
    struct http_request q = {.method = method,
                             .url = "http://store/x",
                             .unix_socket = path,
                             .headers = headers,
                             .headers_n = 1,
                             .body = body,
                             .max_body = 4 << 20,
                             .repeatable = repeatable};

    assert_int_equal(http_do(c, &q, &a, &d), ERR_NONE);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.exception, "42");
    assert_true(slice_eq(buf_slice(&a.body), want ? slice_of(want) : body));
    buf_done(&a.body);
}

static void test_unix_socket(void **state)
{
    char dir[] = "/tmp/coloa-client-XXXXXX", path[64];
    char *big = malloc(3 << 20);
    struct http_server *server;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_non_null(big);
    memset(big, 'b', 3 << 20);
    snprintf(path, sizeof(path), "%s/s", dir);
    assert_int_equal(sock_listen_unix(path, &fd, NULL), ERR_NONE);
    struct http_server_options o = {.listen_fd = fd, .max_body = 4 << 20, .handle = echo};
    assert_int_equal(http_server_start(&o, &server, NULL), ERR_NONE);
    struct http_client *c = http_client_new();
    handled = 0;
    exchange(c, path, "GET", SLICE(""), false, "GET");
    exchange(c, path, "DELETE", SLICE(""), false, "DELETE");
    exchange(c, path, "PATCH", SLICE("{}"), false, NULL);
    exchange(c, path, "POST", SLICE("a"), true, NULL);
    exchange(c, path, "HEAD", SLICE(""), false, "");
    exchange(c, path, "POST", (struct slice){big, 3 << 20}, false, NULL);
    assert_int_equal(handled, 6);
    http_client_free(c);
    http_server_stop(server, 1000);
    free(big);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
