#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd_rules_int.h"
#include "detect/listing.h"

static const struct args_usage usage = {
    "rules list",
    "[options] [PATH...]",
    "Lists Sigma rules. Without a path: the rules that ship. Every condition given must hold.",
    "  coloa rules list --level high --tag attack.t1110 --logsource linux\n"
    "  coloa rules list --logsource windows/process_creation sigma/rules\n"
    "  coloa rules list --text mimikatz --output csv my-rules/ > rules.csv\n",
};

int rules_list(int argc, char **argv)
{
    static struct arg_many rest;
    const char *level = NULL, *output = "table";
    struct listing wanted = {.tag = NULL};
    enum listing_form form = LISTING_TABLE;
    struct ruleset *rs;
    struct buf out;
    size_t n = 0;
    const struct arg specs[] = {
        {"level", ARG_TEXT, &level, "MIN",
         "from this level: informational, low, medium, high, critical"},
        {"tag", ARG_TEXT, &wanted.tag, "TAG", "with this tag or one below it"},
        {"logsource", ARG_TEXT, &wanted.logsource, "P/C/S",
         "of this product/category/service; an empty part is any"},
        {"text", ARG_TEXT, &wanted.text, "WORDS", "with this in title, id, description or path"},
        {"output", ARG_TEXT, &output, "FORM", "table (default), jsonl or csv"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (!listing_form_of(output, &form))
        args_wrong(&usage, "--output is table, jsonl or csv, not", output);
    if (level && !listing_level_of(level, &wanted.level))
        args_wrong(&usage, "no such level", level);
    if (!rules_load(&usage, &rest, NULL, &rs))
        return EXIT_FAILED;
    buf_init(&out, 256 << 20);
    enum err e = listing_put(rs, &wanted, form, &out, &n);
    int rc = rules_print("list", e, &out);
    if (rc == EXIT_SUCCESS)
        (void)fprintf(stderr, "%zu of %zu rules\n", n, ruleset_n(rs));
    ruleset_unref(rs);
    return rc;
}
