/* The live stream (server-sent events, HTML Living Standard 9.2).
 *
 * One ring keeps the newest RING changes; each subscriber gets those of its topics and of its
 * scope. One lock (hub->lock) guards ring and list. Only the hub's thread takes subscribers away,
 * so that it may look at one without the lock. Order of locks: hub, then the HTTP server's.
 */
#include "web/web_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "desk/alert.h"

enum {
    RING = 1024,
    SUBSCRIBERS_MAX = 900,
    PER_CALLER_MAX = 20,
    BEAT_S = 15,
    RECHECK_S = 60,
    EVENT_BYTES = 256,
};

enum {
    TOPIC_ALERTS = 1 << DESK_ALERTS,
    TOPIC_SOURCES = 1 << DESK_SOURCES,
    TOPIC_GAP = 1 << DESK_GAP
};

struct entry {
    uint64_t id;
    struct desk_change change;
};

struct subscriber {
    struct subscriber *next;
    struct stream_hub *hub;
    struct http_stream *stream; /* owned until ended */
    unsigned topics;
    struct caller who; /* secret and orgs are owned copies */
    uint32_t org;      /* of the user or token */
    char *secret;
    uint32_t *orgs;
    bool over; /* gone, too slow or no longer signed in */
};

struct stream_hub {
    struct web *web;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct subscriber *first;
    size_t n;
    struct entry ring[RING];
    size_t ring_n;    /* entries ever written, less `base` */
    uint64_t next_id; /* of the next entry; the start's microseconds: never goes back */
    bool quit, started;
    pthread_t thread;
};

static const char *topic_word(enum desk_topic t)
{
    switch (t) {
    case DESK_ALERTS:
        return "alerts";
    case DESK_SOURCES:
        return "sources";
    case DESK_GAP:
        return "gap";
    }
    return "gap";
}

static bool wants(const struct subscriber *s, const struct desk_change *c)
{
    if (c->topic == DESK_GAP)
        return true;
    return (s->topics >> c->topic & 1U) != 0 && desk_scope_has(s->who.scope, c->org);
}

static size_t format(const struct entry *e, char out[static EVENT_BYTES])
{
    const char *prefix = e->change.topic == DESK_ALERTS ? "alr_" : "";
    int n;

    if (e->change.topic == DESK_GAP)
        n = snprintf(out, EVENT_BYTES, "id: %" PRIu64 "\nevent: gap\ndata: {}\n\n", e->id);
    else
        n = snprintf(out, EVENT_BYTES,
                     "id: %" PRIu64 "\nevent: %s\ndata: {\"id\":\"%s%" PRIu64
                     "\",\"org\":\"%u\",\"created\":%s}\n\n",
                     e->id, topic_word(e->change.topic), prefix, e->change.id,
                     (unsigned)e->change.org, e->change.created ? "true" : "false");
    return (size_t)n;
}

/* With the lock. */
static void send_bytes(struct subscriber *s, const char *p, size_t n)
{
    if (!s->over && http_stream_write(s->stream, (struct slice){p, n}) != ERR_NONE)
        s->over = true;
}

static void send_entry(struct subscriber *s, const struct entry *e)
{
    char text[EVENT_BYTES];

    if (wants(s, &e->change))
        send_bytes(s, text, format(e, text));
}

static void on_change(void *arg, const struct desk_change *change)
{
    struct stream_hub *h = arg;

    pthread_mutex_lock(&h->lock);
    struct entry *e = &h->ring[h->ring_n++ % RING];
    *e = (struct entry){h->next_id++, *change};
    for (struct subscriber *s = h->first; s; s = s->next)
        send_entry(s, e);
    pthread_mutex_unlock(&h->lock);
}

static void on_gone(void *arg)
{
    struct subscriber *s = arg;

    pthread_mutex_lock(&s->hub->lock);
    s->over = true;
    pthread_cond_signal(&s->hub->changed);
    pthread_mutex_unlock(&s->hub->lock);
}

static void subscriber_free(struct subscriber *s)
{
    if (s->secret)
        explicit_bzero(s->secret, strlen(s->secret));
    free(s->secret);
    free(s->orgs);
    free(s);
}

/* ---- opening ---- */

static enum err copy_scope(struct subscriber *s, struct desk_scope scope)
{
    uint32_t *orgs = calloc(scope.n + 1, sizeof(*orgs));

    if (!orgs)
        return ERR_NOMEM;
    if (scope.n)
        memcpy(orgs, scope.orgs, scope.n * sizeof(*orgs));
    free(s->orgs);
    s->orgs = orgs;
    s->who.scope = (struct desk_scope){.all = scope.all, .orgs = orgs, .n = scope.n};
    return ERR_NONE;
}

static enum err topics_of(const struct web_call *w, unsigned *ret, struct diag *diag)
{
    const char *text = http_query(w->c, "topics");
    struct slice s = slice_of(text ? text : "alerts,sources");
    unsigned topics = 0;

    for (size_t at = 0; at <= s.n;) {
        struct slice rest = slice_cut(s, at, s.n);
        struct slice word = slice_cut(rest, 0, slice_find(rest, ','));
        if (slice_eq(word, SLICE("alerts")))
            topics |= TOPIC_ALERTS;
        else if (slice_eq(word, SLICE("sources")))
            topics |= TOPIC_SOURCES;
        else
            return FAIL(diag, ERR_SYNTAX, at, "topics: alerts and sources, separated by a comma");
        at += word.n + 1;
    }
    *ret = topics;
    return ERR_NONE;
}

/* With the lock: what was missed, or that it is not known any more. */
static void replay(struct stream_hub *h, struct subscriber *s, const char *last)
{
    uint64_t seen, oldest = h->next_id - (h->ring_n < RING ? h->ring_n : RING);
    char text[EVENT_BYTES];

    if (!last)
        return;
    if (!slice_to_u64(slice_of(last), &seen) || seen + 1 < oldest || seen >= h->next_id) {
        struct entry gap = {h->next_id - 1, {.topic = DESK_GAP}};
        send_bytes(s, text, format(&gap, text));
        return;
    }
    for (uint64_t id = seen + 1; id < h->next_id; id++)
        send_entry(s, &h->ring[(h->ring_n - (h->next_id - id)) % RING]);
}

static enum err room_for(const struct stream_hub *h, const struct caller *who, struct diag *diag)
{
    size_t mine = 0;

    for (const struct subscriber *s = h->first; s; s = s->next)
        mine += caller_key(&s->who) == caller_key(who);
    if (h->n >= SUBSCRIBERS_MAX || mine >= PER_CALLER_MAX)
        return FAIL(diag, ERR_BUSY, 0, "too many streams are open");
    return ERR_NONE;
}

static enum err subscriber_new(struct web_call *w, unsigned topics, struct subscriber **ret)
{
    struct subscriber *s = calloc(1, sizeof(*s));

    if (!s)
        return ERR_NOMEM;
    s->hub = w->web->hub;
    s->topics = topics;
    /* of the rest only numbers are used: its texts belong to the request */
    s->who = w->who;
    s->org = w->who.actor.org;
    s->secret = strndup(w->who.secret.p ? w->who.secret.p : "", w->who.secret.n);
    if (!s->secret || copy_scope(s, w->who.scope) != ERR_NONE) {
        subscriber_free(s);
        return ERR_NOMEM;
    }
    s->who.secret = slice_of(s->secret);
    *ret = s;
    return ERR_NONE;
}

CHECKED enum err api_stream_open(struct web_call *w, struct diag *diag)
{
    struct stream_hub *h = w->web->hub;
    struct subscriber *s;
    unsigned topics;
    const char *last = http_header(w->c, "Last-Event-ID");
    enum err e = topics_of(w, &topics, diag);

    if (!last)
        last = http_query(w->c, "last_event_id");
    if (e == ERR_NONE)
        e = subscriber_new(w, topics, &s);
    if (e != ERR_NONE)
        return e;
    http_add_header(w->c, "Cache-Control", "no-store");
    http_add_header(w->c, "X-Accel-Buffering", "no");
    pthread_mutex_lock(&h->lock);
    e = h->quit ? ERR_BUSY : room_for(h, &w->who, diag);
    if (e == ERR_NONE) {
        w->replied = true;
        s->stream = http_stream_open(w->c, "text/event-stream", on_gone, s);
    }
    if (e != ERR_NONE || !s->stream) {
        pthread_mutex_unlock(&h->lock);
        subscriber_free(s);
        return e;
    }
    char hello[64];
    int n = snprintf(hello, sizeof(hello), "retry: 3000\nid: %" PRIu64 "\n\n", h->next_id - 1);
    if (!last)
        send_bytes(s, hello, (size_t)n);
    else
        send_bytes(s, "retry: 3000\n\n", 13);
    replay(h, s, last);
    s->next = h->first;
    h->first = s;
    h->n++;
    pthread_mutex_unlock(&h->lock);
    return ERR_NONE;
}

/* ---- the hub's thread ---- */

/* Takes away what is over; returns with the lock. */
static void sweep(struct stream_hub *h)
{
    struct subscriber *over = NULL;

    for (struct subscriber **at = &h->first; *at;) {
        struct subscriber *s = *at;
        if (!s->over) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        s->next = over;
        over = s;
        h->n--;
    }
    pthread_mutex_unlock(&h->lock);
    while (over) {
        struct subscriber *next = over->next;
        http_stream_end(over->stream); /* waits for on_gone, which takes the lock */
        subscriber_free(over);
        over = next;
    }
    pthread_mutex_lock(&h->lock);
}

/* Sign-ins end, people move: looked at again without the lock. */
static void recheck(struct stream_hub *h)
{
    struct arena a;
    struct subscriber *s = h->first;

    arena_init(&a, WEB_ARENA_BYTES);
    pthread_mutex_unlock(&h->lock);
    for (; s; s = s->next) {
        struct desk_scope scope = DESK_SCOPE_ALL;
        uint32_t org = s->org;
        enum user_role role = s->who.role;
        struct user u;
        arena_reset(&a);
        bool alive = caller_alive(h->web, &s->who, &a);
        if (alive && s->who.kind == CALLER_SESSION) {
            alive =
                user_get(h->web->o.desk, DESK_SCOPE_ALL, s->who.user.id, &a, &u, NULL) == ERR_NONE;
            org = alive ? u.org : org;
            role = alive ? u.role : role;
        }
        if (alive && s->who.kind != CALLER_LOCAL)
            alive = caller_scope(h->web, org, role, &a, &scope, NULL) == ERR_NONE;
        pthread_mutex_lock(&h->lock);
        if (!alive || copy_scope(s, scope) != ERR_NONE)
            s->over = true;
        pthread_mutex_unlock(&h->lock);
    }
    arena_done(&a);
    pthread_mutex_lock(&h->lock);
}

static void *hub_main(void *arg)
{
    struct stream_hub *h = arg;
    int64_t beat = clock_mono_ns(), check = beat;

    pthread_mutex_lock(&h->lock);
    while (!h->quit) {
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += 1;
        pthread_cond_timedwait(&h->changed, &h->lock, &at);
        int64_t now = clock_mono_ns();
        if (now - beat >= BEAT_S * NS_PER_S) {
            for (struct subscriber *s = h->first; s; s = s->next)
                send_bytes(s, ": beat\n\n", 8);
            beat = now;
        }
        sweep(h);
        if (now - check >= RECHECK_S * NS_PER_S) {
            recheck(h);
            check = now;
        }
    }
    for (struct subscriber *s = h->first; s; s = s->next)
        s->over = true;
    sweep(h);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

CHECKED enum err stream_start(struct web *web, struct diag *diag)
{
    struct stream_hub *h = calloc(1, sizeof(*h));
    pthread_condattr_t attr;

    if (!h)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    h->web = web;
    h->next_id = (uint64_t)(clock_wall_ns() / 1000);
    if (pthread_condattr_init(&attr) != 0 || pthread_mutex_init(&h->lock, NULL) != 0) {
        free(h);
        return FAIL(diag, ERR_SYS, 0, "cannot make a lock");
    }
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&h->changed, &attr) == 0;
    pthread_condattr_destroy(&attr);
    if (!ok) {
        pthread_mutex_destroy(&h->lock);
        free(h);
        return FAIL(diag, ERR_SYS, 0, "cannot make a lock");
    }
    web->hub = h;
    if (pthread_create(&h->thread, NULL, hub_main, h) != 0)
        return FAIL(diag, ERR_SYS, 0, "cannot start a thread");
    h->started = true;
    return ERR_NONE;
}

CHECKED enum err stream_listen(struct web *web, struct diag *diag)
{
    enum err e = desk_on_change(web->o.desk, on_change, web->hub);

    return e == ERR_NONE ? e : FAIL(diag, e, 0, "the desk takes no more listeners");
}

void stream_free(struct web *web)
{
    struct stream_hub *h = web->hub;

    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->quit = true;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    if (h->started)
        pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    free(h);
    web->hub = NULL;
}
