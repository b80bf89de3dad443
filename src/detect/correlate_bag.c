#include <math.h>
#include <stdlib.h>

#include "detect/correlate_state_int.h"

enum { FIRST_CAP = 8 };

static uint32_t home(uint64_t key, uint32_t cap)
{
    return (uint32_t)(key ^ key >> 32) & (cap - 1);
}

/* Where the key is, or the free place for it. */
static uint32_t place(const struct corr_bag *b, uint64_t key)
{
    uint32_t at = home(key, b->cap);

    while (b->keys[at] && b->keys[at] != key)
        at = (at + 1) & (b->cap - 1);
    return at;
}

static bool grow_table(struct corr_bag *b, size_t *bytes)
{
    struct corr_bag to = {.cap = b->cap ? b->cap * 2 : FIRST_CAP};

    to.keys = calloc(to.cap, sizeof(*to.keys));
    to.counts = calloc(to.cap, sizeof(*to.counts));
    if (!to.keys || !to.counts) {
        free(to.keys);
        free(to.counts);
        return false;
    }
    for (uint32_t i = 0; i < b->cap; i++) {
        if (!b->keys[i])
            continue;
        uint32_t at = place(&to, b->keys[i]);
        to.keys[at] = b->keys[i];
        to.counts[at] = b->counts[i];
    }
    free(b->keys);
    free(b->counts);
    *bytes += (to.cap - b->cap) * (sizeof(*to.keys) + sizeof(*to.counts));
    b->keys = to.keys;
    b->counts = to.counts;
    b->cap = to.cap;
    return true;
}

static bool add_hash(struct corr_bag *b, uint64_t key, size_t *bytes)
{
    if (b->n >= b->cap / 4 * 3 && !grow_table(b, bytes))
        return false;
    uint32_t at = place(b, key);
    b->n += !b->keys[at];
    b->keys[at] = key;
    b->counts[at]++;
    return true;
}

/* Knuth's algorithm R: what would be cut off from its home moves up. */
static void remove_hash(struct corr_bag *b, uint64_t key)
{
    uint32_t at = place(b, key), mask = b->cap - 1;

    if (!b->keys[at] || --b->counts[at])
        return;
    b->n--;
    for (uint32_t i = (at + 1) & mask; b->keys[i]; i = (i + 1) & mask) {
        uint32_t from = home(b->keys[i], b->cap);
        if (((i - from) & mask) < ((i - at) & mask))
            continue;
        b->keys[at] = b->keys[i];
        b->counts[at] = b->counts[i];
        at = i;
    }
    b->keys[at] = 0;
    b->counts[at] = 0;
}

static uint32_t rank(const struct corr_bag *b, double v)
{
    uint32_t lo = 0, hi = b->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->sorted[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool add_sorted(struct corr_bag *b, double v, size_t *bytes)
{
    if (b->n == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : FIRST_CAP;
        double *to = realloc(b->sorted, cap * sizeof(*to));
        if (!to)
            return false;
        *bytes += (cap - b->cap) * sizeof(*to);
        b->sorted = to;
        b->cap = cap;
    }
    uint32_t at = rank(b, v);
    memmove(b->sorted + at + 1, b->sorted + at, (b->n - at) * sizeof(*b->sorted));
    b->sorted[at] = v;
    b->n++;
    return true;
}

static void remove_sorted(struct corr_bag *b, double v)
{
    uint32_t at = rank(b, v);

    if (at == b->n || b->sorted[at] > v)
        return;
    b->n--;
    memmove(b->sorted + at, b->sorted + at + 1, (b->n - at) * sizeof(*b->sorted));
}

static bool is_sorted(enum correlation_type t)
{
    return t == CORRELATION_VALUE_PERCENTILE || t == CORRELATION_VALUE_MEDIAN;
}

CHECKED bool corr_bag_add(struct corr_bag *b, enum correlation_type t, const struct corr_entry *e,
                          size_t *bytes)
{
    if (t == CORRELATION_VALUE_COUNT)
        return add_hash(b, e->hash, bytes);
    if (is_sorted(t))
        return add_sorted(b, e->number, bytes);
    if (t != CORRELATION_EVENT_COUNT) {
        b->sum += (long double)e->number;
        b->n++;
    }
    return true;
}

void corr_bag_remove(struct corr_bag *b, enum correlation_type t, const struct corr_entry *e)
{
    if (t == CORRELATION_VALUE_COUNT) {
        remove_hash(b, e->hash);
    } else if (is_sorted(t)) {
        remove_sorted(b, e->number);
    } else if (t != CORRELATION_EVENT_COUNT) {
        /* An empty window is exactly nothing, whatever was rounded before. */
        b->sum = --b->n ? b->sum - (long double)e->number : 0;
    }
}

void corr_bag_done(struct corr_bag *b)
{
    free(b->keys);
    free(b->counts);
    free(b->sorted);
}

static double percentile(const struct corr_bag *b, double p)
{
    double at = ceil(p / 100 * b->n);

    return b->sorted[at < 1 ? 0 : at > b->n ? b->n - 1 : (uint32_t)at - 1];
}

double corr_bag_value(const struct corr_bag *b, const struct correlation *co, uint32_t n)
{
    switch (co->type) {
    case CORRELATION_EVENT_COUNT:
        return n;
    case CORRELATION_VALUE_COUNT:
        return b->n;
    case CORRELATION_VALUE_SUM:
        return (double)b->sum;
    case CORRELATION_VALUE_AVG:
        return n ? (double)(b->sum / n) : (double)NAN;
    case CORRELATION_VALUE_PERCENTILE:
        return n ? percentile(b, co->percentile) : (double)NAN;
    case CORRELATION_VALUE_MEDIAN:
        return n ? b->sorted[(n - 1) / 2] / 2 + b->sorted[n / 2] / 2 : (double)NAN;
    case CORRELATION_TEMPORAL:
    case CORRELATION_TEMPORAL_ORDERED:
        break;
    }
    return 0;
}
