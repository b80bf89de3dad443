#include "cmd/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"

static void help(const struct args_usage *u, const struct arg *specs, size_t n)
{
    (void)printf("coloa %s %s\n\n%s\n", u->command, u->form, u->summary);
    if (n)
        (void)printf("\nOptions:\n");
    for (size_t i = 0; i < n; i++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "--%s%s%s", specs[i].name, specs[i].value ? " " : "",
                       specs[i].value ? specs[i].value : "");
        (void)printf("  %-26s %s\n", left, specs[i].help);
    }
    (void)printf("\nExamples:\n%s", u->examples);
}

_Noreturn void args_wrong(const struct args_usage *u, const char *why, const char *what)
{
    (void)fprintf(stderr, "coloa %s: %s%s%s\nTry `coloa %s --help`.\n", u->command, why,
                  what ? ": " : "", what ? what : "", u->command);
    exit(EXIT_USAGE);
}

static void store(const struct args_usage *u, const struct arg *a, const char *value)
{
    switch (a->kind) {
    case ARG_FLAG:
        *(bool *)a->to = true;
        break;
    case ARG_TEXT:
        *(const char **)a->to = value;
        break;
    case ARG_INT:
        if (!slice_to_i64(slice_of(value), (int64_t *)a->to))
            args_wrong(u, "not a number", value);
        break;
    case ARG_MANY: {
        struct arg_many *m = a->to;
        if (m->n == ARGS_MANY_MAX)
            args_wrong(u, "too many of", a->name);
        m->at[m->n++] = value;
        break;
    }
    }
}

/* Takes the option at argv[*i]; moves *i over a separate value. */
static void one_option(int argc, char **argv, int *i, const struct args_usage *u,
                       const struct arg *specs, size_t n)
{
    const char *word = argv[*i] + 2;
    size_t len = strcspn(word, "=");

    for (size_t k = 0; k < n; k++) {
        if (strlen(specs[k].name) != len || strncmp(specs[k].name, word, len) != 0)
            continue;
        if (specs[k].kind == ARG_FLAG) {
            store(u, &specs[k], NULL);
            return;
        }
        const char *value = word[len] == '=' ? word + len + 1 : NULL;
        if (!value && *i + 1 < argc)
            value = argv[++*i];
        if (!value)
            args_wrong(u, "a value is missing after", argv[*i]);
        store(u, &specs[k], value);
        return;
    }
    args_wrong(u, "unknown option", argv[*i]);
}

void args_parse(int argc, char **argv, const struct args_usage *u, const struct arg *specs,
                size_t n, struct arg_many *rest)
{
    bool options = true;

    *rest = (struct arg_many){0};
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            help(u, specs, n);
            exit(EXIT_SUCCESS);
        } else if (options && argv[i][0] == '-' && argv[i][1] == '-') {
            one_option(argc, argv, &i, u, specs, n);
        } else {
            if (rest->n == ARGS_MANY_MAX)
                args_wrong(u, "too many arguments", argv[i]);
            rest->at[rest->n++] = argv[i];
        }
    }
}
