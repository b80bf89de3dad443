/* core/queue.h - a bounded queue of pointers between threads.
 *
 * Many putters, many takers. A full queue makes the putter wait or say no: nothing is dropped.
 * Ownership of an item passes to the queue on a successful put and to the taker on take. After
 * queue_close puts fail, takes drain what is left and then return NULL.
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <pthread.h>

#include "core/err.h"

struct queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t not_empty, not_full;
    void **ring; /* owned */
    size_t cap, head, n;
    bool closed;
};

CHECKED enum err queue_init(struct queue *q, size_t cap);
void queue_done(struct queue *q); /* must be empty or its items owned elsewhere */
void queue_close(struct queue *q);
size_t queue_len(struct queue *q);

/* ERR_BUSY when full (try) or still full after wait_ms; ERR_CONFLICT when closed. */
CHECKED enum err queue_try_put(struct queue *q, void *item);
CHECKED enum err queue_put(struct queue *q, void *item, int64_t wait_ms);
/* NULL after wait_ms without an item, or when closed and empty. */
void *queue_take(struct queue *q, int64_t wait_ms);

#endif
