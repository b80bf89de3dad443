/* serve/datadir.h - the folder that holds one installation: made, versioned, locked.
 *
 * DIR/FORMAT holds the version of the layout; a newer one than known is refused. DIR/lock is
 * flock'ed by the parent, and its descriptor is inherited by the roles: a new parent cannot start
 * while a role of a killed one still lives.
 */
#ifndef SERVE_DATADIR_H
#define SERVE_DATADIR_H

#include "core/err.h"

enum { DATADIR_FORMAT = 1 };

/* Makes DIR (0700; users.h may open it to a group) and its sub-folders. *ret_lock_fd is open
 * without CLOEXEC. Waits up to wait_ms for the lock. */
CHECKED enum err datadir_open(const char *dir, int wait_ms, int *ret_lock_fd, struct diag *diag);

/* Replaces a file whole: temporary file, optional fsync, rename. */
CHECKED enum err datadir_write_file(const char *path, const char *bytes, size_t n, int mode,
                                    bool sync, struct diag *diag);

#endif
