/* detect/scan_int.h - many literals in one pass over a text, by Vectorscan, which is named in
 * scan.c alone.
 *
 * A database knows bytes only: no case, no UTF-8. It is asked about folded text, and only for
 * literals: the library of Debian 12 loses matches of expressions, and of few literals near the end
 * of a text (docs/decisions/0011), so each text is followed by SCAN_PAD bytes SCAN_PAD_BYTE,
 * which no literal holds. scan_test.c holds what it finds against a naive search.
 * Immutable, for any number of threads; each brings a scratch of its own.
 */
#ifndef DETECT_SCAN_INT_H
#define DETECT_SCAN_INT_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

enum { SCAN_TEXT_MAX = 4096, SCAN_PAD = 64, SCAN_PAD_BYTE = 0xff };

struct scan;
struct scan_scratch;

struct scan_want {
    struct slice text;
    bool once; /* the first find of it will do */
};

/* Whether this processor can run databases at all. */
bool scan_works(void);
/* What databases depend on beside their input: the library's version and the processor. */
uint64_t scan_platform(void);

void scan_free(struct scan *s);
/* Whether scan_literals takes it: not empty, not too long, no NUL at the front, none of the
 * padding's bytes. */
bool scan_fits(struct slice literal);
/* The numbers that scan_run gives are indexes of `want`. ERR_UNSUPPORTED: not with these. */
CHECKED enum err scan_literals(const struct scan_want *want, size_t n, struct scan **ret);

/* As bytes for a file, and back. ERR_CORRUPT: not from this library and processor. */
CHECKED enum err scan_save(const struct scan *s, struct buf *to);
CHECKED enum err scan_load(struct slice from, struct scan **ret);

void scan_scratch_free(struct scan_scratch *s);
/* Makes room in *s (NULL at first) for one more database. */
CHECKED enum err scan_scratch_fit(struct scan_scratch **s, const struct scan *db);
CHECKED enum err scan_scratch_clone(const struct scan_scratch *from, struct scan_scratch **ret);

/* Number of what was found and where it ends. */
typedef void scan_found_fn(void *arg, uint32_t number, size_t end);
/* Behind the text there is the padding: scan_pad. false when it could not be searched: nothing is
 * known then. */
CHECKED bool scan_run(const struct scan *s, struct scan_scratch *scratch, struct slice text,
                      scan_found_fn *found, void *arg);

static inline void scan_pad(char *end)
{
    memset(end, SCAN_PAD_BYTE, SCAN_PAD);
}

#endif
