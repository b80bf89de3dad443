#include "desk/exception.h"

#include <stdio.h>

#include "core/clock.h"
#include "desk/desk_int.h"

#define DAY_NS (86400 * NS_PER_S)

static enum err texts_ok(const struct exception *in, struct diag *diag)
{
    const struct {
        const char *what;
        struct slice text;
        size_t least;
    } texts[] = {{"the rule", in->rule_id, 1},
                 {"the reason", in->reason, 1},
                 {"the field", in->field, 0},
                 {"the source", in->source, 0}};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        enum err e = desk_text_ok(texts[i].what, texts[i].text, texts[i].least, diag);
        if (e != ERR_NONE)
            return e;
    }
    if (in->value.n > EXCEPTION_VALUE_BYTES)
        return FAIL(diag, ERR_SYNTAX, 0, "the value is longer than %d bytes",
                    EXCEPTION_VALUE_BYTES);
    return ERR_NONE;
}

static enum err fields_ok(const struct exception *in, struct diag *diag)
{
    int64_t now = clock_wall_ns();
    enum err e = texts_ok(in, diag);

    if (e == ERR_NONE && (in->field.n == 0) != (in->value.n == 0))
        e = FAIL(diag, ERR_SYNTAX, 0, "a field and its value come together");
    if (e == ERR_NONE && in->field.n == 0 && in->source.n == 0)
        e = FAIL(diag, ERR_SYNTAX, 0,
                 "an exception names a field or a source: to silence a rule as a whole, take it "
                 "out of the rules folder");
    if (e == ERR_NONE && in->ends_ns <= now)
        e = FAIL(diag, ERR_SYNTAX, 0, "the exception would have ended already");
    if (e == ERR_NONE && in->ends_ns > now + EXCEPTION_DAYS_MAX * DAY_NS)
        e = FAIL(diag, ERR_SYNTAX, 0, "an exception ends within %d days", EXCEPTION_DAYS_MAX);
    return e;
}

static enum err logged(struct desk *d, const struct desk_actor *by, uint32_t org, uint64_t id,
                       const char *action, struct slice detail, struct diag *diag)
{
    char object[32];
    int n = snprintf(object, sizeof(object), "exc_%llu", (unsigned long long)id);

    enum err e = audit_add(d, by, org, action, (struct slice){object, (size_t)n}, detail, diag);
    return e == ERR_NONE ? desk_mark(d, PUBLISH_EXCEPTIONS, diag) : e;
}

static enum err insert(struct desk *d, const struct desk_actor *by, const struct exception *in,
                       int64_t *ret_id, struct diag *diag)
{
    int64_t n = 0, id = 0, now = clock_wall_ns();

    enum err e =
        db_one(d->db, "SELECT COUNT(*) FROM exceptions WHERE ended_ns = 0 AND ends_ns > ?1",
               DB_ARGS(db_i(now)), &n, diag);
    if (e == ERR_NONE && n >= EXCEPTION_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "there are %d exceptions in force already", EXCEPTION_MAX);
    if (e == ERR_NONE)
        e = desk_next(d, "exception", &id, diag);
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO exceptions(id, org, rule_id, field, value, source, reason, author,"
                   " created_ns, ends_ns, ended_ns) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,0)",
                   DB_ARGS(db_i(id), db_ref(in->org), db_t(in->rule_id), db_t(in->field),
                           db_t(in->value), db_t(in->source), db_t(in->reason),
                           db_c(by->name ? by->name : ""), db_i(now), db_i(in->ends_ns)),
                   NULL, diag);
    if (e == ERR_NONE)
        *ret_id = id;
    return e;
}

CHECKED enum err exception_add(struct desk *d, const struct desk_actor *by,
                               const struct exception *in, uint64_t *ret_id, struct diag *diag)
{
    int64_t id = 0;

    enum err e = fields_ok(in, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = insert(d, by, in, &id, diag);
    if (e == ERR_NONE)
        e = logged(d, by, in->org, (uint64_t)id, "exception.add", in->rule_id, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE)
        *ret_id = (uint64_t)id;
    return e;
}

CHECKED enum err exception_end(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               uint64_t id, struct diag *diag)
{
    struct query q;
    int64_t changed = 0, org = 0, now = clock_wall_ns();

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    query_init(&q, "UPDATE exceptions SET ended_ns = ");
    query_value(&q, db_i(now));
    query_sql(&q, " WHERE ended_ns = 0 AND ends_ns > ");
    query_value(&q, db_i(now));
    query_sql(&q, " AND id = ");
    query_value(&q, db_i((int64_t)id));
    query_scope(&q, "org", scope);
    e = query_run(&q, d->db, &changed, diag);
    query_done(&q);
    if (e == ERR_NONE && changed == 0)
        e = FAIL(diag, ERR_NOENT, 0, "there is no such exception in force");
    if (e == ERR_NONE)
        e = db_one(d->db, "SELECT COALESCE(org, 0) FROM exceptions WHERE id = ?1",
                   DB_ARGS(db_i((int64_t)id)), &org, diag);
    if (e == ERR_NONE)
        e = logged(d, by, (uint32_t)org, id, "exception.end", SLICE(""), diag);
    return desk_end(d, e, diag);
}

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct exception *x = to;
    enum err e = ERR_NONE;

    x->id = (uint64_t)db_int(rows, 0);
    x->org = (uint32_t)db_int(rows, 1);
    x->rule_id = query_text(rows, 2, a, &e);
    x->field = query_text(rows, 3, a, &e);
    x->value = query_text(rows, 4, a, &e);
    x->source = query_text(rows, 5, a, &e);
    x->reason = query_text(rows, 6, a, &e);
    x->author = query_text(rows, 7, a, &e);
    x->created_ns = db_int(rows, 8);
    x->ends_ns = db_int(rows, 9);
    x->ended_ns = db_int(rows, 10);
    return e;
}

CHECKED enum err exception_list(struct desk *d, struct desk_scope scope, struct slice rule_id,
                                bool all, struct arena *a, struct exception **ret, size_t *ret_n,
                                struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct exception)};
    struct query q;

    query_init(&q, "SELECT id, COALESCE(org, 0), rule_id, field, value, source, reason, author,"
                   " created_ns, ends_ns, ended_ns FROM exceptions WHERE 1=1 ");
    query_scope(&q, "org", scope);
    if (rule_id.n) {
        query_sql(&q, " AND rule_id = ");
        query_value(&q, db_t(rule_id));
    }
    if (!all) {
        query_sql(&q, " AND ended_ns = 0 AND ends_ns > ");
        query_value(&q, db_i(clock_wall_ns()));
    }
    query_sql(&q, " ORDER BY id DESC LIMIT ");
    query_value(&q, db_i(EXCEPTION_MAX));
    enum err e = query_rows(&q, d, &list, read_row, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}
