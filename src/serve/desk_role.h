/* serve/desk_role.h - the wiring of the role `desk`. */
#ifndef SERVE_DESK_ROLE_H
#define SERVE_DESK_ROLE_H

#include "serve/role.h"

extern const struct role_ops desk_role;

#endif
