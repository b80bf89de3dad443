/* detect/seek_int.h - which predicates of one slot a value makes true, found without trying them
 * one by one: exact texts by hash, literals inside wildcards and expressions by one pass of the
 * scanner (scan_int.h), networks by a trie, numbers by binary search.
 *
 * Exact in both directions: what the scanner only suspects is confirmed by pattern.c or PCRE2, and
 * what it can't be asked about is tried directly. Immutable once built; queried through a seeker
 * of one thread.
 */
#ifndef DETECT_SEEK_INT_H
#define DETECT_SEEK_INT_H

#include "detect/pred_int.h"
#include "detect/scan_int.h"

/* A run of bits in seek_set.bits: the predicates that an atom makes true. */
struct seek_post {
    uint32_t at, n;
};

enum seek_how { SEEK_CONTAINS, SEEK_STARTS, SEEK_ENDS, SEEK_VERIFY };

/* What it means that a literal was found. */
struct seek_use {
    enum seek_how how;
    const struct pattern *pat; /* VERIFY, this or */
    const struct regex *re;
    struct seek_post post;
};

struct seek_literal {
    struct slice text;
    bool once; /* where it is does not matter: one find will do */
    uint32_t uses_at, uses_n;
};

struct seek_exact {
    struct slice text;
    struct seek_post post;
};

struct seek_test { /* tried on each value */
    const struct test *test;
    const struct pattern *pat;
    struct seek_post post;
};

struct seek_number {
    long double number;
    struct seek_post post;
};

struct seek_node {
    uint32_t kid[2]; /* 0: none */
    struct seek_post post;
};

/* One database and what its numbers mean. */
struct seek_scan {
    struct scan *db; /* owned; NULL: none */
    uint32_t at, n;  /* in seek.literals */
};

struct seek {
    struct intern exact_keys;
    struct seek_exact *exact; /* by number of the key */
    size_t longest_exact;
    struct seek_literal *literals; /* ASCII ones first */
    struct seek_use *uses;
    struct seek_scan ascii, other;
    struct seek_test *tries; /* whatever is tried on each value */
    uint32_t tries_n;
    struct seek_number *numbers; /* equal to one of these; sorted */
    uint32_t numbers_n;
    struct seek_node *nets; /* [0] is the root */
    uint32_t nets_n;
    struct seek_post any; /* any value at all */
    bool asks;            /* there is something to ask */
    bool types;           /* the value's type and number count, not only its text */
    bool addresses;
};

struct seek_set {
    struct seek *v; /* by slot */
    uint32_t n;
    uint32_t *bits; /* of all posts */
};

/* ret lives in `keep` but for what is owned; all scanners are still to be made: seek_wants,
 * seek_put. */
/* A literal, folded, that a value that passes the test can't be without; empty: none is known. */
CHECKED enum err seek_need(struct arena *a, const struct atom *atom, struct slice *ret);

CHECKED enum err seek_build(struct arena *keep, struct preds *p, struct seek_set *ret);
void seek_done(struct seek_set *s);

/* The databases that are wanted, number by number; the result is for seek_put or scan_*. */
enum { SEEK_ASCII, SEEK_OTHER, SEEK_DATABASES };
struct seek_want {
    uint32_t slot;
    unsigned which;
    struct scan_want *want; /* in the arena given */
    size_t n;
};
CHECKED enum err seek_wants(const struct seek_set *s, struct arena *tmp, struct seek_want **ret,
                            size_t *ret_n);
/* Takes the database; NULL: there is none, and its literals are tried one by one. */
void seek_put(struct seek_set *s, const struct seek_want *w, struct scan *db);

/* Memory for a folded text and the scanner's padding. */
struct seek_text {
    char *p;
    size_t n, cap;
};

/* What one thread needs to ask. */
struct seeker {
    struct regex_scratch *regex; /* borrowed */
    struct scan_scratch *scan;   /* owned */
    uint64_t *seen;              /* owned; by bit, zero between calls */
    uint32_t *found;             /* owned; room for every bit */
    uint32_t found_n;
    struct seek_text one, whole; /* owned; of the last value, of `record` */
    struct slice record;         /* this event's; may be asked about more than once */
    bool record_folded;
    bool limited;
};
/* Folded, with the scanner's padding behind it. false without memory. */
CHECKED bool seek_fold(struct seeker *s, struct slice raw, struct slice *ret);
void seeker_done(struct seeker *s);

/* The value as it came; i: its number where the type has one. Results in found[0..found_n). */
void seek_value(const struct seek_set *set, struct seeker *s, uint32_t slot, struct slice raw,
                const struct value *v);

#endif
