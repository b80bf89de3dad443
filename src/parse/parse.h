/* parse/parse.h - a record becomes events.
 *
 * A format is one file with a `const struct parser NAME_parser` and a row in parse/parsers.def.
 * The parser is chosen by the record's format hint, else by each row's `looks` in the order of
 * the rows' rank. A record that no parser can read still becomes one event: message = the payload,
 * event.kind = pipeline_error, coloa.reason = why. Syslog's payload is itself handed on (JSON, EVE,
 * key=value, sshd, access log ... in MSG), so parsers nest once: header first, then content.
 *
 * Parsers are pure: no I/O, no state beyond struct parse_ctx, no clock but ctx; any bytes may come.
 */
#ifndef PARSE_PARSE_H
#define PARSE_PARSE_H

#include "core/event.h"
#include "core/json.h"

/* One per thread. Everything an event points at lives in `arena`, in the json reader's tree
 * (valid until the next parse_record: copied to the arena where kept), or in the record. */
struct parse_ctx {
    struct arena *arena;      /* borrowed; the batch's */
    struct json_reader *json; /* owned by whoever made the ctx */
    int32_t zone_s;           /* seconds east of UTC for senders that name no zone */
    int64_t future_limit_ns; /* an event time further ahead of receive time than this, or older than
                                past_limit_ns behind it, is suspect: 0 = defaults (1 h, 10 years) */
    int64_t past_limit_ns;
    struct slice
        local_host; /* this machine's name, for local lines that name no host; may be empty */
};

struct parser {
    const char *name;    /* "json", "syslog", "sshd" ...: as in configuration and format hints */
    const char *summary; /* one line for the manual */
    int rank;            /* lower is asked first when detecting */
    bool content;        /* may stand inside syslog's MSG */
    bool json;           /* uses ctx->json: not asked about text inside a JSON tree */
    /* A cheap look at the first bytes (ev already holds what the syslog header gave, e.g.
     * log.syslog.appname; NULL when the record has no header). */
    bool (*looks)(const struct event *ev, struct slice payload);
    /* Fills ev. On failure ev may hold what the header gave; diag says why and where. */
    CHECKED enum err (*parse)(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                              struct diag *diag);
};

/* Numbers for record.format: the index in the sorted table + 1; 0 = detect. */
const struct parser *parser_find(struct slice name);
const struct parser *const *parser_all(size_t *ret_n);
uint8_t parser_number(const struct parser *p);

typedef void parse_emit_fn(void *arg, struct event *ev);

/* Parses one record and calls emit for each of its events (usually one), already with id,
 * ingested, timestamp (clamped: clock_suspect), org/source as the record has them, and
 * coloa.source = a readable name of the sender. Always emits at least one. Returns how many. */
unsigned parse_record(struct parse_ctx *ctx, struct record *r, parse_emit_fn *emit, void *arg);

/* For JSON formats and API input: adds node's members to ev under flattened dotted names.
 * Arrays of scalars become VT_LIST; arrays of objects are flattened member by member into lists.
 * Duplicate keys: all values are kept (the field becomes a list). */
CHECKED enum err parse_flatten(struct parse_ctx *ctx, const struct json_node *obj,
                               struct slice prefix, struct event *ev);

#endif
