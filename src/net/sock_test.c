#include "core/test.h"

#include "net/sock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void test_parse(void **state)
{
    static const struct {
        const char *in, *out; /* NULL = refused */
        bool loopback;
    } rows[] = {
        {"127.0.0.1:8443", "127.0.0.1:8443", true},
        {"[::1]:80", "[::1]:80", true},
        {"localhost:0", "127.0.0.1:0", true},
        {":0", ":0", false},
        {" 0.0.0.0:514 ", "0.0.0.0:514", false},
        {"[2001:db8::1]:65535", "[2001:db8::1]:65535", false},
        {"", NULL, false},
        {"8443", NULL, false},
        {"127.0.0.1:", NULL, false},
        {"127.0.0.1:65536", NULL, false},
        {"127.0.0.1:-1", NULL, false},
        {"::1:80", NULL, false},
        {"[127.0.0.1]:80", NULL, false},
        {"[::1:80", NULL, false},
        {"example.com:80", NULL, false},
        {"[]:80", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sock_addr a = {.len = 77};
        struct diag diag = {0};
        enum err e = sock_parse(slice_of(rows[i].in), &a, &diag);
        if (!rows[i].out) {
            assert_int_equal(e, ERR_SYNTAX);
            assert_int_equal(a.len, 77);
            assert_true(diag.text[0] != '\0');
            continue;
        }
        char text[SOCK_TEXT_BYTES + 1];
        assert_int_equal(e, ERR_NONE);
        sock_text(&a, text);
        assert_string_equal(text, rows[i].out);
        assert_int_equal(sock_is_loopback(&a), rows[i].loopback);
    }
}

static void listen_on(const char *text, int *ret_fd, enum err want, struct diag *diag)
{
    struct sock_addr a;

    assert_int_equal(sock_parse(slice_of(text), &a, diag), ERR_NONE);
    assert_int_equal(sock_listen_tcp(&a, ret_fd, diag), want);
}

static void test_taken_port(void **state)
{
    int fd = -1, second = -1;
    char text[64], port[16];
    struct diag diag = {0};

    (void)state;
    listen_on("127.0.0.1:0", &fd, ERR_NONE, &diag);
    assert_int_not_equal(sock_port(fd), 0);
    snprintf(port, sizeof(port), "%u", (unsigned)sock_port(fd));
    snprintf(text, sizeof(text), "127.0.0.1:%s", port);
    listen_on(text, &second, ERR_CONFLICT, &diag);
    assert_int_equal(second, -1);
    assert_non_null(strstr(diag.text, port));
    assert_non_null(strstr(diag.text, "choose another port"));
    close(fd);
    listen_on("203.0.113.77:0", &second, ERR_SYS, &diag);
    assert_non_null(strstr(diag.text, "203.0.113.77"));
}

static void test_udp_and_any(void **state)
{
    struct sock_addr a;
    int fd, tcp;

    (void)state;
    assert_int_equal(sock_parse(SLICE("127.0.0.1:0"), &a, NULL), ERR_NONE);
    assert_int_equal(sock_bind_udp(&a, 1 << 20, &fd, NULL), ERR_NONE);
    assert_int_not_equal(sock_port(fd), 0);
    close(fd);
    listen_on(":0", &tcp, ERR_NONE, NULL);
    /* every address includes IPv4 */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(sock_port(tcp))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int c = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(c, (struct sockaddr *)&to, sizeof(to)), 0);
    close(c);
    close(tcp);
}

static void test_unix(void **state)
{
    char dir[] = "/tmp/coloa-sock-XXXXXX", path[64], long_path[200];
    struct diag diag = {0};
    struct stat st;
    int fd, again = -1;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    assert_int_equal(sock_listen_unix(path, &fd, &diag), ERR_NONE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sock_listen_unix(path, &again, &diag), ERR_CONFLICT);
    assert_int_equal(again, -1);
    close(fd);
    /* the file of a dead one is replaced */
    assert_int_equal(sock_listen_unix(path, &fd, &diag), ERR_NONE);
    close(fd);
    unlink(path);
    /* but not something that is no socket */
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(sock_listen_unix(path, &again, &diag), ERR_SYS);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    unlink(path);
    rmdir(dir);
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(sock_listen_unix(long_path, &again, &diag), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_taken_port),
        cmocka_unit_test(test_udp_and_any),
        cmocka_unit_test(test_unix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
