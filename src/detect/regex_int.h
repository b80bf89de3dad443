/* detect/regex_int.h - regular expressions of rules, over PCRE2.
 *
 * A search, not a full match; case-sensitive unless asked otherwise. Each expression is compiled
 * twice: as UTF for text that is valid UTF-8, and over bytes, so that an invalid byte in a value
 * can't cut it into pieces that the UTF form may not match across. JIT, with limits on
 * matching: an expression that explodes costs a bounded time and counts as no match.
 */
#ifndef DETECT_REGEX_INT_H
#define DETECT_REGEX_INT_H

#include "core/err.h"
#include "core/slice.h"

struct regex;
struct regex_scratch; /* one per thread */

void regex_free(struct regex *re);
CHECKED enum err regex_compile(struct slice pattern, bool icase, bool multiline, bool dotall,
                               struct regex **ret, struct diag *diag);

/* What it was made of. */
struct regex_source {
    struct slice text;
    bool icase, multiline, dotall;
};
const struct regex_source *regex_source(const struct regex *re);

/* regex_need.c: a literal that every match holds, in folded form: ASCII, in lower case. How many
 * bytes; 0 when nothing can be said. */
enum { REGEX_NEED_MAX = 64, REGEX_NEED_MIN = 2 };
size_t regex_needs(struct slice expression, char to[static REGEX_NEED_MAX]);

void regex_scratch_free(struct regex_scratch *s);
FREED_BY(regex_scratch_free) struct regex_scratch *regex_scratch_new(void);

/* Whether it says anything of the bytes that a match must hold; and false when no text of these
 * ASCII bytes (in lower case, as in struct sieve) can match. */
bool regex_asks(const struct regex *re);
bool regex_may(const struct regex *re, const uint64_t bytes[static 2]);

/* *ret_limited (never NULL) is set, and otherwise left, when a limit stopped the search. */
bool regex_search(const struct regex *re, struct regex_scratch *s, struct slice text,
                  bool *ret_limited);

/* For pipelines, slowly, as UTF only: the groups of the first match at or behind `from`, which is
 * not empty there when `not_empty`; [0] is the whole. How many, 0: no match, or a limit. A group
 * that took no part is empty. */
enum { REGEX_GROUPS_MAX = 100 };
size_t regex_groups(const struct regex *re, struct regex_scratch *s, struct slice text, size_t from,
                    bool not_empty, struct slice ret[static REGEX_GROUPS_MAX]);
/* The number of the group that is called so; REGEX_GROUPS_MAX: none is. */
size_t regex_group(const struct regex *re, struct slice name);
/* A match at the very start. */
bool regex_starts(const struct regex *re, struct regex_scratch *s, struct slice text);

#endif
