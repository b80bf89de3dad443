/* serve/seal.h - after its start a role gives up what it no longer needs.
 *
 * Today's seal is a seccomp filter from the table in seal.c: no role may exec a program, trace
 * another or load a kernel module; watch and lab may not open Internet sockets; lab may not open,
 * connect or fork at all. A refused call fails with EPERM. With COLOA_SEAL=strict (tests) it kills
 * the process, so that a breach cannot be overlooked. Finer profiles and Landlock come later.
 */
#ifndef SERVE_SEAL_H
#define SERVE_SEAL_H

#include "core/config.h"
#include "core/err.h"

CHECKED enum err role_seal(enum role r, struct diag *diag);

#endif
