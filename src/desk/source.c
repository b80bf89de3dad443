#include "desk/source.h"

#include <stdio.h>

#include "core/clock.h"
#include "desk/desk_int.h"

static const char *const status_names[SOURCE_STATUS_N] = {"discovered", "registered", "disabled"};
static const char others[] = "(others)";

const char *source_status_name(enum source_status s)
{
    return (size_t)s < SOURCE_STATUS_N ? status_names[s] : "";
}

static enum err fields_ok(const struct source *in, struct diag *diag)
{
    const struct {
        const char *what;
        struct slice s;
    } texts[] = {{"the input", in->input},
                 {"the match", in->match},
                 {"the time zone", in->tz},
                 {"the format", in->format}};
    enum err e = desk_text_ok("the source's name", in->name, 1, diag);

    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(texts); i++)
        e = desk_text_ok(texts[i].what, texts[i].s, 0, diag);
    if (e == ERR_NONE && (size_t)in->status >= SOURCE_STATUS_N)
        e = FAIL(diag, ERR_SYNTAX, 0, "not a status of a source");
    return e;
}

/* A source's system belongs to its organisation, or watch would attribute events across tenants. */
static enum err system_ok(struct desk *d, const struct source *in, struct diag *diag)
{
    int64_t n = 1;
    enum err e = ERR_NONE;

    if (in->system)
        e = db_one(d->db, "SELECT COUNT(*) FROM systems WHERE id = ?1 AND org = ?2",
                   DB_ARGS(db_i(in->system), db_i(in->org)), &n, diag);
    if (e == ERR_NONE && n == 0)
        e = FAIL(diag, ERR_SYNTAX, 0, "system %u is not one of organisation %u",
                 (unsigned)in->system, (unsigned)in->org);
    return e;
}

static enum err insert(struct desk *d, const struct source *in, int64_t *ret_id, struct diag *diag)
{
    int64_t id = 0;

    enum err e = desk_next(d, "source", &id, diag);
    if (e == ERR_NONE && id > UINT32_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "no source number is left");
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO sources(id, org, sys, status, name, input, matching, tz, format,"
                   " first_ns, last_ns, events, errors, created_ns, version)"
                   " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,1)",
                   DB_ARGS(db_i(id), db_i(in->org), db_ref(in->system), db_i(in->status),
                           db_t(in->name), db_t(in->input), db_t(in->match), db_t(in->tz),
                           db_t(in->format), db_i(in->first_ns), db_i(in->last_ns),
                           db_i((int64_t)in->events), db_i((int64_t)in->errors),
                           db_i(clock_wall_ns())),
                   NULL, diag);
    if (e == ERR_NONE) {
        desk_tell(d, DESK_SOURCES, true, (uint64_t)id, in->org);
        *ret_id = id;
    }
    return e;
}

static enum err logged(struct desk *d, const struct desk_actor *by, uint32_t org, uint32_t id,
                       const char *action, struct slice detail, struct diag *diag)
{
    char object[24];
    int n = snprintf(object, sizeof(object), "src_%u", (unsigned)id);

    enum err e = audit_add(d, by, org, action, (struct slice){object, (size_t)n}, detail, diag);
    if (e == ERR_NONE)
        e = desk_mark(d, PUBLISH_INVENTORY, diag);
    /* The access snapshot holds the numbers of the sources that tokens name. */
    return e == ERR_NONE ? desk_mark(d, PUBLISH_ACCESS, diag) : e;
}

CHECKED enum err source_add(struct desk *d, const struct desk_actor *by, const struct source *in,
                            uint32_t *ret_id, struct diag *diag)
{
    struct source fresh = *in;
    int64_t id = 0;

    enum err e = fields_ok(in, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    fresh.first_ns = fresh.last_ns = 0;
    fresh.events = fresh.errors = 0;
    e = system_ok(d, in, diag);
    if (e == ERR_NONE)
        e = insert(d, &fresh, &id, diag);
    if (e == ERR_NONE)
        e = logged(d, by, in->org, (uint32_t)id, "source.add", in->name, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE)
        *ret_id = (uint32_t)id;
    return e;
}

static void build_change(struct query *q, const struct source *in)
{
    const struct {
        const char *col;
        struct db_value v;
    } cols[] = {
        {", org = ", db_i(in->org)},       {", sys = ", db_ref(in->system)},
        {", status = ", db_i(in->status)}, {", name = ", db_t(in->name)},
        {", input = ", db_t(in->input)},   {", matching = ", db_t(in->match)},
        {", tz = ", db_t(in->tz)},         {", format = ", db_t(in->format)},
    };

    query_init(q, "UPDATE sources SET version = version + 1");
    for (size_t i = 0; i < ARRAY_LEN(cols); i++) {
        query_sql(q, cols[i].col);
        query_value(q, cols[i].v);
    }
}

CHECKED enum err source_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               const struct source *in, struct diag *diag)
{
    struct query_key key = {"sources", "org", in->id, in->version, scope};
    struct query q;

    enum err e = fields_ok(in, diag);
    if (e == ERR_NONE && !desk_scope_has(scope, in->org))
        e = FAIL(diag, ERR_NOENT, 0, "there is no organisation %u", (unsigned)in->org);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = system_ok(d, in, diag);
    build_change(&q, in);
    if (e == ERR_NONE)
        e = query_change(&q, d, &key, diag);
    query_done(&q);
    if (e == ERR_NONE)
        e = logged(d, by, in->org, in->id, "source.change", in->name, diag);
    if (e == ERR_NONE)
        desk_tell(d, DESK_SOURCES, false, in->id, in->org);
    return desk_end(d, e, diag);
}

CHECKED enum err source_remove(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               uint32_t id, struct diag *diag)
{
    struct query q;
    int64_t org = 0;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_one(d->db, "SELECT org FROM sources WHERE id = ?1", DB_ARGS(db_i(id)), &org, diag);
    if (e == ERR_NOENT)
        diag_set(diag, e, 0, "there is no source %u", (unsigned)id);
    query_init(&q, "DELETE FROM sources");
    if (e == ERR_NONE)
        e = query_change(&q, d, &(struct query_key){"sources", "org", id, 0, scope}, diag);
    query_done(&q);
    if (e == ERR_NONE)
        e = logged(d, by, (uint32_t)org, id, "source.remove", SLICE(""), diag);
    if (e == ERR_NONE)
        desk_tell(d, DESK_SOURCES, false, id, (uint32_t)org);
    return desk_end(d, e, diag);
}

#define SOURCE_SELECT                                                                              \
    "SELECT id, org, COALESCE(sys, 0), status, name, input, matching, tz, format, first_ns,"       \
    " last_ns, events, errors, created_ns, version FROM sources WHERE 1=1 "

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct source *s = to;
    enum err e = ERR_NONE;

    s->id = (uint32_t)db_int(rows, 0);
    s->org = (uint32_t)db_int(rows, 1);
    s->system = (uint32_t)db_int(rows, 2);
    s->status = (enum source_status)db_int(rows, 3);
    s->name = query_text(rows, 4, a, &e);
    s->input = query_text(rows, 5, a, &e);
    s->match = query_text(rows, 6, a, &e);
    s->tz = query_text(rows, 7, a, &e);
    s->format = query_text(rows, 8, a, &e);
    s->first_ns = db_int(rows, 9);
    s->last_ns = db_int(rows, 10);
    s->events = (uint64_t)db_int(rows, 11);
    s->errors = (uint64_t)db_int(rows, 12);
    s->created_ns = db_int(rows, 13);
    s->version = (uint64_t)db_int(rows, 14);
    return e;
}

CHECKED enum err source_get(struct desk *d, struct desk_scope scope, uint32_t id, struct arena *a,
                            struct source *ret, struct diag *diag)
{
    struct query q;

    query_init(&q, SOURCE_SELECT "AND id = ");
    query_value(&q, db_i(id));
    query_scope(&q, "org", scope);
    return query_one(&q, d, a, ret, read_row, diag);
}

CHECKED enum err source_list(struct desk *d, struct desk_scope scope,
                             const struct source_filter *filter, struct arena *a,
                             struct source **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct source)};
    struct buf pattern;
    struct query q;

    buf_init(&pattern, 4 * DESK_TEXT_BYTES_MAX);
    query_init(&q, SOURCE_SELECT);
    query_scope(&q, "org", scope);
    if (filter->status >= 0) {
        query_sql(&q, " AND status = ");
        query_value(&q, db_i(filter->status));
    }
    if (filter->system) {
        query_sql(&q, " AND sys = ");
        query_value(&q, db_i(filter->system));
    }
    query_like(&q, "lower(name)", filter->text, &pattern);
    query_sql(&q, " AND id > ");
    query_value(&q, db_i(filter->after));
    query_sql(&q, " ORDER BY id LIMIT ");
    query_value(&q, db_i((int64_t)desk_limit(filter->limit)));
    enum err e = query_rows(&q, d, &list, read_row, diag);
    buf_done(&pattern);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}

/* The row that counts for it, 0 if none. */
static enum err find(struct desk *d, const struct source *seen, int64_t *ret_id, struct diag *diag)
{
    int64_t id = 0;
    enum err e = ERR_NOENT;

    if (seen->id)
        e = db_one(d->db, "SELECT id FROM sources WHERE id = ?1", DB_ARGS(db_i(seen->id)), &id,
                   NULL);
    if (e == ERR_NOENT)
        e = db_one(d->db,
                   "SELECT id FROM sources WHERE org = ?1 AND name = ?2 AND input IN (?3, '')"
                   " ORDER BY input DESC LIMIT 1",
                   DB_ARGS(db_i(seen->org), db_t(seen->name), db_t(seen->input)), &id, diag);
    if (e != ERR_NONE && e != ERR_NOENT)
        return e;
    *ret_id = e == ERR_NONE ? id : 0;
    return ERR_NONE;
}

static enum err discover(struct desk *d, const struct source *seen, struct diag *diag)
{
    struct source fresh = {
        .org = seen->org,
        .system = seen->system,
        .status = SOURCE_DISCOVERED,
        .name = seen->name,
        .input = seen->input,
        .first_ns = seen->last_ns,
        .last_ns = seen->last_ns,
        .events = seen->events,
        .errors = seen->errors,
    };
    int64_t n = 0, id = 0;

    enum err e = db_one(d->db, "SELECT COUNT(*) FROM sources WHERE status = ?1",
                        DB_ARGS(db_i(SOURCE_DISCOVERED)), &n, diag);
    if (e == ERR_NONE && n >= SOURCE_DISCOVERED_MAX && !slice_eq(seen->name, slice_of(others))) {
        fresh.name = slice_of(others);
        fresh.input = SLICE("");
        fresh.system = 0;
        return source_count(d, &fresh, diag);
    }
    if (e == ERR_NONE && system_ok(d, &fresh, NULL) != ERR_NONE)
        fresh.system = 0;
    return e == ERR_NONE ? insert(d, &fresh, &id, diag) : e;
}

CHECKED enum err source_count(struct desk *d, const struct source *seen, struct diag *diag)
{
    int64_t id = 0;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = find(d, seen, &id, diag);
    if (e == ERR_NONE && id == 0) {
        e = discover(d, seen, diag);
    } else if (e == ERR_NONE) {
        e = db_run(d->db,
                   "UPDATE sources SET events = CASE WHEN events > ?5 THEN events ELSE events + ?2"
                   " END, errors = CASE WHEN errors > ?5 THEN errors ELSE errors + ?3 END,"
                   " first_ns = CASE WHEN first_ns = 0 THEN ?4 ELSE first_ns END,"
                   " last_ns = CASE WHEN last_ns < ?4 THEN ?4 ELSE last_ns END WHERE id = ?1",
                   DB_ARGS(db_i(id), db_i((int64_t)seen->events), db_i((int64_t)seen->errors),
                           db_i(seen->last_ns), db_i(INT64_MAX / 2)),
                   NULL, diag);
        desk_tell(d, DESK_SOURCES, false, (uint64_t)id, seen->org);
    }
    return desk_end(d, e, diag);
}
