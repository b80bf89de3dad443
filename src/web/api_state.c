/* What other roles leave in DIR/run, and the desk's own health. */
#include "web/web_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/metrics.h"
#include "desk/desk_demo.h"
#include "store/retention.h"

enum { DEMO_SETTLE_S = 2 };

/* The file as it is, once it has proved to be JSON. */
static enum err pass_on(struct web_call *w, const char *name, struct diag *diag)
{
    const struct json_node *root;
    struct slice text;
    enum err e = request_run_file(w, name, &text, diag);

    if (e == ERR_NONE)
        e = json_read_strict(w->worker->reader, text, &root, diag);
    if (e == ERR_NONE)
        jsonw_raw(&w->j, slice_trim(text));
    return e;
}

CHECKED enum err api_status_get(struct web_call *w, struct diag *diag)
{
    return pass_on(w, "status.json", diag);
}

CHECKED enum err api_rules_list(struct web_call *w, struct diag *diag)
{
    return pass_on(w, "rules.json", diag);
}

CHECKED enum err api_logsources_list(struct web_call *w, struct diag *diag)
{
    return pass_on(w, "logsources.json", diag);
}

CHECKED enum err api_healthz(struct web_call *w, struct diag *diag)
{
    (void)diag;
    http_reply(w->c, 200, "text/plain", SLICE("ok\n"));
    w->replied = true;
    return ERR_NONE;
}

/* 200 only when every role is ready, as the parent says. */
CHECKED enum err api_readyz(struct web_call *w, struct diag *diag)
{
    const struct json_node *root;
    struct slice text;
    bool ready = request_run_file(w, "status.json", &text, diag) == ERR_NONE &&
                 json_read_strict(w->worker->reader, text, &root, diag) == ERR_NONE &&
                 json_get_bool(root, "ready", false);

    http_reply(w->c, ready ? 200 : 503, "text/plain",
               ready ? SLICE("ready\n") : SLICE("not ready\n"));
    w->replied = true;
    return ERR_NONE;
}

/* Anybody on this machine may read the counters, unless he came through a proxy. */
static enum err may_read_metrics(struct web_call *w, struct diag *diag)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    uint8_t ip[16];
    uint16_t port;

    http_peer(w->c, ip, &port);
    bool here = ip_is_v4(ip) ? ip[12] == 127 : memcmp(ip, v6_loopback, 16) == 0;
    if (here && !http_header(w->c, "X-Forwarded-For") && !http_header(w->c, "Forwarded"))
        return ERR_NONE;
    enum err e = caller_find(w, diag);
    if (e == ERR_NONE && w->who.kind == CALLER_NONE)
        e = FAIL(diag, ERR_AUTH, 0, "from elsewhere the metrics need Authorization: Bearer");
    if (e == ERR_NONE && !permission_has(w->who.role, PERM_METRICS_READ))
        e = FAIL(diag, ERR_DENIED, 0, "the role does not include metrics.read");
    return e;
}

static const uint64_t *map_page(const char *data_dir, enum role r)
{
    char path[4200];
    struct stat st;
    void *p = MAP_FAILED;

    (void)snprintf(path, sizeof(path), "%s/run/metrics.%s", data_dir, role_name(r));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && st.st_size >= METRICS_BYTES)
        p = mmap(NULL, METRICS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return p == MAP_FAILED ? NULL : p;
}

CHECKED enum err api_metrics(struct web_call *w, struct diag *diag)
{
    const uint64_t *pages[ROLE_N];
    size_t n = 0;
    enum err e = may_read_metrics(w, diag);

    if (e != ERR_NONE)
        return e;
    for (int r = 0; r < ROLE_N; r++) {
        pages[n] = map_page(w->web->o.data_dir, (enum role)r);
        n += pages[n] != NULL;
    }
    e = metrics_render(pages, n, &w->out);
    for (size_t i = 0; i < n; i++)
        munmap((void *)(uintptr_t)pages[i], METRICS_BYTES);
    if (e != ERR_NONE)
        return e;
    http_add_header(w->c, "Cache-Control", "no-store");
    http_reply(w->c, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8",
               buf_slice(&w->out));
    w->replied = true;
    return ERR_NONE;
}

/* First the desk's rows, so that the token and the sources are gone and nothing more is the demo's;
 * then, once the blocks under way have landed, the partitions of its events. A second call finds
 * what a failure left. */
CHECKED enum err api_demo_delete(struct web_call *w, struct diag *diag)
{
    char path[4200];
    uint32_t org;
    unsigned n;

    if (!w->who.scope.all)
        return FAIL(diag, ERR_DENIED, 0, "only for the whole installation");
    (void)snprintf(path, sizeof(path), "%s/run/demo-token", w->web->o.data_dir);
    (void)unlink(path); /* stops the player */
    (void)nanosleep(&(struct timespec){.tv_sec = DEMO_SETTLE_S}, NULL);
    enum err e = desk_demo_remove(w->web->o.desk, &w->who.actor, &org, diag);
    if (e != ERR_NONE && e != ERR_NOENT)
        return e;
    (void)nanosleep(&(struct timespec){.tv_sec = DEMO_SETTLE_S}, NULL);
    enum err dropped = store_drop_before(w->worker->store, SLICE("demo"),
                                         clock_wall_ns() + 2 * 86400 * NS_PER_S, &n, diag);
    if (dropped != ERR_NONE)
        return dropped;
    w->status = 204;
    return n > 0 ? ERR_NONE : e;
}
