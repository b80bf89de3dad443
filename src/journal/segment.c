#include "journal/segment_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crc32c.h"

enum { NAME_DIGITS = 12, SEGMENTS_MAX = 1 << 20 };

static const char magic[8] = {'c', 'o', 'l', 'o', 'a', 'J', 'N', 'L'};

static char *put(char *to, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        *to++ = (char)(uint8_t)(v >> (8 * i));
    return to;
}

static uint32_t get32(const char *at)
{
    const uint8_t *p = (const uint8_t *)at;

    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t segment_seed(uint64_t salt)
{
    char b[8];

    (void)put(b, salt, 8);
    return crc32c(0, (struct slice){b, sizeof(b)});
}

void segment_header_put(char to[SEGMENT_HEADER], const struct segment_header *h)
{
    memset(to, 0, SEGMENT_HEADER);
    memcpy(to, magic, sizeof(magic));
    char *p = put(to + 8, SEGMENT_VERSION, 4);
    p = put(p, SEGMENT_HEADER, 4);
    p = put(p, h->number, 8);
    p = put(p, h->salt, 8);
    p = put(p, (uint64_t)h->created_ns, 8);
    p = put(p, h->prev_number, 8);
    p = put(p, h->prev_end, 8);
    p = put(p, h->prev_last, 8);
    (void)put(p, h->sequence, 8);
    (void)put(to + 92, crc32c(0, (struct slice){to, 92}), 4);
}

CHECKED enum err segment_header_get(struct slice in, struct segment_header *ret)
{
    struct segment_header h;
    struct bytes b = bytes_of(in);

    if (!slice_eq(bytes_get(&b, 8), (struct slice){magic, 8}))
        return ERR_CORRUPT;
    uint32_t version = bytes_u32(&b);
    uint32_t n = bytes_u32(&b);
    h.number = bytes_u64(&b);
    h.salt = bytes_u64(&b);
    h.created_ns = (int64_t)bytes_u64(&b);
    h.prev_number = bytes_u64(&b);
    h.prev_end = bytes_u64(&b);
    h.prev_last = bytes_u64(&b);
    h.sequence = bytes_u64(&b);
    (void)bytes_get(&b, 20);
    uint32_t crc = bytes_u32(&b);
    if (b.bad || version == 0)
        return ERR_CORRUPT;
    /* Later versions keep the first 12 bytes; their checksum may lie elsewhere. A version that is
     * absurd is damage. */
    if (version > SEGMENT_VERSION && version < 1000)
        return ERR_VERSION;
    if (n != SEGMENT_HEADER || crc != crc32c(0, slice_cut(in, 0, 92)))
        return ERR_CORRUPT;
    *ret = h;
    return ERR_NONE;
}

CHECKED enum err segment_header_read(int fd, struct segment_header *ret)
{
    char b[SEGMENT_HEADER];
    size_t n = 0;

    while (n < sizeof(b)) {
        ssize_t got = pread(fd, b + n, sizeof(b) - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != EIO)
            return ERR_SYS;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return segment_header_get((struct slice){b, n}, ret);
}

void segment_record_put(char *to, uint32_t seed, enum segment_kind kind, struct slice payload)
{
    char *p = put(to, (uint64_t)kind << 24 | payload.n, 4);

    p = put(p, crc32c(seed, payload), 4);
    (void)put(p, crc32c(seed, (struct slice){to, 8}), 4);
}

CHECKED bool segment_record_get(const char *at, uint32_t seed, enum segment_kind *ret_kind,
                                uint32_t *ret_n, uint32_t *ret_crc)
{
    uint8_t kind = (uint8_t)at[3];

    if (kind < SEGMENT_IS_FRAME || kind > SEGMENT_IS_COMMIT)
        return false;
    uint32_t n = get32(at) & 0xffffff;
    if (n > SEGMENT_FRAME_MAX || get32(at + 8) != crc32c(seed, (struct slice){at, 8}))
        return false;
    *ret_kind = (enum segment_kind)kind;
    *ret_n = n;
    *ret_crc = get32(at + 4);
    return true;
}

size_t segment_commit_put(char *to, uint32_t seed, const struct segment_commit *c)
{
    char *p = put(to + SEGMENT_RECORD, c->sequence, 8);

    p = put(p, c->start, 8);
    p = put(p, (uint64_t)c->time_ns, 8);
    p = put(p, c->frames, 4);
    (void)put(p, c->notes, 4);
    segment_record_put(to, seed, SEGMENT_IS_COMMIT,
                       (struct slice){to + SEGMENT_RECORD, SEGMENT_COMMIT});
    return SEGMENT_RECORD + SEGMENT_COMMIT;
}

CHECKED bool segment_commit_get(struct slice payload, struct segment_commit *ret)
{
    struct bytes b = bytes_of(payload);
    struct segment_commit c;

    c.sequence = bytes_u64(&b);
    c.start = bytes_u64(&b);
    c.time_ns = (int64_t)bytes_u64(&b);
    c.frames = bytes_u32(&b);
    c.notes = bytes_u32(&b);
    if (!bytes_all_read(&b))
        return false;
    *ret = c;
    return true;
}

size_t segment_note_bytes(size_t key_n, size_t value_n)
{
    return SEGMENT_RECORD + SEGMENT_NOTE + key_n + value_n;
}

size_t segment_note_put(char *to, uint32_t seed, const struct segment_note *n)
{
    char *p = put(to + SEGMENT_RECORD, (uint64_t)n->expires_ns, 8);

    p = put(p, n->key.n, 4);
    if (n->key.n)
        memcpy(p, n->key.p, n->key.n);
    if (n->value.n)
        memcpy(p + n->key.n, n->value.p, n->value.n);
    size_t payload = SEGMENT_NOTE + n->key.n + n->value.n;
    segment_record_put(to, seed, SEGMENT_IS_NOTE, (struct slice){to + SEGMENT_RECORD, payload});
    return SEGMENT_RECORD + payload;
}

CHECKED bool segment_note_get(struct slice payload, struct segment_note *ret)
{
    struct bytes b = bytes_of(payload);
    struct segment_note n;

    n.expires_ns = (int64_t)bytes_u64(&b);
    n.key = bytes_sized(&b);
    n.value = bytes_get(&b, bytes_left(&b));
    if (b.bad || n.key.n > SEGMENT_KEY_MAX || n.value.n > SEGMENT_VALUE_MAX)
        return false;
    *ret = n;
    return true;
}

void segment_name(char to[SEGMENT_NAME], uint64_t number)
{
    (void)snprintf(to, SEGMENT_NAME, "%0*" PRIu64 ".seg", NAME_DIGITS, number);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* 0 when it is not the name of a segment. */
static uint64_t number_of(const char *name)
{
    struct slice s = slice_of(name);
    uint64_t n;

    if (s.n < NAME_DIGITS + 4 || !slice_eq(slice_cut(s, s.n - 4, s.n), SLICE(".seg")))
        return 0;
    return slice_to_u64(slice_cut(s, 0, s.n - 4), &n) ? n : 0;
}

static enum err list_read(DIR *dp, uint64_t **list, size_t *n)
{
    size_t cap = 0;

    for (struct dirent *d; (d = readdir(dp));) {
        uint64_t number = number_of(d->d_name);
        if (!number)
            continue;
        if (*n == SEGMENTS_MAX)
            return ERR_LIMIT;
        if (*n == cap) {
            cap = cap ? cap * 2 : 64;
            uint64_t *p = realloc(*list, cap * sizeof(*p));
            if (!p)
                return ERR_NOMEM;
            *list = p;
        }
        (*list)[(*n)++] = number;
    }
    return ERR_NONE;
}

CHECKED enum err segment_list(int dirfd, uint64_t **ret, size_t *ret_n)
{
    uint64_t *list = NULL;
    size_t n = 0;
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dp = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dp) {
        if (fd >= 0)
            (void)close(fd);
        return ERR_SYS;
    }
    enum err e = list_read(dp, &list, &n);
    (void)closedir(dp);
    if (e != ERR_NONE) {
        free(list);
        return e;
    }
    if (n)
        qsort(list, n, sizeof(*list), by_number);
    *ret = list;
    *ret_n = n;
    return ERR_NONE;
}
