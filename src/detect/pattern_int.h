/* detect/pattern_int.h - Sigma strings: literal bytes, `*`, `?` and interchangeable dashes.
 *
 * A string of a rule is scanned into tokens, changed by modifiers (transform_int.h), and built
 * into a pattern. Matching works on bytes:
 *   *      any bytes, line feeds and NULs too
 *   ?      one character: a byte and the UTF-8 continuation bytes after it, valid or not
 *   dash   one of - / U+2013 U+2014 U+2015
 * Unless `cased`, the literals are folded by core/fold and the text must be too.
 *
 * Source: Sigma specification 2.1, section on wildcards and escaping.
 */
#ifndef DETECT_PATTERN_INT_H
#define DETECT_PATTERN_INT_H

#include "core/arena.h"
#include "detect/sieve_int.h"

enum tok_kind { TOK_BYTE, TOK_ANY, TOK_ONE, TOK_DASH };

struct tok {
    uint8_t kind; /* enum tok_kind */
    char byte;    /* TOK_BYTE */
};

struct toks {
    struct tok *t; /* in an arena */
    size_t n;
};

enum pattern_kind {
    PATTERN_ANY, /* anything that is present */
    PATTERN_EQUAL,
    PATTERN_STARTS,
    PATTERN_ENDS,
    PATTERN_CONTAINS,
    PATTERN_GLOB,
};

/* What stands between two `*`. */
struct pattern_seg {
    const struct tok *t;
    size_t n;
    struct slice lit; /* all bytes, when `literal` */
    size_t rare;      /* where in `lit` its rarest byte is: what is searched for first */
    bool literal;
};

struct pattern {
    enum pattern_kind kind;
    bool cased;
    bool open_start, open_end; /* GLOB: begins, ends with `*` */
    struct slice lit;          /* EQUAL STARTS ENDS CONTAINS */
    size_t rare;               /* as in pattern_seg */
    struct pattern_seg *segs;  /* GLOB */
    size_t segs_n;
    struct sieve_need need; /* of the longest literal inside, unless `cased` */
};

/* `\*`, `\?` and `\\` are literal; any other backslash is itself. */
CHECKED enum err pattern_scan(struct arena *a, struct slice text, struct toks *ret);
/* Every byte literal. */
CHECKED enum err pattern_literal(struct arena *a, struct slice text, struct toks *ret);
bool pattern_has_wildcards(struct toks t);
/* Adds a `*` in front and behind as asked. */
CHECKED enum err pattern_open(struct arena *a, struct toks t, bool front, bool behind,
                              struct toks *ret);
CHECKED enum err pattern_build(struct arena *a, struct toks t, bool cased, struct pattern *ret);

/* No allocation; at worst O(text * pattern). */
bool pattern_match(const struct pattern *p, struct slice text);

#endif
