#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "serve/datadir.h"
#include "serve/parent_int.h"

static bool all_serve(const struct parent *p)
{
    for (size_t i = 0; i < CHILDREN_N; i++)
        if (p->children[i].state != CHILD_SERVING)
            return false;
    return true;
}

static void one_role(struct jsonw *w, const struct child *c)
{
    jsonw_object(w);
    jsonw_kcstr(w, "name", role_name(c->role));
    jsonw_kcstr(w, "state", child_state_name(c->state));
    jsonw_kint(w, "pid", c->pid);
    jsonw_kint(w, "restarts", c->restarts);
    jsonw_kcstr(w, "why", c->why);
    jsonw_close_object(w);
}

void parent_status_write(const struct parent *p)
{
    char path[4096];
    struct buf b;
    struct jsonw w;

    buf_init(&b, 64 * 1024);
    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kbool(&w, "ready", all_serve(p) && !p->stopping);
    jsonw_kbool(&w, "stopping", p->stopping);
    jsonw_ktime(&w, "written", clock_wall_ns());
    jsonw_kint(&w, "parent_pid", (int64_t)getpid());
    jsonw_kcstr(&w, "web", p->listen.web_addr);
    jsonw_kcstr(&w, "ingest", p->listen.ingest_addr);
    jsonw_kcstr(&w, "syslog", p->listen.syslog_addr);
    jsonw_key(&w, SLICE("roles"));
    jsonw_array(&w);
    for (size_t i = 0; i < CHILDREN_N; i++)
        one_role(&w, &p->children[i]);
    jsonw_close_array(&w);
    jsonw_close_object(&w);
    (void)snprintf(path, sizeof(path), "%s/run/status.json", p->o->data_dir);
    enum err e = jsonw_end(&w);
    if (e == ERR_NONE)
        e = datadir_write_file(path, b.p, b.n, 0640, false, NULL);
    if (e != ERR_NONE)
        log_err(LOG_WARN, "status.write", e, NULL, "path=run/status.json");
    buf_done(&b);
}

static const char *url_host(const char *addr)
{
    /* a trustworthy origin for Secure cookies and WebAuthn has to be called localhost */
    return slice_starts(slice_of(addr), SLICE("127.")) ? "localhost" : NULL;
}

void parent_announce(struct parent *p)
{
    const char *port = strrchr(p->listen.web_addr, ':');
    const char *host = url_host(p->listen.web_addr);
    const char *syslog_port = strrchr(p->listen.syslog_addr, ':');

    if (p->announced || !all_serve(p))
        return;
    p->announced = true;
    log_info("parent.ready", "after_ms=%" PRId64, (clock_mono_ns() - p->started_ns) / NS_PER_MS);
    (void)printf("\nCổ Loa is watching.\n\n  Console        http://%s%s/\n",
                 host ? host : p->listen.web_addr, host && port ? port : "");
    if (p->first_login[0]) {
        (void)printf("  First login    %s   (shown once; you will be asked to change it)\n",
                     p->first_login);
        explicit_bzero(p->first_login, sizeof(p->first_login));
    } else {
        (void)printf(
            "  Sign-in        with your own user (forgotten: coloa admin user password NAME)\n");
    }
    if (syslog_port)
        (void)printf("\n  Send it your own logs:\n"
                     "    logger    logger --server 127.0.0.1 --port %s --tcp 'hello'\n"
                     "    rsyslog   *.* @@127.0.0.1%s\n",
                     syslog_port + 1, syslog_port);
    if (p->listen.ingest_addr[0])
        (void)printf(
            "    curl      curl -H \"Authorization: Bearer $TOKEN\" --data-binary @events.ndjson "
            "http://%s/ingest\n"
            "              TOKEN=$(coloa admin token --role machine --data %s | tail -n 1)\n",
            p->listen.ingest_addr, p->o->data_dir);
    (void)printf("\n  Stop with Ctrl-C.\n\n");
    (void)fflush(stdout);
}
