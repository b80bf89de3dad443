#include "core/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

static char out[1 << 16];
static int64_t mono_now;

static int64_t mono(void)
{
    return mono_now;
}

static int64_t wall(void)
{
    return INT64_C(1764057021123456789);
}

/* Runs `f` with stderr going to memory; what it wrote is in `out`. */
static void captured(void (*f)(void))
{
    int fd = memfd_create("log", 0), keep = dup(STDERR_FILENO);

    assert_true(fd >= 0 && keep >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    clock_replace(mono, wall);
    f();
    clock_replace(NULL, NULL);
    assert_true(dup2(keep, STDERR_FILENO) >= 0);
    ssize_t n = pread(fd, out, sizeof(out) - 1, 0);
    assert_true(n >= 0);
    out[n] = 0;
    (void)close(fd);
    (void)close(keep);
}

static void write_plain(void)
{
    log_init("test", LOG_INFO);
    log_debug("t.quiet", "not said");
    log_info("t.plain", "addr=%s n=%d", "127.0.0.1", 5);
}

static void write_hostile(void)
{
    log_info("t.hostile", "v=%s", "a\nb\x1b[31m\x7f\t\\ Cổ \xff\xc3(\xc2\x9b\xe2\x80\xa8");
}

static void write_error(void)
{
    struct diag d = {0};

    errno = ENOENT;
    diag_set(&d, ERR_SYS, 42, "cannot\nopen");
    log_err(LOG_ERROR, "t.error", ERR_SYS, &d, "file=%s", "x");
    log_err(LOG_WARN, "t.error2", ERR_LIMIT, NULL, "n=%d", 1);
}

static void write_long(void)
{
    static char text[10000];

    memset(text, '\n', sizeof(text) - 1);
    log_info("t.long", "%s", text);
    log_err(LOG_INFO, "t.long2", ERR_SYNTAX, NULL, "%s", text);
    memset(text, 'x', sizeof(text) - 1);
    log_info(text, "the id is too long, so nothing is written");
}

static void write_many(void)
{
    for (int i = 0; i < 100; i++) {
        log_info("t.many", "i=%d", i);
        if (i < 2)
            log_info("t.other", "i=%d", i);
    }
    mono_now += 10 * NS_PER_S + 1;
    log_info("t.many", "again=1");
    log_info("t.many", "again=2");
}

static unsigned lines(void)
{
    unsigned n = 0;

    for (const char *p = out; *p; p++)
        n += *p == '\n';
    return n;
}

static void test_plain(void **state)
{
    (void)state;
    captured(write_plain);
    assert_string_equal(out, "2025-11-25T07:50:21.123Z info test t.plain addr=127.0.0.1 n=5\n");
}

static void test_hostile(void **state)
{
    (void)state;
    captured(write_hostile);
    assert_string_equal(out, "2025-11-25T07:50:21.123Z info test t.hostile "
                             "v=a\\x0ab\\x1b[31m\\x7f\\x09\\ Cổ "
                             "\\xff\\xc3(\\xc2\\x9b\\xe2\\x80\\xa8\n");
}

static void test_error(void **state)
{
    (void)state;
    captured(write_error);
    assert_string_equal(out, "2025-11-25T07:50:21.123Z error test t.error err=system "
                             "errno=No such file or directory at=42 why=cannot\\x0aopen file=x\n"
                             "2025-11-25T07:50:21.123Z warn test t.error2 err=limit n=1\n");
}

static void test_long(void **state)
{
    (void)state;
    captured(write_long);
    assert_int_equal(lines(), 2);
    assert_true(strlen(strchr(out, '\n') + 1) < 2049);
    assert_non_null(strstr(out, "err=syntax"));
}

static void test_rate(void **state)
{
    (void)state;
    captured(write_many);
    assert_int_equal(lines(), LOG_BURST + 2 + 2);
    assert_non_null(strstr(out, "i=19\n"));
    assert_null(strstr(out, "i=20"));
    assert_non_null(strstr(out, "again=1 held_back=80\n"));
    assert_non_null(strstr(out, "again=2\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_hostile), cmocka_unit_test(test_error),
        cmocka_unit_test(test_long),  cmocka_unit_test(test_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
