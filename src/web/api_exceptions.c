/* Exceptions of rules: made with a reason and an end, ended early, never changed. */
#include "web/web_int.h"

#include "core/clock.h"
#include "core/timefmt.h"
#include "desk/exception.h"

static enum err write_one(struct web_call *w, struct names *names, const struct exception *x,
                          struct diag *diag)
{
    int64_t now = clock_wall_ns();
    struct jsonw *j = &w->j;
    enum err e = ERR_NONE;

    jsonw_object(j);
    reply_id(j, "id", "exc_", x->id);
    jsonw_kstr(j, "rule_id", x->rule_id);
    jsonw_kstr(j, "field", x->field);
    jsonw_kstr(j, "value", x->value);
    jsonw_kstr(j, "source", x->source);
    jsonw_kstr(j, "reason", x->reason);
    jsonw_kstr(j, "author", x->author);
    if (x->org)
        e = names_write(names, x->org, 0, diag);
    else
        jsonw_kcstr(j, "org", NULL);
    jsonw_ktime(j, "created", x->created_ns);
    jsonw_ktime(j, "ends", x->ends_ns);
    reply_time_or_null(j, "ended", x->ended_ns);
    jsonw_kbool(j, "in_force", x->ended_ns == 0 && x->ends_ns > now);
    jsonw_close_object(j);
    return e;
}

CHECKED enum err api_exceptions_list(struct web_call *w, struct diag *diag)
{
    const char *rule = http_query(w->c, "rule_id"), *all = http_query(w->c, "all");
    struct names *names = names_new(w);
    struct exception *rows;
    size_t n;
    enum err e = names ? exception_list(w->web->o.desk, w->who.scope, slice_of(rule),
                                        all && strcmp(all, "true") == 0, w->arena, &rows, &n, diag)
                       : ERR_NOMEM;

    if (e != ERR_NONE)
        return e;
    reply_list_open(w);
    for (size_t i = 0; i < n && e == ERR_NONE; i++)
        e = write_one(w, names, &rows[i], diag);
    reply_list_close(w, SLICE(""), n, false);
    return e;
}

static enum err read_body(struct web_call *w, struct exception *x, struct diag *diag)
{
    static const char *const known[] = {"rule_id", "field", "value", "source",
                                        "reason",  "ends",  "org",   NULL};
    struct slice *const texts[] = {&x->rule_id, &x->field, &x->value, &x->source, &x->reason};
    const struct json_node *body;
    struct slice ends;
    enum err e = request_body(w, known, &body, diag);

    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(texts); i++)
        e = request_text(body, known[i], w->arena, texts[i], diag);
    if (e == ERR_NONE)
        e = request_text(body, "ends", w->arena, &ends, diag);
    if (e == ERR_NONE)
        e = request_org(w, body, "org", &x->org, diag);
    if (e == ERR_NONE && x->rule_id.n == 0)
        return request_wrong(w, "rule_id", "missing", diag);
    if (e == ERR_NONE && x->reason.n == 0)
        return request_wrong(w, "reason", "missing", diag);
    if (e == ERR_NONE && x->org == 0 && !w->who.scope.all)
        return request_wrong(w, "org", "missing", diag);
    if (e == ERR_NONE && time_parse_bound(ends, clock_wall_ns(), &x->ends_ns, NULL) != ERR_NONE)
        return request_wrong(w, "ends", "no-time", diag);
    return e;
}

CHECKED enum err api_exceptions_create(struct web_call *w, struct diag *diag)
{
    struct exception x = {0};
    struct names *names = names_new(w);
    enum err e = names ? read_body(w, &x, diag) : ERR_NOMEM;

    if (e == ERR_NONE)
        e = exception_add(w->web->o.desk, &w->who.actor, &x, &x.id, diag);
    if (e != ERR_NONE)
        return e;
    x.created_ns = clock_wall_ns();
    x.author = slice_of(w->who.actor.name);
    w->status = 201;
    return write_one(w, names, &x, diag);
}

CHECKED enum err api_exceptions_delete(struct web_call *w, struct diag *diag)
{
    uint64_t id;

    if (!request_id(w->param, "exc_", &id))
        return FAIL(diag, ERR_NOENT, 0, "there is no such exception");
    w->status = 204;
    return exception_end(w->web->o.desk, &w->who.actor, w->who.scope, id, diag);
}
