/* Against a real server of another kind: Debian's ClickHouse 18.16. It is too old for the product's
 * schema, but speaks the same protocol and the same Native blocks. */
#include "core/test.h"
#include "store/backend_int.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "net/sock.h"
#include "store/client.h"

#define SERVER "/usr/sbin/clickhouse-server"

static char dir[48], url[64];
static pid_t pid;
static struct store_client *client;

static uint16_t free_port(void)
{
    struct sock_addr a;
    struct diag d;
    int fd = -1;

    assert_int_equal(sock_parse(SLICE("127.0.0.1:0"), &a, &d), ERR_NONE);
    assert_int_equal(sock_listen_tcp(&a, &fd, &d), ERR_NONE);
    uint16_t port = sock_port(fd);
    (void)close(fd);
    return port;
}

static void write_file(const char *name, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void write_file(const char *name, const char *fmt, ...)
{
    char path[96];
    va_list ap;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    va_start(ap, fmt);
    (void)vfprintf(f, fmt, ap);
    va_end(ap);
    assert_int_equal(fclose(f), 0);
}

static void configure(uint16_t http)
{
    static const char *const folders[] = {"data", "tmp", "files"};
    char path[96];

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    write_file("config.xml",
               "<yandex><logger><level>error</level><log>%s/log</log><errorlog>%s/errors</errorlog>"
               "</logger><http_port>%u</http_port><tcp_port>%u</tcp_port>"
               "<listen_host>127.0.0.1</listen_host><mark_cache_size>268435456</mark_cache_size>"
               "<path>%s/data/</path><tmp_path>%s/tmp/</tmp_path>"
               "<user_files_path>%s/files/</user_files_path>"
               "<users_config>%s/users.xml</users_config><default_profile>default</default_profile>"
               "<default_database>default</default_database><timezone>UTC</timezone></yandex>",
               dir, dir, http, free_port(), dir, dir, dir, dir);
    write_file("users.xml",
               "<yandex><profiles><default><max_threads>%d</max_threads></default></profiles>"
               "<users><default><password></password><networks><ip>127.0.0.1</ip></networks>"
               "<profile>default</profile><quota>default</quota></default></users>"
               "<quotas><default></default></quotas></yandex>",
               2);
}

static int setup(void **state)
{
    char config[96];
    struct timespec nap = {.tv_nsec = 100000000};
    struct diag d;
    (void)state;

    (void)signal(SIGPIPE, SIG_IGN);
    if (access(SERVER, X_OK) != 0)
        return 0;
    (void)snprintf(dir, sizeof(dir), "/tmp/coloa-portable-XXXXXX");
    assert_non_null(mkdtemp(dir));
    uint16_t port = free_port();
    configure(port);
    (void)snprintf(config, sizeof(config), "--config-file=%s/config.xml", dir);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr))
            (void)execl(SERVER, SERVER, config, (char *)NULL);
        _exit(126);
    }
    struct store_client_options o = {.url = url};
    client = store_client_new(&o);
    assert_non_null(client);
    for (int i = 0; i < 300; i++) {
        if (store_ping(client, &d) == ERR_NONE)
            return 0;
        (void)nanosleep(&nap, NULL);
    }
    print_message("%s did not answer within 30 s\n", SERVER);
    return -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    store_client_free(client);
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    return 0;
}

static void need_server(void)
{
    if (!client) {
        print_message("skipped: no %s (Debian's package clickhouse-server)\n", SERVER);
        skip();
    }
}

static void run(const char *sql, const char *expected)
{
    struct diag d = {.code = ERR_NONE};
    struct buf out;

    buf_init(&out, 1 << 20);
    if (store_select(client, slice_of(sql), NULL, "TabSeparated", &out, &d) != ERR_NONE)
        fail_msg("%s: %s", sql, d.text);
    if (expected)
        assert_string_equal(out.n ? buf_cstr(&out) : "", expected);
    buf_done(&out);
}

static void str(struct buf *b, struct slice s)
{
    assert_true(s.n < 128);
    assert_int_equal(buf_putc(b, (char)s.n), ERR_NONE);
    assert_int_equal(buf_put(b, s), ERR_NONE);
}

static void head(struct buf *b, const char *name, const char *type)
{
    str(b, slice_of(name));
    str(b, slice_of(type));
}

static void num(struct buf *b, uint64_t v, unsigned width)
{
    assert_int_equal(bytes_put_uint(b, v, width), ERR_NONE);
}

/* Two rows of the portable table, as docs/formats/store.md describes a Native block. */
static void portable_block(struct buf *b)
{
    assert_int_equal(buf_put(b, (struct slice){"\x06\x02", 2}), ERR_NONE);
    head(b, "day", "Date");
    num(b, 20417, 2);
    num(b, 20418, 2);
    head(b, "ts", "Int64");
    num(b, UINT64_C(1764057621123456789), 8);
    num(b, (uint64_t)INT64_C(-1), 8);
    head(b, "uid", "UUID");
    for (uint64_t row = 0; row < 2; row++) {
        num(b, UINT64_C(0x0197a00000007000), 8);
        num(b, UINT64_C(0x8000000000000001) + row, 8);
    }
    head(b, "src_ip", "FixedString(16)");
    for (int row = 0; row < 2; row++)
        assert_int_equal(buf_put(b, (struct slice){"\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\3", 16}),
                         ERR_NONE);
    head(b, "tags", "Array(String)");
    num(b, 2, 8);
    num(b, 3, 8);
    str(b, SLICE("a"));
    str(b, SLICE("b"));
    str(b, SLICE("c"));
    head(b, "message", "String");
    str(b, (struct slice){"a\0\xff", 3});
    str(b, SLICE("Đăng nhập"));
}

#define INSERT "INSERT INTO default.evp (day, ts, uid, src_ip, tags, message)"

static const char ask_rows[] =
    "SELECT day, ts, uid, hex(src_ip), tags, hex(message) FROM default.evp ORDER BY ts DESC";
static const char rows[] =
    "2025-11-25\t1764057621123456789\t0197a000-0000-7000-8000-000000000001\t"
    "00000000000000000000FFFF0A010203\t['a','b']\t6100FF\n"
    "2025-11-26\t-1\t0197a000-0000-7000-8000-000000000002\t00000000000000000000FFFF0A010203\t"
    "['c']\tC490C4836E67206E68E1BAAD70\n";

static void make_table(void)
{
    run("DROP TABLE IF EXISTS default.evp", "");
    run("CREATE TABLE default.evp (day Date, ts Int64, uid UUID, src_ip FixedString(16), tags "
        "Array(String), message String) ENGINE = MergeTree PARTITION BY day ORDER BY ts",
        "");
}

static void native_over_http(void **state)
{
    struct diag d = {.code = ERR_NONE};
    bool unknown = true;
    struct buf b;
    (void)state;

    need_server();
    make_table();
    buf_init(&b, 4096);
    portable_block(&b);
    if (store_insert(client, INSERT " FORMAT Native", NULL, buf_slice(&b), &unknown, &d) !=
        ERR_NONE)
        fail_msg("%s", d.text);
    assert_false(unknown);
    run(ask_rows, rows);
    /* A block that was cut off is refused whole. */
    struct slice cut = slice_cut(buf_slice(&b), 0, b.n - 3);
    assert_int_not_equal(store_insert(client, INSERT " FORMAT Native", NULL, cut, &unknown, &d),
                         ERR_NONE);
    run(ask_rows, rows);
    buf_done(&b);
}

static void refusals(void **state)
{
    struct diag d = {.code = ERR_NONE};
    struct buf out;
    (void)state;

    need_server();
    buf_init(&out, 1 << 20);
    assert_int_equal(store_select(client, SLICE("SELEC 1"), NULL, "TSV", &out, &d), ERR_SYNTAX);
    assert_non_null(strstr(d.text, "Syntax error"));
    assert_int_equal(out.n, 0);
    struct store_client_options o = {.url = "http://127.0.0.1:1/", .timeout_ms = 2000};
    struct store_client *nobody = store_client_new(&o);
    bool unknown = true;
    assert_int_equal(store_ping(nobody, &d), ERR_PEER);
    assert_int_equal(store_insert(nobody, INSERT " FORMAT Native", NULL, SLICE("x"), &unknown, &d),
                     ERR_PEER);
    assert_false(unknown); /* nobody was reached: nothing can be there */
    store_client_free(nobody);
    buf_done(&out);
}

/* The store role in front of a server: what it forwards arrives. */
static void forwarded(void **state)
{
    struct store_server_options o = {.url = url};
    struct backend *backend = NULL;
    struct backend_session *writer = NULL, *reader = NULL;
    struct backend_answer a;
    struct diag d = {.code = ERR_NONE};
    struct buf b;
    (void)state;

    need_server();
    make_table();
    buf_init(&b, 4096);
    portable_block(&b);
    assert_int_equal(backend_open(&o, &backend, &d), ERR_NONE);
    assert_int_equal(backend_session_open(backend, true, &writer, &d), ERR_NONE);
    assert_int_equal(backend_session_open(backend, false, &reader, &d), ERR_NONE);
    backend_insert(writer, SLICE(INSERT), "Native", NULL, buf_slice(&b), &a);
    if (a.text.n)
        fail_msg("%.*s", SLICE_ARG(a.text));
    backend_answer_done(&a);
    backend_query(reader, slice_of(ask_rows), "TabSeparated", NULL, 0, &a);
    assert_int_equal(a.text.n, 0);
    assert_int_equal(a.body.n, strlen(rows));
    assert_memory_equal(a.body.p, rows, a.body.n);
    backend_answer_done(&a);
    backend_query(reader, SLICE("DROP TABLE default.evp"), "TabSeparated", NULL, 0, &a);
    assert_int_equal(a.code, 164);
    backend_answer_done(&a);
    backend_insert(writer, SLICE(INSERT), "Native", "bad token'", buf_slice(&b), &a);
    assert_true(a.text.n > 0);
    backend_answer_done(&a);
    run(ask_rows, rows);
    backend_session_close(writer);
    backend_session_close(reader);
    backend_close(backend);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_over_http),
        cmocka_unit_test(refusals),
        cmocka_unit_test(forwarded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
