/* cmd/hunt_sum.h - what a report sums up while findings pass by: per rule, host, tactic and time.
 *
 * Constant memory: hosts beyond HUNT_SUM_HOSTS_MAX count as one; time is kept in at most
 * HUNT_SUM_BUCKETS slices that become twice as wide whenever they are too many. */
#ifndef CMD_HUNT_SUM_H
#define CMD_HUNT_SUM_H

#include "cmd/hunt_int.h"

enum { HUNT_SUM_HOSTS_MAX = 5000, HUNT_SUM_BUCKETS = 4096, HUNT_SUM_TACTICS = 16 };

struct hunt_sum_row {
    const struct rule_info *rule; /* of a rule's row */
    char *host;                   /* of a host's row; owned */
    uint64_t n;
    enum rule_level worst;
    bool timed;
    int64_t first_ns, last_ns;
};

struct hunt_sum_bucket {
    int64_t at; /* begins at `at` x width */
    uint64_t n[LEVEL_CRITICAL + 1];
};

struct hunt_sum {
    uint64_t n, by_level[LEVEL_CRITICAL + 1], untimed, other_hosts;
    size_t rules_n, rules_cap, hosts_n;
    struct hunt_sum_row *rules, *hosts; /* owned; hosts: HUNT_SUM_HOSTS_MAX */
    uint32_t *host_slots;               /* owned: hash -> index + 1 */
    int64_t width_ns;
    size_t buckets_n;
    struct hunt_sum_bucket *buckets; /* owned, sorted */
    uint64_t tactics[HUNT_SUM_TACTICS];
};

CHECKED bool hunt_sum_init(struct hunt_sum *s);
void hunt_sum_done(struct hunt_sum *s);
void hunt_sum_add(struct hunt_sum *s, const struct hunt_found *f);
/* Rows by number, the most first. */
void hunt_sum_sort(struct hunt_sum *s);
/* The time axis in at most `most` slices. */
void hunt_sum_narrow(struct hunt_sum *s, int64_t most);

/* The tactics in ATT&CK's order; i < HUNT_SUM_TACTICS; the last is for none. */
const char *hunt_sum_tactic(size_t i, bool vi);

#endif
