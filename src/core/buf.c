#include "core/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    if (!b)
        return;
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
}

CHECKED enum err buf_reserve(struct buf *b, size_t n, char **ret)
{
    if (n > b->max || b->n > b->max - n)
        return ERR_LIMIT;
    if (b->cap - b->n < n || !b->p) { /* never NULL, even for n = 0 */
        size_t cap = b->cap ? b->cap : 256;
        while (cap < b->n + n)
            cap = cap > SIZE_MAX / 2 ? b->n + n : cap * 2;
        char *p = realloc(b->p, cap);
        if (!p)
            return ERR_NOMEM;
        b->p = p;
        b->cap = cap;
    }
    if (ret)
        *ret = b->p + b->n;
    return ERR_NONE;
}

CHECKED enum err buf_put(struct buf *b, struct slice s)
{
    char *to;

    if (s.n == 0)
        return ERR_NONE;
    enum err e = buf_reserve(b, s.n, &to);
    if (e != ERR_NONE)
        return e;
    memcpy(to, s.p, s.n);
    b->n += s.n;
    return ERR_NONE;
}

CHECKED enum err buf_putc(struct buf *b, char c)
{
    return buf_put(b, (struct slice){&c, 1});
}

CHECKED enum err buf_puts(struct buf *b, const char *s)
{
    return buf_put(b, (struct slice){s, strlen(s)});
}

CHECKED enum err buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    char *to;

    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return ERR_SYS;
    /* one byte more for the NUL that vsnprintf writes and we do not count */
    if (b->n + (size_t)n > b->max)
        return ERR_LIMIT;
    size_t max = b->max;
    b->max = max < SIZE_MAX ? max + 1 : max;
    enum err e = buf_reserve(b, (size_t)n + 1, &to);
    b->max = max;
    if (e != ERR_NONE)
        return e;
    (void)vsnprintf(to, (size_t)n + 1, fmt, ap);
    b->n += (size_t)n;
    return ERR_NONE;
}

CHECKED enum err buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enum err e = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return e;
}

void buf_drop_front(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

const char *buf_cstr(struct buf *b)
{
    char *to;
    size_t max = b->max;

    b->max = max < SIZE_MAX ? max + 1 : max;
    enum err e = buf_reserve(b, 1, &to);
    b->max = max;
    if (e != ERR_NONE)
        return NULL;
    *to = 0;
    return b->p;
}
