/* intake/batch.h - encoded records on their way into one group of the journal.
 *
 * One owner, one thread. Holds at most max_bytes of encoded records and BATCH_RECORDS_MAX of
 * them; ERR_LIMIT beyond, with what was there untouched.
 */
#ifndef INTAKE_BATCH_H
#define INTAKE_BATCH_H

#include "core/buf.h"
#include "core/record.h"
#include "journal/journal.h"

enum { BATCH_RECORDS_MAX = 1 << 20 };

struct batch {
    struct buf bytes;    /* owned: the records one after the other */
    struct slice *frame; /* owned; lengths only until they are appended */
    size_t n, cap;
    uint64_t payload; /* bytes of the payloads */
};

void batch_init(struct batch *b, size_t max_bytes);
void batch_done(struct batch *b);
void batch_reset(struct batch *b); /* empties, keeps the memory */
CHECKED enum err batch_add(struct batch *b, const struct record *r);

/* journal_append and journal_append_wait of the whole. */
CHECKED enum err batch_append(struct batch *b, struct journal *j, const struct journal_note *notes,
                              size_t notes_n, journal_done_fn *done, void *arg);
CHECKED enum err batch_append_wait(struct batch *b, struct journal *j,
                                   const struct journal_note *notes, size_t notes_n);
/* Counts the records as durable. */
void batch_count(const struct batch *b);

#endif
