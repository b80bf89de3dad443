#include "detect/coverage.h"

#include "detect/match_int.h"

size_t ruleset_sources_n(const struct ruleset *rs)
{
    return rs->rows_n;
}

struct source_info ruleset_source(const struct ruleset *rs, size_t i)
{
    const struct source_row *row = &rs->rows[i];

    return (struct source_info){row->product, row->category, row->service, row->rules,
                                row->rules_n};
}

bool ruleset_can_match(const struct ruleset *rs, size_t rule)
{
    return !rs->rules[rule].cannot_match;
}

bool coverage_seen(const struct detect_scratch *s, const struct ruleset *rs, size_t i)
{
    return s->serial == rs->serial && (s->seen[i / 64] >> (i % 64) & 1);
}

void coverage_clear(struct detect_scratch *s)
{
    memset(s->seen, 0, sizeof(s->seen));
}
