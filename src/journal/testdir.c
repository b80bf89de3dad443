#include "journal/testdir_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FRAMES_MAX = 4096 };

void testdir_make_in(struct testdir *t, const char *parent)
{
    *t = (struct testdir){0};
    (void)snprintf(t->root, sizeof(t->root), "%s/coloa-journal-XXXXXX", parent);
    assert_non_null(mkdtemp(t->root));
    (void)snprintf(t->dir, sizeof(t->dir), "%s/j", t->root);
    (void)snprintf(t->quarantine, sizeof(t->quarantine), "%s/q", t->root);
    t->o = (struct journal_options){.dir = t->dir,
                                    .quarantine = t->quarantine,
                                    .segment_bytes = 1 << 20,
                                    .max_bytes = 64 << 20,
                                    .commit_ms = 2,
                                    .no_thread = true};
}

void testdir_make(struct testdir *t)
{
    testdir_make_in(t, "/tmp");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

void testdir_remove(struct testdir *t)
{
    (void)nftw(t->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct journal *testdir_open(struct testdir *t)
{
    struct journal *j = NULL;
    struct diag d = {0};

    if (journal_open(&t->o, &j, &d) != ERR_NONE)
        fail_msg("journal_open: %s", d.text);
    return j;
}

void testdir_segment(const struct testdir *t, uint64_t number, char *to, size_t cap)
{
    (void)snprintf(to, cap, "%s/%012" PRIu64 ".seg", t->dir, number);
}

uint64_t testdir_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

size_t testdir_count(const char *dir, const char *suffix)
{
    size_t n = 0;
    DIR *dp = opendir(dir);

    for (struct dirent *d; dp && (d = readdir(dp));) {
        size_t len = strlen(d->d_name), tail = strlen(suffix);
        n += len >= tail && strcmp(d->d_name + len - tail, suffix) == 0;
    }
    if (dp)
        (void)closedir(dp);
    return n;
}

void testdir_flip(const char *path, uint64_t at, uint8_t bits)
{
    uint8_t b;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
    b ^= bits;
    assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
    (void)close(fd);
}

CHECKED enum err testdir_append(struct journal *j, uint64_t first, size_t n, size_t bytes)
{
    assert_true(n <= FRAMES_MAX);
    struct slice *frames = calloc(n + 1, sizeof(*frames));
    char *text = calloc(n + 1, bytes + 32);
    assert_non_null(frames);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        char *p = text + i * (bytes + 32);
        int len = snprintf(p, 32, "%" PRIu64 " ", first + i);
        memset(p + len, 'x', bytes);
        frames[i] = (struct slice){p, (size_t)len + bytes};
    }
    enum err e = journal_append_wait(j, frames, n, NULL, 0);
    free(frames);
    free(text);
    return e;
}

size_t testdir_read(const struct testdir *t, struct jpos from, uint64_t *numbers, size_t cap,
                    size_t *ret_corrupt, struct jpos *ret_last)
{
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos = from;
    size_t n = 0, corrupt = 0;
    enum err e;

    assert_int_equal(journal_reader_open(t->dir, from, &r, NULL, NULL), ERR_NONE);
    while ((e = journal_reader_next(r, &frame, &pos, NULL)) == ERR_NONE || e == ERR_CORRUPT) {
        if (e == ERR_CORRUPT) {
            corrupt++;
            continue;
        }
        assert_true(n < cap);
        assert_true(slice_to_u64(slice_cut(frame, 0, slice_find(frame, ' ')), &numbers[n]));
        n++;
    }
    assert_int_equal(e, ERR_NOENT);
    assert_int_equal(journal_reader_lag(r), 0);
    journal_reader_close(r);
    if (ret_corrupt)
        *ret_corrupt = corrupt;
    if (ret_last)
        *ret_last = pos;
    return n;
}
