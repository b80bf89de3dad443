#include "web/web_int.h"

#include <stdlib.h>

#include "core/clock.h"

/* A fixed table: a caller hashes to a row of WAYS places, the one unused longest gives way. */
enum { ROWS = 1024, WAYS = 4, PER_SECOND = 50, BURST = 200 };

struct bucket {
    uint64_t key; /* 0 = free */
    int64_t seen_ns;
    double left;
    unsigned searches;
};

struct rate_table {
    pthread_mutex_t lock; /* guards the rest */
    struct bucket at[ROWS][WAYS];
};

void rate_free(struct rate_table *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

struct rate_table *rate_new(void)
{
    struct rate_table *t = calloc(1, sizeof(*t));

    if (t && pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        return NULL;
    }
    return t;
}

/* NULL when every place of the row is in use by a search. */
static struct bucket *find(struct rate_table *t, uint64_t key, int64_t now)
{
    struct bucket *row = t->at[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 54], *oldest = NULL;

    for (size_t i = 0; i < WAYS; i++) {
        struct bucket *b = &row[i];
        if (b->key == key)
            return b;
        if (b->searches == 0 && (!oldest || b->seen_ns < oldest->seen_ns))
            oldest = b;
    }
    if (oldest)
        *oldest = (struct bucket){.key = key, .seen_ns = now, .left = BURST};
    return oldest;
}

CHECKED bool rate_take(struct rate_table *t, uint64_t key)
{
    int64_t now = clock_mono_ns();
    bool ok = false;

    pthread_mutex_lock(&t->lock);
    struct bucket *b = find(t, key, now);
    if (b) {
        b->left += (double)(now - b->seen_ns) * PER_SECOND / (double)NS_PER_S;
        if (b->left > BURST)
            b->left = BURST;
        b->seen_ns = now;
        ok = b->left >= 1;
        if (ok)
            b->left -= 1;
    }
    pthread_mutex_unlock(&t->lock);
    return ok;
}

CHECKED bool rate_enter(struct rate_table *t, uint64_t key)
{
    pthread_mutex_lock(&t->lock);
    struct bucket *b = find(t, key, clock_mono_ns());
    bool ok = b && b->searches < WEB_SEARCHES_MAX;
    if (ok)
        b->searches++;
    pthread_mutex_unlock(&t->lock);
    return ok;
}

void rate_leave(struct rate_table *t, uint64_t key)
{
    pthread_mutex_lock(&t->lock);
    struct bucket *b = find(t, key, clock_mono_ns());
    if (b && b->searches > 0)
        b->searches--;
    pthread_mutex_unlock(&t->lock);
}
