/* serve/rules_dir.h - where the rules are: the shipped folder, then those of `rules.dirs`.
 *
 * The shipped folder is COLOA_SHARE/rules, else `rules` beside the program's folder (a build tree),
 * else the installed one.
 */
#ifndef SERVE_RULES_DIR_H
#define SERVE_RULES_DIR_H

#include "core/config.h"

enum { RULES_DIRS_MAX = 32 };

struct rules_dir {
    size_t n;
    const char *paths[RULES_DIRS_MAX]; /* shipped below, or borrowed from cfg */
    char shipped[4096];
};

void rules_dir_list(const struct config *cfg, struct rules_dir *ret);
/* The shipped data folder `name` ("rules", "demo" ...); false when it is nowhere. */
bool rules_dir_shipped(const char *name, char *out, size_t cap);
/* Where commands keep compiled rules: $XDG_CACHE_HOME/coloa, else ~/.cache/coloa, made if need be;
 * "" when there is none. For ruleset_cache. */
const char *rules_dir_cache(void);

#endif
