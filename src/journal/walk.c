#include "journal/walk_int.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/crc32c.h"

enum { WINDOW = 1 << 20, SECTOR = 4096 };

void walk_init(struct walk *w, int fd, uint32_t seed, uint64_t pos, uint64_t limit)
{
    *w = (struct walk){.fd = fd, .seed = seed, .pos = pos, .limit = limit};
}

void walk_turn(struct walk *w, int fd, uint32_t seed, uint64_t pos, uint64_t limit)
{
    w->fd = fd;
    w->seed = seed;
    w->pos = pos;
    w->limit = limit;
    w->n = 0;
}

void walk_done(struct walk *w)
{
    free(w->window);
    w->window = NULL;
    w->cap = w->n = 0;
}

/* Fills to[0..n) from the file; what cannot be read (a bad sector, or a file that is shorter than
 * it should be) becomes zeros, which no checksum accepts. */
static void fill(int fd, char *to, size_t n, uint64_t from)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, to + done, n - done, (off_t)(from + done));
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0) {
            memset(to + done, 0, n - done);
            return;
        } else if (errno != EINTR) {
            size_t skip = SECTOR - (size_t)((from + done) % SECTOR);
            skip = skip < n - done ? skip : n - done;
            memset(to + done, 0, skip);
            done += skip;
        }
    }
}

/* The n bytes at `off`, which must lie before the limit; NULL when out of memory. */
static const char *need(struct walk *w, uint64_t off, size_t n)
{
    if (off >= w->base && off - w->base <= w->n && n <= w->n - (size_t)(off - w->base))
        return w->window + (off - w->base);
    size_t cap = n > WINDOW ? SEGMENT_FRAME_MAX + WINDOW : WINDOW;
    if (w->cap < cap) {
        char *p = realloc(w->window, cap);
        if (!p)
            return NULL;
        w->window = p;
        w->cap = cap;
    }
    w->base = off;
    w->n = w->limit - off < w->cap ? (size_t)(w->limit - off) : w->cap;
    fill(w->fd, w->window, w->n, off);
    return w->window;
}

/* ERR_CORRUPT with *ret_end where the damage ends if the header can be trusted, else 0. */
static enum err record_at(struct walk *w, uint64_t off, struct walk_item *ret, uint64_t *ret_end)
{
    enum segment_kind kind;
    uint32_t n, crc;

    *ret_end = 0;
    if (w->limit - off < SEGMENT_RECORD)
        return ERR_CORRUPT;
    const char *p = need(w, off, SEGMENT_RECORD);
    if (!p)
        return ERR_NOMEM;
    if (!segment_record_get(p, w->seed, &kind, &n, &crc) || n > w->limit - off - SEGMENT_RECORD)
        return ERR_CORRUPT;
    p = need(w, off, SEGMENT_RECORD + n);
    if (!p)
        return ERR_NOMEM;
    struct slice payload = {p + SEGMENT_RECORD, n};
    if (crc32c(w->seed, payload) != crc) {
        *ret_end = off + SEGMENT_RECORD + n;
        return ERR_CORRUPT;
    }
    *ret = (struct walk_item){kind, payload, off, off + SEGMENT_RECORD + n};
    return ERR_NONE;
}

CHECKED enum err walk_next(struct walk *w, struct walk_item *ret)
{
    uint64_t from = w->pos, end;
    struct walk_item item;

    if (from >= w->limit)
        return ERR_NOENT;
    enum err e = record_at(w, from, &item, &end);
    if (e == ERR_NONE) {
        w->pos = item.end;
        *ret = item;
        return ERR_NONE;
    }
    /* The next offset is the one that a sound header names, else the very next byte. */
    uint64_t at = from;
    while (e == ERR_CORRUPT) {
        at = end ? end : at + 1;
        if (at >= w->limit)
            break;
        e = record_at(w, at, &item, &end);
    }
    if (e == ERR_NOMEM)
        return e;
    w->pos = at < w->limit ? at : w->limit;
    *ret = (struct walk_item){.at = from, .end = w->pos};
    return ERR_CORRUPT;
}
