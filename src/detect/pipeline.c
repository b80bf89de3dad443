#include "detect/pipeline_int.h"

#include <stdio.h>

CHECKED enum err pipe_refuse(struct pipe_run *r, const struct pipe_item *it, const char *fmt, ...)
{
    char why[120];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    const char *slash = strrchr(it->file, '/');
    return report_issue(r->c, ISSUE_ERROR, r->doc, "pipeline", "%s (%.*s, %.60s:%u)", why,
                        SLICE_ARG(it->type), slash ? slash + 1 : it->file, it->def->line);
}

static CHECKED enum err set_pair(struct pipe_run *r, struct pipe_pair **in, struct slice key,
                                 const struct json_node *value)
{
    for (struct pipe_pair *p = *in; p; p = p->next)
        if (slice_eq(p->key, key)) {
            p->value = value;
            return ERR_NONE;
        }
    struct pipe_pair *p = pipe_take(r, sizeof(*p));
    if (!p)
        return ERR_LIMIT;
    *p = (struct pipe_pair){.key = key, .value = value, .next = *in};
    *in = p;
    return ERR_NONE;
}

static struct slice variable(const struct pipe_run *r, struct slice rest, size_t *ret_n)
{
    static const char *const keys[] = {"category", "product", "service"};
    bool braces = rest.n > 1 && rest.p[1] == '{';

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct slice name = slice_of(keys[i]);
        size_t from = braces ? 2 : 1, end = from + name.n;
        if (rest.n < end + braces || !slice_starts(slice_cut(rest, from, rest.n), name))
            continue;
        char next = end < rest.n ? rest.p[end] : ' ';
        bool word = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || next == '_' ||
                    (next >= '0' && next <= '9');
        if (braces ? next != '}' : word)
            continue;
        *ret_n = end + braces;
        return json_get_str(r->source, keys[i]);
    }
    *ret_n = rest.n > 1 && rest.p[1] == '$' ? 2 : 1;
    return SLICE("$");
}

static CHECKED enum err fill_in(struct pipe_run *r, struct slice in, struct slice *ret)
{
    struct slice out = SLICE("");
    enum err e = ERR_NONE;

    while (e == ERR_NONE && in.n) {
        size_t n = slice_find(in, '$');
        e = pipe_cat(r, out, slice_cut(in, 0, n), &out);
        in = slice_cut(in, n, in.n);
        if (e != ERR_NONE || !in.n)
            break;
        struct slice value = variable(r, in, &n);
        e = pipe_cat(r, out, value, &out);
        in = slice_cut(in, n, in.n);
    }
    *ret = out;
    return e;
}

static CHECKED enum err fill_in_all(struct pipe_run *r, struct pipe_det *d)
{
    enum err e = ERR_NONE;

    for (struct pipe_det *k = d->child; e == ERR_NONE && k; k = k->next)
        e = fill_in_all(r, k);
    for (struct json_node *v = d->value; e == ERR_NONE && v; v = v->next)
        if (v->type == JSON_STRING)
            e = fill_in(r, v->str, &v->str);
    return e;
}

/* "name and (old)"; what follows a bar of old Sigma stays behind the whole. */
static CHECKED enum err join(struct pipe_run *r, struct slice name, bool negated,
                             struct pipe_condition *c)
{
    size_t bar = slice_find(c->text, '|');
    struct slice tail = slice_cut(c->text, bar, c->text.n);
    struct slice old = slice_trim(slice_cut(c->text, 0, bar)), to;
    enum err e = pipe_cat(r, negated ? SLICE("not ") : SLICE(""), name, &to);

    if (e == ERR_NONE && old.n) {
        e = pipe_cat(r, to, SLICE(" and ("), &to);
        if (e == ERR_NONE)
            e = pipe_cat(r, to, old, &to);
        if (e == ERR_NONE)
            e = pipe_cat(r, to, SLICE(") "), &to);
    }
    if (e == ERR_NONE && tail.n)
        e = pipe_cat(r, to, tail, &to);
    if (e == ERR_NONE)
        c->text = to;
    return e;
}

static size_t pipeline_number(const struct pipe_run *r, const struct pipe_item *it)
{
    size_t i = 0;

    while (i + 1 < r->all->n && r->all->list[i].file != it->file)
        i++;
    return i;
}

static CHECKED enum err add_condition(struct pipe_run *r, const struct pipe_item *it)
{
    struct slice name = json_get_str(it->def, "name");
    struct pipe_named **to = &r->named;
    struct pipe_det *det;
    char made[64];

    if (r->correlation || !r->conditions)
        return ERR_NONE;
    if (name.n == 0) {
        /* One name for each pipeline and place, so that a rule reads the same each time. */
        int n = snprintf(made, sizeof(made), "_cond_%zx_%u_%u", pipeline_number(r, it),
                         it->def->line, it->def->col);
        enum err e = pipe_cat(r, (struct slice){made, (size_t)n}, SLICE(""), &name);
        if (e != ERR_NONE)
            return e;
    }
    enum err e = pipe_read_det(r, json_get(it->def, "conditions"), 0, &det);
    if (e == ERR_NONE && json_get_bool(it->def, "template", false))
        e = fill_in_all(r, det);
    while (*to && !slice_eq((*to)->name, name))
        to = &(*to)->next;
    struct pipe_named *n = *to ? *to : pipe_take(r, sizeof(*n));
    if (!n)
        return ERR_LIMIT;
    *n = (struct pipe_named){.at = r->conditions->at, .name = name, .det = det, .next = n->next};
    *to = n;
    for (struct pipe_det *k = det; e == ERR_NONE && k; k = k == det ? det->child : k->next)
        pipe_mark(&k->marks, it->id);
    for (struct pipe_condition *c = r->conditions; e == ERR_NONE && c; c = c->next)
        e = join(r, name, json_get_bool(it->def, "negated", false), c);
    return e;
}

static CHECKED enum err change_source(struct pipe_run *r, const struct pipe_item *it)
{
    static const char *const keys[] = {"category", "product", "service"};
    struct json_node *map, *n, **tail;

    if (r->correlation || !r->source)
        return ERR_NONE;
    enum err e = pipe_string(r, r->source, SLICE(""), &map);
    if (e != ERR_NONE)
        return e;
    map->type = JSON_OBJECT;
    map->key = SLICE("logsource");
    tail = &map->child;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct json_node *value = json_get(it->def, keys[i]);
        if (!value)
            continue;
        e = pipe_string(r, r->source, value->str, &n);
        if (e != ERR_NONE)
            return e;
        n->key = slice_of(keys[i]);
        *tail = n;
        tail = &n->next;
        map->n++;
    }
    r->source = map;
    return ERR_NONE;
}

static CHECKED enum err one_item(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                                 bool *ret_changed)
{
    switch ((int)it->what) {
    case PIPE_MAP:
    case PIPE_MAP_PREFIX:
    case PIPE_MAP_FUNCTION:
    case PIPE_PREFIX:
    case PIPE_SUFFIX:
        return pipe_field_item(r, it, d, ret_changed);
    case PIPE_HASHES:
        return pipe_hashes(r, it, d, ret_changed);
    case PIPE_ITEM_FAILS:
        return pipe_refuse(r, it, "%.*s", SLICE_ARG(json_get(it->def, "message")->str));
    default:
        return pipe_value_item(r, it, d, ret_changed);
    }
}

static void mark_all(struct pipe_det *d, uint32_t id)
{
    pipe_mark(&d->marks, id);
    for (struct pipe_det *k = d->child; k; k = k->next)
        mark_all(k, id);
}

/* *ret_drop: the item goes. Whoever is emptied by that stays, empty. */
static CHECKED enum err walk(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                             bool *ret_drop)
{
    bool fits = false, changed = false;

    if (d->kind == DET_ITEM) {
        enum err e = pipe_item_fits(r, it, d, &fits);
        if (e != ERR_NONE || !fits)
            return e;
        *ret_drop = it->what == PIPE_DROP;
        if (!*ret_drop)
            e = one_item(r, it, d, &changed);
        if (changed)
            mark_all(d, it->id);
        return e;
    }
    for (struct pipe_det **k = &d->child; *k;) {
        bool drop = false;
        enum err e = walk(r, it, *k, &drop);
        if (e != ERR_NONE || r->c->failed)
            return e;
        if (drop)
            *k = (*k)->next;
        else
            k = &(*k)->next;
    }
    return ERR_NONE;
}

static CHECKED enum err each_item(struct pipe_run *r, const struct pipe_item *it)
{
    bool field = it->what <= PIPE_SUFFIX;

    if (r->correlation)
        return field ? pipe_field_correlation(r, it) : ERR_NONE;
    for (struct pipe_named *n = r->named; n && !r->c->failed; n = n->next) {
        bool drop = false;
        enum err e = walk(r, it, n->det, &drop);
        if (e != ERR_NONE)
            return e;
        if (drop)
            *n->det = (struct pipe_det){.kind = DET_AND, .at = n->det->at};
    }
    return ERR_NONE;
}

static CHECKED enum err all_items(struct pipe_run *r, const struct pipe_item *items, size_t n);

static CHECKED enum err apply(struct pipe_run *r, const struct pipe_item *it)
{
    switch ((int)it->what) {
    case PIPE_ADD_CONDITION:
        return add_condition(r, it);
    case PIPE_LOGSOURCE:
        return change_source(r, it);
    case PIPE_NOTHING:
        return ERR_NONE;
    case PIPE_STATE:
        return set_pair(r, &r->state, json_get(it->def, "key")->str, json_get(it->def, "val"));
    case PIPE_ATTRIBUTE:
        return set_pair(r, &r->custom, json_get(it->def, "attribute")->str,
                        json_get(it->def, "value"));
    case PIPE_RULE_FAILS:
        return pipe_refuse(r, it, "%.*s", SLICE_ARG(json_get(it->def, "message")->str));
    case PIPE_NEST:
        return all_items(r, it->items, it->items_n);
    default:
        return each_item(r, it);
    }
}

static CHECKED enum err all_items(struct pipe_run *r, const struct pipe_item *items, size_t n)
{
    for (size_t i = 0; i < n && !r->c->failed; i++) {
        if (!pipe_rule_fits(r, &items[i]))
            continue;
        enum err e = apply(r, &items[i]);
        if (e != ERR_NONE)
            return e;
        pipe_mark(&r->marks, items[i].id);
    }
    return ERR_NONE;
}

static CHECKED enum err maps(struct pipe_run *r, bool category, bool service, bool *ret)
{
    struct slice none = SLICE("");
    enum err e = source_fit(r->c, json_get_str(r->source, "product"),
                            category ? json_get_str(r->source, "category") : none,
                            service ? json_get_str(r->source, "service") : none);

    *ret = e == ERR_NONE && r->c->rows_n > 0;
    r->c->rows = NULL;
    r->c->rows_n = 0;
    return e;
}

/* Pipelines of others name a category and the service that it is logged by. Where the table knows
 * them only apart, the category says which events and fields are meant; else the service. */
static CHECKED enum err settle_source(struct pipe_run *r)
{
    bool good = true, category = false;

    if (r->correlation || r->source == json_get(r->doc, "logsource") ||
        !json_get(r->source, "category") || !json_get(r->source, "service"))
        return ERR_NONE;
    enum err e = maps(r, true, true, &good);
    if (e == ERR_NONE && !good)
        e = maps(r, true, false, &category);
    if (e != ERR_NONE || good)
        return e;
    struct json_node *map;
    const char *dropped = category ? "service" : "category";
    e = source_tree_dup(r->arena, r->source, &map);
    if (e != ERR_NONE)
        return ERR_LIMIT;
    for (struct json_node **m = &map->child; *m;) {
        if (slice_eq((*m)->key, slice_of(dropped))) {
            *m = (*m)->next;
            map->n--;
        } else {
            m = &(*m)->next;
        }
    }
    r->source = map;
    return ERR_NONE;
}

static CHECKED enum err run(struct pipe_run *r, const struct json_node **ret)
{
    enum err e = pipe_read(r);

    for (size_t i = 0; e == ERR_NONE && i < r->all->n && !r->c->failed; i++)
        e = all_items(r, r->all->list[i].items, r->all->list[i].items_n);
    if (e == ERR_NONE && !r->c->failed)
        e = settle_source(r);
    return e == ERR_NONE && !r->c->failed ? pipe_write(r, ret) : e;
}

CHECKED enum err pipeline_apply(struct compile *c, struct arena *work, const struct json_node *doc,
                                const struct json_node **ret)
{
    struct pipe_run r = {.c = c, .all = c->rs->pipelines, .arena = work, .doc = doc};

    *ret = doc;
    r.correlation = json_get(doc, "correlation") != NULL;
    if (!r.all || r.all->n == 0 || !(r.correlation || json_get(doc, "detection")))
        return ERR_NONE;
    r.scratch = regex_scratch_new();
    if (!r.scratch)
        return ERR_NOMEM;
    enum err e = run(&r, ret);
    regex_scratch_free(r.scratch);
    if (e == ERR_LIMIT)
        e = report_issue(c, ISSUE_ERROR, doc, "pipeline-limit",
                         "the pipelines make the rule larger than %d MiB or too wide",
                         PIPELINE_RULE_BYTES >> 20);
    return e;
}

CHECKED enum err pipeline_notes(struct ruleset *rs)
{
    enum err e = ERR_NONE;

    for (const struct pipe_note *n = rs->pipelines->notes; n && e == ERR_NONE; n = n->next) {
        const char *file = arena_cstr(&rs->arena, slice_of(n->file)); /* outlives pipelines */
        struct compile at = {.rs = rs, .file = file, .rule_id = ""};
        if (!file)
            return ERR_NOMEM;
        e = report_issue(&at, ISSUE_WARNING, n->at, "pipeline-ignored",
                         "'%.*s' has no meaning here and is ignored", SLICE_ARG(n->what));
    }
    return e;
}
