#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/hunt_int.h"
#include "cmd/hunt_out.h"
#include "core/clock.h"
#include "core/timefmt.h"
#include "serve/rules_dir.h"

static const struct args_usage usage = {
    "hunt",
    "--rules PATH... [options] FILE|DIR|-...",
    "Tries Sigma rules on files, without an installation: Windows events as EVTX, XML or JSON,\n"
    "JSON lines and arrays, Suricata's EVE, Zeek's logs, CSV, syslog and other text; plain, gzip,\n"
    "zstd, zip or tar; UTF-8 or UTF-16. The format is told from the bytes. Folders are walked,\n"
    "patterns in quotes expanded, - is standard input. Exit: 0 nothing found, 1 something found,\n"
    "2 wrong usage, 3 something could not be read. The last line on standard error sums it up.",
    "  coloa hunt --rules rules/ /var/log/auth.log\n"
    "  coloa hunt --rules sigma/rules --level high --output jsonl evidence/ | jq -r .rule_title\n"
    "  coloa hunt --rules sigma/rules --output html --lang vi *.evtx > report.html\n"
    "  zcat eve.json.gz | coloa hunt --rules rules/network --output csv -\n"
    "  coloa hunt --rules r.yml --explain 5d0a8b4e-0f5e-4d3c-8a3b-2a0d1f6b7c01 "
    "Security.json:1204\n"
    "  coloa hunt --rules sigma/rules --profile --quiet big.json > /dev/null\n",
};

static bool level_of(const char *name, enum rule_level *ret)
{
    for (int l = LEVEL_INFORMATIONAL; l <= LEVEL_CRITICAL; l++)
        if (strcmp(rule_level_name((enum rule_level)l), name) == 0) {
            *ret = (enum rule_level)l;
            return true;
        }
    return false;
}

static int64_t bound(const char *text, int64_t absent)
{
    struct diag d = {0};
    int64_t ns;

    if (!text)
        return absent;
    if (time_parse_bound(slice_of(text), clock_wall_ns(), &ns, &d) != ERR_NONE)
        args_wrong(&usage, d.text, text);
    return ns;
}

/* "+07:00", "-0330", "Z" */
static int32_t zone(const char *text)
{
    char when[64];
    int64_t ns;

    if (!text)
        return 0;
    int n = snprintf(when, sizeof(when), "1970-01-02T00:00:00%s", text);
    if (n < 0 || (size_t)n >= sizeof(when) ||
        !time_parse_iso((struct slice){when, (size_t)n}, 0, &ns))
        args_wrong(&usage, "not a time zone like +07:00", text);
    return (int32_t)(86400 - ns / NS_PER_S);
}

static void check(struct hunt_options *o)
{
    if (!hunt_output_find(o->output))
        args_wrong(&usage, "unknown output form", o->output);
    if (strcmp(o->lang, "en") != 0 && strcmp(o->lang, "vi") != 0)
        args_wrong(&usage, "the language is en or vi", o->lang);
    if (o->level && !level_of(o->level, &o->least))
        args_wrong(&usage, "unknown level", o->level);
    if (o->threads == 0)
        o->threads = sysconf(_SC_NPROCESSORS_ONLN);
    if (o->threads < 1 || o->threads > HUNT_THREADS_MAX)
        args_wrong(&usage, "threads: 1 to 64", NULL);
    if (o->correlation_mib < 1 || o->correlation_mib > 65536)
        args_wrong(&usage, "correlation-mib: 1 to 65536", NULL);
    if (o->paths.n == 0)
        args_wrong(&usage, "which files?", NULL);
    o->from_ns = bound(o->from, INT64_MIN);
    o->to_ns = bound(o->to, INT64_MAX);
    o->zone_s = zone(o->zone);
    o->no_progress = o->quiet || !isatty(STDERR_FILENO);
}

static int load_and_run(struct hunt *h)
{
    static char shipped[4096];
    struct diag d = {0};
    int rc;

    if (h->o.rules.n == 0) {
        if (!rules_dir_shipped("rules", shipped, sizeof(shipped)))
            args_wrong(&usage, "--rules: which rules?", NULL);
        h->o.rules.at[h->o.rules.n++] = shipped;
    }
    ruleset_cache(rules_dir_cache());
    if (ruleset_load_with(h->o.rules.at, h->o.rules.n, &h->o.lists, &h->rules, &d) != ERR_NONE) {
        (void)fprintf(stderr, "coloa hunt: %s\n", d.text);
        return EXIT_FAILED;
    }
    rc = h->o.explain ? hunt_explain(h) : hunt_run(h);
    ruleset_unref(h->rules);
    return rc;
}

int cmd_hunt(int argc, char **argv)
{
    static struct hunt h; /* one hunt a process; the lists of arguments are large */
    struct hunt_options *o = &h.o;
    const struct arg specs[] = {
        {"rules", ARG_MANY, &o->rules, "PATH", "Sigma rules, a file or a folder; may be repeated"},
        {"placeholders", ARG_TEXT, &o->lists.placeholders, "PATH",
         "lists for the %placeholders% of rules: a YAML map, or a folder of NAME.txt"},
        {"pipeline", ARG_MANY, &o->pipelines, "FILE",
         "a processing pipeline (pySigma) that rules go through first; may be repeated"},
        {"output", ARG_TEXT, &o->output, "FORM", "table (default), jsonl, csv or html"},
        {"threads", ARG_INT, &o->threads, "N", "default: one a processor"},
        {"level", ARG_TEXT, &o->level, "MIN",
         "only rules from this level: informational, low, medium, high, critical"},
        {"rule-id", ARG_MANY, &o->rule_ids, "ID", "only findings of this rule; may be repeated"},
        {"from", ARG_TEXT, &o->from, "T", "earliest event time: 2026-11-25T08:00:00Z, -7d"},
        {"to", ARG_TEXT, &o->to, "T", "latest event time"},
        {"zone", ARG_TEXT, &o->zone, "+07:00", "of times that name no zone; default UTC"},
        {"lang", ARG_TEXT, &o->lang, "en|vi", "of the report and the table"},
        {"correlation-mib", ARG_INT, &o->correlation_mib, "N",
         "matches for correlations kept in memory, then in temporary files; default 128"},
        {"explain", ARG_TEXT, &o->explain, "RULE",
         "why this rule (id, title or file) does or does not match FILE[:RECORD] or {event}"},
        {"recover", ARG_FLAG, &o->recover, NULL,
         "EVTX: also what lies outside of the stated records, such as deleted ones"},
        {"profile", ARG_FLAG, &o->profile, NULL, "what each rule cost, on standard error"},
        {"verbose", ARG_FLAG, &o->verbose, NULL, "say each file's format, and rules' warnings"},
        {"quiet", ARG_FLAG, &o->quiet, NULL, "only findings and failures"},
    };

    o->output = "table";
    o->correlation_mib = 128;
    o->lang = "en";
    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &o->paths);
    o->lists.pipelines = o->pipelines.at;
    o->lists.pipelines_n = o->pipelines.n;
    check(o);
    return load_and_run(&h);
}
