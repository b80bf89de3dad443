/* journal/page_int.h - the shared page `position`: how far readers may read.
 *
 * One writer stores; any number of processes map it read-only and wait on its `turn` word with a
 * futex. It is a hint for recovery, never the truth, and is written only after fdatasync.
 * A store is a sequence lock: `turn` is odd while it happens.
 */
#ifndef JOURNAL_PAGE_INT_H
#define JOURNAL_PAGE_INT_H

#include "journal/journal.h"

struct page; /* the mapped file itself */

struct page_value {
    struct jpos durable;
    uint64_t salt; /* of the journal */
};

/* dirfd: of the journal. The writer makes the file if it is missing. ERR_NOENT for a reader when
 * there is none, or none that is whole. */
CHECKED enum err page_map_writer(int dirfd, struct page **ret);
CHECKED enum err page_map_reader(int dirfd, const struct page **ret);
void page_unmap(const struct page *p);

/* False when nothing sound is there (never written, or its writer died in the middle). */
CHECKED bool page_load(const struct page *p, struct page_value *ret, uint32_t *ret_turn);
void page_store(struct page *p, const struct page_value *v); /* and wakes all who wait */
/* Sleeps while the turn is still `turn`, at most that long. */
void page_wait(const struct page *p, uint32_t turn, int64_t ns);

#endif
