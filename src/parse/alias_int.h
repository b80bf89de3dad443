/* parse/alias_int.h - other senders' names for the dictionary's fields. */
#ifndef PARSE_ALIAS_INT_H
#define PARSE_ALIAS_INT_H

#include "parse/parse.h"

/* F_NONE when the name is nobody's. ASCII case does not count. */
enum field alias_find(struct slice name);

/* Gives ev the value under the dictionary's name, unless that is set. F_MESSAGE sets the message
 * unless *has_message; F_TIMESTAMP the time unless *has_time; both are set then. */
void alias_put(const struct parse_ctx *ctx, struct event *ev, struct slice name, struct slice value,
               bool *has_message, bool *has_time);

#endif
