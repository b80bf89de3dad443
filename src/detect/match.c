#include "detect/match_int.h"

enum { SIEVE_WORTH = 4 };

static void sieve_value(struct run *r, struct sieve *sv, struct slot_value *v)
{
    if (!sieve_add_ascii(sv, v->raw))
        sieve_add(sv, gather_folded(r, v));
}

static bool inside(struct slice part, struct slice whole)
{
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static struct sieve *sieve_new(struct run *r)
{
    struct sieve *sv = arena_alloc(&r->s->arena, sizeof(*sv));

    if (sv)
        sieve_init(sv);
    return sv;
}

/* Most values are parts of the record: where that is ASCII, its sieve does for them all. */
static struct sieve *sieve_of_record(struct run *r)
{
    struct detect_scratch *s = r->s;

    if (s->record_epoch == s->epoch)
        return s->record_sieve;
    s->record_epoch = s->epoch;
    s->record_sieve = r->ev->record ? sieve_new(r) : NULL;
    if (s->record_sieve && !sieve_add_ascii(s->record_sieve, r->ev->record->payload))
        s->record_sieve = NULL;
    return s->record_sieve;
}

static bool in_record(const struct run *r, const struct slot_value *v)
{
    return r->ev->record && inside(v->raw, r->ev->record->payload);
}

static struct sieve *sieve_of(struct run *r, struct slot_state *st)
{
    struct sieve *whole = NULL, *sv;

    if (st->sieve || !st->n)
        return st->sieve;
    for (uint32_t i = 0; i < st->n && !whole; i++)
        if (in_record(r, &st->v[i]))
            whole = sieve_of_record(r);
    sv = whole;
    for (uint32_t i = 0; i < st->n; i++) {
        if (whole && in_record(r, &st->v[i]))
            continue;
        if (sv == whole) {
            sv = sieve_new(r);
            if (!sv)
                return NULL;
            if (whole)
                *sv = *whole;
        }
        sieve_value(r, sv, &st->v[i]);
    }
    st->sieve = sv;
    return sv;
}

static bool may_hold(struct run *r, const struct test *t, uint32_t slot, struct slot_state *st)
{
    if (r->rs->slots[slot].sieved < SIEVE_WORTH || r->rs->no_sieves ||
        (t->kind != TEST_PATTERN && t->kind != TEST_REGEX))
        return true;
    const struct sieve *sv = sieve_of(r, st);
    if (!sv)
        return true;
    if (t->kind == TEST_REGEX)
        return !sv->ascii || regex_may(t->re, sv->bytes);
    for (size_t i = 0; i < t->pats_n; i++)
        if (sieve_may(sv, &t->pats[i].need))
            return true;
    return false;
}

static bool compare(const struct test *t, const struct slot_value *v)
{
    long double n = 0;

    if (v->v && (v->v->type == VT_INT || v->v->type == VT_TIME))
        n = (long double)v->v->i;
    else if (!number_parse(v->raw, &n))
        return false;
    switch (t->cmp) {
    case CMP_EQ:
        return n == t->number;
    case CMP_GT:
        return n > t->number;
    case CMP_GTE:
        return n >= t->number;
    case CMP_LT:
        return n < t->number;
    case CMP_LTE:
        return n <= t->number;
    }
    return false;
}

static bool refers(struct run *r, const struct test *t, struct slot_value *v)
{
    struct slot_state *other = gather_values(r, t->ref_slot);
    struct slice a = t->ref_cased ? v->raw : gather_folded(r, v);

    for (uint32_t i = 0; i < other->n; i++) {
        struct slice b = t->ref_cased ? other->v[i].raw : gather_folded(r, &other->v[i]);
        bool hit = false;
        switch (t->ref) {
        case REF_EQUAL:
            hit = slice_eq(a, b);
            break;
        case REF_STARTS:
            hit = slice_starts(a, b);
            break;
        case REF_ENDS:
            hit = a.n >= b.n && slice_starts(slice_cut(a, a.n - b.n, a.n), b);
            break;
        case REF_CONTAINS:
            hit = b.n == 0 || (a.n >= b.n && memmem(a.p, a.n, b.p, b.n));
            break;
        }
        if (hit)
            return true;
    }
    return false;
}

static bool value_holds(struct run *r, const struct test *t, struct slot_value *v)
{
    uint8_t ip[16];

    switch (t->kind) {
    case TEST_PATTERN:
        for (size_t i = 0; i < t->pats_n; i++)
            if (pattern_match(&t->pats[i], t->pats[i].cased ? v->raw : gather_folded(r, v)))
                return true;
        return false;
    case TEST_REGEX:
        return regex_search(t->re, r->s->regex, v->raw, &r->s->limited);
    case TEST_CIDR:
        if (v->v && v->v->type == VT_IP)
            return cidr_has(&t->cidr, v->v->ip);
        return ip_parse(v->raw, ip) && cidr_has(&t->cidr, ip);
    case TEST_NUMBER:
        return compare(t, v);
    case TEST_REF:
        return refers(r, t, v);
    case TEST_TIME:
        return clock_holds(t, v->v, v->raw);
    case TEST_NULL:
    case TEST_EXISTS:
        break;
    }
    return false;
}

static bool test_holds(struct run *r, const struct test *t, uint32_t slot, struct slot_state *st,
                       const struct slot_value **ret_hit)
{
    if (t->kind == TEST_NULL)
        return st->n == 0 || st->has_null;
    if (t->kind == TEST_EXISTS)
        return (st->n > 0) == t->exists;
    if (!may_hold(r, t, slot, st))
        return false;
    for (uint32_t i = 0; i < st->n; i++) {
        if (!value_holds(r, t, &st->v[i]))
            continue;
        *ret_hit = &st->v[i];
        return true;
    }
    return false;
}

bool match_test(struct run *r, const struct test *t, uint32_t slot)
{
    const struct slot_value *hit;

    return test_holds(r, t, slot, gather_values(r, slot), &hit);
}

bool match_item(struct run *r, const struct item *it, const struct slot_value **ret_hit)
{
    struct slot_state *st = gather_values(r, it->slot);
    bool holds = it->all;

    *ret_hit = NULL;
    for (size_t i = 0; i < it->tests_n && holds == it->all; i++)
        holds = test_holds(r, &it->tests[i], it->slot, st, ret_hit);
    if (!*ret_hit && st->n)
        *ret_hit = &st->v[0];
    return holds != it->neq;
}

/* Recursion is bounded by DETECTION_DEPTH_MAX, and expr_holds by the condition's length. */
bool match_sel(struct run *r, const struct sel *sel)
{
    const struct slot_value *hit;

    if (sel->kind == SEL_ITEM)
        return match_item(r, &sel->item, &hit);
    for (size_t i = 0; i < sel->n; i++) {
        const struct sel *kid = &sel->kids[i];
        bool holds = match_sel(r, kid);
        if (holds != (sel->kind == SEL_AND))
            return holds;
    }
    return sel->kind == SEL_AND;
}

bool match_expr(struct run *r, const struct rule *rule, const struct expr *e)
{
    uint32_t hits = 0;

    switch (e->kind) {
    case EXPR_AND:
        return match_expr(r, rule, e->left) && match_expr(r, rule, e->right);
    case EXPR_OR:
        return match_expr(r, rule, e->left) || match_expr(r, rule, e->right);
    case EXPR_NOT:
        return !match_expr(r, rule, e->left);
    case EXPR_SEL:
        return match_sel(r, &rule->sels[e->sels[0]]);
    case EXPR_OF:
        for (size_t i = 0; i < e->sels_n && hits < e->need; i++) {
            if (hits + (e->sels_n - i) < e->need)
                return false;
            hits += match_sel(r, &rule->sels[e->sels[i]]);
        }
        return hits >= e->need;
    }
    return false;
}

static void tell_item(struct run *r, const struct item *it)
{
    const struct slot_value *hit;
    struct detect_scratch *s = r->s;

    if (s->matched_n >= MATCHED_MAX || !match_item(r, it, &hit))
        return;
    s->present += hit != NULL && it->slot != SLOT_KEYWORDS;
    s->matched[s->matched_n++] =
        (struct match_field){it->name.n ? it->name : SLICE("keywords"), hit ? hit->raw : SLICE("")};
}

static void tell_sel(struct run *r, const struct sel *sel)
{
    if (sel->kind == SEL_ITEM) {
        tell_item(r, &sel->item);
        return;
    }
    for (size_t i = 0; i < sel->n; i++) {
        const struct sel *kid = &sel->kids[i];
        if (sel->kind == SEL_AND || match_sel(r, kid))
            tell_sel(r, kid);
    }
}

static void tell_name(struct run *r, struct slice name)
{
    struct detect_scratch *s = r->s;

    for (size_t i = 0; i < s->selections_n; i++)
        if (slice_eq(s->selections[i], name))
            return;
    if (s->selections_n < MATCHED_MAX)
        s->selections[s->selections_n++] = name;
}

/* The fields that decided: of everything that holds and is not under a `not`. */
static void tell(struct run *r, const struct rule *rule, const struct expr *e)
{
    if (e->kind == EXPR_NOT || !match_expr(r, rule, e))
        return;
    for (size_t i = 0; i < e->sels_n; i++) {
        if (!match_sel(r, &rule->sels[e->sels[i]]))
            continue;
        tell_name(r, rule->names[e->sels[i]]);
        tell_sel(r, &rule->sels[e->sels[i]]);
    }
    if (e->left)
        tell(r, rule, e->left);
    if (e->right)
        tell(r, rule, e->right);
}

void match_tell(struct run *r, const struct rule *rule)
{
    r->s->matched_n = r->s->selections_n = r->s->present = 0;
    tell(r, rule, rule->condition);
}
