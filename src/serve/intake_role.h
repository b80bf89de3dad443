/* serve/intake_role.h - the wiring of the role `intake`. */
#ifndef SERVE_INTAKE_ROLE_H
#define SERVE_INTAKE_ROLE_H

#include "serve/role.h"

extern const struct role_ops intake_role;

#endif
