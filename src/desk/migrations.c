#include "core/clock.h"
#include "desk/desk_int.h"

/* The schema, as numbered steps that are never changed once released: a new need is a new row with
 * the next number. Each number runs whole or not at all. Rows of one number differ by engine only
 * where the engines have no common words (triggers). Columns are described in docs/formats/desk.md.
 */

static const char tenants_sql[] =
    "CREATE TABLE counters(name TEXT PRIMARY KEY, value BIGINT NOT NULL);"
    "CREATE TABLE orgs(id BIGINT PRIMARY KEY, parent BIGINT REFERENCES orgs(id),"
    " slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, name_en TEXT NOT NULL,"
    " created_ns BIGINT NOT NULL, version BIGINT NOT NULL);"
    "CREATE INDEX orgs_parent ON orgs(parent);"
    "CREATE TABLE systems(id BIGINT PRIMARY KEY, org BIGINT NOT NULL REFERENCES orgs(id),"
    " level BIGINT NOT NULL CHECK (level BETWEEN 1 AND 5), name TEXT NOT NULL,"
    " owner TEXT NOT NULL, about TEXT NOT NULL, created_ns BIGINT NOT NULL,"
    " version BIGINT NOT NULL, UNIQUE (org, name));"
    "CREATE TABLE sources(id BIGINT PRIMARY KEY, org BIGINT NOT NULL REFERENCES orgs(id),"
    " sys BIGINT REFERENCES systems(id) ON DELETE SET NULL, status BIGINT NOT NULL,"
    " name TEXT NOT NULL, input TEXT NOT NULL, matching TEXT NOT NULL, tz TEXT NOT NULL,"
    " format TEXT NOT NULL, first_ns BIGINT NOT NULL, last_ns BIGINT NOT NULL,"
    " events BIGINT NOT NULL, errors BIGINT NOT NULL, created_ns BIGINT NOT NULL,"
    " version BIGINT NOT NULL, UNIQUE (org, name, input));"
    "CREATE INDEX sources_sys ON sources(sys);";

static const char people_sql[] =
    "CREATE TABLE users(id BIGINT PRIMARY KEY, org BIGINT REFERENCES orgs(id),"
    " login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role BIGINT NOT NULL,"
    " locale TEXT NOT NULL, password TEXT NOT NULL, must_change BIGINT NOT NULL,"
    " disabled BIGINT NOT NULL, created_ns BIGINT NOT NULL, last_login_ns BIGINT NOT NULL,"
    " version BIGINT NOT NULL);"
    "CREATE TABLE sessions(hash TEXT PRIMARY KEY,"
    " person BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,"
    " created_ns BIGINT NOT NULL, seen_ns BIGINT NOT NULL, ends_ns BIGINT NOT NULL,"
    " address TEXT NOT NULL, agent TEXT NOT NULL);"
    "CREATE INDEX sessions_person ON sessions(person);"
    "CREATE TABLE tokens(id BIGINT PRIMARY KEY, org BIGINT REFERENCES orgs(id),"
    " role BIGINT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL, rate BIGINT NOT NULL,"
    " sha256 TEXT NOT NULL UNIQUE, expires_ns BIGINT NOT NULL, created_ns BIGINT NOT NULL,"
    " revoked_ns BIGINT NOT NULL, used_ns BIGINT NOT NULL);"
    "CREATE UNIQUE INDEX tokens_name ON tokens(COALESCE(org, 0), name) WHERE revoked_ns = 0;";

static const char alerts_sql[] =
    "CREATE TABLE alerts(id BIGINT PRIMARY KEY, version BIGINT NOT NULL, count BIGINT NOT NULL,"
    " org BIGINT NOT NULL REFERENCES orgs(id),"
    " sys BIGINT REFERENCES systems(id) ON DELETE SET NULL, state BIGINT NOT NULL,"
    " level BIGINT NOT NULL, verdict BIGINT NOT NULL, rule_id TEXT NOT NULL,"
    " title TEXT NOT NULL, title_vi TEXT NOT NULL, source TEXT NOT NULL,"
    " entities TEXT NOT NULL, tags TEXT NOT NULL, matched TEXT NOT NULL,"
    " message TEXT NOT NULL, reason TEXT NOT NULL,"
    " assignee BIGINT REFERENCES users(id) ON DELETE SET NULL, first_ns BIGINT NOT NULL,"
    " last_ns BIGINT NOT NULL, created_ns BIGINT NOT NULL, changed_ns BIGINT NOT NULL,"
    " acked_ns BIGINT NOT NULL, closed_ns BIGINT NOT NULL, group_key TEXT NOT NULL,"
    " folded TEXT NOT NULL);"
    "CREATE INDEX alerts_group ON alerts(group_key, last_ns);"
    "CREATE INDEX alerts_last ON alerts(last_ns, id);"
    "CREATE INDEX alerts_org_last ON alerts(org, last_ns, id);"
    "CREATE INDEX alerts_state_last ON alerts(state, last_ns, id);"
    "CREATE INDEX alerts_sys ON alerts(sys);"
    "CREATE INDEX alerts_assignee ON alerts(assignee);"
    "CREATE TABLE alert_events(alert BIGINT NOT NULL REFERENCES alerts(id) ON DELETE CASCADE,"
    " seq BIGINT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (alert, seq));"
    "CREATE TABLE alert_notes(alert BIGINT NOT NULL REFERENCES alerts(id) ON DELETE CASCADE,"
    " seq BIGINT NOT NULL, time_ns BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (alert, seq));"
    "CREATE TABLE findings(id TEXT PRIMARY KEY,"
    " alert BIGINT NOT NULL REFERENCES alerts(id) ON DELETE CASCADE, taken_ns BIGINT NOT NULL);"
    "CREATE INDEX findings_alert ON findings(alert);"
    "CREATE INDEX findings_taken ON findings(taken_ns);"
    "CREATE TABLE findings_bad(seq BIGINT PRIMARY KEY, time_ns BIGINT NOT NULL,"
    " reason TEXT NOT NULL, frame TEXT NOT NULL);"
    "CREATE TABLE cursors(name TEXT PRIMARY KEY, segment BIGINT NOT NULL,"
    " position BIGINT NOT NULL);";

static const char audit_sql[] =
    "CREATE TABLE audit(seq BIGINT PRIMARY KEY, time_ns BIGINT NOT NULL, person BIGINT NOT NULL,"
    " org BIGINT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, address TEXT NOT NULL,"
    " action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL);"
    "CREATE INDEX audit_person ON audit(person, seq);";

static const char audit_sqlite_sql[] =
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;";

static const char audit_pg_sql[] =
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN RAISE EXCEPTION ''the audit record is append-only''; END';"
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit"
    " FOR EACH ROW EXECUTE FUNCTION audit_refuse();"
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();";

static const char exceptions_sql[] =
    "CREATE TABLE exceptions(id BIGINT PRIMARY KEY, org BIGINT REFERENCES orgs(id),"
    " rule_id TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, source TEXT NOT NULL,"
    " reason TEXT NOT NULL, author TEXT NOT NULL, created_ns BIGINT NOT NULL,"
    " ends_ns BIGINT NOT NULL, ended_ns BIGINT NOT NULL);"
    "CREATE INDEX exceptions_rule ON exceptions(rule_id);";

static const char causes_sql[] =
    "ALTER TABLE alerts ADD COLUMN rule_version TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE alerts ADD COLUMN selections TEXT NOT NULL DEFAULT '[]';";

static const struct {
    int version;
    enum db_kind on;
    const char *sql;
} steps[] = {
    {1, DB_BOTH, tenants_sql},    {1, DB_BOTH, people_sql},         {1, DB_BOTH, alerts_sql},
    {1, DB_BOTH, audit_sql},      {1, DB_SQLITE, audit_sqlite_sql}, {1, DB_PG, audit_pg_sql},
    {2, DB_BOTH, exceptions_sql}, {3, DB_BOTH, causes_sql},
};

static enum err run_from(struct db *db, int64_t have, struct diag *diag)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(steps); i++) {
        if (steps[i].version <= have)
            continue;
        if (steps[i].on & db_kind(db))
            e = db_exec(db, steps[i].sql, diag);
        bool last = i + 1 == ARRAY_LEN(steps) || steps[i + 1].version != steps[i].version;
        if (e == ERR_NONE && last)
            e = db_run(db, "INSERT INTO schema_version(version, time_ns) VALUES (?1, ?2)",
                       DB_ARGS(db_i(steps[i].version), db_i(clock_wall_ns())), NULL, diag);
    }
    return e;
}

CHECKED enum err migrations_run(struct db *db, struct diag *diag)
{
    int64_t have = 0, newest = steps[ARRAY_LEN(steps) - 1].version;

    enum err e = db_begin(db, diag);
    if (e != ERR_NONE)
        return e;
    e = db_exec(db,
                "CREATE TABLE IF NOT EXISTS schema_version(version BIGINT PRIMARY KEY,"
                " time_ns BIGINT NOT NULL)",
                diag);
    if (e == ERR_NONE)
        e = db_one(db, "SELECT COALESCE(MAX(version), 0) FROM schema_version", DB_NONE, &have,
                   diag);
    if (e == ERR_NONE && have > newest)
        e = FAIL(
            diag, ERR_VERSION, 0,
            "the desk's database has schema %lld, this program knows up to %lld: use the newer "
            "coloa that wrote it",
            (long long)have, (long long)newest);
    if (e == ERR_NONE)
        e = run_from(db, have, diag);
    if (e == ERR_NONE)
        return db_commit(db, diag);
    db_rollback(db);
    return e;
}
