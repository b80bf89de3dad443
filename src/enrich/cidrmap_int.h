/* enrich/cidrmap_int.h - address -> number, for many prefixes at once.
 *
 * Prefixes nest or are apart, so they become one sorted array of boundaries with the value that
 * holds from each on; a look-up is one binary search. Immutable after cidrmap_build. */
#ifndef ENRICH_CIDRMAP_INT_H
#define ENRICH_CIDRMAP_INT_H

#include "core/arena.h"
#include "core/ip.h"

#define CIDRMAP_NONE UINT32_MAX

struct cidrmap_entry {
    struct cidr cidr;
    uint32_t value; /* never CIDRMAP_NONE */
};

struct cidrmap_step {
    uint8_t from[16];
    uint32_t value;
};

struct cidrmap {
    size_t n;
    struct cidrmap_step *steps; /* in the arena */
};

/* Sorts entries in place. Which of the prefixes around an address counts: the lowest value
 * (`lowest`), else the longest prefix, of equal ones the lowest value. */
CHECKED enum err cidrmap_build(struct cidrmap *m, struct arena *a, struct cidrmap_entry *entries,
                               size_t n, bool lowest);

uint32_t cidrmap_get(const struct cidrmap *m, const uint8_t ip[static 16]);

#endif
