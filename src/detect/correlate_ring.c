#include <stdlib.h>

#include "detect/correlate_state_int.h"

enum { FIRST_CAP = 4 };

int corr_entry_cmp(const struct corr_entry *a, const struct corr_entry *b)
{
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    return id_cmp(a->id, b->id);
}

uint32_t corr_from(const struct corr_ring *r, int64_t t)
{
    uint32_t lo = 0, hi = r->n;

    if (hi && corr_at(r, hi - 1)->t < t)
        return hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (corr_at(r, mid)->t < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t corr_after(const struct corr_ring *r, int64_t t)
{
    return t == INT64_MAX ? r->n : corr_from(r, t + 1);
}

/* Room for one more at the end: what was dropped in front is used again, or it grows. */
static bool room(struct corr_ring *r, size_t *bytes)
{
    if (r->off + r->n < r->cap)
        return true;
    if (r->off > 0 && r->off >= r->cap / 4) {
        memmove(r->e, r->e + r->off, r->n * sizeof(*r->e));
        r->off = 0;
        return true;
    }
    uint32_t cap = r->cap ? r->cap * 2 : FIRST_CAP;
    struct corr_entry *e = realloc(r->e, cap * sizeof(*e));
    if (!e)
        return false;
    *bytes += (cap - r->cap) * sizeof(*e);
    r->e = e;
    r->cap = cap;
    return true;
}

uint32_t corr_place(const struct corr_ring *r, const struct corr_entry *e)
{
    uint32_t lo = 0, hi = r->n;

    if (hi && corr_entry_cmp(corr_at(r, hi - 1), e) < 0)
        return hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (corr_entry_cmp(corr_at(r, mid), e) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

CHECKED bool corr_ring_put(struct corr_ring *r, const struct corr_entry *e, uint32_t *ret_at,
                           size_t *bytes)
{
    uint32_t lo = corr_place(r, e);

    if (lo < r->n && corr_entry_cmp(corr_at(r, lo), e) == 0) {
        *ret_at = CORR_NONE;
        return true;
    }
    if (!room(r, bytes))
        return false;
    struct corr_entry *to = corr_at(r, lo);
    memmove(to + 1, to, (r->n - lo) * sizeof(*to));
    *to = *e;
    r->n++;
    *ret_at = lo;
    return true;
}

void corr_ring_drop(struct corr_ring *r, uint32_t n)
{
    r->off += n;
    r->n -= n;
    if (!r->n)
        r->off = 0;
}
