/* cmd/cmd_rules_int.h - the actions of `coloa rules`, one file and one row in cmd_rules.c each.
 *
 * None needs a running centre. argv[0] is the action's name; the result is the exit code: 0, 1 when
 * something is wrong with the rules (check, test), EXIT_USAGE, EXIT_FAILED.
 */
#ifndef CMD_CMD_RULES_INT_H
#define CMD_CMD_RULES_INT_H

#include "cmd/args.h"
#include "core/buf.h"
#include "detect/detect.h"

int rules_check(int argc, char **argv);
int rules_list(int argc, char **argv);
int rules_test(int argc, char **argv);
int rules_coverage(int argc, char **argv);
int rules_update(int argc, char **argv);

/* Loads the paths, or when there are none the shipped rules (and adds them to *paths). What fails
 * is said on stderr. *ret has one reference. `options` may be NULL. */
CHECKED bool rules_load(const struct args_usage *u, struct arg_many *paths,
                        const struct ruleset_options *options, struct ruleset **ret);

/* Writes what was made to stdout and frees it; EXIT_FAILED when that is not possible. */
int rules_print(const char *action, enum err e, struct buf *out);

#endif
