#include "intake/sink.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"

struct group {
    struct batch b;
    struct sink *sink;
    struct group *next;
};

struct user {
    loop_fn *on_open;
    void *arg;
};

struct sink {
    struct journal *journal;
    struct loop *loop;
    struct loop_wake *wake;
    struct loop_timer *timer; /* while closed */
    struct user user[SINK_USERS_MAX];
    size_t users_n;
    _Atomic(enum err) reason; /* not ERR_NONE = closed */

    pthread_mutex_t lock; /* guards all below */
    struct group *failed, **failed_end;
    size_t under_way;
};

/* On the journal's thread. */
static void on_done(void *arg, enum err e)
{
    struct group *g = arg;
    struct sink *s = g->sink;

    if (e == ERR_NONE) {
        batch_count(&g->b);
        batch_done(&g->b);
        free(g);
        g = NULL;
    }
    (void)pthread_mutex_lock(&s->lock);
    if (g) {
        g->next = NULL;
        *s->failed_end = g;
        s->failed_end = &g->next;
        s->reason = e;
        loop_wake_send(s->wake);
    }
    s->under_way--;
    (void)pthread_mutex_unlock(&s->lock);
}

static enum err offer(struct sink *s, struct group *g)
{
    (void)pthread_mutex_lock(&s->lock);
    s->under_way++;
    (void)pthread_mutex_unlock(&s->lock);
    enum err e = batch_append(&g->b, s->journal, NULL, 0, on_done, g);
    if (e != ERR_NONE) {
        (void)pthread_mutex_lock(&s->lock);
        s->under_way--;
        (void)pthread_mutex_unlock(&s->lock);
    }
    return e;
}

/* Offers the kept groups in order; what is refused goes back to the front. */
static void offer_failed(struct sink *s)
{
    for (;;) {
        (void)pthread_mutex_lock(&s->lock);
        struct group *g = s->failed;
        if (g) {
            s->failed = g->next;
            if (!s->failed)
                s->failed_end = &s->failed;
        }
        (void)pthread_mutex_unlock(&s->lock);
        if (!g)
            return;
        enum err e = offer(s, g);
        if (e == ERR_NONE)
            continue;
        s->reason = e;
        (void)pthread_mutex_lock(&s->lock);
        g->next = s->failed;
        if (!s->failed)
            s->failed_end = &g->next;
        s->failed = g;
        (void)pthread_mutex_unlock(&s->lock);
        return;
    }
}

static bool has_failed(struct sink *s)
{
    (void)pthread_mutex_lock(&s->lock);
    bool yes = s->failed != NULL;
    (void)pthread_mutex_unlock(&s->lock);
    return yes;
}

static void on_retry(void *arg)
{
    struct sink *s = arg;

    offer_failed(s);
    if (has_failed(s))
        return;
    s->reason = ERR_NONE;
    loop_timer_stop(s->timer);
    s->timer = NULL;
    for (size_t i = 0; i < s->users_n; i++)
        s->user[i].on_open(s->user[i].arg);
}

/* Without memory for the timer the wake-up of the next failure tries again. */
static void start_retrying(void *arg)
{
    struct sink *s = arg;

    if (!s->timer &&
        loop_timer_start(s->loop, SINK_RETRY_MS, SINK_RETRY_MS, on_retry, s, &s->timer) != ERR_NONE)
        loop_wake_send(s->wake);
}

void sink_free(struct sink *s)
{
    if (!s)
        return;
    loop_timer_stop(s->timer);
    loop_wake_stop(s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

CHECKED enum err sink_new(struct journal *j, struct loop *l, struct sink **ret)
{
    struct sink *s = calloc(1, sizeof(*s));

    if (!s)
        return ERR_NOMEM;
    s->journal = j;
    s->loop = l;
    s->failed_end = &s->failed;
    (void)pthread_mutex_init(&s->lock, NULL);
    enum err e = loop_wake_start(l, start_retrying, s, &s->wake);
    if (e != ERR_NONE) {
        sink_free(s);
        return e;
    }
    *ret = s;
    return ERR_NONE;
}

CHECKED enum err sink_user_add(struct sink *s, loop_fn *on_open, void *arg)
{
    if (s->users_n == SINK_USERS_MAX)
        return ERR_LIMIT;
    s->user[s->users_n++] = (struct user){on_open, arg};
    return ERR_NONE;
}

CHECKED enum err sink_take(struct sink *s, struct batch *b)
{
    if (b->n == 0)
        return ERR_NONE;
    struct group *g = calloc(1, sizeof(*g));
    if (!g)
        return ERR_NOMEM;
    g->sink = s;
    g->b = *b;
    batch_init(b, g->b.bytes.max);
    enum err e = sink_is_open(s) ? offer(s, g) : s->reason;
    if (e != ERR_NONE) {
        (void)pthread_mutex_lock(&s->lock);
        *s->failed_end = g;
        s->failed_end = &g->next;
        s->reason = e;
        (void)pthread_mutex_unlock(&s->lock);
        start_retrying(s);
    }
    return ERR_NONE;
}

bool sink_is_open(const struct sink *s)
{
    return s->reason == ERR_NONE;
}

enum err sink_reason(const struct sink *s)
{
    return s->reason;
}

size_t sink_drain(struct sink *s, int wait_ms)
{
    int64_t deadline = clock_mono_ns() + wait_ms * NS_PER_MS;
    size_t lost = 0, under_way;

    do {
        offer_failed(s);
        (void)pthread_mutex_lock(&s->lock);
        under_way = s->under_way;
        (void)pthread_mutex_unlock(&s->lock);
        if (under_way == 0 && !has_failed(s))
            return 0;
        (void)usleep(2000);
        /* the journal's thread still holds pointers to us: its groups are always waited for */
    } while (under_way > 0 || clock_mono_ns() < deadline);
    while (s->failed) {
        struct group *g = s->failed;
        s->failed = g->next;
        lost += g->b.n;
        batch_done(&g->b);
        free(g);
    }
    return lost;
}
