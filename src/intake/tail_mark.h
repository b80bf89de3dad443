/* intake/tail_mark.h - how far a followed file has been read, and how to know it again.
 *
 * A file is known by device, inode and a fingerprint: the hash of its first bytes, at most
 * TAIL_PRINT_BYTES and only such as have been read, so that a growing file keeps it. A reused
 * inode or a file truncated and written anew shows by another fingerprint.
 *
 * As a journal's note, version 1, little-endian: u8 version · u64 dev · u64 ino · u64 offset ·
 * u32 print length · u64 print · u8 flags (1: within a line that is too long).
 */
#ifndef INTAKE_TAIL_MARK_H
#define INTAKE_TAIL_MARK_H

#include <sys/stat.h>

#include "core/buf.h"

enum { TAIL_PRINT_BYTES = 1024, TAIL_MARK_BYTES = 38 };

struct tail_mark {
    uint64_t dev, ino;
    uint64_t offset; /* of the first byte not yet in the journal */
    uint32_t print_n;
    uint64_t print;
    bool in_long;
};

CHECKED enum err tail_mark_encode(const struct tail_mark *m, struct buf *out);
CHECKED enum err tail_mark_decode(struct slice in, struct tail_mark *ret);

/* Sets the fingerprint to as many of the first bytes as m->offset allows. ERR_SYS: unreadable. */
CHECKED enum err tail_mark_print(struct tail_mark *m, int fd);
/* Whether fd still begins with the bytes of the fingerprint. */
bool tail_mark_matches(const struct tail_mark *m, int fd);
/* The same file with nothing taken away: inode, size and fingerprint. */
bool tail_mark_is(const struct tail_mark *m, int fd, const struct stat *st);

#endif
