/* serve/mark.h - finds the record that kills a worker.
 *
 * Each worker of watch notes in shared memory (a mapped file, DIR/state/watch.mark) which record it
 * is working on. When the process died in the middle of one, the next start finds the note, counts
 * that position, and after MARK_CRASHES deaths at the same one tells the worker to put it into
 * quarantine instead of parsing it. A clean stop leaves no note.
 *
 * On its way to the culprit the next start passes the records before it, and the other workers die
 * at innocent ones: so each slot remembers its MARK_SUSPECTS last places of death with their
 * counts.
 *
 * File, version 1, native byte order (never leaves its machine): u32 magic, u32 version, then slots
 * of {u64 segment, u64 offset, u32 busy, u32 next, suspects of {u64 segment, u64 offset, u64
 * deaths}}. A damaged file is begun anew.
 */
#ifndef SERVE_MARK_H
#define SERVE_MARK_H

#include "core/err.h"
#include "journal/journal.h"

enum { MARK_SLOTS = 8, MARK_CRASHES = 3, MARK_SUSPECTS = 8 };

struct mark;

CHECKED enum err mark_open(const char *path, struct mark **ret, struct diag *diag);
void mark_close(struct mark *m);

/* Before and after a record; a few stores to memory. */
void mark_begin(struct mark *m, unsigned slot, struct jpos at);
void mark_end(struct mark *m, unsigned slot);

/* Whether the record at `at` has killed this slot's worker often enough. */
bool mark_is_poison(const struct mark *m, unsigned slot, struct jpos at);

#endif
