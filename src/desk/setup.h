/* desk/setup.h - the first administrator. */
#ifndef DESK_SETUP_H
#define DESK_SETUP_H

#include "desk/desk.h"

enum { SETUP_PASSWORD_BYTES = 24 };

/* When there is no user at all: makes "admin" with a random password that must be changed at the
 * first sign-in. *ret_created says whether; the password is not stored, print it once. */
CHECKED enum err setup_first_admin(struct desk *d, bool *ret_created,
                                   char ret_password[static SETUP_PASSWORD_BYTES + 1],
                                   struct diag *diag);
/* A fresh random password for an account, the way back in for the local administrator. */
CHECKED enum err setup_reset_password(struct desk *d, const struct desk_actor *by,
                                      struct slice login,
                                      char ret_password[static SETUP_PASSWORD_BYTES + 1],
                                      struct diag *diag);

#endif
