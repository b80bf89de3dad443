#include "detect/lint.h"

#include <stdio.h>
#include <stdlib.h>

#include "detect/rule_int.h"

enum {
    TRIED_MAX = 16, /* selections: 65,536 cases */
    USED_OFTEN = 3, /* a field that so many rules of a log source use is no slip */
    NAME_MIN = 5,
    NAME_MAX = 48,
    KEY_MAX = 1024,
};

/* Fields of Windows events that rules use by the sender's name, so that no table maps them. */
static const char *const windows_fields[] = {
    "CallTrace",
    "Company",
    "Computer",
    "CommandLine",
    "Contents",
    "CurrentDirectory",
    "Description",
    "DestinationHostname",
    "DestinationIp",
    "DestinationPort",
    "Details",
    "EventID",
    "EventType",
    "FileVersion",
    "GrantedAccess",
    "Hashes",
    "Image",
    "ImageLoaded",
    "Initiated",
    "IntegrityLevel",
    "IpAddress",
    "LogonId",
    "LogonType",
    "NewName",
    "ObjectName",
    "ObjectType",
    "OriginalFileName",
    "ParentCommandLine",
    "ParentImage",
    "ParentUser",
    "PipeName",
    "Product",
    "Provider_Name",
    "QueryName",
    "QueryResults",
    "QueryStatus",
    "ScriptBlockText",
    "ServiceFileName",
    "ServiceName",
    "Signature",
    "SignatureStatus",
    "Signed",
    "SourceImage",
    "SourceIp",
    "SourcePort",
    "StartAddress",
    "StartFunction",
    "StartModule",
    "SubjectUserName",
    "TargetFilename",
    "TargetImage",
    "TargetObject",
    "TargetUserName",
    "TaskName",
    "User",
    "WorkstationName",
};

struct linter {
    struct ruleset *rs;
    struct compile c;
    struct intern uses; /* log source and field */
    uint32_t *counts;   /* owned; by number in uses */
    uint32_t counts_cap;
    const struct rule *rule;
    bool counting; /* the first pass */
};

/* --- the condition --- */

static bool holds(const struct expr *e, uint32_t bits)
{
    uint32_t n = 0;

    switch (e->kind) {
    case EXPR_AND:
        return holds(e->left, bits) && holds(e->right, bits);
    case EXPR_OR:
        return holds(e->left, bits) || holds(e->right, bits);
    case EXPR_NOT:
        return !holds(e->left, bits);
    case EXPR_SEL:
        return bits >> e->sels[0] & 1;
    case EXPR_OF:
        for (size_t i = 0; i < e->sels_n; i++)
            n += bits >> e->sels[i] & 1;
        return n >= e->need;
    }
    return false;
}

static CHECKED enum err condition(struct linter *l)
{
    const struct rule *r = l->rule;
    struct json_node at = {.line = r->condition_line, .col = r->condition_col};
    bool ever = false, always = true;

    if (!r->condition || r->sels_n > TRIED_MAX)
        return ERR_NONE;
    for (uint32_t bits = 0; bits < UINT32_C(1) << r->sels_n && (!ever || always); bits++) {
        bool now = holds(r->condition, bits);
        ever |= now;
        always &= now;
    }
    if (!ever)
        return report_issue(&l->c, ISSUE_WARNING, &at, "never-true",
                            "the condition contradicts itself: it never holds");
    if (always)
        return report_issue(&l->c, ISSUE_WARNING, &at, "always-true",
                            "the condition holds whatever the selections say");
    return ERR_NONE;
}

/* --- fields --- */

static struct slice key_of(const struct rule *r, struct slice field, char to[static KEY_MAX])
{
    int n = snprintf(to, KEY_MAX, "%.200s/%.200s/%.200s/%.*s", r->info.product, r->info.category,
                     r->info.service, (int)(field.n > 300 ? 300 : field.n), field.p);

    return (struct slice){to, n > 0 ? (size_t)n : 0};
}

static CHECKED enum err count(struct linter *l, const struct item *it)
{
    char text[KEY_MAX];
    struct slice key, own;
    uint32_t id;
    bool new;

    key = key_of(l->rule, it->name, text);
    enum err e = arena_dup(&l->rs->arena, key, &own);
    if (e == ERR_NONE)
        e = intern_put(&l->uses, own, &id, &new);
    if (e != ERR_NONE)
        return e;
    if (id >= l->counts_cap) {
        uint32_t cap = l->counts_cap ? l->counts_cap * 2 : 1024;
        uint32_t *to = realloc(l->counts, cap * sizeof(*to));
        if (!to)
            return ERR_NOMEM;
        l->counts = to;
        l->counts_cap = cap;
    }
    l->counts[id] = new ? 1 : l->counts[id] + 1;
    return ERR_NONE;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters that must be put in, left out or replaced; `Param1` and `Param2` are far apart. */
static size_t distance(struct slice a, struct slice b)
{
    size_t row[NAME_MAX + 1];

    for (size_t k = 0; k <= b.n; k++)
        row[k] = k;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.n; k++) {
            size_t up = row[k], best = diagonal;
            char x = a.p[i - 1], y = b.p[k - 1];
            if (lower(x) != lower(y))
                best += digit(x) || digit(y) ? 9 : 1;
            best = up + 1 < best ? up + 1 : best;
            row[k] = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
            diagonal = up;
        }
    }
    return row[b.n];
}

struct nearest {
    struct slice field; /* the one in doubt */
    struct slice name;
    size_t distance;
    bool known; /* it is right as it is */
};

static void offer(struct nearest *n, struct slice name)
{
    size_t longer = name.n > n->field.n ? name.n - n->field.n : n->field.n - name.n;

    n->known |= slice_eq(name, n->field);
    if (name.n < NAME_MIN || name.n > NAME_MAX || longer > 2 ||
        lower(name.p[0]) != lower(n->field.p[0]))
        return; /* few slip at the first letter; FileName and PipeName are two things */
    size_t d = distance(n->field, name);
    if (d < n->distance) {
        n->distance = d;
        n->name = name;
    }
}

/* What the tables of the log source map; a template maps everything. */
static CHECKED enum err offer_mapped(struct linter *l, struct nearest *n)
{
    const struct rule_info *ri = &l->rule->info;
    enum err e =
        source_fit(&l->c, slice_of(ri->product), slice_of(ri->category), slice_of(ri->service));

    for (size_t i = 0; e == ERR_NONE && i < l->c.rows_n; i++)
        for (size_t k = 0; k < l->c.rows[i]->fields_n; k++)
            for (const struct json_node *m = l->c.rows[i]->fields[k]->child; m; m = m->next) {
                bool windows = strcmp(ri->product, "windows") == 0;
                n->known |= slice_eq(m->key, SLICE("*")) && !windows;
                offer(n, m->key);
            }
    return e;
}

static void offer_used(const struct linter *l, struct nearest *n)
{
    char text[KEY_MAX];
    struct slice before = key_of(l->rule, SLICE(""), text);

    for (uint32_t i = 0; i < l->uses.n && !n->known; i++)
        if (l->counts[i] >= USED_OFTEN && slice_starts(l->uses.keys[i], before))
            offer(n, slice_cut(l->uses.keys[i], before.n, l->uses.keys[i].n));
}

static CHECKED enum err field(struct linter *l, const struct item *it)
{
    struct nearest n = {.field = it->name, .distance = it->name.n < 8 ? 2 : 3};
    struct json_node at = {.line = it->line, .col = it->col};
    bool windows = strcmp(l->rule->info.product, "windows") == 0;

    if (l->counting)
        return it->name.n ? count(l, it) : ERR_NONE;
    if (it->name.n < NAME_MIN || it->name.n > NAME_MAX || field_find(it->name) != F_NONE)
        return ERR_NONE;
    offer_used(l, &n);
    for (size_t i = 0; windows && i < ARRAY_LEN(windows_fields); i++)
        offer(&n, slice_of(windows_fields[i]));
    enum err e = n.known ? ERR_NONE : offer_mapped(l, &n);
    if (e != ERR_NONE || n.known || !n.name.n)
        return e;
    return report_issue(&l->c, ISSUE_WARNING, &at, "unknown-field",
                        "the log source is not known to have '%.*s': is '%.*s' meant?",
                        SLICE_ARG(it->name), SLICE_ARG(n.name));
}

static CHECKED enum err fields(struct linter *l, const struct sel *sel)
{
    enum err e = ERR_NONE;

    if (sel->kind == SEL_ITEM)
        return field(l, &sel->item);
    for (size_t i = 0; e == ERR_NONE && i < sel->n; i++)
        e = fields(l, &sel->kids[i]);
    return e;
}

/* --- all --- */

static CHECKED enum err one_rule(struct linter *l)
{
    const struct rule *r = l->rule;
    enum err e = ERR_NONE;

    l->c = (struct compile){.rs = l->rs, .file = r->info.path, .rule_id = r->info.id};
    for (size_t i = 0; e == ERR_NONE && i < r->sels_n; i++)
        if (!slice_starts(r->names[i], SLICE("filter:")))
            e = fields(l, &r->sels[i]);
    return e == ERR_NONE && !l->counting ? condition(l) : e;
}

static CHECKED enum err titles(struct linter *l)
{
    struct intern seen;
    enum err e = ERR_NONE;

    intern_init(&seen, &l->rs->arena);
    for (size_t i = 0; e == ERR_NONE && i < l->rs->rules_n; i++) {
        const struct rule *r = &l->rs->rules[i];
        struct json_node at = {.line = r->title_line, .col = r->title_col};
        uint32_t ignored;
        bool new = true;
        e = intern_put(&seen, slice_of(r->info.title), &ignored, &new);
        l->c = (struct compile){.rs = l->rs, .file = r->info.path, .rule_id = r->info.id};
        if (e == ERR_NONE && !new)
            e = report_issue(&l->c, ISSUE_WARNING, &at, "duplicate-title",
                             "an earlier rule is called '%.150s' too", r->info.title);
    }
    intern_done(&seen);
    return e;
}

static int by_place(const void *x, const void *y)
{
    const struct rule_issue *a = x, *b = y;
    int c = strcmp(a->file, b->file);

    if (c)
        return c;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    c = (a->column > b->column) - (a->column < b->column);
    return c ? c : strcmp(a->message, b->message);
}

CHECKED enum err ruleset_lint(struct ruleset *rs)
{
    struct linter l = {.rs = rs, .counting = true};
    enum err e = ERR_NONE;

    intern_init(&l.uses, &rs->arena);
    for (int pass = 0; pass < 2; pass++, l.counting = false)
        for (size_t i = 0; e == ERR_NONE && i < rs->rules_n; i++) {
            l.rule = &rs->rules[i];
            e = one_rule(&l);
        }
    if (e == ERR_NONE)
        e = titles(&l);
    if (rs->report.issues_n)
        qsort(rs->issues, rs->report.issues_n, sizeof(*rs->issues), by_place);
    intern_done(&l.uses);
    free(l.counts);
    return e;
}
