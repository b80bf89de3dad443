#include "core/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/metrics.h"

static void test_count_and_map(void **state)
{
    struct stat st;
    int fd = memfd_create("metrics", 0), closed = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    metric_add(M_DESK_ALERTS, 2);
    metric_add(M_DESK_ALERTS, 3);
    metric_set(M_DETECT_RULES, 9);
    metric_set(M_DETECT_RULES, 8);
    assert_int_equal(metric_get(M_DESK_ALERTS), 5);
    assert_int_equal(metrics_map(-1), ERR_SYS);
    assert_int_equal(metrics_map(closed), ERR_SYS);
    assert_int_equal(metric_get(M_DESK_ALERTS), 5);
    assert_int_equal(metrics_map(fd), ERR_NONE);
    assert_int_equal(metric_get(M_DESK_ALERTS), 5); /* moved, not lost */
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, METRICS_BYTES);
    metric_add(M_DESK_ALERTS, 1);
    const uint64_t *page = mmap(NULL, METRICS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(page[M_DESK_ALERTS], 6);
    assert_int_equal(page[M_DETECT_RULES], 8);

    const uint64_t other[M_N] = {[M_DESK_ALERTS] = 10, [M_DETECT_RULES] = 1};
    const uint64_t *pages[] = {page, other};
    struct buf b;
    buf_init(&b, 1 << 16);
    assert_int_equal(metrics_render(pages, 2, &b), ERR_NONE);
    const char *text = buf_cstr(&b);
    assert_non_null(strstr(text, "# TYPE coloa_desk_alerts counter\n"));
    assert_non_null(strstr(text, "\ncoloa_desk_alerts_total 16\n"));
    assert_non_null(strstr(text, "\ncoloa_detect_rules 9\n"));
    assert_string_equal(text + b.n - 6, "# EOF\n");
    buf_done(&b);
    buf_init(&b, 50);
    assert_int_equal(metrics_render(pages, 2, &b), ERR_LIMIT);
    buf_done(&b);
    (void)close(fd);
    (void)close(closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_and_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
