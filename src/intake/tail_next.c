/* The files that came to a followed path after the one being read. */
#include "intake/tail_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

int64_t tail_next_born(int fd)
{
    struct statx x;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &x) != 0)
        return 0;
    const struct statx_timestamp *t = x.stx_mask & STATX_BTIME ? &x.stx_btime : &x.stx_mtime;
    return t->tv_sec * NS_PER_S + t->tv_nsec;
}

int64_t tail_next_quiet_since(const struct stat *st)
{
    const int64_t enough = (TAIL_ROTATE_MS + 1) * NS_PER_MS;
    int64_t age = clock_wall_ns() - (st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec);

    return clock_mono_ns() - (age < 0 ? 0 : age < enough ? age : enough);
}

static bool is_mine(const struct tail_file *f, const struct stat *st)
{
    if (f->fd >= 0 && f->at.ino == (uint64_t)st->st_ino && f->at.dev == (uint64_t)st->st_dev)
        return true;
    for (size_t i = 0; i < f->next_n; i++)
        if (f->next[i].st.st_ino == st->st_ino && f->next[i].st.st_dev == st->st_dev)
            return true;
    return false;
}

bool tail_next_is_elsewhere(const struct tail_file *me, const struct stat *st)
{
    for (const struct tail_file *f = me->tail->files; f; f = f->next_in_list)
        if (f != me && is_mine(f, st))
            return true;
    return false;
}

/* NAME.1, NAME-20240131, NAME.2024-01-31T05 and the like; nothing compressed, no NAME.errors. */
static bool is_rotated_name(const char *base, const char *name)
{
    size_t n = strlen(base);

    if (strncmp(name, base, n) != 0 || !name[n] || !strchr(".-_", name[n]))
        return false;
    name += n;
    return strpbrk(name, "0123456789") && name[strspn(name, "0123456789.-_:T")] == 0;
}

struct gather {
    struct tail_file *f;
    struct tail_next at_path; /* fd -1: nothing new there */
    struct tail_next old[TAIL_NEXT_MAX];
    size_t old_n, room;
    bool crowded, failed;
};

/* false: no file to be read after the others, or it cannot be opened. */
static bool open_next(struct gather *g, int dir, const char *name, int flags, struct tail_next *ret)
{
    struct tail_next x = {
        .fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags)};

    if (x.fd < 0) {
        g->failed = g->failed || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        return false;
    }
    bool ok = fstat(x.fd, &x.st) == 0 && S_ISREG(x.st.st_mode) && !is_mine(g->f, &x.st) &&
              !tail_next_is_elsewhere(g->f, &x.st);
    if (!ok) {
        (void)close(x.fd);
        return false;
    }
    x.born_ns = tail_next_born(x.fd);
    x.grown_ns = tail_next_quiet_since(&x.st);
    *ret = x;
    return true;
}

static bool is_same(const struct tail_next *a, const struct tail_next *b)
{
    return a->fd >= 0 && a->st.st_ino == b->st.st_ino && a->st.st_dev == b->st.st_dev;
}

static bool is_older(const struct tail_next *a, const struct tail_next *b)
{
    return a->born_ns != b->born_ns ? a->born_ns < b->born_ns : a->st.st_ino < b->st.st_ino;
}

/* Keeps the oldest that there is room for, in order. */
static void keep_old(struct gather *g, struct tail_next x)
{
    bool known = x.born_ns < g->f->born_ns || is_same(&g->at_path, &x);

    for (size_t i = 0; i < g->old_n; i++)
        known = known || is_same(&g->old[i], &x);
    if (known) {
        (void)close(x.fd);
        return;
    }
    size_t at = g->old_n;
    while (at > 0 && is_older(&x, &g->old[at - 1]))
        at--;
    if (g->old_n == g->room) {
        g->crowded = true;
        (void)close(at == g->room ? x.fd : g->old[--g->old_n].fd);
        if (at == g->room)
            return;
    }
    memmove(&g->old[at + 1], &g->old[at], (g->old_n - at) * sizeof(x));
    g->old[at] = x;
    g->old_n++;
}

static void gather_old(struct gather *g)
{
    char folder[TAIL_PATH_BYTES], name[TAIL_PATH_BYTES];
    const struct dirent *e;

    (void)snprintf(folder, sizeof(folder), "%s", g->f->path);
    (void)snprintf(name, sizeof(name), "%s", g->f->path);
    const char *base = basename(name);
    DIR *d = opendir(dirname(folder));
    if (!d) {
        g->failed = g->failed || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        return; /* a folder that may be passed through but not listed: what is at the path counts */
    }
    while ((e = readdir(d))) {
        struct tail_next x;
        if (is_rotated_name(base, e->d_name) && open_next(g, dirfd(d), e->d_name, O_NOFOLLOW, &x))
            keep_old(g, x);
    }
    (void)closedir(d);
}

static void push(struct tail_file *f, const struct tail_next *x)
{
    f->next[f->next_n++] = *x;
    if (f->born_ns < x->born_ns)
        f->born_ns = x->born_ns;
}

void tail_next_gather(struct tail_file *f)
{
    struct gather g = {.f = f, .at_path.fd = -1, .room = TAIL_NEXT_MAX - f->next_n};

    bool was_crowded = f->crowded;

    f->crowded = true;
    if (g.room == 0)
        return;
    /* the path first: what is renamed from it hereafter is held already */
    if (!open_next(&g, AT_FDCWD, f->path, 0, &g.at_path))
        g.at_path.fd = -1;
    gather_old(&g);
    if (g.failed) { /* an older one may be missing: all of them again at the next look */
        for (size_t i = 0; i < g.old_n; i++)
            (void)close(g.old[i].fd);
        if (g.at_path.fd >= 0)
            (void)close(g.at_path.fd);
        return;
    }
    for (size_t i = 0; i < g.old_n; i++)
        push(f, &g.old[i]);
    f->crowded = g.crowded || (g.at_path.fd >= 0 && f->next_n == TAIL_NEXT_MAX);
    if (g.at_path.fd >= 0 && f->crowded)
        (void)close(g.at_path.fd);
    else if (g.at_path.fd >= 0)
        push(f, &g.at_path);
    if (f->crowded && !was_crowded)
        log_warn("intake.tail", "%s: more than %d rotated files wait to be read", f->path,
                 TAIL_NEXT_MAX);
}

static void set_renamed(struct tail_file *f)
{
    if (!f->renamed)
        f->grown_ns = clock_mono_ns();
    f->renamed = true;
}

void tail_next_look(struct tail_file *f)
{
    struct stat st;

    for (size_t i = 0; i < f->next_n; i++) {
        struct tail_next *x = &f->next[i];
        if (fstat(x->fd, &st) != 0 || st.st_size == x->st.st_size)
            continue;
        x->st.st_size = st.st_size;
        x->grown_ns = clock_mono_ns();
    }
    if (stat(f->path, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            set_renamed(f);
            f->crowded = false; /* the rest is found when the path is there again */
        }
        return;
    }
    if ((uint64_t)st.st_ino == f->at.ino && (uint64_t)st.st_dev == f->at.dev) {
        f->renamed = f->next_n > 0;
        return;
    }
    set_renamed(f);
    if (!is_mine(f, &st) && !tail_next_is_elsewhere(f, &st))
        tail_next_gather(f);
    else
        f->crowded = false;
}

void tail_next_take(struct tail_file *f, const struct tail_mark *at)
{
    const struct tail_next x = f->next[0];

    f->next_n--;
    memmove(&f->next[0], &f->next[1], f->next_n * sizeof(x));
    f->fd = x.fd;
    f->at = *at;
    f->size = (uint64_t)x.st.st_size;
    f->grown_ns = x.grown_ns;
    f->renamed = f->next_n > 0;
    f->skip_line = false;
    f->long_part = 0;
}

void tail_next_drop(struct tail_file *f)
{
    while (f->next_n > 0)
        (void)close(f->next[--f->next_n].fd);
}
