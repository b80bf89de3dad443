/* detect/route_int.h - which rows an event is in, and so which rules and slots are of interest. It
 * depends on nothing but the bits that rows ask, so it is remembered by them: most events are of a
 * few kinds. One thread each.
 */
#ifndef DETECT_ROUTE_INT_H
#define DETECT_ROUTE_INT_H

#include "detect/index_int.h"

enum { ROUTE_BITS_MAX = 96, ROUTES = 128 };

struct route {
    uint64_t hash;
    uint32_t key[ROUTE_BITS_MAX], key_n;
    bool used;
    uint64_t rows[SOURCE_ROWS_MAX / 64]; /* that the event is in */
    bool keywords;                       /* a candidate may be found by keywords alone */
    bool unwatched; /* and one of these rules has nothing that rules keywords out */
    uint32_t dbs_n; /* else: of index.watch, or too many of them: the one of all */
    uint32_t dbs[WATCH_FEW];
    uint64_t *meant;  /* rules of the event's rows */
    uint64_t *tried;  /* these, and all that can match when nobody knows what the event is */
    uint64_t *always; /* of `tried`, those without a witness */
    uint64_t *slots;  /* that these ask */
};

struct routes {
    struct route all[ROUTES + 1]; /* the last one is for what is not remembered */
    uint64_t *memory;             /* owned */
};

void routes_done(struct routes *r);
CHECKED enum err routes_init(struct routes *r, const struct index *ix);

/* bits: those set of index.gate_bits, in any order. `holds` evaluates a row. */
typedef bool route_row_fn(void *arg, size_t row);
const struct route *route_of(struct routes *r, const struct ruleset *rs, const uint32_t *bits,
                             uint32_t n, route_row_fn *holds, void *arg);

#endif
