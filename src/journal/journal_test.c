/* The promises of journal.h that need no damage and no crash. */
#include "journal/testdir_int.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "journal/journal_int.h"

enum { MANY = 20000 };
static uint64_t numbers[MANY];

static void assert_run(size_t n, uint64_t first)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(numbers[i], first + i);
}

static void test_reads_what_was_appended(void **state)
{
    struct testdir t;
    (void)state;

    testdir_make(&t);
    struct journal *j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 0, 3, 0), ERR_NONE);
    assert_int_equal(testdir_append(j, 3, 1, 100000), ERR_NONE);
    assert_int_equal(testdir_append(j, 4, 0, 0), ERR_NONE); /* an empty group */
    struct jpos middle;
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, &middle), 4);
    assert_run(4, 0);
    assert_int_equal(testdir_append(j, 4, 2, 10), ERR_NONE);
    assert_int_equal(testdir_read(&t, middle, numbers, MANY, NULL, NULL), 2);
    assert_run(2, 4);
    journal_close(j);
    /* and after the writer is gone, and with the next one */
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), 6);
    j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 6, 1, 10), ERR_NONE);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), 7);
    assert_run(7, 0);
    struct journal_health h;
    journal_health(j, &h);
    assert_int_equal(h.commits, 1);
    assert_int_equal(h.frames, 1);
    assert_int_equal(h.torn_bytes + h.damaged_bytes, 0);
    journal_close(j);
    testdir_remove(&t);
}

static void test_rotates_and_trims(void **state)
{
    struct testdir t;
    struct jpos last, half = {0, 0};
    struct journal_health h;
    char path[256];
    bool skipped = false;
    (void)state;

    testdir_make(&t);
    t.o.segment_bytes = 64 << 10;
    struct journal *j = testdir_open(&t);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(testdir_append(j, i * 10, 10, 1000), ERR_NONE);
    assert_true(testdir_count(t.dir, ".seg") > 10);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, &last), 1000);
    assert_run(1000, 0);
    half.segment = last.segment / 2;
    half.offset = 96;
    assert_int_equal(journal_trim(j, half), ERR_NONE);
    testdir_segment(&t, half.segment - 1, path, sizeof(path));
    assert_int_equal(access(path, F_OK), -1);
    testdir_segment(&t, half.segment, path, sizeof(path));
    assert_int_equal(access(path, F_OK), 0);

    struct journal_reader *r = NULL;
    assert_int_equal(journal_reader_open(t.dir, (struct jpos){1, 96}, &r, &skipped, NULL),
                     ERR_NONE);
    assert_true(skipped);
    journal_reader_close(r);
    /* The end of the segment before the oldest: nothing was skipped. */
    assert_int_equal(
        journal_reader_open(t.dir, (struct jpos){half.segment - 1, 1 << 30}, &r, &skipped, NULL),
        ERR_NONE);
    assert_false(skipped);
    journal_reader_close(r);

    uint64_t bytes = 0;
    for (uint64_t i = half.segment; i <= last.segment; i++) {
        testdir_segment(&t, i, path, sizeof(path));
        bytes += testdir_size(path);
    }
    journal_health(j, &h);
    assert_int_equal(h.bytes, bytes);
    assert_int_equal(journal_trim(j, last), ERR_NONE);
    assert_int_equal(testdir_count(t.dir, ".seg"), 1);
    assert_int_equal(testdir_append(j, 1000, 10, 10), ERR_NONE);
    assert_int_equal(testdir_read(&t, last, numbers, MANY, NULL, NULL), 10);
    assert_run(10, 1000);
    journal_close(j);
    testdir_remove(&t);
}

static enum err put_note(struct journal *j, const char *key, const char *value, int64_t expires_ns)
{
    struct journal_note n = {slice_of(key), slice_of(value), expires_ns};

    return journal_append_wait(j, NULL, 0, &n, 1);
}

static void assert_note(struct journal *j, const char *key, const char *want)
{
    char out[64];
    size_t n = 0;
    enum err e = journal_note_get(j, slice_of(key), out, sizeof(out), &n);

    assert_int_equal(e, want ? ERR_NONE : ERR_NOENT);
    if (want)
        assert_true(slice_eq((struct slice){out, n}, slice_of(want)));
}

static void count_note(void *arg, struct slice key, struct slice value)
{
    (void)key, (void)value;
    ++*(size_t *)arg;
}

static int64_t now_ns = 1000 * NS_PER_S;
static int64_t fake_wall(void)
{
    return now_ns;
}

static void test_notes(void **state)
{
    struct testdir t;
    struct jpos last;
    char one[1];
    size_t n = 0;
    (void)state;

    clock_replace(NULL, fake_wall);
    testdir_make(&t);
    t.o.segment_bytes = 64 << 10;
    struct journal *j = testdir_open(&t);
    assert_note(j, "file:/a", NULL);
    assert_int_equal(put_note(j, "file:/a", "10", 0), ERR_NONE);
    assert_int_equal(put_note(j, "file:/a", "20", 0), ERR_NONE);
    assert_int_equal(put_note(j, "file:/b", "1", 0), ERR_NONE);
    assert_int_equal(put_note(j, "idem:k", "answer", now_ns + 100 * NS_PER_S), ERR_NONE);
    assert_int_equal(put_note(j, "idem:soon", "x", now_ns + 5 * NS_PER_S), ERR_NONE);
    assert_int_equal(put_note(j, "file:/b", "", 0), ERR_NONE);
    assert_note(j, "file:/a", "20");
    assert_note(j, "file:/b", NULL);
    assert_note(j, "idem:soon", "x");
    assert_int_equal(journal_note_get(j, SLICE("file:/a"), one, 1, &n), ERR_LIMIT);
    now_ns += 10 * NS_PER_S;
    assert_note(j, "idem:soon", NULL);
    /* through rotation, trim and reopening */
    for (uint64_t i = 0; i < 30; i++)
        assert_int_equal(testdir_append(j, i * 10, 10, 1000), ERR_NONE);
    (void)testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, &last);
    assert_true(last.segment > 3);
    assert_int_equal(journal_trim(j, last), ERR_NONE);
    assert_true(testdir_count(t.dir, ".seg") <= 2);
    journal_close(j);
    j = testdir_open(&t);
    assert_note(j, "file:/a", "20");
    assert_note(j, "file:/b", NULL);
    assert_note(j, "idem:k", "answer");
    assert_note(j, "idem:soon", NULL);
    n = 0;
    journal_note_each(j, SLICE("file:"), count_note, &n);
    assert_int_equal(n, 1);
    journal_note_each(j, SLICE(""), count_note, &n);
    assert_int_equal(n, 3);
    now_ns += 1000 * NS_PER_S;
    assert_note(j, "idem:k", NULL);
    journal_close(j);
    clock_replace(NULL, NULL);
    testdir_remove(&t);
}

static void test_notes_have_a_ceiling(void **state)
{
    struct testdir t;
    struct journal_health h;
    char key[32];
    (void)state;

    testdir_make(&t);
    t.o.segment_bytes = 8192; /* so 4 KiB of notes */
    struct journal *j = testdir_open(&t);
    assert_int_equal(put_note(j, "for-ever", "kept", 0), ERR_NONE);
    int64_t now = clock_wall_ns();
    for (int i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof(key), "idem:%d", i);
        assert_int_equal(put_note(j, key, "0123456789", now + (1000 + i) * NS_PER_S), ERR_NONE);
    }
    assert_note(j, "for-ever", "kept");
    assert_note(j, "idem:0", NULL);
    assert_note(j, "idem:199", "0123456789");
    journal_health(j, &h);
    assert_true(h.notes_dropped > 50);
    char big[4096];
    memset(big, 'b', sizeof(big));
    struct journal_note n = {SLICE("big"), {big, sizeof(big)}, 0};
    assert_int_equal(journal_append_wait(j, NULL, 0, &n, 1), ERR_LIMIT);
    journal_close(j);
    testdir_remove(&t);
}

static void test_notes_for_ever_are_refused_at_the_ceiling(void **state)
{
    struct testdir t;
    char key[32];
    int n = 0;
    enum err e;
    (void)state;

    testdir_make(&t);
    t.o.segment_bytes = 8192;
    struct journal *j = testdir_open(&t);
    do
        (void)snprintf(key, sizeof(key), "file:%d", n++);
    while ((e = put_note(j, key, "0123456789", 0)) == ERR_NONE && n < 1000);
    assert_int_equal(e, ERR_LIMIT);
    assert_true(n > 50 && n < 120);
    assert_note(j, "file:0", "0123456789");
    for (int i = 0; i < n; i += 2) {
        (void)snprintf(key, sizeof(key), "file:%d", i);
        assert_int_equal(put_note(j, key, "", 0), ERR_NONE);
    }
    assert_int_equal(put_note(j, "file:new", "0123456789", 0), ERR_NONE);
    assert_note(j, "file:0", NULL);
    assert_note(j, "file:1", "0123456789");
    journal_close(j);
    testdir_remove(&t);
}

static void test_limits(void **state)
{
    struct testdir t;
    struct diag d = {0};
    (void)state;

    testdir_make(&t);
    struct journal *j = testdir_open(&t), *second = NULL;
    assert_int_equal(journal_open(&t.o, &second, &d), ERR_BUSY);
    assert_null(second);
    assert_non_null(strstr(d.text, "another process"));
    char *big = calloc(1, (4 << 20) + 1);
    assert_non_null(big);
    struct slice frame = {big, (4 << 20) + 1};
    assert_int_equal(journal_append_wait(j, &frame, 1, NULL, 0), ERR_LIMIT);
    frame.n--;
    memset(big, '7', 1);
    big[1] = ' ';
    assert_int_equal(journal_append_wait(j, &frame, 1, NULL, 0), ERR_NONE);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), 1);
    assert_int_equal(numbers[0], 7);
    struct slice *much = calloc(17, sizeof(*much));
    assert_non_null(much);
    for (int i = 0; i < 17; i++)
        much[i] = frame;
    assert_int_equal(journal_append_wait(j, much, 17, NULL, 0), ERR_LIMIT);
    free(much);
    free(big);
    journal_close(j);
    t.o.segment_bytes = 100;
    assert_int_equal(journal_open(&t.o, &j, &d), ERR_LIMIT);
    journal_close(NULL);
    journal_reader_close(NULL);
    testdir_remove(&t);
}

static void test_full_and_again(void **state)
{
    struct testdir t;
    struct journal_health h;
    struct jpos last;
    uint64_t n = 0;
    (void)state;

    for (int one_segment = 0; one_segment < 2; one_segment++) {
        testdir_make(&t);
        t.o.max_bytes = 256 << 10;
        t.o.segment_bytes = one_segment ? 1 << 20 : 64 << 10;
        struct journal *j = testdir_open(&t);
        for (n = 0; testdir_append(j, n, 1, 1000) == ERR_NONE; n++)
            assert_true(n < 1000);
        assert_true(n > 200);
        assert_int_equal(testdir_append(j, n, 1, 1000), ERR_FULL);
        journal_health(j, &h);
        assert_true(h.bytes <= t.o.max_bytes);
        /* Restarts of a full journal do not make it fuller. */
        journal_close(j);
        j = testdir_open(&t);
        assert_int_equal(testdir_append(j, n, 1, 1000), ERR_FULL);
        assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, &last), n);
        assert_run(n, 0);
        assert_int_equal(journal_trim(j, last), ERR_NONE);
        for (uint64_t i = 0; i < 100; i++)
            assert_int_equal(testdir_append(j, n + i, 1, 1000), ERR_NONE);
        assert_int_equal(testdir_read(&t, last, numbers, MANY, NULL, NULL), 100);
        assert_run(100, n);
        journal_tune(j, 16384, 2);
        assert_int_equal(testdir_append(j, 0, 1, 1000), ERR_FULL);
        journal_tune(j, 1 << 20, 2);
        assert_int_equal(testdir_append(j, n + 100, 1, 1000), ERR_NONE);
        journal_close(j);
        testdir_remove(&t);
    }
}

/* The newest segment alone fills the journal, and all of it is read: it is replaced. */
static void test_full_with_one_segment(void **state)
{
    struct testdir t;
    struct journal_health h;
    struct jpos last;
    (void)state;

    testdir_make(&t);
    struct journal *j = testdir_open(&t);
    assert_int_equal(put_note(j, "file:/a", "kept", 0), ERR_NONE);
    assert_int_equal(testdir_append(j, 0, 100, 1000), ERR_NONE);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, &last), 100);
    assert_int_equal(journal_trim(j, last), ERR_NONE); /* nothing to gain yet */
    assert_true(journal_trim(j, (struct jpos){0, 0}) == ERR_NONE);
    journal_health(j, &h);
    journal_tune(j, h.bytes + 1000, 2);
    assert_int_equal(testdir_append(j, 100, 1, 1000), ERR_FULL);
    assert_int_equal(journal_trim(j, (struct jpos){1, last.offset - 1}), ERR_NONE);
    assert_int_equal(testdir_append(j, 100, 1, 1000), ERR_FULL);
    assert_int_equal(journal_trim(j, last), ERR_NONE);
    assert_int_equal(testdir_append(j, 100, 1, 1000), ERR_NONE);
    assert_int_equal(testdir_read(&t, last, numbers, MANY, NULL, NULL), 1);
    assert_note(j, "file:/a", "kept");
    journal_close(j);
    testdir_remove(&t);
}

static void test_reader_before_the_writer(void **state)
{
    struct testdir t;
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos;
    bool skipped = true;
    (void)state;

    testdir_make(&t);
    assert_int_equal(journal_reader_open(t.dir, (struct jpos){0, 0}, &r, &skipped, NULL), ERR_NONE);
    assert_false(skipped);
    assert_int_equal(journal_reader_next(r, &frame, &pos, NULL), ERR_NOENT);
    assert_false(journal_reader_wait(r, 1));
    struct journal *j = testdir_open(&t);
    assert_int_equal(journal_reader_next(r, &frame, &pos, NULL), ERR_NOENT);
    assert_false(journal_reader_wait(r, 1));
    assert_int_equal(testdir_append(j, 5, 1, 0), ERR_NONE);
    assert_true(journal_reader_wait(r, 1000));
    assert_true(journal_reader_lag(r) > 0);
    assert_int_equal(journal_reader_next(r, &frame, &pos, NULL), ERR_NONE);
    assert_true(slice_eq(frame, SLICE("5 ")));
    assert_int_equal(journal_reader_next(r, &frame, &pos, NULL), ERR_NOENT);
    assert_int_equal(journal_reader_lag(r), 0);
    journal_reader_close(r);
    journal_close(j);
    testdir_remove(&t);
}

static void test_cursor_of_a_wiped_journal(void **state)
{
    struct testdir t;
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos;
    bool skipped = false;
    (void)state;

    testdir_make(&t);
    struct journal *j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 5, 1, 0), ERR_NONE);
    assert_int_equal(journal_reader_open(t.dir, (struct jpos){77, 1000}, &r, &skipped, NULL),
                     ERR_NONE);
    assert_true(skipped);
    assert_int_equal(journal_reader_next(r, &frame, &pos, NULL), ERR_NONE);
    journal_reader_close(r);
    journal_close(j);
    testdir_remove(&t);
}

/* ---- threads ---- */

enum { APPENDERS = 4, GROUPS = 300, PER_GROUP = 5 };

struct appender {
    struct journal *j;
    uint64_t base;
    pthread_mutex_t lock;
    size_t acknowledged;
    enum err worst;
};

static void acknowledged(void *arg, enum err e)
{
    struct appender *a = arg;

    (void)pthread_mutex_lock(&a->lock);
    a->acknowledged++;
    if (e != ERR_NONE)
        a->worst = e;
    (void)pthread_mutex_unlock(&a->lock);
}

static void *append_many(void *arg)
{
    struct appender *a = arg;

    for (uint64_t g = 0; g < GROUPS; g++) {
        char text[PER_GROUP][32];
        struct slice frames[PER_GROUP];
        for (uint64_t i = 0; i < PER_GROUP; i++) {
            int n = snprintf(text[i], sizeof(text[i]), "%" PRIu64 " ", a->base + g * PER_GROUP + i);
            frames[i] = (struct slice){text[i], (size_t)n};
        }
        struct journal_note note = {{(const char *)&a->base, 8}, {text[0], 4}, 0};
        enum err e = journal_append(a->j, frames, PER_GROUP, &note, 1, acknowledged, a);
        if (e != ERR_NONE)
            a->worst = e;
    }
    return NULL;
}

struct reading {
    struct testdir *t;
    size_t n;
    bool ordered;
};

static void *read_along(void *arg)
{
    struct reading *x = arg;
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos, before = {0, 0};
    uint64_t next[APPENDERS] = {0};
    int64_t until = clock_mono_ns() + 60 * NS_PER_S;

    if (journal_reader_open(x->t->dir, before, &r, NULL, NULL) != ERR_NONE)
        return NULL;
    x->ordered = true;
    while (x->n < APPENDERS * GROUPS * PER_GROUP && clock_mono_ns() < until) {
        uint64_t v = 0;
        if (journal_reader_next(r, &frame, &pos, NULL) != ERR_NONE) {
            (void)journal_reader_wait(r, 1000);
            continue;
        }
        x->ordered = x->ordered && jpos_cmp(before, pos) < 0 &&
                     slice_to_u64(slice_cut(frame, 0, slice_find(frame, ' ')), &v) &&
                     v % 1000000 == next[v / 1000000];
        next[v / 1000000]++;
        before = pos;
        x->n++;
    }
    journal_reader_close(r);
    return NULL;
}

static void test_many_appenders_and_a_reader(void **state)
{
    struct testdir t;
    struct appender a[APPENDERS];
    pthread_t threads[APPENDERS], reader;
    struct reading x = {.t = &t};
    (void)state;

    testdir_make(&t);
    t.o.no_thread = false;
    t.o.segment_bytes = 32 << 10;
    struct journal *j = testdir_open(&t);
    assert_int_equal(pthread_create(&reader, NULL, read_along, &x), 0);
    for (size_t i = 0; i < APPENDERS; i++) {
        a[i] = (struct appender){.j = j, .base = i * 1000000};
        assert_int_equal(pthread_mutex_init(&a[i].lock, NULL), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &a[i]), 0);
    }
    for (size_t i = 0; i < APPENDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(testdir_append(j, 0, 0, 0), ERR_NONE); /* waits for all before it */
    for (size_t i = 0; i < APPENDERS; i++) {
        assert_int_equal(a[i].acknowledged, GROUPS);
        assert_int_equal(a[i].worst, ERR_NONE);
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(x.n, APPENDERS * GROUPS * PER_GROUP);
    assert_true(x.ordered);
    journal_close(j);
    testdir_remove(&t);
}

static void *append_soon(void *arg)
{
    (void)usleep(50000);
    return testdir_append(arg, 1, 1, 0) == ERR_NONE ? arg : NULL;
}

static void test_a_waiting_reader_is_woken(void **state)
{
    struct testdir t;
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos;
    pthread_t thread;
    int64_t shortest = INT64_MAX;
    (void)state;

    testdir_make(&t);
    struct journal *j = testdir_open(&t);
    assert_int_equal(journal_reader_open(t.dir, (struct jpos){0, 0}, &r, NULL, NULL), ERR_NONE);
    /* The best of three: without the wake each would sleep a second. */
    for (int i = 0; i < 3; i++) {
        while (journal_reader_next(r, &frame, &pos, NULL) == ERR_NONE)
            ;
        int64_t t0 = clock_mono_ns();
        assert_int_equal(pthread_create(&thread, NULL, append_soon, j), 0);
        assert_true(journal_reader_wait(r, 10000));
        int64_t took = clock_mono_ns() - t0;
        shortest = took < shortest ? took : shortest;
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(journal_reader_next(r, &frame, &pos, NULL), ERR_NONE);
    }
    assert_true(shortest < 800 * NS_PER_MS);
    journal_reader_close(r);
    journal_close(j);
    testdir_remove(&t);
}

static void test_closing_commits(void **state)
{
    struct testdir t;
    struct appender a = {.base = 0};
    (void)state;

    testdir_make(&t);
    t.o.no_thread = false;
    t.o.commit_ms = 1000;
    a.j = testdir_open(&t);
    assert_int_equal(pthread_mutex_init(&a.lock, NULL), 0);
    (void)append_many(&a);
    journal_close(a.j);
    assert_int_equal(a.acknowledged, GROUPS);
    assert_int_equal(a.worst, ERR_NONE);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL),
                     GROUPS * PER_GROUP);
    testdir_remove(&t);
}

/* ---- durable first ---- */

static struct testdir *watched;
static size_t seen_while_syncing, syncs;

static int sync_and_look(int fd)
{
    seen_while_syncing = testdir_read(watched, (struct jpos){0, 0}, numbers, MANY, NULL, NULL);
    syncs++;
    return fdatasync(fd);
}

static void test_nothing_is_read_before_it_is_synced(void **state)
{
    static const struct journal_io looking = {pwrite, sync_and_look};
    const struct journal_io *sound = journal_io;
    struct testdir t;
    (void)state;

    testdir_make(&t);
    watched = &t;
    struct journal *j = testdir_open(&t);
    journal_io = &looking;
    for (size_t i = 0; i < 5; i++) {
        syncs = 0;
        assert_int_equal(testdir_append(j, i, 1, 10), ERR_NONE);
        assert_true(syncs >= 1);
        assert_int_equal(seen_while_syncing, i);
        assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), i + 1);
    }
    journal_io = sound;
    journal_close(j);
    testdir_remove(&t);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int sync_at_gate(int fd)
{
    (void)pthread_mutex_lock(&gate);
    (void)pthread_mutex_unlock(&gate);
    return fdatasync(fd);
}

static void count_done(void *arg, enum err e)
{
    *(size_t *)arg += e == ERR_NONE;
}

static void test_busy_while_the_disk_is_slow(void **state)
{
    static const struct journal_io slow = {pwrite, sync_at_gate};
    const struct journal_io *sound = journal_io;
    struct testdir t;
    size_t n = 0, done = 0;
    char *big = calloc(1, 1 << 20);
    struct slice frame = {big, 1 << 20};
    (void)state;

    assert_non_null(big);
    testdir_make(&t);
    t.o.no_thread = false;
    t.o.max_bytes = 1 << 30;
    journal_io = &slow;
    (void)pthread_mutex_lock(&gate);
    struct journal *j = testdir_open(&t);
    enum err e;
    while ((e = journal_append(j, &frame, 1, NULL, 0, count_done, &done)) == ERR_NONE)
        n++;
    assert_int_equal(e, ERR_BUSY);
    assert_int_equal(n, 63); /* of 1 MiB and a little each, below 64 MiB */
    (void)pthread_mutex_unlock(&gate);
    assert_int_equal(journal_append_wait(j, NULL, 0, NULL, 0), ERR_NONE);
    assert_int_equal(done, n);
    assert_int_equal(journal_append_wait(j, &frame, 1, NULL, 0), ERR_NONE);
    journal_close(j);
    journal_io = sound;
    free(big);
    testdir_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_was_appended),
        cmocka_unit_test(test_rotates_and_trims),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_notes_have_a_ceiling),
        cmocka_unit_test(test_notes_for_ever_are_refused_at_the_ceiling),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_full_and_again),
        cmocka_unit_test(test_full_with_one_segment),
        cmocka_unit_test(test_reader_before_the_writer),
        cmocka_unit_test(test_cursor_of_a_wiped_journal),
        cmocka_unit_test(test_many_appenders_and_a_reader),
        cmocka_unit_test(test_a_waiting_reader_is_woken),
        cmocka_unit_test(test_closing_commits),
        cmocka_unit_test(test_nothing_is_read_before_it_is_synced),
        cmocka_unit_test(test_busy_while_the_disk_is_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
