/* cmd/hunt_zip.h - the members of a zip archive as streams. libzip is named in hunt_zip.c only. */
#ifndef CMD_HUNT_ZIP_H
#define CMD_HUNT_ZIP_H

#include "core/err.h"

enum { HUNT_ZIP_MEMBERS_MAX = 100000 };

struct hunt_zip;
void hunt_zip_free(struct hunt_zip *z);
/* Of a file that can be sought; takes its own copy of the descriptor. */
CHECKED enum err hunt_zip_open(int fd, struct hunt_zip **ret, struct diag *diag);
size_t hunt_zip_n(const struct hunt_zip *z);
/* NULL for folders and what has no name. */
const char *hunt_zip_name(struct hunt_zip *z, size_t i);
CHECKED enum err hunt_zip_begin(struct hunt_zip *z, size_t i, struct diag *diag);
/* A hunt_pull_fn over the member that was begun; arg is the struct hunt_zip. Damage in the member
 * (checksum, cut) is an error at the place where it shows. */
ptrdiff_t hunt_zip_pull(void *arg, char *to, size_t cap, struct diag *diag);

#endif
