#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/jsonw.h"

enum { BYTES_MAX = 16 << 20, NODES_MAX = 500000, PATH_BYTES = 8192 };

static const struct args_usage usage = {
    "admin",
    "token|user|org|system|demo|audit [ACTION] [options]",
    "Manages a running centre: through its folder (you are its local administrator and are "
    "audited),\n"
    "or with --url and an administrator's token.\n\n"
    "  token [--role R] [--org O] [--source S] [--name N] [--expires T]   makes one; printed once, "
    "last line\n"
    "  token list | token revoke ID\n"
    "  user list | user add LOGIN --role R [--org O] [--name N]            prints a one-time "
    "password\n"
    "  user password LOGIN                                               a new one-time password\n"
    "  org list | org add NAME [--parent O]\n"
    "  system list | system add NAME --org O --level 1..5\n"
    "  demo remove | audit list",
    "  TOKEN=$(coloa admin token --role machine --org 2 | tail -n 1)\n"
    "  coloa admin user add lan --role analyst --name 'Nguyễn Thị Lan'\n"
    "  coloa admin org add 'Sở Y tế'\n",
};

struct admin {
    struct cmd_target target;
    const char *role, *org, *source, *name, *expires, *parent;
    int64_t level;
    struct json_reader *reader;
};

/* POST a body made of the pairs (NULL values left out); *ret the answer. */
static bool post(struct admin *a, const char *path, const char *const (*pairs)[2], size_t n,
                 const struct json_node **ret)
{
    struct buf body;
    struct jsonw w;

    buf_init(&body, PATH_BYTES);
    jsonw_init(&w, &body);
    jsonw_object(&w);
    for (size_t i = 0; i < n; i++)
        if (pairs[i][1])
            jsonw_kcstr(&w, pairs[i][0], pairs[i][1]);
    if (a->level)
        jsonw_kint(&w, "level", a->level);
    jsonw_close_object(&w);
    bool ok = jsonw_end(&w) == ERR_NONE &&
              cmd_call_json("admin", &a->target, "POST", path, buf_slice(&body), a->reader, ret);
    buf_done(&body);
    return ok;
}

static int print_list(struct admin *a, const char *path)
{
    const struct json_node *root;

    if (!cmd_call_json("admin", &a->target, "GET", path, (struct slice){0}, a->reader, &root))
        return EXIT_FAILED;
    const struct json_node *items = json_get(root, "items");
    for (const struct json_node *n = items ? items->child : NULL; n; n = n->next)
        cmd_print_json(n);
    return EXIT_SUCCESS;
}

static int token(struct admin *a, const struct arg_many *rest)
{
    const struct json_node *root;
    char path[256];
    const char *const pairs[][2] = {{"role", a->role ? a->role : "machine"},
                                    {"org", a->org ? a->org : "2"},
                                    {"source", a->source},
                                    {"name", a->name},
                                    {"expires", a->expires}};

    if (rest->n == 2 && strcmp(rest->at[1], "list") == 0)
        return print_list(a, "/api/v1/tokens?limit=1000");
    if (rest->n == 3 && strcmp(rest->at[1], "revoke") == 0) {
        struct buf out;
        buf_init(&out, BYTES_MAX);
        (void)snprintf(path, sizeof(path), "/api/v1/tokens/%.100s", rest->at[2]);
        bool ok = cmd_call("admin", &a->target, "DELETE", path, (struct slice){0}, NULL, &out);
        buf_done(&out);
        return ok ? EXIT_SUCCESS : EXIT_FAILED;
    }
    if (rest->n > 1 && strcmp(rest->at[1], "add") != 0)
        args_wrong(&usage, "token: unknown action", rest->at[1]);
    if (!post(a, "/api/v1/tokens", pairs, ARRAY_LEN(pairs), &root))
        return EXIT_FAILED;
    struct slice secret = json_get_str(root, "secret");
    (void)printf("%.*s\n", SLICE_ARG(secret));
    return EXIT_SUCCESS;
}

static void print_password(const struct json_node *root, const char *login)
{
    struct slice password = json_get_str(root, "password");

    (void)printf("one-time password of %s (shown once):\n%.*s\n", login, SLICE_ARG(password));
}

static int user(struct admin *a, const struct arg_many *rest)
{
    const struct json_node *root;
    char path[256];

    if (rest->n == 2 && strcmp(rest->at[1], "list") == 0)
        return print_list(a, "/api/v1/users?limit=1000");
    if (rest->n != 3)
        args_wrong(&usage, "user: list, add LOGIN or password LOGIN", NULL);
    const char *const pairs[][2] = {{"login", rest->at[2]},
                                    {"role", a->role ? a->role : "viewer"},
                                    {"org", a->org},
                                    {"name", a->name}};
    if (strcmp(rest->at[1], "add") == 0) {
        if (!post(a, "/api/v1/users", pairs, ARRAY_LEN(pairs), &root))
            return EXIT_FAILED;
    } else if (strcmp(rest->at[1], "password") == 0) {
        struct buf b;
        buf_init(&b, sizeof(path));
        bool fits = buf_puts(&b, "/api/v1/users/") == ERR_NONE &&
                    cmd_url_put(&b, slice_of(rest->at[2])) == ERR_NONE &&
                    buf_puts(&b, "/password") == ERR_NONE && buf_cstr(&b);
        bool ok = fits && post(a, b.p, NULL, 0, &root);
        buf_done(&b);
        if (!ok)
            return EXIT_FAILED;
    } else {
        args_wrong(&usage, "user: unknown action", rest->at[1]);
    }
    print_password(root, rest->at[2]);
    return EXIT_SUCCESS;
}

/* org and system: list, or add NAME. */
static int named(struct admin *a, const struct arg_many *rest, const char *path)
{
    const struct json_node *root;
    char list[128];

    if (rest->n <= 1 || strcmp(rest->at[1], "list") == 0) {
        (void)snprintf(list, sizeof(list), "%s?limit=1000", path);
        return print_list(a, list);
    }
    if (rest->n != 3 || strcmp(rest->at[1], "add") != 0)
        args_wrong(&usage, "list, or add NAME", rest->at[0]);
    const char *const pairs[][2] = {{"name", rest->at[2]}, {"parent", a->parent}, {"org", a->org}};
    if (!post(a, path, pairs, ARRAY_LEN(pairs), &root))
        return EXIT_FAILED;
    cmd_print_json(root);
    return EXIT_SUCCESS;
}

static int demo(struct admin *a, const struct arg_many *rest)
{
    struct buf out;

    if (rest->n != 2 || strcmp(rest->at[1], "remove") != 0)
        args_wrong(&usage, "demo: remove", NULL);
    buf_init(&out, BYTES_MAX);
    bool ok =
        cmd_call("admin", &a->target, "DELETE", "/api/v1/demo", (struct slice){0}, NULL, &out);
    buf_done(&out);
    if (ok)
        (void)printf("the demo's organisation, alerts and events are gone\n");
    return ok ? EXIT_SUCCESS : EXIT_FAILED;
}

static int dispatch(struct admin *a, const struct arg_many *rest)
{
    const char *what = rest->at[0];

    if (strcmp(what, "token") == 0)
        return token(a, rest);
    if (strcmp(what, "user") == 0)
        return user(a, rest);
    if (strcmp(what, "org") == 0)
        return named(a, rest, "/api/v1/organisations");
    if (strcmp(what, "system") == 0)
        return named(a, rest, "/api/v1/systems");
    if (strcmp(what, "demo") == 0)
        return demo(a, rest);
    if (strcmp(what, "audit") == 0)
        return print_list(a, "/api/v1/audit?limit=1000");
    args_wrong(&usage, "unknown part", what);
}

int cmd_admin(int argc, char **argv)
{
    struct admin a = {0};
    struct arg_many rest;
    const struct arg specs[] = {
        {"data", ARG_TEXT, &a.target.data, "DIR", "the installation's folder"},
        {"url", ARG_TEXT, &a.target.url, "URL", "a centre elsewhere; token in COLOA_TOKEN"},
        {"role", ARG_TEXT, &a.role, "R",
         "viewer analyst lead officer manager engineer assessor admin machine"},
        {"org", ARG_TEXT, &a.org, "O", "organisation's number; default 2 for tokens"},
        {"source", ARG_TEXT, &a.source, "S", "token: name of the source its events count for"},
        {"name", ARG_TEXT, &a.name, "N", "name for people"},
        {"expires", ARG_TEXT, &a.expires, "T", "token: RFC 3339 time"},
        {"parent", ARG_TEXT, &a.parent, "O", "org add: the organisation above"},
        {"level", ARG_INT, &a.level, "N", "system add: 1 to 5"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (rest.n == 0)
        args_wrong(&usage, "which part?", NULL);
    a.reader = json_reader_new(BYTES_MAX, NODES_MAX);
    if (!a.reader)
        return EXIT_FAILED;
    int rc = dispatch(&a, &rest);
    json_reader_free(a.reader);
    return rc;
}
