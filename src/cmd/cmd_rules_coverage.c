#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd_rules_int.h"
#include "detect/coverage.h"
#include "detect/layer.h"

static const struct args_usage usage = {
    "rules coverage",
    "[options] [PATH...]",
    "Which techniques of MITRE ATT&CK the rules name: a layer (format 4.5) for the ATT&CK "
    "Navigator,\n"
    "or a summary for people. Rules that can't match are not counted. Without a path: the rules "
    "that\n"
    "ship.",
    "  coloa rules coverage > layer.json\n"
    "  coloa rules coverage --output table sigma/rules\n",
};

/* Tactics of ATT&CK 19 in the order of its matrix. Up to 18 there was Defense Evasion, which 19
 * splits into Stealth and Defense Impairment: rules of both times are counted as they say. */
static const struct {
    const char *tag, *name;
} tactics[] = {
    {"reconnaissance", "Reconnaissance"},
    {"resource-development", "Resource Development"},
    {"initial-access", "Initial Access"},
    {"execution", "Execution"},
    {"persistence", "Persistence"},
    {"privilege-escalation", "Privilege Escalation"},
    {"defense-evasion", "Defense Evasion (to 18)"},
    {"stealth", "Stealth (from 19)"},
    {"defense-impairment", "Defense Impairment (from 19)"},
    {"credential-access", "Credential Access"},
    {"discovery", "Discovery"},
    {"lateral-movement", "Lateral Movement"},
    {"collection", "Collection"},
    {"command-and-control", "Command and Control"},
    {"exfiltration", "Exfiltration"},
    {"impact", "Impact"},
};

enum { TECHNIQUE_BYTES = 12 };

/* One rule says one technique; sorted, the rules of a technique are together. */
struct said {
    char technique[TECHNIQUE_BYTES]; /* "T1059.001" */
    const struct rule_info *rule;
    uint32_t tactics; /* bits, by place in the table */
};

struct coverage {
    struct said *said; /* owned */
    size_t n;
    size_t rules, tagged; /* that can match; with a technique */
    size_t by_tactic[ARRAY_LEN(tactics)];
    size_t techniques;
};

static bool digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isdigit((unsigned char)s[i]))
            return false;
    return true;
}

/* "attack.t1059.001" */
static bool technique_of(const char *tag, char to[static TECHNIQUE_BYTES])
{
    size_t n = strlen(tag);

    if (strncasecmp(tag, "attack.t", 8) != 0 || (n != 12 && n != 16) || !digits(tag + 8, 4))
        return false;
    if (n == 16 && (tag[12] != '.' || !digits(tag + 13, 3)))
        return false;
    (void)snprintf(to, TECHNIQUE_BYTES, "T%s", tag + 8);
    return true;
}

/* Old rules write underscores. */
static uint32_t tactic_of(const char *tag)
{
    for (size_t i = 0; i < ARRAY_LEN(tactics); i++) {
        const char *a = tactics[i].tag, *b = tag + 7;
        if (strncasecmp(tag, "attack.", 7) != 0)
            return 0;
        while (*a && (*a == tolower((unsigned char)*b) || (*a == '-' && *b == '_'))) {
            a++;
            b++;
        }
        if (!*a && !*b)
            return UINT32_C(1) << i;
    }
    return 0;
}

static int by_technique(const void *x, const void *y)
{
    const struct said *a = x, *b = y;
    int c = strcmp(a->technique, b->technique);

    return c ? c : strcmp(a->rule->title, b->rule->title);
}

static void one_rule(struct coverage *c, const struct rule_info *ri)
{
    uint32_t bits = 0;
    size_t before = c->n;

    for (size_t i = 0; i < ri->tags_n; i++)
        bits |= tactic_of(ri->tags[i]);
    for (size_t i = 0; i < ri->tags_n; i++) {
        struct said s = {.rule = ri, .tactics = bits};
        bool twice = false;
        if (!technique_of(ri->tags[i], s.technique))
            continue;
        for (size_t k = before; k < c->n; k++)
            twice |= strcmp(c->said[k].technique, s.technique) == 0;
        if (!twice)
            c->said[c->n++] = s;
    }
    c->rules++;
    c->tagged += c->n > before;
    for (size_t i = 0; i < ARRAY_LEN(tactics); i++)
        c->by_tactic[i] += bits >> i & 1;
}

/* How many from i on are of one technique. */
static size_t run_of(const struct coverage *c, size_t i)
{
    size_t n = 1;

    while (i + n < c->n && strcmp(c->said[i].technique, c->said[i + n].technique) == 0)
        n++;
    return n;
}

static bool collect(struct coverage *c, const struct ruleset *rs)
{
    size_t room = 1;

    for (size_t i = 0; i < ruleset_n(rs); i++)
        room += ruleset_rule(rs, i)->tags_n;
    c->said = calloc(room, sizeof(*c->said));
    if (!c->said)
        return false;
    for (size_t i = 0; i < ruleset_n(rs); i++)
        if (ruleset_can_match(rs, i))
            one_rule(c, ruleset_rule(rs, i));
    qsort(c->said, c->n, sizeof(*c->said), by_technique);
    for (size_t i = 0, n; i < c->n; i += n, c->techniques++) {
        n = run_of(c, i);
    }
    return true;
}

static size_t techniques_of_tactic(const struct coverage *c, size_t tactic)
{
    size_t count = 0;

    for (size_t i = 0, n; i < c->n; i += n) {
        bool any = false;
        n = run_of(c, i);
        for (size_t k = i; k < i + n; k++)
            any |= c->said[k].tactics >> tactic & 1;
        count += any;
    }
    return count;
}

static enum err put_table(const struct coverage *c, struct buf *out)
{
    enum err e = buf_printf(out, "%-30s %8s %12s\n", "tactic", "rules", "techniques");

    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(tactics); i++)
        e = buf_printf(out, "%-30s %8zu %12zu\n", tactics[i].name, c->by_tactic[i],
                       techniques_of_tactic(c, i));
    if (e == ERR_NONE)
        e = buf_printf(out, "%zu techniques by %zu of %zu rules\n", c->techniques, c->tagged,
                       c->rules);
    return e;
}

int rules_coverage(int argc, char **argv)
{
    static struct arg_many rest;
    const char *output = "layer";
    struct coverage c = {.n = 0};
    struct ruleset *rs;
    struct buf out;
    const struct arg specs[] = {
        {"output", ARG_TEXT, &output, "FORM", "layer (default): JSON for the Navigator; table"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    bool table = strcmp(output, "table") == 0;
    if (!table && strcmp(output, "layer") != 0)
        args_wrong(&usage, "unknown output", output);
    if (!rules_load(&usage, &rest, NULL, &rs))
        return EXIT_FAILED;
    buf_init(&out, 64 << 20);
    enum err e = !table ? layer_put(rs, &out) : collect(&c, rs) ? put_table(&c, &out) : ERR_NOMEM;
    int rc = rules_print("coverage", e, &out);
    free(c.said);
    ruleset_unref(rs);
    return rc;
}
