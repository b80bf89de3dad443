#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/config.h"
#include "detect/check.h"
#include "serve/rules_dir.h"

static const struct args_usage usage = {
    "rules",
    "check|list [options] [PATH...]",
    "Checks Sigma rules without running anything: every rule loads, or the place and the reason "
    "are\n"
    "named. Without a path: the rules that ship. check exits with 1 when something is wrong.",
    "  coloa rules check my-rules/\n"
    "  coloa rules check --json my-rules/ | jq .errors\n"
    "  coloa rules list\n",
};

static void list(const struct ruleset *rs)
{
    for (size_t i = 0; i < ruleset_n(rs); i++) {
        const struct rule_info *r = ruleset_rule(rs, i);
        (void)printf("%-36s  %-13s  %s\n", r->id, rule_level_name(r->level), r->title);
    }
}

static int check(const struct ruleset *rs, bool json)
{
    struct buf out;
    int rc = EXIT_SUCCESS;

    buf_init(&out, 64 << 20);
    enum err e = json ? check_json(rs, &out) : check_text(rs, &out);
    if (e != ERR_NONE) {
        (void)fprintf(stderr, "coloa rules: the report is too large\n");
        rc = EXIT_FAILED;
    } else {
        (void)fwrite(out.p, 1, out.n, stdout);
        rc = check_failed(rs) ? 1 : EXIT_SUCCESS;
    }
    buf_done(&out);
    return rc;
}

int cmd_rules(int argc, char **argv)
{
    bool json = false;
    char shipped[4096];
    struct arg_many rest;
    struct ruleset *rs;
    struct diag d = {0};
    const struct arg specs[] = {
        {"json", ARG_FLAG, &json, NULL, "check: the report as one JSON object"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (rest.n == 0)
        args_wrong(&usage, "check or list?", NULL);
    const char *action = rest.at[0];
    bool is_list = strcmp(action, "list") == 0;
    if (!is_list && strcmp(action, "check") != 0)
        args_wrong(&usage, "unknown action", action);
    if (rest.n == 1) {
        if (!rules_dir_shipped("rules", shipped, sizeof(shipped)))
            args_wrong(&usage, "the shipped rules are not beside this program; give a path", NULL);
        rest.at[rest.n++] = shipped;
    }
    ruleset_cache(rules_dir_cache());
    if (ruleset_load(rest.at + 1, rest.n - 1, &rs, &d) != ERR_NONE) {
        (void)fprintf(stderr, "coloa rules: %s\n", d.text);
        return EXIT_FAILED;
    }
    int rc = EXIT_SUCCESS;
    if (is_list)
        list(rs);
    else
        rc = check(rs, json);
    ruleset_unref(rs);
    return rc;
}
