#include "desk/alert.h"

#include <stdlib.h>

#include "core/fold.h"
#include "desk/alert_int.h"

#define ALERT_SELECT                                                                               \
    "SELECT a.id, a.version, a.count, a.org, COALESCE(a.sys, 0), a.state, a.level, a.verdict,"     \
    " a.rule_id, a.title, a.title_vi, a.source, a.entities, a.tags, a.matched, a.message,"         \
    " a.reason, COALESCE(a.assignee, 0), COALESCE(u.login, ''), a.first_ns, a.last_ns,"            \
    " a.created_ns, a.changed_ns, a.acked_ns, a.closed_ns, a.rule_version, a.selections"           \
    " FROM alerts a LEFT JOIN users u ON u.id = a.assignee WHERE 1=1 "

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct alert *r = to;
    struct slice *const texts[] = {&r->rule_id, &r->title,   &r->title_vi, &r->source, &r->entities,
                                   &r->tags,    &r->matched, &r->message,  &r->reason};
    int64_t *const times[] = {&r->first_ns,   &r->last_ns,  &r->created_ns,
                              &r->changed_ns, &r->acked_ns, &r->closed_ns};
    enum err e = ERR_NONE;

    r->id = (uint64_t)db_int(rows, 0);
    r->version = (uint64_t)db_int(rows, 1);
    r->count = (uint64_t)db_int(rows, 2);
    r->org = (uint32_t)db_int(rows, 3);
    r->system = (uint32_t)db_int(rows, 4);
    r->state = (enum alert_state)db_int(rows, 5);
    r->level = (enum alert_level)db_int(rows, 6);
    r->verdict = (enum alert_verdict)db_int(rows, 7);
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = query_text(rows, 8 + i, a, &e);
    r->assignee = (uint64_t)db_int(rows, 17);
    r->assignee_name = query_text(rows, 18, a, &e);
    for (unsigned i = 0; i < ARRAY_LEN(times); i++)
        *times[i] = db_int(rows, 19 + i);
    r->rule_version = query_text(rows, 25, a, &e);
    r->selections = query_text(rows, 26, a, &e);
    return e;
}

/* "AND COL IN (the values whose bit is set)". */
static void query_bits(struct query *q, const char *col, unsigned bits, unsigned n)
{
    bool first = true;

    if (bits == 0)
        return;
    query_sql(q, " AND ");
    query_sql(q, col);
    query_sql(q, " IN (");
    for (unsigned v = 0; v < n; v++)
        if (bits >> v & 1) {
            if (!first)
                query_sql(q, ",");
            query_value(q, db_i(v));
            first = false;
        }
    query_sql(q, first ? "-1)" : ")");
}

static void query_eq(struct query *q, const char *sql, bool wanted, struct db_value v)
{
    if (!wanted)
        return;
    query_sql(q, sql);
    query_value(q, v);
}

static void query_text_like(struct query *q, struct slice text, struct buf *pattern)
{
    char *folded = text.n && text.n <= DESK_TEXT_BYTES_MAX ? malloc(fold_bound(text.n)) : NULL;

    if (text.n && !folded) {
        q->err = text.n > DESK_TEXT_BYTES_MAX ? ERR_LIMIT : ERR_NOMEM;
        return;
    }
    if (folded)
        query_like(q, "a.folded", (struct slice){folded, fold_search(text, folded)}, pattern);
    free(folded);
}

static void query_filter(struct query *q, struct desk_scope scope, const struct alert_filter *f,
                         struct buf *pattern)
{
    query_scope(q, "a.org", scope);
    query_bits(q, "a.state", f->states, ALERT_STATE_N);
    query_bits(q, "a.level", f->levels, ALERT_LEVEL_N);
    query_eq(q, " AND a.verdict = ", f->verdict >= 0, db_i(f->verdict));
    query_eq(q, " AND a.org = ", f->org != 0, db_i(f->org));
    query_eq(q, " AND a.sys = ", f->system != 0, db_i(f->system));
    query_eq(q, " AND a.assignee = ", f->assignee != 0, db_i((int64_t)f->assignee));
    query_eq(q, " AND a.rule_id = ", f->rule_id.n != 0, db_t(f->rule_id));
    query_eq(q, " AND a.last_ns >= ", f->from_ns != 0, db_i(f->from_ns));
    query_eq(q, " AND a.last_ns < ", f->to_ns != 0, db_i(f->to_ns));
    query_text_like(q, f->text, pattern);
}

static void query_after(struct query *q, const struct alert_filter *f)
{
    if (f->after.id) {
        query_sql(q, " AND (");
        if (f->by_level) {
            query_sql(q, "a.level < ");
            query_value(q, db_i(f->after.level));
            query_sql(q, " OR (a.level = ");
            query_value(q, db_i(f->after.level));
            query_sql(q, " AND (");
        }
        query_sql(q, "a.last_ns < ");
        query_value(q, db_i(f->after.last_ns));
        query_sql(q, " OR (a.last_ns = ");
        query_value(q, db_i(f->after.last_ns));
        query_sql(q, " AND a.id < ");
        query_value(q, db_i((int64_t)f->after.id));
        query_sql(q, f->by_level ? "))))" : "))");
    }
    query_sql(q, f->by_level ? " ORDER BY a.level DESC, a.last_ns DESC, a.id DESC LIMIT "
                             : " ORDER BY a.last_ns DESC, a.id DESC LIMIT ");
    query_value(q, db_i((int64_t)desk_limit(f->limit)));
}

CHECKED enum err alert_list(struct desk *d, struct desk_scope scope, const struct alert_filter *f,
                            struct arena *a, struct alert **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct alert)};
    struct buf pattern;
    struct query q;

    buf_init(&pattern, 8 * DESK_TEXT_BYTES_MAX);
    query_init(&q, ALERT_SELECT);
    query_filter(&q, scope, f, &pattern);
    query_after(&q, f);
    enum err e = query_rows(&q, d, &list, read_row, diag);
    buf_done(&pattern);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}

struct count_row {
    int64_t state, level, n;
};

static enum err read_count(const struct db_rows *rows, struct arena *a, void *to)
{
    (void)a;
    *(struct count_row *)to = (struct count_row){db_int(rows, 0), db_int(rows, 1), db_int(rows, 2)};
    return ERR_NONE;
}

CHECKED enum err alert_count(struct desk *d, struct desk_scope scope, const struct alert_filter *f,
                             struct alert_counts *ret, struct diag *diag)
{
    struct alert_counts counts = {0};
    struct buf pattern;
    struct arena own;
    struct query q;

    arena_init(&own, 64 << 10);
    struct row_list list = {.a = &own, .size = sizeof(struct count_row)};
    buf_init(&pattern, 8 * DESK_TEXT_BYTES_MAX);
    query_init(&q, "SELECT a.state, a.level, COUNT(*) FROM alerts a WHERE 1=1 ");
    query_filter(&q, scope, f, &pattern);
    query_sql(&q, " GROUP BY a.state, a.level");
    enum err e = query_rows(&q, d, &list, read_count, diag);
    const struct count_row *rows = list.rows;
    for (size_t i = 0; e == ERR_NONE && i < list.n; i++) {
        bool known = rows[i].state >= 0 && rows[i].state < ALERT_STATE_N && rows[i].level >= 0 &&
                     rows[i].level < ALERT_LEVEL_N;
        counts.total += (uint64_t)rows[i].n;
        if (known)
            counts.by[rows[i].state][rows[i].level] += (uint64_t)rows[i].n;
    }
    buf_done(&pattern);
    arena_done(&own);
    if (e == ERR_NONE)
        *ret = counts;
    return e;
}

CHECKED enum err alert_get(struct desk *d, struct desk_scope scope, uint64_t id, struct arena *a,
                           struct alert *ret, struct diag *diag)
{
    struct query q;

    query_init(&q, ALERT_SELECT "AND a.id = ");
    query_value(&q, db_i((int64_t)id));
    query_scope(&q, "a.org", scope);
    enum err e = query_one(&q, d, a, ret, read_row, diag);
    if (e == ERR_NOENT)
        diag_set(diag, e, 0, "there is no alert alr_%llu", (unsigned long long)id);
    return e;
}

static enum err read_text(const struct db_rows *rows, struct arena *a, void *to)
{
    enum err e = ERR_NONE;

    *(struct slice *)to = query_text(rows, 0, a, &e);
    return e;
}

CHECKED enum err alert_events(struct desk *d, struct desk_scope scope, uint64_t id, struct arena *a,
                              struct slice **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct slice)};
    struct query q;

    query_init(&q, "SELECT e.event FROM alert_events e JOIN alerts a ON a.id = e.alert"
                   " WHERE e.alert = ");
    query_value(&q, db_i((int64_t)id));
    query_scope(&q, "a.org", scope);
    query_sql(&q, " ORDER BY e.seq DESC");
    enum err e = query_rows(&q, d, &list, read_text, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}

static enum err read_note(const struct db_rows *rows, struct arena *a, void *to)
{
    struct alert_note *n = to;
    enum err e = ERR_NONE;

    n->time_ns = db_int(rows, 0);
    n->who = query_text(rows, 1, a, &e);
    n->what = query_text(rows, 2, a, &e);
    n->text = query_text(rows, 3, a, &e);
    return e;
}

CHECKED enum err alert_history(struct desk *d, struct desk_scope scope, uint64_t id,
                               struct arena *a, struct alert_note **ret, size_t *ret_n,
                               struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct alert_note)};
    struct query q;

    query_init(&q, "SELECT n.time_ns, n.who, n.what, n.body FROM alert_notes n"
                   " JOIN alerts a ON a.id = n.alert WHERE n.alert = ");
    query_value(&q, db_i((int64_t)id));
    query_scope(&q, "a.org", scope);
    query_sql(&q, " ORDER BY n.seq");
    enum err e = query_rows(&q, d, &list, read_note, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}
