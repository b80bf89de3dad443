/* intake/decompress.h - bodies with a Content-Encoding: gzip (RFC 1952, several members allowed)
 * and zstd (RFC 8878, several frames allowed). zlib and zstd are named in decompress.c only.
 *
 * The output's own ceiling is the limit: inflating stops as soon as it is passed, so a bomb
 * costs that much memory and no more.
 */
#ifndef INTAKE_DECOMPRESS_H
#define INTAKE_DECOMPRESS_H

#include "core/buf.h"

enum decompress_coding { DECOMPRESS_NONE, DECOMPRESS_GZIP, DECOMPRESS_ZSTD };

/* The value of Content-Encoding, NULL if absent. false: unknown to us, or more than one. */
CHECKED bool decompress_coding(const char *value, enum decompress_coding *ret);

/* Appends to *out. ERR_SYNTAX for damaged or cut bytes, ERR_LIMIT over the ceiling. */
CHECKED enum err decompress(enum decompress_coding c, struct slice in, struct buf *out,
                            struct diag *diag);

/* The same as a stream, for files: constant memory, no ceiling of its own. */
struct decompress_stream;
void decompress_stream_free(struct decompress_stream *s);
/* NULL: out of memory, or DECOMPRESS_NONE. */
FREED_BY(decompress_stream_free)
struct decompress_stream *decompress_stream_new(enum decompress_coding c);
/* Takes what it can from the front of *in and writes at most `cap` (not 0) bytes to `out`; both may
 * be nothing while the other is not. After the last member or frame the stream waits for another.
 * ERR_SYNTAX: damaged here, nothing more will come; *ret_n bytes before the damage are good. */
CHECKED enum err decompress_stream_step(struct decompress_stream *s, struct slice *in, char *out,
                                        size_t cap, size_t *ret_n, struct diag *diag);
/* Whether the bytes so far end where a member or frame ends: false at the end means cut short. */
bool decompress_stream_whole(const struct decompress_stream *s);

#endif
