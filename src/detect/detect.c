#include "detect/detect.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "detect/index_int.h"

enum { SCRATCH_BYTES = 64 << 20 };

void detect_scratch_free(struct detect_scratch *s)
{
    if (!s)
        return;
    arena_done(&s->arena);
    regex_scratch_free(s->regex);
    free(s->slots);
    free(s->names);
    free(s->chosen);
    free(s->costs);
    index_scratch_free(s->index);
    free(s);
}

struct detect_scratch *detect_scratch_new(void)
{
    struct detect_scratch *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    arena_init(&s->arena, SCRATCH_BYTES);
    s->regex = regex_scratch_new();
    if (s->regex)
        return s;
    free(s);
    return NULL;
}

/* What fits one ruleset. */
struct tables {
    struct slot_state *slots;
    struct name_state *names;
    uint64_t *chosen;
    struct rule_cost *costs;
    struct index_scratch *index;
};

static void tables_free(struct tables *t)
{
    free(t->slots);
    free(t->names);
    free(t->chosen);
    free(t->costs);
    index_scratch_free(t->index);
}

/* Once per ruleset and thread. */
static bool fit(struct detect_scratch *s, const struct ruleset *rs)
{
    size_t words = rs->rules_n / 64 + 1;
    struct tables old = {s->slots, s->names, s->chosen, s->costs, s->index}, t = {0};

    if (s->serial == rs->serial)
        return true;
    t.slots = calloc(rs->slot_keys.n + 1, sizeof(*t.slots));
    t.names = calloc(rs->names.n + 1, sizeof(*t.names));
    t.chosen = calloc(words, sizeof(*t.chosen));
    t.costs = s->profile ? calloc(rs->rules_n + 1, sizeof(*t.costs)) : NULL;
    if (!t.slots || !t.names || !t.chosen || (s->profile && !t.costs) ||
        index_scratch_new(rs, s->regex, &t.index) != ERR_NONE) {
        tables_free(&t);
        return false;
    }
    tables_free(&old);
    s->slots = t.slots;
    s->names = t.names;
    s->chosen = t.chosen;
    s->chosen_n = words;
    s->costs = t.costs;
    s->index = t.index;
    s->serial = rs->serial;
    memset(s->seen, 0, sizeof(s->seen));
    return true;
}

CHECKED bool match_begin(struct run *r)
{
    if (!fit(r->s, r->rs)) {
        metric_add(M_DETECT_LIMITED, 1);
        return false;
    }
    arena_reset(&r->s->arena);
    r->s->epoch++;
    r->s->limited = false;
    return true;
}

/* An event of no known log source is tried against a rule only if it has one of its fields, and
 * counts only if such a field decided. */
static bool concerned(struct run *r, const struct rule *rule)
{
    for (size_t i = 0; i < rule->slots_n; i++)
        if (gather_values(r, rule->slots[i])->n)
            return true;
    return false;
}

static unsigned found(struct run *r, const struct rule *rule, bool meant, detect_emit_fn *emit,
                      void *arg)
{
    struct detect_scratch *s = r->s;

    match_tell(r, rule);
    if (!meant && !s->present)
        return 0;
    struct finding f = {.rule = &rule->info,
                        .event = r->ev,
                        .matched_n = s->matched_n,
                        .matched = s->matched,
                        .selections_n = s->selections_n,
                        .selections = s->selections,
                        .silent = rule->silent || rule->correlation};
    s->running = r;
    emit(arg, &f);
    s->running = NULL;
    return 1;
}

static unsigned try(struct run *r, size_t number, bool meant, detect_emit_fn *emit, void *arg)
{
    const struct rule *rule = &r->rs->rules[number];
    struct rule_cost *cost = r->s->costs ? &r->s->costs[number] : NULL;
    int64_t start = cost ? clock_mono_ns() : 0;
    bool holds = r->rs->full_scan ? match_expr(r, rule, rule->condition) : index_holds(r, number);
    unsigned n = holds ? found(r, rule, meant, emit, arg) : 0;

    if (cost) {
        cost->evaluated++;
        cost->matched += n;
        cost->ns += (uint64_t)(clock_mono_ns() - start);
    }
    return n;
}

static unsigned full_scan(struct run *r, detect_emit_fn *emit, void *arg)
{
    struct detect_scratch *s = r->s;
    bool known = choose_rules(r);
    unsigned n = 0;

    for (size_t i = 0; i < r->rs->rules_n; i++) {
        bool chosen = s->chosen[i / 64] >> (i % 64) & 1;
        if (chosen || (!known && !r->rs->rules[i].cannot_match && concerned(r, &r->rs->rules[i])))
            n += try(r, i, chosen, emit, arg);
    }
    return n;
}

static unsigned by_index(struct run *r, detect_emit_fn *emit, void *arg)
{
    const uint64_t *candidates, *meant;
    unsigned n = 0;

    index_begin(r, &candidates, &meant);
    for (size_t w = 0; w < r->rs->index->rule_words; w++)
        for (uint64_t bits = candidates[w]; bits; bits &= bits - 1) {
            unsigned at = (unsigned)__builtin_ctzll(bits);
            n += try(r, w * 64 + at, meant[w] >> at & 1, emit, arg);
        }
    index_end(r);
    return n;
}

unsigned detect_event(const struct ruleset *rs, struct detect_scratch *s, struct event *ev,
                      detect_emit_fn *emit, void *arg)
{
    struct run r = {rs, s, ev};

    if (!match_begin(&r))
        return 0;
    unsigned n = rs->full_scan ? full_scan(&r, emit, arg) : by_index(&r, emit, arg);
    if (s->limited)
        metric_add(M_DETECT_LIMITED, 1);
    return n;
}

void ruleset_full_scan(struct ruleset *rs, bool on)
{
    rs->full_scan = rs->no_sieves = on;
}

void detect_profile_start(struct detect_scratch *s)
{
    s->profile = true;
    s->serial = 0; /* the tables are made anew for the next event */
}

void detect_profile_stop(struct detect_scratch *s)
{
    s->profile = false;
    free(s->costs);
    s->costs = NULL;
}

struct rule_cost detect_profile_of(const struct detect_scratch *s, const struct ruleset *rs,
                                   size_t rule)
{
    if (!s->costs || s->serial != rs->serial)
        return (struct rule_cost){.ns = 0};
    return s->costs[rule];
}
