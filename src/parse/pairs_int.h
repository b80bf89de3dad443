/* parse/pairs_int.h - between pairs.c and parse.c, which gives every event its beginning and end.
 */
#ifndef PARSE_PAIRS_INT_H
#define PARSE_PAIRS_INT_H

#include "parse/pairs.h"

/* The event's fields from the pairs, after its id and times. */
void pairs_fill(struct parse_ctx *ctx, struct event *ev, const struct pairs *p);

#endif
