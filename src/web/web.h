/* web/web.h - the desk's HTTP door: API, live stream, console. docs/api/openapi.json describes it.
 *
 * Two sockets: a TCP one for people and programs, and a Unix one whose caller is known by
 * SO_PEERCRED: the owner of the process or root is the local administrator.
 *
 * Threads: the server's own never waits; WEB_WORKERS answer what needs the database,
 * WEB_SEARCHERS what needs the event store, one serves the live stream.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "core/config.h"
#include "desk/desk.h"

enum { WEB_WORKERS = 4, WEB_SEARCHERS = 4, WEB_SEARCHES_MAX = 8, WEB_WAITING_MAX = 512 };

struct web;

struct web_options {
    struct desk *desk;                     /* borrowed until web_stop */
    int listen_fd, local_fd;               /* taken over on success, listening; -1 = none */
    const char *data_dir;                  /* borrowed until web_stop */
    const char *store_socket;              /* borrowed until web_stop */
    const struct config *cfg;              /* read during the call only */
    const char *certificate_pem, *key_pem; /* NULL = plain HTTP */
};

CHECKED enum err web_start(const struct web_options *o, struct web **ret, struct diag *diag);
/* Takes over what may change while running. cfg is read during the call only. */
void web_reload(struct web *w, const struct config *cfg);
/* Lets running requests finish for some seconds. NULL is fine. Before desk_close; nothing may
 * change the desk any more, since it goes on telling its listeners. */
void web_stop(struct web *w);

#endif
