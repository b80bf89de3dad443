#include "desk/user.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "desk/desk_int.h"
#include "desk/password.h"
#include "desk/session.h"

enum { LOGIN_BYTES_MAX = 64 };

static const char *const role_names[USER_ROLE_N] = {
    "viewer", "analyst", "lead", "officer", "manager", "engineer", "assessor", "admin", "machine"};

const char *user_role_name(enum user_role r)
{
    return (size_t)r < USER_ROLE_N ? role_names[r] : "";
}

CHECKED bool user_role_parse(struct slice s, enum user_role *ret)
{
    for (size_t i = 0; i < USER_ROLE_N; i++)
        if (slice_eq(s, slice_of(role_names[i]))) {
            *ret = (enum user_role)i;
            return true;
        }
    return false;
}

/* Folded to lower case into `to`; *ret views it. */
static enum err login_fold(struct slice s, char to[static LOGIN_BYTES_MAX], struct slice *ret,
                           struct diag *diag)
{
    if (s.n == 0 || s.n > LOGIN_BYTES_MAX)
        return FAIL(diag, ERR_SYNTAX, 0, "a login has 1 to %d bytes", LOGIN_BYTES_MAX);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
            c != '-' && c != '@')
            return FAIL(diag, ERR_SYNTAX, i, "a login has only a-z, 0-9 and . _ - @");
        to[i] = c;
    }
    *ret = (struct slice){to, s.n};
    return ERR_NONE;
}

static enum err fields_ok(const struct user *in, struct diag *diag)
{
    enum err e = desk_text_ok("the name", in->name, 0, diag);

    if (e == ERR_NONE && !slice_eq(in->locale, SLICE("vi")) && !slice_eq(in->locale, SLICE("en")))
        e = FAIL(diag, ERR_SYNTAX, 0, "the language is vi or en");
    if (e == ERR_NONE && ((size_t)in->role >= USER_ROLE_N || in->role == USER_MACHINE))
        e = FAIL(diag, ERR_SYNTAX, 0, "not a role of a person");
    if (e == ERR_NONE && in->org == ORG_UNASSIGNED)
        e = FAIL(diag, ERR_SYNTAX, 0, "nobody belongs to the organisation \"unassigned\"");
    return e;
}

static enum err logged(struct desk *d, const struct desk_actor *by, uint32_t org, uint64_t id,
                       const char *action, struct slice detail, struct diag *diag)
{
    char object[32];
    int n = snprintf(object, sizeof(object), "usr_%llu", (unsigned long long)id);

    return audit_add(d, by, org, action, (struct slice){object, (size_t)n}, detail, diag);
}

CHECKED enum err user_add(struct desk *d, const struct desk_actor *by, const struct user *in,
                          struct slice password, uint64_t *ret_id, struct diag *diag)
{
    char folded[LOGIN_BYTES_MAX], hash[SECRET_HASH_BYTES] = "";
    struct slice login;
    int64_t id = 0;

    enum err e = login_fold(in->login, folded, &login, diag);
    if (e == ERR_NONE)
        e = fields_ok(in, diag);
    if (e == ERR_NONE && password.n)
        e = password_hash(password, login, hash, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = desk_next(d, "user", &id, diag);
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO users(id, org, login, name, role, locale, password, must_change,"
                   " disabled, created_ns, last_login_ns, version)"
                   " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,0,1)",
                   DB_ARGS(db_i(id), db_ref(in->org), db_t(login), db_t(in->name), db_i(in->role),
                           db_t(in->locale), db_c(hash), db_i(in->must_change), db_i(in->disabled),
                           db_i(clock_wall_ns())),
                   NULL, diag);
    if (e == ERR_NONE)
        e = logged(d, by, in->org, (uint64_t)id, "user.add", login, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE)
        *ret_id = (uint64_t)id;
    return e;
}

/* After a change, inside its transaction: somebody must be left who can undo it. */
static enum err admin_left(struct desk *d, struct diag *diag)
{
    int64_t admins = 0;

    enum err e =
        db_one(d->db, "SELECT COUNT(*) FROM users WHERE role = ?1 AND disabled = 0 AND org IS NULL",
               DB_ARGS(db_i(USER_ADMIN)), &admins, diag);
    if (e == ERR_NONE && admins == 0)
        e = FAIL(diag, ERR_CONFLICT, 0, "the last administrator of the installation has to stay");
    return e;
}

CHECKED enum err user_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                             const struct user *in, struct diag *diag)
{
    struct query_key key = {"users", "org", (int64_t)in->id, in->version, scope};
    struct query q;

    enum err e = fields_ok(in, diag);
    if (e == ERR_NONE && !scope.all && !desk_scope_has(scope, in->org))
        e = FAIL(diag, ERR_NOENT, 0, "there is no organisation %u", (unsigned)in->org);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    query_init(&q, "UPDATE users SET version = version + 1, name = ");
    query_value(&q, db_t(in->name));
    query_sql(&q, ", role = ");
    query_value(&q, db_i(in->role));
    query_sql(&q, ", org = ");
    query_value(&q, db_ref(in->org));
    query_sql(&q, ", locale = ");
    query_value(&q, db_t(in->locale));
    query_sql(&q, ", disabled = ");
    query_value(&q, db_i(in->disabled));
    e = query_change(&q, d, &key, diag);
    query_done(&q);
    if (e == ERR_NONE)
        e = admin_left(d, diag);
    if (e == ERR_NONE && in->disabled)
        e = session_revoke_all(d, in->id, SLICE(""), diag);
    if (e == ERR_NONE)
        e = logged(d, by, in->org, in->id, "user.change", slice_of(user_role_name(in->role)), diag);
    return desk_end(d, e, diag);
}

CHECKED enum err user_remove(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                             uint64_t id, struct diag *diag)
{
    struct query q;
    int64_t org = 0;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_one(d->db, "SELECT COALESCE(org, 0) FROM users WHERE id = ?1",
               DB_ARGS(db_i((int64_t)id)), &org, diag);
    query_init(&q, "DELETE FROM users");
    if (e == ERR_NONE)
        e = query_change(&q, d, &(struct query_key){"users", "org", (int64_t)id, 0, scope}, diag);
    query_done(&q);
    if (e == ERR_NONE)
        e = admin_left(d, diag);
    if (e == ERR_NONE)
        e = logged(d, by, (uint32_t)org, id, "user.remove", SLICE(""), diag);
    return desk_end(d, e, diag);
}

#define USER_SELECT                                                                                \
    "SELECT id, COALESCE(org, 0), role, disabled, must_change, login, name, locale, created_ns,"   \
    " last_login_ns, version FROM users WHERE 1=1 "

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct user *u = to;
    enum err e = ERR_NONE;

    u->id = (uint64_t)db_int(rows, 0);
    u->org = (uint32_t)db_int(rows, 1);
    u->role = (enum user_role)db_int(rows, 2);
    u->disabled = db_int(rows, 3) != 0;
    u->must_change = db_int(rows, 4) != 0;
    u->login = query_text(rows, 5, a, &e);
    u->name = query_text(rows, 6, a, &e);
    u->locale = query_text(rows, 7, a, &e);
    u->created_ns = db_int(rows, 8);
    u->last_login_ns = db_int(rows, 9);
    u->version = (uint64_t)db_int(rows, 10);
    return e;
}

CHECKED enum err user_get(struct desk *d, struct desk_scope scope, uint64_t id, struct arena *a,
                          struct user *ret, struct diag *diag)
{
    struct query q;

    query_init(&q, USER_SELECT "AND id = ");
    query_value(&q, db_i((int64_t)id));
    query_scope(&q, "org", scope);
    return query_one(&q, d, a, ret, read_row, diag);
}

CHECKED enum err user_find(struct desk *d, struct slice login, struct arena *a, struct user *ret,
                           struct diag *diag)
{
    char folded[LOGIN_BYTES_MAX];
    struct query q;

    if (login_fold(login, folded, &login, NULL) != ERR_NONE)
        return FAIL(diag, ERR_NOENT, 0, "there is nobody of that login");
    query_init(&q, USER_SELECT "AND login = ");
    query_value(&q, db_t(login));
    return query_one(&q, d, a, ret, read_row, diag);
}

CHECKED enum err user_list(struct desk *d, struct desk_scope scope, struct arena *a,
                           struct user **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct user)};
    struct query q;

    query_init(&q, USER_SELECT);
    query_scope(&q, "org", scope);
    query_sql(&q, " ORDER BY login");
    enum err e = query_rows(&q, d, &list, read_row, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}

static enum err set_password(struct desk *d, const struct desk_actor *by, const struct user *u,
                             const char *hash, bool must_change, struct slice keep,
                             struct diag *diag)
{
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_run(d->db,
               "UPDATE users SET password = ?2, must_change = ?3, version = version + 1"
               " WHERE id = ?1",
               DB_ARGS(db_i((int64_t)u->id), db_c(hash), db_i(must_change)), NULL, diag);
    if (e == ERR_NONE)
        e = session_revoke_all(d, u->id, keep, diag);
    if (e == ERR_NONE)
        e = logged(d, by, u->org, u->id, "user.password", SLICE(""), diag);
    return desk_end(d, e, diag);
}

CHECKED enum err user_password(struct desk *d, const struct desk_actor *by, uint64_t id,
                               struct slice password, bool must_change, struct diag *diag)
{
    char hash[SECRET_HASH_BYTES];
    struct arena a;
    struct user u;

    arena_init(&a, 64 << 10);
    enum err e = user_get(d, DESK_SCOPE_ALL, id, &a, &u, diag);
    if (e == ERR_NONE)
        e = password_hash(password, u.login, hash, diag);
    if (e == ERR_NONE)
        e = set_password(d, by, &u, hash, must_change, SLICE(""), diag);
    arena_done(&a);
    return e;
}

static enum err read_hash(const struct db_rows *rows, struct arena *a, void *to)
{
    struct slice s = db_text(rows, 0);

    (void)a;
    if (s.n >= SECRET_HASH_BYTES)
        return ERR_CORRUPT;
    memcpy(to, s.p, s.n);
    ((char *)to)[s.n] = 0;
    return ERR_NONE;
}

CHECKED enum err user_password_own(struct desk *d, const struct desk_actor *by, uint64_t id,
                                   struct slice old, struct slice fresh, struct slice keep,
                                   struct diag *diag)
{
    char hash[SECRET_HASH_BYTES] = "";
    struct arena a;
    struct query q;
    struct user u;

    if (slice_eq(old, fresh))
        return FAIL(diag, ERR_SYNTAX, 0, "the new password is the old one");
    arena_init(&a, 64 << 10);
    enum err e = user_get(d, DESK_SCOPE_ALL, id, &a, &u, diag);
    if (e == ERR_NONE) {
        query_init(&q, "SELECT password FROM users WHERE id = ");
        query_value(&q, db_i((int64_t)id));
        e = query_one(&q, d, &a, hash, read_hash, diag);
    }
    if (e == ERR_NONE)
        e = password_check(hash, old, diag);
    if (e == ERR_NONE)
        e = password_hash(fresh, u.login, hash, diag);
    if (e == ERR_NONE)
        e = set_password(d, by, &u, hash, false, keep, diag);
    arena_done(&a);
    return e;
}

CHECKED enum err user_locale(struct desk *d, uint64_t id, struct slice locale, struct diag *diag)
{
    int64_t changed = 0;

    if (!slice_eq(locale, SLICE("vi")) && !slice_eq(locale, SLICE("en")))
        return FAIL(diag, ERR_SYNTAX, 0, "the language is vi or en");
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_run(d->db, "UPDATE users SET locale = ?2 WHERE id = ?1",
               DB_ARGS(db_i((int64_t)id), db_t(locale)), &changed, diag);
    if (e == ERR_NONE && changed == 0)
        e = FAIL(diag, ERR_NOENT, 0, "there is no such user");
    return desk_end(d, e, diag);
}
