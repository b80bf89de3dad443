#include "web/web_int.h"

#include "core/bytes.h"
#include "core/clock.h"
#include "core/timefmt.h"
#include "desk/alert.h"

static enum err write_alert(struct web_call *w, struct names *n, const struct alert *a,
                            struct diag *diag)
{
    struct jsonw *j = &w->j;
    char id[ALERT_ID_BYTES];

    alert_id_text(a->id, id);
    jsonw_kcstr(j, "id", id);
    jsonw_kstr(j, "rule_id", a->rule_id);
    jsonw_kstr(j, "title", a->title);
    jsonw_kstr(j, "title_vi", a->title_vi);
    jsonw_kcstr(j, "level", alert_level_name(a->level));
    jsonw_kcstr(j, "state", alert_state_name(a->state));
    jsonw_kcstr(j, "verdict", a->verdict ? alert_verdict_name(a->verdict) : NULL);
    jsonw_kint(j, "count", (int64_t)a->count);
    jsonw_ktime(j, "first", a->first_ns);
    jsonw_ktime(j, "last", a->last_ns);
    enum err e = names_write(n, a->org, a->system, diag);
    jsonw_key(j, SLICE("entities"));
    jsonw_raw(j, a->entities.n ? a->entities : SLICE("{}"));
    jsonw_key(j, SLICE("tags"));
    jsonw_raw(j, a->tags.n ? a->tags : SLICE("[]"));
    jsonw_kstr(j, "source", a->source);
    if (a->assignee) {
        jsonw_key(j, SLICE("assignee"));
        jsonw_object(j);
        reply_id(j, "id", "usr_", a->assignee);
        jsonw_kstr(j, "name", a->assignee_name);
        jsonw_close_object(j);
    } else {
        jsonw_kcstr(j, "assignee", NULL);
    }
    jsonw_kint(j, "version", (int64_t)a->version);
    return e;
}

/* What only the page of one alert shows. */
static enum err write_rest(struct web_call *w, const struct alert *a, struct diag *diag)
{
    struct jsonw *j = &w->j;
    struct alert_note *notes;
    struct slice *events;
    size_t notes_n, events_n;
    struct desk *d = w->web->o.desk;

    jsonw_key(j, SLICE("matched"));
    jsonw_raw(j, a->matched.n ? a->matched : SLICE("{}"));
    jsonw_kstr(j, "rule_version", a->rule_version);
    jsonw_key(j, SLICE("selections"));
    jsonw_raw(j, a->selections.n ? a->selections : SLICE("[]"));
    jsonw_kstr(j, "message", a->message);
    jsonw_kstr(j, "reason", a->reason);
    jsonw_ktime(j, "created", a->created_ns);
    jsonw_ktime(j, "changed", a->changed_ns);
    reply_time_or_null(j, "acknowledged", a->acked_ns);
    reply_time_or_null(j, "closed", a->closed_ns);
    enum err e = alert_events(d, w->who.scope, a->id, w->arena, &events, &events_n, diag);
    if (e == ERR_NONE)
        e = alert_history(d, w->who.scope, a->id, w->arena, &notes, &notes_n, diag);
    if (e != ERR_NONE)
        return e;
    jsonw_key(j, SLICE("events"));
    jsonw_array(j);
    for (size_t i = 0; i < events_n; i++)
        jsonw_str(j, events[i]);
    jsonw_close_array(j);
    jsonw_key(j, SLICE("history"));
    jsonw_array(j);
    for (size_t i = 0; i < notes_n; i++) {
        jsonw_object(j);
        jsonw_ktime(j, "time", notes[i].time_ns);
        jsonw_kstr(j, "who", notes[i].who);
        jsonw_kstr(j, "what", notes[i].what);
        jsonw_kstr(j, "text", notes[i].text);
        jsonw_close_object(j);
    }
    jsonw_close_array(j);
    return ERR_NONE;
}

static enum err write_one(struct web_call *w, const struct alert *a, struct diag *diag)
{
    struct names *n = names_new(w);

    if (!n)
        return ERR_NOMEM;
    jsonw_object(&w->j);
    enum err e = write_alert(w, n, a, diag);
    if (e == ERR_NONE)
        e = write_rest(w, a, diag);
    jsonw_close_object(&w->j);
    return e;
}

/* ---- the list ---- */

/* "new,acknowledged" into bits. */
static enum err word_bits(struct slice s, bool states, unsigned *ret, struct diag *diag)
{
    unsigned bits = 0;

    for (size_t at = 0; at <= s.n;) {
        struct slice rest = slice_cut(s, at, s.n);
        struct slice word = slice_cut(rest, 0, slice_find(rest, ','));
        enum alert_state state;
        enum alert_level level;
        if (states && alert_state_parse(word, &state))
            bits |= 1U << state;
        else if (!states && alert_level_parse(word, &level))
            bits |= 1U << level;
        else
            return FAIL(diag, ERR_SYNTAX, at, "\"%.*s\" is no %s of an alert",
                        (int)(word.n < 40 ? word.n : 40), word.p, states ? "state" : "level");
        at += word.n + 1;
    }
    *ret = bits;
    return ERR_NONE;
}

static enum err number(const struct web_call *w, const char *name, const char *prefix,
                       uint64_t most, uint64_t *ret, struct diag *diag)
{
    const char *text = http_query(w->c, name);
    uint64_t v = 0;

    if (text && *text && (!request_id(slice_of(text), prefix, &v) || v > most))
        return FAIL(diag, ERR_SYNTAX, 0, "%s is a number", name);
    *ret = v;
    return ERR_NONE;
}

static enum err time_bound(const struct web_call *w, const char *name, int64_t *ret,
                           struct diag *diag)
{
    const char *text = http_query(w->c, name);

    return text && *text ? time_parse_bound(slice_of(text), clock_wall_ns(), ret, diag) : ERR_NONE;
}

static enum err read_words(const struct web_call *w, struct alert_filter *f, struct diag *diag)
{
    const char *state = http_query(w->c, "state"), *level = http_query(w->c, "level");
    const char *verdict = http_query(w->c, "verdict"), *q = http_query(w->c, "q");
    const char *rule = http_query(w->c, "rule_id"), *sort = http_query(w->c, "sort");
    enum err e = ERR_NONE;

    f->verdict = -1;
    if (state && *state)
        e = word_bits(slice_of(state), true, &f->states, diag);
    if (e == ERR_NONE && level && *level)
        e = word_bits(slice_of(level), false, &f->levels, diag);
    if (e == ERR_NONE && verdict && *verdict) {
        enum alert_verdict v;
        if (!alert_verdict_parse(slice_of(verdict), &v))
            return FAIL(diag, ERR_SYNTAX, 0, "there is no such verdict");
        f->verdict = (int)v;
    }
    if (e == ERR_NONE && sort && strcmp(sort, "level") != 0 && strcmp(sort, "last") != 0)
        e = FAIL(diag, ERR_SYNTAX, 0, "sort is level or last");
    f->by_level = sort && strcmp(sort, "level") == 0;
    f->text = slice_of(q ? q : "");
    f->rule_id = slice_of(rule ? rule : "");
    return e;
}

static enum err read_filter(const struct web_call *w, struct alert_filter *f, struct diag *diag)
{
    uint64_t org, system;
    enum err e = read_words(w, f, diag);

    if (e == ERR_NONE)
        e = number(w, "org", "", UINT32_MAX, &org, diag);
    if (e == ERR_NONE)
        e = number(w, "system", "", UINT32_MAX, &system, diag);
    if (e == ERR_NONE)
        e = number(w, "assignee", "usr_", INT64_MAX, &f->assignee, diag);
    if (e == ERR_NONE)
        e = time_bound(w, "from", &f->from_ns, diag);
    if (e == ERR_NONE)
        e = time_bound(w, "to", &f->to_ns, diag);
    if (e == ERR_NONE)
        e = request_limit(w, &f->limit, diag);
    if (e != ERR_NONE)
        return e;
    f->org = (uint32_t)org;
    f->system = (uint32_t)system;
    const char *cursor = http_query(w->c, "cursor");
    if (!cursor || !*cursor)
        return ERR_NONE;
    struct slice payload;
    e = cursor_read(w, cursor, &payload, diag);
    if (e != ERR_NONE)
        return e;
    struct bytes b = bytes_of(payload);
    f->after.id = bytes_u64(&b);
    f->after.last_ns = (int64_t)bytes_u64(&b);
    f->after.level = (enum alert_level)bytes_u8(&b);
    return bytes_all_read(&b) ? ERR_NONE : FAIL(diag, ERR_SYNTAX, 0, "the cursor is none of ours");
}

static enum err write_cursor(const struct web_call *w, const struct alert *last, struct buf *out)
{
    struct buf payload;

    buf_init(&payload, 64);
    enum err e = bytes_put_uint(&payload, last->id, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(&payload, (uint64_t)last->last_ns, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(&payload, last->level, 1);
    if (e == ERR_NONE)
        e = cursor_write(w, buf_slice(&payload), out);
    buf_done(&payload);
    return e;
}

CHECKED enum err api_alerts_list(struct web_call *w, struct diag *diag)
{
    struct alert_filter f = {0};
    struct alert_counts counts;
    struct alert *rows;
    struct desk *d = w->web->o.desk;
    struct names *names = names_new(w);
    size_t n, limit;
    enum err e = names ? read_filter(w, &f, diag) : ERR_NOMEM;

    limit = f.limit;
    f.limit = limit < DESK_LIST_MAX ? limit + 1 : limit; /* one more tells whether there is more */
    if (e == ERR_NONE)
        e = alert_list(d, w->who.scope, &f, w->arena, &rows, &n, diag);
    if (e == ERR_NONE)
        e = alert_count(d, w->who.scope, &f, &counts, diag);
    if (e != ERR_NONE)
        return e;
    bool more = n > limit || (n == limit && limit == DESK_LIST_MAX);
    n = n > limit ? limit : n;
    reply_list_open(w);
    for (size_t i = 0; i < n && e == ERR_NONE; i++) {
        jsonw_object(&w->j);
        e = write_alert(w, names, &rows[i], diag);
        jsonw_close_object(&w->j);
    }
    struct buf cursor;
    buf_init(&cursor, CURSOR_BYTES_MAX);
    if (e == ERR_NONE && more)
        e = write_cursor(w, &rows[n - 1], &cursor);
    reply_list_close(w, buf_slice(&cursor), counts.total, false);
    buf_done(&cursor);
    return e;
}

/* ---- one ---- */

static enum err read_id(const struct web_call *w, uint64_t *ret, struct diag *diag)
{
    return alert_id_parse(w->param, ret) ? ERR_NONE
                                         : FAIL(diag, ERR_NOENT, 0, "there is no such alert");
}

CHECKED enum err api_alerts_get(struct web_call *w, struct diag *diag)
{
    struct alert a;
    uint64_t id;
    enum err e = read_id(w, &id, diag);

    if (e == ERR_NONE)
        e = alert_get(w->web->o.desk, w->who.scope, id, w->arena, &a, diag);
    if (e != ERR_NONE)
        return e;
    request_etag(w, a.version);
    return write_one(w, &a, diag);
}

static enum err read_assignee(struct web_call *w, const struct json_node *body,
                              struct alert_patch *p, struct diag *diag)
{
    const struct json_node *n = json_get(body, "assignee");
    struct user u;

    if (!n)
        return ERR_NONE;
    p->set_assignee = true;
    if (n->type == JSON_NULL)
        return ERR_NONE;
    if (n->type != JSON_STRING)
        return request_wrong(w, "assignee", "wrong-type", diag);
    if (slice_eq(n->str, SLICE("me"))) {
        p->assignee = w->who.actor.user;
        return p->assignee ? ERR_NONE : request_wrong(w, "assignee", "not-a-person", diag);
    }
    if (!request_id(n->str, "usr_", &p->assignee) ||
        user_get(w->web->o.desk, w->who.scope, p->assignee, w->arena, &u, NULL) != ERR_NONE)
        return request_wrong(w, "assignee", "no-such-user", diag);
    return ERR_NONE;
}

static enum err read_patch(struct web_call *w, struct alert_patch *p, struct diag *diag)
{
    static const char *const known[] = {"state", "verdict", "reason", "assignee", "comment", NULL};
    const struct json_node *body;
    struct slice state, verdict;
    enum err e = request_body(w, known, &body, diag);

    if (e == ERR_NONE)
        e = request_text(body, "state", w->arena, &state, diag);
    if (e == ERR_NONE)
        e = request_text(body, "verdict", w->arena, &verdict, diag);
    if (e == ERR_NONE)
        e = request_text(body, "reason", w->arena, &p->reason, diag);
    if (e == ERR_NONE)
        e = request_text(body, "comment", w->arena, &p->comment, diag);
    if (e == ERR_NONE)
        e = read_assignee(w, body, p, diag);
    if (e != ERR_NONE)
        return e;
    p->set_state = state.n > 0;
    p->set_verdict = verdict.n > 0;
    if (p->set_state && !alert_state_parse(state, &p->state))
        return request_wrong(w, "state", "unknown-value", diag);
    if (p->set_verdict && !alert_verdict_parse(verdict, &p->verdict))
        return request_wrong(w, "verdict", "unknown-value", diag);
    if (p->set_verdict && p->reason.n == 0)
        return request_wrong(w, "reason", "missing", diag);
    return ERR_NONE;
}

/* 412 carries the object as it is now, so that the console can show the difference. */
static enum err say_changed(struct web_call *w, uint64_t id, struct diag *diag)
{
    struct alert now;
    enum err e = alert_get(w->web->o.desk, w->who.scope, id, w->arena, &now, diag);

    if (e == ERR_NONE)
        e = write_one(w, &now, diag);
    if (e == ERR_NONE)
        e = jsonw_end(&w->j);
    if (e != ERR_NONE)
        return e;
    request_etag(w, now.version);
    http_reply_problem(w->c, &(struct http_problem){.status = err_http_status(ERR_PRECOND),
                                                    .code = err_code(ERR_PRECOND),
                                                    .title = err_text(ERR_PRECOND),
                                                    .extra_name = "current",
                                                    .extra = buf_slice(&w->out)});
    w->replied = true;
    return ERR_NONE;
}

CHECKED enum err api_alerts_change(struct web_call *w, struct diag *diag)
{
    struct alert_patch p = {0};
    struct alert a;
    uint64_t id;
    bool given = false;
    enum err e = read_id(w, &id, diag);

    if (e == ERR_NONE)
        e = request_if_match(w, &p.version, &given, diag);
    if (e == ERR_NONE && !given) {
        http_reply_problem(w->c, &(struct http_problem){.status = 428,
                                                        .code = "if-match-required",
                                                        .title = "If-Match is needed",
                                                        .detail = "send If-Match with the ETag "
                                                                  "of the alert"});
        w->replied = true;
        return ERR_NONE;
    }
    if (e == ERR_NONE)
        e = read_patch(w, &p, diag);
    if (e == ERR_NONE)
        e = alert_change(w->web->o.desk, &w->who.actor, w->who.scope, id, &p, w->arena, &a, diag);
    if (e == ERR_PRECOND)
        return say_changed(w, id, diag);
    if (e != ERR_NONE)
        return e;
    request_etag(w, a.version);
    return write_one(w, &a, diag);
}
