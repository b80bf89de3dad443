#include "desk/token.h"

#include <stdio.h>

#include "core/clock.h"
#include "desk/desk_int.h"
#include "desk/secret.h"

static const char prefix[] = "coloa_";
enum { USED_STEP_S = 60 };

static enum err fields_ok(const struct token *in, struct diag *diag)
{
    enum err e = desk_text_ok("the token's name", in->name, 1, diag);

    if (e == ERR_NONE)
        e = desk_text_ok("the source", in->source, 0, diag);
    if (e == ERR_NONE && (size_t)in->role >= USER_ROLE_N)
        e = FAIL(diag, ERR_SYNTAX, 0, "not a role");
    if (e == ERR_NONE && in->role == USER_MACHINE && in->org == ORG_INVALID)
        e = FAIL(diag, ERR_SYNTAX, 0, "a machine's token belongs to an organisation");
    if (e == ERR_NONE && in->expires_ns && in->expires_ns <= clock_wall_ns())
        e = FAIL(diag, ERR_SYNTAX, 0, "the token would have expired already");
    return e;
}

static enum err logged(struct desk *d, const struct desk_actor *by, uint32_t org, uint64_t id,
                       const char *action, struct slice detail, struct diag *diag)
{
    char object[32];
    int n = snprintf(object, sizeof(object), "tok_%llu", (unsigned long long)id);

    enum err e = audit_add(d, by, org, action, (struct slice){object, (size_t)n}, detail, diag);
    return e == ERR_NONE ? desk_mark(d, PUBLISH_ACCESS, diag) : e;
}

static enum err insert(struct desk *d, const struct token *in, const char *hash, int64_t *ret_id,
                       struct diag *diag)
{
    int64_t n = 0, id = 0;

    enum err e =
        db_one(d->db, "SELECT COUNT(*) FROM tokens WHERE revoked_ns = 0", DB_NONE, &n, diag);
    if (e == ERR_NONE && n >= TOKEN_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "there are %d tokens already", TOKEN_MAX);
    if (e == ERR_NONE)
        e = desk_next(d, "token", &id, diag);
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO tokens(id, org, role, name, source, rate, sha256, expires_ns,"
                   " created_ns, revoked_ns, used_ns) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,0,0)",
                   DB_ARGS(db_i(id), db_ref(in->org), db_i(in->role), db_t(in->name),
                           db_t(in->source), db_i(in->rate), db_c(hash), db_i(in->expires_ns),
                           db_i(clock_wall_ns())),
                   NULL, diag);
    if (e == ERR_NONE)
        *ret_id = id;
    return e;
}

CHECKED enum err token_add(struct desk *d, const struct desk_actor *by, const struct token *in,
                           uint64_t *ret_id, char ret_secret[static TOKEN_TEXT_BYTES + 1],
                           struct diag *diag)
{
    char random[SECRET_TEXT_BYTES + 1], secret[TOKEN_TEXT_BYTES + 1], hash[SECRET_HEX_BYTES + 1];
    int64_t id = 0;

    enum err e = fields_ok(in, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    secret_text(random);
    (void)snprintf(secret, sizeof(secret), "%s%s", prefix, random);
    secret_sha256(slice_of(secret), hash);
    e = insert(d, in, hash, &id, diag);
    if (e == ERR_NONE)
        e = logged(d, by, in->org, (uint64_t)id, "token.add", in->name, diag);
    e = desk_end(d, e, diag);
    if (e != ERR_NONE)
        return e;
    if (ret_id)
        *ret_id = (uint64_t)id;
    memcpy(ret_secret, secret, sizeof(secret));
    return ERR_NONE;
}

CHECKED enum err token_revoke(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                              uint64_t id, struct diag *diag)
{
    struct query q;
    int64_t changed = 0, org = 0;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    query_init(&q, "UPDATE tokens SET revoked_ns = ");
    query_value(&q, db_i(clock_wall_ns()));
    query_sql(&q, " WHERE revoked_ns = 0 AND id = ");
    query_value(&q, db_i((int64_t)id));
    query_scope(&q, "org", scope);
    e = query_run(&q, d->db, &changed, diag);
    query_done(&q);
    if (e == ERR_NONE && changed == 0)
        e = FAIL(diag, ERR_NOENT, 0, "there is no such token in force");
    if (e == ERR_NONE)
        e = db_one(d->db, "SELECT COALESCE(org, 0) FROM tokens WHERE id = ?1",
                   DB_ARGS(db_i((int64_t)id)), &org, diag);
    if (e == ERR_NONE)
        e = logged(d, by, (uint32_t)org, id, "token.revoke", SLICE(""), diag);
    return desk_end(d, e, diag);
}

#define TOKEN_SELECT                                                                               \
    "SELECT id, COALESCE(org, 0), role, name, source, rate, expires_ns, created_ns, revoked_ns,"   \
    " used_ns FROM tokens WHERE 1=1 "

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct token *t = to;
    enum err e = ERR_NONE;

    t->id = (uint64_t)db_int(rows, 0);
    t->org = (uint32_t)db_int(rows, 1);
    t->role = (enum user_role)db_int(rows, 2);
    t->name = query_text(rows, 3, a, &e);
    t->source = query_text(rows, 4, a, &e);
    t->rate = (uint32_t)db_int(rows, 5);
    t->expires_ns = db_int(rows, 6);
    t->created_ns = db_int(rows, 7);
    t->revoked_ns = db_int(rows, 8);
    t->used_ns = db_int(rows, 9);
    return e;
}

CHECKED enum err token_check(struct desk *d, struct slice secret, struct arena *a,
                             struct token *ret, struct diag *diag)
{
    char hash[SECRET_HEX_BYTES + 1];
    int64_t now = clock_wall_ns();
    struct token t = {0};
    struct query q;

    if (secret.n != TOKEN_TEXT_BYTES || !slice_starts(secret, slice_of(prefix)))
        return FAIL(diag, ERR_AUTH, 0, "not a token of this installation");
    secret_sha256(secret, hash);
    query_init(&q, TOKEN_SELECT "AND revoked_ns = 0 AND sha256 = ");
    query_value(&q, db_c(hash));
    query_sql(&q, " AND (expires_ns = 0 OR expires_ns > ");
    query_value(&q, db_i(now));
    query_sql(&q, ")");
    enum err e = query_one(&q, d, a, &t, read_row, diag);
    if (e == ERR_NOENT)
        return FAIL(diag, ERR_AUTH, 0, "the token is unknown, revoked or expired");
    if (e == ERR_NONE && now - t.used_ns >= USED_STEP_S * NS_PER_S) {
        desk_lock(d);
        e = db_run(d->db, "UPDATE tokens SET used_ns = ?2 WHERE id = ?1",
                   DB_ARGS(db_i((int64_t)t.id), db_i(now)), NULL, diag);
        desk_unlock(d);
    }
    if (e == ERR_NONE)
        *ret = t;
    return e;
}

CHECKED enum err token_list(struct desk *d, struct desk_scope scope, struct arena *a,
                            struct token **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct token)};
    struct query q;

    query_init(&q, TOKEN_SELECT);
    query_scope(&q, "org", scope);
    query_sql(&q, " ORDER BY id DESC LIMIT ");
    query_value(&q, db_i(TOKEN_MAX));
    enum err e = query_rows(&q, d, &list, read_row, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}
