/* Damage: torn tails at every byte, flipped bits, missing segments, foreign bytes, disks that
 * fill up, syncs that fail. */
#include "journal/testdir_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/journal_int.h"

enum { MANY = 20000, COMMITS_MAX = 64 };
static uint64_t numbers[MANY];

static uint64_t rng_state;
static uint64_t rng(uint64_t below) /* xorshift64* */
{
    rng_state ^= rng_state >> 12;
    rng_state ^= rng_state << 25;
    rng_state ^= rng_state >> 27;
    return (rng_state * UINT64_C(2685821657736338717) >> 33) % below;
}

static void put_file(const char *path, const char *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    (void)close(fd);
}

static char *get_file(const char *path, size_t *ret_n)
{
    size_t n = testdir_size(path);
    char *p = calloc(1, n + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_non_null(p);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, p, n), n);
    (void)close(fd);
    *ret_n = n;
    return p;
}

static const char *memory_folder(void)
{
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void forget_page(const struct testdir *t)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/position", t->dir);
    (void)unlink(path);
}

/* ---- the torn tail ---- */

struct history {
    size_t commits_n;
    uint64_t end[COMMITS_MAX];    /* file size after the commit */
    uint64_t frames[COMMITS_MAX]; /* frames in all, after it */
};

/* The creation of a segment is its first commit. */
static void write_history(struct testdir *t, struct history *h)
{
    struct journal *j = testdir_open(t);
    char path[256];
    uint64_t frames = 0;

    testdir_segment(t, 1, path, sizeof(path));
    h->end[0] = JOURNAL_NEW_SEGMENT;
    h->commits_n = 8 + rng(8);
    for (size_t i = 1; i < h->commits_n; i++) {
        char value[8];
        (void)snprintf(value, sizeof(value), "%zu", i);
        struct journal_note note = {SLICE("commit"), slice_of(value), 0};
        if (rng(3) == 0) {
            assert_int_equal(journal_append_wait(j, NULL, 0, &note, 1), ERR_NONE);
        } else {
            size_t n = 1 + rng(4);
            assert_int_equal(testdir_append(j, frames, n, rng(60)), ERR_NONE);
            frames += n;
        }
        h->end[i] = testdir_size(path);
        h->frames[i] = frames;
    }
    journal_close(j);
}

static void check_torn_at(const struct history *h, const char *whole, size_t n)
{
    struct testdir t;
    char path[256];
    uint64_t frames = 0, end = 0;
    struct journal_health health;

    testdir_make_in(&t, memory_folder());
    assert_int_equal(mkdir(t.dir, 0700), 0);
    testdir_segment(&t, 1, path, sizeof(path));
    put_file(path, whole, n);
    for (size_t i = 0; i < h->commits_n; i++) {
        if (h->end[i] <= n) {
            frames = h->frames[i];
            end = h->end[i];
        }
    }
    struct journal *j = testdir_open(&t);
    journal_health(j, &health);
    assert_int_equal(health.torn_bytes, n - end);
    assert_int_equal(health.damaged_bytes, 0);
    assert_int_equal(testdir_size(path), end);
    assert_int_equal(testdir_append(j, frames, 2, 5), ERR_NONE);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), frames + 2);
    for (size_t i = 0; i < frames + 2; i++)
        assert_int_equal(numbers[i], i);
    journal_close(j);
    testdir_remove(&t);
}

static void test_torn_at_every_byte(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct testdir t;
        struct history h = {0};
        char path[256];
        size_t n = 0;

        print_message("# seed %" PRIu64 "\n", seed);
        rng_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        testdir_make_in(&t, memory_folder());
        write_history(&t, &h);
        testdir_segment(&t, 1, path, sizeof(path));
        char *whole = get_file(path, &n);
        assert_int_equal(n, h.end[h.commits_n - 1]);
        for (size_t cut = seed == 1 ? 0 : h.end[h.commits_n - 2]; cut <= n; cut++)
            check_torn_at(&h, whole, cut);
        free(whole);
        testdir_remove(&t);
    }
}

/* Garbage after the last commit, of every kind of byte that a crash may leave. */
static void test_garbage_tail(void **state)
{
    static const char garbage[][16] = {"", "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17",
                                       "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0",
                                       "\377\377\377\1\377\377\377\377\377\377"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        struct testdir t;
        struct journal_health h;
        char path[256];
        size_t n = 0;

        testdir_make_in(&t, memory_folder());
        struct journal *j = testdir_open(&t);
        assert_int_equal(testdir_append(j, 0, 5, 10), ERR_NONE);
        journal_close(j);
        testdir_segment(&t, 1, path, sizeof(path));
        char *p = get_file(path, &n);
        char *longer = calloc(1, n + 16);
        assert_non_null(longer);
        memcpy(longer, p, n);
        memcpy(longer + n, garbage[i], 16);
        put_file(path, longer, n + 16);
        j = testdir_open(&t);
        journal_health(j, &h);
        assert_int_equal(h.torn_bytes, 16);
        assert_int_equal(h.damaged_bytes, 0);
        assert_int_equal(testdir_size(path), n);
        assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), 5);
        journal_close(j);
        free(p);
        free(longer);
        testdir_remove(&t);
    }
}

/* A commit record that reached the disk before the frames that it covers: never acknowledged, so
 * none of its group may appear. */
static void test_commit_without_its_frames(void **state)
{
    struct testdir t;
    struct journal_health h;
    char path[256];
    (void)state;

    testdir_make_in(&t, memory_folder());
    struct journal *j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 0, 5, 10), ERR_NONE);
    testdir_segment(&t, 1, path, sizeof(path));
    uint64_t before = testdir_size(path);
    assert_int_equal(testdir_append(j, 5, 5, 10), ERR_NONE);
    journal_close(j);
    testdir_flip(path, before + 30, 0xff);
    forget_page(&t);
    j = testdir_open(&t);
    journal_health(j, &h);
    assert_true(h.torn_bytes > 0);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), 5);
    journal_close(j);
    testdir_remove(&t);
}

/* ---- damage in the middle ---- */

static void check_flip(const char *whole, size_t n, const char *page, size_t page_n, uint64_t at)
{
    struct testdir t;
    char path[256];
    size_t corrupt = 0;
    struct journal_health h;

    testdir_make_in(&t, memory_folder());
    assert_int_equal(mkdir(t.dir, 0700), 0);
    testdir_segment(&t, 1, path, sizeof(path));
    put_file(path, whole, n);
    testdir_flip(path, at, (uint8_t)(1 + rng(255)));
    (void)snprintf(path, sizeof(path), "%s/position", t.dir);
    put_file(path, page, page_n);
    struct journal *j = NULL;
    enum err e = journal_open(&t.o, &j, NULL);
    if (at >= 8 && at < 12 && e == ERR_VERSION) { /* a flip in the version looks like a newer one */
        testdir_remove(&t);
        return;
    }
    assert_int_equal(e, ERR_NONE);
    journal_health(j, &h);
    assert_int_equal(h.torn_bytes, 0);
    assert_true(h.damaged_bytes >= 12 && h.damaged_bytes < 200);
    assert_true(testdir_count(t.quarantine, ".bad") >= 1);
    size_t got = testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, &corrupt, NULL);
    assert_true(got == 30 || got == 29); /* one frame at most */
    assert_int_equal(corrupt, at < SEGMENT_HEADER ? 0 : 1);
    for (size_t i = 1; i < got; i++)
        assert_true(numbers[i] == numbers[i - 1] + 1 || numbers[i] == numbers[i - 1] + 2);
    assert_int_equal(testdir_append(j, 30, 1, 5), ERR_NONE);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), got + 1);
    journal_close(j);
    testdir_remove(&t);
}

static void test_a_flip_at_every_byte(void **state)
{
    struct testdir t;
    char path[256];
    size_t n = 0, page_n = 0;
    (void)state;

    rng_state = 42;
    testdir_make_in(&t, memory_folder());
    struct journal *j = testdir_open(&t);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(testdir_append(j, i * 3, 3, 20), ERR_NONE);
    journal_close(j);
    testdir_segment(&t, 1, path, sizeof(path));
    char *whole = get_file(path, &n);
    (void)snprintf(path, sizeof(path), "%s/position", t.dir);
    char *page = get_file(path, &page_n);
    for (uint64_t at = 0; at < n; at++)
        check_flip(whole, n, page, page_n, at);
    free(page);
    free(whole);
    testdir_remove(&t);
}

static void test_a_hole_in_the_middle(void **state)
{
    struct testdir t;
    struct journal_health h;
    char path[256], zeros[8192] = {0};
    size_t corrupt = 0, first = 0;
    (void)state;

    testdir_make_in(&t, memory_folder());
    struct journal *j = testdir_open(&t);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(testdir_append(j, i * 10, 10, 100), ERR_NONE);
    journal_close(j);
    testdir_segment(&t, 1, path, sizeof(path));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 40000), sizeof(zeros));
    (void)close(fd);
    forget_page(&t);
    for (int again = 0; again < 2; again++) {
        j = testdir_open(&t);
        journal_health(j, &h);
        assert_int_equal(h.torn_bytes, 0);
        assert_true(h.damaged_bytes >= 8192 && h.damaged_bytes < 8192 + 400);
        assert_int_equal(testdir_count(t.quarantine, ".bad"), 1);
        size_t got = testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, &corrupt, NULL);
        assert_int_equal(corrupt, 1);
        assert_true(got > 900 && got < 1000);
        assert_true(first == 0 || first == got);
        first = got;
        journal_close(j);
    }
    testdir_remove(&t);
}

static void test_a_segment_is_missing(void **state)
{
    struct testdir t;
    char path[256];
    size_t corrupt = 0;
    (void)state;

    testdir_make_in(&t, memory_folder());
    t.o.segment_bytes = 16 << 10;
    struct journal *j = testdir_open(&t);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(testdir_append(j, i, 1, 1000), ERR_NONE);
    journal_close(j);
    testdir_segment(&t, 3, path, sizeof(path));
    assert_int_equal(unlink(path), 0);
    j = testdir_open(&t);
    size_t got = testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, &corrupt, NULL);
    assert_int_equal(corrupt, 1);
    assert_true(got < 95 && got > 70);
    journal_close(j);
    testdir_remove(&t);
}

static void test_the_newest_segment_vanished(void **state)
{
    struct testdir t;
    struct jpos last;
    char path[256];
    (void)state;

    testdir_make_in(&t, memory_folder());
    t.o.segment_bytes = 16 << 10;
    struct journal *j = testdir_open(&t);
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(testdir_append(j, i, 1, 1000), ERR_NONE);
    journal_close(j);
    (void)testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, &last);
    testdir_segment(&t, last.segment, path, sizeof(path));
    assert_int_equal(unlink(path), 0);
    j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 777, 1, 10), ERR_NONE);
    /* Positions are never reused: a cursor from before the loss sees what is new. */
    assert_int_equal(testdir_read(&t, last, numbers, MANY, NULL, NULL), 1);
    assert_int_equal(numbers[0], 777);
    journal_close(j);
    testdir_remove(&t);
}

static void test_a_newer_version_is_refused(void **state)
{
    struct testdir t;
    struct diag d = {0};
    char path[256];
    struct journal *j = testdir_open((testdir_make_in(&t, memory_folder()), &t));
    (void)state;

    assert_int_equal(testdir_append(j, 0, 1, 10), ERR_NONE);
    journal_close(j);
    testdir_segment(&t, 1, path, sizeof(path));
    testdir_flip(path, 8, 3); /* 1 becomes 2 */
    uint64_t size = testdir_size(path);
    assert_int_equal(journal_open(&t.o, &j, &d), ERR_VERSION);
    assert_non_null(strstr(d.text, "newer version"));
    assert_int_equal(testdir_size(path), size);
    struct journal_reader *r = NULL;
    assert_int_equal(journal_reader_open(t.dir, (struct jpos){0, 0}, &r, NULL, &d), ERR_VERSION);
    testdir_remove(&t);
}

/* A sender puts the bytes of a whole segment into a frame, and that frame's header is damaged: the
 * search for the next record must not take the sender's records for ours. */
static void test_records_inside_a_payload(void **state)
{
    struct testdir t, other;
    char path[256];
    size_t n = 0, corrupt = 0;
    (void)state;

    testdir_make_in(&other, memory_folder());
    struct journal *j = testdir_open(&other);
    assert_int_equal(testdir_append(j, 666, 10, 10), ERR_NONE);
    journal_close(j);
    testdir_segment(&other, 1, path, sizeof(path));
    char *evil = get_file(path, &n);
    testdir_make_in(&t, memory_folder());
    j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 0, 1, 0), ERR_NONE);
    testdir_segment(&t, 1, path, sizeof(path));
    uint64_t at = testdir_size(path);
    struct slice frame = {evil, n};
    assert_int_equal(journal_append_wait(j, &frame, 1, NULL, 0), ERR_NONE);
    assert_int_equal(testdir_append(j, 1, 1, 0), ERR_NONE);
    journal_close(j);
    testdir_flip(path, at, 1);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, &corrupt, NULL), 2);
    assert_int_equal(corrupt, 1);
    assert_int_equal(numbers[0], 0);
    assert_int_equal(numbers[1], 1);
    free(evil);
    testdir_remove(&t);
    testdir_remove(&other);
}

/* ---- disks that fail ---- */

static struct {
    int writes_left, syncs_left; /* calls that still work; -1 = all */
    int write_errno, sync_errno;
    bool halves; /* writes are short */
    unsigned syncs_failed;
} faults;

static ssize_t faulty_write(int fd, const void *p, size_t n, off_t at)
{
    if (faults.writes_left == 0) {
        errno = faults.write_errno;
        return -1;
    }
    if (faults.writes_left > 0)
        faults.writes_left--;
    return pwrite(fd, p, faults.halves && n > 1 ? n / 2 : n, at);
}

static int faulty_sync(int fd)
{
    if (faults.syncs_left == 0) {
        faults.syncs_failed++;
        errno = faults.sync_errno;
        return -1;
    }
    if (faults.syncs_left > 0)
        faults.syncs_left--;
    return fdatasync(fd);
}

static const struct journal_io faulty = {faulty_write, faulty_sync};
static const struct journal_io *sound;

static int faults_on(void **state)
{
    (void)state;
    sound = journal_io;
    journal_io = &faulty;
    memset(&faults, 0, sizeof(faults));
    faults.writes_left = faults.syncs_left = -1;
    return 0;
}

static int faults_off(void **state)
{
    (void)state;
    journal_io = sound;
    return 0;
}

static void assert_all_there(struct testdir *t, const uint64_t *want, size_t n)
{
    assert_int_equal(testdir_read(t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), n);
    assert_memory_equal(numbers, want, n * sizeof(*want));
}

static void test_short_writes(void **state)
{
    struct testdir t;
    static const uint64_t want[] = {0, 1, 2, 3};
    (void)state;

    faults.halves = true;
    testdir_make_in(&t, memory_folder());
    struct journal *j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 0, 4, 1000), ERR_NONE);
    assert_all_there(&t, want, 4);
    journal_close(j);
    testdir_remove(&t);
}

static void test_one_failed_sync_is_survived(void **state)
{
    struct testdir t;
    static const uint64_t want[] = {0, 1, 2};
    (void)state;

    testdir_make_in(&t, memory_folder());
    struct journal *j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 0, 1, 10), ERR_NONE);
    /* The sync of this commit fails, the creation of the next segment fails too at first. */
    faults.sync_errno = EIO;
    faults.syncs_left = 0;
    assert_int_equal(testdir_append(j, 1, 1, 10), ERR_SYS);
    assert_int_equal(faults.syncs_failed, 2);
    assert_all_there(&t, want, 1);
    faults.syncs_left = -1;
    assert_int_equal(testdir_append(j, 1, 1, 10), ERR_NONE);
    assert_int_equal(testdir_append(j, 2, 1, 10), ERR_NONE);
    assert_all_there(&t, want, 3);
    journal_close(j);
    j = testdir_open(&t);
    assert_all_there(&t, want, 3);
    forget_page(&t);
    journal_close(j);
    j = testdir_open(&t);
    assert_all_there(&t, want, 3);
    journal_close(j);
    testdir_remove(&t);
}

static int sync_fails_once(int fd)
{
    if (faults.syncs_failed == 0) {
        faults.syncs_failed++;
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

static void test_a_failed_sync_writes_again_elsewhere(void **state)
{
    static const struct journal_io once = {pwrite, sync_fails_once};
    static const uint64_t want[] = {0, 1, 2};
    struct testdir t;
    struct journal_health h;
    (void)state;

    testdir_make_in(&t, memory_folder());
    struct journal *j = testdir_open(&t);
    assert_int_equal(testdir_append(j, 0, 1, 10), ERR_NONE);
    journal_io = &once;
    assert_int_equal(testdir_append(j, 1, 1, 10), ERR_NONE);
    journal_io = &faulty;
    journal_health(j, &h);
    assert_int_equal(h.durable.segment, 2);
    assert_int_equal(testdir_append(j, 2, 1, 10), ERR_NONE);
    assert_all_there(&t, want, 3);
    journal_close(j);
    /* The bytes that were not synced may have reached the first segment all the same, and the cut
     * may not have: the second one's header says that they never happened. */
    char path[256];
    size_t n = 0;
    testdir_segment(&t, 1, path, sizeof(path));
    char *p = get_file(path, &n);
    char *twice = calloc(2, n);
    assert_non_null(twice);
    memcpy(twice, p, n);
    memcpy(twice + n, p + 140, n - 140); /* a valid commit, its start aside */
    put_file(path, twice, 2 * n - 140);
    free(p);
    free(twice);
    assert_all_there(&t, want, 3);
    j = testdir_open(&t);
    assert_int_equal(testdir_size(path), n);
    assert_all_there(&t, want, 3);
    journal_close(j);
    testdir_remove(&t);
}

static void test_full_disk_by_fault(void **state)
{
    struct testdir t;
    static const uint64_t want[] = {0, 1, 2};
    char path[256];
    (void)state;

    testdir_make_in(&t, memory_folder());
    struct journal *j = testdir_open(&t);
    /* Already the first segment cannot be made. */
    faults.write_errno = ENOSPC;
    faults.writes_left = 0;
    assert_int_equal(testdir_append(j, 0, 1, 10), ERR_FULL);
    assert_int_equal(testdir_count(t.dir, ".seg"), 0);
    faults.writes_left = -1;
    assert_int_equal(testdir_append(j, 0, 1, 10), ERR_NONE);
    testdir_segment(&t, 2, path, sizeof(path));
    uint64_t size = testdir_size(path);
    /* Half of the batch fits: it is cut back. */
    faults.halves = true;
    faults.writes_left = 1;
    assert_int_equal(testdir_append(j, 1, 1, 10), ERR_FULL);
    assert_int_equal(testdir_size(path), size);
    faults.writes_left = -1;
    assert_int_equal(testdir_append(j, 1, 2, 10), ERR_NONE);
    assert_all_there(&t, want, 3);
    faults.writes_left = 0;
    faults.write_errno = EIO;
    assert_int_equal(testdir_append(j, 3, 1, 10), ERR_SYS);
    faults.writes_left = -1;
    assert_all_there(&t, want, 3);
    journal_close(j);
    j = testdir_open(&t);
    assert_all_there(&t, want, 3);
    journal_close(j);
    testdir_remove(&t);
}

static void count_full(void *arg, enum err e)
{
    *(unsigned *)arg += e == ERR_FULL;
}

static uint64_t fill_up(struct journal *j, uint64_t n)
{
    enum err e;

    while ((e = testdir_append(j, n, 1, 10000)) == ERR_NONE)
        n++;
    assert_int_equal(e, ERR_FULL);
    return n;
}

static void on_small_disk(const char *mount)
{
    struct testdir t;
    char filler[256], zeros[65536] = {0};
    unsigned full = 0;

    (void)snprintf(filler, sizeof(filler), "%s/filler", mount);
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 16; i++)
        assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
    (void)close(fd);
    testdir_make_in(&t, mount);
    t.o.no_thread = false;
    t.o.segment_bytes = 256 << 10;
    struct journal *j = testdir_open(&t);
    uint64_t n = fill_up(j, 0);
    assert_true(n > 50);
    struct slice frame = {zeros, 60000};
    for (int i = 0; i < 3; i++)
        assert_int_equal(journal_append(j, &frame, 1, NULL, 0, count_full, &full), ERR_NONE);
    assert_int_equal(journal_append_wait(j, &frame, 1, NULL, 0), ERR_FULL);
    assert_int_equal(full, 3);
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, NULL), n);
    assert_int_equal(unlink(filler), 0);
    uint64_t more = fill_up(j, n);
    assert_true(more > n + 50);
    struct jpos last;
    assert_int_equal(testdir_read(&t, (struct jpos){0, 0}, numbers, MANY, NULL, &last), more);
    for (uint64_t i = 0; i < more; i++)
        assert_int_equal(numbers[i], i);
    journal_close(j);
    /* Opening on the full disk works, and so does trimming. */
    j = testdir_open(&t);
    assert_int_equal(journal_trim(j, (struct jpos){last.segment, 0}), ERR_NONE);
    assert_int_equal(testdir_append(j, more, 1, 10000), ERR_NONE);
    assert_int_equal(testdir_read(&t, last, numbers, MANY, NULL, NULL), 1);
    assert_int_equal(numbers[0], more);
    journal_close(j);
    testdir_remove(&t);
}

static void test_full_disk(void **state)
{
    char mount_point[] = "/tmp/coloa-small-XXXXXX";
    (void)state;

    assert_non_null(mkdtemp(mount_point));
    if (geteuid() != 0 || mount("tmpfs", mount_point, "tmpfs", 0, "size=2m") != 0) {
        (void)rmdir(mount_point);
        print_message("# skipped: mounting a small disk needs root\n");
        skip();
    }
    on_small_disk(mount_point);
    assert_int_equal(umount(mount_point), 0);
    (void)rmdir(mount_point);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_garbage_tail),
        cmocka_unit_test(test_commit_without_its_frames),
        cmocka_unit_test(test_a_flip_at_every_byte),
        cmocka_unit_test(test_a_hole_in_the_middle),
        cmocka_unit_test(test_a_segment_is_missing),
        cmocka_unit_test(test_the_newest_segment_vanished),
        cmocka_unit_test(test_a_newer_version_is_refused),
        cmocka_unit_test(test_records_inside_a_payload),
        cmocka_unit_test_setup_teardown(test_short_writes, faults_on, faults_off),
        cmocka_unit_test_setup_teardown(test_one_failed_sync_is_survived, faults_on, faults_off),
        cmocka_unit_test_setup_teardown(test_a_failed_sync_writes_again_elsewhere, faults_on,
                                        faults_off),
        cmocka_unit_test_setup_teardown(test_full_disk_by_fault, faults_on, faults_off),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
