#include "desk/alert.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "desk/alert_int.h"

static const char *const state_names[ALERT_STATE_N] = {"new", "acknowledged", "closed"};
static const char *const level_names[ALERT_LEVEL_N] = {"",       "informational", "low",
                                                       "medium", "high",          "critical"};
static const char *const verdict_names[ALERT_VERDICT_N] = {"",
                                                           "true_positive_impact",
                                                           "true_positive_no_impact",
                                                           "false_positive",
                                                           "benign",
                                                           "duplicate",
                                                           "test",
                                                           "undetermined"};

static bool word_find(struct slice s, const char *const *words, size_t n, size_t *ret)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(s, slice_of(words[i]))) {
            *ret = i;
            return true;
        }
    return false;
}

const char *alert_state_name(enum alert_state s)
{
    return (size_t)s < ALERT_STATE_N ? state_names[s] : "";
}

const char *alert_level_name(enum alert_level l)
{
    return (size_t)l < ALERT_LEVEL_N ? level_names[l] : "";
}

const char *alert_verdict_name(enum alert_verdict v)
{
    return (size_t)v < ALERT_VERDICT_N ? verdict_names[v] : "";
}

CHECKED bool alert_state_parse(struct slice s, enum alert_state *ret)
{
    size_t i;

    if (!word_find(s, state_names, ALERT_STATE_N, &i))
        return false;
    *ret = (enum alert_state)i;
    return true;
}

CHECKED bool alert_level_parse(struct slice s, enum alert_level *ret)
{
    size_t i;

    if (s.n == 0 || !word_find(s, level_names, ALERT_LEVEL_N, &i))
        return false;
    *ret = (enum alert_level)i;
    return true;
}

CHECKED bool alert_verdict_parse(struct slice s, enum alert_verdict *ret)
{
    size_t i;

    if (!word_find(s, verdict_names, ALERT_VERDICT_N, &i))
        return false;
    *ret = (enum alert_verdict)i;
    return true;
}

void alert_id_text(uint64_t id, char out[static ALERT_ID_BYTES])
{
    /* Numbers of ours stay below 2^63, so that the text fits. */
    (void)snprintf(out, ALERT_ID_BYTES, "alr_%lld", (long long)(id & INT64_MAX));
}

CHECKED bool alert_id_parse(struct slice s, uint64_t *ret)
{
    uint64_t id;

    if (!slice_starts(s, SLICE("alr_")) || !slice_to_u64(slice_cut(s, 4, s.n), &id) || id == 0 ||
        id > INT64_MAX)
        return false;
    *ret = id;
    return true;
}

CHECKED enum err alert_note(struct desk *d, uint64_t id, struct slice who, const char *what,
                            struct slice text, struct diag *diag)
{
    int64_t n = 0;

    enum err e = db_one(d->db, "SELECT COALESCE(MAX(seq), 0) FROM alert_notes WHERE alert = ?1",
                        DB_ARGS(db_i((int64_t)id)), &n, diag);
    if (e == ERR_NONE && n >= ALERT_NOTES_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "the alert has %d notes already", ALERT_NOTES_MAX);
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO alert_notes(alert, seq, time_ns, who, what, body)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   DB_ARGS(db_i((int64_t)id), db_i(n + 1), db_i(clock_wall_ns()), db_t(who),
                           db_c(what), db_t(text)),
                   NULL, diag);
    return e;
}

/* What an alert's handling is before and after a change. */
struct handling {
    enum alert_state state;
    enum alert_verdict verdict;
    struct slice reason;
    uint64_t assignee;
    int64_t acked_ns, closed_ns;
};

static enum err patch_ok(const struct alert_patch *p, struct diag *diag)
{
    struct slice reason = slice_trim(p->reason);

    if ((p->set_state && (size_t)p->state >= ALERT_STATE_N) ||
        (p->set_verdict && (size_t)p->verdict >= ALERT_VERDICT_N))
        return FAIL(diag, ERR_SYNTAX, 0, "no such state or verdict");
    if (p->set_verdict && p->verdict != ALERT_NO_VERDICT && reason.n == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "a verdict needs a reason");
    enum err e = desk_text_ok("the reason", p->reason, 0, diag);
    return e == ERR_NONE ? desk_text_ok("the comment", p->comment, 0, diag) : e;
}

static enum err assignee_ok(struct desk *d, uint64_t user, struct diag *diag)
{
    int64_t n = 0;

    if (user == 0)
        return ERR_NONE;
    enum err e = db_one(d->db, "SELECT COUNT(*) FROM users WHERE id = ?1 AND disabled = 0",
                        DB_ARGS(db_i((int64_t)user)), &n, diag);
    if (e == ERR_NONE && n == 0)
        e = FAIL(diag, ERR_SYNTAX, 0, "there is nobody of that number to assign it to");
    return e;
}

/* The states' machine: see alert.h. */
static enum err next_of(struct desk *d, const struct desk_actor *by, const struct alert *was,
                        const struct alert_patch *p, struct handling *h, struct diag *diag)
{
    int64_t now = clock_wall_ns();

    *h = (struct handling){.state = was->state,
                           .verdict = was->verdict,
                           .reason = was->reason,
                           .assignee = was->assignee,
                           .acked_ns = was->acked_ns,
                           .closed_ns = was->closed_ns};
    if (p->set_verdict) {
        h->verdict = p->verdict;
        h->reason = p->verdict == ALERT_NO_VERDICT ? SLICE("") : slice_trim(p->reason);
        if (p->verdict != ALERT_NO_VERDICT)
            h->state = ALERT_CLOSED;
    }
    if (p->set_state)
        h->state = p->state;
    if (h->state == ALERT_CLOSED && h->verdict == ALERT_NO_VERDICT)
        return FAIL(diag, ERR_SYNTAX, 0, "an alert is closed with a verdict and its reason");
    if (h->state != ALERT_CLOSED && was->state == ALERT_CLOSED && !p->set_verdict) {
        h->verdict = ALERT_NO_VERDICT;
        h->reason = SLICE("");
    }
    if (h->state == ALERT_NEW)
        h->acked_ns = 0;
    else if (h->acked_ns == 0)
        h->acked_ns = now;
    h->closed_ns = h->state != ALERT_CLOSED ? 0 : was->state == ALERT_CLOSED ? was->closed_ns : now;
    if (p->set_assignee)
        h->assignee = p->assignee;
    else if (h->state != ALERT_NEW && was->state == ALERT_NEW && h->assignee == 0)
        h->assignee = by->user;
    return p->set_assignee ? assignee_ok(d, p->assignee, diag) : ERR_NONE;
}

static enum err note_changes(struct desk *d, struct slice who, const struct alert *was,
                             const struct handling *h, const struct alert_patch *p,
                             struct diag *diag)
{
    static const char *const arrived[ALERT_STATE_N] = {"renewed", "acknowledged", "closed"};
    bool reopened = was->state == ALERT_CLOSED && h->state != ALERT_CLOSED;
    char text[DESK_TEXT_BYTES_MAX + 64];
    enum err e = ERR_NONE;

    if (h->state != was->state)
        e = alert_note(d, was->id, who, reopened ? "reopened" : arrived[h->state], SLICE(""), diag);
    if (e == ERR_NONE && p->set_verdict && h->verdict != ALERT_NO_VERDICT) {
        (void)snprintf(text, sizeof(text), "%s: %.*s", alert_verdict_name(h->verdict),
                       SLICE_ARG(h->reason));
        e = alert_note(d, was->id, who, "verdict", slice_of(text), diag);
    }
    if (e == ERR_NONE && h->assignee != was->assignee) {
        (void)snprintf(text, sizeof(text), "usr_%llu", (unsigned long long)h->assignee);
        e = alert_note(d, was->id, who, "assigned", h->assignee ? slice_of(text) : SLICE(""), diag);
    }
    if (e == ERR_NONE && p->comment.n)
        e = alert_note(d, was->id, who, "comment", p->comment, diag);
    return e;
}

static enum err log_change(struct desk *d, const struct desk_actor *by, const struct alert *was,
                           const struct handling *h, const struct alert_patch *p, struct diag *diag)
{
    char id[ALERT_ID_BYTES];
    struct jsonw w;
    struct buf b;

    alert_id_text(was->id, id);
    buf_init(&b, 8 * DESK_TEXT_BYTES_MAX);
    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kcstr(&w, "from", alert_state_name(was->state));
    jsonw_kcstr(&w, "to", alert_state_name(h->state));
    if (p->set_verdict) {
        jsonw_kcstr(&w, "verdict", alert_verdict_name(h->verdict));
        jsonw_kstr(&w, "reason", h->reason);
    }
    jsonw_kint(&w, "assignee", (int64_t)h->assignee);
    if (p->comment.n)
        jsonw_kstr(&w, "comment", p->comment);
    jsonw_close_object(&w);
    enum err e = jsonw_end(&w);
    if (e == ERR_NONE)
        e = audit_add(d, by, was->org, p->set_verdict ? "alert.verdict" : "alert.change",
                      slice_of(id), buf_slice(&b), diag);
    buf_done(&b);
    return e;
}

static enum err apply(struct desk *d, const struct desk_actor *by, const struct alert *was,
                      const struct alert_patch *p, struct diag *diag)
{
    struct handling h;

    enum err e = next_of(d, by, was, p, &h, diag);
    if (e != ERR_NONE)
        return e;
    bool same = h.state == was->state && h.verdict == was->verdict &&
                slice_eq(h.reason, was->reason) && h.assignee == was->assignee && p->comment.n == 0;
    if (same)
        return ERR_NONE;
    e = db_run(d->db,
               "UPDATE alerts SET version = version + 1, state = ?2, verdict = ?3, reason = ?4,"
               " assignee = ?5, acked_ns = ?6, closed_ns = ?7, changed_ns = ?8 WHERE id = ?1",
               DB_ARGS(db_i((int64_t)was->id), db_i(h.state), db_i(h.verdict), db_t(h.reason),
                       db_ref(h.assignee), db_i(h.acked_ns), db_i(h.closed_ns),
                       db_i(clock_wall_ns())),
               NULL, diag);
    if (e == ERR_NONE)
        e = note_changes(d, slice_of(by->name), was, &h, p, diag);
    if (e == ERR_NONE)
        e = log_change(d, by, was, &h, p, diag);
    if (e == ERR_NONE)
        desk_tell(d, DESK_ALERTS, false, was->id, was->org);
    return e;
}

CHECKED enum err alert_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                              uint64_t id, const struct alert_patch *patch, struct arena *a,
                              struct alert *ret, struct diag *diag)
{
    struct alert was, after = {0};
    struct arena own;

    enum err e = patch_ok(patch, diag);
    if (e == ERR_NONE)
        e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    arena_init(&own, 1 << 20);
    e = alert_get(d, scope, id, &own, &was, diag);
    if (e == ERR_NONE && patch->version && patch->version != was.version)
        e = FAIL(diag, ERR_PRECOND, 0, "the alert has been changed since it was read");
    if (e == ERR_NONE)
        e = apply(d, by, &was, patch, diag);
    if (e == ERR_NONE && ret)
        e = alert_get(d, scope, id, a, &after, diag);
    arena_done(&own);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE && ret)
        *ret = after;
    return e;
}
