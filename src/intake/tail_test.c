#include "intake/kit_int.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "intake/tail_mark.h"

static void follow(struct kit *k, const char *pattern)
{
    char path[160];

    kit_new(k);
    (void)snprintf(path, sizeof(path), "%s/%s", k->dir, pattern);
    kit_set(k, "intake.files", path);
}

static void move(struct kit *k, const char *from, const char *to)
{
    char a[160], b[160];

    (void)snprintf(a, sizeof(a), "%s/%s", k->dir, from);
    (void)snprintf(b, sizeof(b), "%s/%s", k->dir, to);
    assert_int_equal(rename(a, b), 0);
}

static void expect(struct kit *k, const char *const *lines, size_t n)
{
    kit_wait(k, n);
    (void)usleep(300000);
    kit_read(k);
    for (size_t i = 0; i < k->got_n && i < n; i++)
        assert_string_equal(k->got[i].text, lines[i]);
    assert_int_equal(k->got_n, n);
}

/* Lines, CRLF, empty lines, a line without its end; more of it later; a restart in between. */
static void test_lines_and_restart(void **state)
{
    static const char *const lines[] = {"one", "two", "three four", "five"};
    struct kit k;

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "one\n\ntwo\r\nthree", false);
    kit_start(&k);
    expect(&k, lines, 2);
    assert_int_equal(k.got[0].r.input, INPUT_FILE);
    assert_int_equal(k.got[0].r.framing, FRAMING_LF);
    assert_non_null(strstr(k.got[0].r.name.p, "/a.log"));
    kit_stop(&k);
    kit_write_file(&k, "a.log", " four\nfive\n", true);
    kit_start(&k);
    expect(&k, lines, 4);
    kit_done(&k);
}

/* Renamed while followed: the rest of the old one, its last line without LF, then the new one from
 * its beginning; the renamed one matches the pattern as well and is not read twice. */
static void test_rotation(void **state)
{
    static const char *const lines[] = {"a1", "a2", "a3", "b1", "b2", "b3"};
    struct kit k;

    (void)state;
    follow(&k, "a*log*");
    kit_write_file(&k, "a.log", "a1\n", false);
    kit_start(&k);
    kit_wait(&k, 1);
    move(&k, "a.log", "a-old.log");
    kit_write_file(&k, "a-old.log", "a2\na3", true);
    kit_write_file(&k, "a.log", "b1\n", false);
    expect(&k, lines, 4);
    kit_write_file(&k, "a.log", "b2\n", true);
    expect(&k, lines, 5);
    kit_stop(&k);
    kit_write_file(&k, "a.log", "b3\n", true);
    kit_start(&k);
    (void)usleep(2500000);
    expect(&k, lines, 6);
    kit_done(&k);
}

/* Each file lives shorter than the one before it lingers; renamed ones match the pattern as well.
 */
static void test_rotations_matching_the_pattern(void **state)
{
    static const char *const lines[] = {"a1", "b1", "b2", "c1", "d1", "d2"};
    struct kit k;

    (void)state;
    follow(&k, "a*log*");
    kit_write_file(&k, "a.log", "a1\n", false);
    kit_start(&k);
    kit_wait(&k, 1);
    move(&k, "a.log", "a-3.log");
    kit_write_file(&k, "a.log", "b1\nb2\n", false);
    (void)usleep(700000);
    move(&k, "a.log", "a-2.log");
    kit_write_file(&k, "a.log", "c1\n", false);
    (void)usleep(700000);
    move(&k, "a.log", "a-1.log");
    kit_write_file(&k, "a.log", "d1\n", false);
    expect(&k, lines, 5);
    kit_write_file(&k, "a.log", "d2\n", true);
    expect(&k, lines, 6);
    (void)usleep(2500000);
    expect(&k, lines, 6);
    kit_done(&k);
}

/* Renamed while nobody looked. The old one is found by its inode, whichever name sorts first. */
static void rotated_while_down(const char *pattern, const char *to)
{
    struct kit k;

    follow(&k, pattern);
    kit_write_file(&k, "a.log", "a1\n", false);
    kit_start(&k);
    kit_wait(&k, 1);
    kit_stop(&k);
    kit_write_file(&k, "a.log", "a2\n", true);
    move(&k, "a.log", to);
    kit_write_file(&k, "a.log", "b1\nb2\n", false);
    kit_start(&k);
    kit_wait(&k, 4);
    (void)usleep(2500000);
    kit_read(&k);
    assert_int_equal(k.got_n, 4);
    assert_true(kit_has(&k, "a1") && kit_has(&k, "a2") && kit_has(&k, "b1") && kit_has(&k, "b2"));
    kit_done(&k);
}

static void test_rotated_while_down(void **state)
{
    (void)state;
    rotated_while_down("a.log", "a.log.1");
    rotated_while_down("a*log*", "a-old.log");
}

/* copytruncate, and a file written anew with more bytes than before. */
static void test_truncation(void **state)
{
    static const char *const lines[] = {"first line", "half", "x1", "yy long enough", "y2"};
    struct kit k;

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "first line\nhalf", false);
    kit_start(&k);
    kit_wait(&k, 1);
    (void)usleep(500000); /* the half line is read, and held */
    kit_write_file(&k, "a.log", "x1\n", false);
    expect(&k, lines, 3);
    kit_write_file(&k, "a.log", "yy long enough\ny2\n", false);
    expect(&k, lines, 5);
    kit_done(&k);
}

static void test_long_lines(void **state)
{
    struct kit k;
    char *big = malloc(700001), *q;

    (void)state;
    memset(big, 'x', 700000);
    big[700000] = 0;
    follow(&k, "a.log");
    kit_set(&k, "intake.record_bytes", "1024");
    kit_write_file(&k, "a.log", "one\n", false);
    kit_write_file(&k, "a.log", big, true);
    kit_start(&k);
    kit_wait(&k, 1);
    (void)usleep(500000); /* most of the long line is in quarantine already */
    kit_write_file(&k, "a.log", "x\ntwo\n", true);
    kit_wait(&k, 2);
    assert_int_equal(k.got_n, 2);
    assert_true(kit_has(&k, "two"));
    q = kit_quarantine(&k);
    assert_non_null(strstr(q, "\"part\":0,\"last\":false"));
    assert_non_null(strstr(q, "\"last\":true"));
    size_t bytes = 0;
    for (const char *p = q; (p = strstr(p, "\"bytes\":\""));) {
        p += 9;
        bytes += strcspn(p, "\"=") * 3 / 4;
    }
    assert_int_equal(bytes, 700001);
    free(q);
    free(big);
    kit_done(&k);
}

/* The first start reads the last MiB of a large file, from a line's beginning; files that appear
 * later are read whole. */
static void test_first_start(void **state)
{
    struct kit k;
    size_t n = 40000;
    char *text = malloc(n * 50), *at = text;

    (void)state;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(at, 50, "line %06zu ...........................\n", i);
    follow(&k, "*.log");
    kit_write_file(&k, "a.log", text, false);
    kit_start(&k);
    kit_wait(&k, (1 << 20) / 40 - 1);
    (void)usleep(300000);
    kit_read(&k);
    assert_int_equal(k.got_n, (1 << 20) / 40);
    assert_memory_equal(k.got[0].text, "line ", 5);
    assert_memory_equal(k.got[k.got_n - 1].text, "line 039999", 11);
    size_t before = k.got_n;
    kit_write_file(&k, "b.log", text, false);
    kit_wait(&k, before + n);
    kit_stop(&k);
    kit_write_file(&k, "c.log", text, false); /* new while we were down */
    kit_start(&k);
    kit_wait(&k, before + 2 * n);
    (void)usleep(300000);
    kit_read(&k);
    assert_int_equal(k.got_n, before + 2 * n);
    free(text);
    kit_done(&k);
}

static void test_denied(void **state)
{
    struct kit k;
    char path[160];

    (void)state;
    if (geteuid() != 0) {
        print_message("needs root to become nobody: skipped\n");
        skip();
    }
    follow(&k, "a.log");
    assert_int_equal(chmod(k.dir, 0755), 0);
    kit_write_file(&k, "a.log", "one\n", false);
    (void)snprintf(path, sizeof(path), "%s/a.log", k.dir);
    assert_int_equal(chown(path, 0, 4), 0); /* root:adm */
    assert_int_equal(chmod(path, 0640), 0);
    kit_set(&k, "journal.commit_ms", "1");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* a process of its own: threads of the kit do not change their user */
        bool ok = chown(k.dir, 65534, 65534) == 0 && setgid(65534) == 0 && setuid(65534) == 0;
        if (!ok)
            _exit(2);
        kit_start(&k);
        kit_wait_status(&k, "sudo usermod -aG adm,systemd-journal nobody");
        kit_wait_status(&k, "\"state\":\"denied\"");
        kit_stop(&k);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    kit_start(&k); /* as root again: nothing was lost by it */
    kit_wait(&k, 1);
    kit_done(&k);
}

/* Killed at any moment: not a line lost, not one doubled. */
static void test_kill(void **state)
{
    struct kit k;
    unsigned seed = 7;
    size_t n = 0;

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "", false);
    for (int round = 0; round < 8; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            kit_start(&k);
            for (;;)
                (void)pause();
        }
        int64_t until = clock_mono_ns() + 300 * NS_PER_MS + rand_r(&seed) % 200 * NS_PER_MS;
        while (clock_mono_ns() < until) {
            char text[2000], *at = text;
            for (int i = 0; i < 30; i++)
                at +=
                    snprintf(at, sizeof(text) - (size_t)(at - text), "line %zu of the test\n", n++);
            kit_write_file(&k, "a.log", text, true);
            (void)usleep(2000);
        }
        if (round == 4) {
            move(&k, "a.log", "a.log.1");
            kit_write_file(&k, "a.log", "", false);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    kit_start(&k);
    kit_wait(&k, n);
    (void)usleep(2000000);
    kit_read(&k);
    for (size_t i = 0; i < k.got_n; i++) {
        char want[40];
        (void)snprintf(want, sizeof(want), "line %zu of the test", i);
        assert_string_equal(k.got[i].text, want);
    }
    assert_int_equal(k.got_n, n);
    kit_done(&k);
}

/* Renamed again and again within the time that a renamed file is kept: every file is read, in the
 * order in which they were at the path. `names` go through, `wait_us` is spent at each. */
static void rotate_fast(const char *const names[3], unsigned wait_us)
{
    static const char *const order[] = {"a1", "a2", "b1", "b2", "c1", "d1", "e1"};
    struct kit k;

    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "a1\n", false);
    kit_start(&k);
    kit_wait(&k, 1);
    move(&k, "a.log", names[0]);
    kit_write_file(&k, "a.log", "b1\nb2", false);
    (void)usleep(wait_us);
    move(&k, "a.log", names[1]);
    kit_write_file(&k, "a.log", "c1\n", false);
    (void)usleep(wait_us);
    move(&k, "a.log", names[2]);
    kit_write_file(&k, "a.log", "d1\n", false);
    (void)usleep(wait_us);
    kit_write_file(&k, names[0], "a2\n", true); /* its writer had not yet turned to the new one */
    kit_wait(&k, 6);
    kit_write_file(&k, "a.log", "e1\n", true);
    expect(&k, order, ARRAY_LEN(order));
    kit_done(&k);
}

static void test_rotations_in_a_row(void **state)
{
    static const char *const numbered[] = {"a.log.1", "a.log.2", "a.log-20240102"};
    static const char *const odd[] = {"x", "old-a.log", "a.log.gone"};

    (void)state;
    rotate_fast(numbered, 20000); /* too fast to be seen at the path */
    rotate_fast(numbered, 400000);
    rotate_fast(odd, 400000);
}

/* The rotated names are followed too and shift, as logrotate does it: each line once. */
static void test_shifting_names(void **state)
{
    static const char *const lines[] = {"a1", "b1", "b2", "c1", "d1"};
    struct kit k;

    (void)state;
    follow(&k, "a.log*");
    kit_write_file(&k, "a.log", "a1\n", false);
    kit_start(&k);
    kit_wait(&k, 1);
    move(&k, "a.log", "a.log.1");
    kit_write_file(&k, "a.log", "b1\nb2\n", false);
    (void)usleep(20000);
    move(&k, "a.log.1", "a.log.2");
    move(&k, "a.log", "a.log.1");
    kit_write_file(&k, "a.log", "c1\n", false);
    (void)usleep(800000);
    move(&k, "a.log.2", "a.log.3");
    move(&k, "a.log.1", "a.log.2");
    move(&k, "a.log", "a.log.1");
    kit_write_file(&k, "a.log", "d1\n", false);
    kit_wait(&k, ARRAY_LEN(lines));
    (void)usleep(4500000); /* those that waited for their turn are opened under their own names */
    kit_read(&k);
    assert_int_equal(k.got_n, ARRAY_LEN(lines));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_true(kit_has(&k, lines[i]));
    kit_done(&k);
}

/* Only names that a rotation gives count, and only files younger than the one that was read. */
static void test_no_rotated_file(void **state)
{
    static const char *const order[] = {"a1", "b1", "b2"};
    struct kit k;

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log.3", "before\n", false);
    (void)usleep(20000);
    kit_write_file(&k, "a.log", "a1\n", false);
    kit_start(&k);
    kit_wait(&k, 1);
    kit_write_file(&k, "a.log.gz", "no\n", false);
    kit_write_file(&k, "a.log.errors", "no\n", false);
    kit_write_file(&k, "a.log2", "no\n", false);
    kit_write_file(&k, "ab.log.1", "no\n", false);
    move(&k, "a.log", "a.log.1");
    kit_write_file(&k, "a.log", "b1\n", false);
    kit_wait(&k, 2);
    kit_write_file(&k, "a.log", "b2\n", true);
    expect(&k, order, ARRAY_LEN(order));
    kit_done(&k);
}

/* All rotations of a time in which nobody looked, and with more of them than are kept open. */
static void test_many_rotations_while_down(void **state)
{
    enum { N = 40 };
    char text[N + 2][16], name[32];
    const char *order[N + 2];
    struct kit k;

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "line 0\n", false);
    kit_start(&k);
    kit_wait(&k, 1);
    kit_stop(&k);
    for (int i = 0; i < N + 2; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "line %d", i);
        order[i] = text[i];
    }
    for (int i = 1; i < N + 2; i++) {
        char line[20];
        (void)snprintf(name, sizeof(name), "a.log.%d", i);
        (void)snprintf(line, sizeof(line), "%s\n", text[i]);
        move(&k, "a.log", name);
        (void)usleep(15000); /* births are as exact as the kernel's tick */
        kit_write_file(&k, "a.log", line, false);
    }
    kit_start(&k);
    expect(&k, order, N + 2);
    kit_done(&k);
}

/* copytruncate: the copy bears a rotated file's name and is younger, but is none. */
static void test_copytruncate(void **state)
{
    static const char *const order[] = {"a1", "a2", "b1", "c1"};
    struct kit k;

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "a1\na2\n", false);
    kit_start(&k);
    kit_wait(&k, 2);
    kit_write_file(&k, "a.log.1", "a1\na2\n", false);
    kit_write_file(&k, "a.log", "", false);
    (void)usleep(500000);
    kit_write_file(&k, "a.log", "b1\n", true);
    expect(&k, order, 3);
    kit_stop(&k);
    kit_write_file(&k, "a.log.2", "b1\n", false);
    kit_write_file(&k, "a.log", "", false);
    kit_start(&k);
    (void)usleep(500000);
    kit_write_file(&k, "a.log", "c1\n", true);
    expect(&k, order, 4);
    kit_done(&k);
}

static void check_numbered(struct kit *k, size_t n)
{
    kit_wait(k, n);
    (void)usleep(1000000);
    kit_read(k);
    for (size_t i = 0; i < k->got_n; i++) {
        char want[40];
        (void)snprintf(want, sizeof(want), "line %zu of the test", i);
        assert_string_equal(k->got[i].text, want);
    }
    assert_int_equal(k->got_n, n);
}

static void write_numbered(struct kit *k, size_t *n, int lines)
{
    char text[2000], *at = text;

    for (int i = 0; i < lines; i++)
        at += snprintf(at, sizeof(text) - (size_t)(at - text), "line %zu of the test\n", (*n)++);
    kit_write_file(k, "a.log", text, true);
}

static pid_t start_child(struct kit *k)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        kit_start(k);
        for (;;)
            (void)pause();
    }
    return pid;
}

static void stop_child(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Killed while a renamed file is kept and two more have followed it. */
static void test_kill_with_two_followers(void **state)
{
    struct kit k;
    size_t n = 0;

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "", false);
    pid_t pid = start_child(&k);
    (void)usleep(400000);
    write_numbered(&k, &n, 3);
    (void)usleep(400000);
    move(&k, "a.log", "a.log.1");
    write_numbered(&k, &n, 3);
    (void)usleep(400000);
    move(&k, "a.log", "a.log.2");
    write_numbered(&k, &n, 3);
    (void)usleep(400000);
    stop_child(pid);
    move(&k, "a.log", "a.log.3"); /* and once more while it is down */
    write_numbered(&k, &n, 3);
    kit_start(&k);
    check_numbered(&k, n);
    kit_done(&k);
}

/* Killed at any moment while the log is rotated all the time. */
static void test_kill_and_rotations(void **state)
{
    struct kit k;
    unsigned seed = 11;
    size_t n = 0;
    int rotation = 0;
    char name[32];

    (void)state;
    follow(&k, "a.log");
    kit_write_file(&k, "a.log", "", false);
    for (int round = 0; round < 10; round++) {
        pid_t pid = start_child(&k);
        int64_t now = clock_mono_ns(), until = now + (200 + rand_r(&seed) % 4500) * NS_PER_MS;
        int64_t rotate = now + rand_r(&seed) % 900 * NS_PER_MS;
        while ((now = clock_mono_ns()) < until) {
            write_numbered(&k, &n, 5);
            (void)usleep(5000);
            if (now < rotate)
                continue;
            (void)snprintf(name, sizeof(name), "a.log.%d", ++rotation);
            move(&k, "a.log", name);
            rotate = now + (20 + rand_r(&seed) % 900) * NS_PER_MS;
        }
        stop_child(pid);
    }
    kit_start(&k);
    check_numbered(&k, n);
    kit_done(&k);
}

static void test_mark(void **state)
{
    struct tail_mark m = {1, 2, 3, 4, 5, true}, back;
    struct buf b;

    (void)state;
    buf_init(&b, TAIL_MARK_BYTES);
    assert_int_equal(tail_mark_encode(&m, &b), ERR_NONE);
    assert_int_equal(b.n, TAIL_MARK_BYTES);
    assert_int_equal(tail_mark_decode(buf_slice(&b), &back), ERR_NONE);
    assert_int_equal(back.dev, 1);
    assert_int_equal(back.ino, 2);
    assert_int_equal(back.offset, 3);
    assert_int_equal(back.print_n, 4);
    assert_int_equal(back.print, 5);
    assert_true(back.in_long);
    for (size_t n = 1; n < b.n; n++)
        assert_int_equal(tail_mark_decode((struct slice){b.p, n}, &back), ERR_CORRUPT);
    b.p[0] = 9;
    assert_int_equal(tail_mark_decode(buf_slice(&b), &back), ERR_VERSION);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill), /* first: it forks, while there are no other threads */
        cmocka_unit_test(test_kill_with_two_followers),
        cmocka_unit_test(test_kill_and_rotations),
        cmocka_unit_test(test_rotations_in_a_row),
        cmocka_unit_test(test_no_rotated_file),
        cmocka_unit_test(test_shifting_names),
        cmocka_unit_test(test_many_rotations_while_down),
        cmocka_unit_test(test_copytruncate),
        cmocka_unit_test(test_mark),
        cmocka_unit_test(test_lines_and_restart),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_rotations_matching_the_pattern),
        cmocka_unit_test(test_rotated_while_down),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_first_start),
        cmocka_unit_test(test_denied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
