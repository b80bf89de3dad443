#include "desk/system.h"

#include <stdio.h>

#include "core/clock.h"
#include "desk/desk_int.h"

static enum err fields_ok(const struct system *in, struct diag *diag)
{
    enum err e = desk_text_ok("the system's name", in->name, 1, diag);

    if (e == ERR_NONE)
        e = desk_text_ok("the owner", in->owner, 0, diag);
    if (e == ERR_NONE)
        e = desk_text_ok("the description", in->about, 0, diag);
    if (e == ERR_NONE && (in->level < 1 || in->level > 5))
        e = FAIL(diag, ERR_SYNTAX, 0, "a system has a level from 1 to 5");
    return e;
}

static enum err logged(struct desk *d, const struct desk_actor *by, uint32_t org, uint32_t id,
                       const char *action, struct slice detail, struct diag *diag)
{
    char object[24];
    int n = snprintf(object, sizeof(object), "sys_%u", (unsigned)id);

    enum err e = audit_add(d, by, org, action, (struct slice){object, (size_t)n}, detail, diag);
    return e == ERR_NONE ? desk_mark(d, PUBLISH_INVENTORY, diag) : e;
}

CHECKED enum err system_add(struct desk *d, const struct desk_actor *by, const struct system *in,
                            uint32_t *ret_id, struct diag *diag)
{
    int64_t id = 0;

    enum err e = fields_ok(in, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = desk_next(d, "system", &id, diag);
    if (e == ERR_NONE && id > UINT32_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "no system number is left");
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO systems(id, org, level, name, owner, about, created_ns, version)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)",
                   DB_ARGS(db_i(id), db_i(in->org), db_i(in->level), db_t(in->name),
                           db_t(in->owner), db_t(in->about), db_i(clock_wall_ns())),
                   NULL, diag);
    if (e == ERR_NONE)
        e = logged(d, by, in->org, (uint32_t)id, "system.add", in->name, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE)
        *ret_id = (uint32_t)id;
    return e;
}

static enum err org_of(struct desk *d, uint32_t id, int64_t *ret, struct diag *diag)
{
    enum err e =
        db_one(d->db, "SELECT org FROM systems WHERE id = ?1", DB_ARGS(db_i(id)), ret, diag);

    if (e == ERR_NOENT)
        diag_set(diag, e, 0, "there is no system %u", (unsigned)id);
    return e;
}

CHECKED enum err system_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               const struct system *in, struct diag *diag)
{
    struct query_key key = {"systems", "org", in->id, in->version, scope};
    struct query q;
    int64_t org = 0;

    enum err e = fields_ok(in, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    query_init(&q, "UPDATE systems SET version = version + 1, name = ");
    query_value(&q, db_t(in->name));
    query_sql(&q, ", level = ");
    query_value(&q, db_i(in->level));
    query_sql(&q, ", owner = ");
    query_value(&q, db_t(in->owner));
    query_sql(&q, ", about = ");
    query_value(&q, db_t(in->about));
    e = query_change(&q, d, &key, diag);
    query_done(&q);
    if (e == ERR_NONE)
        e = org_of(d, in->id, &org, diag);
    if (e == ERR_NONE)
        e = logged(d, by, (uint32_t)org, in->id, "system.change", in->name, diag);
    return desk_end(d, e, diag);
}

CHECKED enum err system_remove(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               uint32_t id, struct diag *diag)
{
    struct query q;
    int64_t org = 0;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = org_of(d, id, &org, diag);
    query_init(&q, "DELETE FROM systems");
    if (e == ERR_NONE)
        e = query_change(&q, d, &(struct query_key){"systems", "org", id, 0, scope}, diag);
    query_done(&q);
    if (e == ERR_NONE)
        e = logged(d, by, (uint32_t)org, id, "system.remove", SLICE(""), diag);
    return desk_end(d, e, diag);
}

#define SYSTEM_SELECT                                                                              \
    "SELECT id, org, level, name, owner, about, created_ns, version FROM systems WHERE 1=1 "

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct system *s = to;
    enum err e = ERR_NONE;

    s->id = (uint32_t)db_int(rows, 0);
    s->org = (uint32_t)db_int(rows, 1);
    s->level = (uint8_t)db_int(rows, 2);
    s->name = query_text(rows, 3, a, &e);
    s->owner = query_text(rows, 4, a, &e);
    s->about = query_text(rows, 5, a, &e);
    s->created_ns = db_int(rows, 6);
    s->version = (uint64_t)db_int(rows, 7);
    return e;
}

CHECKED enum err system_get(struct desk *d, struct desk_scope scope, uint32_t id, struct arena *a,
                            struct system *ret, struct diag *diag)
{
    struct query q;

    query_init(&q, SYSTEM_SELECT "AND id = ");
    query_value(&q, db_i(id));
    query_scope(&q, "org", scope);
    return query_one(&q, d, a, ret, read_row, diag);
}

CHECKED enum err system_list(struct desk *d, struct desk_scope scope, struct arena *a,
                             struct system **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct system)};
    struct query q;

    query_init(&q, SYSTEM_SELECT);
    query_scope(&q, "org", scope);
    query_sql(&q, " ORDER BY level DESC, name, id");
    enum err e = query_rows(&q, d, &list, read_row, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}
