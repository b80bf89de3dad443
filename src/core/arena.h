/* core/arena.h - memory that lives as long as a batch and is dropped whole.
 *
 * Invariants: every allocation is 16-byte aligned and uninitialised; nothing is ever freed
 * alone; the sum of all blocks never passes `max_bytes`. arena_reset keeps the blocks, so a
 * loop that resets per batch stops allocating once warm. Not thread-safe: one owner.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "core/err.h"
#include "core/slice.h"

struct arena_block;

struct arena {
    struct arena_block *first, *now; /* owned list; `now` is being filled */
    size_t at;                       /* bytes used in `now` */
    size_t total_bytes;              /* sum of block sizes */
    size_t max_bytes;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_done(struct arena *a);  /* frees all; NULL and zeroed structs are fine */
void arena_reset(struct arena *a); /* forgets all allocations, keeps the memory */

/* NULL when the ceiling or the system's memory is reached. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_calloc(struct arena *a, size_t count, size_t size); /* zeroed, overflow-checked */

/* Copies s into the arena. ret->p is not NUL-terminated. */
CHECKED enum err arena_dup(struct arena *a, struct slice s, struct slice *ret);

/* A NUL-terminated copy (embedded NULs are kept), or NULL. */
char *arena_cstr(struct arena *a, struct slice s);

#endif
