#include "journal/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"

static const struct journal_io system_io = {pwrite, fdatasync};
const struct journal_io *journal_io = &system_io;

static enum err of_errno(int sys)
{
    return sys == ENOSPC || sys == EDQUOT || sys == EFBIG ? ERR_FULL : ERR_SYS;
}

static enum err write_all(int fd, const char *p, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t done = journal_io->write(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return of_errno(errno);
        if (done == 0)
            return ERR_FULL;
        p += done;
        n -= (size_t)done;
        at += (size_t)done;
    }
    return ERR_NONE;
}

CHECKED enum err commit_push(struct journal *j, struct journal_segment s)
{
    if (j->segs_n == j->segs_cap) {
        size_t cap = j->segs_cap ? j->segs_cap * 2 : 16;
        struct journal_segment *p = realloc(j->segs, cap * sizeof(*p));
        if (!p)
            return ERR_NOMEM;
        j->segs = p;
        j->segs_cap = cap;
    }
    j->segs[j->segs_n++] = s;
    j->health.bytes += s.size;
    return ERR_NONE;
}

static void publish(struct journal *j)
{
    const struct journal_segment *s = &j->segs[j->segs_n - 1];
    struct page_value v = {{s->number, s->size}, j->salt};

    page_store(j->page, &v);
    (void)pthread_mutex_lock(&j->lock);
    j->health.durable = v.durable;
    (void)pthread_mutex_unlock(&j->lock);
}

struct carry {
    char *to;
    uint32_t seed, n;
};

static void carry_one(void *arg, const struct segment_note *n)
{
    struct carry *c = arg;

    c->to += segment_note_put(c->to, c->seed, n);
    c->n++;
}

/* The first bytes of a segment: header, all live notes, a commit. *ret is the caller's to free. */
static enum err first_bytes(struct journal *j, struct segment_header *h, char **ret, size_t *ret_n)
{
    int64_t now = clock_wall_ns();

    (void)pthread_mutex_lock(&j->notes_lock);
    notes_expire(&j->notes, now);
    char *p = malloc(JOURNAL_NEW_SEGMENT + j->notes.bytes);
    if (!p) {
        (void)pthread_mutex_unlock(&j->notes_lock);
        return ERR_NOMEM;
    }
    segment_header_put(p, h);
    struct carry c = {p + SEGMENT_HEADER, j->seed, 0};
    notes_each(&j->notes, SLICE(""), now, carry_one, &c);
    (void)pthread_mutex_unlock(&j->notes_lock);
    struct segment_commit commit = {h->sequence, SEGMENT_HEADER, now, 0, c.n};
    c.to += segment_commit_put(c.to, j->seed, &commit);
    *ret = p;
    *ret_n = (size_t)(c.to - p);
    return ERR_NONE;
}

/* The last segment takes no more. What may lie behind its durable end never happened: the next
 * segment's header says so, whether or not the cut works. */
static void retire(struct journal *j)
{
    if (j->fd < 0)
        return;
    if (ftruncate(j->fd, (off_t)j->segs[j->segs_n - 1].size) != 0) {
        /* recovery cuts it by that header */
    }
    (void)close(j->fd);
    j->fd = -1;
}

static enum err create(struct journal *j, const char *name, const char *p, size_t n, int *ret_fd)
{
    int fd = openat(j->dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd < 0)
        return of_errno(errno);
    enum err e = write_all(fd, p, n, 0);
    if (e == ERR_NONE && journal_io->sync(fd) != 0)
        e = of_errno(errno);
    if (e == ERR_NONE && fsync(j->dirfd) != 0)
        e = of_errno(errno);
    if (e != ERR_NONE) {
        (void)close(fd);
        (void)unlinkat(j->dirfd, name, 0);
        return e;
    }
    *ret_fd = fd;
    return ERR_NONE;
}

CHECKED enum err commit_rotate(struct journal *j)
{
    char name[SEGMENT_NAME], *p = NULL;
    size_t n = 0;
    int fd = -1;
    struct segment_header h = {.number = j->last_number + 1,
                               .salt = j->salt,
                               .created_ns = clock_wall_ns(),
                               .sequence = j->sequence};

    retire(j);
    if (j->segs_n) {
        h.prev_number = j->segs[j->segs_n - 1].number;
        h.prev_end = j->segs[j->segs_n - 1].size;
        h.prev_last = j->segs[j->segs_n - 1].last;
    }
    enum err e = first_bytes(j, &h, &p, &n);
    if (e != ERR_NONE)
        return e;
    segment_name(name, h.number);
    j->last_number = h.number;
    e = create(j, name, p, n, &fd);
    free(p);
    if (e != ERR_NONE)
        return e;
    (void)pthread_mutex_lock(&j->lock);
    e = commit_push(j, (struct journal_segment){h.number, n, SEGMENT_HEADER});
    (void)pthread_mutex_unlock(&j->lock);
    if (e != ERR_NONE) {
        (void)close(fd);
        (void)unlinkat(j->dirfd, name, 0);
        return e;
    }
    j->fd = fd;
    j->fresh = n;
    j->sequence++;
    publish(j);
    return ERR_NONE;
}

/* The ceiling holds with room for one more segment that carries the notes, so that a full journal
 * can always be trimmed. */
static enum err room(struct journal *j, size_t n, bool rotate)
{
    (void)pthread_mutex_lock(&j->lock);
    uint64_t spare = JOURNAL_NEW_SEGMENT + j->carry_bytes;
    bool full = j->health.bytes + n + spare * (rotate ? 2 : 1) > j->max_bytes;
    if (full)
        j->refused = true;
    (void)pthread_mutex_unlock(&j->lock);
    return full ? ERR_FULL : ERR_NONE;
}

static enum err write_batch(struct journal *j, struct journal_batch *b, bool *ret_retry)
{
    struct journal_segment *s = &j->segs[j->segs_n - 1];
    struct segment_commit c = {j->sequence, s->size, clock_wall_ns(), b->frames, b->notes};
    size_t n = b->n + segment_commit_put(b->p + b->n, j->seed, &c);
    enum err e = write_all(j->fd, b->p, n, s->size);

    if (e == ERR_FULL) {
        if (ftruncate(j->fd, (off_t)s->size) != 0)
            retire(j);
        return e;
    }
    if (e == ERR_NONE && journal_io->sync(j->fd) != 0)
        e = of_errno(errno);
    if (e != ERR_NONE) {
        /* After a failed sync the kernel may call lost pages clean: nothing that this file's
         * cache says can be trusted, so these groups are written again somewhere else. */
        retire(j);
        *ret_retry = true;
        return e;
    }
    (void)pthread_mutex_lock(&j->lock);
    if (b->last)
        s->last = s->size + b->last;
    s->size += n;
    j->health.bytes += n;
    j->health.commits++;
    j->health.frames += b->frames;
    (void)pthread_mutex_unlock(&j->lock);
    j->sequence++;
    return ERR_NONE;
}

static void apply_notes(struct journal *j, const struct journal_batch *b)
{
    int64_t now = clock_wall_ns();

    (void)pthread_mutex_lock(&j->notes_lock);
    for (size_t i = 0; i < b->groups_n; i++) {
        const char *at = b->p + b->groups[i].notes_at;
        for (size_t k = 0; k < b->groups[i].notes_n; k++) {
            enum segment_kind kind;
            uint32_t n, crc;
            struct segment_note note;
            if (!segment_record_get(at, j->seed, &kind, &n, &crc) ||
                !segment_note_get((struct slice){at + SEGMENT_RECORD, n}, &note))
                break; /* cannot be: we wrote it */
            if (notes_set(&j->notes, &note, now) != ERR_NONE)
                j->notes.dropped++;
            at += SEGMENT_RECORD + n;
        }
    }
    uint64_t bytes = j->notes.bytes, dropped = j->notes.dropped;
    (void)pthread_mutex_unlock(&j->notes_lock);
    (void)pthread_mutex_lock(&j->lock);
    j->carry_bytes = bytes;
    j->health.notes_dropped = dropped;
    (void)pthread_mutex_unlock(&j->lock);
}

/* At least four segments share the ceiling, so that a reader frees space step by step. */
static bool worth_rotating(struct journal *j, size_t n)
{
    uint64_t size = j->segs[j->segs_n - 1].size;

    (void)pthread_mutex_lock(&j->lock);
    uint64_t most = j->max_bytes / 4 < j->segment_bytes ? j->max_bytes / 4 : j->segment_bytes;
    (void)pthread_mutex_unlock(&j->lock);
    return size > j->fresh && size + n > most;
}

CHECKED enum err commit_batch(struct journal *j, struct journal_batch *b)
{
    size_t n = b->n + SEGMENT_RECORD + SEGMENT_COMMIT;
    bool retry = false;
    enum err e = ERR_NONE;

    if (b->n == 0)
        return ERR_NONE;
    for (int attempt = 0; attempt < 2; attempt++) {
        bool rotate = j->fd < 0 || worth_rotating(j, n);
        retry = false;
        e = room(j, n, rotate);
        if (e == ERR_NONE && rotate)
            e = commit_rotate(j);
        if (e == ERR_NONE)
            e = write_batch(j, b, &retry);
        if (!retry)
            break;
    }
    if (e != ERR_NONE)
        return e;
    if (b->notes)
        apply_notes(j, b);
    publish(j);
    return ERR_NONE;
}
