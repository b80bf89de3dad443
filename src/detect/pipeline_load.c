#include "detect/pipeline_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIPELINE_NODES_MAX = 100000, PIPELINES_BYTES_MAX = 64 << 20, REGEXES_MAX = 4096 };

struct load {
    struct pipelines *all;
    const char *file;
    struct diag *diag;
};

static CHECKED enum err wrong(const struct load *l, const struct json_node *at, const char *fmt,
                              ...) PRINTF_LIKE(3, 4);
static CHECKED enum err wrong(const struct load *l, const struct json_node *at, const char *fmt,
                              ...)
{
    char why[160];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    size_t n = strlen(l->file);
    return FAIL(l->diag, ERR_SYNTAX, 0, "%s%.90s:%u:%u: %s", n > 90 ? "..." : "",
                n > 90 ? l->file + n - 90 : l->file, at->line, at->col, why);
}

static CHECKED enum err no_memory(const struct load *l)
{
    return FAIL(l->diag, ERR_NOMEM, 0, "no memory for the pipelines");
}

static CHECKED enum err note(struct load *l, const struct json_node *at, struct slice what)
{
    struct pipe_note *n = arena_calloc(&l->all->arena, 1, sizeof(*n));

    if (!n)
        return no_memory(l);
    *n = (struct pipe_note){.file = l->file, .at = at, .what = what};
    *l->all->notes_tail = n;
    l->all->notes_tail = &n->next;
    return ERR_NONE;
}

static CHECKED enum err regex(struct load *l, const struct json_node *at, const struct regex **ret)
{
    struct pipelines *p = l->all;
    struct diag d = {0};
    struct regex *re;

    if (p->res_n == REGEXES_MAX)
        return wrong(l, at, "more than %d regular expressions", REGEXES_MAX);
    if (p->res_n == p->res_cap) {
        size_t cap = p->res_cap ? p->res_cap * 2 : 16;
        struct regex **res = realloc(p->res, cap * sizeof(*res));
        if (!res)
            return no_memory(l);
        p->res = res;
        p->res_cap = cap;
    }
    enum err e = regex_compile(at->str, false, false, false, &re, &d);
    if (e == ERR_NOMEM)
        return no_memory(l);
    if (e != ERR_NONE)
        return wrong(l, at, "%.120s", d.text);
    p->res[p->res_n++] = re;
    *ret = re;
    return ERR_NONE;
}

static bool one_of(struct slice s, const char *words)
{
    while (*words) {
        size_t n = strcspn(words, " ");
        if (slice_eq(s, (struct slice){words, n}))
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

/* Words that must be one of a few. */
static CHECKED enum err choice(const struct load *l, const struct json_node *def, const char *key,
                               const char *words)
{
    const struct json_node *n = json_get(def, key);

    if (!n || one_of(n->str, words))
        return ERR_NONE;
    return wrong(l, n, "'%s' is one of: %s", key, words);
}

static CHECKED enum err when_regexes(struct load *l, struct pipe_when *w)
{
    bool string = w->kind == WHEN_STRING;
    bool re = slice_eq(json_get_str(w->def, "mode"), SLICE("re"));
    const struct json_node *list = json_get(w->def, string ? "pattern" : "fields");

    if (!string && !(re && (w->kind == WHEN_INCLUDE || w->kind == WHEN_EXCLUDE)))
        return ERR_NONE;
    size_t n = list->type == JSON_ARRAY ? list->n : 1;
    const struct regex **res = arena_calloc(&l->all->arena, n + 1, sizeof(*res));
    if (!res)
        return no_memory(l);
    const struct json_node *at = list->type == JSON_ARRAY ? list->child : list;
    for (size_t i = 0; i < n; i++, at = at->next) {
        enum err e = regex(l, at, &res[i]);
        if (e != ERR_NONE)
            return e;
    }
    w->res = res;
    w->res_n = n;
    return ERR_NONE;
}

static CHECKED enum err when(struct load *l, enum pipe_group_kind g, const struct json_node *def,
                             struct pipe_when *ret)
{
    static const char *const common[] = {"type"};
    const struct json_node *type = json_get(def, "type");
    const char *near = "";
    char why[160];

    if (def->type != JSON_OBJECT || !type)
        return wrong(l, def, "a condition is a map with a 'type'");
    const struct pipe_word *w = pipe_when_word(g, type->str, &near);
    if (!w)
        return wrong(l, type, "there is no condition '%.40s'; did you mean '%s'?",
                     arena_cstr(&l->all->arena, type->str), near);
    const struct json_node *bad = pipe_wrong(def, w, common, ARRAY_LEN(common), why, sizeof(why));
    if (bad)
        return wrong(l, bad, "%s", why);
    *ret = (struct pipe_when){.kind = (enum pipe_when_kind)w->kind, .def = def, .name = def->key};
    enum err e = choice(l, def, "cond", "any all");
    if (e == ERR_NONE)
        e = choice(l, def, "mode", "plain re");
    if (e == ERR_NONE)
        e = choice(l, def, "op",
                   ret->kind == WHEN_ATTRIBUTE ? "eq ne gte gt lte lt in not_in"
                                               : "eq ne gte gt lte lt");
    return e == ERR_NONE ? when_regexes(l, ret) : e;
}

static const char *const group_keys[GROUPS][4] = {
    {"rule_conditions", "rule_cond_op", "rule_cond_not", "rule_cond_expr"},
    {"detection_item_conditions", "detection_item_cond_op", "detection_item_cond_not",
     "detection_item_cond_expr"},
    {"field_name_conditions", "field_name_cond_op", "field_name_cond_not", "field_name_cond_expr"},
};

static CHECKED enum err group_expr(struct load *l, const struct json_node *def,
                                   const struct json_node *list, const struct json_node *expr,
                                   bool has_op, struct pipe_group *to)
{
    const char *why = "";

    if (has_op)
        return wrong(l, expr, "an expression and an operator exclude each other");
    if (!list || list->type != JSON_OBJECT)
        return wrong(l, list ? list : def, "an expression needs a map of named conditions");
    if (pipe_expr_parse(&l->all->arena, expr->str, to, &to->expr, &why) != ERR_NONE)
        return wrong(l, expr, "condition expression: %s", why);
    return ERR_NONE;
}

static CHECKED enum err group(struct load *l, const struct json_node *def, enum pipe_group_kind g,
                              struct pipe_group *to)
{
    const struct json_node *list = json_get(def, group_keys[g][0]);
    const struct json_node *op = json_get(def, group_keys[g][1]);
    const struct json_node *negated = json_get(def, group_keys[g][2]);
    const struct json_node *expr = json_get(def, group_keys[g][3]);
    enum err e = choice(l, def, group_keys[g][1], "and or");

    if (e == ERR_NONE && negated && negated->type != JSON_BOOL)
        e = wrong(l, negated, "'%s' is true or false", group_keys[g][2]);
    if (e == ERR_NONE && list && list->type != JSON_ARRAY && list->type != JSON_OBJECT)
        e = wrong(l, list, "'%s' is a list or a map", group_keys[g][0]);
    if (e != ERR_NONE)
        return e;
    to->any = op && slice_eq(op->str, SLICE("or"));
    to->negated = negated && negated->b;
    to->when = arena_calloc(&l->all->arena, (list ? list->n : 0) + 1, sizeof(*to->when));
    if (!to->when)
        return no_memory(l);
    for (const struct json_node *n = list ? list->child : NULL; n; n = n->next) {
        e = when(l, g, n, &to->when[to->n++]);
        if (e != ERR_NONE)
            return e;
    }
    return expr ? group_expr(l, def, list, expr, op != NULL, to) : ERR_NONE;
}

static CHECKED enum err identify(struct load *l, struct pipe_item *it)
{
    struct pipelines *p = l->all;
    const struct json_node *id = json_get(it->def, "id");

    if (!id || id->str.n == 0)
        return ERR_NONE;
    for (size_t i = 0; i < p->ids_n; i++)
        if (slice_eq(p->ids[i], id->str)) {
            it->id = (uint32_t)i + 1;
            return ERR_NONE;
        }
    if (p->ids_n == PIPELINE_IDS_MAX)
        return wrong(l, id, "more than %d ids of transformations", PIPELINE_IDS_MAX);
    p->ids[p->ids_n++] = id->str;
    it->id = (uint32_t)p->ids_n;
    return ERR_NONE;
}

static bool map_fits(const struct json_node *to)
{
    bool good = to->type != JSON_OBJECT && to->type != JSON_NULL;

    for (const struct json_node *k = to->type == JSON_ARRAY ? to->child : NULL; k; k = k->next)
        good = good && k->type != JSON_OBJECT && k->type != JSON_ARRAY && k->type != JSON_NULL;
    return good;
}

/* A map of texts to a text or a list of texts. */
static CHECKED enum err mapping(const struct load *l, const struct pipe_item *it)
{
    const struct json_node *map = json_get(it->def, "mapping");

    for (const struct json_node *m = map ? map->child : NULL; m; m = m->next)
        if (!map_fits(m))
            return wrong(l, m, "a mapping is to a text or a list of texts");
    return ERR_NONE;
}

static CHECKED enum err added_name(const struct load *l, const struct pipe_item *it)
{
    const struct json_node *name = json_get(it->def, "name");
    struct slice s = name ? name->str : SLICE("x");
    bool good =
        s.n > 0 && s.n < 100 && !one_of(s, "condition timeframe and or not of them all any");

    for (size_t i = 0; i < s.n; i++)
        good = good && ((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
                        (s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '_');
    return good ? ERR_NONE : wrong(l, name, "'name' is no name of a selection");
}

static CHECKED enum err particular(struct load *l, struct pipe_item *it)
{
    const struct json_node *def = it->def;

    switch ((int)it->what) {
    case PIPE_MAP:
    case PIPE_MAP_PREFIX:
    case PIPE_MAP_STRING:
        return mapping(l, it);
    case PIPE_MAP_FUNCTION: {
        enum err e = choice(l, def, "transform_func", "lower upper snake_case");
        return e == ERR_NONE ? mapping(l, it) : e;
    }
    case PIPE_CASE:
        return choice(l, def, "method", "lower upper snake_case");
    case PIPE_CONVERT:
        return choice(l, def, "target_type", "str num");
    case PIPE_SET:
        return choice(l, def, "force_type", "str num");
    case PIPE_WILDCARDS:
    case PIPE_VALUES:
        if (json_get(def, "include") && json_get(def, "exclude"))
            return wrong(l, def, "include and exclude can't be used together");
        return ERR_NONE;
    case PIPE_REPLACE:
        return regex(l, json_get(def, "regex"), &it->re);
    case PIPE_ADD_CONDITION:
        return added_name(l, it);
    case PIPE_NOTHING:
        return note(l, def, it->type);
    default:
        return ERR_NONE;
    }
}

static CHECKED enum err items(struct load *l, const struct json_node *list, unsigned depth,
                              struct pipe_item **ret, size_t *ret_n);

static CHECKED enum err item(struct load *l, const struct json_node *def, unsigned depth,
                             struct pipe_item *it)
{
    static const char *const common[] = {"id",
                                         "type",
                                         "rule_conditions",
                                         "rule_cond_op",
                                         "rule_cond_not",
                                         "rule_cond_expr",
                                         "detection_item_conditions",
                                         "detection_item_cond_op",
                                         "detection_item_cond_not",
                                         "detection_item_cond_expr",
                                         "field_name_conditions",
                                         "field_name_cond_op",
                                         "field_name_cond_not",
                                         "field_name_cond_expr"};
    const struct json_node *type = json_get(def, "type");
    const char *near = "";
    char why[160];

    if (def->type != JSON_OBJECT || !type)
        return wrong(l, def, "a transformation is a map with a 'type'");
    const struct pipe_word *w = pipe_transformation(type->str, &near);
    if (!w)
        return wrong(l, type, "there is no transformation '%.40s'; did you mean '%s'?",
                     arena_cstr(&l->all->arena, type->str), near);
    if (w->kind == PIPE_REFUSED)
        return wrong(l, type, "the transformation '%s' is not supported", w->name);
    const struct json_node *bad = pipe_wrong(def, w, common, ARRAY_LEN(common), why, sizeof(why));
    if (bad)
        return wrong(l, bad, "%s", why);
    if (++l->all->items_n > PIPELINE_ITEMS_MAX)
        return wrong(l, def, "more than %d transformations", PIPELINE_ITEMS_MAX);
    *it = (struct pipe_item){
        .what = (enum pipe_what)w->kind, .def = def, .file = l->file, .type = type->str};
    enum err e = identify(l, it);
    for (int g = 0; e == ERR_NONE && g < GROUPS; g++)
        e = group(l, def, (enum pipe_group_kind)g, &it->group[g]);
    if (e == ERR_NONE)
        e = particular(l, it);
    if (e == ERR_NONE && it->what == PIPE_NEST)
        e = items(l, json_get(def, "items"), depth + 1, &it->items, &it->items_n);
    return e;
}

static CHECKED enum err items(struct load *l, const struct json_node *list, unsigned depth,
                              struct pipe_item **ret, size_t *ret_n)
{
    size_t n = 0;

    if (list->type != JSON_ARRAY)
        return wrong(l, list, "transformations are a list");
    if (depth > PIPELINE_DEPTH_MAX)
        return wrong(l, list, "nested deeper than %d", PIPELINE_DEPTH_MAX);
    struct pipe_item *to = arena_calloc(&l->all->arena, list->n + 1, sizeof(*to));
    if (!to)
        return no_memory(l);
    for (const struct json_node *k = list->child; k; k = k->next) {
        enum err e = item(l, k, depth, &to[n++]);
        if (e != ERR_NONE)
            return e;
    }
    *ret = to;
    *ret_n = n;
    return ERR_NONE;
}

static CHECKED enum err vars(const struct load *l, const struct json_node *doc)
{
    const struct json_node *map = json_get(doc, "vars");

    if (map && map->type != JSON_OBJECT)
        return wrong(l, map, "'vars' is a map");
    for (const struct json_node *m = map ? map->child : NULL; m; m = m->next)
        if (!map_fits(m))
            return wrong(l, m, "a variable is a text, a number or a list of them");
    return ERR_NONE;
}

static CHECKED enum err ignored(struct load *l, const struct json_node *doc)
{
    static const char *const keys[] = {"allowed_backends", "postprocessing", "finalizers"};
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(keys); i++) {
        const struct json_node *n = json_get(doc, keys[i]);
        if (n && n->type != JSON_NULL && !(n->type == JSON_ARRAY && n->n == 0))
            e = note(l, n, slice_of(keys[i]));
    }
    return e;
}

static CHECKED enum err document(struct load *l, const struct json_node *doc)
{
    static const struct pipe_word says = {"a pipeline", 0, "s?name s?priority m?vars v?version"};
    static const char *const keys[] = {"allowed_backends", "transformations", "postprocessing",
                                       "finalizers"};
    const struct json_node *list = json_get(doc, "transformations");
    const struct json_node *priority = json_get(doc, "priority");
    struct pipelines *all = l->all;
    char why[160];

    if (doc->type != JSON_OBJECT)
        return wrong(l, doc, "a pipeline is a map");
    const struct json_node *bad = pipe_wrong(doc, &says, keys, ARRAY_LEN(keys), why, sizeof(why));
    if (bad)
        return wrong(l, bad, "%s", why);
    if (priority && priority->type != JSON_INT)
        return wrong(l, priority, "'priority' is a whole number");
    if (all->n == PIPELINES_MAX)
        return wrong(l, doc, "more than %d pipelines", PIPELINES_MAX);
    struct pipeline p = {
        .file = l->file, .doc = doc, .priority = priority ? priority->i : 0, .order = all->n};
    enum err e = vars(l, doc);
    if (e == ERR_NONE)
        e = ignored(l, doc);
    if (e == ERR_NONE && list)
        e = items(l, list, 0, &p.items, &p.items_n);
    if (e == ERR_NONE)
        all->list[all->n++] = p;
    return e;
}

static CHECKED enum err text(struct load *l, const char *file, struct slice in)
{
    struct json_reader *r = json_reader_new(PIPELINE_FILE_BYTES, PIPELINE_NODES_MAX);
    const struct json_node *docs;
    struct json_node *own = NULL;
    struct diag d = {0};

    l->file = arena_cstr(&l->all->arena, slice_of(file));
    if (!r || !l->file) {
        json_reader_free(r);
        return no_memory(l);
    }
    enum err e = yaml_read(r, in, &docs, &d);
    if (e != ERR_NONE)
        e = FAIL(l->diag, ERR_SYNTAX, d.at, "%.90s: %.100s", file, d.text);
    if (e == ERR_NONE && source_tree_dup(&l->all->arena, docs, &own) != ERR_NONE)
        e = no_memory(l);
    for (const struct json_node *k = own ? own->child : NULL; k && e == ERR_NONE; k = k->next)
        if (k->type != JSON_NULL)
            e = document(l, k);
    json_reader_free(r);
    return e;
}

static CHECKED enum err file(struct load *l, const char *path)
{
    char *bytes = malloc(PIPELINE_FILE_BYTES + 1);
    FILE *f = bytes ? fopen(path, "rbe") : NULL;
    enum err e;

    if (!bytes)
        return no_memory(l);
    if (!f) {
        e = FAIL(l->diag, errno == ENOENT ? ERR_NOENT : ERR_SYS, 0, "%.120s: %s", path,
                 strerror(errno));
        free(bytes);
        return e;
    }
    size_t n = fread(bytes, 1, PIPELINE_FILE_BYTES + 1, f);
    bool bad = ferror(f);
    (void)fclose(f);
    if (bad)
        e = FAIL(l->diag, ERR_SYS, 0, "%.120s: read error", path);
    else if (n > PIPELINE_FILE_BYTES)
        e = FAIL(l->diag, ERR_LIMIT, 0, "%.120s: larger than 1 MiB", path);
    else
        e = text(l, path, (struct slice){bytes, n});
    free(bytes);
    return e;
}

static int by_priority(const void *a, const void *b)
{
    const struct pipeline *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void pipelines_free(struct pipelines *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->res_n; i++)
        regex_free(p->res[i]);
    free(p->res);
    arena_done(&p->arena);
    free(p);
}

static CHECKED enum err open_list(struct load *l)
{
    l->all = calloc(1, sizeof(*l->all));
    if (!l->all)
        return no_memory(l);
    arena_init(&l->all->arena, PIPELINES_BYTES_MAX);
    l->all->notes_tail = &l->all->notes;
    return ERR_NONE;
}

static CHECKED enum err finish(struct load *l, enum err e, struct pipelines **ret)
{
    if (e != ERR_NONE) {
        pipelines_free(l->all);
        return e;
    }
    if (l->all->n)
        qsort(l->all->list, l->all->n, sizeof(l->all->list[0]), by_priority);
    *ret = l->all;
    return ERR_NONE;
}

CHECKED enum err pipelines_load(const char *const *paths, size_t n, struct pipelines **ret,
                                struct diag *diag)
{
    struct load l = {.file = "", .diag = diag};
    enum err e = open_list(&l);

    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        e = file(&l, paths[i]);
    return finish(&l, e, ret);
}

CHECKED enum err pipelines_load_text(const char *name, struct slice in, struct pipelines **ret,
                                     struct diag *diag)
{
    struct load l = {.file = "", .diag = diag};
    enum err e = open_list(&l);

    if (e == ERR_NONE)
        e = text(&l, name, in);
    return finish(&l, e, ret);
}
