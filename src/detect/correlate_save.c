/* The state as bytes: docs/formats/correlation.md. What can be worked out again is left out. */
#include <math.h>
#include <stdlib.h>

#include "core/bytes.h"
#include "detect/correlate_state_int.h"

enum { STATE_VERSION = 1, ENTRY_BYTES = 32, GROUP_HEAD = 4 * 8 + 4 };
#define MAGIC SLICE("CLCS")

static CHECKED enum err put_entries(const struct corr_ring *r, struct buf *out)
{
    char *to = NULL;
    enum err e = bytes_put_uint(out, r->n, 4);

    if (e == ERR_NONE)
        e = buf_reserve(out, (size_t)r->n * ENTRY_BYTES, &to);
    if (e != ERR_NONE)
        return e;
    for (uint32_t i = 0; i < r->n; i++, to += ENTRY_BYTES) {
        const struct corr_entry *x = corr_at(r, i);
        for (unsigned k = 0; k < 8; k++) {
            to[k] = (char)((uint64_t)x->t >> (8 * k));
            to[24 + k] = (char)(x->hash >> (8 * k));
        }
        memcpy(to + 8, x->id.b, sizeof(x->id.b));
    }
    out->n += (size_t)r->n * ENTRY_BYTES;
    return ERR_NONE;
}

static CHECKED enum err put_group(const struct corr_group *g, uint32_t rings, struct buf *out)
{
    const int64_t times[] = {g->newest, g->judged, g->arrived};
    enum err e = bytes_put_sized(out, corr_key(g));

    if (e == ERR_NONE)
        e = bytes_put_sized(out, (struct slice){g->text + g->key_n, g->shown_n});
    if (e == ERR_NONE)
        e = bytes_put_uint(out, g->system, 4);
    for (size_t i = 0; i < ARRAY_LEN(times) && e == ERR_NONE; i++)
        e = bytes_put_uint(out, (uint64_t)times[i], 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, g->fires_n, 4);
    for (uint32_t i = 0; i < g->fires_n && e == ERR_NONE; i++)
        e = bytes_put_uint(out, (uint64_t)g->fires[i], 8);
    for (uint32_t i = 0; i < rings && e == ERR_NONE; i++)
        e = put_entries(&g->rings[i], out);
    return e;
}

static CHECKED enum err put_table(const struct correlator *c, size_t i, struct buf *out)
{
    const struct correlation *co = c->rs->correlations[i];
    const struct corr_table *t = &c->tables[i];
    size_t at = out->n + 8 + 4;
    enum err e = bytes_put_uint(out, co->version, 8);

    if (e == ERR_NONE)
        e = bytes_put_uint(out, 0, 8); /* the length, known at the end */
    if (e == ERR_NONE)
        e = bytes_put_uint(out, t->groups_n, 4);
    for (const struct corr_group *g = t->all.oldest; g && e == ERR_NONE; g = g->newer)
        e = put_group(g, corr_rings_n(co), out);
    at -= 4;
    for (unsigned k = 0; e == ERR_NONE && k < 8; k++)
        out->p[at + k] = (char)((uint64_t)(out->n - at - 8) >> (8 * k));
    return e;
}

CHECKED enum err correlator_save(const struct correlator *c, struct buf *out)
{
    size_t before = out->n;
    enum err e = buf_put(out, MAGIC);

    if (e == ERR_NONE)
        e = bytes_put_uint(out, STATE_VERSION, 4);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, c->seed, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, (uint64_t)c->clock, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, c->rs->correlations_n, 4);
    for (size_t i = 0; i < c->rs->correlations_n && e == ERR_NONE; i++)
        e = put_table(c, i, out);
    if (e != ERR_NONE)
        out->n = before;
    return e;
}

static bool time_ok(int64_t t)
{
    return t >= -(INT64_C(1) << 62) && t <= INT64_C(1) << 62;
}

/* What can be no ring is refused: order and numbers are relied on later. */
static CHECKED enum err get_entries(struct bytes *b, const struct correlation *co,
                                    struct corr_group *g, struct corr_ring *r)
{
    uint32_t n = bytes_u32(b);
    bool hashes = co->type == CORRELATION_VALUE_COUNT;

    if (b->bad || n > CORRELATE_ENTRIES_MAX || bytes_left(b) / ENTRY_BYTES < n)
        return ERR_SYNTAX;
    if (!n)
        return ERR_NONE;
    r->e = malloc(n * sizeof(*r->e));
    if (!r->e)
        return ERR_NOMEM;
    r->cap = n;
    g->bytes += n * sizeof(*r->e);
    for (uint32_t i = 0; i < n; i++) {
        struct corr_entry *x = &r->e[i];
        x->t = (int64_t)bytes_u64(b);
        struct slice id = bytes_get(b, sizeof(x->id.b));
        memcpy(x->id.b, id.p, id.n);
        x->hash = bytes_u64(b);
        if (!time_ok(x->t) || x->t > g->newest || (hashes ? !x->hash : !isfinite(x->number)) ||
            (i && corr_entry_cmp(x - 1, x) >= 0))
            return ERR_SYNTAX;
        r->n++;
    }
    return ERR_NONE;
}

static CHECKED enum err get_fires(struct bytes *b, struct corr_group *g)
{
    uint32_t n = bytes_u32(b);

    if (b->bad || n > CORR_FIRES_MAX || bytes_left(b) / 8 < n)
        return ERR_SYNTAX;
    if (!n)
        return ERR_NONE;
    g->fires = malloc(n * sizeof(*g->fires));
    if (!g->fires)
        return ERR_NOMEM;
    g->fires_cap = n;
    g->bytes += n * sizeof(*g->fires);
    for (uint32_t i = 0; i < n; i++) {
        g->fires[g->fires_n++] = (int64_t)bytes_u64(b);
        if (!time_ok(g->fires[i]) || (i && g->fires[i - 1] >= g->fires[i]))
            return ERR_SYNTAX;
    }
    return ERR_NONE;
}

/* The bag stands where it stood: behind the newest, or behind what was judged last. */
static CHECKED enum err refill(const struct correlation *co, struct corr_group *g)
{
    const struct corr_ring *r = &g->rings[0];
    int64_t x = co->mode == MODE_EAGER ? g->newest : g->judged;

    if (x == INT64_MIN)
        return ERR_NONE;
    g->lo = corr_after(r, x - co->timespan_ns);
    g->hi = corr_after(r, x);
    for (uint32_t i = g->lo; i < g->hi; i++)
        if (!corr_bag_add(&g->bag, co->type, corr_at(r, i), &g->bytes))
            return ERR_NOMEM;
    return ERR_NONE;
}

static CHECKED enum err get_group(struct correlator *c, struct bytes *b, uint32_t i,
                                  int64_t *arrived)
{
    const struct correlation *co = c->rs->correlations[i];
    struct corr_table *t = &c->tables[i];
    struct slice key = bytes_sized(b), shown = bytes_sized(b);
    uint32_t system = bytes_u32(b);
    int64_t newest = (int64_t)bytes_u64(b), judged = (int64_t)bytes_u64(b);
    struct corr_group *g;

    if (b->bad || !corr_key_ok(co, key, shown) || corr_group_find(c, i, key) || !time_ok(newest) ||
        (judged != INT64_MIN && !time_ok(judged)) || judged > newest)
        return ERR_SYNTAX;
    enum err e = corr_group_new(c, i, key, shown, &g);
    if (e != ERR_NONE)
        return e;
    size_t bytes = g->bytes;
    g->system = system;
    g->newest = newest;
    g->judged = judged;
    g->arrived = (int64_t)bytes_u64(b);
    if (!time_ok(g->arrived) || g->arrived < *arrived || g->arrived > c->clock)
        return ERR_SYNTAX;
    *arrived = g->arrived;
    e = get_fires(b, g);
    for (uint32_t k = 0; k < corr_rings_n(co) && e == ERR_NONE; k++)
        e = get_entries(b, co, g, &g->rings[k]);
    if (e == ERR_NONE && !corr_temporal(co))
        e = refill(co, g);
    t->bytes += g->bytes - bytes;
    if (e == ERR_NONE)
        corr_group_pend(t, g, corr_to_judge(co, g));
    return e;
}

static uint32_t by_version(const struct ruleset *rs, uint64_t version)
{
    for (uint32_t i = 0; i < rs->correlations_n; i++)
        if (rs->correlations[i]->version == version)
            return i;
    return CORR_NONE;
}

static CHECKED enum err get_table(struct correlator *c, struct bytes *b)
{
    uint32_t i = by_version(c->rs, bytes_u64(b));
    uint64_t n = bytes_u64(b);
    int64_t arrived = INT64_MIN;
    enum err e = ERR_NONE;

    if (n > bytes_left(b))
        return ERR_SYNTAX;
    struct bytes in = bytes_of(bytes_get(b, n));
    if (i == CORR_NONE)
        return ERR_NONE;
    if (c->tables[i].groups_n)
        return ERR_SYNTAX;
    for (uint32_t left = bytes_u32(&in); left && e == ERR_NONE; left--)
        e = get_group(c, &in, i, &arrived);
    return e == ERR_NONE && !bytes_all_read(&in) ? ERR_SYNTAX : e;
}

static CHECKED enum err load(struct correlator *c, struct bytes *b)
{
    enum err e = ERR_NONE;

    if (!slice_eq(bytes_get(b, MAGIC.n), MAGIC))
        return ERR_SYNTAX;
    uint32_t version = bytes_u32(b);
    if (version > STATE_VERSION)
        return ERR_VERSION;
    c->seed = bytes_u64(b);
    c->clock = (int64_t)bytes_u64(b);
    if (version != STATE_VERSION || (c->clock != INT64_MIN && !time_ok(c->clock)))
        return ERR_SYNTAX;
    for (uint32_t n = bytes_u32(b); n && e == ERR_NONE; n--)
        e = b->bad ? ERR_SYNTAX : get_table(c, b);
    return e == ERR_NONE && !bytes_all_read(b) ? ERR_SYNTAX : e;
}

CHECKED enum err correlator_load(struct correlator *c, struct slice bytes, struct diag *diag)
{
    struct bytes b = bytes_of(bytes);
    uint64_t seed = c->seed;
    enum err e = load(c, &b);

    c->due = INT64_MIN; /* looked for at the next call */
    if (e == ERR_NONE)
        return ERR_NONE;
    for (size_t i = 0; i < c->rs->correlations_n; i++)
        corr_table_done(&c->tables[i], corr_rings_n(c->rs->correlations[i]));
    c->seed = seed;
    c->clock = INT64_MIN;
    return FAIL(diag, e, b.at, "not a state of correlations that this version knows");
}
