#include "desk/session.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "desk/desk_int.h"
#include "desk/password.h"

enum { SEEN_STEP_S = 30, AGENT_BYTES_MAX = 300, KEY_BYTES_MAX = 200 };

/* An IPv6 customer has a whole /64 to try from: it counts as one. */
static void network_of(const char *address, char to[static INET6_ADDRSTRLEN])
{
    struct in6_addr six;

    (void)snprintf(to, INET6_ADDRSTRLEN, "%s", address ? address : "");
    if (address && inet_pton(AF_INET6, address, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
        memset(six.s6_addr + 8, 0, 8);
        (void)inet_ntop(AF_INET6, &six, to, INET6_ADDRSTRLEN);
    }
}

static struct slice account_key(const char *network, struct slice login,
                                char to[static KEY_BYTES_MAX])
{
    size_t n = login.n < 64 ? login.n : 64;
    int at = snprintf(to, KEY_BYTES_MAX, "%s|", network);

    for (size_t i = 0; i < n; i++)
        to[at++] = (char)(login.p[i] >= 'A' && login.p[i] <= 'Z' ? login.p[i] + 32 : login.p[i]);
    return (struct slice){to, (size_t)at};
}

static enum err slow_down(struct desk *d, struct slice key, const char *network,
                          unsigned *ret_wait_s, struct diag *diag)
{
    int64_t now = clock_mono_ns();

    desk_lock(d);
    unsigned wait = limit_take(d->by_address, slice_of(network), now);
    if (wait == 0)
        wait = limit_take(d->by_account, key, now);
    desk_unlock(d);
    if (wait == 0)
        return ERR_NONE;
    if (ret_wait_s)
        *ret_wait_s = wait;
    return FAIL(diag, ERR_BUSY, 0, "too many tries; again in %u s", wait);
}

struct account {
    struct user user;
    char hash[SECRET_HASH_BYTES];
};

static enum err read_password(const struct db_rows *rows, struct arena *a, void *to)
{
    struct account *account = to;
    struct slice s = db_text(rows, 0);

    (void)a;
    if (s.n >= sizeof(account->hash))
        return ERR_CORRUPT;
    memcpy(account->hash, s.p, s.n);
    account->hash[s.n] = 0;
    return ERR_NONE;
}

/* Nobody of that login, or disabled: an account without a hash. */
static enum err account_of(struct desk *d, struct slice login, struct arena *a, struct account *ret,
                           struct diag *diag)
{
    struct query q;

    *ret = (struct account){.hash = ""};
    enum err e = user_find(d, login, a, &ret->user, diag);
    if (e == ERR_NOENT)
        return ERR_NONE;
    if (e != ERR_NONE)
        return e;
    query_init(&q, "SELECT password FROM users WHERE disabled = 0 AND id = ");
    query_value(&q, db_i((int64_t)ret->user.id));
    e = query_one(&q, d, a, ret, read_password, diag);
    return e == ERR_NOENT ? ERR_NONE : e;
}

/* Keeps the newest SESSION_PER_USER_MAX. */
static enum err make_room(struct desk *d, uint64_t user, struct diag *diag)
{
    return db_run(d->db,
                  "DELETE FROM sessions WHERE person = ?1 AND hash NOT IN"
                  " (SELECT hash FROM sessions WHERE person = ?1 ORDER BY seen_ns DESC LIMIT ?2)",
                  DB_ARGS(db_i((int64_t)user), db_i(SESSION_PER_USER_MAX - 1)), NULL, diag);
}

static enum err create(struct desk *d, const struct account *account, const struct desk_actor *by,
                       struct slice agent, const char *hash, struct diag *diag)
{
    int64_t now = clock_wall_ns(), still = 0;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    /* The hash took its time: the account must still be what was checked. */
    e = db_one(d->db, "SELECT COUNT(*) FROM users WHERE id = ?1 AND password = ?2 AND disabled = 0",
               DB_ARGS(db_i((int64_t)account->user.id), db_c(account->hash)), &still, diag);
    if (e == ERR_NONE && still == 0)
        e = FAIL(diag, ERR_AUTH, 0, "the login or the password is wrong");
    if (e == ERR_NONE)
        e = make_room(d, account->user.id, diag);
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO sessions(hash, person, created_ns, seen_ns, ends_ns, address,"
                   " agent) VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)",
                   DB_ARGS(db_c(hash), db_i((int64_t)account->user.id), db_i(now),
                           db_i(now + d->session_whole_ns), db_c(by->address),
                           db_t(slice_cut(agent, 0,
                                          agent.n < AGENT_BYTES_MAX ? agent.n : AGENT_BYTES_MAX))),
                   NULL, diag);
    if (e == ERR_NONE)
        e = db_run(d->db, "UPDATE users SET last_login_ns = ?2 WHERE id = ?1",
                   DB_ARGS(db_i((int64_t)account->user.id), db_i(now)), NULL, diag);
    if (e == ERR_NONE)
        e = audit_add(d, by, account->user.org, "session.sign_in", account->user.login, SLICE(""),
                      diag);
    return desk_end(d, e, diag);
}

/* Today's costs are higher than when the password was set: hash it anew while we have it. */
static void rehash(struct desk *d, const struct account *account, struct slice password)
{
    char fresh[SECRET_HASH_BYTES];

    if (!secret_argon_outdated(account->hash) ||
        password_hash(password, account->user.login, fresh, NULL) != ERR_NONE)
        return;
    desk_lock(d);
    enum err ignored = db_run(
        d->db, "UPDATE users SET password = ?3 WHERE id = ?1 AND password = ?2",
        DB_ARGS(db_i((int64_t)account->user.id), db_c(account->hash), db_c(fresh)), NULL, NULL);
    (void)ignored; /* the old hash stays good; the next sign-in tries again */
    desk_unlock(d);
}

CHECKED enum err session_sign_in(struct desk *d, struct slice login, struct slice password,
                                 const char *address, struct slice agent, struct arena *a,
                                 struct user *ret_user,
                                 char ret_token[static SESSION_TOKEN_BYTES + 1],
                                 unsigned *ret_wait_s, struct diag *diag)
{
    char network[INET6_ADDRSTRLEN], key_text[KEY_BYTES_MAX], token[SECRET_TEXT_BYTES + 1],
        hash[SECRET_HEX_BYTES + 1];
    struct account account;

    network_of(address, network);
    struct slice key = account_key(network, login, key_text);
    enum err e = slow_down(d, key, network, ret_wait_s, diag);
    if (e == ERR_NONE)
        e = account_of(d, login, a, &account, diag);
    if (e != ERR_NONE)
        return e;
    struct desk_actor by = {.user = account.user.id, .name = "", .address = address};
    char *name = arena_cstr(a, slice_cut(login, 0, login.n < 64 ? login.n : 64));
    by.name = name ? name : "";
    by.role = account.user.id ? user_role_name(account.user.role) : "";
    e = password_check(account.hash, password, diag);
    if (e == ERR_NONE) {
        secret_text(token);
        secret_sha256(slice_of(token), hash);
        e = create(d, &account, &by, agent, hash, diag);
    }
    if (e == ERR_AUTH) {
        metric_add(M_DESK_LOGINS_FAILED, 1);
        enum err logged = audit_add(d, &by, account.user.org, "session.refused", slice_of(by.name),
                                    SLICE(""), diag);
        if (logged != ERR_NONE)
            return logged;
        return FAIL(diag, ERR_AUTH, 0, "the login or the password is wrong");
    }
    if (e != ERR_NONE)
        return e;
    desk_lock(d);
    limit_forget(d->by_account, key);
    desk_unlock(d);
    rehash(d, &account, password);
    memcpy(ret_token, token, sizeof(token));
    *ret_user = account.user;
    return ERR_NONE;
}

#define SESSION_SELECT                                                                             \
    "SELECT hash, person, created_ns, seen_ns, ends_ns, address, agent FROM sessions WHERE "

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct session *s = to;
    enum err e = ERR_NONE;

    (void)snprintf(s->id, sizeof(s->id), "%.16s", db_text(rows, 0).p);
    s->user = (uint64_t)db_int(rows, 1);
    s->created_ns = db_int(rows, 2);
    s->seen_ns = db_int(rows, 3);
    s->ends_ns = db_int(rows, 4);
    s->address = query_text(rows, 5, a, &e);
    s->agent = query_text(rows, 6, a, &e);
    return e;
}

static enum err check(struct desk *d, const char *hash, struct arena *a, struct session *s,
                      struct user *user, struct diag *diag)
{
    int64_t now = clock_wall_ns();
    struct query q;

    query_init(&q, SESSION_SELECT "ends_ns > ");
    query_value(&q, db_i(now));
    query_sql(&q, " AND seen_ns > ");
    query_value(&q, db_i(now - d->session_idle_ns));
    query_sql(&q, " AND hash = ");
    query_value(&q, db_c(hash));
    enum err e = query_one(&q, d, a, s, read_row, diag);
    if (e == ERR_NONE)
        e = user_get(d, DESK_SCOPE_ALL, s->user, a, user, diag);
    if (e == ERR_NOENT || (e == ERR_NONE && user->disabled))
        return FAIL(diag, ERR_AUTH, 0, "not signed in any more");
    /* One write in a while, not one per request: each is an fsync. */
    if (e == ERR_NONE && now - s->seen_ns >= SEEN_STEP_S * NS_PER_S)
        e = db_run(d->db, "UPDATE sessions SET seen_ns = ?2 WHERE hash = ?1",
                   DB_ARGS(db_c(hash), db_i(now)), NULL, diag);
    return e;
}

CHECKED enum err session_check(struct desk *d, struct slice token, struct arena *a,
                               struct session *ret, struct user *ret_user, struct diag *diag)
{
    char hash[SECRET_HEX_BYTES + 1];
    struct session s = {.id = ""};
    struct user user;

    if (token.n != SESSION_TOKEN_BYTES)
        return FAIL(diag, ERR_AUTH, 0, "not signed in");
    secret_sha256(token, hash);
    desk_lock(d);
    enum err e = check(d, hash, a, &s, &user, diag);
    desk_unlock(d);
    if (e != ERR_NONE)
        return e;
    if (ret)
        *ret = s;
    *ret_user = user;
    return ERR_NONE;
}

CHECKED enum err session_sign_out(struct desk *d, const struct desk_actor *by, struct slice token,
                                  struct diag *diag)
{
    char hash[SECRET_HEX_BYTES + 1];
    int64_t changed = 0;

    secret_sha256(token, hash);
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_run(d->db, "DELETE FROM sessions WHERE hash = ?1", DB_ARGS(db_c(hash)), &changed, diag);
    if (e == ERR_NONE && changed)
        e = audit_add(d, by, by->org, "session.sign_out", slice_of(by->name), SLICE(""), diag);
    return desk_end(d, e, diag);
}

CHECKED enum err session_list(struct desk *d, uint64_t user, struct arena *a, struct session **ret,
                              size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct session)};
    int64_t now = clock_wall_ns();
    struct query q;

    query_init(&q, SESSION_SELECT "ends_ns > ");
    query_value(&q, db_i(now));
    query_sql(&q, " AND seen_ns > ");
    query_value(&q, db_i(now - d->session_idle_ns));
    query_sql(&q, " AND person = ");
    query_value(&q, db_i((int64_t)user));
    query_sql(&q, " ORDER BY seen_ns DESC, hash");
    enum err e = query_rows(&q, d, &list, read_row, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}

CHECKED enum err session_revoke(struct desk *d, const struct desk_actor *by, uint64_t user,
                                struct slice id, struct diag *diag)
{
    int64_t changed = 0;

    if (id.n != 16)
        return FAIL(diag, ERR_NOENT, 0, "there is no such session");
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_run(d->db, "DELETE FROM sessions WHERE person = ?1 AND substr(hash, 1, 16) = ?2",
               DB_ARGS(db_i((int64_t)user), db_t(id)), &changed, diag);
    if (e == ERR_NONE && changed == 0)
        e = FAIL(diag, ERR_NOENT, 0, "there is no such session");
    if (e == ERR_NONE)
        e = audit_add(d, by, by->org, "session.revoke", id, SLICE(""), diag);
    return desk_end(d, e, diag);
}

CHECKED enum err session_revoke_all(struct desk *d, uint64_t user, struct slice keep,
                                    struct diag *diag)
{
    char hash[SECRET_HEX_BYTES + 1] = "";

    if (keep.n)
        secret_sha256(keep, hash);
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_run(d->db, "DELETE FROM sessions WHERE person = ?1 AND hash <> ?2",
               DB_ARGS(db_i((int64_t)user), db_c(hash)), NULL, diag);
    return desk_end(d, e, diag);
}
