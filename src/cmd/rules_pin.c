#include "cmd/rules_pin.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"

enum {
    FILES_MAX = 200000,
    FILE_BYTES_MAX = 4 << 20,
    DEPTH_MAX = 32,
    REFS_BYTES_MAX = 16 << 20,
    LEVELS_UP = 8,
};

struct walk {
    size_t root_n;  /* of `from`, with its slash */
    const char *to; /* NULL: no copy */
    size_t files;
    struct buf lines, text;
    struct diag *diag;
};

/* The whole file into *b, which is emptied. */
static CHECKED enum err slurp(const char *path, struct buf *b, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    enum err e = ERR_NONE;
    ssize_t n = 1;
    char *p;

    buf_reset(b);
    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "can't read %.150s: %s", path, strerror(errno));
    while (n > 0 && e == ERR_NONE) {
        e = buf_reserve(b, 65536, &p);
        n = e == ERR_NONE ? read(fd, p, 65536) : 0;
        b->n += n > 0 ? (size_t)n : 0;
    }
    (void)close(fd);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "%.150s is too large", path);
    return n < 0 ? FAIL(diag, ERR_SYS, 0, "can't read %.150s", path) : ERR_NONE;
}

static CHECKED enum err write_file(const char *path, struct slice s, struct diag *diag)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool ok = fd >= 0;

    while (ok && s.n) {
        ssize_t n = write(fd, s.p, s.n);
        ok = n > 0;
        s = slice_cut(s, ok ? (size_t)n : 0, s.n);
    }
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    return ok ? ERR_NONE : FAIL(diag, ERR_SYS, 0, "can't write %.150s: %s", path, strerror(why));
}

static bool wanted(const char *name)
{
    size_t n = strlen(name);

    return (n > 4 && strcmp(name + n - 4, ".yml") == 0) ||
           (n > 5 && strcmp(name + n - 5, ".yaml") == 0) || strncmp(name, "LICENSE", 7) == 0;
}

static CHECKED enum err join(char to[static PATH_MAX], const char *a, const char *b,
                             struct diag *diag)
{
    int n = snprintf(to, PATH_MAX, "%s/%s", a, b);

    if (n < 0 || n >= PATH_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "path too long below %.150s", a);
    return ERR_NONE;
}

static CHECKED enum err one_file(struct walk *w, const char *path)
{
    uint8_t d[DIGEST_SHA256_BYTES];
    char hex[DIGEST_SHA256_TEXT + 1], to[PATH_MAX];

    if (++w->files > FILES_MAX)
        return FAIL(w->diag, ERR_LIMIT, 0, "more than %d files", FILES_MAX);
    enum err e = slurp(path, &w->text, w->diag);
    if (e == ERR_NONE)
        e = digest_sha256(buf_slice(&w->text), d);
    if (e != ERR_NONE)
        return e;
    digest_hex(d, hex);
    e = buf_printf(&w->lines, "%s  %s\n", hex, path + w->root_n);
    if (e == ERR_NONE && w->to)
        e = join(to, w->to, path + w->root_n, w->diag);
    if (e == ERR_NONE && w->to)
        e = write_file(to, buf_slice(&w->text), w->diag);
    return e;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static CHECKED enum err folder(struct walk *w, const char *path, unsigned depth);

static CHECKED enum err entry(struct walk *w, const char *dir, const char *name, unsigned depth)
{
    char path[PATH_MAX];
    struct stat link, st;
    enum err e = join(path, dir, name, w->diag);

    if (e != ERR_NONE || name[0] == '.')
        return e;
    if (lstat(path, &link) != 0 || stat(path, &st) != 0)
        return wanted(name) ? FAIL(w->diag, ERR_SYS, 0, "can't read %.150s", path) : ERR_NONE;
    if (S_ISDIR(link.st_mode))
        return folder(w, path, depth + 1);
    return wanted(name) && S_ISREG(st.st_mode) ? one_file(w, path) : ERR_NONE;
}

static CHECKED enum err folder(struct walk *w, const char *path, unsigned depth)
{
    struct dirent **all;
    char to[PATH_MAX] = "";
    enum err e = ERR_NONE;

    if (depth > DEPTH_MAX)
        return FAIL(w->diag, ERR_LIMIT, 0, "folders nested too deep at %.150s", path);
    if (w->to) {
        bool top = strlen(path) < w->root_n;
        e = top ? join(to, w->to, "", w->diag) : join(to, w->to, path + w->root_n, w->diag);
        if (e == ERR_NONE && mkdir(to, 0755) != 0)
            return FAIL(w->diag, ERR_SYS, 0, "can't make %.150s: %s", to, strerror(errno));
    }
    int n = e == ERR_NONE ? scandir(path, &all, NULL, by_name) : 0;
    if (n < 0)
        return FAIL(w->diag, ERR_SYS, 0, "can't read %.150s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (e == ERR_NONE)
            e = entry(w, path, all[i]->d_name, depth);
        free(all[i]);
    }
    if (n > 0)
        free(all);
    return e;
}

static CHECKED enum err digest_tree(const char *from, const char *to, struct rules_pin *ret,
                                    struct diag *diag)
{
    struct walk w = {.root_n = strlen(from) + 1, .to = to, .diag = diag};
    uint8_t d[DIGEST_SHA256_BYTES];

    buf_init(&w.lines, 256 << 20);
    buf_init(&w.text, FILE_BYTES_MAX + 131072);
    enum err e = folder(&w, from, 0);
    if (e == ERR_NONE)
        e = digest_sha256(w.lines.n ? buf_slice(&w.lines) : SLICE(""), d);
    if (e == ERR_NONE) {
        digest_hex(d, ret->sha256);
        ret->files = w.files;
    }
    buf_done(&w.lines);
    buf_done(&w.text);
    return e;
}

/* One call for all files is many times quicker than fsync for each. */
CHECKED enum err rules_pin_copy(const char *from, const char *to, struct rules_pin *ret,
                                struct diag *diag)
{
    enum err e = digest_tree(from, to, ret, diag);

    if (e != ERR_NONE)
        return e;
    int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && syncfs(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok ? ERR_NONE : FAIL(diag, ERR_SYS, 0, "can't write %.150s to disk", to);
}

/* --- git --- */

/* The first line of a file, without its end. */
static bool first_line(const char *dir, const char *name, struct buf *b, struct slice *ret)
{
    char path[PATH_MAX];

    if (join(path, dir, name, NULL) != ERR_NONE || slurp(path, b, NULL) != ERR_NONE)
        return false;
    *ret = slice_cut(buf_slice(b), 0, slice_find(buf_slice(b), '\n'));
    while (ret->n && isspace((unsigned char)ret->p[ret->n - 1]))
        ret->n--;
    return ret->n > 0;
}

static bool take_commit(struct slice s, struct rules_pin *ret)
{
    if (s.n != 40 && s.n != 64)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isxdigit((unsigned char)s.p[i]))
            return false;
    memcpy(ret->commit, s.p, s.n);
    ret->commit[s.n] = 0;
    return true;
}

static bool packed(const char *common, const char *ref, struct buf *b, struct rules_pin *ret)
{
    char path[PATH_MAX];

    if (join(path, common, "packed-refs", NULL) != ERR_NONE || slurp(path, b, NULL) != ERR_NONE)
        return false;
    for (struct slice left = buf_slice(b); left.n;) {
        size_t n = slice_find(left, '\n'), blank = slice_find(left, ' ');
        struct slice line = slice_cut(left, 0, n);
        if (blank < n && slice_eq(slice_cut(line, blank + 1, n), slice_of(ref)))
            return take_commit(slice_cut(line, 0, blank), ret);
        left = slice_cut(left, n < left.n ? n + 1 : n, left.n);
    }
    return false;
}

/* `git` is the folder of this checkout, `common` the one of the repository. */
static bool head(const char *git, const char *common, struct buf *b, struct rules_pin *ret)
{
    struct slice s;
    char ref[1024];

    if (!first_line(git, "HEAD", b, &s))
        return false;
    if (!slice_starts(s, SLICE("ref: ")))
        return take_commit(s, ret);
    s = slice_cut(s, 5, s.n);
    if (s.n >= sizeof(ref) || !slice_starts(s, SLICE("refs/")) || memmem(s.p, s.n, "..", 2))
        return false;
    (void)snprintf(ref, sizeof(ref), "%.*s", SLICE_ARG(s));
    if (first_line(git, ref, b, &s) || first_line(common, ref, b, &s))
        return take_commit(s, ret);
    return packed(common, ref, b, ret);
}

static bool below(char to[static PATH_MAX], const char *dir, struct slice name)
{
    int n = name.p[0] == '/' ? snprintf(to, PATH_MAX, "%.*s", SLICE_ARG(name))
                             : snprintf(to, PATH_MAX, "%s/%.*s", dir, SLICE_ARG(name));

    return n > 0 && n < PATH_MAX;
}

/* A checkout's own folder, or the one that a worktree's or submodule's file names. */
static bool commit_at(const char *dir, struct buf *b, struct rules_pin *ret)
{
    char git[PATH_MAX], common[PATH_MAX];
    struct stat st;
    struct slice s;

    if (join(git, dir, ".git", NULL) != ERR_NONE || stat(git, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode)) {
        if (!first_line(dir, ".git", b, &s) || !slice_starts(s, SLICE("gitdir: ")) ||
            !below(git, dir, slice_cut(s, 8, s.n)))
            return false;
    }
    (void)snprintf(common, sizeof(common), "%s", git);
    if (first_line(git, "commondir", b, &s) && !below(common, git, s))
        return false;
    return head(git, common, b, ret);
}

CHECKED enum err rules_pin_read(const char *from, struct rules_pin *ret, struct diag *diag)
{
    struct rules_pin pin = {.files = 0};
    char dir[PATH_MAX];
    struct buf b;
    struct stat st;

    if (!realpath(from, dir) || stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return FAIL(diag, ERR_NOENT, 0, "%.150s is no folder", from);
    buf_init(&b, REFS_BYTES_MAX);
    for (size_t up = 0; up < LEVELS_UP && dir[0]; up++) {
        char git[PATH_MAX];
        bool here = join(git, dir, ".git", NULL) == ERR_NONE && access(git, F_OK) == 0;
        if (here && !commit_at(dir, &b, &pin))
            pin.commit[0] = 0;
        if (here)
            break;
        *strrchr(dir, '/') = 0;
    }
    buf_done(&b);
    enum err e = digest_tree(from, NULL, &pin, diag);
    if (e == ERR_NONE)
        *ret = pin;
    return e;
}
