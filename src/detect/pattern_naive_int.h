/* detect/pattern_naive_int.h - the definition of matching, written down for the tests: every way
 * of cutting the text is tried. Exponential in the number of `*`. */
#ifndef DETECT_PATTERN_NAIVE_INT_H
#define DETECT_PATTERN_NAIVE_INT_H

#include "detect/pattern_int.h"

static inline bool pattern_naive(const struct tok *t, size_t n, struct slice s)
{
    if (n == 0)
        return s.n == 0;
    if (t->kind == TOK_ANY) {
        for (size_t k = 0; k <= s.n; k++)
            if (pattern_naive(t + 1, n - 1, slice_cut(s, k, s.n)))
                return true;
        return false;
    }
    if (s.n == 0)
        return false;
    size_t k = 1;
    if (t->kind == TOK_BYTE && s.p[0] != t->byte)
        return false;
    if (t->kind == TOK_ONE)
        while (k < s.n && ((uint8_t)s.p[k] & 0xc0) == 0x80)
            k++;
    if (t->kind == TOK_DASH && s.p[0] != '-' && s.p[0] != '/') {
        k = 3;
        if (s.n < 3 || (memcmp(s.p, "\xe2\x80\x93", 3) != 0 &&
                        memcmp(s.p, "\xe2\x80\x94", 3) != 0 && memcmp(s.p, "\xe2\x80\x95", 3) != 0))
            return false;
    }
    return pattern_naive(t + 1, n - 1, slice_cut(s, k, s.n));
}

#endif
