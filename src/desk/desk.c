#include "desk/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "desk/desk_int.h"
#include "desk/org.h"
#include "desk/secret.h"
#include "desk/session.h"

enum { SWEEP_S = 600, SWEEP_ROWS = 20000, FINDING_DAYS = 90, CONNINFO_BYTES_MAX = 4096 };

bool desk_scope_has(struct desk_scope scope, uint32_t org)
{
    for (size_t i = 0; !scope.all && i < scope.n; i++)
        if (scope.orgs[i] == org)
            return org != ORG_INVALID;
    return scope.all;
}

CHECKED enum err desk_text_ok(const char *what, struct slice s, size_t least, struct diag *diag)
{
    if (s.n < least)
        return FAIL(diag, ERR_SYNTAX, 0, "%s is missing", what);
    if (s.n > DESK_TEXT_BYTES_MAX)
        return FAIL(diag, ERR_SYNTAX, 0, "%s is longer than %d bytes", what, DESK_TEXT_BYTES_MAX);
    return ERR_NONE;
}

void desk_lock(struct desk *d)
{
    (void)pthread_mutex_lock(&d->lock);
}

void desk_unlock(struct desk *d)
{
    (void)pthread_mutex_unlock(&d->lock);
}

const char *desk_data_dir(const struct desk *d)
{
    return d->dir;
}

CHECKED enum err desk_next(struct desk *d, const char *counter, int64_t *ret, struct diag *diag)
{
    return db_one(d->db,
                  "INSERT INTO counters(name, value) VALUES (?1, 1)"
                  " ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
                  DB_ARGS(db_c(counter)), ret, diag);
}

CHECKED enum err desk_mark(struct desk *d, enum publish_kind k, struct diag *diag)
{
    int64_t value;

    return desk_next(d, publish_name(k), &value, diag);
}

void desk_tell(struct desk *d, enum desk_topic topic, bool created, uint64_t id, uint32_t org)
{
    for (size_t i = 0; i < d->changes_n; i++)
        if (d->changes[i].topic == topic && d->changes[i].id == id) {
            d->changes[i].created = d->changes[i].created || created;
            return;
        }
    if (d->changes_n == DESK_CHANGES_MAX) {
        d->changes_over = true;
        return;
    }
    d->changes[d->changes_n++] =
        (struct desk_change){.topic = topic, .created = created, .id = id, .org = org};
}

CHECKED enum err desk_on_change(struct desk *d, desk_change_fn *fn, void *arg)
{
    enum err e = ERR_LIMIT;

    desk_lock(d);
    if (d->listeners_n < DESK_LISTENERS_MAX) {
        d->listeners[d->listeners_n++] = (struct desk_listener){fn, arg};
        e = ERR_NONE;
    }
    desk_unlock(d);
    return e;
}

CHECKED enum err desk_begin(struct desk *d, struct diag *diag)
{
    desk_lock(d);
    if (d->depth == 0) {
        enum err e = db_begin(d->db, diag);
        if (e != ERR_NONE) {
            desk_unlock(d);
            return e;
        }
        d->tx_err = ERR_NONE;
        d->changes_n = 0;
        d->changes_over = false;
    }
    d->depth++;
    return ERR_NONE;
}

/* What desk_end tells once the lock is gone. */
struct news {
    struct desk_change changes[DESK_CHANGES_MAX];
    size_t n;
    struct desk_listener to[DESK_LISTENERS_MAX];
    size_t to_n;
};

static void take_news(struct desk *d, struct news *news)
{
    news->n = d->changes_n;
    news->to_n = d->listeners_n;
    memcpy(news->changes, d->changes, d->changes_n * sizeof(d->changes[0]));
    memcpy(news->to, d->listeners, d->listeners_n * sizeof(d->listeners[0]));
    if (d->changes_over) {
        news->n = 1;
        news->changes[0] = (struct desk_change){.topic = DESK_GAP};
    }
    d->changes_n = 0;
}

static void tell_news(const struct news *news)
{
    for (size_t i = 0; i < news->n; i++)
        for (size_t l = 0; l < news->to_n; l++)
            news->to[l].fn(news->to[l].arg, &news->changes[i]);
}

CHECKED enum err desk_end(struct desk *d, enum err e, struct diag *diag)
{
    struct news news = {.n = 0};

    if (e != ERR_NONE && d->tx_err == ERR_NONE)
        d->tx_err = e;
    if (--d->depth > 0) {
        desk_unlock(d);
        return e;
    }
    if (d->tx_err == ERR_NONE) {
        e = db_commit(d->db, diag);
    } else {
        if (e == ERR_NONE)
            e = FAIL(diag, d->tx_err, 0, "a part of the change failed, so none of it was made");
        db_rollback(d->db);
    }
    if (e == ERR_NONE) {
        take_news(d, &news);
        /* The change is made; a snapshot that can't be written now is desk_tick's to report. */
        enum err later = publish_due(d, NULL);
        (void)later;
    }
    desk_unlock(d);
    tell_news(&news);
    return e;
}

static enum err sweep(struct desk *d, struct diag *diag)
{
    int64_t now = clock_mono_ns();

    if (d->swept_mono_ns && now - d->swept_mono_ns < SWEEP_S * NS_PER_S)
        return ERR_NONE;
    d->swept_mono_ns = now;
    int64_t wall = clock_wall_ns();
    enum err e =
        db_run(d->db, "DELETE FROM sessions WHERE ends_ns < ?1", DB_ARGS(db_i(wall)), NULL, diag);
    /* An id is needed for as long as watch could tell the finding again; its alert stays. */
    if (e == ERR_NONE)
        e = db_run(d->db,
                   "DELETE FROM findings WHERE id IN"
                   " (SELECT id FROM findings WHERE taken_ns < ?1 ORDER BY taken_ns LIMIT ?2)",
                   DB_ARGS(db_i(wall - FINDING_DAYS * 86400 * NS_PER_S), db_i(SWEEP_ROWS)), NULL,
                   diag);
    return e;
}

CHECKED enum err desk_tick(struct desk *d, struct diag *diag)
{
    desk_lock(d);
    enum err e = sweep(d, diag);
    if (e == ERR_NONE)
        e = publish_due(d, diag);
    desk_unlock(d);
    return e;
}

static enum err make_dir(const char *path, struct diag *diag)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return FAIL(diag, ERR_SYS, 0, "can't make the folder %s", path);
    return ERR_NONE;
}

static char *join(const char *dir, const char *name)
{
    char *out = NULL;

    return asprintf(&out, "%s/%s", dir, name) < 0 ? NULL : out;
}

/* A secret belongs into a file: the option names it. */
static enum err read_conninfo(const char *path, char *to, size_t cap, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "desk.database: can't open %s", path);
    ssize_t n = read(fd, to, cap - 1);
    (void)close(fd);
    if (n < 0)
        return FAIL(diag, ERR_SYS, 0, "desk.database: can't read %s", path);
    while (n > 0 && (to[n - 1] == '\n' || to[n - 1] == '\r' || to[n - 1] == ' '))
        n--;
    to[n] = 0;
    if (n == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "desk.database: %s is empty", path);
    return ERR_NONE;
}

static enum err open_db(struct desk *d, const struct desk_options *opt, struct diag *diag)
{
    const char *how = opt->cfg ? config_text(opt->cfg, OPT_DESK_DATABASE) : "sqlite";
    char conninfo[CONNINFO_BYTES_MAX];

    if (opt->conninfo)
        return db_open_pg(opt->conninfo, &d->db, diag);
    if (slice_starts(slice_of(how), SLICE("file:"))) {
        enum err e = read_conninfo(how + 5, conninfo, sizeof(conninfo), diag);
        if (e == ERR_NONE)
            e = db_open_pg(conninfo, &d->db, diag);
        explicit_bzero(conninfo, sizeof(conninfo));
        return e;
    }
    if (strcmp(how, "sqlite") != 0)
        return FAIL(diag, ERR_SYNTAX, 0, "desk.database is sqlite or file:PATH, not \"%.60s\"",
                    how);
    char *folder = join(opt->data_dir, "desk"), *path = join(opt->data_dir, "desk/desk.db");
    enum err e = folder && path ? make_dir(folder, diag) : ERR_NOMEM;
    if (e == ERR_NONE)
        e = db_open_sqlite(path, &d->db, diag);
    free(folder);
    free(path);
    return e;
}

static enum err first_orgs(struct desk *d, struct diag *diag)
{
    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = db_run(d->db,
               "INSERT INTO counters(name, value) VALUES ('org', 2) ON CONFLICT (name) DO NOTHING",
               DB_NONE, NULL, diag);
    static const struct {
        uint32_t id;
        const char *slug, *name, *name_en;
    } first[] = {
        {ORG_UNASSIGNED, "unassigned", "Chưa phân loại", "Unassigned"},
        {ORG_DEFAULT, "centre", "Trung tâm", "Centre"},
    };
    int64_t orgs = 0;
    if (e == ERR_NONE)
        e = db_one(d->db, "SELECT COUNT(*) FROM orgs", DB_NONE, &orgs, diag);
    for (size_t i = 0; e == ERR_NONE && orgs == 0 && i < ARRAY_LEN(first); i++)
        e = db_run(d->db,
                   "INSERT INTO orgs(id, parent, slug, name, name_en, created_ns, version)"
                   " VALUES (?1, NULL, ?2, ?3, ?4, ?5, 1)",
                   DB_ARGS(db_i(first[i].id), db_c(first[i].slug), db_c(first[i].name),
                           db_c(first[i].name_en), db_i(clock_wall_ns())),
                   NULL, diag);
    return desk_end(d, e, diag);
}

void desk_close(struct desk *d)
{
    if (!d)
        return;
    db_close(d->db);
    limit_free(d->by_account);
    limit_free(d->by_address);
    (void)pthread_mutex_destroy(&d->lock);
    free(d->dir);
    free(d->snapshots);
    free(d);
}

static struct desk *desk_new(const struct desk_options *opt)
{
    pthread_mutexattr_t attr;
    struct desk *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    (void)pthread_mutexattr_init(&attr);
    (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(&d->lock, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    d->dir = strdup(opt->data_dir);
    d->snapshots = join(opt->data_dir, "snapshots");
    d->by_account = limit_new((struct limit_rate){5, 12, SESSION_DELAY_MAX_S});
    d->by_address = limit_new((struct limit_rate){30, 2, 10});
    for (size_t k = 0; k < PUBLISH_N; k++)
        d->published[k] = -1;
    if (d->dir && d->snapshots && d->by_account && d->by_address)
        return d;
    desk_close(d);
    return NULL;
}

void desk_tune(struct desk *d, const struct config *cfg)
{
    int64_t minutes = cfg ? config_int(cfg, OPT_DESK_SESSION_IDLE_MINUTES) : 30;
    int64_t hours = cfg ? config_int(cfg, OPT_DESK_SESSION_HOURS) : 12;

    desk_lock(d);
    d->session_idle_ns = minutes * 60 * NS_PER_S;
    d->session_whole_ns = hours * 3600 * NS_PER_S;
    desk_unlock(d);
}

CHECKED enum err desk_open(const struct desk_options *opt, struct desk **ret, struct diag *diag)
{
    enum err e = secret_init(diag);
    if (e != ERR_NONE)
        return e;
    struct desk *d = desk_new(opt);
    if (!d)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the desk");
    desk_tune(d, opt->cfg);
    e = make_dir(opt->data_dir, diag);
    if (e == ERR_NONE)
        e = open_db(d, opt, diag);
    if (e == ERR_NONE)
        e = migrations_run(d->db, diag);
    if (e == ERR_NONE)
        e = first_orgs(d, diag);
    if (e == ERR_NONE)
        e = desk_tick(d, diag);
    if (e != ERR_NONE) {
        desk_close(d);
        return e;
    }
    *ret = d;
    return ERR_NONE;
}
