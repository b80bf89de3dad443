#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/fold.h"
#include "core/jsonw.h"
#include "desk/alert_int.h"
#include "desk/secret.h"

enum { VALUE_BYTES_MAX = 256, KEYS_MAX = 16 };

/* A list of texts that is stored as one text, or as an array of several. */
struct values {
    struct slice v[ALERT_ENTITY_VALUES_MAX];
    size_t n;
};

static void values_add(struct values *vs, const struct json_node *node)
{
    if (!node || vs->n == ALERT_ENTITY_VALUES_MAX)
        return;
    if (node->type == JSON_ARRAY) {
        for (const struct json_node *c = node->child; c; c = c->next)
            if (c->type == JSON_STRING)
                values_add(vs, c);
        return;
    }
    struct slice s = node->type == JSON_STRING ? node->str : SLICE("");
    if (s.n > VALUE_BYTES_MAX)
        s.n = VALUE_BYTES_MAX;
    if (s.n == 0)
        return;
    for (size_t i = 0; i < vs->n; i++)
        if (slice_eq(vs->v[i], s))
            return;
    vs->v[vs->n++] = s;
}

static void values_write(struct jsonw *w, struct slice key, const struct values *vs)
{
    if (vs->n == 0)
        return;
    jsonw_key(w, key);
    if (vs->n == 1) {
        jsonw_str(w, vs->v[0]);
        return;
    }
    jsonw_array(w);
    for (size_t i = 0; i < vs->n; i++)
        jsonw_str(w, vs->v[i]);
    jsonw_close_array(w);
}

static const struct json_node *member(const struct json_node *obj, struct slice key)
{
    for (const struct json_node *c = obj ? obj->child : NULL; c; c = c->next)
        if (slice_eq(c->key, key))
            return c;
    return NULL;
}

CHECKED enum err alert_merge(const struct json_node *old, const struct json_node *fresh,
                             struct buf *out)
{
    const struct json_node *const sides[] = {old, fresh};
    struct jsonw w;
    size_t keys = 0;

    jsonw_init(&w, out);
    jsonw_object(&w);
    for (size_t s = 0; s < ARRAY_LEN(sides); s++) {
        if (!sides[s] || sides[s]->type != JSON_OBJECT)
            continue;
        for (const struct json_node *c = sides[s]->child; c && keys < KEYS_MAX; c = c->next) {
            struct values vs = {.n = 0};
            if (s == 1 && member(old, c->key))
                continue;
            values_add(&vs, c);
            if (s == 0)
                values_add(&vs, member(fresh, c->key));
            values_write(&w, c->key, &vs);
            keys++;
        }
    }
    jsonw_close_object(&w);
    return jsonw_end(&w);
}

/* The first value of the entity that the alert is about, see alert.h. */
static struct slice entity_of(const struct alert_finding *f, const char **ret_key)
{
    static const char *const keys[] = {"host.name", "source.ip", "user.name"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct values vs = {.n = 0};
        values_add(&vs, member(f->entities, slice_of(keys[i])));
        if (vs.n) {
            *ret_key = keys[i];
            return vs.v[0];
        }
    }
    *ret_key = "source";
    return f->source;
}

static enum err group_key(const struct alert_finding *f, struct buf *text, char out[static 65])
{
    char folded[VALUE_BYTES_MAX * 4];
    const char *key;
    struct slice value = entity_of(f, &key);

    if (value.n > VALUE_BYTES_MAX)
        value.n = VALUE_BYTES_MAX;
    if (fold_bound(value.n) <= sizeof(folded))
        value = (struct slice){folded, fold_case(value, folded)};
    buf_reset(text);
    enum err e =
        buf_printf(text, "%u:%u:%s:%zu:", (unsigned)f->org, (unsigned)f->system, key, f->rule_id.n);
    if (e == ERR_NONE)
        e = buf_put(text, f->rule_id);
    if (e == ERR_NONE)
        e = buf_put(text, value);
    if (e == ERR_NONE)
        secret_sha256(buf_slice(text), out);
    return e;
}

/* What the queue's search looks into. */
static enum err folded_text(const struct alert_finding *f, struct slice entities, struct buf *out)
{
    const struct slice parts[] = {f->title, f->title_vi, f->rule_id, f->source, entities};
    enum err e = ERR_NONE;

    buf_reset(out);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(parts); i++) {
        struct slice s = parts[i];
        char *to = NULL;
        if (s.n > ALERT_FOLDED_BYTES_MAX / 4)
            s.n = ALERT_FOLDED_BYTES_MAX / 4;
        if ((e = buf_reserve(out, fold_bound(s.n) + 1, &to)) != ERR_NONE)
            break;
        out->n += fold_search(s, to);
        e = buf_putc(out, '\n');
    }
    if (out->n > ALERT_FOLDED_BYTES_MAX)
        out->n = ALERT_FOLDED_BYTES_MAX;
    return e;
}

/* The alert that it may join. */
struct open_alert {
    int64_t id, count, level, first_ns, last_ns, events;
    bool found;
};

static enum err find_open(struct desk *d, struct alert_work *w, const struct alert_finding *f,
                          const char *key, struct open_alert *ret, struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = false;

    *ret = (struct open_alert){0};
    enum err e = db_query(
        d->db,
        "SELECT id, count, level, first_ns, last_ns, entities FROM alerts WHERE group_key = ?1"
        " AND state <> ?2 AND first_ns <= ?3 AND last_ns >= ?4"
        " ORDER BY last_ns DESC, id DESC LIMIT 1",
        DB_ARGS(db_c(key), db_i(ALERT_CLOSED), db_i(f->time_ns + ALERT_WINDOW_NS),
                db_i(f->time_ns - ALERT_WINDOW_NS)),
        &rows, diag);
    if (e == ERR_NONE)
        e = db_next(rows, &row, diag);
    if (e == ERR_NONE && row) {
        *ret = (struct open_alert){.id = db_int(rows, 0),
                                   .count = db_int(rows, 1),
                                   .level = db_int(rows, 2),
                                   .first_ns = db_int(rows, 3),
                                   .last_ns = db_int(rows, 4),
                                   .found = true};
        buf_reset(&w->json);
        e = buf_put(&w->json, db_text(rows, 5));
    }
    db_rows_free(rows);
    return e;
}

static enum err create(struct desk *d, struct alert_work *w, const struct alert_finding *f,
                       const char *key, int64_t *ret_id, struct diag *diag)
{
    int64_t id = 0, now = clock_wall_ns();

    buf_reset(&w->entities);
    enum err e = alert_merge(NULL, f->entities, &w->entities);
    if (e == ERR_NONE)
        e = folded_text(f, buf_slice(&w->entities), &w->text);
    if (e == ERR_NONE)
        e = desk_next(d, "alert", &id, diag);
    if (e == ERR_NONE)
        e = db_run(
            d->db,
            "INSERT INTO alerts(id, version, count, org, sys, state, level, verdict, rule_id,"
            " title, title_vi, source, entities, tags, matched, message, reason, assignee,"
            " first_ns, last_ns, created_ns, changed_ns, acked_ns, closed_ns, group_key,"
            " folded, rule_version, selections) VALUES (?1, 1, 1, ?2, (SELECT id FROM systems "
            "WHERE id = ?3 AND org ="
            " ?2), ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, '', NULL, ?14, ?14, ?15,"
            " ?15, 0, 0, ?16, ?17, ?18, ?19)",
            DB_ARGS(db_i(id), db_i(f->org), db_i(f->system), db_i(ALERT_NEW), db_i(f->level),
                    db_t(f->rule_id), db_t(f->title), db_t(f->title_vi), db_t(f->source),
                    db_t(buf_slice(&w->entities)), db_t(f->tags), db_t(f->matched),
                    db_t(f->message), db_i(f->time_ns), db_i(now), db_c(key),
                    db_t(buf_slice(&w->text)), db_t(f->rule_version), db_t(f->selections)),
            NULL, diag);
    if (e == ERR_NONE)
        e = alert_note(d, (uint64_t)id, SLICE("system"), "created", SLICE(""), diag);
    *ret_id = id;
    return e;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* w->json holds the stored entities. */
static enum err join(struct desk *d, struct alert_work *w, const struct alert_finding *f,
                     const struct open_alert *o, struct diag *diag)
{
    const struct json_node *old = NULL;

    /* Ours, so well-formed; were it not, the fresh ones replace it. */
    if (json_read_strict(w->stored, buf_slice(&w->json), &old, NULL) != ERR_NONE)
        old = NULL;
    buf_reset(&w->entities);
    enum err e = alert_merge(old, f->entities, &w->entities);
    if (e == ERR_NONE)
        e = folded_text(f, buf_slice(&w->entities), &w->text);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "no room to merge entities");
    /* Of several out of order, the newest one's words are shown. */
    bool newest = f->time_ns >= o->last_ns;
    e = db_run(d->db,
               "UPDATE alerts SET count = count + 1, level = ?2, first_ns = ?3, last_ns = ?4,"
               " entities = ?5, folded = ?6, changed_ns = ?7 WHERE id = ?1",
               DB_ARGS(db_i(o->id), db_i(most(o->level, f->level)),
                       db_i(least(o->first_ns, f->time_ns)), db_i(most(o->last_ns, f->time_ns)),
                       db_t(buf_slice(&w->entities)), db_t(buf_slice(&w->text)),
                       db_i(clock_wall_ns())),
               NULL, diag);
    if (e == ERR_NONE && newest)
        e = db_run(d->db,
                   "UPDATE alerts SET matched = ?2, message = ?3, source = ?4, rule_version = ?5,"
                   " selections = ?6 WHERE id = ?1",
                   DB_ARGS(db_i(o->id), db_t(f->matched), db_t(f->message), db_t(f->source),
                           db_t(f->rule_version), db_t(f->selections)),
                   NULL, diag);
    return e;
}

/* Events are numbered on; what falls behind the newest ALERT_EVENTS_MAX goes. */
static enum err add_events(struct desk *d, int64_t alert, const struct json_node *events,
                           struct diag *diag)
{
    int64_t seq = 0;
    size_t n = 0;

    enum err e = db_one(d->db, "SELECT COALESCE(MAX(seq), 0) FROM alert_events WHERE alert = ?1",
                        DB_ARGS(db_i(alert)), &seq, diag);
    for (const struct json_node *c = events ? events->child : NULL;
         e == ERR_NONE && c && n < ALERT_EVENTS_MAX; c = c->next) {
        if (c->type != JSON_STRING || c->str.n == 0 || c->str.n > 64)
            continue;
        seq++;
        n++;
        e = db_run(d->db, "INSERT INTO alert_events(alert, seq, event) VALUES (?1, ?2, ?3)",
                   DB_ARGS(db_i(alert), db_i(seq), db_t(c->str)), NULL, diag);
    }
    if (e == ERR_NONE && seq > ALERT_EVENTS_MAX)
        e = db_run(d->db, "DELETE FROM alert_events WHERE alert = ?1 AND seq <= ?2",
                   DB_ARGS(db_i(alert), db_i(seq - ALERT_EVENTS_MAX)), NULL, diag);
    return e;
}

CHECKED enum err alert_take(struct desk *d, struct alert_work *w, const struct alert_finding *f,
                            bool *ret_new, struct diag *diag)
{
    struct open_alert o;
    char key[65];

    enum err e = group_key(f, &w->text, key);
    if (e == ERR_NONE)
        e = find_open(d, w, f, key, &o, diag);
    if (e != ERR_NONE)
        return e;
    int64_t id = o.id;
    e = o.found ? join(d, w, f, &o, diag) : create(d, w, f, key, &id, diag);
    if (e == ERR_NONE)
        e = db_run(d->db, "INSERT INTO findings(id, alert, taken_ns) VALUES (?1, ?2, ?3)",
                   DB_ARGS(db_t(f->id), db_i(id), db_i(clock_wall_ns())), NULL, diag);
    if (e == ERR_NONE)
        e = add_events(d, id, f->events, diag);
    if (e == ERR_NONE) {
        desk_tell(d, DESK_ALERTS, !o.found, (uint64_t)id, f->org);
        *ret_new = !o.found;
    }
    return e;
}
