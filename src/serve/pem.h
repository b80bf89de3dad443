/* serve/pem.h - the contents of a PEM file named as `file:PATH` in the configuration. */
#ifndef SERVE_PEM_H
#define SERVE_PEM_H

#include "core/err.h"

enum { PEM_BYTES_MAX = 256 * 1024 };

struct pem {
    char *text; /* owned, NUL-terminated; NULL = none configured */
};

/* An empty option gives a NULL text. Anything but file: is refused: secrets are not options. */
CHECKED enum err pem_read(const char *option, struct pem *ret, struct diag *diag);
void pem_done(struct pem *p); /* wipes */

#endif
