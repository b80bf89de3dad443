/* serve/alarm.h - what watch has to say of itself, as a finding like any other: grouped, shown,
 * acknowledged and judged like an attack, because not seeing is one's worst state.
 *
 * It belongs to the organisation *unassigned*, which administrators see. The same state always has
 * the same id, so that it is told once however often it is looked at.
 */
#ifndef SERVE_ALARM_H
#define SERVE_ALARM_H

#include "core/buf.h"
#include "detect/detect.h"

enum alarm_kind {
    ALARM_NO_RULES,     /* no rule is loaded */
    ALARM_RULES_FAILED, /* some could not be loaded */
    ALARM_RULES_BLIND,  /* some have no log source */
    ALARM_N
};

/* The frame of a finding, appended to out. `about` says what it is about in a few lines, and is
 * what the id is made of beside the kind. */
CHECKED enum err alarm_encode(enum alarm_kind kind, struct slice about, int64_t now_ns,
                              struct buf *out);

/* ALARM_NO_RULES and ALARM_RULES_FAILED of a ruleset, with the first reasons. *ret_n: how many. */
CHECKED enum err alarm_rules(const struct ruleset *rs, int64_t now_ns, struct buf out[static 2],
                             size_t *ret_n);

#endif
