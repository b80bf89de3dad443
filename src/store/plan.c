#include "store/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crc32c.h"

enum { PLAN_VERSION = 1, PLAN_BYTES_MAX = 4096 };

static CHECKED enum err plan_path(const char *dir, const char *name, const char *end,
                                  char out[static PATH_MAX], struct diag *diag)
{
    int n = snprintf(out, PATH_MAX, "%s/%s.plan%s", dir, name, end);

    if (n < 0 || n >= PATH_MAX || strlen(name) > PLAN_NAME_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "path too long: %s", dir);
    return ERR_NONE;
}

static CHECKED enum err encode(const struct plan *p, struct buf *out)
{
    const uint64_t pos[] = {p->from.segment, p->from.offset, p->to.segment, p->to.offset};
    const uint32_t small[] = {p->attempt, p->rows, p->days_n};
    enum err e = buf_put(out, SLICE("CLPL"));

    if (e == ERR_NONE)
        e = bytes_put_uint(out, PLAN_VERSION, 4);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(pos); i++)
        e = bytes_put_uint(out, pos[i], 8);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(small); i++)
        e = bytes_put_uint(out, small[i], 4);
    for (size_t i = 0; e == ERR_NONE && i < p->days_n; i++) {
        e = bytes_put_uint(out, (uint64_t)p->days[i].day, 8);
        if (e == ERR_NONE)
            e = bytes_put_uint(out, p->days[i].rows, 4);
    }
    return e == ERR_NONE ? bytes_put_uint(out, crc32c(0, buf_slice(out)), 4) : e;
}

static CHECKED enum err sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return ERR_SYS;
    enum err e = fsync(fd) == 0 ? ERR_NONE : ERR_SYS;
    (void)close(fd);
    return e;
}

static CHECKED enum err write_file(const char *path, struct slice s)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum err e = ERR_NONE;

    if (fd < 0)
        return ERR_SYS;
    /* Smaller than a page: a short write means that the disk is full. */
    if (write(fd, s.p, s.n) != (ssize_t)s.n)
        e = errno == ENOSPC ? ERR_FULL : ERR_SYS;
    if (e == ERR_NONE && fsync(fd) != 0)
        e = ERR_SYS;
    if (close(fd) != 0 && e == ERR_NONE)
        e = ERR_SYS;
    return e;
}

CHECKED enum err plan_save(const char *dir, const char *name, const struct plan *p,
                           struct diag *diag)
{
    char path[PATH_MAX], tmp[PATH_MAX];
    struct buf b;
    enum err e = plan_path(dir, name, "", path, diag);

    if (e == ERR_NONE)
        e = plan_path(dir, name, ".new", tmp, diag);
    if (e != ERR_NONE)
        return e;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return FAIL(diag, ERR_SYS, 0, "cannot make %s", dir);
    buf_init(&b, PLAN_BYTES_MAX);
    e = encode(p, &b);
    if (e == ERR_NONE)
        e = write_file(tmp, buf_slice(&b));
    if (e == ERR_NONE && rename(tmp, path) != 0)
        e = ERR_SYS;
    if (e == ERR_NONE)
        e = sync_dir(dir);
    buf_done(&b);
    if (e != ERR_NONE)
        diag_set(diag, e, 0, "cannot write the insert plan %s", path);
    return e;
}

static bool decode(struct slice in, struct plan *p)
{
    if (in.n < 8 || !slice_starts(in, SLICE("CLPL")))
        return false;
    struct bytes tail = bytes_of(slice_cut(in, in.n - 4, in.n));
    if (bytes_u32(&tail) != crc32c(0, slice_cut(in, 0, in.n - 4)))
        return false;
    struct bytes b = bytes_of(slice_cut(in, 4, in.n - 4));
    uint32_t version = bytes_u32(&b);
    p->from.segment = bytes_u64(&b);
    p->from.offset = bytes_u64(&b);
    p->to.segment = bytes_u64(&b);
    p->to.offset = bytes_u64(&b);
    p->attempt = bytes_u32(&b);
    p->rows = bytes_u32(&b);
    p->days_n = bytes_u32(&b);
    if (version != PLAN_VERSION || p->days_n > PLAN_DAYS_MAX)
        return false;
    for (uint32_t i = 0; i < p->days_n; i++) {
        p->days[i].day = (int64_t)bytes_u64(&b);
        p->days[i].rows = bytes_u32(&b);
    }
    return bytes_all_read(&b) && p->attempt > 0 && store_pos_cmp(p->from, p->to) <= 0;
}

CHECKED enum err plan_load(const char *dir, const char *name, struct plan *ret, struct diag *diag)
{
    char path[PATH_MAX], aside[PATH_MAX], in[PLAN_BYTES_MAX];
    struct plan p = {.rows = 0};
    enum err e = plan_path(dir, name, "", path, diag);

    if (e == ERR_NONE)
        e = plan_path(dir, name, ".damaged", aside, diag);
    if (e != ERR_NONE)
        return e;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return ERR_NOENT;
    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "cannot open %s", path);
    ssize_t n = read(fd, in, sizeof(in));
    (void)close(fd);
    if (n < 0)
        return FAIL(diag, ERR_SYS, 0, "cannot read %s", path);
    if (!decode((struct slice){in, (size_t)n}, &p)) {
        (void)rename(path, aside);
        return FAIL(diag, ERR_CORRUPT, 0, "the insert plan %s is damaged", path);
    }
    *ret = p;
    return ERR_NONE;
}

void plan_remove(const char *dir, const char *name)
{
    char path[PATH_MAX];

    if (plan_path(dir, name, "", path, NULL) == ERR_NONE)
        (void)unlink(path);
}
