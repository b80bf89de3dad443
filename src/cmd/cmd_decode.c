#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/args.h"
#include "serve/child.h"

static const struct args_usage usage = {
    "decode",
    "[options] FILE...",
    "Shows what each line of a log file becomes, or each record of a Windows event log (.evtx): "
    "one "
    "event a line, as JSON. `-` is standard input.\n"
    "The work is done by a sealed helper that has no files and no network.",
    "  coloa decode /var/log/auth.log | head\n"
    "  coloa decode --format access access.log | jq .url.path\n"
    "  coloa decode Security.evtx | jq .EventID\n",
};

/* Runs the sealed program with the file as its standard input. */
static int decode_one(const struct users *users, const char *program, const char *file,
                      const char *format)
{
    int fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
    int status = 0;

    if (fd < 0) {
        (void)fprintf(stderr, "coloa decode: cannot read %s: %s\n", file, strerror(errno));
        return EXIT_FAILED;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fd, STDIN_FILENO) < 0 || !users_become(users, ROLE_LAB))
            _exit(EXIT_FAILED);
        (void)execl(program, program, format ? "--format" : (char *)NULL, format, (char *)NULL);
        _exit(EXIT_FAILED);
    }
    (void)close(fd);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return EXIT_FAILED;
    if (WIFSIGNALED(status)) {
        (void)fprintf(stderr, "coloa decode: the parser died on %s (signal %d); please report it\n",
                      file, WTERMSIG(status));
        return EXIT_FAILED;
    }
    return WEXITSTATUS(status);
}

int cmd_decode(int argc, char **argv)
{
    const char *format = NULL;
    struct users users;
    char program[4096];
    struct arg_many files;
    struct diag d = {0};
    const struct arg specs[] = {
        {"format", ARG_TEXT, &format, "NAME",
         "json, syslog, access, eve, kv ...; default: detected"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &files);
    if (files.n == 0)
        args_wrong(&usage, "which file?", NULL);
    if (child_program(ROLE_LAB, program, sizeof(program), &d) != ERR_NONE) {
        (void)fprintf(stderr, "coloa decode: %s\n", d.text);
        return EXIT_FAILED;
    }
    int rc = EXIT_SUCCESS;
    users_lab(program, &users);
    for (size_t i = 0; i < files.n && rc == EXIT_SUCCESS; i++)
        rc = decode_one(&users, program, files.at[i], format);
    return rc;
}
