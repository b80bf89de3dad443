#include "serve/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"

enum { PATH_BYTES = 4096 };

static const char *const folders[] = {
    "",           "journal",           "cursors",          "cursors/watch", "cursors/desk",
    "state",      "findings",          "snapshots",        "store",         "desk",
    "quarantine", "quarantine/intake", "quarantine/watch", "run",
};

CHECKED enum err datadir_write_file(const char *path, const char *bytes, size_t n, int mode,
                                    bool sync, struct diag *diag)
{
    char tmp[PATH_BYTES];
    int len = snprintf(tmp, sizeof(tmp), "%s.new", path);
    enum err e = ERR_NONE;

    if (len < 0 || (size_t)len >= sizeof(tmp))
        return FAIL(diag, ERR_LIMIT, 0, "the path of %s is too long", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "cannot write %s", tmp);
    if (write(fd, bytes, n) != (ssize_t)n || (sync && fsync(fd) != 0))
        e = FAIL(diag, ERR_SYS, 0, "cannot write %s", tmp);
    (void)close(fd);
    if (e == ERR_NONE && rename(tmp, path) != 0)
        e = FAIL(diag, ERR_SYS, 0, "cannot rename %s", tmp);
    if (e != ERR_NONE)
        (void)unlink(tmp);
    return e;
}

static CHECKED enum err make_folders(const char *dir, struct diag *diag)
{
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        int n = snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
        if (n < 0 || (size_t)n >= sizeof(path))
            return FAIL(diag, ERR_LIMIT, 0, "the path of the data folder is too long");
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return FAIL(diag, ERR_SYS, 0, "cannot make the folder %s: %s", path, strerror(errno));
    }
    return ERR_NONE;
}

static CHECKED enum err check_format(const char *dir, struct diag *diag)
{
    char path[PATH_BYTES], text[32] = "";
    uint64_t version = 0;

    (void)snprintf(path, sizeof(path), "%s/FORMAT", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int n = snprintf(text, sizeof(text), "%d\n", DATADIR_FORMAT);
        return datadir_write_file(path, text, (size_t)n, 0600, true, diag);
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9' && version < 1000000; i++)
        version = version * 10 + (uint64_t)(text[i] - '0');
    if (version == 0)
        return FAIL(diag, ERR_CORRUPT, 0,
                    "%s is damaged: it must hold the number %d; restore it if this folder is ours",
                    path, DATADIR_FORMAT);
    if (version > DATADIR_FORMAT)
        return FAIL(
            diag, ERR_VERSION, 0,
            "%s was written by a newer coloa (layout %u, this one knows %d): start that one", dir,
            (unsigned)version, DATADIR_FORMAT);
    return ERR_NONE;
}

CHECKED enum err datadir_open(const char *dir, int wait_ms, int *ret_lock_fd, struct diag *diag)
{
    char path[PATH_BYTES];
    int64_t until = clock_mono_ns() + wait_ms * NS_PER_MS;
    enum err e = make_folders(dir, diag);

    if (e != ERR_NONE)
        return e;
    (void)snprintf(path, sizeof(path), "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600); /* no CLOEXEC: see the header */
    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "cannot open %s: %s", path, strerror(errno));
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || clock_mono_ns() > until) {
            (void)close(fd);
            return FAIL(
                diag, ERR_BUSY, 0,
                "%s is in use by another coloa: stop that one, or give --data another folder", dir);
        }
        (void)usleep(20000);
    }
    e = check_format(dir, diag);
    if (e != ERR_NONE) {
        (void)close(fd);
        return e;
    }
    *ret_lock_fd = fd;
    return ERR_NONE;
}
