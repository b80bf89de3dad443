#include "detect/pipeline_int.h"

/* "a and not (b or c)": not before and before or, as everywhere. */
struct parser {
    struct arena *arena;
    const struct pipe_group *group;
    struct slice in;
    size_t at;
    unsigned depth;
    uint64_t used[4];
    const char *why;
};
enum { EXPR_NAMES_MAX = 256 };

static bool name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static struct slice peek(struct parser *p)
{
    while (p->at < p->in.n && strchr(" \t\r\n", p->in.p[p->at]))
        p->at++;
    size_t n = 0;
    while (p->at + n < p->in.n && name_byte(p->in.p[p->at + n]))
        n++;
    if (n == 0 && p->at < p->in.n)
        n = 1;
    return slice_cut(p->in, p->at, p->at + n);
}

static bool take(struct parser *p, const char *word)
{
    struct slice next = peek(p);

    if (!slice_eq(next, slice_of(word)))
        return false;
    p->at += next.n;
    return true;
}

static struct pipe_expr *node(struct parser *p, enum pipe_expr_kind kind,
                              const struct pipe_expr *left, const struct pipe_expr *right)
{
    struct pipe_expr *e = arena_calloc(p->arena, 1, sizeof(*e));

    if (!e) {
        p->why = "out of memory";
        return NULL;
    }
    *e = (struct pipe_expr){.kind = kind, .left = left, .right = right};
    return e;
}

static struct pipe_expr *either(struct parser *p);

static struct pipe_expr *name(struct parser *p)
{
    struct slice word = peek(p);

    if (word.n == 0 || !name_byte(word.p[0])) {
        p->why = "a name is missing";
        return NULL;
    }
    for (size_t i = 0; i < p->group->n; i++) {
        if (!slice_eq(word, p->group->when[i].name))
            continue;
        struct pipe_expr *e = node(p, PIPE_EXPR_NAME, NULL, NULL);
        p->at += word.n;
        p->used[i / 64] |= UINT64_C(1) << (i % 64);
        if (e)
            e->when = i;
        return e;
    }
    p->why = "it names a condition that is not there";
    return NULL;
}

static struct pipe_expr *one(struct parser *p)
{
    struct pipe_expr *e;

    if (++p->depth > PIPELINE_DEPTH_MAX * 4) {
        p->why = "nested too deep";
        return NULL;
    }
    if (take(p, "not")) {
        e = one(p);
        e = e ? node(p, PIPE_EXPR_NOT, e, NULL) : NULL;
    } else if (take(p, "(")) {
        e = either(p);
        if (e && !take(p, ")")) {
            p->why = "a parenthesis is not closed";
            return NULL;
        }
    } else {
        e = name(p);
    }
    p->depth--;
    return e;
}

static struct pipe_expr *both(struct parser *p)
{
    struct pipe_expr *e = one(p);

    while (e && take(p, "and")) {
        const struct pipe_expr *right = one(p);
        e = right ? node(p, PIPE_EXPR_AND, e, right) : NULL;
    }
    return e;
}

static struct pipe_expr *either(struct parser *p)
{
    struct pipe_expr *e = both(p);

    while (e && take(p, "or")) {
        const struct pipe_expr *right = both(p);
        e = right ? node(p, PIPE_EXPR_OR, e, right) : NULL;
    }
    return e;
}

CHECKED enum err pipe_expr_parse(struct arena *a, struct slice text, const struct pipe_group *g,
                                 const struct pipe_expr **ret, const char **ret_why)
{
    struct parser p = {.arena = a, .group = g, .in = text};

    if (g->n > EXPR_NAMES_MAX || text.n > 4096) {
        *ret_why = "too long";
        return ERR_SYNTAX;
    }
    const struct pipe_expr *e = either(&p);
    if (e && peek(&p).n)
        p.why = "'and' or 'or' is missing";
    for (size_t i = 0; e && !p.why && i < g->n; i++)
        if (!(p.used[i / 64] >> (i % 64) & 1))
            p.why = "it leaves out one of the conditions";
    if (!e || p.why) {
        *ret_why = p.why ? p.why : "out of memory";
        return ERR_SYNTAX;
    }
    *ret = e;
    return ERR_NONE;
}
