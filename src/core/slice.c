#include "core/slice.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.n && blank(s.p[0]))
        s = slice_cut(s, 1, s.n);
    while (s.n && blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

CHECKED bool slice_to_u64(struct slice s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

CHECKED bool slice_to_i64(struct slice s, int64_t *ret)
{
    bool minus = s.n > 0 && s.p[0] == '-';
    uint64_t v;

    if (!slice_to_u64(minus ? slice_cut(s, 1, s.n) : s, &v) || v > (uint64_t)INT64_MAX + minus)
        return false;
    *ret = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool slice_has(struct slice s, struct slice what, size_t rare)
{
    if (s.n < what.n)
        return false;
    const char *p = s.p + rare, *end = p + (s.n - what.n) + 1;
    while ((p = memchr(p, (unsigned char)what.p[rare], (size_t)(end - p))) != NULL) {
        if (memcmp(p - rare, what.p, what.n) == 0)
            return true;
        if (++p == end)
            return false;
    }
    return false;
}
