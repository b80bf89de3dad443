#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/config.h"
#include "detect/check.h"
#include "detect/layer.h"
#include "detect/listing.h"
#include "serve/rules_dir.h"

static const struct args_usage usage = {
    "rules",
    "check|list|coverage [options] [PATH...]",
    "Looks at Sigma rules without running anything. Without a path: the rules that ship.\n"
    "  check     every rule loads, or the place and the reason are named; exits with 1 when one "
    "does not\n"
    "  list      the rules, all or those that are asked for\n"
    "  coverage  the techniques of ATT&CK that they name, as a layer for its Navigator",
    "  coloa rules check my-rules/\n"
    "  coloa rules check --json my-rules/ | jq .errors\n"
    "  coloa rules list --level high --tag attack.t1110 --logsource linux\n"
    "  coloa rules list --text mimikatz --output csv my-rules/ > rules.csv\n"
    "  coloa rules coverage my-rules/ > layer.json\n",
};

enum { OUT_MAX = 256 << 20 };

struct rules_options {
    bool json;
    const char *level, *output;
    struct listing wanted;
    enum listing_form form;
};

static int print(enum err e, struct buf *out, int rc)
{
    if (e != ERR_NONE) {
        (void)fprintf(stderr, "coloa rules: the answer is too large\n");
        return EXIT_FAILED;
    }
    if (fwrite(out->p, 1, out->n, stdout) != out->n || fflush(stdout) != 0) {
        (void)fprintf(stderr, "coloa rules: the answer could not be written\n");
        return EXIT_FAILED;
    }
    return rc;
}

static int list(const struct ruleset *rs, const struct rules_options *o, struct buf *out)
{
    size_t n = 0;
    int rc = print(listing_put(rs, &o->wanted, o->form, out, &n), out, EXIT_SUCCESS);

    if (rc == EXIT_SUCCESS)
        (void)fprintf(stderr, "%zu of %zu rules\n", n, ruleset_n(rs));
    return rc;
}

static int check(const struct ruleset *rs, const struct rules_options *o, struct buf *out)
{
    enum err e = o->json ? check_json(rs, out) : check_text(rs, out);

    return print(e, out, check_failed(rs) ? 1 : EXIT_SUCCESS);
}

static int coverage(const struct ruleset *rs, const struct rules_options *o, struct buf *out)
{
    (void)o;
    return print(layer_put(rs, out), out, EXIT_SUCCESS);
}

static const struct action {
    const char *name;
    int (*run)(const struct ruleset *rs, const struct rules_options *o, struct buf *out);
} actions[] = {{"check", check}, {"list", list}, {"coverage", coverage}};

static const struct action *action_of(const struct arg_many *rest)
{
    if (rest->n == 0)
        args_wrong(&usage, "check, list or coverage?", NULL);
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, rest->at[0]) == 0)
            return &actions[i];
    args_wrong(&usage, "unknown action", rest->at[0]);
}

static void take_options(struct rules_options *o)
{
    if (o->output && !listing_form_of(o->output, &o->form))
        args_wrong(&usage, "--output is table, jsonl or csv, not", o->output);
    if (o->level && !listing_level_of(o->level, &o->wanted.level))
        args_wrong(&usage, "no such level", o->level);
}

int cmd_rules(int argc, char **argv)
{
    struct rules_options o = {0};
    char shipped[4096];
    static struct arg_many rest;
    struct ruleset *rs;
    struct diag d = {0};
    struct buf out;
    const struct arg specs[] = {
        {"json", ARG_FLAG, &o.json, NULL, "check: the report as one JSON object"},
        {"level", ARG_TEXT, &o.level, "MIN", "list: rules of this level or a higher one"},
        {"tag", ARG_TEXT, &o.wanted.tag, "TAG", "list: with this tag or one below it"},
        {"logsource", ARG_TEXT, &o.wanted.logsource, "P/C/S",
         "list: of this product/category/service; an empty part is any"},
        {"text", ARG_TEXT, &o.wanted.text, "WORDS", "list: with this in title, id, path …"},
        {"output", ARG_TEXT, &o.output, "FORM", "list: table (default), jsonl or csv"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    const struct action *action = action_of(&rest);
    take_options(&o);
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
    buf_init(&out, OUT_MAX);
    int rc = action->run(rs, &o, &out);
    buf_done(&out);
    ruleset_unref(rs);
    return rc;
}
