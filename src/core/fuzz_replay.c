/* A main() for the fuzz targets in ordinary builds: runs every file of the folders (or each file)
 * named on the command line once, so that every corpus is a regression test under any compiler.
 * An empty or missing corpus is a failure: it would test nothing. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    enum { MAX = 1 << 20 };
    int rc = -1;
    size_t n;
    uint8_t *whole = malloc(MAX), *exact = NULL;
    FILE *f = fopen(path, "rbe");

    if (!whole || !f)
        goto out;
    n = fread(whole, 1, MAX, f);
    if (ferror(f))
        goto out;
    exact = malloc(n ? n : 1); /* exact size, so that ASan sees a read past the end */
    if (!exact)
        goto out;
    memcpy(exact, whole, n);
    (void)LLVMFuzzerTestOneInput(exact, n);
    rc = 0;
out:
    if (f)
        (void)fclose(f);
    free(exact);
    free(whole);
    return rc;
}

static int replay_all(const char *dir, unsigned *n)
{
    char path[4096];
    struct dirent *d;
    DIR *dp = opendir(dir);

    if (!dp)
        return -1;
    while ((d = readdir(dp))) {
        if (d->d_name[0] == '.')
            continue;
        int len = snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
        if (len < 0 || (size_t)len >= sizeof(path) || replay(path) != 0) {
            (void)closedir(dp);
            return -1;
        }
        ++*n;
    }
    return closedir(dp);
}

int main(int argc, char **argv)
{
    unsigned n = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        int rc = stat(argv[i], &st);
        if (rc == 0 && S_ISDIR(st.st_mode)) {
            rc = replay_all(argv[i], &n);
        } else if (rc == 0) {
            rc = replay(argv[i]);
            n++;
        }
        if (rc != 0) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
    }
    (void)printf("%u inputs replayed\n", n);
    return n ? EXIT_SUCCESS : EXIT_FAILURE;
}
