#include "web/web_int.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/bytes.h"
#include "desk/source.h"
#include "desk/system.h"

/* How long a source may say nothing, in minutes, by the level of its system (0: none). */
static const int silence_minutes[] = {60, 240, 60, 15, 10, 5};

struct health {
    const char *status;
    struct slice reason, remedy;
};

struct intake_view {
    const struct json_node *inputs; /* of run/intake-status.json, NULL: none */
    struct json_reader *reader;
};

static void read_intake(struct web_call *w, struct intake_view *v)
{
    const struct json_node *root;
    struct slice text;

    v->inputs = NULL;
    if (request_run_file(w, "intake-status.json", &text, NULL) == ERR_NONE &&
        json_read_strict(w->worker->reader, text, &root, NULL) == ERR_NONE)
        v->inputs = json_get(root, "inputs");
}

static bool is_denied(const struct json_node *n)
{
    struct slice state = json_get_str(n, "state");

    return slice_eq(state, SLICE("denied")) || slice_eq(state, SLICE("failed"));
}

/* The entry of a file that cannot be read, by path; or NULL. */
static const struct json_node *denied_file(const struct intake_view *v, struct slice path)
{
    const struct json_node *files = json_get(json_get(v->inputs, "files"), "files");

    for (const struct json_node *n = files ? files->child : NULL; n; n = n->next)
        if (is_denied(n) && slice_eq(json_get_str(n, "path"), path))
            return n;
    return NULL;
}

static struct health health_of(struct web_call *w, const struct intake_view *v,
                               const struct source *s, unsigned level)
{
    const struct json_node *denied = denied_file(v, s->name);
    int64_t limit = silence_minutes[level < ARRAY_LEN(silence_minutes) ? level : 0];
    char *text = arena_alloc(w->arena, 96);

    if (denied)
        return (struct health){"denied", json_get_str(denied, "detail"),
                               json_get_str(denied, "mend")};
    if (s->last_ns == 0)
        return (struct health){"silent", SLICE("nothing has arrived yet"), SLICE("")};
    int64_t quiet = (clock_wall_ns() - s->last_ns) / (60 * NS_PER_S);
    if (quiet >= limit && text) {
        (void)snprintf(text, 96, "silent for %lld minutes; %lld are allowed", (long long)quiet,
                       (long long)limit);
        return (struct health){"silent", slice_of(text), SLICE("")};
    }
    if (s->status == SOURCE_DISCOVERED && s->system == 0)
        return (struct health){"new", SLICE("not assigned to a system yet"), SLICE("")};
    return (struct health){"ok", SLICE(""), SLICE("")};
}

static void write_health(struct jsonw *j, const struct health *h)
{
    jsonw_kcstr(j, "status", h->status);
    if (h->reason.n)
        jsonw_kstr(j, "reason", h->reason);
    else
        jsonw_kcstr(j, "reason", NULL);
    if (h->remedy.n)
        jsonw_kstr(j, "remedy", h->remedy);
    else
        jsonw_kcstr(j, "remedy", NULL);
}

static enum err write_source(struct web_call *w, struct names *n, const struct intake_view *v,
                             const struct source *s, struct diag *diag)
{
    struct jsonw *j = &w->j;
    struct system sys = {0};
    enum err e = ERR_NONE;

    jsonw_object(j);
    reply_id(j, "id", "", s->id);
    jsonw_kstr(j, "name", s->name);
    jsonw_kstr(j, "input", s->input);
    e = names_write(n, s->org, s->system, diag);
    if (e == ERR_NONE && s->system)
        e = system_get(w->web->o.desk, DESK_SCOPE_ALL, s->system, w->arena, &sys, NULL);
    reply_time_or_null(j, "first_seen", s->first_ns);
    reply_time_or_null(j, "last_seen", s->last_ns);
    jsonw_kint(j, "events", (int64_t)s->events);
    jsonw_kint(j, "errors", (int64_t)s->errors);
    struct health h = health_of(w, v, s, sys.level);
    write_health(j, &h);
    jsonw_kcstr(j, "registration", source_status_name(s->status));
    jsonw_kint(j, "version", (int64_t)s->version);
    jsonw_close_object(j);
    return e == ERR_NOENT ? ERR_NONE : e;
}

/* Inputs that can't be read at all have never become a source; administrators see them too. */
static size_t write_denied(struct web_call *w, const struct intake_view *v,
                           const struct source *rows, size_t rows_n)
{
    size_t n = 0;
    const struct json_node *in = v->inputs ? v->inputs->child : NULL;

    for (; in; in = in->next) {
        const struct json_node *files = json_get(in, "files");
        const struct json_node *one = files ? files->child : in;
        for (; one; one = files ? one->next : NULL) {
            struct slice name = files ? json_get_str(one, "path") : in->key;
            bool shown = !is_denied(one);
            for (size_t i = 0; i < rows_n && !shown; i++)
                shown = slice_eq(rows[i].name, name);
            if (shown)
                continue;
            struct health h = {"denied", json_get_str(one, "detail"), json_get_str(one, "mend")};
            jsonw_object(&w->j);
            jsonw_kcstr(&w->j, "id", NULL);
            jsonw_kstr(&w->j, "name", name);
            jsonw_kstr(&w->j, "input", in->key);
            jsonw_kcstr(&w->j, "org", NULL);
            jsonw_kcstr(&w->j, "system", NULL);
            jsonw_kcstr(&w->j, "last_seen", NULL);
            jsonw_kint(&w->j, "events", 0);
            jsonw_kint(&w->j, "errors", 0);
            write_health(&w->j, &h);
            jsonw_close_object(&w->j);
            n++;
        }
    }
    return n;
}

static enum err read_after(const struct web_call *w, uint32_t *ret, struct diag *diag)
{
    const char *cursor = http_query(w->c, "cursor");
    struct slice payload;

    if (!cursor || !*cursor)
        return ERR_NONE;
    enum err e = cursor_read(w, cursor, &payload, diag);
    if (e != ERR_NONE)
        return e;
    struct bytes b = bytes_of(payload);
    *ret = bytes_u32(&b);
    return bytes_all_read(&b) ? ERR_NONE : FAIL(diag, ERR_SYNTAX, 0, "the cursor is none of ours");
}

CHECKED enum err api_sources_list(struct web_call *w, struct diag *diag)
{
    struct source_filter f = {.status = -1};
    struct intake_view view;
    struct source *rows;
    struct names *names = names_new(w);
    const char *q = http_query(w->c, "q");
    size_t n, limit;
    enum err e = names ? request_limit(w, &limit, diag) : ERR_NOMEM;

    if (e == ERR_NONE)
        e = read_after(w, &f.after, diag);
    if (e != ERR_NONE)
        return e;
    f.text = slice_of(q ? q : "");
    f.limit = limit;
    e = source_list(w->web->o.desk, w->who.scope, &f, w->arena, &rows, &n, diag);
    if (e != ERR_NONE)
        return e;
    read_intake(w, &view);
    reply_list_open(w);
    for (size_t i = 0; i < n && e == ERR_NONE; i++)
        e = write_source(w, names, &view, &rows[i], diag);
    size_t total = n;
    if (w->who.scope.all && f.after == 0)
        total += write_denied(w, &view, rows, n);
    struct buf cursor, payload;
    buf_init(&cursor, CURSOR_BYTES_MAX);
    buf_init(&payload, 16);
    bool more = n == limit;
    if (e == ERR_NONE && more)
        e = bytes_put_uint(&payload, rows[n - 1].id, 4);
    if (e == ERR_NONE && more)
        e = cursor_write(w, buf_slice(&payload), &cursor);
    reply_list_close(w, buf_slice(&cursor), total, more || f.after != 0);
    buf_done(&payload);
    buf_done(&cursor);
    return e;
}

/* The system decides the organisation, unless that is given alone. */
static enum err read_place(struct web_call *w, const struct json_node *body, struct source *s,
                           struct diag *diag)
{
    struct slice system;
    struct system sys;
    uint32_t org = 0;
    uint64_t id;
    enum err e = request_org(w, body, "org", &org, diag);

    if (e == ERR_NONE)
        e = request_text(body, "system", w->arena, &system, diag);
    if (e != ERR_NONE)
        return e;
    if (org && org != s->org) {
        s->org = org;
        s->system = 0;
    }
    if (json_get(body, "system") && system.n == 0)
        s->system = 0;
    if (system.n == 0)
        return ERR_NONE;
    if (!request_id(system, "", &id) || id > UINT32_MAX ||
        system_get(w->web->o.desk, w->who.scope, (uint32_t)id, w->arena, &sys, NULL) != ERR_NONE)
        return request_wrong(w, "system", "no-such-system", diag);
    if (org && sys.org != org)
        return request_wrong(w, "system", "of-another-organisation", diag);
    s->org = sys.org;
    s->system = sys.id;
    return ERR_NONE;
}

CHECKED enum err api_sources_change(struct web_call *w, struct diag *diag)
{
    static const char *const known[] = {"org", "system", "tz", "disabled", NULL};
    const struct json_node *body;
    struct source s;
    struct names *names = names_new(w);
    struct desk *d = w->web->o.desk;
    uint64_t id = 0;
    enum err e = names ? request_body(w, known, &body, diag) : ERR_NOMEM;

    if (e == ERR_NONE && (!request_id(w->param, "", &id) || id > UINT32_MAX))
        e = FAIL(diag, ERR_NOENT, 0, "there is no such source");
    if (e == ERR_NONE)
        e = source_get(d, w->who.scope, (uint32_t)id, w->arena, &s, diag);
    if (e == ERR_NONE)
        e = read_place(w, body, &s, diag);
    if (e == ERR_NONE && json_get(body, "tz"))
        e = request_text(body, "tz", w->arena, &s.tz, diag);
    if (e != ERR_NONE)
        return e;
    s.status = json_get_bool(body, "disabled", s.status == SOURCE_DISABLED) ? SOURCE_DISABLED
                                                                            : SOURCE_REGISTERED;
    e = source_change(d, &w->who.actor, w->who.scope, &s, diag);
    if (e == ERR_NONE)
        e = source_get(d, w->who.scope, s.id, w->arena, &s, diag);
    if (e != ERR_NONE)
        return e;
    struct intake_view view;
    read_intake(w, &view);
    return write_source(w, names, &view, &s, diag);
}
