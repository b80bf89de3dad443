#include "intake/tail_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"

#define INO_NOTE_NS (7 * 24 * 3600 * NS_PER_S)

void tail_note_key(char out[static TAIL_PATH_BYTES + 16], const char *path)
{
    (void)snprintf(out, TAIL_PATH_BYTES + 16, "tail:%s", path);
}

static void ino_note_key(char out[static 64], uint64_t dev, uint64_t ino)
{
    (void)snprintf(out, 64, "tailino:%llu:%llu", (unsigned long long)dev, (unsigned long long)ino);
}

static bool load_mark(struct tail *t, const char *key, struct tail_mark *ret)
{
    char bytes[TAIL_MARK_BYTES];
    size_t n;

    return journal_note_get(t->in->journal, slice_of(key), bytes, sizeof(bytes), &n) == ERR_NONE &&
           tail_mark_decode((struct slice){bytes, n}, ret) == ERR_NONE;
}

struct tail_file *tail_file_new(struct tail *t, const char *path, bool first)
{
    struct tail_file *f = calloc(1, sizeof(*f));
    char *copy = strdup(path);

    if (!f || !copy) {
        free(f);
        free(copy);
        return NULL;
    }
    *f = (struct tail_file){
        .tail = t, .path = copy, .first = first, .fd = -1, .shown.state = "waiting"};
    buf_init(&f->buf, TAIL_CHUNK + (2 << 20));
    return f;
}

void tail_file_free(struct tail_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        (void)close(f->fd);
    for (size_t i = 0; i < f->next_n; i++)
        (void)close(f->next[i].fd);
    buf_done(&f->buf);
    free(f->path);
    free(f);
}

void tail_file_show(struct tail_file *f, const char *state, const char *detail, const char *mend)
{
    (void)pthread_mutex_lock(&f->tail->lock);
    f->shown.state = state;
    f->shown.offset = f->at.offset;
    (void)snprintf(f->shown.detail, sizeof(f->shown.detail), "%s", detail ? detail : "");
    (void)snprintf(f->shown.mend, sizeof(f->shown.mend), "%s", mend ? mend : "");
    (void)pthread_mutex_unlock(&f->tail->lock);
}

/* By the file's group if it may read, else by an access list on the file or, when the folder is
 * closed, on that. */
static void show_denied(struct tail_file *f)
{
    char mend[300], room[4096], user[64] = "USER";
    struct passwd pw, *p = NULL;
    struct group gr, *g = NULL;
    struct stat st;

    if (getpwuid_r(geteuid(), &pw, room, sizeof(room), &p) == 0 && p)
        (void)snprintf(user, sizeof(user), "%s", p->pw_name);
    if (stat(f->path, &st) != 0) {
        char copy[TAIL_PATH_BYTES];
        (void)snprintf(copy, sizeof(copy), "%s", f->path);
        (void)snprintf(mend, sizeof(mend), "sudo setfacl -m u:%s:rx '%.200s'", user, dirname(copy));
    } else if ((st.st_mode & S_IRGRP) && st.st_gid != 0 &&
               getgrgid_r(st.st_gid, &gr, room, sizeof(room), &g) == 0 && g) {
        intake_mend_group(strcmp(g->gr_name, "adm") == 0 ? "adm,systemd-journal" : g->gr_name, mend,
                          sizeof(mend));
    } else {
        (void)snprintf(mend, sizeof(mend), "sudo setfacl -m u:%s:r '%.200s'", user, f->path);
    }
    tail_file_show(f, "denied", "no permission", mend);
}

static bool is_held(const struct tail_file *f, const struct stat *st)
{
    for (size_t i = 0; i < f->next_n; i++)
        if (f->next[i].ino == (uint64_t)st->st_ino && f->next[i].dev == (uint64_t)st->st_dev)
            return true;
    return false;
}

static bool is_followed_elsewhere(const struct tail_file *me, const struct stat *st)
{
    for (const struct tail_file *f = me->tail->files; f; f = f->next_in_list) {
        if (f == me)
            continue;
        if (f->fd >= 0 && f->at.ino == (uint64_t)st->st_ino && f->at.dev == (uint64_t)st->st_dev)
            return true;
        if (is_held(f, st))
            return true;
    }
    return false;
}

struct search {
    const struct tail_file *f;
    const struct stat *st;
    struct tail_mark *ret;
    bool found;
};

static void on_note(void *arg, struct slice key, struct slice value)
{
    struct search *s = arg;
    struct tail_mark m;

    (void)key;
    if (!s->found && tail_mark_decode(value, &m) == ERR_NONE && tail_mark_is(&m, s->f->fd, s->st)) {
        *s->ret = m;
        s->found = true;
    }
}

/* The file of the mark under another name in the same folder: it was rotated while we were not
 * running. -1 when it is gone. */
static int find_renamed(const struct tail_file *f, const struct tail_mark *m)
{
    char copy[TAIL_PATH_BYTES];
    struct dirent *e;
    int found = -1;

    (void)snprintf(copy, sizeof(copy), "%s", f->path);
    DIR *d = opendir(dirname(copy));
    if (!d)
        return -1;
    while (found < 0 && (e = readdir(d))) {
        struct stat st;
        if ((uint64_t)e->d_ino != m->ino)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && tail_mark_is(m, fd, &st) &&
            !is_followed_elsewhere(f, &st))
            found = fd;
        else
            (void)close(fd);
    }
    (void)closedir(d);
    return found;
}

/* Where to begin in a file of which the journal knows nothing under this name. */
static void begin_unknown(struct tail_file *f, const struct stat *st)
{
    struct tail_mark m;
    char key[64];

    struct search other = {.f = f, .st = st, .ret = &m};

    ino_note_key(key, f->at.dev, f->at.ino);
    if (load_mark(f->tail, key, &m) && tail_mark_is(&m, f->fd, st)) {
        f->at = m; /* read to its end under its former name */
        return;
    }
    journal_note_each(f->tail->in->journal, SLICE("tail:"), on_note, &other);
    if (other.found) {
        f->at = m; /* renamed while we were not running */
    } else if (f->first && st->st_size >= TAIL_FIRST_BYTES) {
        f->at.offset = (uint64_t)st->st_size - TAIL_FIRST_BYTES;
        f->skip_line = true;
    }
}

static void begin(struct tail_file *f, const struct stat *st)
{
    char key[TAIL_PATH_BYTES + 16];
    struct tail_mark m;

    f->at = (struct tail_mark){.dev = (uint64_t)st->st_dev, .ino = (uint64_t)st->st_ino};
    f->skip_line = f->renamed = false;
    f->long_part = 0;
    f->grown_ns = clock_mono_ns();
    buf_reset(&f->buf);
    tail_note_key(key, f->path);
    if (!load_mark(f->tail, key, &m)) {
        begin_unknown(f, st);
    } else if (tail_mark_is(&m, f->fd, st)) {
        f->at = m;
    } else {
        int old = find_renamed(f, &m);
        if (old >= 0) {
            (void)close(f->fd);
            f->fd = old;
            f->at = m;
            f->renamed = true;
        }
    }
}

static int open_path(const struct tail_file *f)
{
    return open(f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void tail_file_hold_next(struct tail_file *f)
{
    struct stat st;

    if (f->next_n == TAIL_NEXT_MAX || stat(f->path, &st) != 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_ino == f->at.ino || is_held(f, &st))
        return;
    int fd = open_path(f);
    if (fd < 0)
        return;
    if (fstat(fd, &st) != 0 || is_held(f, &st) || is_followed_elsewhere(f, &st)) {
        (void)close(fd);
        return;
    }
    f->next[f->next_n++] = (struct tail_next){fd, (uint64_t)st.st_dev, (uint64_t)st.st_ino};
}

static int take_next(struct tail_file *f)
{
    int fd = f->next[0].fd;

    f->next_n--;
    memmove(f->next, f->next + 1, f->next_n * sizeof(f->next[0]));
    return fd;
}

bool tail_file_open(struct tail_file *f)
{
    struct stat st;
    int fd = f->next_n > 0 ? take_next(f) : open_path(f);

    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return false;
        if (errno == EACCES || errno == EPERM)
            show_denied(f);
        else
            tail_file_show(f, "failed", strerror(errno), NULL);
        return true;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        tail_file_show(f, "failed", "not a regular file", NULL);
        (void)close(fd);
        return true;
    }
    if (is_followed_elsewhere(f, &st)) {
        tail_file_show(f, "waiting", "still being read under its former name", NULL);
        (void)close(fd);
        return true;
    }
    f->fd = fd;
    begin(f, &st);
    tail_file_show(f, "ok", NULL, NULL);
    return true;
}

bool tail_file_leave(struct tail_file *f)
{
    struct tail *t = f->tail;
    char path_key[TAIL_PATH_BYTES + 16], ino_key[64], bytes[TAIL_MARK_BYTES];
    struct buf value = {.max = sizeof(bytes)};
    struct slice rest = buf_slice(&f->buf);
    struct tail_mark end = f->at;

    if (rest.n > 0 && rest.n <= t->in->record_bytes && !f->skip_line) {
        struct record r = intake_record(t->in, INPUT_FILE, FRAMING_LF);
        r.name = slice_of(f->path);
        r.payload = rest;
        if (batch_add(&t->batch, &r) != ERR_NONE)
            return true; /* no memory: at the next turn */
    }
    end.offset += rest.n;
    if (tail_mark_print(&end, f->fd) != ERR_NONE)
        end.print_n = f->at.print_n;
    tail_note_key(path_key, f->path);
    ino_note_key(ino_key, end.dev, end.ino);
    if (tail_mark_encode(&end, &value) != ERR_NONE) {
        buf_done(&value);
        batch_reset(&t->batch);
        return true;
    }
    const struct journal_note notes[] = {
        {slice_of(path_key), {"", 0}, 0},
        {slice_of(ino_key), buf_slice(&value), clock_wall_ns() + INO_NOTE_NS}};
    size_t n = t->batch.n;
    bool ok = tail_commit(t, notes, ARRAY_LEN(notes));
    buf_done(&value);
    if (!ok)
        return false;
    (void)close(f->fd);
    f->fd = -1;
    f->first = false;
    buf_done(&f->buf);
    (void)pthread_mutex_lock(&t->lock);
    f->shown.records += n;
    (void)pthread_mutex_unlock(&t->lock);
    return true;
}
