#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/jsonw.h"

static const struct args_usage usage = {
    "sources",
    "[list] [options] | assign ID [options]",
    "Lists who sends logs, how much, when last, and what is silent or cannot be read; or binds a "
    "source to\n"
    "the system that it belongs to (which decides the organisation), to an organisation, or to a "
    "time zone.",
    "  coloa sources list\n  coloa sources assign 7 --system 3 --tz +07:00\n  coloa sources --json "
    "| jq '.items[] | select(.status != \"ok\")'\n",
};

static int list(const struct cmd_target *t)
{
    const struct json_node *root;
    struct json_reader *r = json_reader_new(64 << 20, 1000000);
    bool ok = r && cmd_call_json("sources", t, "GET", "/api/v1/sources?limit=1000",
                                 (struct slice){0}, r, &root);
    const struct json_node *items = ok ? json_get(root, "items") : NULL;
    for (const struct json_node *s = items ? items->child : NULL; s; s = s->next) {
        struct slice reason = json_get_str(s, "reason"), remedy = json_get_str(s, "remedy");
        (void)printf("%6.*s  %-8.*s %-11.*s %10lld  %-24.*s ", SLICE_ARG(json_get_str(s, "id")),
                     SLICE_ARG(json_get_str(s, "status")), SLICE_ARG(json_get_str(s, "input")),
                     (long long)json_get_int(s, "events", 0),
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

static int assign(const struct cmd_target *t, const char *id, const char *const (*pairs)[2],
                  size_t n)
{
    struct buf body, path, out;
    struct jsonw w;

    buf_init(&body, 4096);
    buf_init(&path, 1024);
    buf_init(&out, 1 << 20);
    jsonw_init(&w, &body);
    jsonw_object(&w);
    for (size_t i = 0; i < n; i++)
        if (pairs[i][1])
            jsonw_kcstr(&w, pairs[i][0], pairs[i][1]);
    jsonw_close_object(&w);
    bool ok = jsonw_end(&w) == ERR_NONE && buf_puts(&path, "/api/v1/sources/") == ERR_NONE &&
              cmd_url_put(&path, slice_of(id)) == ERR_NONE && buf_cstr(&path) &&
              cmd_call("sources", t, "PATCH", path.p, buf_slice(&body), NULL, &out);
    if (ok)
        (void)printf("%.*s\n", (int)out.n, out.p);
    buf_done(&body);
    buf_done(&path);
    buf_done(&out);
    return ok ? EXIT_SUCCESS : EXIT_FAILED;
}

int cmd_sources(int argc, char **argv)
{
    struct cmd_target t = {0};
    struct arg_many rest;
    bool json = false;
    const char *org = NULL, *system = NULL, *tz = NULL;
    const struct arg specs[] = {
        {"data", ARG_TEXT, &t.data, "DIR", "the installation's folder"},
        {"url", ARG_TEXT, &t.url, "URL", "a centre elsewhere; token in COLOA_TOKEN"},
        {"json", ARG_FLAG, &json, NULL, "the API's answer as it is"},
        {"system", ARG_TEXT, &system, "S", "assign: number of the system"},
        {"org", ARG_TEXT, &org, "O", "assign: number of the organisation"},
        {"tz", ARG_TEXT, &tz, "ZONE", "assign: the sender's time zone, as +07:00"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (rest.n == 2 && strcmp(rest.at[0], "assign") == 0) {
        const char *const pairs[][2] = {{"system", system}, {"org", org}, {"tz", tz}};
        return assign(&t, rest.at[1], pairs, ARRAY_LEN(pairs));
    }
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
    return list(&t);
}
