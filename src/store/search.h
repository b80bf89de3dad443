/* store/search.h - questions to the event store: events, counts, histograms, top values.
 *
 * Whatever is asked, the caller's scope is added here; there is no way to ask without one. Answers
 * are finished JSON (core/jsonw.h: always valid UTF-8), appended to the caller's buffer.
 *
 * Errors beside those of store/client.h: ERR_SYNTAX with diag->at in the query, ERR_LIMIT.
 */
#ifndef STORE_SEARCH_H
#define STORE_SEARCH_H

#include "core/buf.h"
#include "core/id.h"
#include "store/client.h"

enum {
    SEARCH_LIMIT_MAX = 10000,
    SEARCH_BUCKETS_MAX = 10000,
    SEARCH_TOP_MAX = 1000,
    SEARCH_SCOPE_MAX = 10000,
};

/* Which organisations the caller may see: a list, or (administrators) all. An empty list sees
 * nothing. */
struct store_scope {
    const uint32_t *orgs; /* borrowed */
    size_t n;
    bool all;
};

struct store_query {
    struct slice query;  /* store/query.h */
    int64_t from_ns;     /* of @timestamp, inclusive; INT64_MIN = no bound */
    int64_t to_ns;       /* exclusive; INT64_MAX = no bound */
    int64_t now_ns;      /* what "now-1h" in the query counts from; 0 = the clock */
    unsigned limit;      /* store_search; 0 = 100, at most SEARCH_LIMIT_MAX */
    struct slice cursor; /* store_search: where the page before ended, "" = the first page */
};

/* Newest first. *out_items: an array of events, each nested under its ECS names. *ret_next: the
 * next page's cursor is appended, nothing when this was the last. */
CHECKED enum err store_search(struct store_client *c, const struct store_scope *scope,
                              const struct store_query *q, struct buf *out_items,
                              struct buf *ret_next, struct diag *diag);

CHECKED enum err store_count(struct store_client *c, const struct store_scope *scope,
                             const struct store_query *q, uint64_t *ret, struct diag *diag);

/* [{"time":"...","count":N}, ...], oldest first, only buckets that hold something. */
CHECKED enum err store_histogram(struct store_client *c, const struct store_scope *scope,
                                 const struct store_query *q, int64_t bucket_ms, struct buf *out,
                                 struct diag *diag);

/* [{"value":"...","count":N}, ...], most frequent first. */
CHECKED enum err store_top(struct store_client *c, const struct store_scope *scope,
                           const struct store_query *q, struct slice field, unsigned n,
                           struct buf *out, struct diag *diag);

/* One event as an object. ERR_NOENT when it is not there or not in the scope. */
CHECKED enum err store_event(struct store_client *c, const struct store_scope *scope,
                             struct id128 id, struct buf *out, struct diag *diag);

/* [{"org":N,"source":N,"name":"...","count":N,"last":"..."}, ...]: who sent what since, by time of
 * receipt. */
CHECKED enum err store_sources_seen(struct store_client *c, const struct store_scope *scope,
                                    int64_t since_ns, struct buf *out, struct diag *diag);

#endif
