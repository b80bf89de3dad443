/* detect/scan_cache_int.h - compiled databases on disk, by what they were compiled from.
 *
 * One file a folder and platform: a header, then entries of a 128-bit key over the literals and the
 * database's bytes, a checksum over all. A file that is short, long, damaged, of another version,
 * library or processor is as good as none; it is replaced by a new one, written beside it and
 * renamed. Entries that nobody asked for this time are kept up to SCAN_CACHE_BYTES_MAX.
 * Failures to read or write are no errors: everything can be compiled again.
 */
#ifndef DETECT_SCAN_CACHE_INT_H
#define DETECT_SCAN_CACHE_INT_H

#include "detect/scan_int.h"

enum { SCAN_CACHE_BYTES_MAX = 64 << 20 };

struct scan_cache;

/* folder: "" or NULL: nothing is read or kept. NULL without memory. */
struct scan_cache *scan_cache_open(const char *folder);
/* Writes what is new, and frees. */
void scan_cache_close(struct scan_cache *c);

/* As scan_literals. */
CHECKED enum err scan_cache_literals(struct scan_cache *c, const struct scan_want *want, size_t n,
                                     struct scan **ret);
/* How many were found, and how many were compiled. */
void scan_cache_counts(const struct scan_cache *c, size_t *ret_found, size_t *ret_compiled);

#endif
