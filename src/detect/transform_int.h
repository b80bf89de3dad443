/* detect/transform_int.h - modifiers that change the string of a rule before it is matched.
 *
 * They run in the order of the chain, each on what the one before it made: wide then base64offset
 * is a different thing from the other way round. One string may become several (base64offset).
 */
#ifndef DETECT_TRANSFORM_INT_H
#define DETECT_TRANSFORM_INT_H

#include "detect/pattern_int.h"

enum transform {
    TRANSFORM_UTF16LE, /* wide, utf16le */
    TRANSFORM_UTF16BE,
    TRANSFORM_UTF16, /* little-endian after a byte order mark */
    TRANSFORM_BASE64,
    TRANSFORM_BASE64OFFSET, /* as it looks at each of the three places in a group */
    TRANSFORM_WINDASH,
};

enum { TRANSFORM_ALTS_MAX = 375 };

struct alts {
    struct toks t[TRANSFORM_ALTS_MAX];
    size_t n;
};

/* ERR_SYNTAX: wildcards can't be encoded; ERR_LIMIT: too many alternatives. */
CHECKED enum err transform_apply(struct arena *a, enum transform how, struct alts *alts,
                                 struct diag *diag);

#endif
