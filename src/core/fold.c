#include "core/fold.h"

#include "core/fold_table.h"
#include "core/utf8.h"

enum { LANE = 16 };

/* Sixteen bytes at a time; the compilers turn it into whatever the processor has. */
typedef int8_t lane __attribute__((vector_size(LANE)));
typedef uint64_t halves __attribute__((vector_size(LANE)));

struct table {
    const uint8_t *index;
    const uint16_t (*blocks)[FOLD_BLOCK];
};

static const struct table by_case = {case_index, case_blocks};
static const struct table by_search = {search_index, search_blocks};

static bool load_ascii(const char *p, lane *ret)
{
    halves h;

    memcpy(ret, p, LANE);
    h = (halves)*ret;
    return ((h[0] | h[1]) & UINT64_C(0x8080808080808080)) == 0;
}

static lane lane_upper(lane v)
{
    return (lane)((v >= 'A') & (v <= 'Z'));
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* What a code point becomes: a counted string of the pool, or NULL for itself. */
static const uint8_t *target(const struct table *t, uint32_t cp)
{
    uint16_t at = t->blocks[t->index[cp / FOLD_BLOCK]][cp % FOLD_BLOCK];

    return at ? fold_pool + at : NULL;
}

/* A run of text being folded. */
struct walk {
    const struct table *t;
    struct slice rest;
    bool invalid; /* the last byte was not UTF-8 */
};

/* Takes the next code point or invalid byte, and gives what it becomes (borrowed).
 *
 * A mark right after an invalid byte is kept: dropping it would bring that byte together with
 * the next ones, which could then make a letter that was not there. */
static struct slice step(struct walk *w)
{
    uint32_t cp;
    unsigned len = utf8_get(w->rest.p, w->rest.n, &cp);
    struct slice same = {w->rest.p, len ? len : 1};
    const uint8_t *to = len ? target(w->t, cp) : NULL;
    bool keep = !to || (to[0] == 0 && w->invalid);

    w->rest = slice_cut(w->rest, same.n, w->rest.n);
    w->invalid = len == 0;
    return keep ? same : (struct slice){(const char *)to + 1, to[0]};
}

static size_t fold(const struct table *t, struct slice s, char *to)
{
    struct walk w = {t, s, false};
    char *start = to;
    lane v;

    while (w.rest.n > 0) {
        if (w.rest.n >= LANE && load_ascii(w.rest.p, &v)) {
            v |= lane_upper(v) & 0x20;
            memcpy(to, &v, LANE);
            to += LANE;
            w.rest = slice_cut(w.rest, LANE, w.rest.n);
            w.invalid = false;
        } else if ((uint8_t)w.rest.p[0] < 0x80) {
            *to++ = lower(w.rest.p[0]);
            w.rest = slice_cut(w.rest, 1, w.rest.n);
            w.invalid = false;
        } else {
            struct slice piece = step(&w);
            for (size_t i = 0; i < piece.n; i++)
                *to++ = piece.p[i];
        }
    }
    return (size_t)(to - start);
}

/* How many bytes folding s gives; *ret_same is how many at its start do not change. */
static size_t measure(const struct table *t, struct slice s, size_t *ret_same)
{
    struct walk w = {t, s, false};
    size_t n = 0, same = s.n;
    lane v;

    while (w.rest.n > 0) {
        size_t at = s.n - w.rest.n;
        bool changed;
        if (w.rest.n >= LANE && load_ascii(w.rest.p, &v)) {
            halves upper = (halves)lane_upper(v);
            changed = (upper[0] | upper[1]) != 0;
            n += LANE;
            w.rest = slice_cut(w.rest, LANE, w.rest.n);
            w.invalid = false;
        } else {
            const char *before = w.rest.p;
            struct slice piece = step(&w);
            changed = piece.p != before;
            n += piece.n;
        }
        if (changed && same == s.n)
            same = at;
    }
    *ret_same = same;
    return n;
}

static CHECKED enum err dup(const struct table *t, struct arena *a, struct slice s,
                            struct slice *ret)
{
    size_t same;
    size_t n = measure(t, s, &same);

    if (same == s.n) {
        *ret = s;
        return ERR_NONE;
    }
    char *p = arena_alloc(a, n ? n : 1);
    if (!p)
        return ERR_NOMEM;
    *ret = (struct slice){p, fold(t, s, p)};
    return ERR_NONE;
}

size_t fold_bound(size_t n)
{
    return n > SIZE_MAX / FOLD_GROWTH ? SIZE_MAX : n * FOLD_GROWTH;
}

size_t fold_case(struct slice s, char *to)
{
    return fold(&by_case, s, to);
}

size_t fold_search(struct slice s, char *to)
{
    return fold(&by_search, s, to);
}

CHECKED enum err fold_case_dup(struct arena *a, struct slice s, struct slice *ret)
{
    return dup(&by_case, a, s, ret);
}

CHECKED enum err fold_search_dup(struct arena *a, struct slice s, struct slice *ret)
{
    return dup(&by_search, a, s, ret);
}

bool fold_case_eq(struct slice a, struct slice b)
{
    struct walk x = {&by_case, a, false}, y = {&by_case, b, false};
    struct slice p = {"", 0}, q = {"", 0};

    for (;;) {
        if (p.n == 0 && x.rest.n > 0)
            p = step(&x);
        if (q.n == 0 && y.rest.n > 0)
            q = step(&y);
        if (p.n == 0 || q.n == 0)
            return p.n == q.n;
        size_t n = p.n < q.n ? p.n : q.n;
        if (memcmp(p.p, q.p, n) != 0)
            return false;
        p = slice_cut(p, n, p.n);
        q = slice_cut(q, n, q.n);
    }
}
