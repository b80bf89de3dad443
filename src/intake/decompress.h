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

#endif
