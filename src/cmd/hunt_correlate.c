/* Matches for correlations: gathered by the workers in any order, sorted by time, fed at the end.
 * What does not fit in memory goes to sorted runs in unlinked files, which are merged. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/hunt_int.h"
#include "core/bytes.h"

enum { RUNS_MAX = 512, RULE_BYTES = 256 << 20 };
#define LATENESS_NS INT64_C(0)

struct run {
    FILE *file; /* owned */
    char head[CORRELATE_RECORD_BYTES_MAX];
    size_t n; /* of head; 0: over */
};

struct hunt_corr {
    struct hunt *h;
    struct buf mem;
    size_t records;
    size_t runs_n;
    struct run *runs[RUNS_MAX]; /* owned */
    void (*found)(void *arg, struct hunt_found *f);
    void *arg;
    struct arena arena;
    uint64_t damaged;
};

void hunt_corr_free(struct hunt_corr *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->runs_n; i++) {
        (void)fclose(c->runs[i]->file);
        free(c->runs[i]);
    }
    buf_done(&c->mem);
    arena_done(&c->arena);
    free(c);
}

static size_t memory(const struct hunt *h)
{
    return (size_t)h->o.correlation_mib << 20;
}

struct hunt_corr *hunt_corr_new(struct hunt *h)
{
    struct hunt_corr *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->h = h;
    buf_init(&c->mem, memory(h) + (256 << 20));
    arena_init(&c->arena, 8 << 20);
    return c;
}

static struct slice next_record(struct slice *left)
{
    uint32_t n = 0;

    if (left->n < 4)
        return (struct slice){NULL, 0};
    memcpy(&n, left->p, 4);
    n = le32toh(n);
    if (n > left->n - 4)
        return (struct slice){NULL, 0};
    struct slice s = slice_cut(*left, 4, 4 + (size_t)n);
    *left = slice_cut(*left, 4 + (size_t)n, left->n);
    return s;
}

static int cmp(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int c = correlate_record_cmp(*x, *y);

    return c ? c : (x->p > y->p) - (x->p < y->p);
}

/* The records in memory in order; NULL without memory. */
static struct slice *sorted(struct hunt_corr *c, size_t *ret_n)
{
    struct slice *all = malloc((c->records + 1) * sizeof(*all)), left = buf_slice(&c->mem);
    size_t n = 0;

    if (!all)
        return NULL;
    while (n < c->records && (all[n] = next_record(&left)).p)
        n++;
    qsort(all, n, sizeof(*all), cmp);
    *ret_n = n;
    return all;
}

static FILE *nameless(void)
{
    FILE *f = tmpfile();

    if (f)
        (void)setvbuf(f, NULL, _IOFBF, 64 << 10);
    return f;
}

static enum err spill(struct hunt_corr *c)
{
    size_t n = 0;
    struct slice *all = c->runs_n < RUNS_MAX ? sorted(c, &n) : NULL;
    struct run *r = all ? calloc(1, sizeof(*r)) : NULL;

    if (!r || !(r->file = nameless())) {
        free(all);
        free(r);
        return ERR_FULL;
    }
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        uint32_t len = (uint32_t)all[i].n;
        ok = fwrite(&len, sizeof(len), 1, r->file) == 1 &&
             fwrite(all[i].p, 1, all[i].n, r->file) == all[i].n;
    }
    free(all);
    c->runs[c->runs_n++] = r;
    buf_reset(&c->mem);
    c->records = 0;
    return ok && fflush(r->file) == 0 ? ERR_NONE : ERR_FULL;
}

CHECKED enum err hunt_corr_add(struct hunt_corr *c, struct slice gathered)
{
    struct slice left = gathered;

    if (c->mem.n + gathered.n > memory(c->h) && c->records) {
        enum err e = spill(c);
        if (e != ERR_NONE)
            return e;
    }
    while (next_record(&left).p)
        c->records++;
    return buf_put(&c->mem, gathered);
}

static void on_found(void *arg, const struct finding *f)
{
    struct hunt_corr *c = arg;
    const struct correlation_hit *hit = f->correlation;

    if (!hit || f->silent || f->rule->level < c->h->o.least)
        return;
    bool named = c->h->o.rule_ids.n == 0;
    for (size_t i = 0; i < c->h->o.rule_ids.n; i++)
        named |= strcmp(c->h->o.rule_ids.at[i], f->rule->id) == 0;
    if (!named)
        return;
    arena_reset(&c->arena);
    struct hunt_place *places = arena_calloc(&c->arena, hit->events_n + 1, sizeof(*places));
    if (!places)
        return;
    for (size_t i = 0; i < hit->events_n; i++)
        places[i] = hunt_id_place(hit->events[i]);
    struct slice host = SLICE("");
    for (size_t i = 0; i < hit->group_n; i++)
        if (slice_eq(hit->entities[i], SLICE("host.name")) ||
            slice_eq(hit->group[i].name, SLICE("Computer")))
            host = hit->group[i].value;
    struct hunt_found to = {
        .rule = f->rule,
        .at = hit->events_n ? places[hit->events_n - 1] : (struct hunt_place){0},
        .has_time = true,
        .time_ns = hit->last_ns,
        .host = host,
        .matched_n = hit->group_n,
        .matched = hit->group,
        .correlation = true,
        .count = hit->value,
        .records_n = hit->events_n,
        .records = places,
    };
    c->found(c->arg, &to);
}

static bool advance(struct run *r)
{
    uint32_t n = 0;

    r->n = 0;
    if (fread(&n, sizeof(n), 1, r->file) != 1 || n > sizeof(r->head) ||
        fread(r->head, 1, n, r->file) != n)
        return false;
    r->n = n;
    return true;
}

/* The runs few, the records many: the least head is looked for each time. */
static enum err merge(struct hunt_corr *c, struct correlator *k)
{
    for (size_t i = 0; i < c->runs_n; i++) {
        rewind(c->runs[i]->file);
        (void)advance(c->runs[i]);
    }
    for (;;) {
        struct run *least = NULL;
        for (size_t i = 0; i < c->runs_n; i++) {
            struct run *r = c->runs[i];
            if (r->n && (!least || correlate_record_cmp((struct slice){r->head, r->n},
                                                        (struct slice){least->head, least->n}) < 0))
                least = r;
        }
        if (!least)
            return ERR_NONE;
        enum err e = correlator_take(k, (struct slice){least->head, least->n}, NULL, on_found, c);
        if (e != ERR_NONE)
            return e;
        (void)advance(least);
    }
}

static enum err from_memory(struct hunt_corr *c, struct correlator *k)
{
    size_t n = 0;
    struct slice *all = sorted(c, &n);
    enum err e = all ? ERR_NONE : ERR_NOMEM;

    for (size_t i = 0; i < n && e == ERR_NONE; i++)
        e = correlator_take(k, all[i], NULL, on_found, c);
    free(all);
    return e;
}

CHECKED enum err hunt_corr_run(struct hunt_corr *c, void (*found)(void *arg, struct hunt_found *f),
                               void *arg)
{
    const struct correlator_options o = {.lateness_ns = LATENESS_NS, .rule_bytes = RULE_BYTES};
    struct correlator *k = NULL;

    c->found = found;
    c->arg = arg;
    enum err e = correlator_new(c->h->rules, &o, &k);
    if (e == ERR_NONE && c->runs_n) {
        e = c->records ? spill(c) : ERR_NONE;
        if (e == ERR_NONE)
            e = merge(c, k);
    } else if (e == ERR_NONE) {
        e = from_memory(c, k);
    }
    if (e == ERR_NONE)
        correlator_advance(k, INT64_MAX, on_found, c);
    correlator_free(k);
    return e;
}
