#include "core/test.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "core/json.h"
#include "intake/quarantine.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/quarantine-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static size_t read_all(struct buf *out)
{
    glob_t g;
    char pattern[128];
    size_t n;

    (void)snprintf(pattern, sizeof(pattern), "%s/q/*.jsonl", dir);
    if (glob(pattern, 0, NULL, &g) != 0)
        return 0;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        FILE *f = fopen(g.gl_pathv[i], "rb");
        char chunk[4096];
        assert_non_null(f);
        while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
            assert_int_equal(buf_put(out, (struct slice){chunk, n}), ERR_NONE);
        (void)fclose(f);
    }
    n = g.gl_pathc;
    globfree(&g);
    return n;
}

static void path_of(char out[static 128])
{
    (void)snprintf(out, 128, "%s/q", dir);
}

static void test_line(void **state)
{
    struct record r = {.input = INPUT_SYSLOG_TCP, .peer_port = 514, .payload = SLICE("a\0\xff\n")};
    struct json_reader *jr = json_reader_new(1 << 20, 1000);
    const struct json_node *o;
    struct quarantine *q;
    struct buf all;
    char path[128];
    unsigned next = 0;

    (void)state;
    path_of(path);
    assert_int_equal(quarantine_open(path, 1 << 20, 1 << 22, &q, NULL), ERR_NONE);
    assert_int_equal(quarantine_add(q, &r, "too long", 0, true, &next), ERR_NONE);
    assert_int_equal(next, 1);
    assert_int_equal(quarantine_sync(q), ERR_NONE);
    buf_init(&all, 1 << 20);
    assert_int_equal(read_all(&all), 1);
    assert_int_equal(json_read_strict(jr, buf_slice(&all), &o, NULL), ERR_NONE);
    assert_true(slice_eq(json_get_str(o, "bytes"), SLICE("YQD/Cg==")));
    assert_true(slice_eq(json_get_str(o, "input"), SLICE("syslog-tcp")));
    assert_true(slice_eq(json_get_str(o, "reason"), SLICE("too long")));
    assert_int_equal(json_get_int(o, "port", 0), 514);
    assert_true(json_get_bool(o, "last", false));
    json_reader_free(jr);
    buf_done(&all);
    quarantine_free(q);
}

/* Pieces of a long input, files that roll over, the oldest going, and numbers that go on growing
 * after a new start. */
static void test_bounded(void **state)
{
    struct record r = {.input = INPUT_HTTP};
    struct quarantine *q;
    struct buf all;
    char path[128];
    unsigned next = 0;
    size_t n = QUARANTINE_PIECE_BYTES + 5;
    char *big = calloc(1, n);

    (void)state;
    path_of(path);
    assert_int_equal(quarantine_open(path, 2 << 20, 5 << 20, &q, NULL), ERR_NONE);
    r.payload = (struct slice){big, n};
    assert_int_equal(quarantine_add(q, &r, "too long", 3, true, &next), ERR_NONE);
    assert_int_equal(next, 5);
    buf_init(&all, 64 << 20);
    (void)read_all(&all);
    assert_non_null(memmem(all.p, all.n, "\"part\":3,\"last\":false", 21));
    assert_non_null(memmem(all.p, all.n, "\"part\":4,\"last\":true", 20));
    for (int i = 0; i < 10; i++) {
        if (i == 5) {
            quarantine_free(q);
            assert_int_equal(quarantine_open(path, 2 << 20, 5 << 20, &q, NULL), ERR_NONE);
        }
        assert_int_equal(quarantine_add(q, &r, "too long", 0, true, NULL), ERR_NONE);
        buf_reset(&all);
        assert_true(read_all(&all) <= 5);
        assert_true(all.n <= 5 << 20);
    }
    buf_done(&all);
    quarantine_free(q);
    free(big);
}

/* A file that may not grow: the failure is told, and no half line stays behind. */
static void test_no_space(void **state)
{
    struct record r = {.input = INPUT_HTTP};
    struct rlimit was, limit;
    struct quarantine *q;
    struct buf all;
    char path[128], bytes[3000] = "";

    (void)state;
    path_of(path);
    assert_int_equal(quarantine_open(path, 1 << 20, 1 << 22, &q, NULL), ERR_NONE);
    r.payload = (struct slice){bytes, sizeof(bytes)};
    assert_int_equal(quarantine_add(q, &r, "x", 0, true, NULL), ERR_NONE);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    limit = was;
    limit.rlim_cur = 5000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum err e = quarantine_add(q, &r, "x", 0, true, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_not_equal(e, ERR_NONE);
    assert_int_equal(quarantine_add(q, &r, "y", 0, true, NULL), ERR_NONE);
    buf_init(&all, 1 << 20);
    assert_int_equal(read_all(&all), 1);
    size_t lines = 0;
    for (size_t i = 0; i < all.n; i++)
        lines += all.p[i] == '\n';
    assert_int_equal(lines, 2);
    assert_int_equal(all.p[all.n - 1], '\n');
    assert_null(memmem(all.p, all.n, "}{", 2));
    buf_done(&all);
    quarantine_free(q);
    assert_int_not_equal(quarantine_open("/proc/nothing/here", 1, 1, &q, NULL), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_line, make_dir),
                                       cmocka_unit_test_setup(test_bounded, make_dir),
                                       cmocka_unit_test_setup(test_no_space, make_dir)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
