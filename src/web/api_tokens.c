#include "web/web_int.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/timefmt.h"

static void write_token(struct jsonw *j, const struct token *t, const char *secret)
{
    jsonw_object(j);
    reply_id(j, "id", "tok_", t->id);
    jsonw_kstr(j, "name", t->name);
    jsonw_kcstr(j, "role", user_role_name(t->role));
    if (t->org)
        reply_id(j, "org", "", t->org);
    else
        jsonw_kcstr(j, "org", NULL);
    jsonw_kstr(j, "source", t->source);
    jsonw_kint(j, "rate", t->rate);
    reply_time_or_null(j, "expires", t->expires_ns);
    jsonw_ktime(j, "created", t->created_ns);
    reply_time_or_null(j, "revoked", t->revoked_ns);
    reply_time_or_null(j, "used", t->used_ns);
    if (secret)
        jsonw_kcstr(j, "secret", secret);
    jsonw_close_object(j);
}

CHECKED enum err api_tokens_list(struct web_call *w, struct diag *diag)
{
    struct token *rows;
    size_t n;
    enum err e = token_list(w->web->o.desk, w->who.scope, w->arena, &rows, &n, diag);

    if (e != ERR_NONE)
        return e;
    reply_list_open(w);
    for (size_t i = 0; i < n; i++)
        write_token(&w->j, &rows[i], NULL);
    reply_list_close(w, SLICE(""), n, false);
    return ERR_NONE;
}

static enum err read_limits(struct web_call *w, const struct json_node *body, struct token *t,
                            struct diag *diag)
{
    struct slice expires;
    int64_t rate = json_get_int(body, "rate", 0);
    enum err e = request_text(body, "expires", w->arena, &expires, diag);

    if (e != ERR_NONE)
        return e;
    if (rate < 0 || rate > UINT32_MAX)
        return request_wrong(w, "rate", "out-of-range", diag);
    t->rate = (uint32_t)rate;
    if (expires.n && time_parse_bound(expires, clock_wall_ns(), &t->expires_ns, NULL) != ERR_NONE)
        return request_wrong(w, "expires", "no-time", diag);
    if (expires.n && t->expires_ns <= clock_wall_ns())
        return request_wrong(w, "expires", "in-the-past", diag);
    return ERR_NONE;
}

/* Names are unique among the living: one that nobody chose carries its moment. */
static enum err name_it(struct web_call *w, struct token *t)
{
    char *text = t->name.n ? NULL : arena_alloc(w->arena, 64);

    if (t->name.n)
        return ERR_NONE;
    if (!text)
        return ERR_NOMEM;
    int64_t now = clock_wall_ns();
    (void)snprintf(text, 64, "%s-%lld-%06lld", user_role_name(t->role), (long long)(now / NS_PER_S),
                   (long long)(now % NS_PER_S / 1000));
    t->name = slice_of(text);
    return ERR_NONE;
}

CHECKED enum err api_tokens_create(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"name", "role", "org", "source", "rate", "expires", NULL};
    const struct json_node *body;
    struct token t = {.role = USER_MACHINE};
    struct slice role;
    char secret[TOKEN_TEXT_BYTES + 1];
    enum err e = request_body(w, known, &body, diag);

    if (e == ERR_NONE)
        e = request_text(body, "name", w->arena, &t.name, diag);
    if (e == ERR_NONE)
        e = request_text(body, "source", w->arena, &t.source, diag);
    if (e == ERR_NONE)
        e = request_text(body, "role", w->arena, &role, diag);
    if (e == ERR_NONE && role.n && !user_role_parse(role, &t.role))
        e = request_wrong(w, "role", "unknown-value", diag);
    if (e == ERR_NONE)
        e = request_org(w, body, "org", &t.org, diag);
    if (e == ERR_NONE && t.org == 0 && (t.role == USER_MACHINE || !w->who.scope.all))
        e = request_wrong(w, "org", "missing", diag);
    if (e == ERR_NONE)
        e = read_limits(w, body, &t, diag);
    if (e == ERR_NONE)
        e = name_it(w, &t);
    if (e == ERR_NONE)
        e = token_add(w->web->o.desk, &w->who.actor, &t, &t.id, secret, diag);
    if (e != ERR_NONE)
        return e;
    t.created_ns = clock_wall_ns();
    w->status = 201;
    write_token(&w->j, &t, secret);
    explicit_bzero(secret, sizeof(secret));
    return ERR_NONE;
}

CHECKED enum err api_tokens_delete(struct web_call *w, struct diag *diag)
{
    uint64_t id;

    if (!request_id(w->param, "tok_", &id))
        return FAIL(diag, ERR_NOENT, 0, "there is no such token");
    w->status = 204;
    return token_revoke(w->web->o.desk, &w->who.actor, w->who.scope, id, diag);
}
