/* detect/index_int.h - all rules as one index, so that an event touches few of them.
 *
 * Compiled once with the ruleset, immutable. An event walks its own fields once: each value sets
 * the bits of the predicates that it makes true (seek_int.h, remembered in memo_int.h). The bits of
 * the log sources' own fields say which rows the event is in; rules of these rows, of which a
 * witness bit is set, are candidates; a candidate's program then looks at bits only. Never at a
 * string again, but for what is decided only when asked: keywords and field references.
 *
 * The findings are those of match_int.h; index_test.c holds them to be the same.
 */
#ifndef DETECT_INDEX_INT_H
#define DETECT_INDEX_INT_H

#include "detect/match_int.h"
#include "detect/program_int.h"
#include "detect/seek_int.h"
#include "detect/watch_int.h"

struct index_program {
    uint32_t entry; /* of steps, or an end */
    bool slow;      /* no program: the condition is evaluated by match.c */
};

struct index_place {
    uint32_t slot;
    bool decoded;
};

struct index_base {
    enum field f;
    struct index_place place;
};

/* Lists by number: those of i are of[at[i]] to of[at[i + 1]]. */
struct index_lists {
    uint32_t *at, *of;
};

struct index {
    struct seek_set seeks;
    struct steps steps;
    struct index_program *rules, *rows;
    uint32_t bits_n, present, null, keyword, ref; /* where the classes of bits begin */
    const struct pred *refs;
    struct index_lists rule_of, row_of; /* by witness bit */
    uint32_t *row_always, row_always_n;
    size_t rule_words, slot_words, bit_words;
    uint64_t *always;        /* rules without a witness */
    uint64_t *keyword_rules; /* rules whose witness needs the keywords */
    struct watch watch;      /* for these: whether to look for keywords at all */
    uint64_t *can_match;
    uint64_t *gate_slots, *gate_bits; /* what rows ask */
    bool rows_lazy;                   /* rows ask what bits can't tell alone */
    uint64_t *row_rules, *row_slots;  /* per row */
    struct index_place *places;
    uint32_t *field_at, *name_at; /* into places; one more than there are */
    struct index_base *base;
    uint32_t base_n;
    struct scan_scratch *proto; /* owned; what each thread clones */
};

/* From a ruleset that is otherwise complete, into rs->index. */
CHECKED enum err index_build(struct ruleset *rs, struct diag *diag);
void index_free(struct index *ix);

/* index_run.c: one thread's part. */
struct index_scratch;
void index_scratch_free(struct index_scratch *s);
CHECKED enum err index_scratch_new(const struct ruleset *rs, struct regex_scratch *regex,
                                   struct index_scratch **ret);

/* Decides the event's bits. The rules to evaluate are set in *ret_candidates, those that the
 * event's log sources mean in *ret_meant; both are valid until the next call. index_end clears. */
void index_begin(struct run *r, const uint64_t **ret_candidates, const uint64_t **ret_meant);
bool index_holds(struct run *r, size_t rule);
void index_end(struct run *r);

#endif
