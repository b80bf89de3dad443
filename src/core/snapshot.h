/* core/snapshot.h - immutable files that the desk publishes and other roles read.
 *
 * DIR/KIND/SEQ, SEQ a decimal of 12 digits that only grows. Publishing writes a temporary file,
 * fsyncs it, renames it and fsyncs the folder; the two newest are kept. Readers take the newest
 * whose CRC32C trailer is right, so a torn or foreign file never replaces a good one.
 *
 * File, version 1: "CLSN" · u32 version=1 · u64 seq · payload · u32 CRC32C of all before.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "core/buf.h"

enum { SNAPSHOT_BYTES_MAX = 256 << 20 };

/* `dir` is the folder of snapshots, `kind` a single path word; folders are made. */
CHECKED enum err snapshot_publish(const char *dir, const char *kind, struct slice payload,
                                  uint64_t *ret_seq, struct diag *diag);
/* The payload of the newest good one appended to *out. ERR_NOENT when there is none. */
CHECKED enum err snapshot_load(const char *dir, const char *kind, struct buf *out,
                               uint64_t *ret_seq, struct diag *diag);

/* The number of the newest file, good or not, without reading it; 0 = none. Cheap. */
uint64_t snapshot_newest(const char *dir, const char *kind);

#endif
