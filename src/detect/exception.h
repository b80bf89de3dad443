/* detect/exception.h - what a rule finds and nobody needs to see: applied to findings.
 *
 * Made from the desk's snapshot "exceptions" (docs/formats/snapshots.md) into an immutable object
 * that many threads read. An exception silences a finding of its rule when its organisation, source
 * and end say so and the field has the value: the field as the rule calls it (one of the matched
 * ones), else by its ECS name or the sender's own. Case is folded as everywhere; `*` and `?` are
 * wildcards. Of a list every element must fit: one harmless value hides no other. A
 * correlation is silenced by a field of its group (or by its last event's source).
 */
#ifndef DETECT_EXCEPTION_H
#define DETECT_EXCEPTION_H

#include "detect/detect.h"

enum { EXCEPTIONS_MAX = 10000 };

struct exceptions;

void exceptions_free(struct exceptions *x);
/* An empty text is no exception. ERR_SYNTAX: not such a snapshot; ERR_LIMIT: more than
 * EXCEPTIONS_MAX. */
CHECKED enum err exceptions_read(struct slice json, struct exceptions **ret, struct diag *diag);
size_t exceptions_n(const struct exceptions *x);
/* The number of the exception that silences it, 0 when none does. Values are folded into `a`.
 * Thread-safe. */
uint64_t exceptions_hold(const struct exceptions *x, const struct finding *f, struct arena *a,
                         int64_t now_ns);

#endif
