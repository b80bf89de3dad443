/* serve/store_role.h - the wiring of the role `store`. */
#ifndef SERVE_STORE_ROLE_H
#define SERVE_STORE_ROLE_H

#include "serve/role.h"

extern const struct role_ops store_role;

#endif
