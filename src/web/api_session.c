#include "web/web_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/metrics.h"
#include "desk/org.h"

/* Both attributes hold on http://localhost too, which browsers trust. */
static const char cookie_form[] = "__Host-sid=%s; Path=/; Secure; HttpOnly; SameSite=Strict%s";

static void write_permissions(struct jsonw *j, enum user_role role)
{
    jsonw_key(j, SLICE("permissions"));
    jsonw_array(j);
    for (int p = 0; p < PERM_N; p++)
        if (permission_word((enum web_permission)p) && permission_has(role, (enum web_permission)p))
            jsonw_str(j, slice_of(permission_word((enum web_permission)p)));
    jsonw_close_array(j);
}

static void write_session(struct web_call *w, const struct user *u, enum user_role role)
{
    struct jsonw *j = &w->j;

    jsonw_object(j);
    jsonw_key(j, SLICE("user"));
    jsonw_object(j);
    reply_id(j, "id", "usr_", u->id);
    jsonw_kstr(j, "name", u->login);
    jsonw_kstr(j, "display_name", u->name.n ? u->name : u->login);
    jsonw_kcstr(j, "role", user_role_name(role));
    jsonw_kstr(j, "locale", u->locale.n ? u->locale : SLICE("vi"));
    if (u->org)
        reply_id(j, "org", "", u->org);
    else
        jsonw_kcstr(j, "org", NULL);
    jsonw_close_object(j);
    jsonw_kbool(j, "must_change", u->must_change);
    write_permissions(j, role);
    jsonw_close_object(j);
}

CHECKED enum err api_session_get(struct web_call *w, struct diag *diag)
{
    struct user u = w->who.user;

    (void)diag;
    if (w->who.kind != CALLER_SESSION) /* a program: its token's or socket's name */
        u = (struct user){
            .login = slice_of(w->who.actor.name), .org = w->who.actor.org, .locale = SLICE("en")};
    write_session(w, &u, w->who.role);
    return ERR_NONE;
}

static void set_cookie(struct web_call *w, const char *value, const char *more)
{
    char text[160];

    (void)snprintf(text, sizeof(text), cookie_form, value, more);
    http_add_header(w->c, "Set-Cookie", text);
}

CHECKED enum err api_session_create(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"login", "password", NULL};
    const struct json_node *body;
    struct user u;
    char token[SESSION_TOKEN_BYTES + 1], wait[16];
    unsigned wait_s = 0;
    const char *agent = http_header(w->c, "User-Agent");
    enum err e = caller_find(w, NULL); /* for the address; who it was before does not matter */

    (void)e;
    e = request_body(w, known, &body, diag);
    if (e != ERR_NONE)
        return e;
    struct slice login = json_get_str(body, "login"), password = json_get_str(body, "password");
    if (login.n == 0 || password.n == 0)
        return request_wrong(w, login.n ? "password" : "login", "missing", diag);
    e = session_sign_in(w->web->o.desk, login, password, w->who.address,
                        slice_of(agent ? agent : ""), w->arena, &u, token, &wait_s, diag);
    if (e == ERR_BUSY) {
        (void)snprintf(wait, sizeof(wait), "%u", wait_s ? wait_s : 1);
        http_add_header(w->c, "Retry-After", wait);
    }
    if (e == ERR_AUTH || e == ERR_BUSY)
        metric_add(M_DESK_LOGINS_FAILED, 1);
    if (e != ERR_NONE)
        return e;
    set_cookie(w, token, "");
    explicit_bzero(token, sizeof(token));
    write_session(w, &u, u.role);
    return ERR_NONE;
}

CHECKED enum err api_session_delete(struct web_call *w, struct diag *diag)
{
    enum err e = ERR_NONE;

    if (w->who.kind == CALLER_SESSION)
        e = session_sign_out(w->web->o.desk, &w->who.actor, w->who.secret, diag);
    set_cookie(w, "", "; Max-Age=0");
    w->status = 204;
    return e;
}

CHECKED enum err api_session_password(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"old", "new", NULL};
    const struct json_node *body;
    enum err e = request_body(w, known, &body, diag);

    if (e != ERR_NONE)
        return e;
    if (w->who.kind != CALLER_SESSION)
        return FAIL(diag, ERR_DENIED, 0, "only somebody who signed in has a password to change");
    struct slice old = json_get_str(body, "old"), fresh = json_get_str(body, "new");
    if (old.n == 0 || fresh.n == 0)
        return request_wrong(w, old.n ? "new" : "old", "missing", diag);
    e = user_password_own(w->web->o.desk, &w->who.actor, w->who.user.id, old, fresh, w->who.secret,
                          diag);
    if (e == ERR_AUTH) { /* 401 would tell the console that its sign-in is over */
        http_reply_problem(w->c, &(struct http_problem){.status = 422,
                                                        .code = "wrong-password",
                                                        .title = "the old password is wrong"});
        w->replied = true;
        return ERR_NONE;
    }
    w->status = 204;
    return e;
}
