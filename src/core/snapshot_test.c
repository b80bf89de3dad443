#include "core/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crc32c.h"
#include "core/snapshot.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/snapshot_test.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static const char *path(const char *name)
{
    static char two[2][512];
    static unsigned turn;
    char *p = two[turn++ % 2]; /* a call may name two paths */

    (void)snprintf(p, sizeof(two[0]), "%s/s/rules/%s", dir, name);
    return p;
}

static unsigned count(void)
{
    DIR *dp = opendir(path(""));
    unsigned n = 0;

    assert_non_null(dp);
    for (struct dirent *d; (d = readdir(dp));)
        n += d->d_name[0] != '.';
    (void)closedir(dp);
    return n;
}

static int drop_dir(void **state)
{
    DIR *dp = opendir(path(""));

    (void)state;
    for (struct dirent *d; dp && (d = readdir(dp));)
        (void)unlink(path(d->d_name));
    if (dp)
        (void)closedir(dp);
    char p[200];
    (void)rmdir(path(""));
    (void)snprintf(p, sizeof(p), "%s/s", dir);
    (void)rmdir(p);
    return rmdir(dir);
}

static const char *root(void)
{
    static char p[100];

    (void)snprintf(p, sizeof(p), "%s/s", dir);
    return p;
}

static void publish(const char *text, uint64_t want)
{
    struct diag d = {0};
    uint64_t seq = 0;

    if (snapshot_publish(root(), "rules", slice_of(text), &seq, &d) != ERR_NONE)
        fail_msg("%s", d.text);
    assert_true(seq == want);
}

static void expect(const char *text, uint64_t want)
{
    struct diag d = {0};
    uint64_t seq = 0;
    struct buf b;

    buf_init(&b, 1 << 20);
    assert_int_equal(buf_puts(&b, "before "), ERR_NONE);
    enum err e = snapshot_load(root(), "rules", &b, &seq, &d);
    assert_int_equal(e, text ? ERR_NONE : ERR_NOENT);
    buf_drop_front(&b, 7);
    assert_string_equal(buf_cstr(&b), text ? text : "");
    assert_true(seq == want);
    buf_done(&b);
}

static void damage(const char *name, off_t at)
{
    int fd = open(path(name), O_RDWR | O_CLOEXEC);
    char c = 0;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    assert_int_equal(close(fd), 0);
}

static void test_life(void **state)
{
    (void)state;
    expect(NULL, 0);
    publish("one", 1);
    expect("one", 1);
    publish("", 2);
    expect("", 2);
    publish("three", 3);
    expect("three", 3);
    assert_int_equal(count(), 2);
    assert_int_equal(access(path("000000000002"), F_OK), 0);
    struct stat st;
    assert_int_equal(stat(path("000000000003"), &st), 0);
    assert_int_equal(st.st_mode & 0137,
                     0); /* for others nothing; the group may read what its folder lets it */
    assert_int_equal(st.st_size, 5 + 20);
}

/* Whatever byte is wrong, and wherever the file is cut, the older one is taken. */
static void test_torn(void **state)
{
    (void)state;
    publish("good", 1);
    publish("newer", 2);
    for (off_t at = 0; at < 25; at++) {
        damage("000000000002", at);
        expect("good", 1);
        damage("000000000002", at);
    }
    expect("newer", 2);
    for (off_t n = 24; n >= 0; n--) {
        assert_int_equal(truncate(path("000000000002"), n), 0);
        expect("good", 1);
    }
    publish("newest", 3); /* numbers are never used again */
    expect("newest", 3);
    damage("000000000003", 3);
    expect(NULL, 0);
}

static void test_foreign(void **state)
{
    (void)state;
    publish("good", 1);
    static const char *const names[] = {"new.tmp", "999", "0000000000zz", "0000000000001"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int fd = open(path(names[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "x", 1), 1);
        assert_int_equal(close(fd), 0);
    }
    assert_int_equal(rename(path("000000000001"), path("000000000009")), 0);
    expect(NULL, 0); /* it says that it is number 1 */
    assert_int_equal(rename(path("000000000009"), path("000000000001")), 0);
    assert_int_equal(symlink("000000000001", path("000000000008")), 0);
    expect("good", 1);
    assert_int_equal(unlink(path("000000000008")), 0);
    assert_int_equal(mkfifo(path("000000000009"), 0600), 0);
    expect("good", 1); /* and it does not hang */
    publish("next", 10);
    expect("next", 10);
    assert_int_equal(access(path("new.tmp"), F_OK), -1);
}

static void test_newer_version(void **state)
{
    static const char file[] = "CLSN\x02\0\0\0\x01\0\0\0\0\0\0\0";
    struct diag d = {0};
    uint64_t seq = 5;
    struct buf b;

    (void)state;
    publish("x", 1);
    buf_init(&b, 100);
    FILE *f = fopen(path("000000000001"), "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(file, 1, 16, f), 16);
    uint32_t c = crc32c(0, (struct slice){file, 16});
    assert_int_equal(fwrite(&c, 1, 4, f), 4);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(snapshot_load(root(), "rules", &b, &seq, &d), ERR_VERSION);
    assert_int_equal(seq, 5);
    assert_int_equal(b.n, 0);
    buf_done(&b);
}

static void test_refusals(void **state)
{
    static const char *const kinds[] = {"", ".", "..", "a/b", "/etc", "A", "a b"};
    struct diag d = {0};
    uint64_t seq = 5;
    struct buf b;

    (void)state;
    buf_init(&b, 3);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_int_equal(snapshot_publish(root(), kinds[i], SLICE("x"), &seq, &d), ERR_SYNTAX);
        assert_int_equal(snapshot_load(root(), kinds[i], &b, &seq, &d), ERR_SYNTAX);
    }
    publish("more than three", 1);
    assert_int_equal(snapshot_load(root(), "rules", &b, &seq, &d), ERR_LIMIT);
    assert_int_equal(b.n, 0);
    assert_int_equal(seq, 5);
    assert_int_equal(snapshot_publish("/dev/null/x", "rules", SLICE("x"), &seq, &d), ERR_SYS);
    assert_int_equal(snapshot_publish(root(), "rules",
                                      (struct slice){"x", (size_t)SNAPSHOT_BYTES_MAX + 1}, &seq,
                                      &d),
                     ERR_LIMIT);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_torn, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_foreign, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_newer_version, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_refusals, make_dir, drop_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
