#include "serve/seal.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct ban {
    unsigned roles;
    int call;
    int family; /* socket() only: this address family; 0 = every call */
};

#define ALL (R_STORE | R_INTAKE | R_WATCH | R_DESK | R_LAB)

static const struct ban bans[] = {
    {ALL, SCMP_SYS(execve), 0},
    {ALL, SCMP_SYS(execveat), 0},
    {ALL, SCMP_SYS(ptrace), 0},
    {ALL, SCMP_SYS(init_module), 0},
    {ALL, SCMP_SYS(finit_module), 0},
    {ALL, SCMP_SYS(mount), 0},
    {ALL, SCMP_SYS(bpf), 0},
    {R_WATCH | R_LAB, SCMP_SYS(socket), AF_INET},
    {R_WATCH | R_LAB, SCMP_SYS(socket), AF_INET6},
    {R_INTAKE | R_LAB, SCMP_SYS(connect), 0},
    {R_LAB, SCMP_SYS(open), 0},
    {R_LAB, SCMP_SYS(openat), 0},
    {R_LAB, SCMP_SYS(fork), 0},
    {R_LAB, SCMP_SYS(clone), 0},
};

CHECKED enum err role_seal(enum role r, struct diag *diag)
{
    const char *mode = getenv("COLOA_SEAL");
    bool strict = mode && strcmp(mode, "strict") == 0;
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int rc = f ? 0 : -ENOMEM;

    if (rc == 0) /* the role's threads run already: without this the filter binds one alone */
        rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; i < ARRAY_LEN(bans) && rc == 0; i++) {
        uint32_t action = strict ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
        if (!(bans[i].roles & 1u << r))
            continue;
        struct scmp_arg_cmp family = {
            .arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)bans[i].family};
        rc = seccomp_rule_add_array(f, action, bans[i].call, bans[i].family ? 1 : 0, &family);
    }
    if (rc == 0)
        rc = seccomp_load(f);
    if (f)
        seccomp_release(f);
    if (rc == 0)
        return ERR_NONE;
    errno = -rc;
    return FAIL(diag, ERR_SYS, 0, "the kernel refuses the sandbox (seccomp)");
}
