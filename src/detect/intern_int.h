/* detect/intern_int.h - byte strings as small numbers, given out in order from 0.
 *
 * Filled while rules are compiled, read-only afterwards. Keys live in the caller's arena; the
 * tables are owned. Ceiling: INTERN_MAX keys.
 */
#ifndef DETECT_INTERN_INT_H
#define DETECT_INTERN_INT_H

#include "core/arena.h"

enum { INTERN_MAX = 1 << 20 };
#define INTERN_NONE UINT32_MAX

struct intern {
    struct arena *a;    /* borrowed */
    struct slice *keys; /* owned array, by number */
    uint32_t *table;    /* owned; number + 1, 0 = free; power of two */
    uint32_t n, keys_cap, table_cap;
};

void intern_init(struct intern *t, struct arena *a);
void intern_done(struct intern *t);
/* The key's number; *ret_new (may be NULL) says whether it was not known before. */
CHECKED enum err intern_put(struct intern *t, struct slice key, uint32_t *ret, bool *ret_new);
uint32_t intern_get(const struct intern *t, struct slice key); /* INTERN_NONE if unknown */

#endif
