/* core/utf8.h - one code point at a time (RFC 3629: no surrogates, no overlong forms). */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "core/slice.h"

/* How many bytes the code point at p takes, 1 to 4, or 0 when the bytes are not UTF-8 (or n is 0).
 * *ret is left alone then. */
static inline unsigned utf8_get(const char *p, size_t n, uint32_t *ret)
{
    const uint8_t *b = (const uint8_t *)p;

    if (n == 0)
        return 0;
    if (b[0] < 0x80) {
        *ret = b[0];
        return 1;
    }
    if (b[0] < 0xc2 || n < 2 || (b[1] & 0xc0) != 0x80)
        return 0;
    if (b[0] < 0xe0) {
        *ret = (uint32_t)(b[0] & 0x1f) << 6 | (b[1] & 0x3f);
        return 2;
    }
    if (n < 3 || (b[2] & 0xc0) != 0x80)
        return 0;
    if (b[0] < 0xf0) {
        uint32_t c = (uint32_t)(b[0] & 0xf) << 12 | (uint32_t)(b[1] & 0x3f) << 6 | (b[2] & 0x3f);
        if (c < 0x800 || (c >= 0xd800 && c < 0xe000))
            return 0;
        *ret = c;
        return 3;
    }
    if (b[0] > 0xf4 || n < 4 || (b[3] & 0xc0) != 0x80)
        return 0;
    uint32_t c = (uint32_t)(b[0] & 0x7) << 18 | (uint32_t)(b[1] & 0x3f) << 12 |
                 (uint32_t)(b[2] & 0x3f) << 6 | (b[3] & 0x3f);
    if (c < 0x10000 || c > 0x10ffff)
        return 0;
    *ret = c;
    return 4;
}

/* Writes c (at most 0x10ffff) and returns how many bytes. A surrogate gives the three bytes that
 * the scheme would have for it (WTF-8), which are not UTF-8. */
static inline unsigned utf8_put(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

#endif
