#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/cmd.h"

static const struct args_usage usage = {
    "sources",
    "[list] [options]",
    "Lists who sends logs, how much, when last, and what is silent or cannot be read.",
    "  coloa sources list\n  coloa sources --json | jq '.items[] | select(.status != \"ok\")'\n",
};

int cmd_sources(int argc, char **argv)
{
    struct cmd_target t = {0};
    struct arg_many rest;
    bool json = false;
    const struct json_node *root;
    const struct arg specs[] = {
        {"data", ARG_TEXT, &t.data, "DIR", "the installation's folder"},
        {"url", ARG_TEXT, &t.url, "URL", "a centre elsewhere; token in COLOA_TOKEN"},
        {"json", ARG_FLAG, &json, NULL, "the API's answer as it is"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (rest.n > 1 || (rest.n == 1 && strcmp(rest.at[0], "list") != 0))
        args_wrong(&usage, "unknown action", rest.at[0]);
    if (json) {
        struct buf out;
        buf_init(&out, 64 << 20);
        bool ok = cmd_call("sources", &t, "GET", "/api/v1/sources?limit=1000", (struct slice){0},
                           NULL, &out);
        if (ok)
            (void)printf("%.*s\n", (int)out.n, out.p);
        buf_done(&out);
        return ok ? EXIT_SUCCESS : EXIT_FAILED;
    }
    struct json_reader *r = json_reader_new(64 << 20, 1000000);
    bool ok = r && cmd_call_json("sources", &t, "GET", "/api/v1/sources?limit=1000",
                                 (struct slice){0}, r, &root);
    const struct json_node *items = ok ? json_get(root, "items") : NULL;
    for (const struct json_node *s = items ? items->child : NULL; s; s = s->next) {
        struct slice reason = json_get_str(s, "reason"), remedy = json_get_str(s, "remedy");
        (void)printf("%-8.*s %-11.*s %10lld  %-24.*s ", SLICE_ARG(json_get_str(s, "status")),
                     SLICE_ARG(json_get_str(s, "input")), (long long)json_get_int(s, "events", 0),
                     SLICE_ARG(json_get_str(s, "last_seen")));
        cmd_print_safe(stdout, json_get_str(s, "name"));
        if (reason.n)
            (void)printf("   %.*s", SLICE_ARG(reason));
        if (remedy.n)
            (void)printf("   mend: %.*s", SLICE_ARG(remedy));
        (void)putchar('\n');
    }
    json_reader_free(r);
    return ok ? EXIT_SUCCESS : EXIT_FAILED;
}
