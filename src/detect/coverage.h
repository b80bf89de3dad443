/* detect/coverage.h - from which log sources events have come, and so which rules can't see.
 *
 * A log source here is a row of rules/logsources.yaml. Each scratch keeps a mark for every row that
 * an event was of; whoever holds the scratch reads and clears them between events.
 */
#ifndef DETECT_COVERAGE_H
#define DETECT_COVERAGE_H

#include "detect/detect.h"

struct source_info {
    struct slice product, category, service; /* "" = none; live as long as the ruleset */
    const uint32_t *rules;                   /* numbers of the rules for it, in rule order */
    size_t rules_n;
};

size_t ruleset_sources_n(const struct ruleset *rs);
struct source_info ruleset_source(const struct ruleset *rs, size_t i);
/* Whether the rule could match at all (ISSUE_CANNOT_MATCH). */
bool ruleset_can_match(const struct ruleset *rs, size_t rule);

/* Whether an event was of row i since the marks were cleared. False for another ruleset than the
 * scratch's last one. */
bool coverage_seen(const struct detect_scratch *s, const struct ruleset *rs, size_t i);
void coverage_clear(struct detect_scratch *s);

#endif
