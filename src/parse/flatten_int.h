/* parse/flatten_int.h - JSON trees to flat names, member by member.
 *
 * Text is copied into the event's arena, so that the tree may die before the event. */
#ifndef PARSE_FLATTEN_INT_H
#define PARSE_FLATTEN_INT_H

#include "parse/parse.h"

struct flatten {
    struct parse_ctx *ctx;
    struct event *ev;
    char *pool; /* bump memory of the arena */
    size_t left;
    uint64_t bloom[64]; /* names that this tree gave: a hit is checked, a miss is certain */
    uint64_t seen[(F_N + 63) / 64]; /* dictionary fields that this tree gave */
    uint32_t first;                 /* ev->n when it began */
    uint32_t hint;                  /* where a repeated name was found last */
    uint16_t *list_cap;             /* of lists grown here, by field index; NULL until needed */
    bool verbatim;              /* strict JSON that is a part of the record: see event_field.sent */
    bool has_message, has_time; /* a member called "message" / "@timestamp" gave it */
};

void flatten_init(struct flatten *f, struct parse_ctx *ctx, struct event *ev);

/* The tree is that of strict JSON of n bytes that is a part of the record's payload. */
void flatten_verbatim(struct flatten *f, size_t n);

/* node under `name` and, below, name.key; everything that does not fit sets event.overflow. */
void flatten_member(struct flatten *f, struct slice name, const struct json_node *node);

/* One value under a name, both borrowed; a name that came before makes a list of both. */
void flatten_value(struct flatten *f, struct slice name, struct value v);

/* The node's text in the arena: strings as they are, numbers in decimal, true/false; empty for
 * null, arrays and objects. */
struct slice flatten_text(struct flatten *f, const struct json_node *node);

/* A copy of s in the arena; empty when that is full. */
struct slice flatten_keep(struct flatten *f, struct slice s);

#endif
