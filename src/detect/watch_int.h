/* detect/watch_int.h - keywords are searched in everything that an event holds; this says, by one
 * look at the record, that they are nowhere.
 *
 * A value that stands in the record, as it is or with JSON's short escapes, holds a literal only if
 * the record holds the literal or its escaped form. So each rule that only keywords can wake has a
 * database of these; when the record, and what does not stand in it, have none, its keywords need
 * not be looked for. It may say "maybe" wrongly, never "no".
 */
#ifndef DETECT_WATCH_INT_H
#define DETECT_WATCH_INT_H

#include "detect/pred_int.h"
#include "detect/scan_cache_int.h"

enum { WATCH_FEW = 3 };

struct watch {
    uint32_t
        *of; /* by rule: its number in `dbs` + 1; 0: none, its keywords are always looked for */
    struct scan **dbs; /* owned */
    uint32_t dbs_n;
    struct scan *all; /* owned; of all these rules; NULL: none */
};

/* keyword_bits: per rule the witness. Makes databases; `fit` is called for each. */
struct watch_rule {
    uint32_t rule;
    const uint32_t *preds; /* of preds.keyword */
    uint32_t n;
};
CHECKED enum err watch_build(struct arena *keep, struct preds *p, const struct watch_rule *rules,
                             size_t n, size_t rules_n, struct scan_cache *cache, struct watch *ret);
void watch_done(struct watch *w);

/* No escapes but those that the databases know: no \\u and no \\/. */
bool watch_is_plain(struct slice record);

#endif
