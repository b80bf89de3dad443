#include "journal/testdir_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SLOT_APART = 4096, SLOT = 64 };

struct fixture {
    struct testdir t;
    char path[256];
};

static void make(struct fixture *f)
{
    testdir_make(&f->t);
    (void)snprintf(f->path, sizeof(f->path), "%s/cursor", f->t.root);
}

static void assert_cursor(const struct fixture *f, uint64_t segment, uint64_t offset)
{
    struct jpos p = {9, 9};

    assert_int_equal(jcursor_load(f->path, &p, NULL), ERR_NONE);
    assert_int_equal(p.segment, segment);
    assert_int_equal(p.offset, offset);
}

static void test_saves_and_loads(void **state)
{
    struct fixture f;
    (void)state;

    make(&f);
    assert_cursor(&f, 0, 0);
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(jcursor_save(f.path, (struct jpos){i, i * 1000}, NULL), ERR_NONE);
        assert_cursor(&f, i, i * 1000);
    }
    testdir_remove(&f.t);
}

static void test_torn_newer_slot_falls_back(void **state)
{
    struct fixture f;
    (void)state;

    /* Every byte of the newer slot, and then the next save must not touch the good one. */
    for (unsigned at = 0; at < SLOT; at++) {
        make(&f);
        assert_int_equal(jcursor_save(f.path, (struct jpos){1, 100}, NULL), ERR_NONE);
        assert_int_equal(jcursor_save(f.path, (struct jpos){2, 200}, NULL), ERR_NONE);
        testdir_flip(f.path, SLOT_APART + at, 0x10);
        assert_cursor(&f, 1, 100);
        assert_int_equal(jcursor_save(f.path, (struct jpos){3, 300}, NULL), ERR_NONE);
        assert_cursor(&f, 3, 300);
        testdir_flip(f.path, SLOT_APART + at, 0x10);
        assert_cursor(&f, 1, 100);
        testdir_remove(&f.t);
    }
}

static void test_first_save_torn(void **state)
{
    struct fixture f;
    (void)state;

    for (unsigned n = 0; n < SLOT; n++) {
        make(&f);
        assert_int_equal(jcursor_save(f.path, (struct jpos){1, 100}, NULL), ERR_NONE);
        assert_int_equal(truncate(f.path, n), 0);
        assert_cursor(&f, 0, 0);
        testdir_remove(&f.t);
    }
}

static void test_both_slots_damaged(void **state)
{
    struct fixture f;
    struct diag d = {0};
    struct jpos p = {9, 9};
    (void)state;

    make(&f);
    assert_int_equal(jcursor_save(f.path, (struct jpos){1, 100}, NULL), ERR_NONE);
    assert_int_equal(jcursor_save(f.path, (struct jpos){2, 200}, NULL), ERR_NONE);
    testdir_flip(f.path, 20, 1);
    testdir_flip(f.path, SLOT_APART + 20, 1);
    assert_int_equal(jcursor_load(f.path, &p, &d), ERR_CORRUPT);
    assert_int_equal(p.segment, 9);
    assert_int_equal(jcursor_save(f.path, (struct jpos){4, 400}, NULL), ERR_NONE);
    assert_cursor(&f, 4, 400);
    testdir_remove(&f.t);
}

static void test_cannot_be_written(void **state)
{
    struct diag d = {0};
    struct jpos p;
    (void)state;

    assert_int_equal(jcursor_save("/nonexistent/cursor", (struct jpos){1, 1}, &d), ERR_SYS);
    assert_int_equal(jcursor_load("/proc/self", &p, &d), ERR_SYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saves_and_loads),   cmocka_unit_test(test_torn_newer_slot_falls_back),
        cmocka_unit_test(test_first_save_torn),   cmocka_unit_test(test_both_slots_damaged),
        cmocka_unit_test(test_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
