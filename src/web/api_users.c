#include "web/web_int.h"

#include "desk/setup.h"

static void write_user(struct jsonw *j, const struct user *u, const char *password)
{
    jsonw_object(j);
    reply_id(j, "id", "usr_", u->id);
    jsonw_kstr(j, "login", u->login);
    jsonw_kstr(j, "name", u->name);
    jsonw_kcstr(j, "role", user_role_name(u->role));
    if (u->org)
        reply_id(j, "org", "", u->org);
    else
        jsonw_kcstr(j, "org", NULL);
    jsonw_kstr(j, "locale", u->locale);
    jsonw_kbool(j, "disabled", u->disabled);
    jsonw_kbool(j, "must_change", u->must_change);
    jsonw_ktime(j, "created", u->created_ns);
    reply_time_or_null(j, "last_login", u->last_login_ns);
    jsonw_kint(j, "version", (int64_t)u->version);
    if (password)
        jsonw_kcstr(j, "password", password);
    jsonw_close_object(j);
}

CHECKED enum err api_users_list(struct web_call *w, struct diag *diag)
{
    struct user *rows;
    size_t n;
    enum err e = user_list(w->web->o.desk, w->who.scope, w->arena, &rows, &n, diag);

    if (e != ERR_NONE)
        return e;
    reply_list_open(w);
    for (size_t i = 0; i < n; i++)
        write_user(&w->j, &rows[i], NULL);
    reply_list_close(w, SLICE(""), n, false);
    return ERR_NONE;
}

/* What may be set both when making and when changing; absent members stay as they are. */
static enum err read_user(struct web_call *w, const struct json_node *body, struct user *u,
                          struct diag *diag)
{
    struct slice role;
    enum err e = request_text(body, "role", w->arena, &role, diag);

    if (e == ERR_NONE && json_get(body, "name"))
        e = request_text(body, "name", w->arena, &u->name, diag);
    if (e == ERR_NONE && json_get(body, "locale"))
        e = request_text(body, "locale", w->arena, &u->locale, diag);
    if (e == ERR_NONE && json_get(body, "org"))
        e = request_org(w, body, "org", &u->org, diag);
    if (e != ERR_NONE)
        return e;
    if (role.n && (!user_role_parse(role, &u->role) || u->role == USER_MACHINE))
        return request_wrong(w, "role", "unknown-value", diag);
    u->disabled = json_get_bool(body, "disabled", u->disabled);
    /* who is bound to an organisation makes nobody who is not */
    if (u->org == 0 && !w->who.scope.all)
        return request_wrong(w, "org", "missing", diag);
    return ERR_NONE;
}

/* A first password that its owner has to change. */
static enum err give_password(struct web_call *w, struct slice login, struct user *u,
                              struct diag *diag)
{
    char password[SETUP_PASSWORD_BYTES + 1];
    struct desk *d = w->web->o.desk;
    enum err e = setup_reset_password(d, &w->who.actor, login, password, diag);

    if (e == ERR_NONE)
        e = user_find(d, login, w->arena, u, diag);
    if (e == ERR_NONE)
        write_user(&w->j, u, password);
    explicit_bzero(password, sizeof(password));
    return e;
}

CHECKED enum err api_users_create(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"login", "name", "role", "org", "locale", NULL};
    const struct json_node *body;
    struct user u = {.role = USER_VIEWER, .locale = SLICE("vi"), .must_change = true};
    uint64_t id;
    enum err e = request_body(w, known, &body, diag);

    if (e == ERR_NONE)
        e = request_text(body, "login", w->arena, &u.login, diag);
    if (e == ERR_NONE && u.login.n == 0)
        e = request_wrong(w, "login", "missing", diag);
    if (e == ERR_NONE)
        e = read_user(w, body, &u, diag);
    if (e == ERR_NONE)
        e = user_add(w->web->o.desk, &w->who.actor, &u, SLICE(""), &id, diag);
    if (e != ERR_NONE)
        return e;
    w->status = 201;
    return give_password(w, u.login, &u, diag);
}

/* "usr_3", "3" or the login; one that the caller does not see is not there. */
static enum err find(struct web_call *w, struct user *ret, struct diag *diag)
{
    uint64_t id;
    struct desk *d = w->web->o.desk;
    enum err e = ERR_NONE;

    if (!request_id(w->param, "usr_", &id)) {
        e = user_find(d, w->param, w->arena, ret, diag);
        id = e == ERR_NONE ? ret->id : 0;
    }
    return e == ERR_NONE ? user_get(d, w->who.scope, id, w->arena, ret, diag) : e;
}

CHECKED enum err api_users_change(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"name", "role", "org", "locale", "disabled", NULL};
    const struct json_node *body;
    struct user u;
    struct desk *d = w->web->o.desk;
    enum err e = request_body(w, known, &body, diag);

    if (e == ERR_NONE)
        e = find(w, &u, diag);
    if (e == ERR_NONE)
        e = read_user(w, body, &u, diag);
    if (e == ERR_NONE)
        e = user_change(d, &w->who.actor, w->who.scope, &u, diag);
    if (e == ERR_NONE)
        e = user_get(d, w->who.scope, u.id, w->arena, &u, diag);
    if (e == ERR_NONE)
        write_user(&w->j, &u, NULL);
    return e;
}

CHECKED enum err api_users_password(struct web_call *w, struct diag *diag)
{
    struct user u;
    enum err e = find(w, &u, diag);

    return e == ERR_NONE ? give_password(w, u.login, &u, diag) : e;
}
