#include "enrich/cidrmap_int.h"

#include <stdlib.h>

enum { DEPTH_MAX = 130 }; /* 129 lengths of prefix, and the ground */

struct open_prefix {
    uint8_t after[16]; /* the first address behind it */
    bool to_the_end;   /* there is none */
    uint32_t value;
};

static int entry_cmp(const void *x, const void *y)
{
    const struct cidrmap_entry *a = x, *b = y;
    int c = memcmp(a->cidr.ip, b->cidr.ip, 16);

    if (c != 0)
        return c;
    if (a->cidr.bits != b->cidr.bits)
        return a->cidr.bits < b->cidr.bits ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* The first address behind the prefix; false when the prefix reaches the last one. */
static bool after(const struct cidr *c, uint8_t out[static 16])
{
    memcpy(out, c->ip, 16);
    for (unsigned bit = c->bits; bit > 0; bit--) {
        uint8_t mask = (uint8_t)(0x80u >> ((bit - 1) % 8));
        uint8_t *byte = &out[(bit - 1) / 8];
        if (!(*byte & mask)) {
            *byte |= mask;
            return true;
        }
        *byte = (uint8_t)(*byte & ~mask);
    }
    return false;
}

static void step(struct cidrmap *m, const uint8_t from[static 16], uint32_t value)
{
    if (m->n && memcmp(m->steps[m->n - 1].from, from, 16) == 0)
        m->n--;
    memcpy(m->steps[m->n].from, from, 16);
    m->steps[m->n++].value = value;
}

/* Closes the innermost prefix: what was around it holds again. */
static void leave(struct cidrmap *m, struct open_prefix *stack, size_t *depth)
{
    struct open_prefix *top = &stack[--*depth];

    if (!top->to_the_end)
        step(m, top->after, stack[*depth - 1].value);
}

CHECKED enum err cidrmap_build(struct cidrmap *m, struct arena *a, struct cidrmap_entry *entries,
                               size_t n, bool lowest)
{
    struct open_prefix stack[DEPTH_MAX];
    size_t depth = 1;

    m->n = 0;
    m->steps = n ? arena_calloc(a, 2 * n, sizeof(*m->steps)) : NULL;
    if (n && !m->steps)
        return ERR_NOMEM;
    if (n)
        qsort(entries, n, sizeof(*entries), entry_cmp);
    stack[0] = (struct open_prefix){.to_the_end = true, .value = CIDRMAP_NONE};
    for (size_t i = 0; i < n; i++) {
        const struct cidrmap_entry *e = &entries[i];
        if (i && e->cidr.bits == e[-1].cidr.bits && memcmp(e->cidr.ip, e[-1].cidr.ip, 16) == 0)
            continue;
        while (!stack[depth - 1].to_the_end && memcmp(stack[depth - 1].after, e->cidr.ip, 16) <= 0)
            leave(m, stack, &depth);
        struct open_prefix *p = &stack[depth];
        p->to_the_end = !after(&e->cidr, p->after);
        p->value = lowest && stack[depth - 1].value < e->value ? stack[depth - 1].value : e->value;
        step(m, e->cidr.ip, p->value);
        depth++;
    }
    while (depth > 1)
        leave(m, stack, &depth);
    return ERR_NONE;
}

uint32_t cidrmap_get(const struct cidrmap *m, const uint8_t ip[static 16])
{
    size_t lo = 0, hi = m->n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (memcmp(m->steps[mid].from, ip, 16) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? m->steps[lo - 1].value : CIDRMAP_NONE;
}
