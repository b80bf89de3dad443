/* journal/walk_int.h - walks the records of one segment through a window, without a copy per
 * record, and steps over damage: the one way in which readers and recovery read a segment.
 *
 * pread rather than mmap: a bad sector is then an error that is stepped over, not a SIGBUS.
 */
#ifndef JOURNAL_WALK_INT_H
#define JOURNAL_WALK_INT_H

#include "journal/segment_int.h"

struct walk {
    int fd; /* borrowed */
    uint32_t seed;
    uint64_t pos;   /* of the next record */
    uint64_t limit; /* nothing is read at or after this; may grow */
    char *window;   /* owned */
    size_t cap, n;
    uint64_t base; /* offset of window[0] */
};

struct walk_item {
    enum segment_kind kind;
    struct slice payload; /* borrowed until the next call */
    uint64_t at, end;     /* of the whole record, or of the damaged stretch */
};

void walk_init(struct walk *w, int fd, uint32_t seed, uint64_t pos, uint64_t limit);
/* The same window for another segment. */
void walk_turn(struct walk *w, int fd, uint32_t seed, uint64_t pos, uint64_t limit);
void walk_done(struct walk *w);

/* ERR_NONE a record; ERR_CORRUPT a damaged stretch (at, end), after which the walk stands at the
 * next good record or at the limit; ERR_NOENT at the limit; ERR_NOMEM. */
CHECKED enum err walk_next(struct walk *w, struct walk_item *ret);

#endif
