#include "store/search.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/clock.h"
#include "store/query.h"
#include "store/row_int.h"
#include "store/schema.h"

enum {
    SQL_BYTES_MAX = 256 * 1024,
    ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    ARENA_BYTES_MAX = 16 * 1024 * 1024,
};

/* One question being put together and asked. */
struct question {
    struct store_params params;
    struct arena arena;
    struct buf sql, answer;
};

static struct question *question_new(void)
{
    struct question *x = calloc(1, sizeof(*x));

    if (x) {
        arena_init(&x->arena, ARENA_BYTES_MAX);
        buf_init(&x->sql, SQL_BYTES_MAX);
        buf_init(&x->answer, ANSWER_BYTES_MAX);
    }
    return x;
}

static void question_free(struct question *x)
{
    if (!x)
        return;
    arena_done(&x->arena);
    buf_done(&x->sql);
    buf_done(&x->answer);
    free(x);
}

/* ---- the condition ---- */

static CHECKED enum err put_scope(struct buf *sql, const struct store_scope *scope)
{
    enum err e;

    if (scope->all)
        return buf_puts(sql, "1");
    if (scope->n == 0)
        return buf_puts(sql, "0");
    if (scope->n > SEARCH_SCOPE_MAX)
        return ERR_LIMIT;
    if (scope->n == 1) /* in this form the engine reads the newest rows first and stops */
        return buf_printf(sql, "org = %" PRIu32, scope->orgs[0]);
    e = buf_puts(sql, "org IN (");
    for (size_t i = 0; e == ERR_NONE && i < scope->n; i++)
        e = buf_printf(sql, "%s%" PRIu32, i ? "," : "", scope->orgs[i]);
    return e == ERR_NONE ? buf_putc(sql, ')') : e;
}

static CHECKED enum err put_bound(struct buf *sql, const char *op, int64_t ns)
{
    return buf_printf(sql, " AND timestamp %s fromUnixTimestamp64Nano(toInt64(%" PRId64 "), 'UTC')",
                      op, ns);
}

static CHECKED enum err put_where(struct question *x, const struct store_scope *scope,
                                  const struct store_query *q, struct diag *diag)
{
    const struct query_node *tree = NULL;
    enum err e = query_parse(&x->arena, q->query, &tree, diag);

    if (e != ERR_NONE)
        return e;
    e = buf_puts(&x->sql, " FROM " SCHEMA_TABLE " WHERE ");
    if (e == ERR_NONE)
        e = put_scope(&x->sql, scope);
    if (e == ERR_NONE && q->from_ns != INT64_MIN)
        e = put_bound(&x->sql, ">=", q->from_ns);
    if (e == ERR_NONE && q->to_ns != INT64_MAX)
        e = put_bound(&x->sql, "<", q->to_ns);
    if (e == ERR_NONE && tree->kind != QUERY_ALL)
        e = buf_puts(&x->sql, " AND ");
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "the question is too long");
    if (tree->kind == QUERY_ALL)
        return ERR_NONE;
    return query_to_sql(tree, &x->arena, q->now_ns ? q->now_ns : clock_wall_ns(), &x->params,
                        &x->sql, diag);
}

static CHECKED enum err ask(struct store_client *c, struct question *x, struct diag *diag)
{
    return store_select(c, buf_slice(&x->sql), &x->params, "RowBinary", &x->answer, diag);
}

static CHECKED enum err strange(struct diag *diag)
{
    return FAIL(diag, ERR_CORRUPT, 0, "the event store's answer cannot be read");
}

/* ---- events ---- */

/* "NANOSECONDS.UUID" of the last event of a page. */
static CHECKED enum err put_cursor(struct buf *sql, struct slice cursor, struct diag *diag)
{
    size_t dot = slice_find(cursor, '.');
    struct id128 id;
    int64_t ns;
    char text[ID_TEXT_BYTES + 1];

    if (cursor.n == 0)
        return ERR_NONE;
    if (dot == cursor.n || !slice_to_i64(slice_cut(cursor, 0, dot), &ns) ||
        id_parse(slice_cut(cursor, dot + 1, cursor.n), &id) != ERR_NONE)
        return FAIL(diag, ERR_SYNTAX, 0, "not a cursor of a page");
    id_text(id, text);
    enum err e = put_bound(sql, "<=", ns);
    if (e == ERR_NONE)
        e = buf_printf(sql,
                       " AND (timestamp < fromUnixTimestamp64Nano(toInt64(%" PRId64
                       "), 'UTC') OR id < toUUID('%s'))",
                       ns, text);
    return e;
}

static CHECKED enum err write_rows(struct question *x, struct jsonw *w, unsigned limit,
                                   struct buf *ret_next)
{
    struct bytes in = bytes_of(buf_slice(&x->answer));
    char text[ID_TEXT_BYTES + 1];
    struct id128 id = {{0}};
    int64_t ns = 0;
    unsigned rows = 0;
    enum err e = ERR_NONE;

    for (; e == ERR_NONE && bytes_left(&in); rows++) {
        arena_reset(&x->arena);
        e = row_json(&in, &x->arena, w, &ns, &id);
    }
    if (e == ERR_NONE && ret_next && rows == limit) {
        id_text(id, text);
        e = buf_printf(ret_next, "%" PRId64 ".%s", ns, text);
    }
    return e;
}

static CHECKED enum err search_ask(struct store_client *c, struct question *x,
                                   const struct store_scope *scope, const struct store_query *q,
                                   unsigned limit, struct diag *diag)
{
    enum err e = buf_puts(&x->sql, "SELECT ");

    if (e == ERR_NONE)
        e = row_columns(&x->sql);
    if (e == ERR_NONE)
        e = put_where(x, scope, q, diag);
    if (e == ERR_NONE)
        e = put_cursor(&x->sql, q->cursor, diag);
    if (e == ERR_NONE)
        e = buf_printf(&x->sql, " ORDER BY timestamp DESC, id DESC LIMIT %u", limit);
    return e == ERR_NONE ? ask(c, x, diag) : e;
}

CHECKED enum err store_search(struct store_client *c, const struct store_scope *scope,
                              const struct store_query *q, struct buf *out_items,
                              struct buf *ret_next, struct diag *diag)
{
    unsigned limit = q->limit ? q->limit : 100;
    struct question *x = question_new();
    struct jsonw w;
    size_t before = out_items->n;
    enum err e;

    if (!x)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    if (limit > SEARCH_LIMIT_MAX)
        limit = SEARCH_LIMIT_MAX;
    e = search_ask(c, x, scope, q, limit, diag);
    if (e == ERR_NONE) {
        jsonw_init(&w, out_items);
        jsonw_array(&w);
        e = write_rows(x, &w, limit, ret_next);
        jsonw_close_array(&w);
        if (e == ERR_NONE)
            e = jsonw_end(&w);
        if (e == ERR_CORRUPT)
            e = strange(diag);
        else if (e != ERR_NONE)
            diag_set(diag, e, 0, "the events are too large for one answer: ask for fewer");
    }
    if (e != ERR_NONE)
        out_items->n = before;
    question_free(x);
    return e;
}

CHECKED enum err store_event(struct store_client *c, const struct store_scope *scope,
                             struct id128 id, struct buf *out, struct diag *diag)
{
    struct store_query q = {.query = SLICE(""), .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct question *x = question_new();
    char text[ID_TEXT_BYTES + 1];
    size_t before = out->n;
    struct jsonw w;
    enum err e;

    if (!x)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    id_text(id, text);
    e = buf_puts(&x->sql, "SELECT ");
    if (e == ERR_NONE)
        e = row_columns(&x->sql);
    if (e == ERR_NONE)
        e = put_where(x, scope, &q, diag);
    if (e == ERR_NONE)
        e = buf_printf(&x->sql, " AND id = toUUID('%s') LIMIT 1", text);
    if (e == ERR_NONE)
        e = ask(c, x, diag);
    if (e == ERR_NONE && x->answer.n == 0)
        e = FAIL(diag, ERR_NOENT, 0, "no event %s", text);
    if (e == ERR_NONE) {
        jsonw_init(&w, out);
        e = write_rows(x, &w, 2, NULL);
        if (e == ERR_NONE)
            e = jsonw_end(&w);
        if (e == ERR_CORRUPT)
            e = strange(diag);
    }
    if (e != ERR_NONE)
        out->n = before;
    question_free(x);
    return e;
}

/* ---- numbers ---- */

CHECKED enum err store_count(struct store_client *c, const struct store_scope *scope,
                             const struct store_query *q, uint64_t *ret, struct diag *diag)
{
    struct question *x = question_new();
    enum err e;

    if (!x)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    e = buf_puts(&x->sql, "SELECT count()");
    if (e == ERR_NONE)
        e = put_where(x, scope, q, diag);
    if (e == ERR_NONE)
        e = ask(c, x, diag);
    if (e == ERR_NONE) {
        struct bytes in = bytes_of(buf_slice(&x->answer));
        uint64_t n = bytes_u64(&in);
        if (bytes_all_read(&in))
            *ret = n;
        else
            e = strange(diag);
    }
    question_free(x);
    return e;
}

static CHECKED enum err finish(struct question *x, enum err e, const struct bytes *in,
                               const struct jsonw *w, struct buf *out, size_t before,
                               struct diag *diag)
{
    if (e == ERR_NONE)
        e = in->bad ? strange(diag) : jsonw_end(w);
    if (e != ERR_NONE)
        out->n = before;
    question_free(x);
    return e;
}

CHECKED enum err store_histogram(struct store_client *c, const struct store_scope *scope,
                                 const struct store_query *q, int64_t bucket_ms, struct buf *out,
                                 struct diag *diag)
{
    struct question *x;
    struct bytes in = {.bad = false};
    struct jsonw w;
    size_t before = out->n;

    if (bucket_ms < 1 || bucket_ms > INT64_C(366) * 86400000)
        return FAIL(diag, ERR_SYNTAX, 0, "a bucket lasts between 1 ms and 366 days");
    x = question_new();
    if (!x)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    enum err e = buf_printf(&x->sql,
                            "SELECT toInt64(floor(toUnixTimestamp64Milli(timestamp) / %" PRId64
                            ")) AS b, count()",
                            bucket_ms);
    if (e == ERR_NONE)
        e = put_where(x, scope, q, diag);
    if (e == ERR_NONE)
        e = buf_printf(&x->sql, " GROUP BY b ORDER BY b LIMIT %d", SEARCH_BUCKETS_MAX + 1);
    if (e == ERR_NONE)
        e = ask(c, x, diag);
    if (e == ERR_NONE && x->answer.n > 16 * SEARCH_BUCKETS_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "more than %d buckets: make them longer", SEARCH_BUCKETS_MAX);
    jsonw_init(&w, out);
    if (e == ERR_NONE) {
        in = bytes_of(buf_slice(&x->answer));
        jsonw_array(&w);
        while (bytes_left(&in) && !in.bad) {
            int64_t b = (int64_t)bytes_u64(&in);
            jsonw_object(&w);
            jsonw_ktime(&w, "time", b * bucket_ms * NS_PER_MS);
            jsonw_kint(&w, "count", (int64_t)bytes_u64(&in));
            jsonw_close_object(&w);
        }
        jsonw_close_array(&w);
    }
    return finish(x, e, &in, &w, out, before, diag);
}

/* The values of a field as text, one row each; values that a hot column could not hold are not
 * among them. *ret_present: the condition that there is a value. */
static CHECKED enum err put_values(struct question *x, struct slice field)
{
    enum field f = field_find(field);
    const struct schema_column *c = schema_column_of(f);

    if (c && c->kind == SK_LIST)
        return buf_printf(&x->sql, "arrayJoin(%s)", c->name);
    if (c && c->kind == SK_I64)
        return buf_printf(&x->sql, "if(%s = toInt64(-9223372036854775808), '', toString(%s))",
                          c->name, c->name);
    if (c && c->kind == SK_IP)
        return buf_printf(&x->sql,
                          "if(%s = toIPv6('::'), '', replaceOne(toString(%s), '::ffff:', ''))",
                          c->name, c->name);
    if (c)
        return buf_printf(&x->sql, "toString(%s)", c->name);
    if (f == F_COLOA_ORG || f == F_COLOA_SYSTEM)
        return buf_printf(&x->sql, "toString(%s)", f == F_COLOA_ORG ? "org" : "system");
    if (f != F_NONE && field_info(f)->store == FS_BASE)
        return ERR_UNSUPPORTED;
    x->params.value[x->params.n] = field;
    return buf_printf(&x->sql,
                      "arrayJoin(arrayFilter((v, k) -> k = {p%zu:String}, mapValues(fields), "
                      "mapKeys(fields)))",
                      x->params.n++);
}

CHECKED enum err store_top(struct store_client *c, const struct store_scope *scope,
                           const struct store_query *q, struct slice field, unsigned n,
                           struct buf *out, struct diag *diag)
{
    struct question *x = question_new();
    struct bytes in = {.bad = false};
    struct jsonw w;
    size_t before = out->n;

    if (!x)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    enum err e = buf_puts(&x->sql, "SELECT value, count() AS n FROM (SELECT ");
    if (e == ERR_NONE)
        e = put_values(x, field);
    if (e == ERR_UNSUPPORTED)
        e = FAIL(diag, e, 0, "no top values of %.*s", SLICE_ARG(field));
    if (e == ERR_NONE)
        e = buf_puts(&x->sql, " AS value");
    if (e == ERR_NONE)
        e = put_where(x, scope, q, diag);
    if (e == ERR_NONE)
        e = buf_printf(&x->sql,
                       ") WHERE value != '' GROUP BY value ORDER BY n DESC, value LIMIT %u",
                       n > SEARCH_TOP_MAX ? SEARCH_TOP_MAX : n);
    if (e == ERR_NONE)
        e = ask(c, x, diag);
    jsonw_init(&w, out);
    if (e == ERR_NONE) {
        in = bytes_of(buf_slice(&x->answer));
        jsonw_array(&w);
        while (bytes_left(&in) && !in.bad) {
            struct slice value = row_string(&in);
            jsonw_object(&w);
            jsonw_kstr(&w, "value", value);
            jsonw_kint(&w, "count", (int64_t)bytes_u64(&in));
            jsonw_close_object(&w);
        }
        jsonw_close_array(&w);
    }
    return finish(x, e, &in, &w, out, before, diag);
}

CHECKED enum err store_sources_seen(struct store_client *c, const struct store_scope *scope,
                                    int64_t since_ns, struct buf *out, struct diag *diag)
{
    struct question *x = question_new();
    struct bytes in = {.bad = false};
    struct jsonw w;
    size_t before = out->n;

    if (!x)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    enum err e = buf_puts(&x->sql, "SELECT org, source, toString(coloa_source) AS name, count(), "
                                   "max(ingested) FROM " SCHEMA_TABLE " WHERE ");
    if (e == ERR_NONE)
        e = put_scope(&x->sql, scope);
    if (e == ERR_NONE)
        e = buf_printf(&x->sql,
                       " AND ingested >= fromUnixTimestamp64Nano(toInt64(%" PRId64
                       "), 'UTC') GROUP BY org, source, name ORDER BY org, source, name LIMIT %d",
                       since_ns, SEARCH_LIMIT_MAX);
    if (e == ERR_NONE)
        e = ask(c, x, diag);
    jsonw_init(&w, out);
    if (e == ERR_NONE) {
        in = bytes_of(buf_slice(&x->answer));
        jsonw_array(&w);
        while (bytes_left(&in) && !in.bad) {
            jsonw_object(&w);
            jsonw_kint(&w, "org", bytes_u32(&in));
            jsonw_kint(&w, "source", bytes_u32(&in));
            jsonw_kstr(&w, "name", row_string(&in));
            jsonw_kint(&w, "count", (int64_t)bytes_u64(&in));
            jsonw_ktime(&w, "last", (int64_t)bytes_u64(&in));
            jsonw_close_object(&w);
        }
        jsonw_close_array(&w);
    }
    return finish(x, e, &in, &w, out, before, diag);
}
