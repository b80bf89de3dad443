/* detect/correlate_state_int.h - the records that matches become, and the groups they make.
 *
 * A group holds its matches in rings ordered by (event time, event id): one ring, or for temporal
 * types one for each reference. Types with one ring keep a bag beside it: what is counted or summed
 * over [lo, hi) of the ring. Moving lo and hi by one costs O(1) (O(n) bytes moved for percentiles).
 */
#ifndef DETECT_CORRELATE_STATE_INT_H
#define DETECT_CORRELATE_STATE_INT_H

#include "core/metrics.h"
#include "detect/correlate_int.h"

/* Slices are borrowed. `key` begins with the organisation, then the fields, folded, each behind its
 * length; `shown` has the fields as sent; `value` those that value_count counts. */
struct corr_record {
    int64_t time_ns, received_ns;
    struct id128 id;
    uint32_t correlation, ref, system;
    double number;
    struct slice key, shown, value;
};
CHECKED enum err corr_record_decode(struct slice bytes, struct corr_record *ret);

struct corr_entry {
    int64_t t;
    struct id128 id; /* of the event; of a correlation: its last event's, see corr_chained_id */
    union {
        double number;
        uint64_t hash; /* of the value */
    };
};

struct corr_ring {
    struct corr_entry *e; /* owned; the first is at `off` */
    uint32_t off, n, cap;
};

/* Distinct hashes with how often each, or sorted numbers, or a sum. */
struct corr_bag {
    uint64_t *keys; /* owned; open addressing, 0 = free; capacity a power of two */
    uint32_t *counts;
    double *sorted; /* owned */
    uint32_t n, cap;
    long double sum;
};

struct corr_group {
    struct corr_group *next;                    /* of the same bucket */
    struct corr_group *older, *newer;           /* by last arrival */
    struct corr_group *pend_older, *pend_newer; /* the same, of those with something to judge */
    uint64_t hash;
    int64_t newest, judged, arrived; /* judged: INT64_MIN before the first */
    int64_t *fires;                  /* owned, ascending: when it found */
    uint32_t fires_n, fires_cap;
    uint32_t system, key_n, shown_n;
    uint32_t lo, hi;      /* the bag's part of the ring */
    bool pending, broken; /* broken: memory failed in the middle, it has to go */
    size_t bytes;         /* with what it owns */
    struct corr_bag bag;
    struct corr_ring *rings; /* behind the struct, then key and shown */
    char *text;
};

struct corr_list {
    struct corr_group *oldest, *newest;
};

/* The groups of one correlation. */
struct corr_table {
    struct corr_group **buckets; /* owned */
    size_t buckets_n, groups_n;
    size_t bytes; /* of all groups, with what they own */
    struct corr_list all, pend;
};

struct correlator {
    struct ruleset *rs; /* one reference */
    struct correlator_options o;
    struct corr_table *tables; /* owned; by correlation */
    uint64_t seed;             /* of hashes: kept with the state */
    int64_t clock;
    int64_t due; /* nothing is to be done before the clock passes it */
    struct buf gathered;
    struct correlator_stats stats;
    /* While something is taken. */
    const struct event *ev;
    detect_emit_fn *emit;
    void *arg;
    struct id128 events[CORRELATE_EVENTS_MAX];
};

uint64_t corr_hash(uint64_t seed, struct slice s);
static inline struct slice corr_key(const struct corr_group *g)
{
    return (struct slice){g->text, g->key_n};
}
static inline bool corr_temporal(const struct correlation *co)
{
    return co->type == CORRELATION_TEMPORAL || co->type == CORRELATION_TEMPORAL_ORDERED;
}
uint32_t corr_rings_n(const struct correlation *co);

/* correlate_bag.c. false: no memory, nothing changed. */
CHECKED bool corr_bag_add(struct corr_bag *b, enum correlation_type t, const struct corr_entry *e,
                          size_t *bytes);
void corr_bag_remove(struct corr_bag *b, enum correlation_type t, const struct corr_entry *e);
void corr_bag_done(struct corr_bag *b);
/* The value over n matches. */
double corr_bag_value(const struct corr_bag *b, const struct correlation *co, uint32_t n);

/* correlate_ring.c: positions count from the oldest. */
static inline struct corr_entry *corr_at(const struct corr_ring *r, uint32_t i)
{
    return &r->e[r->off + i];
}
uint32_t corr_after(const struct corr_ring *r, int64_t t); /* the first with a later time */
uint32_t corr_from(const struct corr_ring *r, int64_t t);  /* the first with this time or later */
/* The first that is not before `e` in the order of matches. */
uint32_t corr_place(const struct corr_ring *r, const struct corr_entry *e);
int corr_entry_cmp(const struct corr_entry *a, const struct corr_entry *b);
/* *ret_at: where it is now; CORR_NONE: the same match was there already. */
CHECKED bool corr_ring_put(struct corr_ring *r, const struct corr_entry *e, uint32_t *ret_at,
                           size_t *bytes);
void corr_ring_drop(struct corr_ring *r, uint32_t n); /* the oldest n */

/* correlate_find.c: whether the group is quiet at that time, and telling that it found. */
bool corr_covered(const struct corr_group *g, int64_t t, int64_t span);
/* The first time at or after `t` that no earlier finding covers. */
int64_t corr_uncovered(const struct corr_group *g, int64_t t, int64_t span);
struct corr_window {
    int64_t at;          /* the time that is remembered as found */
    int64_t first, last; /* of the matches */
    uint64_t matches;
    double value;
    size_t events_n; /* in correlator.events */
};
void corr_found(struct correlator *c, const struct correlation *co, struct corr_group *g,
                const struct corr_window *w);
/* Adds to the causing events, which come in order; at most CORRELATE_EVENTS_MAX. */
void corr_event(struct correlator *c, struct corr_window *w, struct id128 id);

/* correlate_window.c: types with one ring. correlate_temporal.c: the others. `at`: where the new
 * match is in its ring. Judge: everything before `before`. */
void corr_window_new(struct correlator *c, const struct correlation *co, struct corr_group *g,
                     uint32_t at);
void corr_window_judge(struct correlator *c, const struct correlation *co, struct corr_group *g,
                       int64_t before);
void corr_window_drop(const struct correlation *co, struct corr_group *g, uint32_t n);
void corr_temporal_new(struct correlator *c, const struct correlation *co, struct corr_group *g,
                       uint32_t ref, uint32_t at);
void corr_temporal_judge(struct correlator *c, const struct correlation *co, struct corr_group *g,
                         int64_t before);
bool corr_meets(const struct correlation *co, double value);

/* correlate_table.c */
CHECKED enum err corr_group_new(struct correlator *c, uint32_t correlation, struct slice key,
                                struct slice shown, struct corr_group **ret);
struct corr_group *corr_group_find(struct correlator *c, uint32_t correlation, struct slice key);
void corr_group_drop(struct correlator *c, uint32_t correlation, struct corr_group *g);
void corr_group_touch(struct corr_table *t, struct corr_group *g); /* now the newest */
void corr_group_pend(struct corr_table *t, struct corr_group *g, bool on);
void corr_table_done(struct corr_table *t, uint32_t rings);

/* correlate.c */
bool corr_to_judge(const struct correlation *co, const struct corr_group *g);
bool corr_key_ok(const struct correlation *co, struct slice key, struct slice shown);
CHECKED enum err corr_take(struct correlator *c, const struct corr_record *r);

#endif
