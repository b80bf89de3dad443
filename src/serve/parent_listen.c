#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/sock.h"
#include "serve/parent_int.h"

enum { UDP_ROOM_BYTES = 8 << 20 };

/* The address as bound: the configuration's with the real port when it asked for 0. */
static void bound_text(struct sock_addr *a, int fd, char out[static SOCK_TEXT_BYTES + 1])
{
    a->len = sizeof(a->ss);
    (void)getsockname(fd, (struct sockaddr *)&a->ss, &a->len);
    sock_text(a, out);
}

/* Beyond loopback, people's passwords and agencies' logs do not travel in the clear. */
static CHECKED enum err check_exposed(const struct parent *p, const struct sock_addr *a,
                                      const char *key, struct diag *diag)
{
    if (sock_is_loopback(a) || config_text(p->cfg, OPT_TLS_CERTIFICATE)[0] ||
        config_bool(p->cfg, OPT_WEB_BEHIND_PROXY))
        return ERR_NONE;
    return FAIL(diag, ERR_DENIED, 0,
                "%s is not a loopback address: set tls.certificate and tls.key, or "
                "--set web.behind_proxy=true when a proxy in front ends TLS",
                key);
}

static CHECKED enum err listen_http(struct parent *p, enum option o, int *ret_fd, char *text,
                                    struct diag *diag)
{
    const char *addr = config_text(p->cfg, o);
    struct sock_addr a;

    if (!addr[0])
        return ERR_NONE;
    enum err e = sock_parse(slice_of(addr), &a, diag);
    if (e == ERR_NONE)
        e = check_exposed(p, &a, option_info(o)->key, diag);
    if (e == ERR_NONE)
        e = sock_listen_tcp(&a, ret_fd, diag);
    if (e == ERR_NONE)
        bound_text(&a, *ret_fd, text);
    return e;
}

/* UDP and TCP on one port: with port 0, UDP takes what TCP was given. */
static CHECKED enum err listen_syslog(struct parent *p, struct diag *diag)
{
    const char *addr = config_text(p->cfg, OPT_LISTEN_SYSLOG);
    struct sock_addr a;

    if (!addr[0])
        return ERR_NONE;
    enum err e = sock_parse(slice_of(addr), &a, diag);
    if (e == ERR_NONE)
        e = sock_listen_tcp(&a, &p->listen.syslog_tcp, diag);
    if (e != ERR_NONE)
        return e;
    bound_text(&a, p->listen.syslog_tcp, p->listen.syslog_addr);
    return sock_bind_udp(&a, UDP_ROOM_BYTES, &p->listen.syslog_udp, diag);
}

static CHECKED enum err listen_local(struct parent *p, const char *name, int *ret_fd,
                                     struct diag *diag)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/run/%s", p->o->data_dir, name);

    if (n < 0 || (size_t)n >= sizeof(path))
        return FAIL(diag, ERR_LIMIT, 0, "the path of the data folder is too long");
    enum err e = sock_listen_unix(path, ret_fd, diag);
    if (e == ERR_NONE && p->users.own && chmod(path, 0660) != 0)
        e = FAIL(diag, ERR_SYS, 0, "cannot open %s to the other roles", path);
    return e;
}

CHECKED enum err parent_listen(struct parent *p, struct diag *diag)
{
    p->listen = (struct listeners){
        .web = -1, .local = -1, .ingest = -1, .syslog_udp = -1, .syslog_tcp = -1, .store = -1};
    enum err e = listen_http(p, OPT_LISTEN_WEB, &p->listen.web, p->listen.web_addr, diag);
    if (e == ERR_NONE)
        e = listen_http(p, OPT_LISTEN_INGEST, &p->listen.ingest, p->listen.ingest_addr, diag);
    if (e == ERR_NONE)
        e = listen_syslog(p, diag);
    if (e == ERR_NONE)
        e = listen_local(p, "desk.sock", &p->listen.local, diag);
    if (e == ERR_NONE)
        e = listen_local(p, "store.sock", &p->listen.store, diag);
    return e;
}
