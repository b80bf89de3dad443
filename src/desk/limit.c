#include "desk/limit_int.h"

#include <stdlib.h>

#include "core/clock.h"
#include "desk/secret.h"

enum { SETS = 1024, WAYS = 8 };

struct entry {
    uint64_t key; /* 0: free */
    int64_t seen_ns;
    int64_t credit_ns; /* time saved up; refill_s of it buys a try */
    int64_t next_ns;   /* not before, once the bucket is empty */
    int64_t delay_s;
};

struct limit_table {
    uint8_t secret[16];
    int64_t price_ns, full_ns, delay_max_s;
    struct entry sets[SETS][WAYS];
};

struct limit_table *limit_new(struct limit_rate rate)
{
    struct limit_table *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->price_ns = rate.refill_s * NS_PER_S;
    t->full_ns = t->price_ns * rate.burst;
    t->delay_max_s = rate.delay_max_s;
    secret_random(t->secret, sizeof(t->secret));
    return t;
}

void limit_free(struct limit_table *t)
{
    free(t);
}

static struct entry *entry_of(struct limit_table *t, struct slice key, bool make, int64_t now)
{
    uint64_t h = secret_key_hash(t->secret, key) | 1;
    struct entry *set = t->sets[h >> 32 & (SETS - 1)], *oldest = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == h)
            return &set[i];
        if (set[i].key == 0 || (oldest->key != 0 && set[i].seen_ns < oldest->seen_ns))
            oldest = &set[i];
    }
    if (!make)
        return NULL;
    *oldest = (struct entry){.key = h, .seen_ns = now, .credit_ns = t->full_ns, .delay_s = 1};
    return oldest;
}

unsigned limit_take(struct limit_table *t, struct slice key, int64_t mono_ns)
{
    struct entry *e = entry_of(t, key, true, mono_ns);
    int64_t passed = mono_ns > e->seen_ns ? mono_ns - e->seen_ns : 0;

    e->credit_ns = passed > t->full_ns - e->credit_ns ? t->full_ns : e->credit_ns + passed;
    e->seen_ns = mono_ns;
    if (e->credit_ns >= t->full_ns)
        e->delay_s = 1;
    if (e->credit_ns >= t->price_ns) {
        e->credit_ns -= t->price_ns;
        return 0;
    }
    if (mono_ns < e->next_ns)
        return (unsigned)((e->next_ns - mono_ns + NS_PER_S - 1) / NS_PER_S);
    e->credit_ns = 0;
    e->next_ns = mono_ns + e->delay_s * NS_PER_S;
    e->delay_s = e->delay_s * 2 > t->delay_max_s ? t->delay_max_s : e->delay_s * 2;
    return 0;
}

void limit_forget(struct limit_table *t, struct slice key)
{
    struct entry *e = entry_of(t, key, false, 0);

    if (e)
        *e = (struct entry){0};
}
