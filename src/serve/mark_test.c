#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve/mark.h"

static char path[64];

/* A worker that dies in the middle of `at`. */
static void die_at(struct jpos at)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct mark *m;
        if (mark_open(path, &m, NULL) == ERR_NONE)
            mark_begin(m, 0, at);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool poison_now(struct jpos at)
{
    struct mark *m;

    assert_int_equal(mark_open(path, &m, NULL), ERR_NONE);
    bool is = mark_is_poison(m, 0, at);
    assert_false(mark_is_poison(m, 1, at));
    mark_close(m);
    return is;
}

static void three_deaths_at_one_record(void **state)
{
    struct jpos bad = {3, 400}, innocent = {3, 200};
    (void)state;

    (void)unlink(path);
    die_at(bad);
    die_at(bad);
    assert_false(poison_now(bad));
    die_at(innocent); /* the other worker's death hit this one elsewhere */
    assert_false(poison_now(bad));
    die_at(bad);
    assert_true(poison_now(bad));
    assert_false(poison_now(innocent));
}

/* After a death the worker begins before the culprit and passes good records again. */
static void good_records_before_it_do_not_hide_it(void **state)
{
    struct jpos bad = {1, 900};
    (void)state;

    (void)unlink(path);
    for (int i = 0; i < MARK_CRASHES; i++) {
        struct mark *m;
        assert_int_equal(mark_open(path, &m, NULL), ERR_NONE);
        for (uint64_t at = 0; at < 900; at += 100) {
            mark_begin(m, 0, (struct jpos){1, at});
            mark_end(m, 0);
        }
        mark_close(m);
        die_at(bad);
    }
    assert_true(poison_now(bad));
}

static void a_clean_end_counts_nothing(void **state)
{
    struct jpos at = {1, 64};
    (void)state;

    (void)unlink(path);
    for (int i = 0; i < 5; i++) {
        struct mark *m;
        assert_int_equal(mark_open(path, &m, NULL), ERR_NONE);
        mark_begin(m, 0, at);
        mark_end(m, 0);
        mark_close(m);
    }
    assert_false(poison_now(at));
}

static void a_damaged_file_is_begun_anew(void **state)
{
    FILE *f = fopen(path, "wb");
    (void)state;

    assert_non_null(f);
    for (int i = 0; i < 4096; i++)
        (void)fputc(0xff, f);
    (void)fclose(f);
    assert_false(poison_now((struct jpos){UINT64_MAX, UINT64_MAX}));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_deaths_at_one_record),
        cmocka_unit_test(good_records_before_it_do_not_hide_it),
        cmocka_unit_test(a_clean_end_counts_nothing),
        cmocka_unit_test(a_damaged_file_is_begun_anew),
    };
    (void)snprintf(path, sizeof(path), "/tmp/coloa-mark-%d", (int)getpid());
    int rc = cmocka_run_group_tests_name("mark", tests, NULL, NULL);
    (void)unlink(path);
    return rc;
}
