#include "desk/desk_fixture.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/snapshot.h"
#include "desk/desk_demo.h"
#include "desk/org.h"
#include "desk/secret.h"
#include "desk/session.h"
#include "desk/setup.h"
#include "desk/source.h"
#include "desk/token.h"

static const struct desk_actor tester = {.name = "tester", .role = "admin"};
static const int64_t noon = INT64_C(1764072000) * 1000000000;
#define GOOD "mật khẩu dài"

static uint64_t add_user(struct desk *d, const char *login, enum user_role role, uint32_t org)
{
    struct user in = {.login = slice_of(login), .role = role, .org = org, .locale = SLICE("vi")};
    uint64_t id = 0;

    OK(user_add(d, &tester, &in, SLICE(GOOD), &id, &diag));
    return id;
}

static enum err sign_in(struct fixture *f, const char *login, const char *password,
                        const char *address, char token[static SESSION_TOKEN_BYTES + 1],
                        unsigned *wait)
{
    struct user u;

    return session_sign_in(f->desk, slice_of(login), slice_of(password), address, SLICE("test"),
                           &f->arena, &u, token, wait, NULL);
}

static void the_first_administrator(void **state)
{
    struct fixture *f = desk_fixture(state);
    char password[SETUP_PASSWORD_BYTES + 1], token[SESSION_TOKEN_BYTES + 1];
    bool created = false;
    struct user u;

    OK(setup_first_admin(f->desk, &created, password, &diag));
    assert_true(created);
    assert_int_equal(strlen(password), SETUP_PASSWORD_BYTES);
    OK(session_sign_in(f->desk, SLICE("Admin"), slice_of(password), "::1", SLICE(""), &f->arena, &u,
                       token, NULL, &diag));
    assert_true(u.must_change);
    OK(setup_first_admin(f->desk, &created, password, &diag));
    assert_false(created);
    OK(user_password_own(f->desk, &tester, u.id, slice_of(password), SLICE(GOOD), slice_of(token),
                         &diag));
    OK(session_check(f->desk, slice_of(token), &f->arena, NULL, &u, &diag));
    assert_false(u.must_change);
    FAILS(ERR_AUTH, user_password_own(f->desk, &tester, u.id, slice_of(password),
                                      SLICE("another password"), SLICE(""), &diag));
    OK(setup_reset_password(f->desk, &tester, SLICE("admin"), password, &diag));
    FAILS(ERR_AUTH, session_check(f->desk, slice_of(token), &f->arena, NULL, &u, &diag));
    OK(sign_in(f, "admin", password, "::1", token, NULL));
}

static void users_refuse(void **state)
{
    struct fixture *f = desk_fixture(state);
    static const struct {
        const char *login, *password, *locale;
        enum user_role role;
        uint32_t org;
        enum err want;
    } cases[] = {
        {"an", GOOD, "vi", USER_VIEWER, 0, ERR_CONFLICT},
        {"", GOOD, "vi", USER_VIEWER, 0, ERR_SYNTAX},
        {"a b", GOOD, "vi", USER_VIEWER, 0, ERR_SYNTAX},
        {"bình", GOOD, "vi", USER_VIEWER, 0, ERR_SYNTAX},
        {"binh", "short", "vi", USER_VIEWER, 0, ERR_SYNTAX},
        {"binh", "mật khẩu", "vi", USER_VIEWER, 0, ERR_SYNTAX}, /* 8 letters, more bytes */
        {"binh.nguyen", "binh.nguyen", "vi", USER_VIEWER, 0, ERR_SYNTAX},
        {"binh", "bytes\xff\xff\xff\xff\xff\xff", "vi", USER_VIEWER, 0, ERR_SYNTAX},
        {"binh", GOOD, "fr", USER_VIEWER, 0, ERR_SYNTAX},
        {"binh", GOOD, "vi", USER_MACHINE, 0, ERR_SYNTAX},
        {"binh", GOOD, "vi", USER_VIEWER, 1, ERR_SYNTAX},
        {"binh", GOOD, "vi", USER_VIEWER, 99, ERR_CONFLICT},
    };
    uint64_t id = 7;

    (void)add_user(f->desk, "an", USER_ADMIN, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct user in = {.login = slice_of(cases[i].login),
                          .locale = slice_of(cases[i].locale),
                          .role = cases[i].role,
                          .org = cases[i].org};
        FAILS(cases[i].want,
              user_add(f->desk, &tester, &in, slice_of(cases[i].password), &id, &diag));
        assert_int_equal(id, 7);
    }
}

static void the_last_administrator_stays(void **state)
{
    struct fixture *f = desk_fixture(state);
    uint64_t a = add_user(f->desk, "a", USER_ADMIN, 0), b = add_user(f->desk, "b", USER_ADMIN, 0);
    struct user u;

    OK(user_remove(f->desk, &tester, DESK_SCOPE_ALL, b, &diag));
    FAILS(ERR_CONFLICT, user_remove(f->desk, &tester, DESK_SCOPE_ALL, a, &diag));
    OK(user_get(f->desk, DESK_SCOPE_ALL, a, &f->arena, &u, &diag));
    u.disabled = true;
    FAILS(ERR_CONFLICT, user_change(f->desk, &tester, DESK_SCOPE_ALL, &u, &diag));
    u.disabled = false;
    u.role = USER_VIEWER;
    FAILS(ERR_CONFLICT, user_change(f->desk, &tester, DESK_SCOPE_ALL, &u, &diag));
}

static void scope_bounds_users(void **state)
{
    struct fixture *f = desk_fixture(state);
    const uint32_t own = ORG_DEFAULT;
    struct desk_scope scope = {.orgs = &own, .n = 1}, none = {.all = false};
    uint64_t admin = add_user(f->desk, "root", USER_ADMIN, 0),
             an = add_user(f->desk, "an", USER_ANALYST, own);
    struct user u, *list;
    size_t n;

    OK(user_list(f->desk, scope, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].id, an);
    FAILS(ERR_NOENT, user_get(f->desk, scope, admin, &f->arena, &u, &diag));
    FAILS(ERR_NOENT, user_remove(f->desk, &tester, scope, admin, &diag));
    OK(user_list(f->desk, none, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 0);
    OK(user_get(f->desk, scope, an, &f->arena, &u, &diag));
    u.org = 0; /* out of his own scope */
    FAILS(ERR_NOENT, user_change(f->desk, &tester, scope, &u, &diag));
}

static void sessions_end(void **state)
{
    struct fixture *f = desk_fixture(state);
    char token[SESSION_TOKEN_BYTES + 1], second[SESSION_TOKEN_BYTES + 1];
    struct session *list, s;
    struct user u;
    size_t n;

    desk_fixture_freeze(noon);
    (void)add_user(f->desk, "root", USER_ADMIN, 0);
    uint64_t id = add_user(f->desk, "an", USER_ANALYST, ORG_DEFAULT);
    OK(sign_in(f, "an", GOOD, "10.0.0.1", token, NULL));
    /* The same password in decomposed form is the same password. */
    OK(sign_in(f, "AN", "ma\xcc\xa3\xcc\x82t kha\xcc\x82\xcc\x89u da\xcc\x80i", "10.0.0.1", second,
               NULL));
    assert_string_not_equal(token, second);
    OK(session_list(f->desk, id, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 2);
    OK(session_revoke(f->desk, &tester, id, slice_of(list[0].id), &diag));
    FAILS(ERR_NOENT, session_revoke(f->desk, &tester, id, slice_of(list[0].id), &diag));
    bool first_lives = session_check(f->desk, slice_of(token), &f->arena, &s, &u, NULL) == ERR_NONE,
         other_lives =
             session_check(f->desk, slice_of(second), &f->arena, &s, &u, NULL) == ERR_NONE;
    assert_int_equal(first_lives + other_lives, 1);
    OK(sign_in(f, "an", GOOD, "10.0.0.1", token, NULL));
    for (int i = 0; i < 23; i++) { /* used every 29 minutes: alive until the absolute end */
        desk_fixture_pass(INT64_C(29) * 60 * NS_PER_S);
        OK(session_check(f->desk, slice_of(token), &f->arena, &s, &u, &diag));
    }
    desk_fixture_pass(INT64_C(54) * 60 * NS_PER_S); /* 12 h 1 min */
    FAILS(ERR_AUTH, session_check(f->desk, slice_of(token), &f->arena, &s, &u, &diag));
    OK(sign_in(f, "an", GOOD, "10.0.0.1", token, NULL));
    desk_fixture_pass(INT64_C(30) * 60 * NS_PER_S); /* idle */
    FAILS(ERR_AUTH, session_check(f->desk, slice_of(token), &f->arena, &s, &u, &diag));
    OK(sign_in(f, "an", GOOD, "10.0.0.1", token, NULL));
    struct config *cfg = config_new();
    assert_non_null(cfg);
    OK(config_set(cfg, SLICE("desk.session_idle_minutes"), SLICE("60"), &diag));
    desk_tune(f->desk, cfg);
    config_free(cfg);
    desk_fixture_pass(INT64_C(59) * 60 * NS_PER_S);
    OK(session_check(f->desk, slice_of(token), &f->arena, &s, &u, &diag));
    OK(session_sign_out(f->desk, &tester, slice_of(token), &diag));
    FAILS(ERR_AUTH, session_check(f->desk, slice_of(token), &f->arena, &s, &u, &diag));
    OK(sign_in(f, "an", GOOD, "10.0.0.1", token, NULL));
    OK(user_get(f->desk, DESK_SCOPE_ALL, id, &f->arena, &u, &diag));
    u.disabled = true;
    OK(user_change(f->desk, &tester, DESK_SCOPE_ALL, &u, &diag));
    FAILS(ERR_AUTH, session_check(f->desk, slice_of(token), &f->arena, &s, &u, &diag));
    FAILS(ERR_AUTH, sign_in(f, "an", GOOD, "10.0.0.2", token, NULL));
    FAILS(ERR_AUTH, session_check(f->desk, SLICE("nonsense"), &f->arena, &s, &u, &diag));
}

static void wrong_passwords_slow_down_and_never_lock(void **state)
{
    struct fixture *f = desk_fixture(state);
    char token[SESSION_TOKEN_BYTES + 1];
    unsigned wait = 0, longest = 0, tries = 0;

    desk_fixture_freeze(noon);
    (void)add_user(f->desk, "an", USER_ADMIN, 0);
    for (int i = 0; i < 6; i++)
        FAILS(ERR_AUTH, sign_in(f, i % 2 ? "an" : "AN", "wrong password", "10.0.0.1", token, NULL));
    FAILS(ERR_BUSY, sign_in(f, "an", GOOD, "10.0.0.1", token, &wait));
    assert_int_equal(wait, 1);
    OK(sign_in(f, "an", GOOD, "10.0.0.2", token, NULL)); /* from his own desk */
    for (int s = 0; s < 70; s++) {
        desk_fixture_pass(NS_PER_S);
        enum err e = sign_in(f, "an", "wrong password", "10.0.0.1", token, &wait);
        assert_true(e == ERR_AUTH || e == ERR_BUSY);
        tries += e == ERR_AUTH;
        longest = e == ERR_BUSY && wait > longest ? wait : longest;
    }
    assert_in_range(tries, 5, 12);
    assert_in_range(longest, 8, SESSION_DELAY_MAX_S);
    desk_fixture_pass(NS_PER_S * SESSION_DELAY_MAX_S);
    OK(sign_in(f, "an", GOOD, "10.0.0.1", token, NULL));
    FAILS(ERR_AUTH, sign_in(f, "nobody", GOOD, "10.0.0.3", token, NULL));
}

static void a_cheap_hash_is_renewed(void **state)
{
    struct fixture *f = desk_fixture(state);
    static const char weak[] = "$argon2id$v=19$m=8192,t=1,p=1$jiAzRV+iego7YhfP0Rrbgw$"
                               "erDJWxdTYJAcqzRNMN7jlVV0uxkVD4AKGfPAY79XR6o";
    char token[SESSION_TOKEN_BYTES + 1];
    int64_t n = 0;

    (void)add_user(f->desk, "an", USER_ADMIN, 0);
    struct db *db = desk_fixture_db(f);
    OK(db_run(db, "UPDATE users SET password = ?1", DB_ARGS(db_c(weak)), NULL, &diag));
    for (int i = 0; i < 2; i++) {
        OK(sign_in(f, "an", "weak but long", "::1", token, NULL));
        OK(db_one(db, "SELECT COUNT(*) FROM users WHERE password LIKE '%m=65536,t=2%'", DB_NONE, &n,
                  &diag));
        assert_int_equal(n, 1);
    }
    db_close(db);
}

static void an_office_shares_an_address(void **state)
{
    struct fixture *f = desk_fixture(state);
    char token[SESSION_TOKEN_BYTES + 1], login[16];

    desk_fixture_freeze(noon);
    (void)add_user(f->desk, "an", USER_ADMIN, 0);
    for (unsigned i = 0; i < 25; i++) { /* of one /64 */
        char address[32];
        (void)snprintf(login, sizeof(login), "guess%u", i);
        (void)snprintf(address, sizeof(address), "2001:db8::%x", i);
        FAILS(ERR_AUTH, sign_in(f, login, "wrong password", address, token, NULL));
    }
    OK(sign_in(f, "an", GOOD, "2001:db8::99", token, NULL));
    for (unsigned i = 0; i < 5; i++)
        assert_int_not_equal(ERR_NONE,
                             sign_in(f, "x", "wrong password", "2001:db8::1", token, NULL));
    FAILS(ERR_BUSY, sign_in(f, "y", "wrong password", "2001:db8::77", token, NULL));
    FAILS(ERR_AUTH, sign_in(f, "y", "wrong password", "2001:db8:0:1::77", token, NULL));
}

static void tokens(void **state)
{
    struct fixture *f = desk_fixture(state);
    char secret[TOKEN_TEXT_BYTES + 1], other[TOKEN_TEXT_BYTES + 1];
    struct token in = {.org = ORG_DEFAULT,
                       .role = USER_MACHINE,
                       .name = SLICE("fw"),
                       .expires_ns = noon + NS_PER_S},
                 got, *list;
    uint64_t id;
    size_t n;

    desk_fixture_freeze(noon);
    OK(token_add(f->desk, &tester, &in, &id, secret, &diag));
    FAILS(ERR_CONFLICT, token_add(f->desk, &tester, &in, NULL, other, &diag));
    OK(token_check(f->desk, slice_of(secret), &f->arena, &got, &diag));
    assert_int_equal(got.org, ORG_DEFAULT);
    secret[TOKEN_TEXT_BYTES - 1] ^= 1;
    FAILS(ERR_AUTH, token_check(f->desk, slice_of(secret), &f->arena, &got, &diag));
    secret[TOKEN_TEXT_BYTES - 1] ^= 1;
    desk_fixture_pass(NS_PER_S);
    FAILS(ERR_AUTH, token_check(f->desk, slice_of(secret), &f->arena, &got, &diag));
    FAILS(ERR_SYNTAX, token_add(f->desk, &tester, &in, NULL, other, &diag));
    in.expires_ns = 0;
    in.name = SLICE("fw2");
    OK(token_add(f->desk, &tester, &in, &id, secret, &diag));
    struct desk_scope none = {.all = false};
    FAILS(ERR_NOENT, token_revoke(f->desk, &tester, none, id, &diag));
    OK(token_revoke(f->desk, &tester, DESK_SCOPE_ALL, id, &diag));
    FAILS(ERR_AUTH, token_check(f->desk, slice_of(secret), &f->arena, &got, &diag));
    OK(token_add(f->desk, &tester, &in, &id, secret, &diag)); /* the name is free again */
    OK(token_list(f->desk, DESK_SCOPE_ALL, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 3);
    in.org = 0;
    FAILS(ERR_SYNTAX, token_add(f->desk, &tester, &in, NULL, other, &diag));
    in.org = 99;
    FAILS(ERR_CONFLICT, token_add(f->desk, &tester, &in, NULL, other, &diag));
}

static const struct json_node *snapshot(struct fixture *f, struct json_reader *r, const char *kind)
{
    const struct json_node *doc = NULL;
    char dir[96];
    struct buf b;
    uint64_t seq;

    (void)snprintf(dir, sizeof(dir), "%s/snapshots", f->dir);
    buf_init(&b, SNAPSHOT_BYTES_MAX);
    OK(snapshot_load(dir, kind, &b, &seq, &diag));
    OK(json_read_strict(r, buf_slice(&b), &doc, &diag));
    buf_done(&b);
    return doc;
}

static void snapshots_follow_each_change(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct json_reader *r = json_reader_new(1 << 20, 10000);
    char secret[TOKEN_TEXT_BYTES + 1], hash[SECRET_HEX_BYTES + 1];
    struct token in = {.org = ORG_DEFAULT,
                       .role = USER_MACHINE,
                       .name = SLICE("t"),
                       .source = SLICE("fw"),
                       .rate = 7};
    struct source src = {.org = ORG_DEFAULT,
                         .name = SLICE("fw"),
                         .input = SLICE("http"),
                         .match = SLICE("t"),
                         .status = SOURCE_REGISTERED};
    uint64_t id;
    uint32_t source;

    assert_non_null(r);
    assert_int_equal(json_get(snapshot(f, r, "access"), "tokens")->n, 0);
    assert_int_equal(json_get(snapshot(f, r, "inventory"), "orgs")->n, 2);
    OK(token_add(f->desk, &tester, &in, &id, secret, &diag));
    const struct json_node *t = json_get(snapshot(f, r, "access"), "tokens")->child;
    assert_non_null(t);
    secret_sha256(slice_of(secret), hash);
    assert_slice(json_get_str(t, "sha256"), hash);
    assert_slice(json_get_str(t, "role"), "machine");
    assert_slice(json_get_str(t, "name"), "fw");
    assert_int_equal(json_get_int(t, "rate", -1), 7);
    assert_int_equal(json_get_int(t, "source", -1), 0);
    assert_int_equal(json_get(t, "expires")->type, JSON_NULL);
    OK(source_add(f->desk, &tester, &src, &source, &diag));
    t = json_get(snapshot(f, r, "access"), "tokens")->child;
    assert_int_equal(json_get_int(t, "source", -1), source);
    t = json_get(snapshot(f, r, "inventory"), "sources")->child;
    assert_slice(json_get_str(t, "match"), "t");
    OK(token_revoke(f->desk, &tester, DESK_SCOPE_ALL, id, &diag));
    assert_int_equal(json_get(snapshot(f, r, "access"), "tokens")->n, 0);
    json_reader_free(r);
}

static void the_demo_comes_and_goes(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct source_filter all = {.status = -1};
    struct source *list;
    uint32_t org, again;
    size_t n;

    OK(desk_demo_ensure(f->desk, &org, &diag));
    OK(desk_demo_ensure(f->desk, &again, &diag));
    assert_int_equal(org, again);
    OK(source_list(f->desk, DESK_SCOPE_ALL, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 6);
    OK(desk_demo_remove(f->desk, &tester, &again, &diag));
    OK(source_list(f->desk, DESK_SCOPE_ALL, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 0);
    FAILS(ERR_NOENT, desk_demo_remove(f->desk, &tester, &again, &diag));
    OK(desk_demo_ensure(f->desk, &again, &diag));
    assert_int_not_equal(org, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(the_first_administrator),
        ON_BOTH(users_refuse),
        ON_BOTH(the_last_administrator_stays),
        ON_BOTH(scope_bounds_users),
        ON_BOTH(sessions_end),
        ON_BOTH(wrong_passwords_slow_down_and_never_lock),
        ON_BOTH(a_cheap_hash_is_renewed),
        ON_BOTH(an_office_shares_an_address),
        ON_BOTH(tokens),
        ON_BOTH(snapshots_follow_each_change),
        ON_BOTH(the_demo_comes_and_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
