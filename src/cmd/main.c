#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, summary) {#name, summary, cmd_##name},
#include "cmd/commands.def"
#undef COMMAND
};

static void usage(FILE *to)
{
    (void)fprintf(to, "coloa - security monitoring for cities, ministries and agencies\n\n"
                      "Usage: coloa COMMAND [options]     coloa COMMAND --help\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(to, "\nExamples:\n  coloa serve --data /var/lib/coloa\n"
                      "  coloa search --from -1h 'event.outcome:failure'\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("coloa %s\n", COLOA_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "coloa: unknown command '%s'\n\n", argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
