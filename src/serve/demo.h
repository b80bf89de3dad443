/* serve/demo.h - the scenario player, a program of its own (libexec/coloa-demo) that only sends: it
 * plays a day of a small city's traffic through the same sockets as everybody's logs. */
#ifndef SERVE_DEMO_H
#define SERVE_DEMO_H

#include <sys/types.h>

#include "serve/users.h"

/* Starts it; 0 when it cannot be started. It ends with its parent. */
pid_t demo_start(const struct users *users, const char *data_dir, const char *syslog_addr,
                 const char *ingest_addr);

#endif
