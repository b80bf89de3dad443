#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/jsonw.h"

enum { PATH_BYTES = 16 * 1024, READER_BYTES = 64 << 20, READER_NODES = 2000000 };

static const struct args_usage usage = {
    "alerts",
    "list|show|ack|verdict [options] [ID] [VERDICT]",
    "Lists alerts, shows one, acknowledges it, or closes it with a verdict and its reason.\n"
    "Verdicts: true_positive_impact true_positive_no_impact false_positive benign duplicate test\n"
    "undetermined.",
    "  coloa alerts list --state new --output jsonl\n"
    "  coloa alerts show alr_17\n"
    "  coloa alerts ack alr_17\n"
    "  coloa alerts verdict alr_17 false_positive --reason 'planned scan of the assessor'\n",
};

struct alerts {
    struct cmd_target target;
    const char *state, *level, *output, *reason;
    int64_t limit;
};

static bool list_path(const struct alerts *a, const char *cursor, struct buf *b)
{
    bool ok = buf_printf(b, "/api/v1/alerts?limit=%lld",
                         (long long)(a->limit < 200 ? a->limit : 200)) == ERR_NONE;

    if (ok && a->state)
        ok = buf_puts(b, "&state=") == ERR_NONE && cmd_url_put(b, slice_of(a->state)) == ERR_NONE;
    if (ok && a->level)
        ok = buf_puts(b, "&level=") == ERR_NONE && cmd_url_put(b, slice_of(a->level)) == ERR_NONE;
    if (ok && cursor[0])
        ok = buf_puts(b, "&cursor=") == ERR_NONE && cmd_url_put(b, slice_of(cursor)) == ERR_NONE;
    return ok && buf_cstr(b);
}

static void print_row(const struct json_node *r)
{
    (void)printf("%-10.*s %-13.*s %-12.*s %6lld  %-24.*s  ", SLICE_ARG(json_get_str(r, "id")),
                 SLICE_ARG(json_get_str(r, "level")), SLICE_ARG(json_get_str(r, "state")),
                 (long long)json_get_int(r, "count", 0), SLICE_ARG(json_get_str(r, "last")));
    cmd_print_safe(stdout, json_get_str(r, "title"));
    (void)putchar('\n');
}

static int list(struct alerts *a)
{
    struct json_reader *r = json_reader_new(READER_BYTES, READER_NODES);
    char cursor[1024] = "";
    bool ok = r != NULL, jsonl = strcmp(a->output, "jsonl") == 0;
    int64_t left = a->limit;

    while (ok && left > 0) {
        const struct json_node *root = NULL;
        struct buf path;
        buf_init(&path, PATH_BYTES);
        ok = list_path(a, cursor, &path) &&
             cmd_call_json("alerts", &a->target, "GET", path.p, (struct slice){0}, r, &root);
        buf_done(&path);
        const struct json_node *items = json_get(root, "items");
        for (const struct json_node *n = items ? items->child : NULL; ok && n && left-- > 0;
             n = n->next) {
            if (jsonl)
                cmd_print_json(n);
            else
                print_row(n);
        }
        (void)snprintf(cursor, sizeof(cursor), "%.*s",
                       SLICE_ARG(json_get_str(root, "next_cursor")));
        if (!cursor[0])
            break;
    }
    json_reader_free(r);
    return ok ? EXIT_SUCCESS : EXIT_FAILED;
}

static int call(struct alerts *a, const char *method, const char *id, struct slice body,
                const char *if_match)
{
    struct buf path, out;

    buf_init(&path, PATH_BYTES);
    buf_init(&out, READER_BYTES);
    bool ok = buf_puts(&path, "/api/v1/alerts/") == ERR_NONE &&
              cmd_url_put(&path, slice_of(id)) == ERR_NONE && buf_cstr(&path) &&
              cmd_call("alerts", &a->target, method, path.p, body, if_match, &out);
    if (ok)
        (void)printf("%.*s\n", (int)out.n, out.p);
    buf_done(&path);
    buf_done(&out);
    return ok ? EXIT_SUCCESS : EXIT_FAILED;
}

static int change(struct alerts *a, const char *id, const char *state, const char *verdict)
{
    struct buf body;
    struct jsonw w;

    buf_init(&body, PATH_BYTES);
    jsonw_init(&w, &body);
    jsonw_object(&w);
    if (state)
        jsonw_kcstr(&w, "state", state);
    if (verdict)
        jsonw_kcstr(&w, "verdict", verdict);
    if (a->reason)
        jsonw_kcstr(&w, "reason", a->reason);
    jsonw_close_object(&w);
    int rc = jsonw_end(&w) == ERR_NONE ? call(a, "PATCH", id, buf_slice(&body), "*") : EXIT_FAILED;
    buf_done(&body);
    return rc;
}

int cmd_alerts(int argc, char **argv)
{
    struct alerts a = {.output = "table", .limit = 100};
    struct arg_many rest;
    const struct arg specs[] = {
        {"data", ARG_TEXT, &a.target.data, "DIR", "the installation's folder"},
        {"url", ARG_TEXT, &a.target.url, "URL", "a centre elsewhere; token in COLOA_TOKEN"},
        {"state", ARG_TEXT, &a.state, "STATE", "list: new, acknowledged or closed"},
        {"level", ARG_TEXT, &a.level, "LEVEL",
         "list: informational, low, medium, high or critical"},
        {"limit", ARG_INT, &a.limit, "N", "list: at most so many; default 100"},
        {"output", ARG_TEXT, &a.output, "FORM", "list: table or jsonl"},
        {"reason", ARG_TEXT, &a.reason, "TEXT", "verdict: why; mandatory"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    const char *action = rest.n ? rest.at[0] : "list";
    if (strcmp(action, "list") == 0 && rest.n <= 1)
        return list(&a);
    if (strcmp(action, "show") == 0 && rest.n == 2)
        return call(&a, "GET", rest.at[1], (struct slice){0}, NULL);
    if (strcmp(action, "ack") == 0 && rest.n == 2)
        return change(&a, rest.at[1], "acknowledged", NULL);
    if (strcmp(action, "verdict") == 0 && rest.n == 3 && a.reason)
        return change(&a, rest.at[1], NULL, rest.at[2]);
    if (strcmp(action, "verdict") == 0 && rest.n == 3)
        args_wrong(&usage, "a verdict needs --reason", NULL);
    args_wrong(&usage, "unknown action or missing arguments", action);
}
