/* cmd/rules_try.h - Sigma rules against their tests: lines as senders send them go through the real
 * parsers and the engine, and must be found or not.
 *
 * A test is a YAML document with `coloa_tests: 1`, in a file of its own or behind the rule:
 *   rule: ID or title      which rule of the file is tested; absent: the last one
 *   match: [line...]       lines that it must find
 *   no_match: [line...]    lines that it must not find
 *   sequences:             for correlations: events in time
 *     - found: true        whether the rule finds anything in it
 *       events: [{at: s, line: text, times: n, every: s}]      "{n}": number of the repetition
 * An event may be written as a map instead of a line: it is sent as JSON.
 */
#ifndef CMD_RULES_TRY_H
#define CMD_RULES_TRY_H

#include "core/json.h"
#include "detect/detect.h"

struct rules_try_sums {
    size_t match, no_match, sequences, failures;
    bool found_sequence, quiet_sequence; /* of the kinds of sequences which there were */
};

struct rules_try_failure {
    const struct rule_info *rule; /* NULL: the test itself is wrong */
    const char *kind;             /* "match", "no_match", "sequences", "test" */
    size_t number;                /* from 1, in its list */
    unsigned line;                /* of the test's file */
    const char *message;
    struct slice event;       /* the line; empty for sequences */
    struct slice explanation; /* lines of text; may be empty */
};
typedef void rules_try_fn(void *arg, const struct rules_try_failure *f);

struct rules_try;
void rules_try_free(struct rules_try *t);
/* Takes a reference of the rules. NULL: no memory. */
struct rules_try *rules_try_new(struct ruleset *rs);

/* All tests among the documents of a YAML file, for the rules of the file `rule_path`. Adds to
 * *sums, tells each failure. False: there is no test among them. Slices live until `fn` returns. */
bool rules_try_run(struct rules_try *t, const struct json_node *docs, const char *rule_path,
                   struct rules_try_sums *sums, rules_try_fn *fn, void *arg);

#endif
