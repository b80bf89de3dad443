#include "detect/pattern_int.h"

#include "core/fold.h"

CHECKED enum err pattern_scan(struct arena *a, struct slice text, struct toks *ret)
{
    struct tok *t = arena_alloc(a, (text.n + 1) * sizeof(*t));
    size_t n = 0;

    if (!t)
        return ERR_NOMEM;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i], next = i + 1 < text.n ? text.p[i + 1] : 0;
        enum tok_kind kind = c == '*' ? TOK_ANY : c == '?' ? TOK_ONE : TOK_BYTE;
        if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
            c = next;
            i++;
        }
        t[n++] = (struct tok){(uint8_t)kind, c};
    }
    *ret = (struct toks){t, n};
    return ERR_NONE;
}

CHECKED enum err pattern_literal(struct arena *a, struct slice text, struct toks *ret)
{
    struct tok *t = arena_alloc(a, (text.n + 1) * sizeof(*t));

    if (!t)
        return ERR_NOMEM;
    for (size_t i = 0; i < text.n; i++)
        t[i] = (struct tok){TOK_BYTE, text.p[i]};
    *ret = (struct toks){t, text.n};
    return ERR_NONE;
}

bool pattern_has_wildcards(struct toks t)
{
    for (size_t i = 0; i < t.n; i++)
        if (t.t[i].kind != TOK_BYTE)
            return true;
    return false;
}

CHECKED enum err pattern_open(struct arena *a, struct toks t, bool front, bool behind,
                              struct toks *ret)
{
    struct tok *to = arena_alloc(a, (t.n + 2) * sizeof(*to));
    size_t n = 0;

    if (!to)
        return ERR_NOMEM;
    if (front)
        to[n++] = (struct tok){TOK_ANY, '*'};
    if (t.n)
        memcpy(to + n, t.t, t.n * sizeof(*to));
    n += t.n;
    if (behind)
        to[n++] = (struct tok){TOK_ANY, '*'};
    *ret = (struct toks){to, n};
    return ERR_NONE;
}

/* Folds each run of bytes. A run ends only at a wildcard, so no character is ever cut. */
static CHECKED enum err folded(struct arena *a, struct toks t, struct toks *ret)
{
    struct tok *to = arena_alloc(a, (fold_bound(t.n) + t.n + 1) * sizeof(*to));
    char *in = arena_alloc(a, t.n + 1), *out = arena_alloc(a, fold_bound(t.n) + 1);
    size_t n = 0;

    if (!to || !in || !out)
        return ERR_NOMEM;
    for (size_t i = 0; i < t.n;) {
        size_t run = 0;
        while (i + run < t.n && t.t[i + run].kind == TOK_BYTE) {
            in[run] = t.t[i + run].byte;
            run++;
        }
        size_t got = run ? fold_case((struct slice){in, run}, out) : 0;
        for (size_t k = 0; k < got; k++)
            to[n++] = (struct tok){TOK_BYTE, out[k]};
        i += run;
        if (i < t.n)
            to[n++] = t.t[i++];
    }
    *ret = (struct toks){to, n};
    return ERR_NONE;
}

/* The byte that most texts do not hold. Only speed depends on the guess. */
static size_t rarest(struct slice lit)
{
    static const char common[] = "zqxjkvbpygfwmucldrhsnioate0123456789./-_ ";
    size_t best = 0, best_rank = SIZE_MAX;

    for (size_t i = 0; i < lit.n; i++) {
        const char *hit = lit.p[i] ? strchr(common, lit.p[i]) : NULL;
        size_t rank = hit ? (size_t)(hit - common) + 1 : 0;
        if (rank < best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

static CHECKED enum err segment(struct arena *a, struct tok *t, size_t n, struct pattern_seg *ret)
{
    char *lit = arena_alloc(a, n + 1);
    bool literal = true;

    if (!lit)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        lit[i] = t[i].byte;
        literal = literal && t[i].kind == TOK_BYTE;
    }
    *ret = (struct pattern_seg){.t = t, .n = n, .lit = {lit, literal ? n : 0}, .literal = literal};
    ret->rare = rarest(ret->lit);
    return ERR_NONE;
}

static CHECKED enum err split(struct arena *a, struct toks t, struct pattern *p)
{
    p->segs = arena_alloc(a, (t.n + 1) * sizeof(*p->segs));
    if (!p->segs)
        return ERR_NOMEM;
    for (size_t i = 0; i < t.n;) {
        size_t n = 0;
        while (i + n < t.n && t.t[i + n].kind != TOK_ANY)
            n++;
        if (n) {
            enum err e = segment(a, t.t + i, n, &p->segs[p->segs_n++]);
            if (e != ERR_NONE)
                return e;
        }
        i += n + 1;
    }
    return ERR_NONE;
}

static struct sieve_need need_of(const struct pattern *p)
{
    struct slice longest = SLICE("");

    for (size_t i = 0; !p->cased && i < p->segs_n; i++)
        if (p->segs[i].lit.n > longest.n)
            longest = p->segs[i].lit;
    return sieve_need_of(longest);
}

CHECKED enum err pattern_build(struct arena *a, struct toks t, bool cased, struct pattern *ret)
{
    struct pattern p = {.kind = PATTERN_GLOB, .cased = cased, .lit = SLICE("")};
    enum err e = cased ? ERR_NONE : folded(a, t, &t);

    if (e == ERR_NONE)
        e = split(a, t, &p);
    if (e != ERR_NONE)
        return e;
    p.open_start = t.n && t.t[0].kind == TOK_ANY;
    p.open_end = t.n && t.t[t.n - 1].kind == TOK_ANY;
    if (p.segs_n == 0) {
        p.kind = t.n ? PATTERN_ANY : PATTERN_EQUAL;
    } else if (p.segs_n == 1 && p.segs[0].literal) {
        p.lit = p.segs[0].lit;
        p.rare = p.segs[0].rare;
        p.kind = p.open_start ? (p.open_end ? PATTERN_CONTAINS : PATTERN_ENDS)
                              : (p.open_end ? PATTERN_STARTS : PATTERN_EQUAL);
    }
    p.need = need_of(&p);
    *ret = p;
    return ERR_NONE;
}

static bool continuation(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

/* The bytes of the dash at `at`, or 0. */
static size_t dash(struct slice text, size_t at)
{
    const char *p = text.p + at;

    if (p[0] == '-' || p[0] == '/')
        return 1;
    if (text.n - at >= 3 && p[0] == '\xe2' && p[1] == '\x80' && p[2] >= '\x93' && p[2] <= '\x95')
        return 3;
    return 0;
}

/* Where the segment ends when it starts at `at`, or SIZE_MAX. A later start never ends earlier
 * than an earlier one, which is what makes the leftmost match of each segment the right one. */
static size_t seg_end(const struct pattern_seg *s, struct slice text, size_t at)
{
    for (size_t i = 0; i < s->n; i++) {
        if (at >= text.n)
            return SIZE_MAX;
        if (s->t[i].kind == TOK_BYTE) {
            if (text.p[at++] != s->t[i].byte)
                return SIZE_MAX;
        } else if (s->t[i].kind == TOK_DASH) {
            size_t n = dash(text, at);
            if (!n)
                return SIZE_MAX;
            at += n;
        } else {
            at++;
            while (at < text.n && continuation(text.p[at]))
                at++;
        }
    }
    return at;
}

/* The leftmost place of lit; lit is not empty. */
static bool contains(struct slice text, struct slice lit, size_t rare, size_t *ret_at)
{
    if (lit.n > text.n)
        return false;
    const char *at = text.p + rare, *end = text.p + text.n - lit.n + rare + 1;
    while (at < end && (at = memchr(at, lit.p[rare], (size_t)(end - at)))) {
        if (memcmp(at - rare, lit.p, lit.n) == 0) {
            *ret_at = (size_t)(at - rare - text.p);
            return true;
        }
        at++;
    }
    return false;
}

/* The leftmost match from `at` on; where it ends, or SIZE_MAX. */
static size_t seg_find(const struct pattern_seg *s, struct slice text, size_t at)
{
    size_t hit = 0;

    if (s->literal)
        return contains(slice_cut(text, at, text.n), s->lit, s->rare, &hit) ? at + hit + s->n
                                                                            : SIZE_MAX;
    for (; at < text.n; at++) {
        if (s->t[0].kind == TOK_BYTE) {
            at += slice_find(slice_cut(text, at, text.n), s->t[0].byte);
            if (at >= text.n)
                break;
        }
        size_t end = seg_end(s, text, at);
        if (end != SIZE_MAX)
            return end;
    }
    return SIZE_MAX;
}

/* Whether the segment matches somewhere from `at` on and ends where the text does. */
static bool seg_closes(const struct pattern_seg *s, struct slice text, size_t at)
{
    if (s->literal)
        return text.n - at >= s->n && memcmp(text.p + text.n - s->n, s->lit.p, s->n) == 0;
    for (; at < text.n; at++)
        if (seg_end(s, text, at) == text.n)
            return true;
    return false;
}

static bool glob(const struct pattern *p, struct slice text)
{
    size_t at = 0, i = 0, stop = p->open_end ? p->segs_n : p->segs_n - 1;

    if (!p->open_start) {
        at = seg_end(&p->segs[0], text, 0);
        if (at == SIZE_MAX)
            return false;
        if (p->segs_n == 1 && !p->open_end)
            return at == text.n;
        i = 1;
    }
    for (; i < stop; i++) {
        at = seg_find(&p->segs[i], text, at);
        if (at == SIZE_MAX)
            return false;
    }
    return p->open_end || seg_closes(&p->segs[stop], text, at);
}

bool pattern_match(const struct pattern *p, struct slice text)
{
    size_t at;

    switch (p->kind) {
    case PATTERN_ANY:
        return true;
    case PATTERN_EQUAL:
        return slice_eq(text, p->lit);
    case PATTERN_STARTS:
        return slice_starts(text, p->lit);
    case PATTERN_ENDS:
        return text.n >= p->lit.n && memcmp(text.p + text.n - p->lit.n, p->lit.p, p->lit.n) == 0;
    case PATTERN_CONTAINS:
        return contains(text, p->lit, p->rare, &at);
    case PATTERN_GLOB:
        return glob(p, text);
    }
    return false;
}
