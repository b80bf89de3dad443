#include "desk/publish.h"

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/snapshot.h"
#include "desk/desk_int.h"
#include "desk/source.h"
#include "desk/user.h"

static const char *const names[PUBLISH_N] = {"access", "inventory", "exceptions"};

const char *publish_name(enum publish_kind k)
{
    return (size_t)k < PUBLISH_N ? names[k] : "";
}

/* A JSON object per row; `keys` name the columns, '#' in front of a number, '@' of a time (0 =
 * null). */
static enum err rows_of(struct desk *d, struct jsonw *w, const char *key, const char *sql,
                        const struct db_value *args, size_t args_n, const char *const *keys,
                        struct diag *diag)
{
    struct db_rows *rows = NULL;
    bool row = true;

    jsonw_key(w, slice_of(key));
    jsonw_array(w);
    enum err e = db_query(d->db, sql, args, args_n, &rows, diag);
    while (e == ERR_NONE && (e = db_next(rows, &row, diag)) == ERR_NONE && row) {
        jsonw_object(w);
        for (unsigned c = 0; keys[c]; c++) {
            if (keys[c][0] == '#')
                jsonw_kint(w, keys[c] + 1, db_int(rows, c));
            else if (keys[c][0] != '@')
                jsonw_kstr(w, keys[c], db_text(rows, c));
            else if (db_int(rows, c))
                jsonw_ktime(w, keys[c] + 1, db_int(rows, c));
            else
                jsonw_kcstr(w, keys[c] + 1, NULL);
        }
        jsonw_close_object(w);
    }
    db_rows_free(rows);
    jsonw_close_array(w);
    return e;
}

/* Role numbers are ours; the file carries words. */
static const char access_sql[] =
    "SELECT sha256, COALESCE(org, 0), COALESCE((SELECT s.id FROM sources s WHERE s.org = tokens.org"
    " AND s.name = tokens.source AND s.status = 1 ORDER BY s.id LIMIT 1), 0),"
    " CASE WHEN source = '' THEN name ELSE source END, CASE role WHEN 0 THEN 'viewer' WHEN 1 THEN"
    " 'analyst' WHEN 2 THEN 'lead' WHEN 3 THEN 'officer' WHEN 4 THEN 'manager' WHEN 5 THEN"
    " 'engineer' WHEN 6 THEN 'assessor' WHEN 7 THEN 'admin' ELSE 'machine' END, rate, expires_ns"
    " FROM tokens WHERE revoked_ns = 0 AND (expires_ns = 0 OR expires_ns > ?1) ORDER BY id";
_Static_assert(USER_MACHINE == 8 && USER_ADMIN == 7 && SOURCE_REGISTERED == 1, "as above");

static enum err access_of(struct desk *d, struct jsonw *w, struct diag *diag)
{
    static const char *const keys[] = {"sha256", "#org",  "#source",  "name",
                                       "role",   "#rate", "@expires", NULL};

    return rows_of(d, w, "tokens", access_sql, DB_ARGS(db_i(clock_wall_ns())), keys, diag);
}

static enum err inventory_of(struct desk *d, struct jsonw *w, struct diag *diag)
{
    static const char *const orgs[] = {"#id", "name", "slug", "#parent", NULL};
    static const char *const systems[] = {"#id", "#org", "name", "#level", NULL};
    static const char *const sources[] = {"#id",   "#org", "#system", "name", "input",
                                          "match", "tz",   "format",  NULL};

    enum err e =
        rows_of(d, w, "orgs", "SELECT id, name, slug, COALESCE(parent, 0) FROM orgs ORDER BY id",
                DB_NONE, orgs, diag);
    if (e == ERR_NONE)
        e = rows_of(d, w, "systems", "SELECT id, org, name, level FROM systems ORDER BY id",
                    DB_NONE, systems, diag);
    if (e == ERR_NONE)
        e = rows_of(d, w, "sources",
                    "SELECT id, org, COALESCE(sys, 0), name, input, matching, tz, format"
                    " FROM sources WHERE status = ?1 ORDER BY id",
                    DB_ARGS(db_i(SOURCE_REGISTERED)), sources, diag);
    jsonw_key(w, SLICE("assets"));
    jsonw_array(w);
    jsonw_close_array(w);
    return e;
}

/* Ended ones are left out; watch looks at `ends` by itself. */
static enum err exceptions_of(struct desk *d, struct jsonw *w, struct diag *diag)
{
    static const char *const keys[] = {"#id",   "#org",   "rule",  "field",
                                       "value", "source", "@ends", NULL};

    return rows_of(d, w, "exceptions",
                   "SELECT id, COALESCE(org, 0), rule_id, field, value, source, ends_ns"
                   " FROM exceptions WHERE ended_ns = 0 AND ends_ns > ?1 ORDER BY id",
                   DB_ARGS(db_i(clock_wall_ns())), keys, diag);
}

CHECKED enum err publish_build(struct desk *d, enum publish_kind k, struct buf *out,
                               struct diag *diag)
{
    static enum err (*const of[PUBLISH_N])(struct desk *, struct jsonw *, struct diag *) = {
        access_of, inventory_of, exceptions_of};
    struct jsonw w;

    desk_lock(d);
    jsonw_init(&w, out);
    jsonw_object(&w);
    enum err e = of[k](d, &w, diag);
    jsonw_close_object(&w);
    desk_unlock(d);
    if (e == ERR_NONE && (e = jsonw_end(&w)) != ERR_NONE)
        diag_set(diag, e, 0, "the snapshot %s is too large", publish_name(k));
    return e;
}

static enum err publish_one(struct desk *d, enum publish_kind k, struct diag *diag)
{
    int64_t marked = 0;
    struct buf out;
    uint64_t seq;

    /* Read before the contents, so that a change in between is published once more. */
    enum err e = db_one(d->db, "SELECT COALESCE(MAX(value), 0) FROM counters WHERE name = ?1",
                        DB_ARGS(db_c(publish_name(k))), &marked, diag);
    if (e != ERR_NONE || marked == d->published[k])
        return e;
    buf_init(&out, SNAPSHOT_BYTES_MAX);
    e = publish_build(d, k, &out, diag);
    if (e == ERR_NONE)
        e = snapshot_publish(d->snapshots, publish_name(k), buf_slice(&out), &seq, diag);
    buf_done(&out);
    if (e == ERR_NONE)
        d->published[k] = marked;
    return e;
}

CHECKED enum err publish_due(struct desk *d, struct diag *diag)
{
    enum err first = ERR_NONE;

    for (int k = 0; k < PUBLISH_N; k++) {
        enum err e = publish_one(d, (enum publish_kind)k, first == ERR_NONE ? diag : NULL);
        if (first == ERR_NONE)
            first = e;
    }
    return first;
}
