/* store/query.h - the query language of people (docs/query.md): text to a tree, tree to SQL.
 *
 *   query   := or
 *   or      := and ("or" and)*
 *   and     := unary (["and"] unary)*
 *   unary   := "not" unary | "(" or ")" | term
 *   term    := [field (":" | ">" | ">=" | "<" | "<=")] value     (":" may be followed by "(" values
 * ")") value   := word | '"' phrase '"'
 *
 * Pure: no I/O, no clock but the argument. Any bytes may come; ceilings are below. Errors carry
 * the byte offset in diag->at and in its words.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/field.h"
#include "store/client.h"

enum { QUERY_BYTES_MAX = 4096, QUERY_TERMS_MAX = 100, QUERY_DEPTH_MAX = 32 };

/* In the value of a word; no text holds these two bytes otherwise. */
enum { QUERY_STAR = 1, QUERY_ANY = 2 };

enum query_kind { QUERY_ALL, QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_TERM };
enum query_op { QUERY_IS, QUERY_LT, QUERY_LE, QUERY_GT, QUERY_GE };

struct query_node {
    enum query_kind kind;
    const struct query_node *a, *b; /* AND, OR: both; NOT: a */
    /* TERM */
    size_t at;          /* of the value, in the query's text */
    struct slice field; /* "" = free text */
    enum field f;       /* F_NONE: the dictionary does not know it */
    enum query_op op;
    struct slice value; /* unescaped, wildcards as QUERY_STAR and QUERY_ANY */
    bool quoted;
};

/* The tree lives in the arena. An empty query is QUERY_ALL. */
CHECKED enum err query_parse(struct arena *a, struct slice text, const struct query_node **ret,
                             struct diag *diag);

/* Appends a condition on the table of schema.h. Values become parameters behind those that are in
 * *p; their bytes live in the arena. now_ns: what "now-15m" counts from. */
CHECKED enum err query_to_sql(const struct query_node *q, struct arena *a, int64_t now_ns,
                              struct store_params *p, struct buf *out, struct diag *diag);

#endif
