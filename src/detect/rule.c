#include <stdio.h>
#include <stdlib.h>

#include "detect/correlate_int.h"
#include "detect/pipeline_int.h"

static const char *const levels[] = {
    [LEVEL_INFORMATIONAL] = "informational",
    [LEVEL_LOW] = "low",
    [LEVEL_MEDIUM] = "medium",
    [LEVEL_HIGH] = "high",
    [LEVEL_CRITICAL] = "critical",
};

const char *rule_level_name(enum rule_level l)
{
    size_t i = (size_t)l;

    return i >= LEVEL_INFORMATIONAL && i < ARRAY_LEN(levels) ? levels[i] : "unknown";
}

static CHECKED enum err text(struct compile *c, const struct json_node *obj, const char *key,
                             const char **ret)
{
    const struct json_node *n = json_get(obj, key);
    bool scalar = n && n->type != JSON_ARRAY && n->type != JSON_OBJECT && n->type != JSON_NULL;
    const char *s = scalar ? arena_cstr(&c->rs->arena, n->str) : "";

    if (!s)
        return ERR_NOMEM;
    *ret = s;
    return ERR_NONE;
}

static CHECKED enum err list(struct compile *c, const struct json_node *obj, const char *key,
                             const char *const **ret, size_t *ret_n)
{
    const struct json_node *n = json_get(obj, key);
    size_t max = n && n->type == JSON_ARRAY ? n->n : n && n->type == JSON_STRING;
    const char **to = arena_calloc(&c->rs->arena, max + 1, sizeof(*to));
    size_t k = 0;

    if (!to)
        return ERR_NOMEM;
    n = n && n->type == JSON_ARRAY ? n->child : n;
    for (; k < max; n = n->next) {
        to[k] = arena_cstr(&c->rs->arena, n->str);
        if (!to[k++])
            return ERR_NOMEM;
    }
    *ret = to;
    *ret_n = max;
    return ERR_NONE;
}

static CHECKED enum err level(struct compile *c, const struct json_node *doc, struct rule_info *ri)
{
    const struct json_node *n = json_get(doc, "level");

    ri->level = LEVEL_INFORMATIONAL;
    if (!n)
        return report_issue(c, ISSUE_WARNING, doc, "missing-level",
                            "no level: taken as informational");
    for (size_t i = LEVEL_INFORMATIONAL; i < ARRAY_LEN(levels); i++) {
        if (!slice_eq_nocase(n->str, slice_of(levels[i])))
            continue;
        ri->level = (enum rule_level)i;
        return ERR_NONE;
    }
    return report_issue(c, ISSUE_ERROR, n, "bad-level", "there is no level '%.*s'",
                        SLICE_ARG(n->str));
}

static CHECKED enum err status(struct compile *c, const struct json_node *doc, struct rule *r)
{
    static const char *const known[] = {"stable", "test", "experimental", "deprecated",
                                        "unsupported"};
    const struct json_node *n = json_get(doc, "status");

    if (!n)
        return ERR_NONE;
    if (strcmp(r->info.status, "unsupported") == 0) {
        r->cannot_match = true;
        return report_issue(c, ISSUE_CANNOT_MATCH, n, "status-unsupported",
                            "its author marks it as unsupported");
    }
    if (strcmp(r->info.status, "deprecated") == 0)
        return report_issue(c, ISSUE_WARNING, n, "deprecated", "its author marks it as deprecated");
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(r->info.status, known[i]) == 0)
            return ERR_NONE;
    return report_issue(c, ISSUE_WARNING, n, "bad-status", "there is no status '%.*s'",
                        SLICE_ARG(n->str));
}

static CHECKED enum err info(struct compile *c, const struct json_node *doc, struct rule_info *ri)
{
    const struct json_node *source = json_get(doc, "logsource"), *custom = json_get(doc, "custom");
    const struct {
        const struct json_node *from;
        const char *key;
        const char **to;
    } texts[] = {
        {doc, "id", &ri->id},
        {doc, "title", &ri->title},
        {custom, "title_vi", &ri->title_vi},
        {doc, "description", &ri->description},
        {custom, "description_vi", &ri->description_vi},
        {doc, "author", &ri->author},
        {doc, "status", &ri->status},
        {doc, "modified", &ri->modified},
        {source, "product", &ri->product},
        {source, "category", &ri->category},
        {source, "service", &ri->service},
    };
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(texts); i++)
        e = text(c, texts[i].from, texts[i].key, texts[i].to);
    if (e == ERR_NONE)
        e = list(c, doc, "tags", &ri->tags, &ri->tags_n);
    if (e == ERR_NONE)
        e = list(c, doc, "falsepositives", &ri->false_positives, &ri->false_positives_n);
    if (e == ERR_NONE)
        e = version_of(&c->rs->arena, doc, &ri->version);
    ri->path = c->file;
    return e;
}

/* Documents that `action` made of one template have one id: the second becomes ID/2. */
static CHECKED enum err numbered(struct compile *c, const char **id)
{
    size_t n = strlen(*id) + 16;
    char *to = arena_alloc(&c->rs->arena, n);

    if (!to)
        return ERR_NOMEM;
    (void)snprintf(to, n, "%s/%u", *id, c->part);
    *id = to;
    return ERR_NONE;
}

static CHECKED enum err identify(struct compile *c, const struct json_node *doc,
                                 struct rule_info *ri)
{
    enum err e = ERR_NONE;
    bool new = true;
    uint32_t ignored;

    if (!*ri->title)
        return report_issue(c, ISSUE_ERROR, doc, "missing-title", "a rule needs a title");
    if (!*ri->id) {
        ri->id = ri->title;
        e = report_issue(c, ISSUE_WARNING, doc, "missing-id", "no id: its title stands for it");
    }
    if (e == ERR_NONE && c->part > 1)
        e = numbered(c, &ri->id);
    if (e == ERR_NONE)
        e = intern_put(&c->rs->ids, slice_of(ri->id), &ignored, &new);
    if (e == ERR_NONE && !new)
        e = report_issue(c, ISSUE_ERROR, json_get(doc, "id"), "duplicate-id",
                         "another rule has this id: only the first is loaded");
    return e;
}

/* What stands among the selections in the YAML and is none. */
static bool is_selection(struct slice key, bool filter)
{
    if (slice_eq(key, SLICE("condition")))
        return false;
    return !slice_eq(key, filter ? SLICE("rules") : SLICE("timeframe"));
}

CHECKED enum err rule_selections(struct compile *c, const struct json_node *map, bool filter,
                                 struct rule *r, bool **ret_used)
{
    struct arena *a = &c->rs->arena;
    size_t n = 0;

    if (map->n > SELECTIONS_MAX)
        return report_issue(c, ISSUE_ERROR, map, "too-many-selections", "more than %d selections",
                            SELECTIONS_MAX);
    struct slice *names = arena_calloc(a, map->n, sizeof(*names));
    bool *used = arena_calloc(a, map->n, sizeof(*used));
    r->sels = arena_calloc(a, map->n, sizeof(*r->sels));
    if (!names || !used || !r->sels)
        return ERR_NOMEM;
    r->names = names;
    for (const struct json_node *m = map->child; m; m = m->next) {
        if (!is_selection(m->key, filter))
            continue;
        enum err e = arena_dup(a, m->key, &names[n]);
        if (e == ERR_NONE)
            e = selection_compile(c, m, 0, &r->sels[n++]);
        if (e != ERR_NONE)
            return e;
    }
    r->sels_n = n;
    *ret_used = used;
    return ERR_NONE;
}

CHECKED enum err rule_unused(struct compile *c, const struct json_node *map, const struct rule *r,
                             const bool *used)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < r->sels_n; i++) {
        const struct json_node *m = map->child;
        while (m && !slice_eq(m->key, r->names[i]))
            m = m->next;
        if (used && !used[i])
            e = report_issue(c, ISSUE_WARNING, m, "unused-selection",
                             "the condition does not use '%.*s'", SLICE_ARG(r->names[i]));
    }
    return e;
}

static CHECKED enum err detect_part(struct compile *c, const struct json_node *detection,
                                    struct rule *r)
{
    const struct json_node *condition = json_get(detection, "condition");
    const struct json_node *timeframe = json_get(detection, "timeframe");
    bool *used = NULL;

    if (detection->type != JSON_OBJECT || !condition)
        return report_issue(c, ISSUE_ERROR, detection, "missing-condition",
                            "a detection needs a condition");
    enum err e = rule_selections(c, detection, false, r, &used);
    if (e == ERR_NONE && !c->failed)
        e = condition_compile(c, condition, r->names, r->sels_n, used, &r->condition);
    r->condition_line = condition->line;
    r->condition_col = condition->col;
    if (e == ERR_NONE && !c->failed)
        e = condition_check(c, condition, r);
    if (e == ERR_NONE && !c->failed && c->old->near.n)
        e = correlation_old_near(c, condition, r, used, c->old);
    if (e == ERR_NONE && !c->failed && c->old->co)
        e = correlation_old_timeframe(c, detection, c->old->co);
    else if (e == ERR_NONE && !c->failed && timeframe)
        e = report_issue(c, ISSUE_ERROR, timeframe, "timeframe",
                         "a time frame belongs to the aggregations of old Sigma");
    if (e == ERR_NONE && !c->failed)
        e = rule_unused(c, detection, r, used);
    return e;
}

static CHECKED enum err mapped(struct compile *c, const struct json_node *source, struct rule *r)
{
    bool any = *r->info.product || *r->info.category || *r->info.service;

    if (source->type != JSON_OBJECT || !any)
        return report_issue(c, ISSUE_ERROR, source, "bad-logsource",
                            "a log source needs a product, a category or a service");
    enum err e = source_fit(c, json_get_str(source, "product"), json_get_str(source, "category"),
                            json_get_str(source, "service"));
    if (e != ERR_NONE || c->rows_n > 0)
        return e;
    r->cannot_match = true;
    return report_issue(c, ISSUE_CANNOT_MATCH, source, "unmapped-logsource",
                        "no log source product=%s category=%s service=%s is mapped",
                        *r->info.product ? r->info.product : "-",
                        *r->info.category ? r->info.category : "-",
                        *r->info.service ? r->info.service : "-");
}

CHECKED enum err rule_keep(struct compile *c, const struct rule *r)
{
    struct ruleset *rs = c->rs;

    if (rs->rules_n == rs->rules_cap) {
        size_t cap = rs->rules_cap ? rs->rules_cap * 2 : 64;
        struct rule *rules = realloc(rs->rules, cap * sizeof(*rules));
        if (!rules)
            return ERR_NOMEM;
        rs->rules = rules;
        rs->rules_cap = cap;
    }
    uint32_t number = (uint32_t)rs->rules_n;
    rs->rules[rs->rules_n++] = *r;
    rs->report.loaded++;
    for (size_t i = 0; !r->cannot_match && i < c->rows_n; i++) {
        struct source_row *row = c->rows[i];
        uint32_t *to = realloc(row->rules, (row->rules_n + 1) * sizeof(*to));
        if (!to)
            return ERR_NOMEM;
        row->rules = to;
        row->rules[row->rules_n++] = number;
    }
    return ERR_NONE;
}

CHECKED enum err rule_describe(struct compile *c, const struct json_node *doc, struct rule *r)
{
    enum err e = info(c, doc, &r->info);
    const struct json_node *title = json_get(doc, "title");

    r->title_line = title ? title->line : doc->line;
    r->title_col = title ? title->col : doc->col;
    if (e == ERR_NONE)
        e = text(c, doc, "name", &r->name);
    if (e == ERR_NONE)
        e = identify(c, doc, &r->info);
    c->rule_id = r->info.id;
    if (e == ERR_NONE && !c->failed)
        e = level(c, doc, &r->info);
    if (e == ERR_NONE && !c->failed)
        e = status(c, doc, r);
    return e;
}

static CHECKED enum err plain_parts(struct compile *c, const struct json_node *doc,
                                    struct corr_old *old)
{
    const struct json_node *detection = json_get(doc, "detection");
    const struct json_node *source = json_get(doc, "logsource");
    struct rule r = {.cannot_match = false};

    c->rs->report.rules++;
    if (!source)
        return report_issue(c, ISSUE_ERROR, doc, "missing-logsource", "a rule needs a logsource");
    enum err e = rule_describe(c, doc, &r);
    if (e == ERR_NONE && !c->failed)
        e = mapped(c, source, &r);
    if (e == ERR_NONE && !c->failed)
        e = detect_part(c, detection, &r);
    if (e == ERR_NONE && !c->failed && c->placeholder) {
        r.cannot_match = true;
        e = report_issue(c, ISSUE_CANNOT_MATCH, detection, c->placeholder,
                         "it needs the values of the placeholder '%.*s', and none are configured",
                         SLICE_ARG(c->lacking));
    }
    r.slots = c->slots;
    r.slots_n = c->slots_n;
    if (e == ERR_NONE && !c->failed)
        e = rule_keep(c, &r);
    if (e == ERR_NONE && !c->failed && old->co)
        e = correlation_old_keep(c, old->co, (uint32_t)c->rs->rules_n - 1);
    return e;
}

static CHECKED enum err plain_rule(struct compile *c, const struct json_node *doc)
{
    struct corr_old old = {.co = NULL};

    c->old = &old;
    enum err e = plain_parts(c, doc, &old);
    c->old = NULL;
    return e;
}

static CHECKED enum err any_rule(struct compile *c, const struct json_node *doc)
{
    if (json_get(doc, "correlation"))
        return correlation_compile(c, doc);
    if (json_get(doc, "filter"))
        return filter_read(c, doc);
    if (!json_get(doc, "detection"))
        return report_issue(c, ISSUE_ERROR, doc, "not-a-rule",
                            "no detection, no correlation and no filter");
    return plain_rule(c, doc);
}

CHECKED enum err rule_compile(struct compile *c, const struct json_node *doc)
{
    struct arena work;
    enum err e = text(c, doc, "id", &c->rule_id);

    arena_init(&work, PIPELINE_RULE_BYTES);
    if (e == ERR_NONE)
        e = pipeline_apply(c, &work, doc, &doc);
    if (e == ERR_NONE && c->failed)
        c->rs->report.rules++;
    else if (e == ERR_NONE)
        e = any_rule(c, doc);
    arena_done(&work);
    return e;
}
