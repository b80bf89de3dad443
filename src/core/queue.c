#include "core/queue.h"

#include <stdlib.h>
#include <time.h>

#include "core/clock.h"

CHECKED enum err queue_init(struct queue *q, size_t cap)
{
    pthread_condattr_t attr;

    if (cap == 0)
        return ERR_LIMIT;
    *q = (struct queue){.cap = cap};
    q->ring = calloc(cap, sizeof(*q->ring));
    if (!q->ring)
        return ERR_NOMEM;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->not_empty, &attr);
    (void)pthread_cond_init(&q->not_full, &attr);
    (void)pthread_condattr_destroy(&attr);
    return ERR_NONE;
}

void queue_done(struct queue *q)
{
    if (!q || !q->ring)
        return;
    free(q->ring);
    q->ring = NULL;
    (void)pthread_mutex_destroy(&q->lock);
    (void)pthread_cond_destroy(&q->not_empty);
    (void)pthread_cond_destroy(&q->not_full);
}

void queue_close(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    q->closed = true;
    (void)pthread_cond_broadcast(&q->not_empty);
    (void)pthread_cond_broadcast(&q->not_full);
    (void)pthread_mutex_unlock(&q->lock);
}

size_t queue_len(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    size_t n = q->n;
    (void)pthread_mutex_unlock(&q->lock);
    return n;
}

/* The real monotonic clock, since the condition variable waits on it. */
static struct timespec deadline_in(int64_t ms)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + ms % 1000 * NS_PER_MS;
    t.tv_sec += ms / 1000 + ns / NS_PER_S;
    t.tv_nsec = ns % NS_PER_S;
    return t;
}

CHECKED enum err queue_put(struct queue *q, void *item, int64_t wait_ms)
{
    struct timespec until = deadline_in(wait_ms);
    enum err e = ERR_NONE;

    (void)pthread_mutex_lock(&q->lock);
    while (q->n == q->cap && !q->closed)
        if (wait_ms <= 0 || pthread_cond_timedwait(&q->not_full, &q->lock, &until) != 0)
            break;
    if (q->closed) {
        e = ERR_CONFLICT;
    } else if (q->n == q->cap) {
        e = ERR_BUSY;
    } else {
        q->ring[(q->head + q->n++) % q->cap] = item;
        (void)pthread_cond_signal(&q->not_empty);
    }
    (void)pthread_mutex_unlock(&q->lock);
    return e;
}

CHECKED enum err queue_try_put(struct queue *q, void *item)
{
    return queue_put(q, item, 0);
}

void *queue_take(struct queue *q, int64_t wait_ms)
{
    struct timespec until = deadline_in(wait_ms);
    void *item = NULL;

    (void)pthread_mutex_lock(&q->lock);
    while (q->n == 0 && !q->closed)
        if (wait_ms <= 0 || pthread_cond_timedwait(&q->not_empty, &q->lock, &until) != 0)
            break;
    if (q->n) {
        item = q->ring[q->head];
        q->head = (q->head + 1) % q->cap;
        q->n--;
        (void)pthread_cond_signal(&q->not_full);
    }
    (void)pthread_mutex_unlock(&q->lock);
    return item;
}
