/* detect/lint.h - what is doubtful in rules that load: warnings for their authors.
 *
 * Not part of loading: a centre does not ask. Codes, all ISSUE_WARNING:
 *   never-true, always-true  the condition, whatever the selections say (at most 16 selections)
 *   unknown-field            differs little from a field that the log source is known to have
 *   duplicate-title          an earlier rule is called the same
 */
#ifndef DETECT_LINT_H
#define DETECT_LINT_H

#include "detect/detect.h"

/* Adds to the report and orders it by file and place. The caller alone has the ruleset. */
CHECKED enum err ruleset_lint(struct ruleset *rs);

#endif
