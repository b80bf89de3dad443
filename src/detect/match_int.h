/* detect/match_int.h - what one thread keeps while it matches, and matching without any index: each
 * condition of a rule is tried on each value. It is the definition that the index is held to,
 * and what tells and explains a match.
 */
#ifndef DETECT_MATCH_INT_H
#define DETECT_MATCH_INT_H

#include "detect/rule_int.h"

enum { MATCHED_MAX = 32 };

struct run;

struct slot_value {
    struct slice raw, folded;
    const struct value *v; /* NULL where the text was made here */
    bool is_folded;
};

struct slot_state {
    uint64_t epoch; /* the event that this was gathered for */
    struct slot_value *v;
    uint32_t n, cap;
    bool has_null;
    struct sieve *sieve; /* NULL until asked for */
    bool has_first;
    uint64_t first[4]; /* bytes that the values, folded, begin with */
};

struct name_state {
    uint64_t epoch;
    uint32_t first; /* index of an event field; the others follow in `next` */
};

struct detect_scratch {
    struct arena arena; /* reset per event */
    struct regex_scratch *regex;
    uint64_t serial; /* of the ruleset that the tables below fit */
    struct slot_state *slots;
    struct name_state *names;
    uint64_t *chosen; /* bitmap of rules to try */
    size_t chosen_n;
    uint64_t seen[SOURCE_ROWS_MAX / 64]; /* rows that events were of: coverage.h */
    uint64_t epoch;
    uint64_t names_epoch, record_epoch;
    struct sieve *record_sieve; /* NULL: none, or not all ASCII */
    uint32_t *next;             /* per event field: the next of the same name + 1 */
    bool limited;
    struct index_scratch *index; /* owned; of the ruleset `serial` */
    struct match_field matched[MATCHED_MAX];
    size_t matched_n;
    struct slice selections[MATCHED_MAX];
    size_t selections_n;
    size_t present;      /* of those, how many have a value */
    struct run *running; /* while a finding is emitted: what correlate_gather looks at */
    bool profile;
    struct rule_cost *costs; /* owned; by rule of the ruleset `serial`; NULL: nobody asks */
};

struct run {
    const struct ruleset *rs;
    struct detect_scratch *s;
    struct event *ev;
};

/* gather.c: the values of a slot, once per event; and one of them folded, once. */
struct slot_state *gather_values(struct run *r, uint32_t slot);
struct slice gather_folded(struct run *r, struct slot_value *v);
/* The percent-decoded form is a value beside the one as sent, and only where it differs. */
bool gather_decoded(struct run *r, struct slice text, struct slice *ret);

/* Whether any of the slot's values passes the test, or the slot itself does. */
bool match_test(struct run *r, const struct test *t, uint32_t slot);
/* *ret_hit: the value that decided, or the first there is, or NULL. */
bool match_item(struct run *r, const struct item *it, const struct slot_value **ret_hit);
/* Recursion is bounded by DETECTION_DEPTH_MAX, and match_expr by the condition's length. */
bool match_sel(struct run *r, const struct sel *sel);
bool match_expr(struct run *r, const struct rule *rule, const struct expr *e);
/* The fields and selections that decided, into the scratch. */
void match_tell(struct run *r, const struct rule *rule);

/* detect.c: readies the scratch for this ruleset and event; false when there is no memory. */
CHECKED bool match_begin(struct run *r);

/* choose.c: marks the rules of every row that the event is of; whether one of them says for sure
 * what it is. */
bool choose_rules(struct run *r);

#endif
