/* desk/limit_int.h - slows repeated sign-ins down, never shuts anybody out.
 *
 * Per key a bucket of `burst` tries that refills one every `refill_s`. Once it is empty, a try is
 * allowed after a delay that starts at 1 s and doubles with each try up to `delay_max_s`; a full
 * bucket forgets the delay. A fixed number of keys is kept; in a full set the one idle longest
 * goes. The caller locks.
 */
#ifndef DESK_LIMIT_INT_H
#define DESK_LIMIT_INT_H

#include "core/slice.h"

struct limit_table;

struct limit_rate {
    unsigned burst, refill_s, delay_max_s;
};

void limit_free(struct limit_table *t);
FREED_BY(limit_free) struct limit_table *limit_new(struct limit_rate rate);
/* Takes one try. 0: go ahead; else the seconds to wait (nothing was taken). */
unsigned limit_take(struct limit_table *t, struct slice key, int64_t mono_ns);
void limit_forget(struct limit_table *t, struct slice key); /* it went well */

#endif
