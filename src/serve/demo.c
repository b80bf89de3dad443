#include "serve/demo.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/log.h"
#include "serve/child.h"
#include "serve/rules_dir.h"

pid_t demo_start(const struct users *users, const char *data_dir, const char *syslog_addr,
                 const char *ingest_addr)
{
    char program[4096], scenario[4096], token[4200],
        data_flag[] = "--scenario", token_flag[] = "--token-file", syslog_flag[] = "--syslog",
        ingest_flag[] = "--ingest", syslog[64], ingest[64];
    char *args[] = {program,     data_flag, scenario,    token_flag, token,
                    syslog_flag, syslog,    ingest_flag, ingest,     NULL};
    char *slash;

    if (child_program(ROLE_DESK, program, sizeof(program), NULL) != ERR_NONE ||
        !rules_dir_shipped("demo", scenario, sizeof(scenario)))
        return 0;
    slash = strrchr(program, '/');
    (void)snprintf(slash + 1, sizeof(program) - (size_t)(slash + 1 - program), "coloa-demo");
    if (access(program, X_OK) != 0) {
        log_warn("demo.missing", "program=%s", program);
        return 0;
    }
    (void)snprintf(token, sizeof(token), "%s/run/demo-token", data_dir);
    if (access(token, R_OK) != 0)
        return 0; /* removed */
    (void)snprintf(syslog, sizeof(syslog), "%s", syslog_addr);
    (void)snprintf(ingest, sizeof(ingest), "%s", ingest_addr);
    pid_t pid = fork();
    if (pid != 0)
        return pid > 0 ? pid : 0;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (users_become(users, USERS_DEMO) && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        (void)execv(program, args); /* a change of user would have taken the signal back */
    _exit(127);
}
