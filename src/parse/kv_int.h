/* parse/kv_int.h - cutting NAME=VALUE pairs, shared by formats that are made of them. */
#ifndef PARSE_KV_INT_H
#define PARSE_KV_INT_H

#include "core/slice.h"

/* The next pair at or after *at; an unquoted value ends at a blank or control character, a comma
 * behind it is taken off. *quoted says that the value stood in quotes, which are taken off; escapes
 * stay. */
bool kv_next(struct slice s, size_t *at, struct slice *name, struct slice *value, bool *quoted);

#endif
