/* detect/placeholder_int.h - the lists that stand for `%name%` in values with `expand`.
 *
 * A file of YAML is a map of names to lists; a folder has NAME.txt (a value a line, blank lines and
 * those that begin with # do not count), NAME.yml (a list or one value) and YAML maps. What is
 * wrong in them is reported with its place, code bad-placeholders, and the rest is used.
 */
#ifndef DETECT_PLACEHOLDER_INT_H
#define DETECT_PLACEHOLDER_INT_H

#include "detect/rule_int.h"

enum {
    PLACEHOLDER_VALUES_MAX = 65536, /* of one item, expanded */
    PLACEHOLDER_BYTES_MAX = 16 << 20,
};

void placeholders_free(struct placeholders *p);
/* Into rs->placeholders. `reader` and `text` (cap bytes) are the caller's to lend. Fails for memory
 * and when the path can't be read. */
CHECKED enum err placeholders_load(struct ruleset *rs, const char *path, struct json_reader *reader,
                                   char *text, size_t cap, struct diag *diag);

/* The values with what stands for their placeholders, in the order of the lists. Each part keeps
 * its own meaning (a backslash at its end escapes nothing of the next), unless it is joined
 * verbatim, for expressions. A value that lacks a list sets c->placeholder and c->lacking;
 * *ret_n is 0 then. */
CHECKED enum err placeholder_expand(struct compile *c, const struct json_node *values, size_t n,
                                    bool verbatim, const struct json_node **ret, size_t *ret_n);

#endif
