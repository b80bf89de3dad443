#include "detect/watch_int.h"

#include <stdlib.h>

#include "detect/seek_int.h"

struct wants {
    struct scan_want *v; /* in preds.tmp */
    size_t n, cap;
};

static CHECKED enum err add(struct arena *tmp, struct wants *w, struct slice text)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        struct scan_want *v = arena_alloc(tmp, cap * sizeof(*v));
        if (!v)
            return ERR_NOMEM;
        if (w->n)
            memcpy(v, w->v, w->n * sizeof(*v));
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n++] = (struct scan_want){text, true};
    return ERR_NONE;
}

/* As JSON writes it; false when it can't without \u. */
static bool escaped(struct slice s, char *to, size_t *ret_n)
{
    static const char plain[] = "\"\\\b\f\n\r\t", with[] = "\"\\bfnrt";
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        const char *hit = s.p[i] ? strchr(plain, s.p[i]) : NULL;
        if (!hit && (unsigned char)s.p[i] < 0x20)
            return false;
        if (hit)
            to[n++] = '\\';
        to[n++] = hit ? with[hit - plain] : s.p[i];
    }
    *ret_n = n;
    return true;
}

/* *ret_known: a literal is known, and the scanner takes it. */
static CHECKED enum err add_atom(struct preds *p, struct wants *w, uint32_t atom, bool *ret_known)
{
    struct slice text;
    size_t n = 0;
    enum err e = seek_need(p->tmp, &p->atoms[atom], &text);
    char *to = e == ERR_NONE ? arena_alloc(p->tmp, 2 * text.n + 1) : NULL;

    if (!to)
        return e != ERR_NONE ? e : ERR_NOMEM;
    *ret_known = scan_fits(text);
    if (!*ret_known)
        return ERR_NONE;
    e = add(p->tmp, w, text);
    if (e != ERR_NONE || !escaped(text, to, &n) || n == text.n)
        return e;
    *ret_known = scan_fits((struct slice){to, n});
    return *ret_known ? add(p->tmp, w, (struct slice){to, n}) : ERR_NONE;
}

static CHECKED enum err one_rule(struct preds *p, const struct watch_rule *r, struct wants *w,
                                 bool *ret_known)
{
    enum err e = ERR_NONE;

    *ret_known = true;
    for (uint32_t i = 0; i < r->n && e == ERR_NONE && *ret_known; i++) {
        const struct pred *pred = &p->keyword.v[r->preds[i]];
        for (uint32_t k = 0; k < pred->n && e == ERR_NONE && *ret_known; k++)
            e = add_atom(p, w, pred->atoms[k], ret_known);
    }
    return e;
}

CHECKED enum err watch_build(struct arena *keep, struct preds *p, const struct watch_rule *rules,
                             size_t n, size_t rules_n, struct scan_cache *cache, struct watch *ret)
{
    struct wants all = {.n = 0};
    enum err e = ERR_NONE;

    ret->of = arena_calloc(keep, rules_n + 1, sizeof(*ret->of));
    ret->dbs = calloc(n + 1, sizeof(struct scan *));
    if (!ret->of || !ret->dbs)
        return ERR_NOMEM;
    for (size_t i = 0; i < n && e == ERR_NONE && scan_works(); i++) {
        struct wants w = {.n = 0};
        bool known;
        e = one_rule(p, &rules[i], &w, &known);
        if (e != ERR_NONE || !known)
            continue;
        e = scan_cache_literals(cache, w.v, w.n, &ret->dbs[ret->dbs_n]);
        if (e == ERR_NONE)
            ret->of[rules[i].rule] = ++ret->dbs_n;
        for (size_t k = 0; k < w.n && e == ERR_NONE; k++)
            e = add(p->tmp, &all, w.v[k].text);
        if (e == ERR_UNSUPPORTED)
            e = ERR_NONE;
    }
    if (e == ERR_NONE && all.n)
        e = scan_cache_literals(cache, all.v, all.n, &ret->all);
    return e == ERR_UNSUPPORTED ? ERR_NONE : e;
}

void watch_done(struct watch *w)
{
    for (uint32_t i = 0; i < w->dbs_n; i++)
        scan_free(w->dbs[i]);
    free(w->dbs);
    scan_free(w->all);
    *w = (struct watch){.dbs_n = 0};
}

enum { LANE = 16 };
typedef int8_t lane __attribute__((vector_size(LANE)));
typedef uint64_t halves __attribute__((vector_size(LANE)));

/* Whether a backslash may stand before a `u` or a `/` in these: it may be the second of two. */
static bool suspicious(const char *p)
{
    lane a, b;

    memcpy(&a, p, LANE);
    memcpy(&b, p + 1, LANE);
    halves h = (halves)((a == '\\') & ((b == 'u') | (b == '/')));
    return (h[0] | h[1]) != 0;
}

bool watch_is_plain(struct slice record)
{
    size_t i = 0;
    bool odd = false;

    for (; record.n - i > LANE && !odd; i += LANE)
        odd = suspicious(record.p + i);
    for (; i + 1 < record.n && !odd; i++)
        odd = record.p[i] == '\\' && (record.p[i + 1] == 'u' || record.p[i + 1] == '/');
    if (!odd)
        return true;
    for (i = 0; i + 1 < record.n; i++) {
        if (record.p[i] != '\\')
            continue;
        i++;
        if (record.p[i] == 'u' || record.p[i] == '/')
            return false;
    }
    return true;
}
