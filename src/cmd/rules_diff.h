/* cmd/rules_diff.h - what an update of rules changes: added, changed, removed, newly failing.
 *
 * A rule is the same when its id is; changed when its content (not its layout) is another. A
 * failure is new when the old rules have none of its kind and code in the same file.
 */
#ifndef CMD_RULES_DIFF_H
#define CMD_RULES_DIFF_H

#include "detect/detect.h"

struct rules_diff {
    size_t added, changed, removed;
    /* New errors; and rules that newly can't match, unless there is nothing to compare with. */
    size_t refused;
};

/* Prints it to stdout. `old` may be NULL: nothing was installed. The folders are those that were
 * loaded: places are compared below them. False: no memory. */
CHECKED bool rules_diff_print(const struct ruleset *old, const char *old_folder,
                              const struct ruleset *new, const char *new_folder,
                              struct rules_diff *ret);

#endif
