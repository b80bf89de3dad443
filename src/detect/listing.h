/* detect/listing.h - the rules of a ruleset that someone asks for, as a table, JSON lines or CSV.
 *
 * A wish that is NULL or 0 wants everything; several must all hold. The order is that of the
 * rules.
 */
#ifndef DETECT_LISTING_H
#define DETECT_LISTING_H

#include "core/buf.h"
#include "detect/detect.h"

struct listing {
    enum rule_level level; /* this level or a higher one */
    const char *tag;       /* this tag, or one below it: attack.t1110 has attack.t1110.003 */
    const char *logsource; /* PRODUCT/CATEGORY/SERVICE; a part that is empty or * wants any */
    const char *text;      /* in id, title, description or path; whatever the case */
};

enum listing_form { LISTING_TABLE, LISTING_JSONL, LISTING_CSV };
/* By its name: "table", "jsonl", "csv". False: there is none. */
bool listing_form_of(const char *name, enum listing_form *ret);
bool listing_level_of(const char *name, enum rule_level *ret);

bool listing_wants(const struct listing *l, const struct rule_info *r);
/* All that are wanted, appended; *ret_n of them. ERR_LIMIT: beyond the ceiling of `out`. */
CHECKED enum err listing_put(const struct ruleset *rs, const struct listing *l,
                             enum listing_form form, struct buf *out, size_t *ret_n);

#endif
