#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd_rules_int.h"
#include "serve/rules_dir.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} actions[] = {
    {"check", "names what is wrong or doubtful, with file, line and column", rules_check},
    {"coverage", "which techniques of ATT&CK the rules see, for the Navigator", rules_coverage},
    {"list", "the rules, by level, tag, log source or words", rules_list},
    {"test", "runs the tests of rules: lines that they must find, and must not", rules_test},
    {"update", "takes over a folder of Sigma rules, whole, with a way back", rules_update},
};

static void help(void)
{
    (void)printf("coloa rules ACTION [options] [PATH...]\n\n"
                 "Works on files of Sigma rules; no centre needs to run. Without a path: the rules "
                 "that ship.\n\nActions:\n");
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        (void)printf("  %-26s %s\n", actions[i].name, actions[i].summary);
    (void)printf("\n`coloa rules ACTION --help` tells the options of each.\n\nExamples:\n"
                 "  coloa rules check my-rules/\n"
                 "  coloa rules test my-rules/\n"
                 "  coloa rules list --level high --tag attack.t1059\n");
}

int cmd_rules(int argc, char **argv)
{
    static const struct args_usage usage = {.command = "rules"};

    if (argc < 2)
        args_wrong(&usage, "an action is missing", NULL);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help();
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(argv[1], actions[i].name) == 0)
            return actions[i].run(argc - 1, argv + 1);
    args_wrong(&usage, "unknown action", argv[1]);
}

CHECKED bool rules_load(const struct args_usage *u, struct arg_many *paths,
                        const struct ruleset_options *options, struct ruleset **ret)
{
    static char shipped[4096];
    static const struct ruleset_options none;
    struct diag d = {0};

    if (paths->n == 0) {
        if (!rules_dir_shipped("rules", shipped, sizeof(shipped)))
            args_wrong(u, "the shipped rules are not beside this program; give a path", NULL);
        paths->at[paths->n++] = shipped;
    }
    ruleset_cache(rules_dir_cache());
    if (ruleset_load_with(paths->at, paths->n, options ? options : &none, ret, &d) == ERR_NONE)
        return true;
    (void)fprintf(stderr, "coloa %s: %s\n", u->command, d.text);
    return false;
}

int rules_print(const char *action, enum err e, struct buf *out)
{
    bool ok = e == ERR_NONE;

    if (!ok)
        (void)fprintf(stderr, "coloa rules %s: %s\n", action, err_text(e));
    else
        ok = fwrite(out->p, 1, out->n, stdout) == out->n && fflush(stdout) == 0;
    buf_done(out);
    return ok ? EXIT_SUCCESS : EXIT_FAILED;
}
