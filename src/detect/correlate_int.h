/* detect/correlate_int.h - what correlations compile to, and the state of the groups.
 *
 * Compiled ones live in the ruleset's arena. A reference is one of the rules that a correlation
 * names: a rule on events, a part of one (old `near`), or another correlation.
 */
#ifndef DETECT_CORRELATE_INT_H
#define DETECT_CORRELATE_INT_H

#include "detect/correlate.h"
#include "detect/rule_int.h"

enum { CORR_TESTS_MAX = 6, CORR_VALUES_MAX = 8, CORR_FIRES_MAX = 1024 };
#define CORR_NONE UINT32_MAX
#define CORR_TIMESPAN_MAX (INT64_C(3660) * 86400 * 1000000000)

enum corr_op { OP_GT, OP_GTE, OP_LT, OP_LTE, OP_EQ, OP_NEQ };
struct corr_test {
    enum corr_op op;
    double n;
};

/* When the condition is judged: at each match (it can only come true by more matches); when no
 * match of that time can come any more, on the window behind it; or the same, on the window
 * before it (something must be absent). */
enum corr_mode { MODE_EAGER, MODE_DEFER, MODE_FORWARD };

struct corr_ref {
    struct slice name; /* as the correlation names it */
    const struct json_node *node;
    uint32_t rule;           /* of ruleset.rules */
    uint32_t inner;          /* correlation + 1, 0: a rule on events */
    const struct expr *part; /* of the rule's selections; NULL: the rule itself */
    uint32_t *group;         /* per group field a slot, or the group field of the inner one */
    uint32_t *values;        /* the same for the fields that are counted */
};

struct corr_field {
    struct slice name;
    const struct json_node *node;
    bool optional; /* missing is a value of its own */
};

struct correlation {
    enum correlation_type type;
    enum corr_mode mode;
    uint32_t rule; /* of ruleset.rules: what it says of itself */
    int64_t timespan_ns;
    struct corr_test tests[CORR_TESTS_MAX];
    size_t tests_n;
    double percentile;
    struct expr *expr; /* over references, or NULL */
    uint32_t *chain;   /* ordered: references in the order wanted */
    size_t chain_n;
    uint64_t absent; /* ordered: references that must not be there, by bit */
    struct corr_ref *refs;
    uint32_t refs_n;
    struct corr_field *group;
    struct slice *entities;
    uint32_t group_n;
    struct corr_field values[CORR_VALUES_MAX];
    uint32_t values_n;
    uint32_t depth; /* 1: over rules on events */
    bool generate, cannot_match;
    uint64_t version; /* of its content and that of all it refers to */
    /* While compiling only. */
    const char *file;
    struct rule about; /* its id is NULL for an old condition: that rule is kept already */
    const struct json_node *at, *aliases;
    enum { LINK_NOT_YET, LINK_DONE, LINK_FAILED } linked;
};

/* correlate_rule.c: one document, kept in the ruleset until all rules are known. */
CHECKED enum err correlation_compile(struct compile *c, const struct json_node *doc);
CHECKED enum err correlation_timespan(struct compile *c, const struct json_node *at,
                                      struct slice text, int64_t *ret_ns);
/* Adds to the ruleset's list; `co` lives in its arena. */
CHECKED enum err correlation_add(struct ruleset *rs, struct correlation *co);
/* Chooses mode and chain from type, tests and expression; reports what can't be. */
CHECKED enum err correlation_settle(struct compile *c, struct correlation *co,
                                    const struct json_node *at);

/* correlate_old.c: what stands behind the bar of an old condition. `text` begins behind it. */
struct corr_old {
    struct correlation *co;
    struct slice near; /* the condition behind `near`, empty: an aggregation */
};
CHECKED enum err correlation_old(struct compile *c, const struct json_node *node, struct slice text,
                                 struct corr_old *ret);
/* The parts of `near`: the condition of the rule becomes "any of them". */
CHECKED enum err correlation_old_near(struct compile *c, const struct json_node *node,
                                      struct rule *r, bool *used, const struct corr_old *old);
CHECKED enum err correlation_old_timeframe(struct compile *c, const struct json_node *detection,
                                           struct correlation *co);
/* The rule has been kept as number `rule`. */
CHECKED enum err correlation_old_keep(struct compile *c, struct correlation *co, uint32_t rule);

/* correlate_link.c: when all rules are known. */
CHECKED enum err correlation_link(struct ruleset *rs);

#endif
