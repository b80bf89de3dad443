/* Names become numbers when every rule is known: rules, and where in their events the fields are.
 */
#include "detect/correlate_int.h"

#include <stdlib.h>

struct target {
    uint32_t rule;        /* + 1, 0: a correlation that is not linked */
    uint32_t correlation; /* of `all` + 1 */
};

struct linker {
    struct ruleset *rs;
    struct intern names;    /* ids and names */
    struct target *targets; /* owned; by number of the name */
    size_t cap;
    struct correlation **all; /* owned: as they were read */
    size_t all_n;
};

static struct compile compile_of(struct linker *l, const struct correlation *co)
{
    return (struct compile){.rs = l->rs, .file = co->file, .rule_id = co->about.info.id};
}

/* The first who has a name keeps it. */
static CHECKED enum err put(struct linker *l, struct slice name, struct target to)
{
    bool new = false;
    uint32_t id = 0;

    if (!name.n)
        return ERR_NONE;
    enum err e = intern_put(&l->names, name, &id, &new);
    if (e != ERR_NONE || !new)
        return e;
    if (id >= l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        struct target *targets = realloc(l->targets, cap * sizeof(*targets));
        if (!targets)
            return ERR_NOMEM;
        l->targets = targets;
        l->cap = cap;
    }
    l->targets[id] = to;
    return ERR_NONE;
}

/* Ids before names, so that no name can stand for another rule's id. */
static CHECKED enum err know_all(struct linker *l)
{
    enum err e = ERR_NONE;

    for (unsigned names = 0; names < 2; names++) {
        for (size_t i = 0; e == ERR_NONE && i < l->rs->rules_n; i++) {
            const struct rule *r = &l->rs->rules[i];
            e = put(l, slice_of(names ? r->name : r->info.id), (struct target){(uint32_t)i + 1, 0});
        }
        for (size_t i = 0; e == ERR_NONE && i < l->all_n; i++) {
            const struct rule *r = &l->all[i]->about;
            if (r->info.id)
                e = put(l, slice_of(names ? r->name : r->info.id),
                        (struct target){0, (uint32_t)i + 1});
        }
    }
    return e;
}

static uint64_t mix(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
    return (h ^ s.n) * UINT64_C(0x100000001b3);
}

static CHECKED enum err use(struct linker *l, struct rule *r, struct corr_use u)
{
    if (r->uses_n == r->uses_cap) {
        uint32_t cap = r->uses_cap ? r->uses_cap * 2 : 2;
        struct corr_use *to = arena_alloc(&l->rs->arena, cap * sizeof(*to));
        if (!to)
            return ERR_NOMEM;
        if (r->uses_n)
            memcpy(to, r->uses, r->uses_n * sizeof(*to));
        r->uses = to;
        r->uses_cap = cap;
    }
    r->uses[r->uses_n++] = u;
    return ERR_NONE;
}

static const struct json_node *member(const struct json_node *obj, struct slice key)
{
    for (const struct json_node *m = obj ? obj->child : NULL; m; m = m->next)
        if (slice_eq(m->key, key))
            return m;
    return NULL;
}

/* What the events of this reference call the field. */
static CHECKED enum err field_name(struct linker *l, struct compile *c,
                                   const struct correlation *co, const struct corr_ref *ref,
                                   const struct corr_field *f, struct slice *ret)
{
    const struct json_node *alias = member(co->aliases, f->name);
    const struct rule *r = &l->rs->rules[ref->rule];

    *ret = f->name;
    if (!alias)
        return ERR_NONE;
    const struct json_node *m = member(alias, ref->name);
    m = m ? m : member(alias, slice_of(r->name));
    m = m ? m : member(alias, slice_of(r->info.id));
    if (!m || m->type == JSON_ARRAY || m->type == JSON_OBJECT || !m->str.n)
        return report_issue(c, ISSUE_ERROR, alias, "bad-alias",
                            "the alias '%.*s' has no field for the rule '%.*s'", SLICE_ARG(f->name),
                            SLICE_ARG(ref->name));
    *ret = m->str;
    return ERR_NONE;
}

/* A correlation's finding has the fields of its group. */
static CHECKED enum err inner_field(struct linker *l, struct compile *c, const struct corr_ref *ref,
                                    const struct corr_field *f, struct slice name, uint32_t *ret)
{
    const struct correlation *in = l->rs->correlations[ref->inner - 1];

    for (uint32_t i = 0; i < in->group_n; i++) {
        if (!slice_eq(in->group[i].name, name))
            continue;
        *ret = i;
        return ERR_NONE;
    }
    return report_issue(c, ISSUE_ERROR, f->node, "unresolved-field",
                        "the correlation '%.*s' does not group by '%.*s'", SLICE_ARG(ref->name),
                        SLICE_ARG(name));
}

static CHECKED enum err field_of(struct linker *l, struct compile *c, const struct correlation *co,
                                 const struct corr_ref *ref, const struct corr_field *f,
                                 uint32_t *ret)
{
    const struct rule_info *ri = &l->rs->rules[ref->rule].info;
    struct slice name;
    enum err e = field_name(l, c, co, ref, f, &name);

    if (e != ERR_NONE || c->failed)
        return e;
    if (ref->inner)
        return inner_field(l, c, ref, f, name, ret);
    e = source_fit(c, slice_of(ri->product), slice_of(ri->category), slice_of(ri->service));
    if (e == ERR_NONE)
        e = slot_of(c, name, ret);
    if (e == ERR_LIMIT)
        return report_issue(c, ISSUE_ERROR, f->node, "too-many-places",
                            "the field is mapped to too many places");
    return e;
}

static struct slice entity_of(const struct ruleset *rs, const struct corr_ref *ref, uint32_t field)
{
    if (ref->inner)
        return rs->correlations[ref->inner - 1]->entities[field];
    const struct slot *slot = &rs->slots[field];
    for (uint32_t i = 0; i < slot->n; i++)
        if (slot->from[i].field != F_NONE)
            return field_info((enum field)slot->from[i].field)->name;
    return SLICE("");
}

static CHECKED enum err fields(struct linker *l, struct compile *c, struct correlation *co)
{
    struct arena *a = &l->rs->arena;
    enum err e = ERR_NONE;

    co->entities = arena_calloc(a, co->group_n + 1, sizeof(*co->entities));
    if (!co->entities)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < co->refs_n && e == ERR_NONE && !c->failed; k++) {
        struct corr_ref *ref = &co->refs[k];
        ref->group = arena_calloc(a, co->group_n + 1, sizeof(*ref->group));
        ref->values = arena_calloc(a, co->values_n + 1, sizeof(*ref->values));
        if (!ref->group || !ref->values)
            return ERR_NOMEM;
        for (uint32_t i = 0; i < co->group_n && e == ERR_NONE && !c->failed; i++) {
            e = field_of(l, c, co, ref, &co->group[i], &ref->group[i]);
            if (e == ERR_NONE && !c->failed && !co->entities[i].n)
                co->entities[i] = entity_of(l->rs, ref, ref->group[i]);
        }
        for (uint32_t i = 0; i < co->values_n && e == ERR_NONE && !c->failed; i++)
            e = field_of(l, c, co, ref, &co->values[i], &ref->values[i]);
    }
    return e;
}

static CHECKED enum err unused_aliases(struct compile *c, const struct correlation *co)
{
    enum err e = ERR_NONE;

    for (const struct json_node *a = co->aliases ? co->aliases->child : NULL; a && e == ERR_NONE;
         a = a->next) {
        bool found = false;
        for (uint32_t i = 0; i < co->group_n; i++)
            found = found || slice_eq(co->group[i].name, a->key);
        for (uint32_t i = 0; i < co->values_n; i++)
            found = found || slice_eq(co->values[i].name, a->key);
        if (!found)
            e = report_issue(c, ISSUE_WARNING, a, "unused-alias",
                             "neither group-by nor field uses '%.*s'", SLICE_ARG(a->key));
    }
    return e;
}

/* One that needs them all can't match when one can't; one that counts, when none can. */
static bool can_match(const struct linker *l, const struct correlation *co)
{
    bool all = co->type == CORRELATION_TEMPORAL_ORDERED ||
               (co->type == CORRELATION_TEMPORAL && !co->expr && co->tests_n == 1 &&
                co->tests[0].op == OP_GTE && co->tests[0].n == co->refs_n);
    size_t can = 0;

    for (uint32_t i = 0; i < co->refs_n; i++) {
        const struct corr_ref *ref = &co->refs[i];
        bool works = ref->inner ? !l->rs->correlations[ref->inner - 1]->cannot_match
                                : !l->rs->rules[ref->rule].cannot_match;
        can += works || (co->absent >> i & 1);
    }
    return all ? can == co->refs_n : can > 0;
}

static uint64_t version_of_all(const struct linker *l, const struct correlation *co)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    const struct rule_info *own = &l->rs->rules[co->rule].info;

    h = mix(mix(h, slice_of(own->id)), slice_of(own->version));
    for (uint32_t i = 0; i < co->refs_n; i++) {
        const struct corr_ref *ref = &co->refs[i];
        uint64_t inner = ref->inner ? l->rs->correlations[ref->inner - 1]->version : 0;
        h = mix(h, slice_of(l->rs->rules[ref->rule].info.version));
        h = mix(h, (struct slice){(const char *)&inner, sizeof(inner)});
    }
    return h;
}

/* Everything is known: it becomes a rule and a correlation of the ruleset. */
static CHECKED enum err finish(struct linker *l, struct compile *c, struct correlation *co)
{
    struct ruleset *rs = l->rs;
    bool own = co->about.info.id != NULL; /* else the rule of an old condition has been kept */
    enum err e = unused_aliases(c, co);

    if (e == ERR_NONE && own) {
        co->about.cannot_match = true; /* on events */
        c->rows_n = 0;
        co->rule = (uint32_t)rs->rules_n;
        e = rule_keep(c, &co->about);
    }
    if (e == ERR_NONE)
        e = correlation_add(rs, co);
    for (uint32_t i = 0; i < co->refs_n && e == ERR_NONE; i++) {
        struct rule *r = &rs->rules[co->refs[i].rule];
        r->told = r->told || co->generate;
        r->silent = r->silent || own;
        e = use(l, r, (struct corr_use){(uint32_t)rs->correlations_n - 1, i});
    }
    if (e != ERR_NONE)
        return e;
    co->version = version_of_all(l, co);
    co->cannot_match = !can_match(l, co);
    rs->rules[co->rule].correlation = (uint32_t)rs->correlations_n;
    rs->report.correlations++;
    if (co->cannot_match && own)
        e = report_issue(c, ISSUE_CANNOT_MATCH, co->at, "rules-cannot-match",
                         "rules that it needs can't match");
    return e;
}

/* *ret_wait: it refers to one that is not linked yet. */
static CHECKED enum err resolve(struct linker *l, struct compile *c, struct correlation *co,
                                struct corr_ref *ref, bool *ret_wait)
{
    uint32_t id = intern_get(&l->names, ref->name);

    if (id == INTERN_NONE)
        return report_issue(c, ISSUE_ERROR, ref->node, "unknown-rule",
                            "no loaded rule has the id or name '%.*s'", SLICE_ARG(ref->name));
    struct target to = l->targets[id];
    if (to.rule) {
        ref->rule = to.rule - 1;
    } else {
        const struct correlation *in = l->all[to.correlation - 1];
        *ret_wait = *ret_wait || in->linked == LINK_NOT_YET;
        if (in->linked == LINK_FAILED)
            return report_issue(c, ISSUE_ERROR, ref->node, "unknown-rule",
                                "the correlation '%.*s' is not loaded", SLICE_ARG(ref->name));
        ref->rule = in->rule;
    }
    ref->inner = *ret_wait ? 0 : l->rs->rules[ref->rule].correlation;
    if (ref->inner && co->depth < l->rs->correlations[ref->inner - 1]->depth)
        co->depth = l->rs->correlations[ref->inner - 1]->depth;
    return ERR_NONE;
}

static CHECKED enum err link_one(struct linker *l, struct correlation *co, bool last)
{
    struct compile c = compile_of(l, co);
    bool own = co->about.info.id != NULL, wait = false;
    enum err e = ERR_NONE;

    if (!own)
        c.rule_id = l->rs->rules[co->rule].info.id;
    co->depth = 0;
    for (uint32_t k = 0; own && k < co->refs_n && e == ERR_NONE && !c.failed && !wait; k++) {
        e = resolve(l, &c, co, &co->refs[k], &wait);
        if (e == ERR_NONE && wait && last)
            e = report_issue(&c, ISSUE_ERROR, co->refs[k].node, "correlation-cycle",
                             "'%.*s' leads into a circle", SLICE_ARG(co->refs[k].name));
    }
    if (e != ERR_NONE || (wait && !last))
        return e;
    if (!c.failed && ++co->depth > CORRELATE_DEPTH_MAX)
        e = report_issue(&c, ISSUE_ERROR, co->at, "correlation-depth",
                         "more than %d correlations one over another", CORRELATE_DEPTH_MAX);
    if (e == ERR_NONE && !c.failed)
        e = fields(l, &c, co);
    if (e == ERR_NONE && !c.failed)
        e = finish(l, &c, co);
    co->linked = c.failed ? LINK_FAILED : LINK_DONE;
    return e;
}

/* Round after round those whose references are linked, forth and back, so that most orders take
 * two; what is left in the end goes in circles. */
static CHECKED enum err link_all(struct linker *l, bool old)
{
    size_t left = SIZE_MAX;
    bool last = false;
    enum err e = ERR_NONE;

    for (unsigned round = 0; left && e == ERR_NONE; round++) {
        size_t before = left;
        left = 0;
        for (size_t i = 0; i < l->all_n && e == ERR_NONE; i++) {
            struct correlation *co = l->all[round % 2 ? l->all_n - 1 - i : i];
            if (co->linked != LINK_NOT_YET || (old && co->about.info.id))
                continue;
            e = link_one(l, co, last);
            left += co->linked == LINK_NOT_YET;
        }
        if (last)
            break;
        last = left == before;
    }
    return e;
}

CHECKED enum err correlation_link(struct ruleset *rs)
{
    struct linker l = {.rs = rs, .all = rs->correlations, .all_n = rs->correlations_n};

    rs->correlations = NULL;
    rs->correlations_n = rs->correlations_cap = 0;
    intern_init(&l.names, &rs->arena);
    enum err e = l.all_n ? know_all(&l) : ERR_NONE;
    /* Old conditions first: the others may refer to them. */
    if (e == ERR_NONE)
        e = link_all(&l, true);
    if (e == ERR_NONE)
        e = link_all(&l, false);
    for (size_t i = 0; i < rs->rules_n; i++)
        rs->rules[i].silent = rs->rules[i].silent && !rs->rules[i].told;
    intern_done(&l.names);
    free(l.targets);
    free(l.all);
    return e;
}

size_t correlate_n(const struct ruleset *rs)
{
    return rs->correlations_n;
}
