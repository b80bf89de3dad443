/* store/pattern.h - what a value of a query looks for, made ready for the engine.
 *
 * Two families: of whole values (keyword fields; compared after case folding) and of words (prose;
 * compared with the form that native_words makes). A pattern without wildcards, or with stars at
 * the ends only, becomes a plain comparison; everything else a regular expression of RE2 in which a
 * star crosses any bytes, invalid UTF-8 included (\C), so that a broken byte hides nothing.
 */
#ifndef STORE_PATTERN_H
#define STORE_PATTERN_H

#include "core/arena.h"

enum pattern_kind {
    PATTERN_ANY, /* star alone */
    PATTERN_EQUAL,
    PATTERN_STARTS,
    PATTERN_ENDS,
    PATTERN_CONTAINS,
    PATTERN_REGEX,
};

struct pattern {
    enum pattern_kind kind;
    struct slice text; /* the folded text, or the expression */
};

/* value: as in struct query_node. Results live in the arena. */
CHECKED enum err pattern_whole(struct arena *a, struct slice value, struct pattern *ret);
/* ERR_SYNTAX when nothing is left to look for: no letter, no digit. */
CHECKED enum err pattern_words(struct arena *a, struct slice value, struct pattern *ret);

#endif
