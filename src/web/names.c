#include "web/web_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "desk/org.h"
#include "desk/system.h"

/* A page has at most WEB_LIMIT_MAX rows, so at most as many organisations and systems. */
struct names {
    struct web_call *w;
    size_t orgs_n, systems_n;
    struct org orgs[WEB_LIMIT_MAX];
    struct system systems[WEB_LIMIT_MAX];
};

struct names *names_new(struct web_call *w)
{
    struct names *n = arena_calloc(w->arena, 1, sizeof(*n));

    if (n)
        n->w = w;
    return n;
}

/* A row that is gone keeps its number and gets an empty name. */
static enum err find_org(struct names *n, uint32_t id, const struct org **ret, struct diag *diag)
{
    for (size_t i = 0; i < n->orgs_n; i++) {
        if (n->orgs[i].id == id) {
            *ret = &n->orgs[i];
            return ERR_NONE;
        }
    }
    if (n->orgs_n == WEB_LIMIT_MAX)
        return ERR_LIMIT;
    struct org *o = &n->orgs[n->orgs_n];
    enum err e = org_get(n->w->web->o.desk, DESK_SCOPE_ALL, id, n->w->arena, o, diag);
    if (e == ERR_NOENT)
        *o = (struct org){.id = id};
    else if (e != ERR_NONE)
        return e;
    n->orgs_n++;
    *ret = o;
    return ERR_NONE;
}

static enum err find_system(struct names *n, uint32_t id, const struct system **ret,
                            struct diag *diag)
{
    for (size_t i = 0; i < n->systems_n; i++) {
        if (n->systems[i].id == id) {
            *ret = &n->systems[i];
            return ERR_NONE;
        }
    }
    if (n->systems_n == WEB_LIMIT_MAX)
        return ERR_LIMIT;
    struct system *s = &n->systems[n->systems_n];
    enum err e = system_get(n->w->web->o.desk, DESK_SCOPE_ALL, id, n->w->arena, s, diag);
    if (e == ERR_NOENT)
        *s = (struct system){.id = id};
    else if (e != ERR_NONE)
        return e;
    n->systems_n++;
    *ret = s;
    return ERR_NONE;
}

CHECKED enum err names_write(struct names *n, uint32_t org, uint32_t system, struct diag *diag)
{
    struct jsonw *j = &n->w->j;
    const struct org *o;
    const struct system *s = NULL;
    enum err e = find_org(n, org, &o, diag);

    if (e == ERR_NONE && system)
        e = find_system(n, system, &s, diag);
    if (e != ERR_NONE)
        return e;
    reply_id(j, "org", "", org);
    jsonw_kstr(j, "org_name", o->name);
    if (!s) {
        jsonw_kcstr(j, "system", NULL);
        jsonw_kcstr(j, "system_name", NULL);
        jsonw_kcstr(j, "system_level", NULL);
        return ERR_NONE;
    }
    reply_id(j, "system", "", system);
    jsonw_kstr(j, "system_name", s->name);
    jsonw_kint(j, "system_level", s->level);
    return ERR_NONE;
}
