#include "web/web_int.h"

#include <stdio.h>
#include <strings.h>

#include "desk/org.h"

/* Behind a proxy the peer is the proxy; the last address that it added is the client's. */
static void find_address(struct web_call *w)
{
    uint8_t ip[16];
    uint16_t port;
    const char *via = http_header(w->c, "X-Forwarded-For");

    http_peer(w->c, ip, &port);
    if (via && atomic_load(&w->web->behind_proxy)) {
        const char *last = strrchr(via, ',');
        uint8_t client[16];
        if (ip_parse(slice_trim(slice_of(last ? last + 1 : via)), client))
            memcpy(ip, client, 16);
    }
    ip_text(ip, w->who.address);
}

CHECKED enum err caller_scope(struct web *web, uint32_t org, enum user_role role, struct arena *a,
                              struct desk_scope *ret, struct diag *diag)
{
    struct desk_scope scope;
    enum err e = org_scope(web->o.desk, org, a, &scope, diag);

    if (e != ERR_NONE)
        return e;
    if (scope.all && role != USER_ADMIN) { /* what is unassigned is for administrators only */
        struct org *orgs;
        size_t n, kept = 0;
        e = org_list(web->o.desk, DESK_SCOPE_ALL, a, &orgs, &n, diag);
        if (e != ERR_NONE)
            return e;
        uint32_t *ids = arena_calloc(a, n + 1, sizeof(*ids));
        if (!ids)
            return ERR_NOMEM;
        for (size_t i = 0; i < n; i++)
            if (orgs[i].id != ORG_UNASSIGNED)
                ids[kept++] = orgs[i].id;
        scope = (struct desk_scope){.orgs = ids, .n = kept};
    }
    *ret = scope;
    return ERR_NONE;
}

static enum err find_local(struct web_call *w, struct diag *diag)
{
    struct caller *who = &w->who;
    long uid = http_peer_uid(w->c);

    if (uid != 0 && uid != w->web->uid)
        return FAIL(diag, ERR_DENIED, 0,
                    "only the installation's owner and root may use this "
                    "socket");
    who->kind = CALLER_LOCAL;
    who->role = USER_ADMIN;
    who->scope = DESK_SCOPE_ALL;
    who->actor = (struct desk_actor){.name = "local", .role = "admin", .address = "local"};
    return ERR_NONE;
}

static enum err find_token(struct web_call *w, struct slice secret, struct diag *diag)
{
    struct caller *who = &w->who;
    struct token t;
    enum err e = token_check(w->web->o.desk, secret, w->arena, &t, diag);

    if (e == ERR_NONE)
        e = caller_scope(w->web, t.org, t.role, w->arena, &who->scope, diag);
    if (e != ERR_NONE)
        return e;
    who->kind = CALLER_TOKEN;
    who->role = t.role;
    who->token = t.id;
    who->secret = secret;
    who->actor = (struct desk_actor){.name = arena_cstr(w->arena, t.name),
                                     .role = user_role_name(t.role),
                                     .address = who->address,
                                     .org = t.org};
    return ERR_NONE;
}

static enum err find_session(struct web_call *w, struct slice secret, struct diag *diag)
{
    struct caller *who = &w->who;
    enum err e = session_check(w->web->o.desk, secret, w->arena, &who->session, &who->user, diag);

    if (e == ERR_NONE)
        e = caller_scope(w->web, who->user.org, who->user.role, w->arena, &who->scope, diag);
    if (e != ERR_NONE)
        return e;
    who->kind = CALLER_SESSION;
    who->role = who->user.role;
    who->secret = secret;
    who->actor = (struct desk_actor){.user = who->user.id,
                                     .name = arena_cstr(w->arena, who->user.login),
                                     .role = user_role_name(who->role),
                                     .address = who->address,
                                     .org = who->user.org};
    return ERR_NONE;
}

CHECKED enum err caller_find(struct web_call *w, struct diag *diag)
{
    const char *bearer = http_header(w->c, "Authorization");
    const char *cookie = http_cookie(w->c, "__Host-sid");

    find_address(w);
    if (w->local)
        return find_local(w, diag);
    if (bearer) {
        if (strncasecmp(bearer, "Bearer ", 7) != 0)
            return FAIL(diag, ERR_AUTH, 0, "only Authorization: Bearer is understood");
        return find_token(w, slice_trim(slice_of(bearer + 7)), diag);
    }
    return cookie ? find_session(w, slice_of(cookie), diag) : ERR_NONE;
}

static bool json_body(const struct web_call *w)
{
    const char *type = http_header(w->c, "Content-Type");
    size_t n = type ? strcspn(type, ";") : 0;

    return http_body(w->c).n == 0 || (type && slice_eq_nocase(slice_trim((struct slice){type, n}),
                                                              SLICE("application/json")));
}

CHECKED bool caller_may_change(struct web_call *w)
{
    const char *site = http_header(w->c, "Sec-Fetch-Site");
    const char *ours = http_header(w->c, "X-Coloa");
    bool program = w->who.kind == CALLER_TOKEN || w->who.kind == CALLER_LOCAL;
    struct http_problem p = {0};

    if (!json_body(w))
        p = (struct http_problem){.status = 415,
                                  .code = "media-type",
                                  .title = "unsupported media type",
                                  .detail = "send Content-Type: application/json"};
    else if (site && strcmp(site, "same-origin") != 0)
        p = (struct http_problem){.status = 403,
                                  .code = "cross-site",
                                  .title = "not permitted",
                                  .detail = "changes are taken from the console's own pages only"};
    else if (!program && (!ours || strcmp(ours, "1") != 0))
        p = (struct http_problem){.status = 403,
                                  .code = "cross-site",
                                  .title = "not permitted",
                                  .detail = "changes need the header X-Coloa: 1"};
    if (p.status == 0)
        return true;
    http_reply_problem(w->c, &p);
    w->replied = true;
    return false;
}

bool caller_alive(struct web *web, const struct caller *who, struct arena *a)
{
    struct session *sessions;
    struct token token;
    size_t n;

    switch (who->kind) {
    case CALLER_LOCAL:
        return true;
    case CALLER_TOKEN:
        return token_check(web->o.desk, who->secret, a, &token, NULL) == ERR_NONE;
    case CALLER_SESSION:
        if (session_list(web->o.desk, who->user.id, a, &sessions, &n, NULL) != ERR_NONE)
            return false;
        for (size_t i = 0; i < n; i++)
            if (strcmp(sessions[i].id, who->session.id) == 0)
                return true;
        return false;
    case CALLER_NONE:
        return false;
    }
    return false;
}

uint64_t caller_key(const struct caller *who)
{
    uint64_t id = who->kind == CALLER_TOKEN ? who->token : who->user.id;

    return id << 2 | (uint64_t)who->kind;
}
