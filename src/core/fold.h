/* core/fold.h - one table of ours that decides when two texts are the same.
 *
 * Two foldings, both byte to byte strings:
 *   case    Unicode simple+full case folding (CaseFolding.txt C and F), full-width forms
 * (U+FF01-FF5E) to ASCII: what Sigma rules and keyword fields are matched with. Accents stay.
 *   search  case, and marks dropped: Latin letters with diacritics to their base letter (all of
 *           Vietnamese), combining marks removed, đ/Đ/ð to d, NFKC-compatible Latin forms and
 *           digits to ASCII: what free text and TEXT fields are matched with.
 * Invalid UTF-8 bytes pass through unchanged and never swallow their neighbours; NULs pass.
 * Folding is idempotent: fold(fold(x)) == fold(x) (a property test holds that for all code points).
 * The tables are generated at build time by tools/gen_fold.py from Python's unicodedata.
 *
 * Source: The Unicode Standard, section 3.13 and 5.18; UAX #15.
 */
#ifndef CORE_FOLD_H
#define CORE_FOLD_H

#include "core/arena.h"

/* The most bytes that folding n bytes can give. */
size_t fold_bound(size_t n);

/* Both write at most fold_bound(s.n) bytes to `to` and return how many. ASCII runs take a fast
 * path. Pure, thread-safe. */
size_t fold_case(struct slice s, char *to);
size_t fold_search(struct slice s, char *to);

/* Into the arena. When folding changes nothing, *ret is s itself (no copy). */
CHECKED enum err fold_case_dup(struct arena *a, struct slice s, struct slice *ret);
CHECKED enum err fold_search_dup(struct arena *a, struct slice s, struct slice *ret);

/* Equal under case folding; no allocation. */
bool fold_case_eq(struct slice a, struct slice b);

#endif
