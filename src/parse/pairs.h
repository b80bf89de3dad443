/* parse/pairs.h - an event from names and values that a reader of files has already taken apart
 * (a row of CSV, a line of a Zeek log, a Windows event as XML).
 *
 * As with JSON objects: each pair is kept under its own name, names that senders commonly use are
 * also given to the dictionary's fields (alias.def), a repeated name becomes a list.
 */
#ifndef PARSE_PAIRS_H
#define PARSE_PAIRS_H

#include "parse/parse.h"

enum { PAIRS_MAX = 1024 };

struct pair {
    struct slice name;
    struct slice value;
    bool more; /* another value of the pair before: together they are a list */
};

struct pairs {
    const char *module,
        *dataset; /* event.module and event.dataset; NULL: none. Live as the event. */
    bool content; /* a pair called "message" may be text of another format: read on */
    size_t n;
    bool over; /* there were more than PAIRS_MAX; the rest is in the record's payload only */
    struct pair at[PAIRS_MAX];
};

/* Appends; past the ceiling sets `over`. */
void pairs_add(struct pairs *p, struct slice name, struct slice value);

/* Emits one event. Slices must live as long as it does. Returns 1. */
unsigned parse_pairs(struct parse_ctx *ctx, struct record *r, const struct pairs *p,
                     parse_emit_fn *emit, void *arg);

/* What well-known senders say of time and host under names that are not aliases, for an event that
 * has none yet: Windows events as JSON trees, NXLog's and Winlogbeat's names, CloudTrail's. */
void pairs_claim_time(const struct parse_ctx *ctx, struct event *ev);
/* Empty when nothing names the host. */
struct slice pairs_host(const struct event *ev);

#endif
