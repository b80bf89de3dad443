#include <stdio.h>

#include "detect/match_int.h"

struct explainer {
    struct run r;
    detect_explain_fn *tell;
    void *arg;
};

static void explain_sel(struct explainer *x, struct slice name, const struct sel *sel,
                        unsigned depth)
{
    const struct slot_value *hit;

    if (sel->kind != SEL_ITEM || depth == 0) {
        struct explain_step step = {.kind = EXPLAIN_SELECTION,
                                    .depth = depth,
                                    .name = name,
                                    .holds = match_sel(&x->r, sel)};
        x->tell(x->arg, &step);
        depth++;
    }
    if (sel->kind == SEL_ITEM) {
        struct explain_step step = {.kind = EXPLAIN_ITEM, .depth = depth, .name = sel->item.key};
        step.holds = match_item(&x->r, &sel->item, &hit);
        step.present = hit != NULL;
        step.value = hit ? hit->raw : SLICE("");
        x->tell(x->arg, &step);
        return;
    }
    for (size_t i = 0; i < sel->n; i++)
        explain_sel(x, SLICE(""), &sel->kids[i], depth);
}

static void explain_source(struct explainer *x, const struct rule_info *info, bool of)
{
    char text[256];
    struct explain_step step = {.kind = EXPLAIN_SOURCE, .holds = of};
    int n = snprintf(text, sizeof(text), "%s/%s/%s", info->product, info->category, info->service);

    step.name = (struct slice){text, n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : 255};
    x->tell(x->arg, &step);
}

bool detect_explain(const struct ruleset *rs, struct detect_scratch *s, struct event *ev,
                    size_t rule, detect_explain_fn *tell, void *arg)
{
    struct explainer x = {.r = {rs, s, ev}, .tell = tell, .arg = arg};
    const struct rule *one = &rs->rules[rule];

    if (!match_begin(&x.r))
        return false;
    bool known = choose_rules(&x.r);
    bool meant = s->chosen[rule / 64] >> (rule % 64) & 1;
    explain_source(&x, &one->info, meant);
    for (size_t i = 0; i < one->sels_n; i++)
        explain_sel(&x, one->names[i], &one->sels[i], 0);
    struct explain_step last = {.kind = EXPLAIN_CONDITION};
    last.holds = one->condition && match_expr(&x.r, one, one->condition);
    tell(arg, &last);
    if (!last.holds || one->cannot_match || (known && !meant))
        return false;
    match_tell(&x.r, one);
    return meant || s->present > 0;
}
