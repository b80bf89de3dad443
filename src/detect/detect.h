/* detect/detect.h - events to findings: the face of the Sigma engine, made to be replaced.
 *
 * A ruleset is compiled once from YAML files into an immutable object that many threads read;
 * a reload compiles a second and swaps the pointer. Matching goes through a per-thread scratch.
 * Every rule is loaded or reported with the reason why not: none is skipped silently.
 */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include "core/arena.h"
#include "core/event.h"

enum rule_level { LEVEL_INFORMATIONAL = 1, LEVEL_LOW, LEVEL_MEDIUM, LEVEL_HIGH, LEVEL_CRITICAL };
const char *rule_level_name(enum rule_level l); /* "informational" ... "critical" */

/* What is known of a rule; strings live as long as the ruleset, NUL-terminated, "" if absent. */
struct rule_info {
    const char *id, *title, *title_vi, *description, *description_vi, *author, *status, *path;
    const char *product, *category, *service;
    const char *modified; /* the date that its author wrote, as written */
    const char *version;  /* 16 hex digits of its content: names and values, not their layout */
    enum rule_level level;
    size_t tags_n;
    const char *const *tags;
    size_t false_positives_n;
    const char *const *false_positives;
};

enum rule_issue_kind { ISSUE_ERROR, ISSUE_WARNING, ISSUE_CANNOT_MATCH };
struct rule_issue {
    enum rule_issue_kind kind;
    const char *file;
    unsigned line, column;
    const char *code; /* stable word: "unknown-modifier", "aggregation", "yaml" ... */
    char message[240];
    const char *rule_id; /* "" if not known */
};

/* What loading did. Owned by the ruleset. */
struct rule_report {
    size_t files, rules, loaded, correlations, filters;
    size_t issues_n;
    const struct rule_issue *issues;
};

struct ruleset;
struct correlation_hit;

void ruleset_unref(struct ruleset *rs);
struct ruleset *ruleset_ref(struct ruleset *rs);

/* Loads every *.yml and *.yaml under the paths (files or folders, recursively, sorted by path).
 * Fails only for memory or an unreadable path; bad rules are in the report. *ret has one reference.
 */
CHECKED enum err ruleset_load(const char *const *paths, size_t n, struct ruleset **ret,
                              struct diag *diag);
struct ruleset_options {
    const char *placeholders;     /* file or folder of lists for `%name%`; NULL or "": none */
    const char *const *pipelines; /* files, see pipeline.h */
    size_t pipelines_n;
};
CHECKED enum err ruleset_load_with(const char *const *paths, size_t n,
                                   const struct ruleset_options *options, struct ruleset **ret,
                                   struct diag *diag);
/* The same from text in memory, reported under the file name `name`: pasted rules, tests. */
CHECKED enum err ruleset_load_text(const char *name, struct slice text, struct ruleset **ret,
                                   struct diag *diag);
/* A folder for what loading compiles, so that the next loading is quick; NULL or "", as at first:
 * none. It may be emptied at any time. To be said before rulesets are loaded, by one thread. */
void ruleset_cache(const char *folder);
const struct rule_report *ruleset_report(const struct ruleset *rs);
size_t ruleset_n(const struct ruleset *rs);
const struct rule_info *ruleset_rule(const struct ruleset *rs, size_t i);

/* One match. Slices live in the scratch until the next detect_event. */
struct match_field {
    struct slice name;
    struct slice value;
};
struct finding {
    const struct rule_info *rule;
    const struct event *event;
    size_t matched_n;
    const struct match_field *matched; /* the fields that decided, at most 32 */
    size_t selections_n;
    const struct slice *selections; /* names of those that decided, at most 32 */
    /* The rule is there for correlations and makes no finding of its own: feed it to them
     * (correlate.h) and go on. */
    bool silent;
    /* What a correlation found, NULL for a match of one event. `matched` is then the group, and
     * `event` may be NULL. */
    const struct correlation_hit *correlation;
};
typedef void detect_emit_fn(void *arg, const struct finding *f);

struct detect_scratch;
void detect_scratch_free(struct detect_scratch *s);
FREED_BY(detect_scratch_free) struct detect_scratch *detect_scratch_new(void);

/* Tries the event against every rule of its log source; calls emit per matching rule, in rule
 * order. Returns how many matched. Thread-safe with one scratch per thread. */
unsigned detect_event(const struct ruleset *rs, struct detect_scratch *s, struct event *ev,
                      detect_emit_fn *emit, void *arg);

/* For tests and comparisons: no index, every rule of the event's log sources is evaluated value by
 * value. The same findings, slowly. Not while another thread matches. */
void ruleset_full_scan(struct ruleset *rs, bool on);

/* Why a rule did or did not match: one step for its log source, then for each selection one, and
 * behind it its parts, in the order of the rule. */
enum explain_kind {
    EXPLAIN_SOURCE,    /* the event is of the rule's log source; name: product/category/service */
    EXPLAIN_SELECTION, /* a named one, or (without a name) a list or map inside */
    EXPLAIN_ITEM,      /* name: the field with its modifiers, "" for keywords */
    EXPLAIN_CONDITION, /* the last step */
};
struct explain_step {
    enum explain_kind kind;
    unsigned depth; /* 0: source, named selections, condition */
    struct slice name;
    bool holds;
    bool present;       /* ITEM: the event has a value */
    struct slice value; /* ITEM: the one that decided, else the first */
};
typedef void detect_explain_fn(void *arg, const struct explain_step *step);
/* Whether the rule matches the event as detect_event would have it. Slices live until the next
 * call with the scratch. */
bool detect_explain(const struct ruleset *rs, struct detect_scratch *s, struct event *ev,
                    size_t rule, detect_explain_fn *tell, void *arg);

/* What each rule costs in this scratch, since the start or the last change of ruleset. Off until
 * started: the clock is read twice for each rule that is evaluated. */
struct rule_cost {
    uint64_t evaluated, matched, ns;
};
void detect_profile_start(struct detect_scratch *s);
void detect_profile_stop(struct detect_scratch *s);
/* All zero when it was not counted. */
struct rule_cost detect_profile_of(const struct detect_scratch *s, const struct ruleset *rs,
                                   size_t rule);

#endif
