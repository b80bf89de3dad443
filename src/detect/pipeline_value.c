#include "detect/pipeline_int.h"

enum { EXPANDED_MAX = 10000 };

#define WILD "contains startswith endswith"

/* The values as they become; what is not changed is in it too. */
struct values {
    struct json_node *first, **tail;
    bool changed;
};

static bool listed(const struct json_node *list, struct slice s)
{
    const struct json_node *n = list && list->type == JSON_ARRAY ? list->child : list;

    for (; n; n = list->type == JSON_ARRAY ? n->next : NULL)
        if (slice_eq(n->str, s))
            return true;
    return false;
}

static bool is_number(const struct json_node *n)
{
    return n->type == JSON_INT || n->type == JSON_UINT || n->type == JSON_DOUBLE;
}

static void push(struct values *to, struct json_node *n)
{
    *to->tail = n;
    to->tail = &n->next;
}

static CHECKED enum err push_text(struct pipe_run *r, const struct json_node *at,
                                  const struct pipe_text *t, struct values *to)
{
    struct slice s;
    struct json_node *n = NULL;
    enum err e = pipe_text_rule(r, t, &s);

    if (e == ERR_NONE)
        e = pipe_string(r, at, s, &n);
    if (e == ERR_NONE)
        push(to, n);
    return e;
}

static CHECKED enum err push_parsed(struct pipe_run *r, const struct json_node *at,
                                    struct slice text, bool holes, struct values *to)
{
    struct pipe_text t = {.n = 0};
    enum err e = pipe_text_parse(r, text, holes, &t);

    to->changed = true;
    return e == ERR_NONE ? push_text(r, at, &t, to) : e;
}

static CHECKED enum err push_same(struct pipe_run *r, const struct json_node *v, struct slice s,
                                  enum json_type type, struct values *to)
{
    struct json_node *n = NULL;
    enum err e = pipe_string(r, v, s, &n);

    if (e != ERR_NONE)
        return e;
    n->type = type;
    if (type == JSON_BOOL)
        n->b = v->b;
    n->plain = type != JSON_STRING;
    push(to, n);
    return ERR_NONE;
}

/* "\" that escapes nothing stands for itself, as a person writes it in a replacement. */
static CHECKED enum err double_slashes(struct pipe_run *r, struct slice in, struct slice *ret)
{
    char *to = pipe_take(r, in.n * 2 + 1);
    size_t n = 0;

    if (!to)
        return ERR_LIMIT;
    for (size_t i = 0; i < in.n; i++) {
        bool escapes = i + 1 < in.n && (in.p[i + 1] == '*' || in.p[i + 1] == '?');
        to[n++] = in.p[i];
        if (in.p[i] == '\\' && !escapes)
            to[n++] = '\\';
    }
    *ret = (struct slice){to, n};
    return ERR_NONE;
}

static CHECKED enum err replace_parts(struct pipe_run *r, const struct pipe_item *it,
                                      const struct json_node *v, const struct pipe_text *t,
                                      struct values *to)
{
    struct slice by = json_get(it->def, "replacement")->str, all = SLICE(""), s;
    bool interpret = json_get_bool(it->def, "interpret_special", false);

    for (size_t i = 0; i < t->n; i++) {
        struct pipe_text one = {.p = &t->p[i], .n = 1};
        enum err e = ERR_NONE;
        if (one.p->kind == PART_LITERAL) {
            e = pipe_sub(r, it->re, by, one.p->s, &one.p->s);
            if (e == ERR_NONE && interpret)
                e = pipe_text_parse(r, one.p->s, false, &one);
        }
        if (e == ERR_NONE)
            e = pipe_text_rule(r, &one, &s);
        if (e == ERR_NONE)
            e = pipe_cat(r, all, s, &all);
        if (e != ERR_NONE)
            return e;
    }
    to->changed = true;
    return push_same(r, v, all, JSON_STRING, to);
}

static CHECKED enum err replace(struct pipe_run *r, const struct pipe_item *it,
                                const struct json_node *v, const struct pipe_text *t, bool holes,
                                struct values *to)
{
    struct slice plain, by = json_get(it->def, "replacement")->str;

    if (json_get_bool(it->def, "skip_special", false))
        return replace_parts(r, it, v, t, to);
    enum err e = pipe_text_plain(r, t, &plain);
    if (e == ERR_NONE)
        e = pipe_sub(r, it->re, by, plain, &plain);
    if (e == ERR_NONE)
        e = double_slashes(r, plain, &plain);
    return e == ERR_NONE ? push_parsed(r, v, plain, holes, to) : e;
}

static CHECKED enum err map_string(struct pipe_run *r, const struct pipe_item *it,
                                   const struct json_node *v, const struct pipe_text *t,
                                   struct values *to)
{
    struct slice plain;
    enum err e = pipe_text_plain(r, t, &plain);
    const struct json_node *m = json_get(it->def, "mapping")->child;

    while (e == ERR_NONE && m && !slice_eq(m->key, plain))
        m = m->next;
    if (e != ERR_NONE || !m)
        return e == ERR_NONE ? push_text(r, v, t, to) : e;
    to->changed = true;
    const struct json_node *k = m->type == JSON_ARRAY ? m->child : m;
    for (; e == ERR_NONE && k; k = m->type == JSON_ARRAY ? k->next : NULL)
        e = push_parsed(r, v, k->str, false, to);
    return e;
}

/* `t` is NULL for what is no text. */
static CHECKED enum err convert(struct pipe_run *r, const struct pipe_item *it,
                                const struct json_node *v, const struct pipe_text *t,
                                struct values *to)
{
    bool to_number = slice_eq(json_get_str(it->def, "target_type"), SLICE("num"));
    bool number = !t && !to_number && is_number(v);
    struct slice plain;
    long double ignored;

    if (!t || !to_number) {
        to->changed |= number;
        return t ? push_text(r, v, t, to)
                 : push_same(r, v, v->str, number ? JSON_STRING : v->type, to);
    }
    enum err e = pipe_text_plain(r, t, &plain);
    if (e != ERR_NONE)
        return e;
    if (!number_parse(plain, &ignored))
        return pipe_refuse(r, it, "'%.*s' can't be converted to a number", SLICE_ARG(plain));
    to->changed = true;
    return push_same(r, v, plain, JSON_DOUBLE, to);
}

static CHECKED enum err change_case(struct pipe_run *r, const struct pipe_item *it,
                                    const struct json_node *v, const struct pipe_text *t,
                                    struct values *to)
{
    struct slice how = json_get_str(it->def, "method");

    for (size_t i = 0; i < t->n; i++) {
        enum err e =
            t->p[i].kind == PART_LITERAL ? pipe_case(r, t->p[i].s, how, &t->p[i].s) : ERR_NONE;
        if (e != ERR_NONE)
            return e;
    }
    to->changed = true;
    return push_text(r, v, t, to);
}

/* The variable of the last pipeline that has it. */
static const struct json_node *variable(const struct pipelines *all, struct slice name)
{
    for (size_t i = all->n; i-- > 0;) {
        const struct json_node *vars = json_get(all->list[i].doc, "vars");
        for (const struct json_node *m = vars ? vars->child : NULL; m; m = m->next)
            if (slice_eq(m->key, name))
                return m;
    }
    return NULL;
}

static bool handled(const struct pipe_item *it, struct slice name)
{
    const struct json_node *in = json_get(it->def, "include"), *out = json_get(it->def, "exclude");

    return in ? listed(in, name) : !(out && listed(out, name));
}

/* Texts under construction, in the form of rules. */
struct texts {
    struct slice *at;
    size_t n;
};

static CHECKED enum err times(struct pipe_run *r, struct texts *t, const struct slice *by, size_t n)
{
    struct texts to = {.n = t->n * n};
    enum err e = ERR_NONE;

    if (n && to.n / n != t->n)
        return ERR_LIMIT;
    if (to.n > EXPANDED_MAX)
        return ERR_LIMIT;
    to.at = pipe_take(r, (to.n + 1) * sizeof(*to.at));
    if (!to.at)
        return ERR_LIMIT;
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; e == ERR_NONE && k < n; k++)
            e = pipe_cat(r, t->at[i], by[k], &to.at[i * n + k]);
    *t = to;
    return e;
}

/* The texts that a placeholder stands for. `raw`: an expression or a network, not a text. */
static CHECKED enum err meanings(struct pipe_run *r, const struct pipe_item *it, struct slice name,
                                 const struct pipe_det *d, struct texts *ret)
{
    static struct slice any[] = {{"*", 1}}, any_re[] = {{".*", 2}};
    bool raw = !pipe_is_text(d);

    if (it->what == PIPE_WILDCARDS) {
        *ret = (struct texts){pipe_mod(d->mods, "re") ? any_re : any, 1};
        return ERR_NONE;
    }
    const struct json_node *var = variable(r->all, name);
    if (!var)
        return pipe_refuse(r, it, "no pipeline has the variable '%.*s'", SLICE_ARG(name));
    size_t n = var->type == JSON_ARRAY ? var->n : 1;
    *ret = (struct texts){pipe_take(r, (n + 1) * sizeof(struct slice)), 0};
    if (!ret->at)
        return ERR_LIMIT;
    const struct json_node *v = var->type == JSON_ARRAY ? var->child : var;
    for (; v; v = var->type == JSON_ARRAY ? v->next : NULL) {
        struct pipe_text t;
        enum err e = raw ? ERR_NONE : pipe_text_parse(r, v->str, false, &t);
        if (e == ERR_NONE && !raw)
            e = pipe_text_rule(r, &t, &ret->at[ret->n]);
        if (e != ERR_NONE)
            return e;
        if (raw)
            ret->at[ret->n] = v->str;
        ret->n++;
    }
    return ERR_NONE;
}

/* Only the placeholders apart: nothing else in it is special. */
static CHECKED enum err raw_parts(struct pipe_run *r, struct slice s, struct pipe_text *ret)
{
    struct pipe_part *p = pipe_take(r, (s.n + 2) * sizeof(*p));
    size_t n = 0;

    if (!p)
        return ERR_LIMIT;
    while (s.n) {
        size_t first = slice_find(s, '%');
        struct slice rest = slice_cut(s, first < s.n ? first + 1 : s.n, s.n);
        size_t second = slice_find(rest, '%');
        if (first == s.n || second == rest.n || second == 0) {
            p[n++] = (struct pipe_part){PART_LITERAL, s};
            break;
        }
        if (first)
            p[n++] = (struct pipe_part){PART_LITERAL, slice_cut(s, 0, first)};
        p[n++] = (struct pipe_part){PART_HOLE, slice_cut(rest, 0, second)};
        s = slice_cut(rest, second + 1, rest.n);
    }
    *ret = (struct pipe_text){p, n};
    return ERR_NONE;
}

static CHECKED enum err expand(struct pipe_run *r, const struct pipe_item *it,
                               const struct json_node *v, const struct pipe_det *d,
                               const struct pipe_text *t, struct values *to)
{
    struct slice nothing = SLICE("");
    struct texts all = {&nothing, 1};
    bool raw = !pipe_is_text(d);
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && !r->c->failed && i < t->n; i++) {
        struct pipe_text one = {.p = &t->p[i], .n = 1};
        struct slice s = one.p->s;
        struct texts by = {&s, 1};
        if (one.p->kind == PART_HOLE && handled(it, s)) {
            to->changed = true;
            e = meanings(r, it, s, d, &by);
        } else if (!raw || one.p->kind == PART_HOLE) {
            e = pipe_text_rule(r, &one, &s);
        }
        if (e == ERR_NONE)
            e = times(r, &all, by.at, by.n);
    }
    for (size_t i = 0; e == ERR_NONE && i < all.n; i++)
        e = push_same(r, v, all.at[i], JSON_STRING, to);
    return e;
}

static CHECKED enum err placeholders(struct pipe_run *r, const struct pipe_item *it,
                                     struct pipe_det *d, struct values *to)
{
    enum err e = ERR_NONE;

    if (!pipe_mod(d->mods, "expand"))
        return ERR_NONE;
    for (const struct json_node *v = d->value; e == ERR_NONE && v; v = v->next) {
        struct pipe_text t = {.n = 0};
        bool text = pipe_is_text_value(d, v);
        e = text ? pipe_text_of(r, d, v->str, &t) : raw_parts(r, v->str, &t);
        if (e == ERR_NONE)
            e = text || v->type == JSON_STRING ? expand(r, it, v, d, &t, to)
                                               : push_same(r, v, v->str, v->type, to);
    }
    return e;
}

/* When none is left, a percent sign is a percent sign again. */
static CHECKED enum err expanded(struct pipe_run *r, struct pipe_det *d)
{
    for (const struct json_node *v = d->value; v; v = v->next) {
        struct pipe_text t = {.n = 0};
        enum err e = raw_parts(r, v->str, &t);
        if (e != ERR_NONE)
            return e;
        for (size_t i = 0; i < t.n; i++)
            if (t.p[i].kind == PART_HOLE)
                return ERR_NONE;
    }
    return pipe_mods_less(r, d->mods, "expand", &d->mods);
}

static CHECKED enum err set_value(struct pipe_run *r, const struct pipe_item *it,
                                  struct pipe_det *d, struct values *to)
{
    const struct json_node *value = json_get(it->def, "value");
    struct slice force = json_get_str(it->def, "force_type");
    enum json_type type = value->type;
    long double ignored;
    enum err e = ERR_NONE;

    if (slice_eq(force, SLICE("str")))
        type = JSON_STRING;
    if (slice_eq(force, SLICE("num")) && !is_number(value)) {
        type = JSON_DOUBLE;
        if (!number_parse(value->str, &ignored))
            return pipe_refuse(r, it, "'%.*s' is not a number", SLICE_ARG(value->str));
    }
    for (const struct json_node *v = d->value; e == ERR_NONE && v; v = v->next) {
        e = push_same(r, v, value->str, type, to);
        for (struct json_node *n = to->first; n; n = n->next)
            if (type == JSON_BOOL)
                n->b = value->b;
    }
    to->changed = true;
    return e == ERR_NONE ? pipe_mods_less(r, d->mods,
                                          WILD " re cidr gt gte lt lte exists i m s cased expand "
                                               "fieldref wide utf16le utf16be utf16 base64 "
                                               "base64offset windash",
                                          &d->mods)
                         : e;
}

static CHECKED enum err one(struct pipe_run *r, const struct pipe_item *it,
                            const struct pipe_det *d, const struct json_node *v, struct values *to)
{
    bool text = pipe_is_text_value(d, v);
    struct pipe_text t = {.n = 0};
    enum err e = ERR_NONE;

    if (text || (it->what == PIPE_REPLACE && is_number(v)))
        e = pipe_text_of(r, d, v->str, &t);
    else if (it->what != PIPE_CONVERT)
        return push_same(r, v, v->str, v->type, to);
    if (e != ERR_NONE)
        return e;
    switch ((int)it->what) {
    case PIPE_REPLACE:
        return replace(r, it, v, &t, pipe_mod(d->mods, "expand"), to);
    case PIPE_MAP_STRING:
        return map_string(r, it, v, &t, to);
    case PIPE_CONVERT:
        return convert(r, it, v, text ? &t : NULL, to);
    default:
        return change_case(r, it, v, &t, to);
    }
}

CHECKED enum err pipe_value_item(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                                 bool *ret_changed)
{
    struct values to = {.first = NULL};
    bool holes = it->what == PIPE_WILDCARDS || it->what == PIPE_VALUES;
    enum err e = ERR_NONE;

    to.tail = &to.first;
    if (holes) {
        e = placeholders(r, it, d, &to);
    } else if (it->what == PIPE_SET) {
        e = set_value(r, it, d, &to);
    } else if (pipe_is_text(d)) {
        for (const struct json_node *v = d->value; e == ERR_NONE && v; v = v->next)
            e = one(r, it, d, v, &to);
    }
    if (e != ERR_NONE || r->c->failed || !to.changed)
        return e;
    d->value = to.first;
    *ret_changed = true;
    if (it->what != PIPE_SET && pipe_is_text(d))
        e = pipe_mods_less(r, d->mods, WILD, &d->mods);
    return e == ERR_NONE && holes ? expanded(r, d) : e;
}

static struct slice strip(struct slice s, const char *bytes, bool both)
{
    while (s.n && s.p[0] && strchr(bytes, s.p[0]))
        s = slice_cut(s, 1, s.n);
    while (both && s.n && s.p[s.n - 1] && strchr(bytes, s.p[s.n - 1]))
        s.n--;
    return s;
}

static const char *by_length(size_t n)
{
    return n == 32 ? "MD5" : n == 40 ? "SHA1" : n == 64 ? "SHA256" : n == 128 ? "SHA512" : "";
}

/* "SHA1=…", "SHA1|…", or a hash that its length tells. */
static CHECKED enum err split_hash(struct pipe_run *r, struct slice s, struct slice *ret_algo,
                                   struct slice *ret_hash)
{
    char sign = slice_find(s, '|') < s.n ? '|' : '=';
    size_t at = slice_find(s, sign);
    struct slice rest = slice_cut(s, at < s.n ? at + 1 : s.n, s.n);

    if (at < s.n && slice_find(rest, sign) == rest.n) {
        *ret_hash = strip(rest, "*?", true);
        return pipe_case(r, strip(slice_cut(s, 0, at), "*", false), SLICE("upper"), ret_algo);
    }
    *ret_hash = strip(slice_cut(s, 0, at), "*?", true);
    *ret_algo = slice_of(by_length(ret_hash->n));
    return ERR_NONE;
}

static CHECKED enum err add_hash(struct pipe_run *r, const struct pipe_item *it,
                                 const struct pipe_det *from, struct slice algo, struct slice hash,
                                 struct pipe_det *group)
{
    bool drop = json_get_bool(it->def, "drop_algo_prefix", false);
    struct slice name;
    struct json_node *n, **tail;
    struct pipe_det **to = &group->child;
    enum err e = pipe_cat(r, json_get_str(it->def, "field_prefix"), drop ? SLICE("") : algo, &name);

    if (e == ERR_NONE)
        e = pipe_string(r, from->at, hash, &n);
    if (e != ERR_NONE || name.n == 0)
        return e;
    while (*to && !slice_eq((*to)->field, name))
        to = &(*to)->next;
    if (!*to) {
        *to = pipe_take(r, sizeof(**to));
        if (!*to)
            return ERR_LIMIT;
        bool keyword = slice_eq(name, SLICE("keyword"));
        **to = (struct pipe_det){.kind = DET_ITEM,
                                 .at = from->at,
                                 .keyword = keyword,
                                 .field = keyword ? SLICE("") : name,
                                 .mods = SLICE("")};
    }
    for (tail = &(*to)->value; *tail;)
        tail = &(*tail)->next;
    *tail = n;
    return ERR_NONE;
}

static bool parsed_field(const struct pipe_item *it, const struct pipe_det *d)
{
    const struct json_node *list = json_get(it->def, "field_to_parse");

    if (list)
        return !d->keyword && listed(list, d->field);
    return slice_eq(d->field, SLICE("Hashes")) || slice_eq(d->field, SLICE("Hash"));
}

CHECKED enum err pipe_hashes(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                             bool *ret_changed)
{
    struct pipe_det group = {.kind = DET_OR, .at = d->at, .marks = d->marks, .next = d->next};

    if (!parsed_field(it, d) || !pipe_is_text(d))
        return ERR_NONE;
    for (const struct json_node *v = d->value; v; v = v->next)
        if (!pipe_is_text_value(d, v))
            return ERR_NONE;
    for (const struct json_node *v = d->value; v; v = v->next) {
        struct slice plain = {0}, algo = {0}, hash = {0};
        struct pipe_text t;
        enum err e = pipe_text_of(r, d, v->str, &t);
        if (e == ERR_NONE)
            e = pipe_text_plain(r, &t, &plain);
        if (e == ERR_NONE)
            e = split_hash(r, plain, &algo, &hash);
        if (e == ERR_NONE && listed(json_get(it->def, "valid_hash_algos"), algo))
            e = add_hash(r, it, d, algo, hash, &group);
        if (e != ERR_NONE)
            return e;
    }
    if (!group.child)
        return pipe_refuse(r, it, "'%.*s' has no hash of the listed kinds", SLICE_ARG(d->field));
    *d = group;
    *ret_changed = true;
    return ERR_NONE;
}
