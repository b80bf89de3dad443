#include "desk/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "desk/desk_int.h"
#include "desk/secret.h"

static const char genesis[] = "0000000000000000000000000000000000000000000000000000000000000000";

static struct slice cut(struct slice s)
{
    if (s.n <= DESK_TEXT_BYTES_MAX)
        return s;
    size_t n = DESK_TEXT_BYTES_MAX;
    while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return slice_cut(s, 0, n);
}

static enum err put_text(struct buf *b, struct slice s)
{
    enum err e = buf_printf(b, "%zu:", s.n);

    return e == ERR_NONE ? buf_put(b, s) : e;
}

static enum err put_number(struct buf *b, uint64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)v);

    return put_text(b, (struct slice){text, (size_t)n});
}

static enum err hash_of(const struct audit *a, struct slice previous, char out[static 65])
{
    const struct slice texts[] = {a->name, a->role, a->address, a->action, a->object, a->detail};
    const uint64_t numbers[] = {a->seq, (uint64_t)a->time_ns, a->user, a->org};
    struct buf b;

    buf_init(&b, 16 * DESK_TEXT_BYTES_MAX);
    enum err e = buf_put(&b, previous);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(numbers); i++)
        e = put_number(&b, numbers[i]);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(texts); i++)
        e = put_text(&b, texts[i]);
    if (e == ERR_NONE)
        secret_sha256(buf_slice(&b), out);
    buf_done(&b);
    return e;
}

static enum err last_hash(struct desk *d, char out[static 65], struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = false;

    memcpy(out, genesis, sizeof(genesis));
    enum err e =
        db_query(d->db, "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1", DB_NONE, &rows, diag);
    if (e == ERR_NONE)
        e = db_next(rows, &row, diag);
    if (e == ERR_NONE && row) {
        struct slice h = db_text(rows, 0);
        memcpy(out, h.p, h.n < 64 ? h.n : 64);
    }
    db_rows_free(rows);
    return e;
}

/* Rows are hashed as they are stored, so what the database would clean is cleaned before. */
static enum err clean(struct db_rows **rows, struct desk *d, struct audit *a, struct diag *diag)
{
    bool row = false;

    enum err e = db_query(
        d->db,
        "SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT),"
        " CAST(?4 AS TEXT), CAST(?5 AS TEXT)",
        DB_ARGS(db_t(a->name), db_t(a->role), db_t(a->address), db_t(a->object), db_t(a->detail)),
        rows, diag);
    if (e == ERR_NONE)
        e = db_next(*rows, &row, diag);
    if (e != ERR_NONE)
        return e;
    a->name = db_text(*rows, 0);
    a->role = db_text(*rows, 1);
    a->address = db_text(*rows, 2);
    a->object = db_text(*rows, 3);
    a->detail = db_text(*rows, 4);
    return ERR_NONE;
}

static enum err add(struct desk *d, struct audit *a, struct diag *diag)
{
    char previous[65], hash[65] = "";
    int64_t seq = 0;

    enum err e = desk_next(d, "audit", &seq, diag);
    if (e == ERR_NONE)
        e = last_hash(d, previous, diag);
    a->seq = (uint64_t)seq;
    if (e == ERR_NONE)
        e = hash_of(a, (struct slice){previous, 64}, hash);
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "INSERT INTO audit(seq, time_ns, person, org, name, role, address, action,"
                   " object, detail, hash) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
                   DB_ARGS(db_i(seq), db_i(a->time_ns), db_i((int64_t)a->user), db_i(a->org),
                           db_t(a->name), db_t(a->role), db_t(a->address), db_t(a->action),
                           db_t(a->object), db_t(a->detail), db_c(hash)),
                   NULL, diag);
    return e;
}

CHECKED enum err audit_add(struct desk *d, const struct desk_actor *by, uint32_t org,
                           const char *action, struct slice object, struct slice detail,
                           struct diag *diag)
{
    struct db_rows *rows = NULL;
    struct audit a = {
        .time_ns = clock_wall_ns(),
        .user = by->user,
        .org = org,
        .name = cut(slice_of(by->name)),
        .role = cut(slice_of(by->role)),
        .address = cut(slice_of(by->address)),
        .action = slice_of(action),
        .object = cut(object),
        .detail = cut(detail),
    };

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = clean(&rows, d, &a, diag);
    if (e == ERR_NONE)
        e = add(d, &a, diag);
    db_rows_free(rows);
    return desk_end(d, e, diag);
}

#define AUDIT_COLUMNS                                                                              \
    "SELECT seq, time_ns, person, org, name, role, address, action, object, detail, hash FROM "    \
    "audit WHERE 1=1 "

static struct audit row_of(const struct db_rows *rows)
{
    return (struct audit){
        .seq = (uint64_t)db_int(rows, 0),
        .time_ns = db_int(rows, 1),
        .user = (uint64_t)db_int(rows, 2),
        .org = (uint32_t)db_int(rows, 3),
        .name = db_text(rows, 4),
        .role = db_text(rows, 5),
        .address = db_text(rows, 6),
        .action = db_text(rows, 7),
        .object = db_text(rows, 8),
        .detail = db_text(rows, 9),
        .hash = db_text(rows, 10),
    };
}

static enum err read_row(const struct db_rows *rows, struct arena *a, void *to)
{
    struct audit *row = to;
    enum err e = ERR_NONE;

    *row = row_of(rows);
    struct slice *texts[] = {&row->name,   &row->role,   &row->address, &row->action,
                             &row->object, &row->detail, &row->hash};
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(texts); i++)
        e = arena_dup(a, *texts[i], texts[i]);
    return e;
}

static void build_list(struct query *q, struct desk_scope scope, const struct audit_filter *f)
{
    query_init(q, AUDIT_COLUMNS);
    query_scope(q, "org", scope);
    if (f->action.n) {
        query_sql(q, " AND substr(action, 1, CAST(");
        query_value(q, db_i((int64_t)f->action.n));
        query_sql(q, " AS INTEGER)) = ");
        query_value(q, db_t(f->action));
    }
    if (f->user) {
        query_sql(q, " AND person = ");
        query_value(q, db_i((int64_t)f->user));
    }
    if (f->from_ns) {
        query_sql(q, " AND time_ns >= ");
        query_value(q, db_i(f->from_ns));
    }
    if (f->to_ns) {
        query_sql(q, " AND time_ns < ");
        query_value(q, db_i(f->to_ns));
    }
    if (f->before) {
        query_sql(q, " AND seq < ");
        query_value(q, db_i((int64_t)f->before));
    }
    query_sql(q, " ORDER BY seq DESC LIMIT ");
    query_value(q,
                db_i((int64_t)(f->limit && f->limit < DESK_LIST_MAX ? f->limit : DESK_LIST_MAX)));
}

CHECKED enum err audit_list(struct desk *d, struct desk_scope scope, const struct audit_filter *f,
                            struct arena *a, struct audit **ret, size_t *ret_n, struct diag *diag)
{
    struct row_list list = {.a = a, .size = sizeof(struct audit)};
    struct query q;

    build_list(&q, scope, f);
    enum err e = query_rows(&q, d, &list, read_row, diag);
    if (e != ERR_NONE)
        return e;
    *ret = list.rows;
    *ret_n = list.n;
    return ERR_NONE;
}

/* One page of the chain from *seq on; *ret_more: there may be another. */
static enum err verify_page(struct desk *d, uint64_t *seq, char previous[static 65], bool *ret_more,
                            struct diag *diag)
{
    enum { PAGE = 1000 };
    struct db_rows *rows = NULL;
    bool row = true;
    size_t n = 0;

    enum err e = db_query(d->db, AUDIT_COLUMNS "AND seq > ?1 ORDER BY seq LIMIT 1000",
                          DB_ARGS(db_i((int64_t)*seq)), &rows, diag);
    while (e == ERR_NONE && (e = db_next(rows, &row, diag)) == ERR_NONE && row) {
        char hash[65] = "";
        struct audit a = row_of(rows);
        e = hash_of(&a, (struct slice){previous, 64}, hash);
        if (e == ERR_NONE && (a.seq != *seq + 1 || !slice_eq(a.hash, slice_of(hash))))
            e = FAIL(diag, ERR_CORRUPT, 0, "the audit record was altered at row %llu",
                     (unsigned long long)(*seq + 1));
        if (e != ERR_NONE)
            break;
        memcpy(previous, hash, sizeof(hash));
        *seq = a.seq;
        n++;
    }
    db_rows_free(rows);
    *ret_more = n == PAGE;
    return e;
}

CHECKED enum err audit_verify(struct desk *d, uint64_t *ret_rows, uint64_t *ret_bad,
                              struct diag *diag)
{
    char previous[65];
    uint64_t seq = 0;
    int64_t counted = 0;
    bool more = true;

    memcpy(previous, genesis, sizeof(genesis));
    desk_lock(d);
    enum err e = ERR_NONE;
    while (e == ERR_NONE && more)
        e = verify_page(d, &seq, previous, &more, diag);
    if (e == ERR_NONE)
        e = db_one(d->db, "SELECT COALESCE(MAX(value), 0) FROM counters WHERE name = 'audit'",
                   DB_NONE, &counted, diag);
    desk_unlock(d);
    if (e == ERR_NONE && (uint64_t)counted != seq)
        e = FAIL(diag, ERR_CORRUPT, 0, "the audit record ends at row %llu, but %lld were written",
                 (unsigned long long)seq, (long long)counted);
    if (e == ERR_CORRUPT)
        *ret_bad = seq + 1;
    *ret_rows = seq;
    return e;
}
