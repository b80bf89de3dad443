#include "detect/scan_cache_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crc32c.h"
#include "detect/memo_int.h"

enum { ENTRIES_MAX = 1 << 16, HEADER_BYTES = 32, ENTRY_BYTES = 24 };

#define MAGIC UINT64_C(0x31304e4143534c43) /* "CLSCAN01" */

struct entry {
    uint64_t key[2];
    struct slice bytes; /* in `file` or `fresh` */
    bool asked;
};

struct scan_cache {
    char path[4096];
    struct buf file;  /* what was read */
    struct buf fresh; /* what was compiled now; offsets in the entries until it is complete */
    struct entry *entries;
    size_t n, cap;
    size_t found, compiled;
};

static uint64_t get64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static CHECKED enum err put64(struct buf *b, uint64_t v)
{
    return buf_put(b, (struct slice){(const char *)&v, sizeof(v)});
}

static bool add(struct scan_cache *c, const uint64_t key[2], struct slice bytes, bool asked)
{
    if (c->n >= ENTRIES_MAX)
        return false;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 512;
        struct entry *entries = realloc(c->entries, cap * sizeof(*entries));
        if (!entries)
            return false;
        c->entries = entries;
        c->cap = cap;
    }
    c->entries[c->n++] = (struct entry){{key[0], key[1]}, bytes, asked};
    return true;
}

static bool read_whole(const char *path, struct buf *to)
{
    struct stat st;
    char *room;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
                st.st_size <= SCAN_CACHE_BYTES_MAX + HEADER_BYTES &&
                buf_reserve(to, (size_t)st.st_size, &room) == ERR_NONE;

    while (good && to->n < (size_t)st.st_size) {
        ssize_t got = read(fd, room + to->n, (size_t)st.st_size - to->n);
        if (got < 0 && errno == EINTR)
            continue;
        good = got > 0;
        to->n += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* Magic, platform, bytes behind the header, their checksum. */
static bool header_fits(struct slice all)
{
    return all.n >= HEADER_BYTES && get64(all.p) == MAGIC && get64(all.p + 8) == scan_platform() &&
           get64(all.p + 16) == all.n - HEADER_BYTES &&
           get64(all.p + 24) == crc32c(0, slice_cut(all, HEADER_BYTES, all.n));
}

static void take_file(struct scan_cache *c)
{
    struct slice all = buf_slice(&c->file);

    if (!header_fits(all))
        return;
    for (size_t at = HEADER_BYTES; all.n - at >= ENTRY_BYTES;) {
        uint64_t key[2] = {get64(all.p + at), get64(all.p + at + 8)};
        uint64_t n = get64(all.p + at + 16);
        at += ENTRY_BYTES;
        if (n > all.n - at || !add(c, key, slice_cut(all, at, at + (size_t)n), false))
            return;
        at += (size_t)n;
    }
}

struct scan_cache *scan_cache_open(const char *folder)
{
    struct scan_cache *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    buf_init(&c->file, SCAN_CACHE_BYTES_MAX + HEADER_BYTES);
    buf_init(&c->fresh, SCAN_CACHE_BYTES_MAX);
    if (!folder || !*folder)
        return c;
    int n = snprintf(c->path, sizeof(c->path), "%s/scanner.cache", folder);
    if (n < 0 || (size_t)n >= sizeof(c->path) - 8)
        c->path[0] = 0;
    else if (read_whole(c->path, &c->file))
        take_file(c);
    return c;
}

static void key_of(const struct scan_want *want, size_t n, uint64_t key[2])
{
    key[0] = n;
    key[1] = ~(uint64_t)n;
    for (size_t i = 0; i < n; i++) {
        key[0] = memo_hash_of(want[i].text, key[0] * 31 + want[i].once);
        key[1] = memo_hash_of(want[i].text, (key[1] ^ UINT64_C(0xa5a5a5a5)) * 37 + want[i].once);
    }
}

static struct entry *find(struct scan_cache *c, const uint64_t key[2])
{
    for (size_t i = 0; i < c->n; i++)
        if (c->entries[i].key[0] == key[0] && c->entries[i].key[1] == key[1])
            return &c->entries[i];
    return NULL;
}

/* Its place in `fresh`; that may still move, so that the pointer is made at the end. */
static void keep(struct scan_cache *c, const uint64_t key[2], const struct scan *db)
{
    size_t from = c->fresh.n;

    if (scan_save(db, &c->fresh) != ERR_NONE ||
        !add(c, key, (struct slice){NULL, c->fresh.n - from}, true))
        c->fresh.n = from;
}

CHECKED enum err scan_cache_literals(struct scan_cache *c, const struct scan_want *want, size_t n,
                                     struct scan **ret)
{
    uint64_t key[2];

    key_of(want, n, key);
    struct entry *known = c->path[0] ? find(c, key) : NULL;
    if (known && known->bytes.p && scan_load(known->bytes, ret) == ERR_NONE) {
        known->asked = true;
        c->found++;
        return ERR_NONE;
    }
    enum err e = scan_literals(want, n, ret);
    if (e != ERR_NONE)
        return e;
    c->compiled++;
    if (c->path[0] && !known)
        keep(c, key, *ret);
    return ERR_NONE;
}

void scan_cache_counts(const struct scan_cache *c, size_t *ret_found, size_t *ret_compiled)
{
    *ret_found = c->found;
    *ret_compiled = c->compiled;
}

static CHECKED enum err put_entry(struct buf *b, const struct entry *e)
{
    size_t before = b->n;
    enum err err = put64(b, e->key[0]);

    if (err == ERR_NONE)
        err = put64(b, e->key[1]);
    if (err == ERR_NONE)
        err = put64(b, e->bytes.n);
    if (err == ERR_NONE)
        err = buf_put(b, e->bytes);
    if (err != ERR_NONE)
        b->n = before;
    return err;
}

/* Those of now first; of the others as many as there is room for. */
static bool compose(struct scan_cache *c, struct buf *b)
{
    const char *at = c->fresh.p;

    for (size_t i = 0; i < c->n; i++)
        if (!c->entries[i].bytes.p) {
            c->entries[i].bytes.p = at;
            at += c->entries[i].bytes.n;
        }
    enum err e = put64(b, MAGIC);
    for (unsigned i = 0; i < 3 && e == ERR_NONE; i++)
        e = put64(b, 0);
    for (size_t i = 0; i < c->n && e == ERR_NONE; i++)
        if (c->entries[i].asked)
            e = put_entry(b, &c->entries[i]);
    if (e != ERR_NONE)
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (!c->entries[i].asked && put_entry(b, &c->entries[i]) != ERR_NONE)
            break;
    uint64_t head[3] = {scan_platform(), b->n - HEADER_BYTES,
                        crc32c(0, slice_cut(buf_slice(b), HEADER_BYTES, b->n))};
    memcpy(b->p + 8, head, sizeof(head));
    return true;
}

static void write_file(struct scan_cache *c)
{
    char beside[sizeof(c->path) + 8];
    struct buf b;

    buf_init(&b, SCAN_CACHE_BYTES_MAX + HEADER_BYTES);
    (void)snprintf(beside, sizeof(beside), "%s.new", c->path);
    int fd = compose(c, &b)
                 ? open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)
                 : -1;
    bool good = fd >= 0;
    for (size_t at = 0; good && at < b.n;) {
        ssize_t put = write(fd, b.p + at, b.n - at);
        good = put > 0 || (put < 0 && errno == EINTR);
        at += put > 0 ? (size_t)put : 0;
    }
    if (fd >= 0 && close(fd) != 0)
        good = false;
    if (fd >= 0 && (!good || rename(beside, c->path) != 0))
        (void)unlink(beside);
    buf_done(&b);
}

void scan_cache_close(struct scan_cache *c)
{
    if (!c)
        return;
    if (c->path[0] && c->compiled)
        write_file(c);
    buf_done(&c->file);
    buf_done(&c->fresh);
    free(c->entries);
    free(c);
}
