/* core/json_int.h - what json.c, json_tolerant.c and yaml.c share. */
#ifndef CORE_JSON_INT_H
#define CORE_JSON_INT_H

#include "core/arena.h"
#include "core/json.h"

struct json_fast;

struct json_reader {
    size_t max_bytes, max_nodes;
    char *in; /* owned copy of the input, zeros after it (JSON_FAST_PADDING) */
    size_t in_cap;
    struct json_fast *fast;    /* owned; NULL until the first fast read */
    struct json_node **blocks; /* owned pool; kept between reads */
    unsigned blocks_n, blocks_cap;
    unsigned block;             /* the next to be filled */
    struct json_node *at, *end; /* what is left of the one being filled */
    size_t n_nodes;             /* handed to at..end in this read */
    struct arena strings;       /* of YAML's scalars */
};

/* Forgets the last tree. ERR_LIMIT when n is over the reader's ceiling. */
CHECKED enum err json_reader_begin(struct json_reader *r, size_t n, struct diag *diag);
/* The padded copy of `in`, at r->in. */
CHECKED enum err json_reader_copy(struct json_reader *r, struct slice in, struct diag *diag);

/* Next block of the pool; false at a ceiling. */
bool json_pool_grow(struct json_reader *r);

/* An uninitialised node, or NULL at the ceiling or without memory. */
static inline struct json_node *json_pool_take(struct json_reader *r)
{
    if (r->at == r->end && !json_pool_grow(r))
        return NULL;
    return r->at++;
}

/* The enclosing containers of the value being read. */
struct json_level {
    struct json_node *node;
    struct json_node **tail; /* where the next child is linked */
};

/* Why json_pool_take failed. */
CHECKED enum err json_pool_why(const struct json_reader *r, size_t at, struct diag *diag);

/* A member whose key another one has too; *ret is NULL when there is none.
 * false when there is no memory to find out. */
CHECKED bool json_find_duplicate(const struct json_node *obj, const struct json_node **ret);

/* The tolerant reader over r->in, unescaping in place. *ret_odd (may be NULL) receives the offset
 * of the first thing that strict JSON refuses and *ret_what its name, or NULL when there was none.
 */
CHECKED enum err json_tolerant(struct json_reader *r, size_t n, struct json_node **ret,
                               size_t *ret_odd, const char **ret_what, struct diag *diag);

/* Byte offset of a position that yaml_read gave (both from 1). */
size_t yaml_offset(struct slice in, uint32_t line, uint32_t col);

#endif
