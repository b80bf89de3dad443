#include "web/web_int.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/timefmt.h"
#include "desk/alert.h"
#include "desk/audit.h"
#include "store/search.h"

enum { BUCKETS = 60, BUCKETS_MAX = 1000, TOP = 10, TOP_MAX = 100, DAY_S = 24 * 3600 };

static struct store_scope scope_of(const struct web_call *w)
{
    return (struct store_scope){
        .orgs = w->who.scope.orgs, .n = w->who.scope.n, .all = w->who.scope.all};
}

/* Where in the query it is wrong, for the console's cursor. */
static enum err explain(struct web_call *w, enum err e, const struct diag *diag)
{
    if (e == ERR_SYNTAX && !w->wrong_code) {
        (void)snprintf(w->wrong_member, sizeof(w->wrong_member), "q");
        w->wrong_code = "syntax";
        w->wrong_at = (int64_t)diag->at;
    }
    return e;
}

static enum err time_bound(const struct web_call *w, const char *name, int64_t now, int64_t *ret,
                           struct diag *diag)
{
    const char *text = http_query(w->c, name);

    return text && *text ? time_parse_bound(slice_of(text), now, ret, diag) : ERR_NONE;
}

static enum err read_query(struct web_call *w, struct store_query *q, struct diag *diag)
{
    const char *text = http_query(w->c, "q");

    *q = (struct store_query){.query = slice_of(text ? text : ""),
                              .from_ns = INT64_MIN,
                              .to_ns = INT64_MAX,
                              .now_ns = clock_wall_ns()};
    enum err e = time_bound(w, "from", q->now_ns, &q->from_ns, diag);
    return e == ERR_NONE ? time_bound(w, "to", q->now_ns, &q->to_ns, diag) : e;
}

/* Who looked for what is part of the record; the next pages of it are not said again. */
static enum err tell(struct web_call *w, const struct store_query *q, struct diag *diag)
{
    const char *from = http_query(w->c, "from"), *to = http_query(w->c, "to");
    struct buf detail;
    struct jsonw j;

    buf_init(&detail, 4096);
    jsonw_init(&j, &detail);
    jsonw_object(&j);
    jsonw_kcstr(&j, "operation", w->route->operation);
    jsonw_kcstr(&j, "from", from);
    jsonw_kcstr(&j, "to", to);
    jsonw_close_object(&j);
    enum err e = jsonw_end(&j);
    if (e == ERR_LIMIT) { /* absurdly long bounds: they have been refused already */
        buf_reset(&detail);
        e = ERR_NONE;
    }
    if (e == ERR_NONE)
        e = audit_add(w->web->o.desk, &w->who.actor, w->who.actor.org, "search.run", q->query,
                      buf_slice(&detail), diag);
    buf_done(&detail);
    return e;
}

static enum err count_total(struct web_call *w, const struct store_query *q, size_t shown,
                            bool more, uint64_t *ret, bool *ret_least, struct diag *diag)
{
    const char *want = http_query(w->c, "total");
    struct store_scope scope = scope_of(w);

    *ret = shown;
    *ret_least = more || q->cursor.n > 0;
    if (!want || strcmp(want, "exact") != 0)
        return ERR_NONE;
    *ret_least = false;
    return store_count(w->worker->store, &scope, q, ret, diag);
}

CHECKED enum err api_events_list(struct web_call *w, struct diag *diag)
{
    struct store_scope scope = scope_of(w);
    struct store_query q;
    struct buf items, next, cursor;
    const char *at = http_query(w->c, "cursor");
    size_t limit = 0;
    enum err e = read_query(w, &q, diag);

    if (e == ERR_NONE)
        e = request_limit(w, &limit, diag);
    if (e == ERR_NONE && at && *at)
        e = cursor_read(w, at, &q.cursor, diag);
    q.limit = (unsigned)limit;
    if (e != ERR_NONE)
        return e;
    buf_init(&items, WEB_ANSWER_BYTES);
    buf_init(&next, CURSOR_BYTES_MAX);
    buf_init(&cursor, CURSOR_BYTES_MAX);
    e = store_search(w->worker->store, &scope, &q, &items, &next, diag);
    if (e == ERR_NONE && q.cursor.n == 0)
        e = tell(w, &q, diag);
    if (e == ERR_NONE && next.n > 0)
        e = cursor_write(w, buf_slice(&next), &cursor);
    uint64_t total = 0;
    bool least = false;
    if (e == ERR_NONE)
        e = count_total(w, &q, next.n > 0 ? limit : 0, next.n > 0, &total, &least, diag);
    if (e == ERR_NONE) {
        jsonw_object(&w->j);
        jsonw_key(&w->j, SLICE("items"));
        jsonw_raw(&w->j, items.n ? buf_slice(&items) : SLICE("[]"));
        reply_list_tail(w, buf_slice(&cursor), total, least);
    }
    buf_done(&items);
    buf_done(&next);
    buf_done(&cursor);
    return explain(w, e, diag);
}

CHECKED enum err api_events_count(struct web_call *w, struct diag *diag)
{
    struct store_scope scope = scope_of(w);
    struct store_query q;
    uint64_t n = 0;
    enum err e = read_query(w, &q, diag);

    if (e == ERR_NONE)
        e = store_count(w->worker->store, &scope, &q, &n, diag);
    if (e == ERR_NONE)
        e = tell(w, &q, diag);
    if (e != ERR_NONE)
        return explain(w, e, diag);
    jsonw_object(&w->j);
    jsonw_kint(&w->j, "count", (int64_t)n);
    jsonw_close_object(&w->j);
    return ERR_NONE;
}

/* ---- histogram: the store gives the buckets that hold something, here come the others ---- */

/* The width that a person would choose, so that there are at most `buckets`. */
static int64_t nice_ms(int64_t span_ms, int64_t buckets)
{
    static const int64_t nice[] = {1,       2,       5,        10,       20,       50,      100,
                                   200,     500,     1000,     2000,     5000,     10000,   15000,
                                   30000,   60000,   120000,   300000,   600000,   900000,  1800000,
                                   3600000, 7200000, 10800000, 21600000, 43200000, 86400000};

    for (size_t i = 0; i < ARRAY_LEN(nice); i++)
        if (span_ms / nice[i] < buckets)
            return nice[i];
    int64_t days = span_ms / (buckets * 86400000) + 1;
    return days * 86400000;
}

static void write_columns(struct web_call *w, const struct json_node *rows, int64_t from_ms,
                          int64_t to_ms, int64_t width)
{
    struct jsonw *j = &w->j;
    int64_t first = from_ms - (from_ms % width + width) % width;

    jsonw_object(j);
    jsonw_kint(j, "bucket_ms", width);
    jsonw_key(j, SLICE("t"));
    jsonw_array(j);
    for (int64_t t = first; t < to_ms; t += width)
        jsonw_int(j, t);
    jsonw_close_array(j);
    jsonw_key(j, SLICE("n"));
    jsonw_array(j);
    const struct json_node *row = rows->child;
    for (int64_t t = first; t < to_ms; t += width) {
        int64_t n = 0, ns;
        while (row && time_parse_iso(json_get_str(row, "time"), 0, &ns) &&
               ns / NS_PER_MS < t + width) {
            n += json_get_int(row, "count", 0);
            row = row->next;
        }
        jsonw_int(j, n);
    }
    jsonw_close_array(j);
    jsonw_close_object(j);
}

static enum err read_number(const struct web_call *w, const char *name, uint64_t absent,
                            uint64_t most, uint64_t *ret, struct diag *diag)
{
    const char *text = http_query(w->c, name);

    *ret = absent;
    if (text && (!slice_to_u64(slice_of(text), ret) || *ret == 0 || *ret > most))
        return FAIL(diag, ERR_SYNTAX, 0, "%s is a number from 1 to %llu", name,
                    (unsigned long long)most);
    return ERR_NONE;
}

CHECKED enum err api_events_histogram(struct web_call *w, struct diag *diag)
{
    struct store_scope scope = scope_of(w);
    struct store_query q;
    uint64_t buckets;
    const struct json_node *rows;
    enum err e = read_query(w, &q, diag);

    if (e == ERR_NONE)
        e = read_number(w, "buckets", BUCKETS, BUCKETS_MAX, &buckets, diag);
    if (e != ERR_NONE)
        return explain(w, e, diag);
    if (q.to_ns == INT64_MAX)
        q.to_ns = q.now_ns;
    if (q.from_ns == INT64_MIN)
        q.from_ns = q.to_ns - DAY_S * NS_PER_S;
    if (q.from_ns >= q.to_ns)
        return FAIL(diag, ERR_SYNTAX, 0, "from has to lie before to");
    int64_t from_ms = q.from_ns / NS_PER_MS, to_ms = q.to_ns / NS_PER_MS;
    int64_t width = nice_ms(to_ms - from_ms, (int64_t)buckets);
    struct buf out;
    buf_init(&out, WEB_ANSWER_BYTES);
    e = store_histogram(w->worker->store, &scope, &q, width, &out, diag);
    if (e == ERR_NONE)
        e = json_read_strict(w->worker->reader, buf_slice(&out), &rows, diag);
    if (e == ERR_NONE)
        write_columns(w, rows, from_ms, to_ms, width);
    buf_done(&out);
    return explain(w, e, diag);
}

CHECKED enum err api_events_top(struct web_call *w, struct diag *diag)
{
    struct store_scope scope = scope_of(w);
    struct store_query q;
    struct buf out;
    uint64_t n;
    const char *field = http_query(w->c, "field");
    enum err e = read_query(w, &q, diag);

    if (e == ERR_NONE)
        e = read_number(w, "limit", TOP, TOP_MAX, &n, diag);
    if (e == ERR_NONE && (!field || !*field))
        e = FAIL(diag, ERR_SYNTAX, 0, "field is missing");
    if (e != ERR_NONE)
        return e;
    buf_init(&out, WEB_ANSWER_BYTES);
    e = store_top(w->worker->store, &scope, &q, slice_of(field), (unsigned)n, &out, diag);
    if (e == ERR_NONE) {
        jsonw_object(&w->j);
        jsonw_kcstr(&w->j, "field", field);
        jsonw_key(&w->j, SLICE("items"));
        jsonw_raw(&w->j, buf_slice(&out));
        jsonw_close_object(&w->j);
    }
    buf_done(&out);
    return explain(w, e, diag);
}

CHECKED enum err api_events_get(struct web_call *w, struct diag *diag)
{
    struct store_scope scope = scope_of(w);
    struct id128 id;
    struct buf out;

    if (id_parse(w->param, &id) != ERR_NONE)
        return FAIL(diag, ERR_NOENT, 0, "there is no such event");
    buf_init(&out, WEB_ANSWER_BYTES);
    enum err e = store_event(w->worker->store, &scope, id, &out, diag);
    if (e == ERR_NONE)
        jsonw_raw(&w->j, buf_slice(&out));
    buf_done(&out);
    return e;
}

/* The alert's events that are still at rest, newest first; retention may have taken some. */
CHECKED enum err api_alerts_events(struct web_call *w, struct diag *diag)
{
    struct store_scope scope = scope_of(w);
    struct slice *ids;
    uint64_t alert;
    size_t n, found = 0;
    enum err e = ERR_NONE;

    if (!alert_id_parse(w->param, &alert))
        return FAIL(diag, ERR_NOENT, 0, "there is no such alert");
    e = alert_events(w->web->o.desk, w->who.scope, alert, w->arena, &ids, &n, diag);
    if (e != ERR_NONE)
        return e;
    struct buf out;
    buf_init(&out, WEB_ANSWER_BYTES);
    reply_list_open(w);
    for (size_t i = 0; i < n && e == ERR_NONE; i++) {
        struct id128 id;
        buf_reset(&out);
        if (id_parse(ids[i], &id) != ERR_NONE)
            continue;
        e = store_event(w->worker->store, &scope, id, &out, diag);
        if (e == ERR_NONE) {
            jsonw_raw(&w->j, buf_slice(&out));
            found++;
        }
        e = e == ERR_NOENT ? ERR_NONE : e;
    }
    reply_list_close(w, SLICE(""), found, false);
    buf_done(&out);
    return e;
}
