/* detect/program_int.h - a rule's condition as steps over the bits of decided predicates, and its
 * witness: bits of which one is set whenever the rule matches.
 *
 * A step looks at one bit and says where to go on; two numbers are the ends. Steps only go forward
 * in meaning and backward in the table, so that a program ends after at most its own length.
 */
#ifndef DETECT_PROGRAM_INT_H
#define DETECT_PROGRAM_INT_H

#include "detect/pred_int.h"

#define PROGRAM_YES UINT32_MAX
#define PROGRAM_NO (UINT32_MAX - 1)
enum { PROGRAM_STEPS_MAX = 1 << 16 };

struct step {
    uint32_t bit, yes, no;
};

struct steps {
    struct step *v; /* owned */
    uint32_t n, cap;
};

/* Adds the program; *ret is where it begins, or an end. ERR_LIMIT past PROGRAM_STEPS_MAX. */
CHECKED enum err program_steps(struct steps *to, const struct preds *p, const struct form *f,
                               uint32_t *ret);

struct witness {
    const uint32_t *bits; /* in preds.tmp */
    uint32_t n;
    double weight; /* how often one of them is set: a guess that only speed depends on */
};

/* false when nothing must hold. *ret_nomem tells the other reason. */
CHECKED bool program_witness(const struct preds *p, const struct form *f, struct witness *ret,
                             bool *ret_nomem);

#endif
