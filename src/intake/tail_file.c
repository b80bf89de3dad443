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
    tail_next_drop(f);
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

struct search {
    int fd;
    const struct stat *st;
    struct tail_mark *ret;
    bool found;
};

static void on_note(void *arg, struct slice key, struct slice value)
{
    struct search *s = arg;
    struct tail_mark m;

    (void)key;
    if (!s->found && tail_mark_decode(value, &m) == ERR_NONE && tail_mark_is(&m, s->fd, s->st)) {
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
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && tail_mark_is(m, fd, &st))
            found = fd;
        else
            (void)close(fd);
    }
    (void)closedir(d);
    return found;
}

/* What the journal knows of a file under any name; else its beginning. */
static bool find_mark(struct tail *t, int fd, const struct stat *st, struct tail_mark *ret)
{
    struct tail_mark m;
    char key[64];

    *ret = (struct tail_mark){.dev = (uint64_t)st->st_dev, .ino = (uint64_t)st->st_ino};
    ino_note_key(key, ret->dev, ret->ino);
    if (load_mark(t, key, &m) && tail_mark_is(&m, fd, st)) {
        *ret = m; /* read to its end under its former name */
        return true;
    }
    struct search other = {.fd = fd, .st = st, .ret = ret};
    journal_note_each(t->in->journal, SLICE("tail:"), on_note, &other);
    return other.found; /* renamed while we were not running */
}

static void begin_unknown(struct tail_file *f, const struct stat *st, bool first)
{
    if (!find_mark(f->tail, f->fd, st, &f->at) && first && st->st_size >= TAIL_FIRST_BYTES) {
        f->at.offset = (uint64_t)st->st_size - TAIL_FIRST_BYTES;
        f->skip_line = true;
    }
}

/* The path's file is not the one that was being read. fd is that one, under its new name. */
static void begin_renamed(struct tail_file *f, int old, const struct tail_mark *m)
{
    struct stat st;

    (void)close(f->fd);
    f->fd = -1;
    f->born_ns = tail_next_born(old);
    if (fstat(old, &st) == 0 && !tail_next_is_elsewhere(f, &st)) {
        f->fd = old;
        f->at = *m;
        f->size = (uint64_t)st.st_size;
        f->grown_ns = tail_next_quiet_since(&st);
        f->renamed = true;
        return;
    }
    (void)close(old);
    tail_next_gather(f);
    if (f->next_n > 0) {
        struct tail_mark at;
        (void)find_mark(f->tail, f->next[0].fd, &f->next[0].st, &at);
        tail_next_take(f, &at);
    }
}

/* A file of which nothing has been read is known from now on: it may be renamed before the first
 * lines of it are stored, and we be killed. */
static void note_begin(struct tail_file *f)
{
    char key[TAIL_PATH_BYTES + 16];
    struct buf value = {.max = TAIL_MARK_BYTES};

    tail_note_key(key, f->path);
    if (tail_mark_encode(&f->at, &value) == ERR_NONE) {
        const struct journal_note note = {slice_of(key), buf_slice(&value), 0};
        (void)tail_commit(f->tail, &note, 1); /* told to stop: the loop sees it too */
    }
    buf_done(&value);
}

static void begin(struct tail_file *f, const struct stat *st)
{
    char key[TAIL_PATH_BYTES + 16];
    struct tail_mark m;

    f->at = (struct tail_mark){.dev = (uint64_t)st->st_dev, .ino = (uint64_t)st->st_ino};
    f->skip_line = f->renamed = f->crowded = false;
    f->long_part = 0;
    f->size = (uint64_t)st->st_size;
    f->grown_ns = clock_mono_ns();
    f->born_ns = tail_next_born(f->fd);
    buf_reset(&f->buf);
    tail_note_key(key, f->path);
    bool known = load_mark(f->tail, key, &m);
    if (known && tail_mark_is(&m, f->fd, st)) {
        f->at = m;
        return;
    }
    int old = known ? find_renamed(f, &m) : -1;
    if (old >= 0)
        begin_renamed(f, old, &m);
    else
        begin_unknown(f, st, f->first && !known);
    if (f->fd >= 0 && !f->skip_line)
        note_begin(f);
}

bool tail_file_open(struct tail_file *f)
{
    struct stat st;
    int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

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
    if (tail_next_is_elsewhere(f, &st)) {
        tail_file_show(f, "waiting", "still being read under its former name", NULL);
        (void)close(fd);
        return true;
    }
    f->fd = fd;
    begin(f, &st);
    tail_file_show(f, f->fd >= 0 ? "ok" : "waiting", NULL, NULL);
    return true;
}

/* The last line of a file that has none to follow: false: no memory. */
static bool take_rest(struct tail_file *f)
{
    struct slice rest = buf_slice(&f->buf);

    if (rest.n == 0 || rest.n > f->tail->in->record_bytes || f->skip_line)
        return true;
    struct record r = intake_record(f->tail->in, INPUT_FILE, FRAMING_LF);
    r.name = slice_of(f->path);
    r.payload = rest;
    return batch_add(&f->tail->batch, &r) == ERR_NONE;
}

bool tail_file_leave(struct tail_file *f)
{
    struct tail *t = f->tail;
    char path_key[TAIL_PATH_BYTES + 16], ino_key[64];
    struct buf end_value = {.max = TAIL_MARK_BYTES}, next_value = {.max = TAIL_MARK_BYTES};
    struct tail_mark end = f->at, next;
    bool follows = f->next_n > 0;

    end.offset += f->buf.n;
    if (tail_mark_print(&end, f->fd) != ERR_NONE)
        end.print_n = f->at.print_n;
    next = end; /* what comes to the path later is younger than this one */
    if (follows)
        (void)find_mark(t, f->next[0].fd, &f->next[0].st, &next);
    tail_note_key(path_key, f->path);
    ino_note_key(ino_key, end.dev, end.ino);
    if (!take_rest(f) || tail_mark_encode(&end, &end_value) != ERR_NONE ||
        tail_mark_encode(&next, &next_value) != ERR_NONE) {
        buf_done(&end_value);
        buf_done(&next_value);
        batch_reset(&t->batch);
        return true; /* no memory: at the next turn */
    }
    int64_t expires = clock_wall_ns() + INO_NOTE_NS;
    const struct journal_note notes[] = {
        {slice_of(path_key), buf_slice(&next_value), follows ? 0 : expires},
        {slice_of(ino_key), buf_slice(&end_value), expires}};
    size_t n = t->batch.n;
    bool ok = tail_commit(t, notes, ARRAY_LEN(notes));
    buf_done(&end_value);
    buf_done(&next_value);
    if (!ok)
        return false;
    (void)close(f->fd);
    f->fd = -1;
    f->first = false;
    buf_done(&f->buf);
    if (follows)
        tail_next_take(f, &next);
    (void)pthread_mutex_lock(&t->lock);
    f->shown.records += n;
    f->shown.offset = f->at.offset;
    (void)pthread_mutex_unlock(&t->lock);
    return true;
}
