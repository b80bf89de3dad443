/* detect/correlate.h - matches of rules over time: Sigma's correlations.
 *
 * What is compiled (which rules, fields, windows, conditions) is part of the ruleset. What has been
 * seen is a `struct correlator`: groups of matches, by correlation and group key, that one thread
 * feeds in the order of arrival. docs/sigma.md ("Correlations") says what it means.
 *
 * Two steps, so that many threads may match and one correlates:
 *   correlate_gather   inside detect_event's callback: the match as self-contained records, one for
 *                      each correlation that refers to its rule, with group key and value
 *   correlator_take    one record into the state: may find
 * correlator_feed does both. A hunt over stored events gathers in every thread, sorts by
 * correlate_record_cmp and takes them in that order, then calls correlator_advance(INT64_MAX).
 *
 * Time. A record carries event time (never later than it was received) and the time it was
 * received. Windows are on event time and belong to their group: inside a group disorder of up to
 * `lateness_ns` is counted right; what is older than the group's newest match less that is dropped
 * and counted. The time of receiving is the clock, which only decides when a quiet group is judged
 * and forgotten. The outcome is a function of the sequence of records alone: calls of
 * correlator_advance in between, and saving and loading, do not change it.
 *
 * Findings. A group that has found stays quiet for one timespan of event time around it. Findings
 * are given to `emit` with `correlation` set; the slices live until the next call.
 *
 * Memory: ceilings per group (CORRELATE_ENTRIES_MAX matches) and per correlation (rule_bytes): the
 * oldest match, the longest quiet group make room; counted in correlate_limited, correlate_evicted.
 */
#ifndef DETECT_CORRELATE_H
#define DETECT_CORRELATE_H

#include "core/buf.h"
#include "detect/detect.h"

enum {
    CORRELATE_RULES_MAX = 64,           /* that one correlation refers to */
    CORRELATE_GROUP_FIELDS_MAX = 16,    /* in group-by */
    CORRELATE_DEPTH_MAX = 10,           /* of correlations over correlations */
    CORRELATE_EVENTS_MAX = 64,          /* causing events that a finding names */
    CORRELATE_ENTRIES_MAX = 1 << 17,    /* matches that a group remembers */
    CORRELATE_KEY_BYTES_MAX = 4096,     /* of a group; a longer one is ignored and counted */
    CORRELATE_RECORD_BYTES_MAX = 16384, /* of one gathered record */
};

enum correlation_type {
    CORRELATION_EVENT_COUNT = 1,
    CORRELATION_VALUE_COUNT,
    CORRELATION_TEMPORAL,
    CORRELATION_TEMPORAL_ORDERED,
    CORRELATION_VALUE_SUM,
    CORRELATION_VALUE_AVG,
    CORRELATION_VALUE_PERCENTILE,
    CORRELATION_VALUE_MEDIAN,
};
const char *correlation_type_name(enum correlation_type t); /* "event_count" ... */

/* What a correlation found. */
struct correlation_hit {
    enum correlation_type type;
    double value; /* the count, sum … that met the condition; temporal: how many rules matched */
    int64_t timespan_ns;
    int64_t first_ns, last_ns; /* event times of the first and last match in the window */
    int64_t received_ns;       /* the clock when it was found */
    uint32_t org, system;
    struct slice key; /* of the group, as bytes: the same group always has the same */
    size_t group_n;
    const struct match_field *group; /* its fields as the rule names them, values as first sent */
    const struct slice *entities;    /* ECS name of each group field, "" when it has none */
    size_t events_n;            /* at most CORRELATE_EVENTS_MAX, the newest when there are more */
    const struct id128 *events; /* causing events in order of time, distinct */
    uint64_t matches;           /* in the window */
};

/* Whether the ruleset has correlations at all. */
size_t correlate_n(const struct ruleset *rs);

/* Appends the records of a match, each behind a u32 length (core/bytes.h). Only inside the callback
 * of detect_event with the same scratch. A match without group key or value gives none and is
 * counted (correlate_no_key). ERR_LIMIT, ERR_NOMEM: nothing appended. */
CHECKED enum err correlate_gather(const struct ruleset *rs, struct detect_scratch *s,
                                  const struct finding *f, struct buf *out);
/* Order of feeding: by event time, then event id. The records without their lengths. */
int correlate_record_cmp(struct slice a, struct slice b);
int64_t correlate_record_time(struct slice record);

struct correlator_options {
    int64_t lateness_ns; /* at least 0 */
    size_t rule_bytes;   /* ceiling of each correlation's state */
};

struct correlator;

void correlator_free(struct correlator *c);
/* Takes a reference of the ruleset. */
CHECKED enum err correlator_new(struct ruleset *rs, const struct correlator_options *o,
                                struct correlator **ret);

/* One record as gathered with this ruleset. ERR_SYNTAX: it is none (nothing changed). ERR_NOMEM:
 * the match is lost to the state, which stays usable. `ev` is the event at hand or NULL; findings
 * carry it when it is the last of their causing events. */
CHECKED enum err correlator_take(struct correlator *c, struct slice record, const struct event *ev,
                                 detect_emit_fn *emit, void *arg);
/* Gathers and takes. */
CHECKED enum err correlator_feed(struct correlator *c, struct detect_scratch *s,
                                 const struct finding *f, detect_emit_fn *emit, void *arg);
/* Nothing received before clock_ns is still to come: judges and forgets quiet groups. Cheap when
 * nothing is due. Never goes back. */
void correlator_advance(struct correlator *c, int64_t clock_ns, detect_emit_fn *emit, void *arg);

/* The whole state as bytes (docs/formats/correlation.md), appended to *out. */
CHECKED enum err correlator_save(const struct correlator *c, struct buf *out);
/* Into a new correlator: the state of those correlations whose content, and that of the rules they
 * refer to, is what it was; the rest begins empty. Bounds-checked: bytes from anywhere.
 * ERR_SYNTAX, ERR_VERSION: the correlator is empty. */
CHECKED enum err correlator_load(struct correlator *c, struct slice bytes, struct diag *diag);

/* For tests and metrics. */
struct correlator_stats {
    uint64_t groups, matches; /* now */
    uint64_t bytes;           /* now, of all correlations */
    uint64_t found, late, limited, evicted;
};
void correlator_stats(const struct correlator *c, struct correlator_stats *ret);

#endif
