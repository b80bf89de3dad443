/* serve/watch.h - the role that parses hostile bytes and detects; see watch_int.h. */
#ifndef SERVE_WATCH_H
#define SERVE_WATCH_H

#include "serve/role.h"

extern const struct role_ops watch_role;

#endif
