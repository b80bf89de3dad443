/* journal/segment_int.h - the bytes of a segment: its header and its records.
 *
 * docs/formats/journal.md is the description; this is its only implementation. All integers are
 * little-endian. Every checksum of a record starts from the journal's own random salt, so that
 * a payload from outside cannot hold something that a scan would take for a record of ours.
 */
#ifndef JOURNAL_SEGMENT_INT_H
#define JOURNAL_SEGMENT_INT_H

#include "core/err.h"
#include "core/slice.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_HEADER = 96, /* bytes before the first record */
    SEGMENT_RECORD = 12, /* bytes before each payload */
    SEGMENT_COMMIT = 32, /* payload of a commit */
    SEGMENT_NOTE = 12,   /* payload of a note before key and value */
    SEGMENT_NAME = 32,   /* room for a file name */
    SEGMENT_FRAME_MAX = 4 << 20,
    SEGMENT_KEY_MAX = 4096,
    SEGMENT_VALUE_MAX = 65536,
};

enum segment_kind { SEGMENT_IS_FRAME = 1, SEGMENT_IS_NOTE = 2, SEGMENT_IS_COMMIT = 3 };

struct segment_header {
    uint64_t number, salt;
    int64_t created_ns;
    uint64_t prev_number; /* 0 = the first segment */
    uint64_t prev_end;    /* where the one before ends: its bytes after that never happened */
    uint64_t prev_last;   /* no frame of the one before lies at or after this */
    uint64_t sequence;    /* of its first commit */
};

struct segment_commit {
    uint64_t sequence, start; /* start: offset of the batch's first record */
    int64_t time_ns;
    uint32_t frames, notes;
};

struct segment_note {
    struct slice key, value; /* borrowed from the payload */
    int64_t expires_ns;
};

uint32_t segment_seed(uint64_t salt);

void segment_header_put(char to[SEGMENT_HEADER], const struct segment_header *h);
/* ERR_VERSION for a newer one, ERR_CORRUPT for anything that is not a header. */
CHECKED enum err segment_header_get(struct slice in, struct segment_header *ret);
/* Reads it from a file; ERR_SYS when that fails. */
CHECKED enum err segment_header_read(int fd, struct segment_header *ret);

/* Writes the 12 bytes before a payload. */
void segment_record_put(char *to, uint32_t seed, enum segment_kind kind, struct slice payload);
/* Whether these 12 bytes begin a record. The payload itself is checked with *ret_crc. */
CHECKED bool segment_record_get(const char *at, uint32_t seed, enum segment_kind *ret_kind,
                                uint32_t *ret_n, uint32_t *ret_crc);

/* A whole commit or note record; returns its bytes. */
size_t segment_commit_put(char *to, uint32_t seed, const struct segment_commit *c);
CHECKED bool segment_commit_get(struct slice payload, struct segment_commit *ret);
size_t segment_note_bytes(size_t key_n, size_t value_n);
size_t segment_note_put(char *to, uint32_t seed, const struct segment_note *n);
CHECKED bool segment_note_get(struct slice payload, struct segment_note *ret);

void segment_name(char to[SEGMENT_NAME], uint64_t number);
/* The numbers of all segment files in the folder, ascending; *ret is the caller's to free. */
CHECKED enum err segment_list(int dirfd, uint64_t **ret, size_t *ret_n);

#endif
