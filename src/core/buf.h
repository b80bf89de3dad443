/* core/buf.h - a growable byte buffer that is born with its ceiling.
 *
 * `p` is never read past `n`. Passing the ceiling is ERR_LIMIT and leaves the contents as they
 * were. One owner; buf_done frees. A zeroed struct is an empty buffer with ceiling 0.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdarg.h>

#include "core/err.h"
#include "core/slice.h"

struct buf {
    char *p;    /* owned; NULL while nothing was put */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* ceiling */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_reset(struct buf *b); /* n = 0, keeps the memory */

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p, b->n};
}

/* Makes room for n more bytes; *ret points at them (b->n is not moved). */
CHECKED enum err buf_reserve(struct buf *b, size_t n, char **ret);
CHECKED enum err buf_put(struct buf *b, struct slice s);
CHECKED enum err buf_putc(struct buf *b, char c);
CHECKED enum err buf_puts(struct buf *b, const char *s);
CHECKED enum err buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
CHECKED enum err buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void buf_drop_front(struct buf *b, size_t n); /* forgets the first n bytes */

/* A NUL after the contents, not counted in n; NULL when there is no room for it. */
const char *buf_cstr(struct buf *b);

#endif
