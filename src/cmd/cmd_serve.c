#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/config.h"
#include "serve/parent.h"

static const struct args_usage usage = {
    "serve",
    "[options]",
    "Runs the platform until it is stopped. All of an installation lives in one folder (--data).",
    "  coloa serve --data ~/coloa\n"
    "  coloa serve --data ~/second --listen-web 127.0.0.1:9443 --listen-syslog 127.0.0.1:9514 \\\n"
    "              --listen-ingest 127.0.0.1:9515\n"
    "  coloa serve --set 'intake.files=/var/log/auth.log,/var/log/nginx/*.log'\n",
};

static void print_options(void)
{
    static const char *const types[] = {"number", "true|false", "text", "list"};

    for (size_t i = 0; i < OPT_N; i++) {
        const struct option_info *o = option_info((enum option)i);
        (void)printf("%-24s %-10s default %-16s %s%s\n", o->key, types[o->type],
                     o->def[0] ? o->def : "(empty)", o->help, o->reload ? " [reload]" : "");
    }
}

/* Turns --listen-x ADDR into --set listen.x=ADDR. */
static void add_set(struct arg_many *sets, char *room, size_t cap, const char *key, const char *v)
{
    if (!v)
        return;
    if (sets->n == ARGS_MANY_MAX)
        args_wrong(&usage, "too many of", "--set");
    (void)snprintf(room, cap, "%s=%s", key, v);
    sets->at[sets->n++] = room;
}

int cmd_serve(int argc, char **argv)
{
    const char *config = NULL, *data = NULL, *web = NULL, *ingest = NULL, *syslog = NULL;
    char full[4096], a[128], b[128], c[128];
    bool help_options = false;
    struct arg_many sets = {0}, rest;
    const struct arg specs[] = {
        {"config", ARG_TEXT, &config, "FILE", "settings; default DIR/coloa.yaml, made if missing"},
        {"data", ARG_TEXT, &data, "DIR", "the installation's folder; default ./coloa-data"},
        {"listen-web", ARG_TEXT, &web, "ADDR:PORT", "console and API; default 127.0.0.1:8443"},
        {"listen-ingest", ARG_TEXT, &ingest, "ADDR:PORT", "HTTP intake; default 127.0.0.1:8514"},
        {"listen-syslog", ARG_TEXT, &syslog, "ADDR:PORT",
         "syslog, UDP and TCP; default 127.0.0.1:5514"},
        {"set", ARG_MANY, &sets, "KEY=VALUE", "override any option; may be repeated"},
        {"help-options", ARG_FLAG, &help_options, NULL, "list every option with its default"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (rest.n)
        args_wrong(&usage, "unexpected argument", rest.at[0]);
    if (help_options) {
        print_options();
        return EXIT_SUCCESS;
    }
    if (!data)
        data = cmd_data_dir();
    (void)mkdir(data, 0700); /* realpath needs it; datadir_open says what went wrong */
    if (!realpath(data, full)) {
        (void)fprintf(stderr, "coloa serve: cannot make or reach the folder %s\n", data);
        return EXIT_FAILED;
    }
    add_set(&sets, a, sizeof(a), "listen.web", web);
    add_set(&sets, b, sizeof(b), "listen.ingest", ingest);
    add_set(&sets, c, sizeof(c), "listen.syslog", syslog);
    const struct parent_options o = {
        .data_dir = full, .config_file = config, .sets_n = sets.n, .sets = sets.at};
    return parent_main(&o);
}
