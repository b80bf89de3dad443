#include "detect/correlate_naive_int.h"

#include "core/test.h"

#include <math.h>
#include <stdlib.h>

void naive_init(struct naive *n, const struct correlation *co, int64_t lateness)
{
    memset(n, 0, sizeof(*n));
    n->co = co;
    n->lateness = lateness;
    n->clock = INT64_MIN;
}

static bool temporal(const struct naive *n)
{
    return n->co->type == CORRELATION_TEMPORAL || n->co->type == CORRELATION_TEMPORAL_ORDERED;
}

static int by_order(const void *a, const void *b)
{
    const struct naive_match *x = a, *y = b;

    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return id_cmp(x->id, y->id);
}

static int by_number(const void *a, const void *b)
{
    const struct naive_match *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* The matches with from <= t < to, in order. */
static size_t window(const struct naive_group *g, int64_t from, int64_t to, struct naive_match *w)
{
    size_t k = 0;

    for (size_t i = 0; i < g->n; i++)
        if (g->m[i].t >= from && g->m[i].t < to)
            w[k++] = g->m[i];
    if (k)
        qsort(w, k, sizeof(*w), by_order);
    return k;
}

static double sum(const struct naive_match *w, size_t k)
{
    double s = 0;

    for (size_t i = 0; i < k; i++)
        s += w[i].number;
    return s;
}

static double distinct(const struct naive_match *w, size_t k)
{
    double d = 0;

    for (size_t i = 0; i < k; i++) {
        size_t j = 0;
        while (j < i && w[j].value != w[i].value)
            j++;
        d += j == i;
    }
    return d;
}

static double value_of(const struct correlation *co, const struct naive_match *w, size_t k)
{
    struct naive_match s[NAIVE_MATCHES_MAX];
    double p = ceil(co->percentile / 100 * (double)k);

    if (co->type == CORRELATION_EVENT_COUNT)
        return (double)k;
    if (co->type == CORRELATION_VALUE_COUNT)
        return distinct(w, k);
    if (co->type == CORRELATION_VALUE_SUM)
        return sum(w, k);
    if (co->type == CORRELATION_VALUE_AVG)
        return sum(w, k) / (double)k;
    memcpy(s, w, k * sizeof(*w));
    qsort(s, k, sizeof(*s), by_number);
    if (co->type == CORRELATION_VALUE_PERCENTILE)
        return s[p < 1 ? 0 : (size_t)p - 1].number;
    return k % 2 ? s[k / 2].number : (s[k / 2 - 1].number + s[k / 2].number) / 2;
}

static bool meets(const struct correlation *co, double v)
{
    bool ok = true;

    for (size_t i = 0; i < co->tests_n; i++) {
        double n = co->tests[i].n;
        const bool results[] = {[OP_GT] = v > n,
                                [OP_GTE] = v >= n,
                                [OP_LT] = v < n,
                                [OP_LTE] = v <= n,
                                [OP_EQ] = !(v < n) && !(v > n),
                                [OP_NEQ] = v < n || v > n};
        ok = ok && results[co->tests[i].op];
    }
    return ok;
}

static bool holds(const struct expr *e, const bool *seen)
{
    size_t hits = 0;

    if (e->kind == EXPR_NOT)
        return !holds(e->left, seen);
    if (e->kind == EXPR_AND)
        return holds(e->left, seen) && holds(e->right, seen);
    if (e->kind == EXPR_OR)
        return holds(e->left, seen) || holds(e->right, seen);
    for (size_t i = 0; i < e->sels_n; i++)
        hits += seen[e->sels[i]];
    return hits >= (e->kind == EXPR_OF ? e->need : 1);
}

/* Whether a chain of all rules wanted, in order, ends at the last match of w or, if `any`,
 * anywhere in it. */
static bool chain(const struct correlation *co, const struct naive_match *w, size_t k, bool any)
{
    size_t reach[NAIVE_MATCHES_MAX] = {0}; /* how long the longest chain is that ends here */
    bool found = false;

    for (size_t i = 0; i < k; i++) {
        for (size_t c = 0; c < co->chain_n; c++) {
            bool before = c == 0;
            if (co->chain[c] != w[i].ref)
                continue;
            for (size_t j = 0; j < i; j++)
                before = before || (reach[j] == c && by_order(&w[j], &w[i]) < 0 && c > 0);
            if (before)
                reach[i] = c + 1;
        }
        found = found || ((any || i + 1 == k) && reach[i] == co->chain_n);
    }
    return found;
}

static bool temporal_holds(const struct correlation *co, const struct naive_match *w, size_t k)
{
    bool seen[CORRELATE_RULES_MAX] = {false};
    double n = 0;

    for (size_t i = 0; i < k; i++) {
        n += !seen[w[i].ref];
        seen[w[i].ref] = true;
    }
    for (uint32_t i = 0; i < co->refs_n; i++)
        if (co->absent >> i & 1 && seen[i])
            return false;
    if (co->chain && co->mode == MODE_FORWARD)
        return chain(co, w, k, true);
    if (co->chain) { /* a chain may end with any match of the last time */
        for (size_t end = k; end > 0 && w[end - 1].t == w[k - 1].t; end--)
            if (chain(co, w, end, false))
                return true;
        return false;
    }
    return co->expr ? holds(co->expr, seen) : meets(co, n);
}

static void find_at(struct naive *n, uint32_t number, int64_t x)
{
    struct naive_group *g = &n->g[number];
    struct naive_match w[NAIVE_MATCHES_MAX];
    int64_t span = n->co->timespan_ns;
    bool forward = n->co->mode == MODE_FORWARD;
    size_t k = forward ? window(g, x, x + span, w) : window(g, x - span + 1, x + 1, w);
    struct naive_found f = {number, x, w[0].t, w[k - 1].t, k, 0};

    for (size_t i = 0; i < g->fires_n; i++)
        if (g->fires[i] > x - span && g->fires[i] < x + span)
            return;
    f.value = temporal(n) ? 0 : value_of(n->co, w, k);
    if (temporal(n) ? !temporal_holds(n->co, w, k) : !meets(n->co, f.value))
        return;
    assert_true(n->found_n < NAIVE_FOUND_MAX);
    g->fires[g->fires_n++] = x;
    n->found[n->found_n++] = f;
}

/* The first time of a match later than x, INT64_MAX if none. */
static int64_t next_time(const struct naive_group *g, int64_t x)
{
    int64_t t = INT64_MAX;

    for (size_t i = 0; i < g->n; i++)
        if (g->m[i].t > x && g->m[i].t < t)
            t = g->m[i].t;
    return t;
}

static void judge(struct naive *n, uint32_t number, int64_t before)
{
    struct naive_group *g = &n->g[number];

    for (int64_t x; (x = next_time(g, g->judged)) < before;) {
        g->judged = x;
        find_at(n, number, x);
    }
}

void naive_advance(struct naive *n, int64_t clock)
{
    for (uint32_t i = 0; i < NAIVE_GROUPS_MAX; i++) {
        struct naive_group *g = &n->g[i];
        int64_t quiet = g->alive ? g->arrived + n->lateness : INT64_MAX;
        int64_t gone = g->alive ? quiet + n->co->timespan_ns : INT64_MAX;
        if (n->co->mode == MODE_DEFER && quiet < clock)
            judge(n, i, INT64_MAX);
        if (gone >= clock)
            continue;
        if (n->co->mode == MODE_FORWARD)
            judge(n, i, INT64_MAX);
        memset(g, 0, sizeof(*g));
    }
    if (clock > n->clock)
        n->clock = clock;
}

static bool known(const struct naive *n, const struct naive_group *g, const struct naive_match *m)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->m[i].t == m->t && id_cmp(g->m[i].id, m->id) == 0 &&
            (!temporal(n) || g->m[i].ref == m->ref))
            return true;
    return false;
}

void naive_take(struct naive *n, const struct naive_match *m)
{
    struct naive_group *g = &n->g[m->group];
    enum corr_mode mode = n->co->mode;

    naive_advance(n, m->received);
    if (g->alive && (m->t < g->newest - n->lateness || (mode != MODE_EAGER && m->t <= g->judged))) {
        n->late++;
        return;
    }
    if (!g->alive)
        *g = (struct naive_group){.alive = true, .newest = m->t, .judged = INT64_MIN};
    g->arrived = n->clock;
    if (known(n, g, m))
        return;
    assert_true(g->n < NAIVE_MATCHES_MAX);
    g->m[g->n++] = *m;
    if (m->t > g->newest)
        g->newest = m->t;
    for (int64_t x = INT64_MIN; mode == MODE_EAGER && (x = next_time(g, x)) < INT64_MAX;)
        find_at(n, m->group, x);
    if (mode == MODE_DEFER)
        judge(n, m->group, g->newest - n->lateness);
    if (mode == MODE_FORWARD)
        judge(n, m->group, g->newest - n->lateness - n->co->timespan_ns + 1);
}
