/* The reader: from paths to batches of whole records. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/hunt_formats.h"
#include "cmd/hunt_input.h"
#include "cmd/hunt_tar.h"
#include "cmd/hunt_zip.h"

enum { SNIFF_BYTES = 64 << 10, UTF8_MOST = 4 };

struct reader {
    struct hunt *h;
    struct hunt_batch *b; /* being filled */
    struct hunt_cut cut;
    bool inside; /* of an archive: another one is not opened */
};

static ptrdiff_t pull_fd(void *arg, char *to, size_t cap, struct diag *diag)
{
    const int *fd = arg;

    for (;;) {
        ssize_t n = read(*fd, to, cap);
        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        diag_set(diag, ERR_SYS, 0, "cannot read: %s", strerror(errno));
        return -1;
    }
}

/* A batch without records that carries a note about a file. */
static void tell(struct reader *r, struct hunt_file *f, const struct diag *d, bool damaged)
{
    struct hunt_batch *b = hunt_take(r->h);

    b->file = f;
    b->damaged = damaged;
    if (d->at)
        hunt_note(b, "at byte %zu: %s", d->at, d->text);
    else
        hunt_note(b, "%s", d->text);
    hunt_submit(r->h, b);
}

static bool grow(struct hunt_batch *b)
{
    size_t cap = b->cap * 2;
    char *p = cap <= 2 * (size_t)HUNT_RECORD_BYTES_MAX ? realloc(b->p, cap) : NULL;

    if (!p)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;

    for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines;
}

/* Hands out the first n bytes of the batch and begins the next with the rest. */
static void send(struct reader *r, size_t n)
{
    struct hunt_batch *b = r->b, *next = hunt_take(r->h);
    size_t rest = b->n - n;

    while (next->cap < rest && grow(next))
        ;
    if (next->cap < rest) {
        hunt_note(b, "out of memory: %zu bytes are left out", rest);
        rest = 0;
    }
    if (rest)
        memcpy(next->p, b->p + n, rest);
    next->n = rest;
    next->file = b->file;
    next->format = b->format;
    next->line = b->line + count_lines(b->p, n);
    next->offset = b->offset + n;
    b->n = n;
    b->bytes = n;
    if (!b->layout)
        b->layout = hunt_layout_ref(r->cut.layout);
    if (r->cut.broken.n) {
        hunt_note(b, "line %llu: %.*s",
                  (unsigned long long)(r->cut.broken_line ? r->cut.broken_line : b->line),
                  SLICE_ARG(r->cut.broken));
        b->bad++;
    }
    if (r->cut.drop)
        b->n = 0;
    r->cut.broken = SLICE("");
    r->cut.broken_line = 0;
    r->cut.drop = false;
    hunt_submit(r->h, b);
    r->b = next;
}

/* Cuts and sends until no whole record is left in the batch. */
static void drain(struct reader *r, bool last)
{
    while (r->b->n > 0 && !atomic_load(&r->h->stop)) {
        struct hunt_batch *b = r->b;
        bool full = b->n + UTF8_MOST > HUNT_RECORD_BYTES_MAX;
        size_t n = b->format->cut(&r->cut, b, (struct slice){b->p, b->n}, last, full);
        if (n == 0)
            return;
        send(r, n);
    }
}

/* Fills the batch up to `want` bytes, but for a few that one character may need. Damage is told by
 * the read after the last good bytes. */
static enum err fill(struct hunt_input *in, struct hunt_batch *b, size_t want, bool *ret_end,
                     struct diag *d)
{
    enum err e = ERR_NONE;
    size_t got = 1;

    while (e == ERR_NONE && got > 0 && b->n + UTF8_MOST <= want) {
        e = hunt_input_read(in, b->p + b->n, want - b->n, &got, d);
        b->n += e == ERR_NONE ? got : 0;
    }
    *ret_end = e != ERR_NONE || got == 0;
    return e;
}

static void begin(struct reader *r, struct hunt_input *in, struct hunt_file *f)
{
    struct slice head = {r->b->p, r->b->n < SNIFF_BYTES ? r->b->n : SNIFF_BYTES};

    r->b->format = hunt_format_of(head, f->name);
    if (r->h->o.verbose)
        hunt_note(r->b, "format %s%s%s", r->b->format->name, *hunt_input_layers(in) ? ", " : "",
                  hunt_input_layers(in));
}

static void read_tar(struct reader *r, struct hunt_input *in, struct hunt_file *f);

/* The rest of a file whose beginning is in the batch. */
static enum err read_records(struct reader *r, struct hunt_input *in, bool end, struct diag *d)
{
    enum err e = ERR_NONE;

    drain(r, end);
    while (!end && !atomic_load(&r->h->stop)) {
        if (r->b->n + UTF8_MOST > r->b->cap && !grow(r->b))
            return FAIL(d, ERR_NOMEM, 0, "out of memory");
        e = fill(in, r->b, r->b->cap, &end, d);
        drain(r, end);
    }
    return e;
}

static void read_stream(struct reader *r, struct hunt_input *in, struct hunt_file *f)
{
    struct diag d = {0};
    bool end = false;

    r->b = hunt_take(r->h);
    r->b->file = f;
    r->b->line = 1;
    json_split_init(&r->cut.split);
    enum err e = fill(in, r->b, r->b->cap, &end, &d);
    if (hunt_tar_looks((struct slice){r->b->p, r->b->n})) {
        read_tar(r, in, f);
        return;
    }
    begin(r, in, f);
    enum err rest = read_records(r, in, end, &d);
    hunt_layout_unref(r->cut.layout);
    r->cut.layout = NULL;
    r->b->n = 0;
    hunt_submit(r->h, r->b);
    r->b = NULL;
    if (e != ERR_NONE || rest != ERR_NONE)
        tell(r, f, &d, true);
}

/* One member of an archive, unless it is an archive itself. */
static void read_member(struct reader *r, hunt_pull_fn *pull, void *arg, struct hunt_file *f)
{
    struct hunt_input *in = hunt_input_new(pull, arg, NULL);
    struct diag d = {0};
    struct slice head = {0};
    enum err e = FAIL(&d, ERR_NOMEM, 0, "out of memory");

    if (in)
        e = hunt_input_peek(in, &head, &d);
    if (e == ERR_NONE && slice_starts(head, SLICE("PK\3\4")))
        e = FAIL(&d, ERR_UNSUPPORTED, 0, "an archive inside an archive is not opened");
    r->inside = true;
    if (e == ERR_NONE)
        read_stream(r, in, f);
    else
        tell(r, f, &d, true);
    r->inside = false;
    hunt_input_free(in);
}

/* The batch at hand holds the beginning of the archive and keeps it while the members are read. */
static void read_tar(struct reader *r, struct hunt_input *in, struct hunt_file *f)
{
    struct hunt_batch *b = r->b;
    struct hunt_tar *t = calloc(1, sizeof(*t));
    struct diag d = {0};
    enum err e = FAIL(&d, ERR_UNSUPPORTED, 0, "an archive inside an archive is not opened");

    if (!r->inside && t) {
        d = (struct diag){0};
        t->in = in;
        t->head = (struct slice){b->p, b->n};
        while ((e = hunt_tar_next(t, &d)) == ERR_NONE && !atomic_load(&r->h->stop))
            read_member(r, hunt_tar_pull, t, hunt_file_new(r->h, f->name, t->name));
    }
    free(t);
    b->n = 0;
    hunt_submit(r->h, b);
    r->b = NULL;
    if (e != ERR_NOENT && e != ERR_NONE)
        tell(r, f, &d, true);
}

static void read_zip(struct reader *r, int fd, const char *path)
{
    struct hunt_zip *z = NULL;
    struct diag d = {0};

    if (hunt_zip_open(fd, &z, &d) != ERR_NONE) {
        tell(r, hunt_file_new(r->h, path, NULL), &d, true);
        return;
    }
    for (size_t i = 0; i < hunt_zip_n(z) && !atomic_load(&r->h->stop); i++) {
        const char *name = hunt_zip_name(z, i);
        if (!name)
            continue;
        struct hunt_file *f = hunt_file_new(r->h, path, name);
        d = (struct diag){0};
        if (hunt_zip_begin(z, i, &d) == ERR_NONE)
            read_member(r, hunt_zip_pull, z, f);
        else
            tell(r, f, &d, true);
    }
    hunt_zip_free(z);
}

/* Standard input cannot be sought, an archive's list is at its end: through an unlinked file. */
static int spool(struct slice head, int fd, struct diag *d)
{
    const char *dir = getenv("TMPDIR");
    int to = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char buf[64 << 10];
    ptrdiff_t n = (ptrdiff_t)head.n;
    bool ok = to >= 0 && write(to, head.p, head.n) == (ssize_t)head.n;

    while (ok && (n = pull_fd(&fd, buf, sizeof(buf), d)) > 0)
        ok = write(to, buf, (size_t)n) == n;
    if (ok && n == 0)
        return to;
    if (to >= 0)
        (void)close(to);
    if (!d->text[0])
        diag_set(d, ERR_SYS, 0, "cannot keep the archive for reading: %s", strerror(errno));
    return -1;
}

static uint64_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static void read_fd(struct reader *r, int fd, const char *path)
{
    struct hunt_input *in = hunt_input_new(pull_fd, &fd, &r->h->raw_done);
    struct slice head = {0};
    struct diag d = {0};
    enum err e = FAIL(&d, ERR_NOMEM, 0, "out of memory");

    if (in)
        e = hunt_input_peek(in, &head, &d);
    if (e != ERR_NONE) {
        tell(r, hunt_file_new(r->h, path, NULL), &d, true);
    } else if (!slice_starts(head, SLICE("PK\3\4")) && !slice_starts(head, SLICE("PK\5\6"))) {
        read_stream(r, in, hunt_file_new(r->h, path, NULL));
    } else if (lseek(fd, 0, SEEK_SET) == 0) {
        size_t peeked = head.n;
        read_zip(r, fd, path);
        atomic_fetch_add(&r->h->raw_done, size_of(fd) > peeked ? size_of(fd) - peeked : 0);
    } else {
        int own = spool(head, fd, &d);
        if (own >= 0)
            read_zip(r, own, path);
        else
            tell(r, hunt_file_new(r->h, path, NULL), &d, true);
        if (own >= 0)
            (void)close(own);
    }
    hunt_input_free(in);
}

static bool read_path(void *arg, const char *path)
{
    struct reader *r = arg;
    bool in = strcmp(path, "-") == 0;
    int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        struct diag d = {0};
        diag_set(&d, ERR_SYS, 0, "cannot open: %s", strerror(errno));
        tell(r, hunt_file_new(r->h, path, NULL), &d, true);
    } else {
        read_fd(r, fd, path);
    }
    if (fd >= 0 && !in)
        (void)close(fd);
    return !atomic_load(&r->h->stop);
}

static bool add_size(void *arg, const char *path)
{
    struct hunt *h = arg;
    struct stat st;

    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        atomic_fetch_add(&h->raw_total, (unsigned long long)st.st_size);
    return true;
}

void *hunt_read_main(void *arg)
{
    struct hunt *h = arg;
    struct reader r = {.h = h};

    if (!h->o.no_progress)
        hunt_list(&h->o.paths, add_size, h);
    hunt_list(&h->o.paths, read_path, &r);
    (void)pthread_mutex_lock(&h->lock);
    h->read_all = true;
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
    queue_close(&h->work);
    return NULL;
}
