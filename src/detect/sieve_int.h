/* detect/sieve_int.h - what the values of one field hold, so that a test that none of them can pass
 * is not tried on each of them.
 *
 * A sieve is a set of hashed pairs of neighbouring bytes of the folded values, and, while every
 * value is ASCII, the set of their bytes in lower case. It may say "maybe" wrongly, never "no":
 * what it lets through is tried as if it were not there.
 */
#ifndef DETECT_SIEVE_INT_H
#define DETECT_SIEVE_INT_H

#include "core/slice.h"

enum { SIEVE_PAIRS = 1024, SIEVE_ASKED = 4 };

struct sieve {
    bool ascii;                 /* `bytes` is right */
    uint64_t bytes[2];          /* ASCII, in lower case */
    uint8_t pairs[SIEVE_PAIRS]; /* 1: there is one */
};

/* What a text must hold to match: some of its pairs. n = 0: nothing is asked. */
struct sieve_need {
    uint8_t n;
    uint16_t pairs[SIEVE_ASKED];
};

void sieve_init(struct sieve *s);
/* The value, while it is ASCII; false, and nothing is added, when it is not: then sieve_add with
 * its folded form. */
CHECKED bool sieve_add_ascii(struct sieve *s, struct slice raw);
void sieve_add(struct sieve *s, struct slice folded);

/* Of a folded literal. */
struct sieve_need sieve_need_of(struct slice literal);

static inline bool sieve_may(const struct sieve *s, const struct sieve_need *need)
{
    for (size_t i = 0; i < need->n; i++)
        if (!s->pairs[need->pairs[i]])
            return false;
    return true;
}

#endif
