/* cmd/args.h - the options of one command as a table; the help text is made from it.
 *
 * Long options only, `--name value` or `--name=value`; `--` ends them; everything else is a
 * positional argument. `--help` prints and exits 0; a mistake names the option and exits 2.
 */
#ifndef CMD_ARGS_H
#define CMD_ARGS_H

#include "core/base.h"

enum { ARGS_MANY_MAX = 8192, EXIT_USAGE = 2, EXIT_FAILED = 3 };

enum arg_kind { ARG_FLAG, ARG_TEXT, ARG_INT, ARG_MANY };

struct arg_many {
    size_t n;
    const char *at[ARGS_MANY_MAX];
};

struct arg {
    const char *name; /* without the dashes */
    enum arg_kind kind;
    void *to;          /* bool, const char *, int64_t or struct arg_many */
    const char *value; /* word for the help */
    const char *help;
};

struct args_usage {
    const char *command; /* "search" */
    const char *form;    /* "[options] 'QUERY'" */
    const char *summary;
    const char *examples; /* lines */
};

/* Fills the targets and *rest. Exits the process on --help and on mistakes. */
void args_parse(int argc, char **argv, const struct args_usage *u, const struct arg *specs,
                size_t n, struct arg_many *rest);
/* Every command of commands.def; argv[0] is its name, the result the exit code. */
#define COMMAND(name, summary) int cmd_##name(int argc, char **argv);
#include "cmd/commands.def"
#undef COMMAND

_Noreturn void args_wrong(const struct args_usage *u, const char *why, const char *what);

#endif
