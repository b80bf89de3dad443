/* desk/exception.h - exceptions of rules: what a rule finds and nobody needs to see.
 *
 * An exception says of one rule: not where this field has this value, not from this source. It has
 * an author, a reason and an end; it is never changed, only ended early and made anew, so that the
 * audit record tells what was silenced when. Watch applies them before a finding is made (snapshot
 * "exceptions", detect/exception.h); an alert that is there already stays.
 */
#ifndef DESK_EXCEPTION_H
#define DESK_EXCEPTION_H

#include "desk/desk.h"

enum { EXCEPTION_MAX = 10000, EXCEPTION_DAYS_MAX = 366, EXCEPTION_VALUE_BYTES = 1024 };

struct exception {
    uint64_t id;          /* never reused */
    uint32_t org;         /* whose events; 0 = every organisation's, for callers who see all */
    struct slice rule_id; /* exactly one rule */
    struct slice field;   /* ECS or sender's name; empty with `value`: any event */
    struct slice value;   /* `*` and `?` are wildcards, case does not count */
    struct slice source;  /* name of a source; empty: of any */
    struct slice reason;
    struct slice author;
    int64_t created_ns, ends_ns;
    int64_t ended_ns; /* 0 = nobody ended it */
};

/* Fails with ERR_SYNTAX unless rule and reason are there, field and value come together, one of
 * field and source is there, and the end is ahead by at most EXCEPTION_DAYS_MAX days. The author is
 * the actor. */
CHECKED enum err exception_add(struct desk *d, const struct desk_actor *by,
                               const struct exception *in, uint64_t *ret_id, struct diag *diag);
/* In force no more. ERR_NOENT: no such one in force, or out of scope. */
CHECKED enum err exception_end(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               uint64_t id, struct diag *diag);
/* Newest first; `rule_id` empty: of all rules. Ended ones too when `all`. */
CHECKED enum err exception_list(struct desk *d, struct desk_scope scope, struct slice rule_id,
                                bool all, struct arena *a, struct exception **ret, size_t *ret_n,
                                struct diag *diag);

#endif
