/* journal/testdir_int.h - a scratch journal for the tests of this folder. */
#ifndef JOURNAL_TESTDIR_INT_H
#define JOURNAL_TESTDIR_INT_H

#include "core/test.h"

#include "journal/journal.h"

struct testdir {
    char root[128], dir[160], quarantine[160];
    struct journal_options o;
};

void testdir_make(struct testdir *t); /* commits inside append; 1 MiB segments, 64 MiB in all */
void testdir_make_in(struct testdir *t, const char *parent);
void testdir_remove(struct testdir *t);

struct journal *testdir_open(struct testdir *t); /* fails the test when it cannot */
void testdir_segment(const struct testdir *t, uint64_t number, char *to, size_t cap);
uint64_t testdir_size(const char *path);
size_t testdir_count(const char *dir, const char *suffix);
/* XORs the byte at `at`. */
void testdir_flip(const char *path, uint64_t at, uint8_t bits);

/* Appends one group of n numbered frames "first", "first + 1"… of about `bytes` each. */
CHECKED enum err testdir_append(struct journal *j, uint64_t first, size_t n, size_t bytes);
/* Reads all that is durable from `from`; the numbers of the frames, at most cap. *ret_corrupt (may
 * be NULL) counts damaged stretches. */
size_t testdir_read(const struct testdir *t, struct jpos from, uint64_t *numbers, size_t cap,
                    size_t *ret_corrupt, struct jpos *ret_last);

#endif
