#include "detect/detect.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "detect/match_int.h"

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

/* Once per ruleset and thread. */
static bool fit(struct detect_scratch *s, const struct ruleset *rs)
{
    if (s->serial == rs->serial)
        return true;
    size_t words = rs->rules_n / 64 + 1;
    struct slot_state *slots = calloc(rs->slot_keys.n + 1, sizeof(*slots));
    struct name_state *names = calloc(rs->names.n + 1, sizeof(*names));
    uint64_t *chosen = calloc(words, sizeof(*chosen));
    struct rule_cost *costs = s->profile ? calloc(rs->rules_n + 1, sizeof(*costs)) : NULL;
    if (!slots || !names || !chosen || (s->profile && !costs)) {
        free(slots);
        free(names);
        free(chosen);
        free(costs);
        return false;
    }
    free(s->slots);
    free(s->names);
    free(s->chosen);
    free(s->costs);
    s->slots = slots;
    s->names = names;
    s->chosen = chosen;
    s->chosen_n = words;
    s->costs = costs;
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

static unsigned try(struct run *r, const struct rule *rule, bool meant, detect_emit_fn *emit,
                    void *arg)
{
    struct detect_scratch *s = r->s;

    if (!match_expr(r, rule, rule->condition))
        return 0;
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

static unsigned try_counted(struct run *r, size_t number, bool meant, detect_emit_fn *emit,
                            void *arg)
{
    struct rule_cost *cost = r->s->costs ? &r->s->costs[number] : NULL;
    int64_t start = cost ? clock_mono_ns() : 0;
    unsigned n = try(r, &r->rs->rules[number], meant, emit, arg);

    if (cost) {
        cost->evaluated++;
        cost->matched += n;
        cost->ns += (uint64_t)(clock_mono_ns() - start);
    }
    return n;
}

unsigned detect_event(const struct ruleset *rs, struct detect_scratch *s, struct event *ev,
                      detect_emit_fn *emit, void *arg)
{
    struct run r = {rs, s, ev};
    unsigned n = 0;

    if (!match_begin(&r))
        return 0;
    bool known = choose_rules(&r);
    for (size_t w = 0; known && w < s->chosen_n; w++)
        for (uint64_t bits = s->chosen[w]; bits; bits &= bits - 1)
            n += try_counted(&r, w * 64 + (size_t)__builtin_ctzll(bits), true, emit, arg);
    for (size_t i = 0; !known && i < rs->rules_n; i++) {
        bool chosen = s->chosen[i / 64] >> (i % 64) & 1;
        if (chosen || (!rs->rules[i].cannot_match && concerned(&r, &rs->rules[i])))
            n += try_counted(&r, i, chosen, emit, arg);
    }
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
