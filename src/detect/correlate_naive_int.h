/* detect/correlate_naive_int.h - what correlations mean, as slowly and plainly as it can be said:
 * every window is counted anew from all matches. The tests hold the engine to it.
 */
#ifndef DETECT_CORRELATE_NAIVE_INT_H
#define DETECT_CORRELATE_NAIVE_INT_H

#include "detect/correlate_int.h"

enum { NAIVE_MATCHES_MAX = 512, NAIVE_GROUPS_MAX = 8, NAIVE_FOUND_MAX = 4096 };

struct naive_match {
    int64_t t, received;
    struct id128 id;
    uint32_t group, ref;
    double number;  /* what is summed */
    uint64_t value; /* what is counted */
};

struct naive_found {
    uint32_t group;
    int64_t at, first, last;
    uint64_t matches;
    double value;
};

struct naive_group {
    bool alive;
    int64_t newest, judged, arrived;
    struct naive_match m[NAIVE_MATCHES_MAX];
    size_t n;
    int64_t fires[NAIVE_MATCHES_MAX];
    size_t fires_n;
};

struct naive {
    const struct correlation *co;
    int64_t lateness, clock;
    uint64_t late;
    struct naive_group g[NAIVE_GROUPS_MAX];
    struct naive_found found[NAIVE_FOUND_MAX];
    size_t found_n;
};

void naive_init(struct naive *n, const struct correlation *co, int64_t lateness);
void naive_take(struct naive *n, const struct naive_match *m);
void naive_advance(struct naive *n, int64_t clock);

#endif
