#include "web/web_int.h"

#include "core/fold.h"
#include "desk/org.h"
#include "desk/system.h"

/* "Sở Y tế" -> "so-y-te". */
static enum err slug_of(struct web_call *w, struct slice name, struct slice *ret, struct diag *diag)
{
    struct slice folded;
    enum err e = fold_search_dup(w->arena, name, &folded);
    char *out = e == ERR_NONE ? arena_alloc(w->arena, 65) : NULL;
    size_t n = 0;

    if (!out)
        return ERR_NOMEM;
    for (size_t i = 0; i < folded.n && n < 64; i++) {
        char c = folded.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[n++] = c;
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    if (n == 0)
        return request_wrong(w, "slug", "missing", diag);
    *ret = (struct slice){out, n};
    return ERR_NONE;
}

static void write_org(struct jsonw *j, const struct org *o)
{
    jsonw_object(j);
    reply_id(j, "id", "", o->id);
    if (o->parent)
        reply_id(j, "parent", "", o->parent);
    else
        jsonw_kcstr(j, "parent", NULL);
    jsonw_kstr(j, "slug", o->slug);
    jsonw_kstr(j, "name", o->name);
    jsonw_kstr(j, "name_en", o->name_en);
    jsonw_ktime(j, "created", o->created_ns);
    jsonw_kint(j, "version", (int64_t)o->version);
    jsonw_close_object(j);
}

/* These two lists are short and have no pages: `limit` is taken and means nothing. */
CHECKED enum err api_organisations_list(struct web_call *w, struct diag *diag)
{
    struct org *rows;
    size_t n;
    enum err e = org_list(w->web->o.desk, w->who.scope, w->arena, &rows, &n, diag);

    if (e != ERR_NONE)
        return e;
    reply_list_open(w);
    for (size_t i = 0; i < n; i++)
        write_org(&w->j, &rows[i]);
    reply_list_close(w, SLICE(""), n, false);
    return ERR_NONE;
}

CHECKED enum err api_organisations_create(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"name", "name_en", "slug", "parent", NULL};
    const struct json_node *body;
    struct org o = {0};
    struct desk *d = w->web->o.desk;
    enum err e = request_body(w, known, &body, diag);

    if (e == ERR_NONE)
        e = request_text(body, "name", w->arena, &o.name, diag);
    if (e == ERR_NONE)
        e = request_text(body, "name_en", w->arena, &o.name_en, diag);
    if (e == ERR_NONE)
        e = request_text(body, "slug", w->arena, &o.slug, diag);
    if (e == ERR_NONE)
        e = request_org(w, body, "parent", &o.parent, diag);
    if (e == ERR_NONE && o.name.n == 0)
        e = request_wrong(w, "name", "missing", diag);
    if (e == ERR_NONE && o.parent == 0 && !w->who.scope.all)
        e = request_wrong(w, "parent", "missing", diag); /* a root is for the whole installation */
    if (e == ERR_NONE && o.slug.n == 0)
        e = slug_of(w, o.name, &o.slug, diag);
    if (e == ERR_NONE)
        e = org_add(d, &w->who.actor, &o, &o.id, diag);
    if (e == ERR_NONE)
        e = org_get(d, DESK_SCOPE_ALL, o.id, w->arena, &o, diag);
    if (e != ERR_NONE)
        return e;
    w->status = 201;
    write_org(&w->j, &o);
    return ERR_NONE;
}

static enum err write_system(struct web_call *w, struct names *n, const struct system *s,
                             struct diag *diag)
{
    struct jsonw *j = &w->j;

    jsonw_object(j);
    reply_id(j, "id", "", s->id);
    jsonw_kstr(j, "name", s->name);
    jsonw_kint(j, "level", s->level);
    jsonw_kstr(j, "owner", s->owner);
    jsonw_kstr(j, "about", s->about);
    enum err e = names_write(n, s->org, 0, diag);
    jsonw_ktime(j, "created", s->created_ns);
    jsonw_kint(j, "version", (int64_t)s->version);
    jsonw_close_object(j);
    return e;
}

CHECKED enum err api_systems_list(struct web_call *w, struct diag *diag)
{
    struct names *names = names_new(w);
    struct system *rows;
    size_t n;
    enum err e =
        names ? system_list(w->web->o.desk, w->who.scope, w->arena, &rows, &n, diag) : ERR_NOMEM;

    if (e != ERR_NONE)
        return e;
    reply_list_open(w);
    for (size_t i = 0; i < n && e == ERR_NONE; i++)
        e = write_system(w, names, &rows[i], diag);
    reply_list_close(w, SLICE(""), n, false);
    return e;
}

CHECKED enum err api_systems_create(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"name", "org", "level", "owner", "about", NULL};
    const struct json_node *body;
    struct system s = {0};
    struct names *names = names_new(w);
    struct desk *d = w->web->o.desk;
    struct slice level = {0};
    uint64_t n = 0;
    enum err e = names ? request_body(w, known, &body, diag) : ERR_NOMEM;

    if (e == ERR_NONE)
        e = request_text(body, "name", w->arena, &s.name, diag);
    if (e == ERR_NONE)
        e = request_text(body, "owner", w->arena, &s.owner, diag);
    if (e == ERR_NONE)
        e = request_text(body, "about", w->arena, &s.about, diag);
    if (e == ERR_NONE)
        e = request_text(body, "level", w->arena, &level, diag);
    if (e == ERR_NONE)
        e = request_org(w, body, "org", &s.org, diag);
    if (e == ERR_NONE && (!slice_to_u64(level, &n) || n < 1 || n > 5))
        e = request_wrong(w, "level", "from-1-to-5", diag);
    if (e == ERR_NONE && s.name.n == 0)
        e = request_wrong(w, "name", "missing", diag);
    if (e == ERR_NONE && s.org == 0)
        e = request_wrong(w, "org", "missing", diag);
    s.level = (uint8_t)n;
    if (e == ERR_NONE)
        e = system_add(d, &w->who.actor, &s, &s.id, diag);
    if (e == ERR_NONE)
        e = system_get(d, w->who.scope, s.id, w->arena, &s, diag);
    if (e != ERR_NONE)
        return e;
    w->status = 201;
    return write_system(w, names, &s, diag);
}
