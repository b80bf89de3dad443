#include "core/arena.h"

#include <stdlib.h>

enum { ALIGN = 16, BLOCK_MIN = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(ALIGN) char data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
    *a = (struct arena){.max_bytes = max_bytes};
}

void arena_done(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    arena_init(a, a->max_bytes);
}

void arena_reset(struct arena *a)
{
    a->now = a->first;
    a->at = 0;
}

/* Makes `now` a block with room for n bytes: the next kept one if it fits, else a new one. */
static bool grow(struct arena *a, size_t n)
{
    size_t size = n > BLOCK_MIN ? n : BLOCK_MIN;
    struct arena_block *next = a->now ? a->now->next : NULL;

    if (!next || next->size < n) {
        size_t left = a->max_bytes - a->total_bytes;
        if (n > left)
            return false;
        size = size < left ? size : left;
        struct arena_block *b = malloc(sizeof(*b) + size);
        if (!b)
            return false;
        *b = (struct arena_block){.next = next, .size = size};
        if (a->now)
            a->now->next = b;
        else
            a->first = b;
        a->total_bytes += size;
        next = b;
    }
    a->now = next;
    a->at = 0;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ALIGN)
        return NULL;
    size_t need = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    if (!a->now || a->now->size - a->at < need)
        if (!grow(a, need))
            return NULL;
    void *p = a->now->data + a->at;
    a->at += need;
    return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    void *p = arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

CHECKED enum err arena_dup(struct arena *a, struct slice s, struct slice *ret)
{
    char *p = arena_alloc(a, s.n ? s.n : 1);

    if (!p)
        return ERR_NOMEM;
    if (s.n)
        memcpy(p, s.p, s.n);
    *ret = (struct slice){p, s.n};
    return ERR_NONE;
}

char *arena_cstr(struct arena *a, struct slice s)
{
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

    if (!p)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}
