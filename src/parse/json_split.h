/* parse/json_split.h - where the objects of a stream of JSON begin and end, whatever its layout:
 * objects one behind the other, pretty-printed or not; arrays of objects; and objects that only
 * wrap such an array ({"Records":[...]} of CloudTrail and the like).
 *
 * It looks at braces and quotes only: what stands inside an object is for the JSON reader to judge.
 * Bytes that belong to no object are counted. Resumable at any byte; constant memory.
 */
#ifndef PARSE_JSON_SPLIT_H
#define PARSE_JSON_SPLIT_H

#include "core/base.h"
#include "core/slice.h"

enum { JSON_SPLIT_LEVELS = 16, JSON_SPLIT_KEY_BYTES = 32 };

struct json_span {
    size_t at, n;     /* in the buffer */
    uint64_t line;    /* where it begins, from 1 */
    uint64_t ordinal; /* of the object in the stream, from 1 */
};

struct json_split {
    size_t at;    /* scanned so far, in the buffer */
    size_t start; /* of the object that is open; meaningful when `open` */
    bool open;    /* an object of the record level */
    bool wrapper; /* it is one that wraps: not given */
    bool wrapped; /* there was one that wraps */
    bool string, escape, is_key, was_key, maybe;
    unsigned depth; /* brackets inside the open object */
    unsigned levels;
    bool level_array[JSON_SPLIT_LEVELS]; /* else a wrapping object */
    char key[JSON_SPLIT_KEY_BYTES];      /* the last string at depth 1 */
    unsigned key_n;
    uint64_t line, start_line, ordinal;
    uint64_t stray; /* bytes outside of objects that are no punctuation */
    uint64_t stray_line;
};

void json_split_init(struct json_split *s);

/* Scans on; gives up to `cap` objects to `to`. Returns how many; fewer than cap: the buffer is at
 * its end. */
size_t json_split_run(struct json_split *s, struct slice buf, struct json_span *to, size_t cap);

/* How many bytes at the front of the buffer are done with; after dropping them, tell json_split. */
size_t json_split_done(const struct json_split *s);
void json_split_dropped(struct json_split *s, size_t n);

/* The open object will not end (the stream did, or it is too long): goes on behind the line feed of
 * its first line that a line with '{' follows, or at the end of the buffer. */
void json_split_resync(struct json_split *s, struct slice buf);

#endif
