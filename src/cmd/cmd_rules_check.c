#include <stdlib.h>

#include "cmd/cmd_rules_int.h"
#include "detect/check.h"
#include "detect/lint.h"

static const struct args_usage usage = {
    "rules check",
    "[options] [PATH...]",
    "Checks Sigma rules without running anything: every rule loads, or the place and the reason "
    "are\n"
    "named, with what is doubtful: conditions that never hold, fields that look misspelt, "
    "selections "
    "that\n"
    "nothing uses, titles used twice (docs/sigma.md has all codes). Without a path: the rules "
    "that\n"
    "ship. Exits with 1 when a rule is wrong; warnings alone are no reason.",
    "  coloa rules check my-rules/\n"
    "  coloa rules check --json my-rules/ | jq .errors\n",
};

int rules_check(int argc, char **argv)
{
    bool json = false;
    static struct arg_many rest, pipelines;
    struct ruleset_options options = {.placeholders = NULL};
    struct ruleset *rs;
    struct buf out;
    const struct arg specs[] = {
        {"json", ARG_FLAG, &json, NULL, "the report as one JSON object"},
        {"placeholders", ARG_TEXT, &options.placeholders, "PATH",
         "lists for the %placeholders% of rules: a YAML map, or a folder of NAME.txt"},
        {"pipeline", ARG_MANY, &pipelines, "FILE",
         "a processing pipeline (pySigma) that rules go through first; may be repeated"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    options.pipelines = pipelines.at;
    options.pipelines_n = pipelines.n;
    if (!rules_load(&usage, &rest, &options, &rs))
        return EXIT_FAILED;
    buf_init(&out, 64 << 20);
    bool failed = check_failed(rs);
    enum err e = ruleset_lint(rs);
    if (e == ERR_NONE)
        e = json ? check_json(rs, &out) : check_text(rs, &out);
    int rc = rules_print("check", e, &out);
    ruleset_unref(rs);
    return rc == EXIT_SUCCESS && failed ? 1 : rc;
}
