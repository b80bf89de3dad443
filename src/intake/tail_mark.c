#include "intake/tail_mark.h"

#include <unistd.h>

#include "core/bytes.h"
#include "net/digest.h"

enum { VERSION = 1, FLAG_IN_LONG = 1 };

CHECKED enum err tail_mark_encode(const struct tail_mark *m, struct buf *out)
{
    enum err e = bytes_put_uint(out, VERSION, 1);

    if (e == ERR_NONE)
        e = bytes_put_uint(out, m->dev, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, m->ino, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, m->offset, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, m->print_n, 4);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, m->print, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, m->in_long ? FLAG_IN_LONG : 0, 1);
    return e;
}

CHECKED enum err tail_mark_decode(struct slice in, struct tail_mark *ret)
{
    struct bytes b = bytes_of(in);
    struct tail_mark m;

    if (bytes_u8(&b) != VERSION)
        return ERR_VERSION;
    m.dev = bytes_u64(&b);
    m.ino = bytes_u64(&b);
    m.offset = bytes_u64(&b);
    m.print_n = bytes_u32(&b);
    m.print = bytes_u64(&b);
    m.in_long = bytes_u8(&b) & FLAG_IN_LONG;
    if (!bytes_all_read(&b) || m.print_n > TAIL_PRINT_BYTES)
        return ERR_CORRUPT;
    *ret = m;
    return ERR_NONE;
}

static bool hash_front(int fd, uint32_t n, uint64_t *ret)
{
    char front[TAIL_PRINT_BYTES];
    uint8_t d[DIGEST_SHA256_BYTES];

    if (n > sizeof(front) || pread(fd, front, n, 0) != (ssize_t)n ||
        digest_sha256((struct slice){front, n}, d) != ERR_NONE)
        return false;
    memcpy(ret, d, sizeof(*ret));
    return true;
}

CHECKED enum err tail_mark_print(struct tail_mark *m, int fd)
{
    uint32_t n = m->offset < TAIL_PRINT_BYTES ? (uint32_t)m->offset : TAIL_PRINT_BYTES;
    uint64_t print;

    if (n == m->print_n)
        return ERR_NONE;
    if (!hash_front(fd, n, &print))
        return ERR_SYS;
    m->print_n = n;
    m->print = print;
    return ERR_NONE;
}

bool tail_mark_matches(const struct tail_mark *m, int fd)
{
    uint64_t print;

    return m->print_n == 0 || (hash_front(fd, m->print_n, &print) && print == m->print);
}

bool tail_mark_is(const struct tail_mark *m, int fd, const struct stat *st)
{
    return m->dev == (uint64_t)st->st_dev && m->ino == (uint64_t)st->st_ino &&
           (uint64_t)st->st_size >= m->offset && tail_mark_matches(m, fd);
}
