/* detect/pred_int.h - the conditions of all rules as numbers, the same condition once.
 *
 * An atom is one comparison of one slot's value: a pattern, an expression, a network, a number. A
 * predicate is a set of atoms of one slot, of which any must hold for any of the event's values:
 * what an item without `all` says. While compiling a predicate is named by its class and index;
 * at the end every predicate of every class gets one bit.
 */
#ifndef DETECT_PRED_INT_H
#define DETECT_PRED_INT_H

#include "detect/rule_int.h"

enum pred_class {
    PRED_VALUE,   /* any atom holds for any value */
    PRED_PRESENT, /* index: slot; it has a value that is not null */
    PRED_NULL,    /* index: slot; it has a null */
    PRED_KEYWORD, /* as VALUE, of the slot of all values: looked for only when asked */
    PRED_REF,     /* fieldref: compared only when asked */
    PRED_CLASSES
};

struct atom {
    uint32_t slot;
    const struct test *test;
    const struct pattern *pat; /* TEST_PATTERN: this one of the test's */
};

struct pred {
    uint32_t slot;
    const uint32_t *atoms; /* sorted */
    uint32_t n;
    const struct test *ref; /* PRED_REF */
};

struct pred_list {
    struct intern keys;
    struct pred *v; /* owned */
    uint32_t n, cap;
};

struct preds {
    struct arena *tmp; /* borrowed; what compiling needs */
    uint32_t slots_n;
    struct intern atom_keys;
    struct atom *atoms; /* owned */
    uint32_t atoms_cap;
    struct pred_list value, keyword, ref;
};

void preds_init(struct preds *p, struct arena *tmp, uint32_t slots_n);
void preds_done(struct preds *p);

/* What a rule says, over predicates. */
enum form_kind { FORM_LEAF, FORM_AND, FORM_OR, FORM_NOT, FORM_OF };
struct form {
    enum form_kind kind;
    enum pred_class class; /* LEAF */
    uint32_t index;        /* LEAF */
    uint32_t need;         /* OF */
    const struct form *const *kids;
    uint32_t n;
};

/* Forms live in `tmp`. ERR_LIMIT, ERR_UNSUPPORTED: the rule is too large, or asks something that no
 * predicate can say. */
CHECKED enum err pred_form_sel(struct preds *p, const struct sel *sel, const struct form **ret);
CHECKED enum err pred_form_rule(struct preds *p, const struct rule *rule, const struct form **ret);

/* The bit of a leaf; they are numbered class after class, and right only when all is compiled. */
uint32_t pred_bit(const struct preds *p, enum pred_class class, uint32_t index);
uint32_t pred_bits(const struct preds *p);

#endif
