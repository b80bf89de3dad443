#include "core/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crc32c.h"

enum {
    SNAPSHOT_VERSION = 1,
    HEAD_BYTES = 16,
    TRAILER_BYTES = 4,
    SEQ_DIGITS = 12,
    KEPT = 2,
    SEEN_MAX = 64, /* the newest files looked at; two are kept, so more are leftovers */
    TRIES = 3,
};

static const char temporary[] = "new.tmp";

/* The newest SEEN_MAX sequence numbers of a folder, newest first. */
struct seqs {
    uint64_t v[SEEN_MAX];
    size_t n;
};

static CHECKED enum err sys(struct diag *diag, const char *what)
{
    return FAIL(diag, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYS, 0,
                "snapshot: %s: %s", what, strerror(errno));
}

static void seqs_insert(struct seqs *s, uint64_t seq)
{
    size_t at = 0;

    while (at < s->n && s->v[at] > seq)
        at++;
    if (at == SEEN_MAX)
        return;
    size_t keep = s->n < SEEN_MAX ? s->n : SEEN_MAX - 1;
    memmove(s->v + at + 1, s->v + at, (keep - at) * sizeof(s->v[0]));
    s->v[at] = seq;
    s->n = keep + 1;
}

static bool seq_of(const char *name, uint64_t *ret)
{
    struct slice s = slice_of(name);

    return s.n == SEQ_DIGITS && slice_to_u64(s, ret) && *ret > 0;
}

static CHECKED enum err list(int folder, struct seqs *ret, struct diag *diag)
{
    struct seqs found = {.n = 0};
    struct dirent *d;
    uint64_t seq;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        enum err e = sys(diag, "cannot list its folder");
        if (fd >= 0)
            (void)close(fd);
        return e;
    }
    while ((d = readdir(dir)))
        if (seq_of(d->d_name, &seq))
            seqs_insert(&found, seq);
    (void)closedir(dir);
    *ret = found;
    return ERR_NONE;
}

/* `kind` is one path word of ours, never a way out of the folder. */
static bool kind_ok(const char *kind)
{
    size_t n = strlen(kind);

    return n > 0 && n < 64 && strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static CHECKED enum err folder_make(const char *dir, const char *kind, int *ret, struct diag *diag)
{
    int fd, up;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return sys(diag, dir);
    up = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (up < 0)
        return sys(diag, dir);
    if ((mkdirat(up, kind, 0750) != 0 && errno != EEXIST) || fsync(up) != 0 ||
        (fd = openat(up, kind, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        enum err e = sys(diag, kind);
        (void)close(up);
        return e;
    }
    (void)close(up);
    *ret = fd;
    return ERR_NONE;
}

static bool write_all(int fd, struct slice s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = slice_cut(s, (size_t)n, s.n);
    }
    return true;
}

static void le(char *to, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        to[i] = (char)(uint8_t)(v >> (8 * i));
}

static CHECKED enum err write_file(int folder, uint64_t seq, struct slice payload,
                                   struct diag *diag)
{
    char head[HEAD_BYTES] = "CLSN", trailer[TRAILER_BYTES], name[32];
    int fd;

    le(head + 4, SNAPSHOT_VERSION, 4);
    le(head + 8, seq, 8);
    le(trailer, crc32c(crc32c(0, (struct slice){head, sizeof(head)}), payload), sizeof(trailer));
    (void)snprintf(name, sizeof(name), "%0*" PRIu64, SEQ_DIGITS, seq);
    (void)unlinkat(folder, temporary, 0);
    fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return sys(diag, "cannot create a file");
    if (!write_all(fd, (struct slice){head, sizeof(head)}) || !write_all(fd, payload) ||
        !write_all(fd, (struct slice){trailer, sizeof(trailer)}) || fsync(fd) != 0) {
        enum err e = sys(diag, "cannot write");
        (void)close(fd);
        (void)unlinkat(folder, temporary, 0);
        return e;
    }
    if (close(fd) != 0 || renameat(folder, temporary, folder, name) != 0 || fsync(folder) != 0) {
        enum err e = sys(diag, "cannot publish");
        (void)unlinkat(folder, temporary, 0);
        return e;
    }
    return ERR_NONE;
}

CHECKED enum err snapshot_publish(const char *dir, const char *kind, struct slice payload,
                                  uint64_t *ret_seq, struct diag *diag)
{
    struct seqs old = {.n = 0};
    int folder = -1;
    enum err e;

    if (!kind_ok(kind))
        return FAIL(diag, ERR_SYNTAX, 0, "snapshot: \"%.60s\" is not a kind", kind);
    if (payload.n > SNAPSHOT_BYTES_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "snapshot: %zu bytes, the most is %d", payload.n,
                    SNAPSHOT_BYTES_MAX);
    e = folder_make(dir, kind, &folder, diag);
    if (e != ERR_NONE)
        return e;
    e = list(folder, &old, diag);
    uint64_t seq = old.n ? old.v[0] + 1 : 1;
    if (e == ERR_NONE)
        e = write_file(folder, seq, payload, diag);
    for (size_t i = KEPT - 1; e == ERR_NONE && i < old.n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%0*" PRIu64, SEQ_DIGITS, old.v[i]);
        (void)unlinkat(folder, name, 0); /* a leftover is tried again by the next publication */
    }
    (void)close(folder);
    if (e == ERR_NONE && ret_seq)
        *ret_seq = seq;
    return e;
}

/* Appends the whole file to *out; the caller cuts it back. */
static CHECKED enum err read_all(int fd, struct buf *out, struct diag *diag)
{
    struct stat st;
    char *to;

    if (fstat(fd, &st) != 0)
        return sys(diag, "cannot look at a file");
    if (!S_ISREG(st.st_mode) || st.st_size < HEAD_BYTES + TRAILER_BYTES ||
        st.st_size > (off_t)SNAPSHOT_BYTES_MAX + HEAD_BYTES + TRAILER_BYTES)
        return FAIL(diag, ERR_CORRUPT, 0, "snapshot: a file of an impossible size");
    size_t want = (size_t)st.st_size;
    enum err e = buf_reserve(out, want, &to);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "snapshot: %zu bytes do not fit", want);
    while (want > 0) {
        ssize_t n = read(fd, to, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sys(diag, "cannot read");
        if (n == 0)
            return FAIL(diag, ERR_CORRUPT, 0, "snapshot: a file that shrank");
        to += n;
        out->n += (size_t)n;
        want -= (size_t)n;
    }
    return ERR_NONE;
}

static CHECKED enum err verify(struct slice file, uint64_t seq, struct diag *diag)
{
    struct bytes b = bytes_of(file);
    struct slice magic = bytes_get(&b, 4);
    uint32_t version = bytes_u32(&b);
    uint64_t said = bytes_u64(&b);
    struct slice covered = slice_cut(file, 0, file.n - (size_t)TRAILER_BYTES);
    struct bytes trailer = bytes_of(slice_cut(file, covered.n, file.n));

    if (!slice_eq(magic, SLICE("CLSN")) || crc32c(0, covered) != bytes_u32(&trailer))
        return FAIL(diag, ERR_CORRUPT, 0, "snapshot %" PRIu64 " is torn or not ours", seq);
    if (version != (uint32_t)SNAPSHOT_VERSION)
        return FAIL(diag, ERR_VERSION, 4,
                    "snapshot %" PRIu64 " has version %" PRIu32 ", this program knows %d", seq,
                    version, SNAPSHOT_VERSION);
    if (said != seq)
        return FAIL(diag, ERR_CORRUPT, 8, "snapshot %" PRIu64 " says that it is %" PRIu64, seq,
                    said);
    return ERR_NONE;
}

/* One file's payload appended to *out, which is as before on failure. ERR_NOENT: gone. */
static CHECKED enum err load_one(int folder, uint64_t seq, struct buf *out, struct diag *diag)
{
    size_t before = out->n;
    char name[32];

    (void)snprintf(name, sizeof(name), "%0*" PRIu64, SEQ_DIGITS, seq);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return FAIL(diag, ERR_NOENT, 0, "snapshot %s: %s", name, strerror(errno));
    enum err e = read_all(fd, out, diag);
    (void)close(fd);
    if (e == ERR_NONE)
        e = verify(slice_cut(buf_slice(out), before, out->n), seq, diag);
    if (e != ERR_NONE) {
        out->n = before;
        return e;
    }
    size_t n = out->n - before - (size_t)(HEAD_BYTES + TRAILER_BYTES);
    memmove(out->p + before, out->p + before + HEAD_BYTES, n);
    out->n = before + n;
    return ERR_NONE;
}

/* The newest good one of those listed. *ret_gone: at least one vanished meanwhile. */
static CHECKED enum err load_newest(int folder, struct buf *out, uint64_t *ret_seq, bool *ret_gone,
                                    struct diag *diag)
{
    struct seqs s = {.n = 0};
    enum err e = list(folder, &s, diag);

    *ret_gone = false;
    if (e != ERR_NONE)
        return e;
    e = FAIL(diag, ERR_NOENT, 0, "no snapshot yet");
    for (size_t i = 0; i < s.n; i++) {
        e = load_one(folder, s.v[i], out, diag);
        if (e == ERR_NONE)
            *ret_seq = s.v[i];
        if (e == ERR_NONE || e == ERR_VERSION || e == ERR_LIMIT || e == ERR_NOMEM)
            return e;
        *ret_gone = *ret_gone || e == ERR_NOENT;
    }
    if (s.n)
        return FAIL(diag, ERR_NOENT, 0, "no good snapshot among %zu", s.n);
    return e;
}

CHECKED enum err snapshot_load(const char *dir, const char *kind, struct buf *out,
                               uint64_t *ret_seq, struct diag *diag)
{
    char path[4096];
    bool gone = true;
    uint64_t seq = 0;
    enum err e = ERR_NOENT;

    if (!kind_ok(kind))
        return FAIL(diag, ERR_SYNTAX, 0, "snapshot: \"%.60s\" is not a kind", kind);
    int n = snprintf(path, sizeof(path), "%s/%s", dir, kind);
    if (n < 0 || (size_t)n >= sizeof(path))
        return FAIL(diag, ERR_LIMIT, 0, "snapshot: the folder's name is too long");
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT)
        return FAIL(diag, ERR_NOENT, 0, "no snapshot yet");
    if (folder < 0)
        return sys(diag, path);
    for (int i = 0; i < TRIES && e == ERR_NOENT && gone; i++)
        e = load_newest(folder, out, &seq, &gone, diag);
    (void)close(folder);
    if (e == ERR_NONE && ret_seq)
        *ret_seq = seq;
    return e;
}

uint64_t snapshot_newest(const char *dir, const char *kind)
{
    char path[PATH_MAX];
    struct seqs found = {.n = 0};
    int n = kind_ok(kind) ? snprintf(path, sizeof(path), "%s/%s", dir, kind) : -1;
    int folder =
        n < 0 || (size_t)n >= sizeof(path) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return 0;
    enum err e = list(folder, &found, NULL);
    (void)close(folder);
    return e == ERR_NONE && found.n ? found.v[0] : 0;
}
