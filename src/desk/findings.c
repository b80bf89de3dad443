#include "desk/findings.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/timefmt.h"
#include "desk/alert_int.h"
#include "desk/source.h"

/* More in one report than any machine can receive; keeps sums within 64 bits. */
#define COUNT_MAX (INT64_C(1) << 40)

enum {
    NODES_MAX = 20000,
    BAD_MAX = 1000,
    BAD_BYTES_MAX = 16 << 10,
    TAGS_MAX = 64,
    FIELDS_MAX = 64
};

CHECKED enum err findings_cursor(struct desk *d, struct slice name, struct jpos *ret,
                                 struct diag *diag)
{
    struct db_rows *rows = NULL;
    struct jpos pos = {0, 0};
    bool row = false;

    desk_lock(d);
    enum err e = db_query(d->db, "SELECT segment, position FROM cursors WHERE name = ?1",
                          DB_ARGS(db_t(name)), &rows, diag);
    if (e == ERR_NONE)
        e = db_next(rows, &row, diag);
    if (e == ERR_NONE && row)
        pos = (struct jpos){(uint64_t)db_int(rows, 0), (uint64_t)db_int(rows, 1)};
    db_rows_free(rows);
    desk_unlock(d);
    if (e == ERR_NONE)
        *ret = pos;
    return e;
}

static void work_done(struct alert_work *w)
{
    json_reader_free(w->frame);
    json_reader_free(w->stored);
    buf_done(&w->json);
    buf_done(&w->text);
    buf_done(&w->entities);
}

static enum err work_init(struct alert_work *w)
{
    *w = (struct alert_work){0};
    buf_init(&w->json, ALERT_JSON_BYTES_MAX);
    buf_init(&w->text, 32 * ALERT_FOLDED_BYTES_MAX);
    buf_init(&w->entities, 16 * ALERT_JSON_BYTES_MAX);
    w->frame = json_reader_new(FINDINGS_FRAME_BYTES_MAX, NODES_MAX);
    w->stored = json_reader_new(16 * ALERT_JSON_BYTES_MAX, NODES_MAX);
    return w->frame && w->stored ? ERR_NONE : ERR_NOMEM;
}

static struct slice bounded(struct slice s)
{
    if (s.n > DESK_TEXT_BYTES_MAX)
        s.n = DESK_TEXT_BYTES_MAX;
    return s;
}

/* Leaves of an object or array as finished JSON: texts as they are, numbers and booleans too,
 * deeper things are left out (a finding's fields are flat). */
static void put_leaf(struct jsonw *w, const struct json_node *n)
{
    switch (n->type) {
    case JSON_STRING:
        jsonw_str(w, bounded(n->str));
        break;
    case JSON_INT:
        jsonw_int(w, n->i);
        break;
    case JSON_UINT:
        jsonw_uint(w, n->u);
        break;
    case JSON_DOUBLE:
        jsonw_double(w, n->d);
        break;
    case JSON_BOOL:
        jsonw_bool(w, n->b);
        break;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        jsonw_null(w);
        break;
    }
}

static enum err flat_json(const struct json_node *n, bool object, size_t most, struct buf *out)
{
    bool usable = n && n->type == (object ? JSON_OBJECT : JSON_ARRAY);
    struct jsonw w;

    jsonw_init(&w, out);
    if (object)
        jsonw_object(&w);
    else
        jsonw_array(&w);
    for (const struct json_node *c = usable ? n->child : NULL; c && most; c = c->next, most--) {
        if (object)
            jsonw_key(&w, bounded(c->key));
        put_leaf(&w, c);
    }
    if (object)
        jsonw_close_object(&w);
    else
        jsonw_close_array(&w);
    return jsonw_end(&w);
}

static bool is_hex(struct slice s, size_t n)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return s.n == n;
}

static uint32_t number32(const struct json_node *o, const char *key)
{
    int64_t v = json_get_int(o, key, 0);

    return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

/* *fields holds the finished JSON of tags, matched and selections: offsets first, it moves while it
 * grows. */
static enum err decode(const struct json_node *o, struct buf *fields, struct alert_finding *f,
                       struct diag *diag)
{
    *f = (struct alert_finding){
        .id = json_get_str(o, "id"),
        .rule_id = bounded(json_get_str(o, "rule_id")),
        .rule_version = bounded(json_get_str(o, "rule_version")),
        .title = bounded(json_get_str(o, "title")),
        .title_vi = bounded(json_get_str(o, "title_vi")),
        .source = bounded(json_get_str(o, "source")),
        .message = bounded(json_get_str(o, "message")),
        .entities = json_get(o, "entities"),
        .events = json_get(o, "events"),
        .level = ALERT_MEDIUM,
        .org = number32(o, "org"),
        .system = number32(o, "system"),
    };
    if (!is_hex(f->id, 32))
        return FAIL(diag, ERR_SYNTAX, 0, "a finding's id is 32 hex digits");
    if (f->rule_id.n == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "a finding without a rule");
    if (!time_parse_iso(json_get_str(o, "time"), 0, &f->time_ns))
        return FAIL(diag, ERR_SYNTAX, 0, "a finding without a time");
    if (f->title.n == 0)
        f->title = f->rule_id;
    /* An unknown level must not lose the finding: it stays at medium. */
    if (!alert_level_parse(json_get_str(o, "level"), &f->level))
        f->level = ALERT_MEDIUM;
    buf_reset(fields);
    enum err e = flat_json(json_get(o, "tags"), false, TAGS_MAX, fields);
    size_t tags_n = fields->n;
    if (e == ERR_NONE)
        e = flat_json(json_get(o, "matched"), true, FIELDS_MAX, fields);
    size_t matched_n = fields->n;
    if (e == ERR_NONE)
        e = flat_json(json_get(o, "selections"), false, FIELDS_MAX, fields);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "a finding larger than its room");
    f->tags = (struct slice){fields->p, tags_n};
    f->matched = (struct slice){fields->p + tags_n, matched_n - tags_n};
    f->selections = (struct slice){fields->p + matched_n, fields->n - matched_n};
    return ERR_NONE;
}

/* What names an organisation that is not (any more): unassigned, for administrators to see. */
static enum err known_org(struct desk *d, uint32_t *org, struct diag *diag)
{
    int64_t n = 0;
    enum err e =
        db_one(d->db, "SELECT COUNT(*) FROM orgs WHERE id = ?1", DB_ARGS(db_i(*org)), &n, diag);

    if (e == ERR_NONE && n == 0)
        *org = ORG_UNASSIGNED;
    return e;
}

static enum err take_finding(struct desk *d, struct alert_work *w, struct alert_finding *f,
                             struct findings_result *r, struct diag *diag)
{
    int64_t known = 0;
    bool created = false;

    enum err e = db_one(d->db, "SELECT COUNT(*) FROM findings WHERE id = ?1", DB_ARGS(db_t(f->id)),
                        &known, diag);
    if (e == ERR_NONE && known) {
        r->repeated++;
        return ERR_NONE;
    }
    if (e == ERR_NONE)
        e = known_org(d, &f->org, diag);
    if (e == ERR_NONE)
        e = alert_take(d, w, f, &created, diag);
    if (e == ERR_NONE) {
        r->findings++;
        r->alerts += created;
    }
    return e;
}

static enum err take_sources(struct desk *d, const struct json_node *o, struct findings_result *r,
                             struct diag *diag)
{
    const struct json_node *items = json_get(o, "items");
    enum err e = ERR_NONE;

    for (const struct json_node *c = items ? items->child : NULL; e == ERR_NONE && c; c = c->next) {
        struct source seen = {
            .id = number32(c, "source"),
            .org = number32(c, "org"),
            .system = number32(c, "system"),
            .name = bounded(json_get_str(c, "name")),
            .input = bounded(json_get_str(c, "input")),
        };
        int64_t count = json_get_int(c, "count", 0), errors = json_get_int(c, "errors", 0);
        if (!time_parse_iso(json_get_str(c, "last"), 0, &seen.last_ns))
            seen.last_ns = clock_wall_ns();
        if (seen.name.n == 0 || count < 0 || errors < 0 || count > COUNT_MAX || errors > COUNT_MAX)
            continue;
        seen.events = (uint64_t)count;
        seen.errors = (uint64_t)errors;
        e = known_org(d, &seen.org, diag);
        if (e == ERR_NONE)
            e = source_count(d, &seen, diag);
        r->sources++;
    }
    return e;
}

static enum err keep_bad(struct desk *d, struct slice frame, const struct diag *why,
                         struct findings_result *r, struct diag *diag)
{
    int64_t seq = 0;

    if (frame.n > BAD_BYTES_MAX)
        frame.n = BAD_BYTES_MAX;
    enum err e = desk_next(d, "finding_bad", &seq, diag);
    if (e == ERR_NONE)
        e = db_run(
            d->db, "INSERT INTO findings_bad(seq, time_ns, reason, frame) VALUES (?1, ?2, ?3, ?4)",
            DB_ARGS(db_i(seq), db_i(clock_wall_ns()), db_c(why->text), db_t(frame)), NULL, diag);
    if (e == ERR_NONE)
        e = db_run(d->db, "DELETE FROM findings_bad WHERE seq <= ?1", DB_ARGS(db_i(seq - BAD_MAX)),
                   NULL, diag);
    r->bad++;
    return e;
}

static enum err take_frame(struct desk *d, struct alert_work *w, struct buf *fields,
                           struct slice frame, struct findings_result *r, struct diag *diag)
{
    const struct json_node *o = NULL;
    struct diag why = {.text = "neither a finding nor sources"};
    struct alert_finding f;

    enum err e = json_read(w->frame, frame, &o, NULL, &why);
    if (e == ERR_NOMEM)
        return FAIL(diag, e, 0, "no memory to read a finding");
    if (e != ERR_NONE)
        return keep_bad(d, frame, &why, r, diag);
    struct slice kind = json_get_str(o, "kind");
    if (slice_eq(kind, SLICE("sources")))
        return take_sources(d, o, r, diag);
    if (!slice_eq(kind, SLICE("finding")) || decode(o, fields, &f, &why) != ERR_NONE)
        return keep_bad(d, frame, &why, r, diag);
    return take_finding(d, w, &f, r, diag);
}

static enum err apply(struct desk *d, struct slice name, const struct slice *frames, size_t n,
                      struct jpos after, struct findings_result *r, struct diag *diag)
{
    struct alert_work w;
    struct buf fields;

    buf_init(&fields, FINDINGS_FRAME_BYTES_MAX);
    enum err e = work_init(&w);
    if (e != ERR_NONE)
        diag_set(diag, e, 0, "no memory to take findings");
    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        e = take_frame(d, &w, &fields, frames[i], r, diag);
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO cursors(name, segment, position) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (name) DO UPDATE SET segment = ?2, position = ?3",
                   DB_ARGS(db_t(name), db_i((int64_t)after.segment), db_i((int64_t)after.offset)),
                   NULL, diag);
    buf_done(&fields);
    work_done(&w);
    return e;
}

CHECKED enum err findings_apply(struct desk *d, struct slice name, const struct slice *frames,
                                size_t n, struct jpos after, struct findings_result *ret,
                                struct diag *diag)
{
    struct findings_result r = {0};

    if (n > FINDINGS_BATCH_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "more than %d findings at once", FINDINGS_BATCH_MAX);
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = apply(d, name, frames, n, after, &r, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE && ret)
        *ret = r;
    return e;
}
