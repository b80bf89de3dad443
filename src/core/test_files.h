/* core/test_files.h - for tests: files of the shared test data and temporary folders. */
#ifndef CORE_TEST_FILES_H
#define CORE_TEST_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"

/* The path of NAME in the shared test data, which lies beside the source folder, or false. */
static inline bool test_data_path(const char *name, char *ret, size_t room)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");
    int n = snprintf(ret, room, "%s/../shared/data/%s", root ? root : ".", name);
    FILE *f = n > 0 && (size_t)n < room ? fopen(ret, "rbe") : NULL;

    if (f)
        (void)fclose(f);
    return f != NULL;
}

/* The whole file in memory of exactly its size (so that ASan sees a read past the end), to be
 * freed; p is NULL when it cannot be read. */
static inline struct slice test_read_file(const char *path)
{
    enum { MAX = 4 << 20 };
    char *whole = malloc(MAX), *exact = NULL;
    FILE *f = fopen(path, "rbe");
    size_t n = f && whole ? fread(whole, 1, MAX, f) : 0;

    if (f && whole)
        exact = malloc(n ? n : 1);
    if (exact)
        memcpy(exact, whole, n);
    if (f)
        (void)fclose(f);
    free(whole);
    return (struct slice){exact, exact ? n : 0};
}

static inline void test_free_file(struct slice s)
{
    union {
        const char *in;
        void *out;
    } p = {s.p};

    free(p.out);
}

#endif
