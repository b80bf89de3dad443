#include "net/loop.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

struct loop {
    uv_loop_t uv;
    uv_async_t stop;
    char read[LOOP_READ_BYTES]; /* one at a time: libuv reads, then calls back, on one thread */
};

struct loop_timer {
    uv_timer_t uv; /* first: the handle is the object */
    loop_fn *fn;
    void *arg;
};

struct loop_poll {
    uv_poll_t uv;
    loop_fn *fn;
    void *arg;
};

struct loop_wake {
    uv_async_t uv;
    loop_fn *fn;
    void *arg;
};

struct loop_listener {
    uv_tcp_t uv;
    loop_accept_fn *fn;
    void *arg;
};

struct loop_conn {
    uv_tcp_t uv;
    const struct loop_conn_ops *ops;
    void *arg;
    bool paused, ended;
};

static void free_handle(uv_handle_t *h)
{
    free(h);
}

static void close_handle(void *handle)
{
    uv_handle_t *h = handle;

    if (h && !uv_is_closing(h))
        uv_close(h, free_handle);
}

static void on_stop(uv_async_t *a)
{
    uv_stop(a->loop);
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    if (uv_loop_init(&l->uv) != 0) {
        free(l);
        return NULL;
    }
    if (uv_async_init(&l->uv, &l->stop, on_stop) != 0) {
        (void)uv_loop_close(&l->uv);
        free(l);
        return NULL;
    }
    return l;
}

static void close_walked(uv_handle_t *h, void *arg)
{
    const struct loop *l = arg;

    if (!uv_is_closing(h))
        uv_close(h, h == (const uv_handle_t *)&l->stop ? NULL : free_handle);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    uv_walk(&l->uv, close_walked, l);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&l->uv);
    free(l);
}

void loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    (void)uv_async_send(&l->stop);
}

static void on_timer(uv_timer_t *uv)
{
    struct loop_timer *t = (struct loop_timer *)uv;

    t->fn(t->arg);
}

CHECKED enum err loop_timer_start(struct loop *l, uint64_t first_ms, uint64_t repeat_ms,
                                  loop_fn *fn, void *arg, struct loop_timer **ret)
{
    struct loop_timer *t = calloc(1, sizeof(*t));

    if (!t)
        return ERR_NOMEM;
    t->fn = fn;
    t->arg = arg;
    (void)uv_timer_init(&l->uv, &t->uv); /* cannot fail */
    uv_update_time(&l->uv);
    (void)uv_timer_start(&t->uv, on_timer, first_ms, repeat_ms);
    *ret = t;
    return ERR_NONE;
}

void loop_timer_stop(struct loop_timer *t)
{
    close_handle(t);
}

/* An error on the descriptor is told as readability: the reader then meets it itself. */
static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct loop_poll *p = (struct loop_poll *)uv;

    (void)status;
    (void)events;
    p->fn(p->arg);
}

CHECKED enum err loop_poll_start(struct loop *l, int fd, loop_fn *fn, void *arg,
                                 struct loop_poll **ret)
{
    struct loop_poll *p = calloc(1, sizeof(*p));

    if (!p)
        return ERR_NOMEM;
    p->fn = fn;
    p->arg = arg;
    if (uv_poll_init(&l->uv, &p->uv, fd) != 0) {
        free(p);
        return ERR_SYS;
    }
    (void)uv_poll_start(&p->uv, UV_READABLE, on_poll);
    *ret = p;
    return ERR_NONE;
}

void loop_poll_pause(struct loop_poll *p)
{
    (void)uv_poll_stop(&p->uv);
}

void loop_poll_resume(struct loop_poll *p)
{
    (void)uv_poll_start(&p->uv, UV_READABLE, on_poll);
}

void loop_poll_stop(struct loop_poll *p)
{
    close_handle(p);
}

static void on_wake(uv_async_t *uv)
{
    struct loop_wake *w = (struct loop_wake *)uv;

    w->fn(w->arg);
}

CHECKED enum err loop_wake_start(struct loop *l, loop_fn *fn, void *arg, struct loop_wake **ret)
{
    struct loop_wake *w = calloc(1, sizeof(*w));

    if (!w)
        return ERR_NOMEM;
    w->fn = fn;
    w->arg = arg;
    if (uv_async_init(&l->uv, &w->uv, on_wake) != 0) {
        free(w);
        return ERR_SYS;
    }
    *ret = w;
    return ERR_NONE;
}

void loop_wake_send(struct loop_wake *w)
{
    (void)uv_async_send(&w->uv);
}

void loop_wake_stop(struct loop_wake *w)
{
    close_handle(w);
}

static void peer_of(const uv_tcp_t *tcp, uint8_t ip[static 16], uint16_t *ret_port)
{
    struct sockaddr_storage ss = {0};
    int n = sizeof(ss);

    memset(ip, 0, 16);
    ip[15] = 1;
    *ret_port = 0;
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&ss, &n) != 0)
        return;
    if (ss.ss_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)&ss;
        ip[10] = ip[11] = 0xff;
        memcpy(ip + 12, &a->sin_addr, 4);
        *ret_port = ntohs(a->sin_port);
    } else if (ss.ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&ss;
        memcpy(ip, &a->sin6_addr, 16);
        *ret_port = ntohs(a->sin6_port);
    }
}

static void on_connection(uv_stream_t *uv, int status)
{
    struct loop_listener *s = (struct loop_listener *)uv;
    struct loop_conn *c;
    uint8_t ip[16];
    uint16_t port;

    if (status != 0)
        return; /* out of descriptors: libuv has dropped the connection */
    c = calloc(1, sizeof(*c));
    if (!c)
        return;
    if (uv_tcp_init(uv->loop, &c->uv) != 0) {
        free(c);
        return;
    }
    if (uv_accept(uv, (uv_stream_t *)&c->uv) != 0) {
        close_handle(c);
        return;
    }
    (void)uv_tcp_keepalive(&c->uv, 1, 60);
    peer_of(&c->uv, ip, &port);
    s->fn(s->arg, c, ip, port);
}

CHECKED enum err loop_listen(struct loop *l, int fd, loop_accept_fn *fn, void *arg,
                             struct loop_listener **ret, struct diag *diag)
{
    struct loop_listener *s = calloc(1, sizeof(*s));

    if (!s || uv_tcp_init(&l->uv, &s->uv) != 0) {
        free(s);
        (void)close(fd);
        return FAIL(diag, ERR_NOMEM, 0, "no memory to listen");
    }
    s->fn = fn;
    s->arg = arg;
    int rc = uv_tcp_open(&s->uv, fd);
    if (rc != 0) {
        (void)close(fd);
    } else {
        rc = uv_listen((uv_stream_t *)&s->uv, 511, on_connection);
    }
    if (rc != 0) {
        close_handle(s);
        return FAIL(diag, ERR_SYS, 0, "cannot listen: %s", uv_strerror(rc));
    }
    *ret = s;
    return ERR_NONE;
}

void loop_listener_stop(struct loop_listener *s)
{
    close_handle(s);
}

static void give_buffer(uv_handle_t *h, size_t want, uv_buf_t *ret)
{
    struct loop *l = (struct loop *)h->loop;

    (void)want;
    *ret = uv_buf_init(l->read, sizeof(l->read));
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *b)
{
    struct loop_conn *c = (struct loop_conn *)uv;

    if (n > 0) {
        c->ops->on_data(c->arg, (struct slice){b->base, (size_t)n});
    } else if (n < 0 && !c->ended) {
        c->ended = true;
        (void)uv_read_stop(uv);
        c->ops->on_end(c->arg, n == UV_EOF ? ERR_NONE : ERR_PEER);
    }
}

void loop_conn_start(struct loop_conn *c, const struct loop_conn_ops *ops, void *arg)
{
    c->ops = ops;
    c->arg = arg;
    (void)uv_read_start((uv_stream_t *)&c->uv, give_buffer, on_read);
}

void loop_conn_pause(struct loop_conn *c)
{
    c->paused = true;
    (void)uv_read_stop((uv_stream_t *)&c->uv);
}

void loop_conn_resume(struct loop_conn *c)
{
    if (!c->paused || c->ended || uv_is_closing((uv_handle_t *)&c->uv))
        return;
    c->paused = false;
    (void)uv_read_start((uv_stream_t *)&c->uv, give_buffer, on_read);
}

void loop_conn_close(struct loop_conn *c)
{
    close_handle(c);
}
