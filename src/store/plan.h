/* store/plan.h - what an inserter is about to do, on disk before it does it.
 *
 * One file per inserter, DIR/plans/NAME.plan, replaced atomically and fsynced with its folder. It
 * exists exactly while the outcome of an insert may be unknown: from before the insert until after
 * the cursor was saved. Finding one at start therefore means: of the rows of this range, some or
 * all may be stored already; ask before inserting.
 *
 * File, version 1, little-endian: "CLPL" · u32 version=1 · u64 from.segment · u64 from.offset ·
 * u64 to.segment · u64 to.offset · u32 attempt · u32 rows · u32 days · per day (i64 day since 1970,
 * u32 rows) · u32 CRC32C of all before.
 */
#ifndef STORE_PLAN_H
#define STORE_PLAN_H

#include "core/err.h"

enum { PLAN_DAYS_MAX = 64, PLAN_NAME_MAX = 32 };

/* A position of the journal, which is not this room's business beyond its order. */
struct store_pos {
    uint64_t segment, offset;
};

static inline int store_pos_cmp(struct store_pos a, struct store_pos b)
{
    if (a.segment != b.segment)
        return a.segment < b.segment ? -1 : 1;
    return (a.offset > b.offset) - (a.offset < b.offset);
}

struct plan {
    struct store_pos from, to;
    uint32_t attempt; /* of the deduplication token, from 1 */
    uint32_t rows;
    uint32_t days_n; /* rows per day of receipt; days beyond the array are only in `rows` */
    struct {
        int64_t day;
        uint32_t rows;
    } days[PLAN_DAYS_MAX];
};

/* dir is made if missing. */
CHECKED enum err plan_save(const char *dir, const char *name, const struct plan *p,
                           struct diag *diag);
/* ERR_NOENT: none. ERR_CORRUPT: there is one, but it cannot be read; it was moved aside. */
CHECKED enum err plan_load(const char *dir, const char *name, struct plan *ret, struct diag *diag);
/* Forgetting need not be durable: a plan that comes back only makes the writer ask once. */
void plan_remove(const char *dir, const char *name);

#endif
