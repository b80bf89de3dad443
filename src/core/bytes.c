#include "core/bytes.h"

CHECKED enum err bytes_put_uint(struct buf *b, uint64_t v, unsigned width)
{
    char *to;
    enum err e = buf_reserve(b, width, &to);

    if (e != ERR_NONE)
        return e;
    for (unsigned i = 0; i < width; i++)
        to[i] = (char)(uint8_t)(v >> (8 * i));
    b->n += width;
    return ERR_NONE;
}

CHECKED enum err bytes_put_sized(struct buf *b, struct slice s)
{
    if (s.n > UINT32_MAX || s.n + 4 > b->max || b->n > b->max - s.n - 4)
        return ERR_LIMIT;
    enum err e = bytes_put_uint(b, s.n, 4);
    return e == ERR_NONE ? buf_put(b, s) : e;
}
