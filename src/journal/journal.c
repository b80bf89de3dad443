#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "journal/journal_int.h"

enum {
    BATCH_BYTES = JOURNAL_PENDING_MAX + SEGMENT_RECORD + SEGMENT_COMMIT,
    BATCH_KEEP = 4 << 20, /* a batch that grew beyond this gives its memory back */
    SEGMENT_LEAST = 4096,
    TRIM_AT_ONCE = 64,
};

/* ---- one batch through the disk ---- */

static void complete(struct journal *j, struct journal_batch *b, enum err e)
{
    for (size_t i = 0; i < b->groups_n; i++)
        if (b->groups[i].done)
            b->groups[i].done(b->groups[i].arg, e);
    if (b->n > BATCH_KEEP)
        (void)madvise(b->p, BATCH_BYTES, MADV_DONTNEED);
    (void)pthread_mutex_lock(&j->lock);
    j->pending -= b->n;
    b->n = b->last = 0;
    b->groups_n = 0;
    b->frames = b->notes = 0;
    (void)pthread_mutex_unlock(&j->lock);
}

/* Waits with `lock` held until a batch is worth its sync; false when stopping and all is done. */
static bool wait_for_work(struct journal *j)
{
    for (;;) {
        const struct journal_batch *b = &j->batches[j->filling];
        if (b->groups_n && (j->stop || b->n >= JOURNAL_COMMIT_BYTES))
            return true;
        if (b->groups_n) {
            int64_t until = b->since_ns + (int64_t)j->commit_ms * NS_PER_MS;
            if (clock_mono_ns() >= until)
                return true;
            struct timespec ts = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
            (void)pthread_cond_timedwait(&j->work, &j->lock, &ts);
        } else if (j->stop) {
            return false;
        } else {
            (void)pthread_cond_wait(&j->work, &j->lock);
        }
    }
}

static void *commit_loop(void *arg)
{
    struct journal *j = arg;

    (void)pthread_mutex_lock(&j->lock);
    while (wait_for_work(j)) {
        struct journal_batch *b = &j->batches[j->filling];
        j->filling ^= 1;
        while (b->copying)
            (void)pthread_cond_wait(&j->copied, &j->lock);
        (void)pthread_mutex_unlock(&j->lock);
        (void)pthread_mutex_lock(&j->io);
        enum err e = commit_batch(j, b);
        (void)pthread_mutex_unlock(&j->io);
        complete(j, b, e);
        (void)pthread_mutex_lock(&j->lock);
    }
    (void)pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* ---- appending ---- */

struct group {
    const struct slice *frames;
    const struct journal_note *notes;
    size_t n, notes_n;
    size_t frame_bytes, bytes; /* as records */
    uint64_t forever_bytes;    /* of the notes that never expire */
};

static enum err measure(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->frames[i].n > SEGMENT_FRAME_MAX)
            return ERR_LIMIT;
        g->frame_bytes += SEGMENT_RECORD + g->frames[i].n;
        if (g->frame_bytes > JOURNAL_PENDING_MAX)
            return ERR_LIMIT;
    }
    g->bytes = g->frame_bytes;
    for (size_t i = 0; i < g->notes_n; i++) {
        const struct journal_note *n = &g->notes[i];
        if (n->key.n > SEGMENT_KEY_MAX || n->value.n > SEGMENT_VALUE_MAX)
            return ERR_LIMIT;
        size_t bytes = segment_note_bytes(n->key.n, n->value.n);
        g->bytes += bytes;
        if (n->expires_ns == 0 && n->value.n)
            g->forever_bytes += bytes;
        if (g->bytes > JOURNAL_PENDING_MAX)
            return ERR_LIMIT;
    }
    return ERR_NONE;
}

static enum err more_groups(struct journal_batch *b)
{
    size_t cap = b->groups_cap ? b->groups_cap * 2 : 256;

    if (b->groups_n < b->groups_cap)
        return ERR_NONE;
    if (cap > JOURNAL_GROUPS_MAX)
        return ERR_BUSY;
    struct journal_group *p = realloc(b->groups, cap * sizeof(*p));
    if (!p)
        return ERR_NOMEM;
    b->groups = p;
    b->groups_cap = cap;
    return ERR_NONE;
}

/* With `lock` held: room in the batch that is being filled, *ret_at its offset. */
static enum err reserve(struct journal *j, const struct group *g, journal_done_fn *done, void *arg,
                        size_t *ret_at)
{
    struct journal_batch *b = &j->batches[j->filling];
    uint64_t spare = UINT64_C(2) * JOURNAL_NEW_SEGMENT + j->carry_bytes;

    if (j->stop || g->bytes > JOURNAL_PENDING_MAX - j->pending)
        return ERR_BUSY;
    if (j->health.bytes + j->pending + g->bytes + spare > j->max_bytes) {
        j->refused = true;
        return ERR_FULL;
    }
    enum err e = more_groups(b);
    if (e != ERR_NONE)
        return e;
    if (b->groups_n == 0)
        b->since_ns = clock_mono_ns();
    b->groups[b->groups_n++] = (struct journal_group){done, arg, b->n + g->frame_bytes, g->notes_n};
    *ret_at = b->n;
    if (g->n)
        b->last = b->n + g->frame_bytes;
    bool wake = b->groups_n == 1 ||
                (b->n < JOURNAL_COMMIT_BYTES && b->n + g->bytes >= JOURNAL_COMMIT_BYTES);
    b->n += g->bytes;
    b->frames += (uint32_t)g->n;
    b->notes += (uint32_t)g->notes_n;
    j->pending += g->bytes;
    b->copying++;
    if (wake)
        (void)pthread_cond_signal(&j->work);
    return ERR_NONE;
}

static void copy(const struct group *g, uint32_t seed, char *to)
{
    for (size_t i = 0; i < g->n; i++) {
        struct slice payload = {to + SEGMENT_RECORD, g->frames[i].n};
        if (payload.n)
            memcpy(to + SEGMENT_RECORD, g->frames[i].p, payload.n);
        segment_record_put(to, seed, SEGMENT_IS_FRAME, payload);
        to += SEGMENT_RECORD + payload.n;
    }
    for (size_t i = 0; i < g->notes_n; i++) {
        const struct journal_note *n = &g->notes[i];
        struct segment_note note = {n->key, n->value, n->expires_ns};
        to += segment_note_put(to, seed, &note);
    }
}

static enum err append_and_commit(struct journal *j, const struct group *g, journal_done_fn *done,
                                  void *arg)
{
    size_t at;
    struct journal_batch *b = &j->batches[0];

    (void)pthread_mutex_lock(&j->io);
    (void)pthread_mutex_lock(&j->lock);
    enum err e = reserve(j, g, NULL, NULL, &at);
    (void)pthread_mutex_unlock(&j->lock);
    if (e == ERR_NONE) {
        copy(g, j->seed, b->p + at);
        b->copying = 0;
        e = commit_batch(j, b);
        complete(j, b, e);
        if (e == ERR_NONE && done)
            done(arg, e);
    }
    (void)pthread_mutex_unlock(&j->io);
    return e;
}

CHECKED enum err journal_append(struct journal *j, const struct slice *frames, size_t n,
                                const struct journal_note *notes, size_t notes_n,
                                journal_done_fn *done, void *arg)
{
    struct group g = {.frames = frames, .n = n, .notes = notes, .notes_n = notes_n};
    size_t at;
    enum err e = measure(&g);

    if (e != ERR_NONE)
        return e;
    if (g.forever_bytes) {
        (void)pthread_mutex_lock(&j->notes_lock);
        bool much = j->notes.forever_bytes + g.forever_bytes > j->notes.max_bytes;
        (void)pthread_mutex_unlock(&j->notes_lock);
        if (much)
            return ERR_LIMIT;
    }
    if (j->no_thread)
        return append_and_commit(j, &g, done, arg);
    (void)pthread_mutex_lock(&j->lock);
    e = reserve(j, &g, done, arg, &at);
    struct journal_batch *b = &j->batches[j->filling];
    (void)pthread_mutex_unlock(&j->lock);
    if (e != ERR_NONE)
        return e;
    copy(&g, j->seed, b->p + at);
    (void)pthread_mutex_lock(&j->lock);
    if (--b->copying == 0)
        (void)pthread_cond_signal(&j->copied);
    (void)pthread_mutex_unlock(&j->lock);
    return ERR_NONE;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    enum err e;
};

static void waiter_done(void *arg, enum err e)
{
    struct waiter *w = arg;

    (void)pthread_mutex_lock(&w->lock);
    w->done = true;
    w->e = e;
    (void)pthread_cond_signal(&w->cond);
    (void)pthread_mutex_unlock(&w->lock);
}

CHECKED enum err journal_append_wait(struct journal *j, const struct slice *frames, size_t n,
                                     const struct journal_note *notes, size_t notes_n)
{
    struct waiter w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, ERR_NONE};
    enum err e = journal_append(j, frames, n, notes, notes_n, waiter_done, &w);

    if (e == ERR_NONE) {
        (void)pthread_mutex_lock(&w.lock);
        while (!w.done)
            (void)pthread_cond_wait(&w.cond, &w.lock);
        (void)pthread_mutex_unlock(&w.lock);
        e = w.e;
    }
    (void)pthread_cond_destroy(&w.cond);
    (void)pthread_mutex_destroy(&w.lock);
    return e;
}

/* ---- notes, trimming, health ---- */

CHECKED enum err journal_note_get(struct journal *j, struct slice key, char *out, size_t cap,
                                  size_t *ret_n)
{
    struct slice value;
    enum err e = ERR_NONE;

    (void)pthread_mutex_lock(&j->notes_lock);
    if (!notes_get(&j->notes, key, clock_wall_ns(), &value)) {
        e = ERR_NOENT;
    } else if (value.n > cap) {
        e = ERR_LIMIT;
    } else {
        memcpy(out, value.p, value.n);
        *ret_n = value.n;
    }
    (void)pthread_mutex_unlock(&j->notes_lock);
    return e;
}

struct each {
    void (*fn)(void *arg, struct slice key, struct slice value);
    void *arg;
};

static void each_one(void *arg, const struct segment_note *n)
{
    const struct each *x = arg;

    x->fn(x->arg, n->key, n->value);
}

void journal_note_each(struct journal *j, struct slice prefix,
                       void (*fn)(void *arg, struct slice key, struct slice value), void *arg)
{
    struct each x = {fn, arg};

    (void)pthread_mutex_lock(&j->notes_lock);
    notes_each(&j->notes, prefix, clock_wall_ns(), each_one, &x);
    (void)pthread_mutex_unlock(&j->notes_lock);
}

static bool passed(const struct journal_segment *s, struct jpos all)
{
    return s->number < all.segment || (s->number == all.segment && all.offset >= s->last);
}

/* Whether the last segment is read to its end and worth being replaced by a fresh one. */
static bool last_is_spent(struct journal *j, struct jpos all)
{
    (void)pthread_mutex_lock(&j->lock);
    const struct journal_segment *s = j->segs_n ? &j->segs[j->segs_n - 1] : NULL;
    bool spent = s && passed(s, all) && (j->refused || s->size > j->segment_bytes / 2) &&
                 s->size > JOURNAL_NEW_SEGMENT + j->carry_bytes &&
                 j->health.bytes + JOURNAL_NEW_SEGMENT + j->carry_bytes <= j->max_bytes;
    (void)pthread_mutex_unlock(&j->lock);
    return spent;
}

/* The oldest segments that are passed, at most `max`; never the last one, which carries the notes.
 */
static size_t spent_ones(struct journal *j, struct jpos all, uint64_t *numbers, size_t max)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&j->lock);
    while (n < max && n + 1 < j->segs_n && passed(&j->segs[n], all)) {
        numbers[n] = j->segs[n].number;
        n++;
    }
    (void)pthread_mutex_unlock(&j->lock);
    return n;
}

static void forget(struct journal *j, size_t n)
{
    (void)pthread_mutex_lock(&j->io);
    (void)pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < n; i++)
        j->health.bytes -= j->segs[i].size;
    j->segs_n -= n;
    memmove(j->segs, j->segs + n, j->segs_n * sizeof(*j->segs));
    j->refused = false;
    (void)pthread_mutex_unlock(&j->lock);
    (void)pthread_mutex_unlock(&j->io);
}

static enum err trim(struct journal *j, struct jpos all)
{
    uint64_t numbers[TRIM_AT_ONCE];
    char name[SEGMENT_NAME];
    size_t n, done;
    enum err e = ERR_NONE;

    (void)pthread_mutex_lock(&j->io);
    if (last_is_spent(j, all))
        e = commit_rotate(j);
    (void)pthread_mutex_unlock(&j->io);
    while ((n = spent_ones(j, all, numbers, TRIM_AT_ONCE)) > 0) {
        for (done = 0; done < n; done++) {
            segment_name(name, numbers[done]);
            if (unlinkat(j->dirfd, name, 0) != 0 && errno != ENOENT)
                break;
        }
        forget(j, done);
        if (fsync(j->dirfd) != 0 || done < n)
            return ERR_SYS;
    }
    return e;
}

CHECKED enum err journal_trim(struct journal *j, struct jpos all_passed)
{
    (void)pthread_mutex_lock(&j->trim);
    enum err e = trim(j, all_passed);
    (void)pthread_mutex_unlock(&j->trim);
    return e;
}

void journal_health(struct journal *j, struct journal_health *ret)
{
    (void)pthread_mutex_lock(&j->lock);
    *ret = j->health;
    (void)pthread_mutex_unlock(&j->lock);
}

void journal_tune(struct journal *j, uint64_t max_bytes, int commit_ms)
{
    (void)pthread_mutex_lock(&j->lock);
    j->max_bytes = max_bytes;
    j->commit_ms = commit_ms;
    (void)pthread_cond_signal(&j->work);
    (void)pthread_mutex_unlock(&j->lock);
}

/* ---- opening, closing ---- */

/* A folder that was just made must be found again after a power cut. */
static enum err sync_parent(int dirfd)
{
    int fd = openat(dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return ERR_SYS;
    int rc = fsync(fd);
    (void)close(fd);
    return rc == 0 ? ERR_NONE : ERR_SYS;
}

static enum err open_folder(struct journal *j, const struct journal_options *o, struct diag *diag)
{
    bool made = mkdir(o->dir, 0750) == 0;
    if ((!made && errno != EEXIST) || (mkdir(o->quarantine, 0750) != 0 && errno != EEXIST))
        return FAIL(diag, ERR_SYS, 0, "folder %s or %s cannot be made", o->dir, o->quarantine);
    j->dirfd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->dirfd < 0)
        return FAIL(diag, ERR_SYS, 0, "folder %s cannot be opened", o->dir);
    if (made && sync_parent(j->dirfd) != ERR_NONE)
        return FAIL(diag, ERR_SYS, 0, "the folder of %s cannot be synced", o->dir);
    j->lockfd = openat(j->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lockfd < 0)
        return FAIL(diag, ERR_SYS, 0, "%s/lock cannot be made", o->dir);
    if (flock(j->lockfd, LOCK_EX | LOCK_NB) != 0)
        return FAIL(diag, ERR_BUSY, 0, "another process writes the journal %s", o->dir);
    enum err e = page_map_writer(j->dirfd, &j->page);
    return e == ERR_NONE ? e : FAIL(diag, e, 0, "%s/position cannot be made", o->dir);
}

static enum err init_locks(struct journal *j)
{
    pthread_condattr_t attr;

    if (pthread_condattr_init(&attr) != 0)
        return ERR_NOMEM;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int rc = pthread_mutex_init(&j->trim, NULL) | pthread_mutex_init(&j->io, NULL) |
             pthread_mutex_init(&j->lock, NULL) | pthread_mutex_init(&j->notes_lock, NULL) |
             pthread_cond_init(&j->work, &attr) | pthread_cond_init(&j->copied, NULL);
    (void)pthread_condattr_destroy(&attr);
    return rc ? ERR_NOMEM : ERR_NONE;
}

/* Address space only: pages are touched as batches fill them. */
static enum err init_batches(struct journal *j)
{
    for (size_t i = 0; i < ARRAY_LEN(j->batches); i++) {
        void *p = mmap(NULL, BATCH_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED)
            return ERR_NOMEM;
        j->batches[i].p = p;
    }
    return ERR_NONE;
}

static enum err start(struct journal *j, const struct journal_options *o, struct diag *diag)
{
    uint64_t notes_max = o->segment_bytes / 2;

    j->quarantine = strdup(o->quarantine);
    if (!j->quarantine)
        return ERR_NOMEM;
    enum err e =
        notes_init(&j->notes, notes_max < JOURNAL_NOTES_MAX ? notes_max : JOURNAL_NOTES_MAX);
    if (e == ERR_NONE)
        e = init_batches(j);
    if (e == ERR_NONE)
        e = open_folder(j, o, diag);
    if (e == ERR_NONE)
        e = recover_all(j, diag);
    if (e != ERR_NONE || o->no_thread)
        return e;
    if (pthread_create(&j->thread, NULL, commit_loop, j) != 0)
        return FAIL(diag, ERR_NOMEM, 0, "no thread for the journal");
    j->thread_on = true;
    return ERR_NONE;
}

CHECKED enum err journal_open(const struct journal_options *o, struct journal **ret,
                              struct diag *diag)
{
    if (o->segment_bytes < SEGMENT_LEAST || o->max_bytes < SEGMENT_LEAST || o->commit_ms < 0)
        return FAIL(diag, ERR_LIMIT, 0, "a journal's segment has at least %d bytes", SEGMENT_LEAST);
    struct journal *j = calloc(1, sizeof(*j));
    if (!j)
        return ERR_NOMEM;
    *j = (struct journal){.dirfd = -1,
                          .lockfd = -1,
                          .fd = -1,
                          .segment_bytes = o->segment_bytes,
                          .max_bytes = o->max_bytes,
                          .commit_ms = o->commit_ms,
                          .no_thread = o->no_thread,
                          .sequence = 1};
    enum err e = init_locks(j);
    if (e != ERR_NONE) {
        free(j);
        return e;
    }
    e = start(j, o, diag);
    if (e != ERR_NONE) {
        journal_close(j);
        return e;
    }
    *ret = j;
    return ERR_NONE;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    if (j->thread_on) {
        (void)pthread_mutex_lock(&j->lock);
        j->stop = true;
        (void)pthread_cond_signal(&j->work);
        (void)pthread_mutex_unlock(&j->lock);
        (void)pthread_join(j->thread, NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(j->batches); i++) {
        if (j->batches[i].p)
            (void)munmap(j->batches[i].p, BATCH_BYTES);
        free(j->batches[i].groups);
    }
    page_unmap(j->page);
    notes_done(&j->notes);
    if (j->fd >= 0)
        (void)close(j->fd);
    if (j->lockfd >= 0)
        (void)close(j->lockfd);
    if (j->dirfd >= 0)
        (void)close(j->dirfd);
    (void)pthread_cond_destroy(&j->work);
    (void)pthread_cond_destroy(&j->copied);
    (void)pthread_mutex_destroy(&j->trim);
    (void)pthread_mutex_destroy(&j->io);
    (void)pthread_mutex_destroy(&j->lock);
    (void)pthread_mutex_destroy(&j->notes_lock);
    free(j->segs);
    free(j->quarantine);
    free(j);
}
