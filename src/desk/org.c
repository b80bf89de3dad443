#include "desk/org.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "desk/desk_int.h"

enum { SLUG_BYTES_MAX = 64 };

static enum err slug_ok(struct slice s, struct diag *diag)
{
    bool letter = false;

    for (size_t i = 0; i < s.n; i++) {
        bool lower = s.p[i] >= 'a' && s.p[i] <= 'z';
        if (!lower && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-')
            return FAIL(diag, ERR_SYNTAX, i, "a short name has only a-z, 0-9 and -");
        letter = letter || lower;
    }
    if (s.n == 0 || s.n > SLUG_BYTES_MAX || !letter)
        return FAIL(diag, ERR_SYNTAX, 0, "a short name has 1 to %d bytes and a letter",
                    SLUG_BYTES_MAX);
    return ERR_NONE;
}

/* Walks up: the tree stays a tree, of bounded depth. */
static enum err parent_ok(struct desk *d, uint32_t id, uint32_t parent, struct diag *diag)
{
    int64_t up = parent;

    for (unsigned depth = 1; up; depth++) {
        if (up == id)
            return FAIL(diag, ERR_CONFLICT, 0, "an organisation can't be below itself");
        if (up == ORG_UNASSIGNED || depth >= ORG_DEPTH_MAX)
            return FAIL(diag, ERR_LIMIT, 0, "the tree has at most %d levels, and none below 1",
                        ORG_DEPTH_MAX);
        enum err e = db_one(d->db, "SELECT COALESCE(parent, 0) FROM orgs WHERE id = ?1",
                            DB_ARGS(db_i(up)), &up, diag);
        if (e != ERR_NONE)
            return FAIL(diag, e, 0, "there is no organisation %lld", (long long)up);
    }
    return ERR_NONE;
}

static enum err texts_ok(const struct org *in, struct diag *diag)
{
    enum err e = slug_ok(in->slug, diag);

    if (e == ERR_NONE)
        e = desk_text_ok("the name", in->name, 1, diag);
    if (e == ERR_NONE)
        e = desk_text_ok("the English name", in->name_en, 0, diag);
    return e;
}

static enum err logged(struct desk *d, const struct desk_actor *by, uint32_t id, const char *action,
                       struct slice detail, struct diag *diag)
{
    char object[24];
    int n = snprintf(object, sizeof(object), "org_%u", (unsigned)id);

    enum err e = audit_add(d, by, id, action, (struct slice){object, (size_t)n}, detail, diag);
    return e == ERR_NONE ? desk_mark(d, PUBLISH_INVENTORY, diag) : e;
}

CHECKED enum err org_add(struct desk *d, const struct desk_actor *by, const struct org *in,
                         uint32_t *ret_id, struct diag *diag)
{
    int64_t id = 0, n = 0;

    enum err e = texts_ok(in, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_one(d->db, "SELECT COUNT(*) FROM orgs", DB_NONE, &n, diag);
    if (e == ERR_NONE && n >= ORG_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "there are %d organisations already", ORG_MAX);
    if (e == ERR_NONE)
        e = parent_ok(d, 0, in->parent, diag);
    if (e == ERR_NONE)
        e = desk_next(d, "org", &id, diag);
    if (e == ERR_NONE && id > UINT32_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "no organisation number is left");
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO orgs(id, parent, slug, name, name_en, created_ns, version)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)",
                   DB_ARGS(db_i(id), db_ref(in->parent), db_t(in->slug), db_t(in->name),
                           db_t(in->name_en), db_i(clock_wall_ns())),
                   NULL, diag);
    if (e == ERR_NONE)
        e = logged(d, by, (uint32_t)id, "org.add", in->slug, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE)
        *ret_id = (uint32_t)id;
    return e;
}

CHECKED enum err org_change(struct desk *d, const struct desk_actor *by, const struct org *in,
                            struct diag *diag)
{
    struct query q;

    enum err e = texts_ok(in, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = parent_ok(d, in->id, in->parent, diag);
    query_init(&q, "UPDATE orgs SET version = version + 1, slug = ");
    query_value(&q, db_t(in->slug));
    query_sql(&q, ", name = ");
    query_value(&q, db_t(in->name));
    query_sql(&q, ", name_en = ");
    query_value(&q, db_t(in->name_en));
    query_sql(&q, ", parent = ");
    query_value(&q, db_ref(in->parent));
    if (e == ERR_NONE)
        e = query_change(&q, d,
                         &(struct query_key){.table = "orgs", .id = in->id, .version = in->version},
                         diag);
    query_done(&q);
    if (e == ERR_NONE)
        e = logged(d, by, in->id, "org.change", in->slug, diag);
    return desk_end(d, e, diag);
}

CHECKED enum err org_remove(struct desk *d, const struct desk_actor *by, uint32_t id,
                            struct diag *diag)
{
    int64_t changed = 0;

    if (id == ORG_UNASSIGNED || id == ORG_DEFAULT)
        return FAIL(diag, ERR_DENIED, 0, "organisation %u can't be removed", (unsigned)id);
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_run(d->db, "DELETE FROM orgs WHERE id = ?1", DB_ARGS(db_i(id)), &changed, diag);
    if (e == ERR_CONFLICT)
        diag_set(diag, e, 0,
                 "the organisation still has units, systems, sources, alerts, people or "
                 "tokens");
    if (e == ERR_NONE && changed == 0)
        e = FAIL(diag, ERR_NOENT, 0, "there is no organisation %u", (unsigned)id);
    if (e == ERR_NONE)
        e = logged(d, by, id, "org.remove", SLICE(""), diag);
    return desk_end(d, e, diag);
}

#define ORG_SELECT                                                                                 \
    "SELECT id, COALESCE(parent, 0), slug, name, name_en, created_ns, version FROM orgs WHERE "    \
    "1=1 "

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct org *o = to;
    enum err e = ERR_NONE;

    o->id = (uint32_t)db_int(rows, 0);
    o->parent = (uint32_t)db_int(rows, 1);
    o->slug = query_text(rows, 2, a, &e);
    o->name = query_text(rows, 3, a, &e);
    o->name_en = query_text(rows, 4, a, &e);
    o->created_ns = db_int(rows, 5);
    o->version = (uint64_t)db_int(rows, 6);
    return e;
}

CHECKED enum err org_get(struct desk *d, struct desk_scope scope, uint32_t id, struct arena *a,
                         struct org *ret, struct diag *diag)
{
    struct query q;

    query_init(&q, ORG_SELECT "AND id = ");
    query_value(&q, db_i(id));
    query_scope(&q, "id", scope);
    return query_one(&q, d, a, ret, read_row, diag);
}

CHECKED enum err org_find(struct desk *d, struct slice slug_or_id, uint32_t *ret, struct diag *diag)
{
    uint64_t number = 0;
    int64_t id = 0;

    if (!slice_to_u64(slug_or_id, &number) || number > UINT32_MAX)
        number = 0;
    desk_lock(d);
    enum err e = db_one(d->db, "SELECT id FROM orgs WHERE id = ?1 OR slug = ?2",
                        DB_ARGS(db_i((int64_t)number), db_t(slug_or_id)), &id, NULL);
    desk_unlock(d);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "there is no organisation \"%.*s\"",
                    (int)(slug_or_id.n < 60 ? slug_or_id.n : 60), slug_or_id.p ? slug_or_id.p : "");
    *ret = (uint32_t)id;
    return ERR_NONE;
}

CHECKED enum err org_list(struct desk *d, struct desk_scope scope, struct arena *a,
                          struct org **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct org)};
    struct query q;

    query_init(&q, ORG_SELECT);
    query_scope(&q, "id", scope);
    query_sql(&q, " ORDER BY name, id");
    enum err e = query_rows(&q, d, &list, read_row, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}

static enum err read_id(const struct db_rows *rows, struct arena *a, void *to)
{
    (void)a;
    *(uint32_t *)to = (uint32_t)db_int(rows, 0);
    return ERR_NONE;
}

CHECKED enum err org_scope(struct desk *d, uint32_t org, struct arena *a, struct desk_scope *ret,
                           struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(uint32_t)};
    struct query q;

    if (org == ORG_INVALID) {
        *ret = DESK_SCOPE_ALL;
        return ERR_NONE;
    }
    query_init(&q, "WITH RECURSIVE below(id) AS (SELECT id FROM orgs WHERE id = ");
    query_value(&q, db_i(org));
    query_sql(&q, " UNION SELECT o.id FROM orgs o JOIN below b ON o.parent = b.id)"
                  " SELECT id FROM below ORDER BY id");
    enum err e = query_rows(&q, d, &list, read_id, diag);
    if (e != ERR_NONE)
        return e;
    *ret = (struct desk_scope){.orgs = list.rows, .n = list.n};
    return ERR_NONE;
}
