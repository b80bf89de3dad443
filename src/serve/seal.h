/* serve/seal.h - what a role may still do once it works.
 *
 * role_confine(), before the role's first thread and first file: a Landlock fence from the tables
 * in confine.c. A role opens what its row of "who owns what on disk" and its configuration name,
 * and nothing else; it executes nothing; it makes no devices, sockets or pipes in the file system;
 * where the kernel can (ABI 4, Linux 6.7) it neither binds nor connects TCP, but for a desk or
 * store whose database is on another machine. Descriptors that the parent handed over are not
 * touched. Landlock binds the calling thread and those that it makes later, hence the place in
 * time.
 *
 * role_seal(), after the role's start: a seccomp filter over all threads from the table in seal.c:
 * no role may exec, trace or load a kernel module; watch and lab open no Internet sockets; intake
 * does not connect; lab does not open, connect or fork. A refused call fails with EPERM, under
 * COLOA_SEAL=strict (tests) it kills the process, so that a breach cannot be overlooked.
 */
#ifndef SERVE_SEAL_H
#define SERVE_SEAL_H

#include "core/config.h"
#include "core/err.h"

/* *ret_abi: Landlock's version in force, 0 = this kernel has none that can be used, and nothing was
 * done. data_dir and cfg may be NULL: then nothing at all may be opened. */
CHECKED enum err role_confine(enum role r, const char *data_dir, const struct config *cfg,
                              int *ret_abi, struct diag *diag);
/* Landlock's version on this machine, 0 = none that can be used. */
int role_confine_abi(void);
CHECKED enum err role_seal(enum role r, struct diag *diag);

#endif
