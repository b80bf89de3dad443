/* detect/check.h - what loading rules found, for people and for programs.
 *
 * The JSON is one object as `coloa rules check --json` prints it: files, rules, loaded,
 * correlations, filters, errors, warnings [{file, line, column, code, message}], cannot_match
 * [{rule_id, reason, file, line, column, message}]. Codes are listed in docs/sigma.md.
 * Whoever calls decides the exit code: check_failed says whether a rule was not loaded.
 */
#ifndef DETECT_CHECK_H
#define DETECT_CHECK_H

#include "core/buf.h"
#include "detect/detect.h"

CHECKED enum err check_json(const struct ruleset *rs, struct buf *out);
/* One line an issue, "file:line:column: kind: message [code]", and a summary. */
CHECKED enum err check_text(const struct ruleset *rs, struct buf *out);
bool check_failed(const struct ruleset *rs);

#endif
