/* serve/parent_int.h - the parts of the parent, for its own files. */
#ifndef SERVE_PARENT_INT_H
#define SERVE_PARENT_INT_H

#include "core/config.h"
#include "serve/child.h"
#include "serve/parent.h"

enum { CHILDREN_N = 4, DEMO_NONE = 0 };

struct listeners { /* descriptors; -1 = closed by configuration */
    int web, local, ingest, syslog_udp, syslog_tcp, store;
    char web_addr[64], ingest_addr[64], syslog_addr[64]; /* as bound, with the real port */
};

struct parent {
    const struct parent_options *o;
    struct config *cfg; /* owned */
    struct users users;
    int library_fd; /* the event engine, where the store's user could not open it; -1 */
    struct listeners listen;
    struct child children[CHILDREN_N]; /* in the order of starting */
    int lock_fd, signal_fd;
    bool stopping;
    bool announced;        /* the URL and the first login were printed */
    char first_login[200]; /* "name password", only until printed */
    pid_t demo_pid;
    int64_t demo_retry_ns;
    int64_t started_ns;
};

/* parent_listen.c */
CHECKED enum err parent_listen(struct parent *p, struct diag *diag);

/* parent_config.c: builds the configuration from defaults, file and --set. */
CHECKED enum err parent_config(const struct parent_options *o, struct config **ret,
                               struct diag *diag);

/* parent_users.c: who runs what, and whose the folders are; before anything listens. */
CHECKED enum err parent_users(struct parent *p, struct diag *diag);
/* What is already open for the roles, said in the configuration that they get. */
CHECKED enum err parent_handed(const struct parent *p, struct config *cfg, struct diag *diag);

/* parent_status.c */
void parent_status_write(const struct parent *p); /* DIR/run/status.json */
void parent_announce(struct parent *p);           /* once, when all roles serve */

#endif
