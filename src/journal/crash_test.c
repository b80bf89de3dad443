/* kill -9 at random moments: every acknowledged frame is there exactly once, in order, no group is
 * there by half, and a cursor that was saved is never ahead of what is there. */
#include "journal/testdir_int.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

enum { SEEDS = 20, GROUP = 7, MANY = 4000000 };

struct told {
    int fd;
    uint64_t number; /* of the group */
};

/* The child tells its parent what was acknowledged, as a sender would learn it. */
static void tell(void *arg, enum err e)
{
    struct told *t = arg;

    if (e == ERR_NONE && write(t->fd, &t->number, sizeof(t->number)) != sizeof(t->number))
        _exit(3);
    free(t);
}

/* Reads all there is, saves the cursor, lets the journal delete what was read. */
static void consume(struct testdir *t, struct journal *j, const char *cursor)
{
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos;

    if (jcursor_load(cursor, &pos, NULL) != ERR_NONE ||
        journal_reader_open(t->dir, pos, &r, NULL, NULL) != ERR_NONE)
        _exit(7);
    while (journal_reader_next(r, &frame, &pos, NULL) == ERR_NONE)
        ;
    journal_reader_close(r);
    if (jcursor_save(cursor, pos, NULL) != ERR_NONE || journal_trim(j, pos) != ERR_NONE)
        _exit(8);
}

static _Noreturn void child(struct testdir *t, uint64_t first, const char *cursor, int fd)
{
    struct journal *j = NULL;

    if (journal_open(&t->o, &j, NULL) != ERR_NONE)
        _exit(2);
    for (uint64_t g = first;; g++) {
        char text[GROUP][96], value[24];
        struct slice frames[GROUP];
        for (uint64_t i = 0; i < GROUP; i++) {
            int n = snprintf(text[i], sizeof(text[i]), "%" PRIu64 " %0*d", g * GROUP + i,
                             (int)(g * i % 64), 0);
            frames[i] = (struct slice){text[i], (size_t)n};
        }
        int n = snprintf(value, sizeof(value), "%" PRIu64, g);
        struct journal_note note = {SLICE("last"), {value, (size_t)n}, 0};
        struct told *x = malloc(sizeof(*x));
        if (!x)
            _exit(4);
        *x = (struct told){fd, g};
        if (journal_append(j, frames, GROUP, &note, 1, tell, x) != ERR_NONE)
            _exit(6);
        if (g % 50 == 0)
            (void)usleep(500);
        if (cursor && g % 100 == 0)
            consume(t, j, cursor);
    }
}

static uint64_t *numbers;

/* Runs a child for so long; the highest group that it acknowledged, or `first` - 1. */
static uint64_t run_and_kill(struct testdir *t, uint64_t first, const char *cursor, unsigned run_us)
{
    int pipe_fd[2], status = 0;
    uint64_t number, next = first;

    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(pipe_fd[0]);
        child(t, first, cursor, pipe_fd[1]);
    }
    (void)close(pipe_fd[1]);
    int64_t until = clock_mono_ns() + (int64_t)run_us * 1000;
    bool killed = false;
    for (;;) {
        /* The pipe is read along, so that the child never waits for it. */
        if (!killed && clock_mono_ns() >= until) {
            (void)kill(pid, SIGKILL);
            killed = true;
        }
        ssize_t n = read(pipe_fd[0], &number, sizeof(number));
        if (n <= 0)
            break;
        assert_int_equal(n, sizeof(number));
        assert_int_equal(number, next); /* in the order of appending */
        next++;
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    (void)close(pipe_fd[0]);
    return next - 1;
}

static void make(struct testdir *t)
{
    numbers = calloc(MANY, sizeof(*numbers));
    assert_non_null(numbers);
    testdir_make(t);
    t->o.no_thread = false;
    t->o.commit_ms = 1;
    t->o.segment_bytes = 128 << 10;
    t->o.max_bytes = UINT64_C(1) << 30;
}

static unsigned run_us_of(unsigned seed)
{
    return 500 + (unsigned)(seed * UINT32_C(2654435761) % 60000);
}

static uint64_t last_note(struct journal *j)
{
    char value[24];
    size_t n = 0;

    assert_int_equal(journal_note_get(j, SLICE("last"), value, sizeof(value) - 1, &n), ERR_NONE);
    value[n] = 0;
    return strtoull(value, NULL, 10);
}

static void test_kill_9(void **state)
{
    struct testdir t;
    uint64_t expect = 0;
    (void)state;

    make(&t);
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct journal_health h;
        uint64_t told = run_and_kill(&t, expect, NULL, run_us_of(seed));
        struct journal *j = testdir_open(&t);
        journal_health(j, &h);
        size_t n = testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL);
        print_message("# seed %u: killed after %u us, %" PRIu64 " groups acknowledged, %" PRIu64
                      " bytes torn\n",
                      seed, run_us_of(seed), told + 1 - expect, h.torn_bytes);
        assert_int_equal(h.damaged_bytes, 0);
        assert_int_equal(n % GROUP, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(numbers[i], i);
        assert_true(n / GROUP >= told + 1);
        expect = n / GROUP;
        if (n)
            assert_int_equal(last_note(j), expect - 1);
        journal_close(j);
    }
    assert_true(expect > 100);
    free(numbers);
    testdir_remove(&t);
}

/* The same while a consumer saves its cursor and segments are deleted behind it. */
static void test_kill_9_with_trimming(void **state)
{
    struct testdir t;
    char cursor[256];
    uint64_t expect = 0;
    (void)state;

    make(&t);
    (void)snprintf(cursor, sizeof(cursor), "%s/cursor", t.root);
    for (unsigned seed = SEEDS + 1; seed <= 2 * SEEDS; seed++) {
        struct jpos pos;
        struct journal_reader *r = NULL;
        bool skipped = false;
        uint64_t told = run_and_kill(&t, expect, cursor, run_us_of(seed));
        struct journal *j = testdir_open(&t);
        assert_int_equal(jcursor_load(cursor, &pos, NULL), ERR_NONE);
        assert_int_equal(journal_reader_open(t.dir, pos, &r, &skipped, NULL), ERR_NONE);
        journal_reader_close(r);
        assert_false(skipped);
        size_t n = testdir_read(&t, pos, numbers, MANY, NULL, NULL);
        for (size_t i = 1; i < n; i++)
            assert_int_equal(numbers[i], numbers[i - 1] + 1);
        if (told + 1 > expect || n) {
            expect = last_note(j) + 1;
            assert_true(expect >= told + 1);
            assert_true(n == 0 || numbers[n - 1] == expect * GROUP - 1);
        }
        print_message("# seed %u: killed after %u us, %zu frames after the cursor, %zu segments\n",
                      seed, run_us_of(seed), n, testdir_count(t.dir, ".seg"));
        journal_close(j);
    }
    assert_true(expect > 100);
    free(numbers);
    testdir_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_9),
        cmocka_unit_test(test_kill_9_with_trimming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
