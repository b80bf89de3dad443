/* cmd/hunt_tar.h - the members of a tar archive (POSIX.1-2001 ustar and pax, GNU long names) as
 * streams, read once from front to back. */
#ifndef CMD_HUNT_TAR_H
#define CMD_HUNT_TAR_H

#include "cmd/hunt_input.h"

enum { HUNT_TAR_BLOCK = 512, HUNT_TAR_NAME_MAX = 4096 };

struct hunt_tar {
    struct hunt_input *in; /* borrowed */
    struct slice head;     /* bytes that were read from it before; borrowed */
    uint64_t left;         /* of the member */
    unsigned pad;          /* behind it, up to a whole block */
    char name[HUNT_TAR_NAME_MAX];
};

/* Whether the bytes begin with a header, its checksum included. */
bool hunt_tar_looks(struct slice head);

/* Goes to the next regular file: name and left are its. ERR_NOENT at the end. */
CHECKED enum err hunt_tar_next(struct hunt_tar *t, struct diag *diag);
/* A hunt_pull_fn over the member; arg is the struct hunt_tar. */
ptrdiff_t hunt_tar_pull(void *arg, char *to, size_t cap, struct diag *diag);

#endif
