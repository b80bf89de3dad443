/* desk/source.h - senders of records: registered by people, or discovered by what arrives.
 *
 * A registered source is in the inventory snapshot, so that watch can attribute records to it. A
 * discovered one only counts until somebody registers it (source_change with status REGISTERED).
 * Names come from outside: at most SOURCE_DISCOVERED_MAX are kept, what comes after is counted in
 * one row named "(others)" per organisation.
 */
#ifndef DESK_SOURCE_H
#define DESK_SOURCE_H

#include "desk/desk.h"

enum { SOURCE_DISCOVERED_MAX = 20000 };
enum source_status { SOURCE_DISCOVERED, SOURCE_REGISTERED, SOURCE_DISABLED, SOURCE_STATUS_N };
const char *source_status_name(enum source_status s); /* "discovered" ... */

struct source {
    uint32_t id;          /* never reused */
    uint32_t org, system; /* system 0: none */
    enum source_status status;
    struct slice name;   /* what arrives carries: host, tag, path or token name */
    struct slice input;  /* "syslog", "file", "http", "journald"...; empty = any */
    struct slice match;  /* peer address or CIDR, file glob, or token name; empty = name alone */
    struct slice tz;     /* "+07:00"; empty = as the option says */
    struct slice format; /* parser; empty = found out */
    int64_t first_ns, last_ns; /* 0: never seen */
    uint64_t events, errors;
    int64_t created_ns;
    uint64_t version;
};

struct source_filter {
    int status;        /* -1 = any */
    uint32_t system;   /* 0 = any */
    struct slice text; /* part of the name; empty = any */
    uint32_t after;    /* id of the last row of the page before; 0 = first page */
    size_t limit;      /* 0 = DESK_LIST_MAX */
};

CHECKED enum err source_add(struct desk *d, const struct desk_actor *by, const struct source *in,
                            uint32_t *ret_id, struct diag *diag);
/* Sets org, system, status, name, input, match, tz, format. Moving changes new events only. */
CHECKED enum err source_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               const struct source *in, struct diag *diag);
CHECKED enum err source_remove(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               uint32_t id, struct diag *diag);
CHECKED enum err source_get(struct desk *d, struct desk_scope scope, uint32_t id, struct arena *a,
                            struct source *ret, struct diag *diag);
/* Ordered by id. */
CHECKED enum err source_list(struct desk *d, struct desk_scope scope,
                             const struct source_filter *filter, struct arena *a,
                             struct source **ret, size_t *ret_n, struct diag *diag);

/* What was counted since the previous report. The source by number, else by organisation, input and
 * name; else it is discovered. Meant to run inside desk_begin ... desk_end. */
CHECKED enum err source_count(struct desk *d, const struct source *seen, struct diag *diag);

#endif
