#include "store/pattern.h"

#include "core/buf.h"
#include "core/fold.h"
#include "store/native.h"
#include "store/query.h"

enum { PATTERN_BYTES_MAX = 65536 };

static bool wild(char c)
{
    return c == QUERY_STAR || c == QUERY_ANY;
}

/* Stars at the two ends and nothing wild between? */
static bool simple(struct slice v, bool *ret_front, bool *ret_back, struct slice *ret_middle)
{
    *ret_front = v.n && v.p[0] == QUERY_STAR;
    *ret_back = v.n > 1 && v.p[v.n - 1] == QUERY_STAR;
    *ret_middle = slice_cut(v, *ret_front, v.n - *ret_back);
    for (size_t i = 0; i < ret_middle->n; i++)
        if (wild(ret_middle->p[i]))
            return false;
    return true;
}

static enum pattern_kind kind_of(bool front, bool back)
{
    if (front)
        return back ? PATTERN_CONTAINS : PATTERN_ENDS;
    return back ? PATTERN_STARTS : PATTERN_EQUAL;
}

static CHECKED enum err put_literal(struct buf *b, char c)
{
    static const char special[] = "\\.+*?()|[]{}^$";
    enum err e = ERR_NONE;

    if (c && strchr(special, c))
        e = buf_putc(b, '\\');
    return e == ERR_NONE ? buf_putc(b, c) : e;
}

/* `any` stands for one character. */
static CHECKED enum err regex(struct arena *a, struct slice v, const char *any, bool anchored,
                              struct pattern *ret)
{
    struct buf b;
    enum err e;

    buf_init(&b, PATTERN_BYTES_MAX);
    e = buf_puts(&b, anchored ? "(?s)^" : "(?s)");
    for (size_t i = 0; e == ERR_NONE && i < v.n; i++) {
        if (v.p[i] == QUERY_STAR)
            e = buf_puts(&b, "\\C*");
        else if (v.p[i] == QUERY_ANY)
            e = buf_puts(&b, any);
        else
            e = put_literal(&b, v.p[i]);
    }
    if (e == ERR_NONE && anchored)
        e = buf_putc(&b, '$');
    if (e == ERR_NONE)
        e = arena_dup(a, buf_slice(&b), &ret->text);
    if (e == ERR_NONE)
        ret->kind = PATTERN_REGEX;
    buf_done(&b);
    return e;
}

CHECKED enum err pattern_whole(struct arena *a, struct slice value, struct pattern *ret)
{
    struct pattern p = {PATTERN_EQUAL, SLICE("")};
    struct slice v, middle;
    bool front, back;
    enum err e = fold_case_dup(a, value, &v);

    if (e != ERR_NONE)
        return e;
    if (simple(v, &front, &back, &middle)) {
        p.kind = middle.n == 0 && front ? PATTERN_ANY : kind_of(front, back);
        p.text = middle;
    } else {
        e = regex(a, v, ".", true, &p);
    }
    if (e == ERR_NONE)
        *ret = p;
    return e;
}

static bool word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

/* The words form of a pattern: what is no word becomes one blank, the two open ends get one. */
static CHECKED enum err words(struct arena *a, struct slice v, struct slice *ret)
{
    char *to = arena_alloc(a, v.n + 2);
    size_t n = 0;

    if (!to)
        return ERR_NOMEM;
    if (v.n && !wild(v.p[0]))
        to[n++] = ' ';
    for (size_t i = 0; i < v.n; i++) {
        if (wild(v.p[i]) || word_byte(v.p[i]))
            to[n++] = v.p[i];
        else if (n == 0 || to[n - 1] != ' ')
            to[n++] = ' ';
    }
    if (v.n && !wild(v.p[v.n - 1]) && to[n - 1] != ' ')
        to[n++] = ' ';
    *ret = (struct slice){to, n};
    return ERR_NONE;
}

CHECKED enum err pattern_words(struct arena *a, struct slice value, struct pattern *ret)
{
    struct pattern p = {PATTERN_CONTAINS, SLICE("")};
    struct slice v, middle;
    bool front, back, any = false;
    enum err e = fold_search_dup(a, value, &v);

    if (e == ERR_NONE)
        e = words(a, v, &v);
    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < v.n; i++)
        any = any || word_byte(v.p[i]);
    if (!any && !(v.n == 1 && v.p[0] == QUERY_STAR))
        return ERR_SYNTAX;
    if (!any) {
        p.kind = PATTERN_ANY;
    } else if (simple(v, &front, &back, &middle)) {
        p.text = middle; /* blanks in it are the borders of words */
    } else {
        /* Stars at the ends say no more than that the expression is not anchored. */
        v = slice_cut(v, front, v.n - back);
        e = regex(a, v, "[^ \\n]", false, &p);
    }
    if (e == ERR_NONE)
        *ret = p;
    return e;
}
