#include "core/test.h"

#include <stdatomic.h>

#include "core/clock.h"
#include "core/queue.h"

enum { PUTTERS = 4, TAKERS = 3, EACH = 5000 };

static struct queue q;
static _Atomic unsigned seen[PUTTERS * EACH + 1];
static _Atomic unsigned bad;

static void *putter(void *arg)
{
    uintptr_t from = (uintptr_t)arg;

    for (uintptr_t i = 1; i <= EACH; i++)
        if (queue_put(&q, (void *)(from + i), 60000) != ERR_NONE)
            atomic_fetch_add(&bad, 1);
    return NULL;
}

static void *taker(void *arg)
{
    void *item;

    (void)arg;
    while ((item = queue_take(&q, 60000)))
        atomic_fetch_add(&seen[(uintptr_t)item], 1);
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t p[PUTTERS], t[TAKERS];

    (void)state;
    assert_int_equal(queue_init(&q, 7), ERR_NONE);
    for (uintptr_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, taker, NULL), 0);
    for (uintptr_t i = 0; i < PUTTERS; i++)
        assert_int_equal(pthread_create(&p[i], NULL, putter, (void *)(i * EACH)), 0);
    for (int i = 0; i < PUTTERS; i++)
        assert_int_equal(pthread_join(p[i], NULL), 0);
    queue_close(&q); /* what is left is drained */
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(atomic_load(&bad), 0);
    for (size_t i = 1; i <= PUTTERS * EACH; i++)
        assert_int_equal(atomic_load(&seen[i]), 1); /* each once */
    assert_int_equal(queue_len(&q), 0);
    queue_done(&q);
}

static void test_order_and_limits(void **state)
{
    int items[4];

    (void)state;
    assert_int_equal(queue_init(&q, 3), ERR_NONE);
    for (int round = 0; round < 5; round++) { /* around the ring */
        for (int i = 0; i < 3; i++)
            assert_int_equal(queue_try_put(&q, &items[i]), ERR_NONE);
        assert_int_equal(queue_try_put(&q, &items[3]), ERR_BUSY);
        int64_t start = clock_mono_ns();
        assert_int_equal(queue_put(&q, &items[3], 20), ERR_BUSY);
        assert_true(clock_mono_ns() - start >= 19 * NS_PER_MS);
        assert_int_equal(queue_len(&q), 3);
        assert_ptr_equal(queue_take(&q, 0), &items[0]);
        assert_int_equal(queue_try_put(&q, &items[3]), ERR_NONE);
        for (int i = 1; i < 4; i++)
            assert_ptr_equal(queue_take(&q, 0), &items[i]);
        assert_null(queue_take(&q, 0));
    }
    assert_null(queue_take(&q, 20));
    assert_int_equal(queue_try_put(&q, &items[0]), ERR_NONE);
    queue_close(&q);
    assert_int_equal(queue_try_put(&q, &items[1]), ERR_CONFLICT);
    assert_int_equal(queue_put(&q, &items[1], 1000), ERR_CONFLICT);
    assert_ptr_equal(queue_take(&q, 1000), &items[0]);
    assert_null(queue_take(&q, 60000)); /* at once: closed and empty */
    queue_done(&q);
    queue_done(&q);
    queue_done(NULL);
    assert_int_equal(queue_init(&q, 0), ERR_LIMIT);
}

static void *late_close(void *arg)
{
    (void)arg;
    (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    queue_close(&q);
    return NULL;
}

static void test_close_wakes(void **state)
{
    pthread_t t;
    int item;

    (void)state;
    assert_int_equal(queue_init(&q, 1), ERR_NONE);
    assert_int_equal(pthread_create(&t, NULL, late_close, NULL), 0);
    assert_null(queue_take(&q, 60000));
    assert_int_equal(pthread_join(t, NULL), 0);
    queue_done(&q);
    assert_int_equal(queue_init(&q, 1), ERR_NONE);
    assert_int_equal(queue_try_put(&q, &item), ERR_NONE);
    assert_int_equal(pthread_create(&t, NULL, late_close, NULL), 0);
    assert_int_equal(queue_put(&q, &item, 60000), ERR_CONFLICT);
    assert_int_equal(pthread_join(t, NULL), 0);
    queue_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_order_and_limits),
        cmocka_unit_test(test_close_wakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
