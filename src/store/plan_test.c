#include "core/test.h"
#include "store/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[32];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/coloa-plan-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char path[64];
    (void)state;

    (void)snprintf(path, sizeof(path), "%s/t.plan.damaged", dir);
    (void)unlink(path);
    plan_remove(dir, "t");
    return rmdir(dir);
}

static void round_trip(void **state)
{
    struct plan p = {.from = {1, 20}, .to = {2, 5}, .attempt = 3, .rows = 77, .days_n = 2}, q;
    struct diag d;
    (void)state;

    p.days[0].day = 20417;
    p.days[0].rows = 70;
    p.days[1].day = -1;
    p.days[1].rows = 7;
    assert_int_equal(plan_load(dir, "t", &q, &d), ERR_NOENT);
    assert_int_equal(plan_save(dir, "t", &p, &d), ERR_NONE);
    assert_int_equal(plan_load(dir, "t", &q, &d), ERR_NONE);
    assert_int_equal(q.from.segment, 1);
    assert_int_equal(q.from.offset, 20);
    assert_int_equal(q.to.segment, 2);
    assert_int_equal(q.to.offset, 5);
    assert_int_equal(q.attempt, 3);
    assert_int_equal(q.rows, 77);
    assert_int_equal(q.days_n, 2);
    assert_int_equal(q.days[1].day, -1);
    assert_int_equal(q.days[1].rows, 7);
    plan_remove(dir, "t");
    assert_int_equal(plan_load(dir, "t", &q, &d), ERR_NOENT);
}

/* Every single flipped byte and every cut is noticed, and the file moved aside. */
static void damage(void **state)
{
    struct plan p = {.from = {1, 20}, .to = {2, 5}, .attempt = 1, .rows = 7}, q = {.rows = 9};
    char path[64], whole[256];
    struct diag d;
    (void)state;

    (void)snprintf(path, sizeof(path), "%s/t.plan", dir);
    assert_int_equal(plan_save(dir, "t", &p, &d), ERR_NONE);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(whole, 1, sizeof(whole), f);
    (void)fclose(f);
    assert_true(n > 40 && n < sizeof(whole));
    for (size_t i = 0; i < 2 * n; i++) {
        f = fopen(path, "wb");
        assert_non_null(f);
        whole[i % n] = (char)(whole[i % n] ^ (i < n ? 0x10 : 0));
        assert_int_equal(fwrite(whole, 1, i < n ? n : i - n, f), i < n ? n : i - n);
        (void)fclose(f);
        whole[i % n] = (char)(whole[i % n] ^ (i < n ? 0x10 : 0));
        assert_int_equal(plan_load(dir, "t", &q, &d), ERR_CORRUPT);
        assert_int_equal(q.rows, 9);
        assert_int_equal(plan_load(dir, "t", &q, &d), ERR_NOENT);
    }
}

static void nowhere(void **state)
{
    struct plan p = {.attempt = 1};
    struct diag d = {.code = ERR_NONE};
    (void)state;

    assert_int_equal(plan_save("/proc/no/such", "t", &p, &d), ERR_SYS);
    assert_int_equal(plan_save("/dev/full", "t", &p, &d), ERR_SYS);
    assert_int_equal(plan_save(dir, "a-name-that-is-longer-than-the-limit-of-names", &p, &d),
                     ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(damage, setup, teardown),
        cmocka_unit_test_setup_teardown(nowhere, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
