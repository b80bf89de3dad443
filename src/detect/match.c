#include <stdlib.h>

#include "core/fold.h"
#include "core/metrics.h"
#include "detect/rule_int.h"

enum { MATCHED_MAX = 32, SCRATCH_BYTES = 64 << 20, DECODE_ROUNDS = 2, SIEVE_WORTH = 4 };

struct slot_value {
    struct slice raw, folded;
    const struct value *v; /* NULL where the text was made here */
    bool is_folded;
};

struct slot_state {
    uint64_t epoch; /* the event that this was gathered for */
    struct slot_value *v;
    uint32_t n, cap;
    bool has_null;
    struct sieve *sieve; /* NULL until asked for */
    bool has_first;
    uint64_t first[4]; /* bytes that the values, folded, begin with */
};

struct name_state {
    uint64_t epoch;
    uint32_t first; /* index of an event field; the others follow in `next` */
};

struct detect_scratch {
    struct arena arena; /* reset per event */
    struct regex_scratch *regex;
    uint64_t serial; /* of the ruleset that the tables below fit */
    struct slot_state *slots;
    struct name_state *names;
    uint64_t *chosen; /* bitmap of rules to try */
    size_t chosen_n;
    uint64_t epoch;
    uint64_t names_epoch, record_epoch;
    struct sieve *record_sieve; /* NULL: none, or not all ASCII */
    uint32_t *next;             /* per event field: the next of the same name + 1 */
    bool limited;
    struct match_field matched[MATCHED_MAX];
    size_t matched_n;
    size_t present; /* of those, how many have a value */
};

struct run {
    const struct ruleset *rs;
    struct detect_scratch *s;
    struct event *ev;
};

void detect_scratch_free(struct detect_scratch *s)
{
    if (!s)
        return;
    arena_done(&s->arena);
    regex_scratch_free(s->regex);
    free(s->slots);
    free(s->names);
    free(s->chosen);
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
    if (!slots || !names || !chosen) {
        free(slots);
        free(names);
        free(chosen);
        return false;
    }
    free(s->slots);
    free(s->names);
    free(s->chosen);
    s->slots = slots;
    s->names = names;
    s->chosen = chosen;
    s->chosen_n = words;
    s->serial = rs->serial;
    return true;
}

static void add_value(struct run *r, struct slot_state *st, struct slice text,
                      const struct value *v)
{
    if (st->n == st->cap) {
        uint32_t cap = st->cap ? st->cap * 2 : 4;
        struct slot_value *to = arena_alloc(&r->s->arena, cap * sizeof(*to));
        if (!to) {
            r->s->limited = true;
            return;
        }
        if (st->n)
            memcpy(to, st->v, st->n * sizeof(*to));
        st->v = to;
        st->cap = cap;
    }
    st->v[st->n++] = (struct slot_value){.raw = text, .v = v};
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One round of %XX, and '+' for a blank; what is not an escape stays. */
static size_t unescape(struct slice in, char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%' && in.n - i > 2 && hex(in.p[i + 1]) >= 0 && hex(in.p[i + 2]) >= 0) {
            c = (char)(hex(in.p[i + 1]) << 4 | hex(in.p[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        to[n++] = c;
    }
    return n;
}

/* The decoded form is a value beside the one as sent, and only where it differs. */
static void add_decoded(struct run *r, struct slot_state *st, struct slice text)
{
    if (slice_find(text, '%') == text.n && slice_find(text, '+') == text.n)
        return;
    for (unsigned round = 0; round < DECODE_ROUNDS; round++) {
        char *to = arena_alloc(&r->s->arena, text.n + 1);
        if (!to) {
            r->s->limited = true;
            return;
        }
        text = (struct slice){to, unescape(text, to)};
    }
    add_value(r, st, text, NULL);
}

static void add(struct run *r, struct slot_state *st, const struct value *v, bool decoded)
{
    uint32_t n = v->type == VT_LIST ? v->list_n : 1;
    const struct value *one = v->type == VT_LIST ? v->list : v;

    for (uint32_t i = 0; i < n; i++, one++) {
        if (one->type == VT_NULL)
            st->has_null = true;
        else if (decoded)
            add_decoded(r, st, one->text);
        else
            add_value(r, st, one->text, one);
    }
}

static void add_base(struct run *r, struct slot_state *st, enum field f, bool decoded)
{
    struct value *v = arena_alloc(&r->s->arena, sizeof(*v));

    if (!v)
        r->s->limited = true;
    else if (event_base(r->ev, f, v))
        add(r, st, v, decoded);
}

/* Chains the event's fields that rules know by the sender's name. */
static void index_names(struct run *r)
{
    struct detect_scratch *s = r->s;

    s->names_epoch = s->epoch;
    s->next = arena_alloc(&s->arena, (r->ev->n + 1) * sizeof(*s->next));
    if (!s->next) {
        s->limited = true;
        return;
    }
    for (uint32_t i = 0; i < r->ev->n; i++) {
        struct slice name = r->ev->fields[i].name;
        if (r->ev->fields[i].f != F_NONE || slot_name(&s->arena, name, &name) != ERR_NONE)
            continue;
        uint32_t id = intern_get(&r->rs->names, name);
        if (id == INTERN_NONE)
            continue;
        struct name_state *ns = &s->names[id];
        s->next[i] = ns->epoch == s->epoch ? ns->first + 1 : 0;
        *ns = (struct name_state){s->epoch, i};
    }
}

static void add_named(struct run *r, struct slot_state *st, const struct slot_source *from)
{
    struct detect_scratch *s = r->s;

    if (s->names_epoch != s->epoch)
        index_names(r);
    if (!s->next || s->names[from->name].epoch != s->epoch)
        return;
    for (uint32_t i = s->names[from->name].first + 1; i; i = s->next[i - 1])
        add(r, st, &r->ev->fields[i - 1].v, from->decoded);
}

static void gather_all(struct run *r, struct slot_state *st)
{
    add_base(r, st, F_MESSAGE, false);
    add_base(r, st, F_EVENT_ORIGINAL, false);
    for (uint32_t i = 0; i < r->ev->n; i++)
        add(r, st, &r->ev->fields[i].v, false);
}

static struct slot_state *values(struct run *r, uint32_t slot)
{
    struct slot_state *st = &r->s->slots[slot];
    const struct slot *from = &r->rs->slots[slot];

    if (st->epoch == r->s->epoch)
        return st;
    *st = (struct slot_state){.epoch = r->s->epoch};
    if (slot == SLOT_KEYWORDS)
        gather_all(r, st);
    for (uint32_t i = 0; i < from->n; i++) {
        enum field f = (enum field)from->from[i].field;
        if (f == F_NONE)
            add_named(r, st, &from->from[i]);
        else if (field_info(f)->store == FS_BASE)
            add_base(r, st, f, from->from[i].decoded);
        else if (event_get(r->ev, f))
            add(r, st, event_get(r->ev, f), from->from[i].decoded);
    }
    return st;
}

static struct slice folded(struct run *r, struct slot_value *v)
{
    if (!v->is_folded) {
        v->is_folded = true;
        v->folded = v->raw;
        if (fold_case_dup(&r->s->arena, v->raw, &v->folded) != ERR_NONE)
            r->s->limited = true;
    }
    return v->folded;
}

static void sieve_value(struct run *r, struct sieve *sv, struct slot_value *v)
{
    if (!sieve_add_ascii(sv, v->raw))
        sieve_add(sv, folded(r, v));
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
    struct slot_state *other = values(r, t->ref_slot);
    struct slice a = t->ref_cased ? v->raw : folded(r, v);

    for (uint32_t i = 0; i < other->n; i++) {
        struct slice b = t->ref_cased ? other->v[i].raw : folded(r, &other->v[i]);
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
            if (pattern_match(&t->pats[i], t->pats[i].cased ? v->raw : folded(r, v)))
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

static bool item_holds(struct run *r, const struct item *it, const struct slot_value **ret_hit)
{
    struct slot_state *st = values(r, it->slot);
    bool holds = it->all;

    *ret_hit = NULL;
    for (size_t i = 0; i < it->tests_n && holds == it->all; i++)
        holds = test_holds(r, &it->tests[i], it->slot, st, ret_hit);
    if (!*ret_hit && st->n)
        *ret_hit = &st->v[0];
    return holds != it->neq;
}

/* Recursion is bounded by DETECTION_DEPTH_MAX, and expr_holds by the condition's length. */
static bool sel_holds(struct run *r, const struct sel *sel)
{
    const struct slot_value *hit;

    if (sel->kind == SEL_ITEM)
        return item_holds(r, &sel->item, &hit);
    for (size_t i = 0; i < sel->n; i++) {
        const struct sel *kid = &sel->kids[i];
        bool holds = sel_holds(r, kid);
        if (holds != (sel->kind == SEL_AND))
            return holds;
    }
    return sel->kind == SEL_AND;
}

static bool expr_holds(struct run *r, const struct rule *rule, const struct expr *e)
{
    uint32_t hits = 0;

    switch (e->kind) {
    case EXPR_AND:
        return expr_holds(r, rule, e->left) && expr_holds(r, rule, e->right);
    case EXPR_OR:
        return expr_holds(r, rule, e->left) || expr_holds(r, rule, e->right);
    case EXPR_NOT:
        return !expr_holds(r, rule, e->left);
    case EXPR_SEL:
        return sel_holds(r, &rule->sels[e->sels[0]]);
    case EXPR_OF:
        for (size_t i = 0; i < e->sels_n && hits < e->need; i++) {
            if (hits + (e->sels_n - i) < e->need)
                return false;
            hits += sel_holds(r, &rule->sels[e->sels[i]]);
        }
        return hits >= e->need;
    }
    return false;
}

static void tell_item(struct run *r, const struct item *it)
{
    const struct slot_value *hit;
    struct detect_scratch *s = r->s;

    if (s->matched_n >= MATCHED_MAX || !item_holds(r, it, &hit))
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
        if (sel->kind == SEL_AND || sel_holds(r, kid))
            tell_sel(r, kid);
    }
}

/* The fields that decided: of everything that holds and is not under a `not`. */
static void tell(struct run *r, const struct rule *rule, const struct expr *e)
{
    if (e->kind == EXPR_NOT || !expr_holds(r, rule, e))
        return;
    for (size_t i = 0; i < e->sels_n; i++)
        if (sel_holds(r, &rule->sels[e->sels[i]]))
            tell_sel(r, &rule->sels[e->sels[i]]);
    if (e->left)
        tell(r, rule, e->left);
    if (e->right)
        tell(r, rule, e->right);
}

/* Rows that the event is of so far. */
struct chosen {
    uint64_t rows[SOURCE_ROWS_MAX / 64];
    bool known;
};

static void try_row(struct run *r, struct chosen *c, const struct gate_alt *alt)
{
    const struct source_row *row = &r->rs->rows[alt->row];
    uint64_t bit = UINT64_C(1) << (alt->row % 64);

    if (c->rows[alt->row / 64] & bit || !sel_holds(r, alt->sel))
        return;
    c->rows[alt->row / 64] |= bit;
    c->known = c->known || !row->weak;
    for (uint32_t k = 0; k < row->rules_n; k++)
        r->s->chosen[row->rules[k] / 64] |= UINT64_C(1) << (row->rules[k] % 64);
}

static void try_text(struct run *r, struct chosen *c, uint32_t slot, struct slice text)
{
    const struct gate *g = &r->rs->gate;
    char key[GATE_KEY_MAX];
    size_t n = gate_key(g, slot, text, key);
    uint32_t id = n ? intern_get(&g->keys, (struct slice){key, n}) : INTERN_NONE;

    for (uint32_t at = id == INTERN_NONE ? 0 : g->heads[id]; at; at = g->nodes[at - 1].next)
        try_row(r, c, &g->alts[g->nodes[at - 1].alt]);
}

/* The bytes that the slot's values, folded, begin with. */
static const uint64_t *firsts(struct run *r, struct slot_state *st)
{
    if (st->has_first)
        return st->first;
    st->has_first = true;
    for (uint32_t i = 0; i < st->n; i++) {
        struct slice s = folded(r, &st->v[i]);
        if (s.n)
            st->first[(uint8_t)s.p[0] / 64] |= UINT64_C(1) << ((uint8_t)s.p[0] % 64);
    }
    return st->first;
}

static bool may_be(struct run *r, const struct gate_alt *alt)
{
    if (alt->slot == SLOT_KEYWORDS)
        return true;
    struct slot_state *st = values(r, alt->slot);
    if (!st->n || alt->first[0] == UINT64_MAX)
        return st->n > 0;
    const uint64_t *have = firsts(r, st);
    return ((alt->first[0] & have[0]) | (alt->first[1] & have[1]) | (alt->first[2] & have[2]) |
            (alt->first[3] & have[3])) != 0;
}

/* Marks the rules of every row that the event is of; whether one of them says for sure what it
 * is. */
static bool choose(struct run *r)
{
    const struct gate *g = &r->rs->gate;
    struct chosen c = {.known = false};

    memset(r->s->chosen, 0, r->s->chosen_n * sizeof(*r->s->chosen));
    for (uint32_t i = 0; i < g->always_n; i++)
        if (may_be(r, &g->alts[g->always[i]]))
            try_row(r, &c, &g->alts[g->always[i]]);
    for (uint32_t i = 0; i < g->slots_n; i++) {
        struct slot_state *st = values(r, g->slots[i]);
        for (uint32_t k = 0; k < st->n; k++)
            try_text(r, &c, g->slots[i], folded(r, &st->v[k]));
    }
    return c.known;
}

/* An event of no known log source is tried against a rule only if it has one of its fields, and
 * counts only if such a field decided. */
static bool concerned(struct run *r, const struct rule *rule)
{
    for (size_t i = 0; i < rule->slots_n; i++)
        if (values(r, rule->slots[i])->n)
            return true;
    return false;
}

static unsigned try(struct run *r, const struct rule *rule, bool meant, detect_emit_fn *emit,
                    void *arg)
{
    struct detect_scratch *s = r->s;

    if (!expr_holds(r, rule, rule->condition))
        return 0;
    s->matched_n = 0;
    s->present = 0;
    tell(r, rule, rule->condition);
    if (!meant && !s->present)
        return 0;
    struct finding f = {
        .rule = &rule->info, .event = r->ev, .matched_n = s->matched_n, .matched = s->matched};
    emit(arg, &f);
    return 1;
}

unsigned detect_event(const struct ruleset *rs, struct detect_scratch *s, struct event *ev,
                      detect_emit_fn *emit, void *arg)
{
    struct run r = {rs, s, ev};
    unsigned n = 0;

    if (!fit(s, rs)) {
        metric_add(M_DETECT_LIMITED, 1);
        return 0;
    }
    arena_reset(&s->arena);
    s->epoch++;
    s->limited = false;
    bool known = choose(&r);
    for (size_t w = 0; known && w < s->chosen_n; w++)
        for (uint64_t bits = s->chosen[w]; bits; bits &= bits - 1)
            n += try(&r, &rs->rules[w * 64 + (size_t)__builtin_ctzll(bits)], true, emit, arg);
    for (size_t i = 0; !known && i < rs->rules_n; i++) {
        bool chosen = s->chosen[i / 64] >> (i % 64) & 1;
        if (chosen || (!rs->rules[i].cannot_match && concerned(&r, &rs->rules[i])))
            n += try(&r, &rs->rules[i], chosen, emit, arg);
    }
    if (s->limited)
        metric_add(M_DETECT_LIMITED, 1);
    return n;
}
