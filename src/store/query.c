#include "store/query.h"

#include <stdlib.h>

#include "core/utf8.h"

struct parser {
    struct arena *arena;
    struct slice in;
    size_t at;
    unsigned depth, terms;
    struct diag *diag;
    struct slice field; /* inside "field:( ... )": what its values belong to */
    bool grouped;
};

static CHECKED enum err syntax(struct parser *p, size_t at, const char *what)
{
    return FAIL(p->diag, ERR_SYNTAX, at, "%s at byte %zu", what, at);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->in.n && blank(p->in.p[p->at]))
        p->at++;
}

static char peek(const struct parser *p)
{
    return p->at < p->in.n ? p->in.p[p->at] : '\0';
}

static bool ends_word(char c)
{
    return blank(c) || c == '(' || c == ')' || c == '"';
}

/* Whether the reserved word stands here as a whole word. */
static bool at_word(const struct parser *p, struct slice word)
{
    return p->in.n - p->at >= word.n &&
           slice_eq_nocase(slice_cut(p->in, p->at, p->at + word.n), word) &&
           (p->at + word.n == p->in.n || ends_word(p->in.p[p->at + word.n]));
}

static bool field_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == '@' || c == '-' || c == '/' || (unsigned char)c >= 0x80;
}

static struct query_node *node(struct parser *p, enum query_kind kind, const struct query_node *a,
                               const struct query_node *b)
{
    struct query_node *n = arena_calloc(p->arena, 1, sizeof(*n));

    if (n) {
        n->kind = kind;
        n->a = a;
        n->b = b;
    }
    return n;
}

/* ---- values ---- */

static bool escapable(char c)
{
    return c == '\\' || c == '"' || c == '*' || c == '?' || c == '(' || c == ')' || c == ':' ||
           c == '<' || c == '>' || c == '=' || blank(c);
}

static CHECKED enum err phrase(struct parser *p, struct query_node *n)
{
    size_t open = p->at++;
    char *to = arena_alloc(p->arena, p->in.n - p->at + 1);

    if (!to)
        return FAIL(p->diag, ERR_NOMEM, 0, "out of memory");
    n->value = (struct slice){to, 0};
    n->quoted = true;
    while (p->at < p->in.n && p->in.p[p->at] != '"') {
        char c = p->in.p[p->at++];
        if (c == '\\' && (peek(p) == '"' || peek(p) == '\\') && p->at < p->in.n)
            c = p->in.p[p->at++];
        to[n->value.n++] = c;
    }
    if (p->at == p->in.n)
        return syntax(p, open, "this quotation mark is never closed");
    p->at++;
    return ERR_NONE;
}

static CHECKED enum err word(struct parser *p, struct query_node *n)
{
    char *to = arena_alloc(p->arena, p->in.n - p->at + 1);

    if (!to)
        return FAIL(p->diag, ERR_NOMEM, 0, "out of memory");
    n->value = (struct slice){to, 0};
    while (p->at < p->in.n && !ends_word(p->in.p[p->at])) {
        char c = p->in.p[p->at++];
        if (c == '\\' && p->at < p->in.n && escapable(peek(p)))
            c = p->in.p[p->at++];
        else if (c == '*')
            c = QUERY_STAR;
        else if (c == '?')
            c = QUERY_ANY;
        /* A run of stars is one star. */
        if (c != QUERY_STAR || n->value.n == 0 || to[n->value.n - 1] != QUERY_STAR)
            to[n->value.n++] = c;
    }
    return n->value.n ? ERR_NONE : syntax(p, p->at, "a value is missing");
}

static CHECKED enum err value(struct parser *p, struct query_node *n)
{
    n->at = p->at;
    return peek(p) == '"' ? phrase(p, n) : word(p, n);
}

/* ---- terms ---- */

/* Reads "field:" or "field >=" if that is what stands here; else leaves the position alone. */
static bool field_and_op(struct parser *p, struct slice *ret_field, enum query_op *ret_op)
{
    size_t from = p->at, i = from;

    while (i < p->in.n && field_byte(p->in.p[i]))
        i++;
    size_t end = i;
    while (i < p->in.n && blank(p->in.p[i]))
        i++;
    if (end == from || i == p->in.n)
        return false;
    char c = p->in.p[i];
    bool equal = i + 1 < p->in.n && p->in.p[i + 1] == '=';
    if (c == ':' && i == end)
        *ret_op = QUERY_IS;
    else if (c == '<')
        *ret_op = equal ? QUERY_LE : QUERY_LT;
    else if (c == '>')
        *ret_op = equal ? QUERY_GE : QUERY_GT;
    else
        return false;
    *ret_field = slice_cut(p->in, from, end);
    p->at = i + (c != ':' && equal ? 2 : 1);
    return true;
}

static CHECKED enum err or_list(struct parser *p, const struct query_node **ret);

/* "field:(a or b)": the values inside belong to the field. */
static CHECKED enum err group_of_values(struct parser *p, struct slice field, size_t open,
                                        const struct query_node **ret)
{
    if (p->grouped)
        return syntax(p, open, "a field's group cannot hold another field");
    p->grouped = true;
    p->field = field;
    p->at++;
    enum err e = or_list(p, ret);
    p->grouped = false;
    p->field = SLICE("");
    if (e != ERR_NONE)
        return e;
    if (peek(p) != ')' || p->at == p->in.n)
        return syntax(p, open, "this parenthesis is never closed");
    p->at++;
    return ERR_NONE;
}

static CHECKED enum err term(struct parser *p, const struct query_node **ret)
{
    struct slice field = p->field;
    enum query_op op = QUERY_IS;
    size_t from = p->at;
    bool named = !p->grouped && field_and_op(p, &field, &op);

    if (named && op != QUERY_IS)
        skip_blanks(p);
    if (named && op == QUERY_IS && peek(p) == '(' && p->at < p->in.n)
        return group_of_values(p, field, p->at, ret);
    if (++p->terms > QUERY_TERMS_MAX)
        return FAIL(p->diag, ERR_LIMIT, from, "more than %d terms at byte %zu", QUERY_TERMS_MAX,
                    from);
    struct query_node *n = node(p, QUERY_TERM, NULL, NULL);
    if (!n)
        return FAIL(p->diag, ERR_NOMEM, 0, "out of memory");
    n->field = field;
    n->f = field.n ? field_find(field) : F_NONE;
    n->op = op;
    enum err e = value(p, n);
    if (e == ERR_NONE)
        *ret = n;
    return e;
}

static CHECKED enum err unary(struct parser *p, const struct query_node **ret)
{
    const struct query_node *inner = NULL;
    size_t from = p->at;
    enum err e;

    if (p->depth >= QUERY_DEPTH_MAX)
        return FAIL(p->diag, ERR_LIMIT, from, "nested too deeply at byte %zu", from);
    p->depth++;
    if (at_word(p, SLICE("not"))) {
        p->at += 3;
        skip_blanks(p);
        e = unary(p, &inner);
        struct query_node *n = e == ERR_NONE ? node(p, QUERY_NOT, inner, NULL) : NULL;
        if (e == ERR_NONE && !n)
            e = ERR_NOMEM;
        *ret = n;
    } else if (peek(p) == '(' && p->at < p->in.n) {
        p->at++;
        e = or_list(p, ret);
        if (e == ERR_NONE && (p->at == p->in.n || peek(p) != ')'))
            e = syntax(p, from, "this parenthesis is never closed");
        p->at++;
    } else if (p->at == p->in.n) {
        e = syntax(p, p->at, "something is missing");
    } else if (peek(p) == ')' || at_word(p, SLICE("and")) || at_word(p, SLICE("or"))) {
        e = syntax(p, p->at, "a term was expected");
    } else {
        e = term(p, ret);
    }
    p->depth--;
    return e;
}

static CHECKED enum err join(struct parser *p, enum query_kind kind, const struct query_node **into,
                             const struct query_node *more)
{
    const struct query_node *n = *into ? node(p, kind, *into, more) : more;

    if (!n)
        return FAIL(p->diag, ERR_NOMEM, 0, "out of memory");
    *into = n;
    return ERR_NONE;
}

static CHECKED enum err and_list(struct parser *p, const struct query_node **ret)
{
    const struct query_node *all = NULL, *one = NULL;

    for (;;) {
        enum err e = unary(p, &one);
        if (e == ERR_NONE)
            e = join(p, QUERY_AND, &all, one);
        if (e != ERR_NONE)
            return e;
        skip_blanks(p);
        if (at_word(p, SLICE("and"))) {
            p->at += 3;
            skip_blanks(p);
        } else if (p->at == p->in.n || peek(p) == ')' || at_word(p, SLICE("or"))) {
            *ret = all;
            return ERR_NONE;
        }
    }
}

static CHECKED enum err or_list(struct parser *p, const struct query_node **ret)
{
    const struct query_node *any = NULL, *one = NULL;

    for (;;) {
        skip_blanks(p);
        enum err e = and_list(p, &one);
        if (e == ERR_NONE)
            e = join(p, QUERY_OR, &any, one);
        if (e != ERR_NONE)
            return e;
        if (!at_word(p, SLICE("or"))) {
            *ret = any;
            return ERR_NONE;
        }
        p->at += 2;
    }
}

/* Bytes that no query needs and that patterns use for themselves. */
static CHECKED enum err check_bytes(struct parser *p)
{
    for (size_t i = 0; i < p->in.n;) {
        uint32_t c;
        size_t n = utf8_get(p->in.p + i, p->in.n - i, &c);
        if (n == 0)
            return syntax(p, i, "not UTF-8");
        if (c < 0x20 && !blank((char)c))
            return syntax(p, i, "a control character");
        i += n;
    }
    return ERR_NONE;
}

CHECKED enum err query_parse(struct arena *a, struct slice text, const struct query_node **ret,
                             struct diag *diag)
{
    struct parser p = {.arena = a, .in = text, .diag = diag, .field = SLICE("")};
    const struct query_node *q = NULL;
    enum err e;

    if (text.n > QUERY_BYTES_MAX)
        return FAIL(diag, ERR_LIMIT, QUERY_BYTES_MAX, "a query has at most %d bytes",
                    QUERY_BYTES_MAX);
    e = check_bytes(&p);
    if (e != ERR_NONE)
        return e;
    skip_blanks(&p);
    if (p.at == text.n) {
        q = node(&p, QUERY_ALL, NULL, NULL);
        if (!q)
            return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    } else {
        e = or_list(&p, &q);
        if (e == ERR_NONE && p.at < text.n)
            e = syntax(&p, p.at, "this parenthesis was never opened");
        if (e != ERR_NONE)
            return e;
    }
    *ret = q;
    return ERR_NONE;
}
