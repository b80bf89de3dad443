#include "store/server_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/schema.h"

enum { DDL_BYTES_MAX = 65536 };

/* Runs one statement and appends its answer to *out (NULL = not wanted). */
static CHECKED enum err run(struct backend_session *s, const char *sql, struct buf *out,
                            struct diag *diag)
{
    struct backend_answer a;
    enum err e = ERR_NONE;

    backend_query(s, slice_of(sql), "TabSeparated", NULL, 0, &a);
    if (a.text.n)
        e = FAIL(diag, ERR_PEER, 0, "%.*s", SLICE_ARG(a.text));
    else if (out)
        e = buf_put(out, a.body);
    backend_answer_done(&a);
    return e;
}

static CHECKED enum err write_all(int fd, struct slice s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n <= 0)
            return ERR_SYS;
        s = slice_cut(s, (size_t)n, s.n);
    }
    return ERR_NONE;
}

/* Replaces dir/name as a whole; missing folders of `name` are made. */
static CHECKED enum err keep(const char *dir, const char *name, struct slice bytes,
                             struct diag *diag)
{
    char path[PATH_MAX], tmp[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    int m = snprintf(tmp, sizeof(tmp), "%s/%s.new", dir, name);
    enum err e = ERR_SYS;

    if (n < 0 || m < 0 || (size_t)m >= sizeof(tmp))
        return FAIL(diag, ERR_LIMIT, 0, "path too long: %s/%s", dir, name);
    for (char *slash = tmp + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        int rc = mkdir(tmp, 0700);
        *slash = '/';
        if (rc != 0 && errno != EEXIST)
            break;
    }
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        e = write_all(fd, bytes);
        if (e == ERR_NONE && fsync(fd) != 0)
            e = ERR_SYS;
        if (close(fd) != 0)
            e = ERR_SYS;
    }
    if (e != ERR_NONE || rename(tmp, path) != 0)
        return FAIL(diag, ERR_SYS, 0, "cannot write %s", path);
    return ERR_NONE;
}

/* dir/engine/name to dir/keep/name. */
static CHECKED enum err keep_file(const char *dir, const char *name, struct diag *diag)
{
    char path[PATH_MAX], bytes[DDL_BYTES_MAX];
    int n = snprintf(path, sizeof(path), "%s/engine/%s", dir, name);
    ssize_t got = -1;

    if (n < 0 || (size_t)n >= sizeof(path) || strstr(name, ".."))
        return FAIL(diag, ERR_LIMIT, 0, "a strange path of the event engine: %s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, bytes, sizeof(bytes));
        (void)close(fd);
    }
    if (got <= 0 || got == (ssize_t)sizeof(bytes))
        return FAIL(diag, ERR_SYS, 0, "cannot copy %s", path);
    n = snprintf(path, sizeof(path), "keep/%s", name);
    return n > 0 ? keep(dir, path, (struct slice){bytes, (size_t)got}, diag) : ERR_SYS;
}

/* The engine's own definitions, where a damage of theirs does not reach: a store whose copy is
 * truncated does not open until it is put back (docs/formats/store.md, "Repair"). */
static CHECKED enum err keep_definitions(struct backend_session *s, const char *dir,
                                         struct diag *diag)
{
    struct buf path;
    enum err e;

    buf_init(&path, PATH_MAX);
    e = run(s,
            "SELECT metadata_path FROM system.tables WHERE database = 'coloa' AND name = 'events'",
            &path, diag);
    while (path.n && path.p[path.n - 1] == '\n')
        path.n--;
    const char *name = e == ERR_NONE ? buf_cstr(&path) : NULL;
    if (e == ERR_NONE && !name)
        e = ERR_NOMEM;
    if (e == ERR_NONE)
        e = keep_file(dir, name, diag);
    if (e == ERR_NONE)
        e = keep_file(dir, "metadata/" SCHEMA_DATABASE ".sql", diag);
    buf_done(&path);
    return e;
}

/* Columns that a newer dictionary added; a type that differs is another program's table. */
static CHECKED enum err upgrade(struct backend_session *s, struct diag *diag)
{
    size_t n;
    const struct schema_column *c = schema_columns(&n);
    struct buf have, line;
    enum err e;

    buf_init(&have, DDL_BYTES_MAX);
    buf_init(&line, DDL_BYTES_MAX);
    e = run(s,
            "SELECT concat('|', name, '|', type, '|') FROM system.columns "
            "WHERE database = 'coloa' AND table = 'events' FORMAT TabSeparatedRaw",
            &have, diag);
    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        buf_reset(&line);
        e = buf_printf(&line, "|%s|%s|", c[i].name, c[i].type);
        if (e == ERR_NONE && memmem(have.p ? have.p : "", have.n, line.p, line.n))
            continue;
        buf_reset(&line);
        if (e == ERR_NONE)
            e = buf_printf(&line, "|%s|", c[i].name);
        if (e == ERR_NONE && memmem(have.p ? have.p : "", have.n, line.p, line.n))
            e = FAIL(diag, ERR_VERSION, 0, "column %s of the event store has another type than %s",
                     c[i].name, c[i].type);
        buf_reset(&line);
        if (e == ERR_NONE)
            e = schema_add_column(&c[i], &line);
        const char *sql = e == ERR_NONE ? buf_cstr(&line) : NULL;
        if (sql)
            e = run(s, sql, NULL, diag);
    }
    if (e == ERR_NONE)
        e = run(s, schema_tuning, NULL, diag);
    buf_done(&line);
    buf_done(&have);
    return e;
}

/* With the engine's defaults a power cut loses acknowledged rows, so the store does not start
 * unless the table really says otherwise. */
static CHECKED enum err check_durable(struct backend_session *s, struct diag *diag)
{
    struct buf got;
    enum err e;

    buf_init(&got, DDL_BYTES_MAX);
    e = run(s, "SELECT engine_full FROM system.tables WHERE database = 'coloa' AND name = 'events'",
            &got, diag);
    for (size_t i = 0; e == ERR_NONE && schema_setting(i); i++)
        if (!memmem(got.p ? got.p : "", got.n, schema_setting(i), strlen(schema_setting(i))))
            e = FAIL(diag, ERR_CORRUPT, 0, "the event store's table lacks the setting %s",
                     schema_setting(i));
    buf_done(&got);
    return e;
}

static CHECKED enum err count_detached(struct backend_session *s, uint64_t *ret, struct diag *diag)
{
    struct buf got;
    enum err e;

    buf_init(&got, 256);
    e = run(
        s,
        "SELECT count() FROM system.detached_parts WHERE database = 'coloa' AND table = 'events'",
        &got, diag);
    if (e == ERR_NONE && !slice_to_u64(slice_trim(buf_slice(&got)), ret))
        e = FAIL(diag, ERR_PEER, 0, "the event engine counts its detached parts strangely");
    buf_done(&got);
    return e;
}

CHECKED enum err store_server_prepare(struct backend_session *s, const char *dir,
                                      uint64_t *ret_detached, struct diag *diag)
{
    struct buf ddl;
    uint64_t detached = 0;
    enum err e;

    buf_init(&ddl, DDL_BYTES_MAX);
    /* Our own database: the default one takes an unknown table for a file. */
    e = run(s, "CREATE DATABASE IF NOT EXISTS " SCHEMA_DATABASE " ENGINE = Atomic", NULL, diag);
    if (e == ERR_NONE)
        e = schema_ddl(&ddl);
    if (e == ERR_NONE) {
        const char *sql = buf_cstr(&ddl);
        e = sql ? run(s, sql, NULL, diag) : ERR_NOMEM;
    }
    if (e == ERR_NONE)
        e = upgrade(s, diag);
    if (e == ERR_NONE)
        e = check_durable(s, diag);
    if (e == ERR_NONE)
        e = count_detached(s, &detached, diag);
    if (e == ERR_NONE && dir)
        e = keep(dir, "schema.sql", buf_slice(&ddl), diag);
    if (e == ERR_NONE && dir)
        e = keep_definitions(s, dir, diag);
    buf_done(&ddl);
    if (e == ERR_NONE)
        *ret_detached = detached;
    return e;
}
