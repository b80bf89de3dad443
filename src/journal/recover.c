#include "journal/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "journal/walk_int.h"

/* Segments that are older than the newest of this much together are not scanned at open; their
 * checksums are looked at when they are read. Keeps the start short. */
static const uint64_t scan_max_bytes = UINT64_C(1) << 30;

struct found {
    uint64_t number, size, last;
    struct segment_header head;
    bool headed;  /* head is sound */
    bool dropped; /* never acknowledged, and gone */
};

struct recovery {
    struct journal *j;
    struct diag *diag;
    struct page_value hint; /* what the shared page says, if it is sound */
    struct found *list;     /* owned */
    size_t n;
};

static enum err open_segment(const struct recovery *r, uint64_t number, int flags, int *ret)
{
    char name[SEGMENT_NAME];

    segment_name(name, number);
    int fd = openat(r->j->dirfd, name, flags | O_CLOEXEC);
    if (fd < 0)
        return FAIL(r->diag, ERR_SYS, 0, "journal segment %s cannot be opened", name);
    *ret = fd;
    return ERR_NONE;
}

static uint32_t seed_of(const struct recovery *r, const struct found *f)
{
    return segment_seed(f->headed ? f->head.salt : r->j->salt);
}

/* Copies the bytes aside. Damage that was copied at an earlier open has its file already. */
static void quarantine(struct recovery *r, int fd, uint64_t number, uint64_t from, uint64_t to)
{
    char path[4096], part[65536];

    int len = snprintf(path, sizeof(path), "%s/%012" PRIu64 "-%" PRIu64 "-%" PRIu64 ".bad",
                       r->j->quarantine, number, from, to - from);
    if (len < 0 || (size_t)len >= sizeof(path))
        return;
    int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (out < 0)
        return;
    bool ok = true;
    while (ok && from < to) {
        size_t n = to - from < sizeof(part) ? (size_t)(to - from) : sizeof(part);
        ssize_t got = pread(fd, part, n, (off_t)from);
        ok = got > 0 && write(out, part, (size_t)got) == got;
        from += ok ? (size_t)got : 0;
    }
    (void)fsync(out);
    (void)close(out);
}

/* Offset after the last commit whose batch is whole, 0 if there is none. */
static enum err whole_end(const struct recovery *r, const struct found *f, int fd, uint64_t *ret)
{
    struct walk w;
    struct walk_item item;
    uint64_t start = SEGMENT_HEADER, end = 0;
    uint32_t frames = 0, notes = 0;
    enum err e;

    walk_init(&w, fd, seed_of(r, f), SEGMENT_HEADER, f->size);
    while ((e = walk_next(&w, &item)) == ERR_NONE || e == ERR_CORRUPT) {
        struct segment_commit c;
        if (e == ERR_NONE && item.kind == SEGMENT_IS_FRAME) {
            frames++;
            continue;
        }
        if (e == ERR_NONE && item.kind == SEGMENT_IS_NOTE) {
            notes++;
            continue;
        }
        if (e == ERR_NONE && segment_commit_get(item.payload, &c) && c.start == start &&
            c.frames == frames && c.notes == notes)
            end = item.end;
        start = item.end;
        frames = notes = 0;
    }
    walk_done(&w);
    if (e != ERR_NOENT)
        return e;
    *ret = end;
    return ERR_NONE;
}

static enum err drop(struct recovery *r, struct found *f, int fd)
{
    char name[SEGMENT_NAME];

    if (f->size > SEGMENT_HEADER)
        quarantine(r, fd, f->number, 0, f->size);
    segment_name(name, f->number);
    if (unlinkat(r->j->dirfd, name, 0) != 0 || fsync(r->j->dirfd) != 0)
        return FAIL(r->diag, ERR_SYS, 0, "torn journal segment %s cannot be deleted", name);
    r->j->health.torn_bytes += f->size;
    f->dropped = true;
    return ERR_NONE;
}

static enum err cut(struct recovery *r, struct found *f, int fd, uint64_t keep)
{
    if (keep >= f->size)
        return ERR_NONE;
    if (ftruncate(fd, (off_t)keep) != 0)
        return FAIL(r->diag, ERR_SYS, 0, "torn tail of segment %" PRIu64 " cannot be cut",
                    f->number);
    r->j->health.torn_bytes += f->size - keep;
    f->size = keep;
    return ERR_NONE;
}

/* The end of what counts in the newest segment. What readers were promised counts even when its
 * commit is damaged: then it is damage, not a torn tail. */
static enum err mend_tail(struct recovery *r, struct found *f)
{
    int fd = -1;
    uint64_t keep = 0;
    enum err e = open_segment(r, f->number, O_RDWR, &fd);

    if (e != ERR_NONE)
        return e;
    e = whole_end(r, f, fd, &keep);
    if (r->hint.durable.segment == f->number && r->hint.durable.offset > keep)
        keep = r->hint.durable.offset < f->size ? r->hint.durable.offset : f->size;
    if (e == ERR_NONE && keep == 0) {
        e = drop(r, f, fd);
    } else if (e == ERR_NONE) {
        e = cut(r, f, fd, keep);
        /* Whole commits that were never synced are in the page cache only: they must not be
         * shown to readers before they are on disk. */
        if (e == ERR_NONE && journal_io->sync(fd) != 0)
            e = FAIL(r->diag, ERR_SYS, 0, "segment %" PRIu64 " cannot be synced", f->number);
    }
    (void)close(fd);
    return e;
}

/* Each header says which segment came before and where that one ended. */
static enum err follow_chain(struct recovery *r)
{
    for (size_t i = r->n; i-- > 1;) {
        const struct found *f = &r->list[i];
        if (f->dropped || !f->headed || f->head.prev_number == 0)
            continue;
        for (size_t k = i; k-- > 0 && r->list[k].number >= f->head.prev_number;) {
            struct found *before = &r->list[k];
            int fd = -1;
            enum err e = before->dropped ? ERR_NONE : open_segment(r, before->number, O_RDWR, &fd);
            if (e != ERR_NONE)
                return e;
            if (fd >= 0 && before->number > f->head.prev_number) {
                e = drop(r, before, fd);
            } else if (fd >= 0) {
                e = cut(r, before, fd, f->head.prev_end);
                before->last = f->head.prev_last;
            }
            if (fd >= 0)
                (void)close(fd);
            if (e != ERR_NONE)
                return e;
        }
    }
    return ERR_NONE;
}

static void damage(struct recovery *r, int fd, uint64_t number, uint64_t from, uint64_t to)
{
    r->j->health.damaged_bytes += to - from;
    quarantine(r, fd, number, from, to);
}

/* Everything before f->size is durable: counts damage, learns notes, the last frame, the sequence.
 */
static enum err scan(struct recovery *r, struct found *f)
{
    struct walk w;
    struct walk_item item;
    int fd = -1;
    int64_t now = clock_wall_ns();
    enum err e = open_segment(r, f->number, O_RDONLY, &fd);

    if (e != ERR_NONE)
        return e;
    f->last = SEGMENT_HEADER;
    if (!f->headed)
        damage(r, fd, f->number, 0, SEGMENT_HEADER < f->size ? SEGMENT_HEADER : f->size);
    walk_init(&w, fd, seed_of(r, f), SEGMENT_HEADER, f->size);
    while ((e = walk_next(&w, &item)) == ERR_NONE || e == ERR_CORRUPT) {
        struct segment_note note;
        struct segment_commit c;
        if (e == ERR_CORRUPT)
            damage(r, fd, f->number, item.at, item.end);
        else if (item.kind == SEGMENT_IS_FRAME)
            f->last = item.end;
        else if (item.kind == SEGMENT_IS_NOTE && segment_note_get(item.payload, &note) &&
                 notes_set(&r->j->notes, &note, now) != ERR_NONE)
            r->j->notes.dropped++;
        else if (item.kind == SEGMENT_IS_COMMIT && segment_commit_get(item.payload, &c) &&
                 c.sequence >= r->j->sequence)
            r->j->sequence = c.sequence + 1;
    }
    walk_done(&w);
    (void)close(fd);
    return e == ERR_NOENT ? ERR_NONE : e;
}

static enum err scan_newest(struct recovery *r)
{
    size_t first = r->n;
    uint64_t bytes = 0;

    while (first > 0 && (bytes == 0 || bytes + r->list[first - 1].size <= scan_max_bytes)) {
        first--;
        bytes += r->list[first].dropped ? 0 : r->list[first].size;
    }
    for (size_t i = first; i < r->n; i++) {
        enum err e = r->list[i].dropped ? ERR_NONE : scan(r, &r->list[i]);
        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

static enum err look_at(struct recovery *r, struct found *f)
{
    struct stat st;
    int fd = -1;
    enum err e = open_segment(r, f->number, O_RDONLY, &fd);

    if (e != ERR_NONE)
        return e;
    if (fstat(fd, &st) != 0) {
        (void)close(fd);
        return FAIL(r->diag, ERR_SYS, 0, "segment %" PRIu64 " cannot be read", f->number);
    }
    f->size = f->last = (uint64_t)st.st_size;
    e = segment_header_read(fd, &f->head);
    (void)close(fd);
    if (e == ERR_VERSION)
        return FAIL(r->diag, e, 8, "journal segment %" PRIu64 " was written by a newer version",
                    f->number);
    if (e == ERR_SYS)
        return FAIL(r->diag, e, 0, "segment %" PRIu64 " cannot be read", f->number);
    f->headed = e == ERR_NONE && f->head.number == f->number;
    if (f->headed)
        r->j->salt = f->head.salt;
    return ERR_NONE;
}

static enum err look(struct recovery *r)
{
    uint64_t *numbers = NULL;
    uint32_t turn;
    enum err e = segment_list(r->j->dirfd, &numbers, &r->n);

    if (e != ERR_NONE)
        return FAIL(r->diag, e, 0, "the journal's folder cannot be listed");
    if (page_load(r->j->page, &r->hint, &turn)) {
        r->j->salt = r->hint.salt;
        r->j->last_number = r->hint.durable.segment;
    } else if (getrandom(&r->j->salt, sizeof(r->j->salt), 0) != (ssize_t)sizeof(r->j->salt)) {
        e = FAIL(r->diag, ERR_SYS, 0, "no random numbers");
    }
    r->list = calloc(r->n + 1, sizeof(*r->list));
    if (!r->list)
        e = ERR_NOMEM;
    for (size_t i = 0; e == ERR_NONE && i < r->n; i++) {
        r->list[i].number = numbers[i];
        e = look_at(r, &r->list[i]);
    }
    if (e == ERR_NONE && r->n && numbers[r->n - 1] > r->j->last_number)
        r->j->last_number = numbers[r->n - 1];
    free(numbers);
    r->j->seed = segment_seed(r->j->salt);
    return e;
}

static enum err take(struct recovery *r)
{
    struct page_value v = {r->hint.durable, r->j->salt};

    for (size_t i = 0; i < r->n; i++) {
        const struct found *f = &r->list[i];
        if (f->dropped)
            continue;
        enum err e = commit_push(r->j, (struct journal_segment){f->number, f->size, f->last});
        if (e != ERR_NONE)
            return e;
        /* Readers were promised the hint: a segment that vanished does not take it back. */
        if (jpos_cmp((struct jpos){f->number, f->size}, v.durable) > 0 ||
            f->number == v.durable.segment)
            v.durable = (struct jpos){f->number, f->size};
    }
    r->j->carry_bytes = r->j->notes.bytes;
    r->j->health.notes_dropped = r->j->notes.dropped;
    r->j->health.durable = v.durable;
    page_store(r->j->page, &v);
    return ERR_NONE;
}

CHECKED enum err recover_all(struct journal *j, struct diag *diag)
{
    struct recovery r = {.j = j, .diag = diag};
    enum err e = look(&r);

    for (size_t i = r.n; e == ERR_NONE && i-- > 0;) {
        e = mend_tail(&r, &r.list[i]);
        if (!r.list[i].dropped)
            break;
    }
    if (e == ERR_NONE)
        e = follow_chain(&r);
    if (e == ERR_NONE)
        e = scan_newest(&r);
    if (e == ERR_NONE)
        e = take(&r);
    free(r.list);
    return e;
}
