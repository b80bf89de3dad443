#include "detect/index_int.h"

#include <stdio.h>
#include <stdlib.h>

#define BIT(n) (UINT64_C(1) << ((n) % 64))

struct builder {
    struct ruleset *rs;
    struct index *ix;
    struct arena tmp;
    struct preds preds;
    const struct form **rules, **rows; /* NULL: slow */
    struct witness *rule_w, *row_w;    /* n = 0: none */
    uint64_t *used;                    /* slots that some program asks */
    struct scan_cache *cache;
};

static size_t words(size_t bits)
{
    return bits / 64 + 1;
}

static bool has(const uint64_t *set, size_t n)
{
    return set[n / 64] >> (n % 64) & 1;
}

static CHECKED enum err forms(struct builder *b)
{
    struct ruleset *rs = b->rs;
    enum err e = ERR_NONE;

    b->rules = arena_calloc(&b->tmp, rs->rules_n + 1, sizeof(const struct form *));
    b->rows = arena_calloc(&b->tmp, rs->rows_n + 1, sizeof(const struct form *));
    if (!b->rules || !b->rows)
        return ERR_NOMEM;
    for (size_t i = 0; i < rs->rows_n && e != ERR_NOMEM; i++)
        e = pred_form_sel(&b->preds, &rs->rows[i].when, &b->rows[i]);
    for (size_t i = 0; i < rs->rules_n && e != ERR_NOMEM; i++)
        if (!rs->rules[i].cannot_match && rs->rules[i].condition)
            e = pred_form_rule(&b->preds, &rs->rules[i], &b->rules[i]);
    return e == ERR_NOMEM ? e : ERR_NONE;
}

static CHECKED enum err programs(struct builder *b, const struct form *const *f, size_t n,
                                 struct index_program **ret, struct witness **ret_w)
{
    struct index_program *p = arena_calloc(&b->rs->arena, n + 1, sizeof(*p));
    struct witness *w = arena_calloc(&b->tmp, n + 1, sizeof(*w));
    bool nomem = false;

    if (!p || !w)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        enum err e = f[i] ? program_steps(&b->ix->steps, &b->preds, f[i], &p[i].entry) : ERR_LIMIT;
        if (e == ERR_NOMEM)
            return e;
        p[i].slow = e != ERR_NONE;
        if (!f[i] || !program_witness(&b->preds, f[i], &w[i], &nomem))
            w[i].n = 0;
        if (nomem)
            return ERR_NOMEM;
    }
    *ret = p;
    *ret_w = w;
    return ERR_NONE;
}

/* Who has which bit as a witness. */
static CHECKED enum err invert(struct builder *b, const struct witness *w, size_t n,
                               struct index_lists *ret)
{
    uint32_t bits = b->ix->bits_n, total = 0;
    uint32_t *at = arena_calloc(&b->rs->arena, bits + 2, sizeof(*at)), *of;

    if (!at)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < w[i].n; k++, total++)
            at[w[i].bits[k] + 1]++;
    for (uint32_t i = 0; i < bits; i++)
        at[i + 1] += at[i];
    of = arena_alloc(&b->rs->arena, (total + 1) * sizeof(*of));
    if (!of)
        return ERR_NOMEM;
    /* Filled from behind, each at[bit + 1] comes to be where the bit's list begins. */
    for (size_t i = n; i > 0; i--)
        for (uint32_t k = 0; k < w[i - 1].n; k++)
            of[--at[w[i - 1].bits[k] + 1]] = (uint32_t)(i - 1);
    at[bits + 1] = total;
    *ret = (struct index_lists){at + 1, of};
    return ERR_NONE;
}

static void slots_of(const struct builder *b, const struct form *f, uint64_t *slots)
{
    uint32_t slot = f->index;

    for (uint32_t i = 0; i < f->n; i++)
        slots_of(b, f->kids[i], slots);
    if (f->kind != FORM_LEAF || f->class == PRED_KEYWORD)
        return;
    if (f->class == PRED_VALUE)
        slot = b->preds.value.v[f->index].slot;
    else if (f->class == PRED_REF)
        slot = b->preds.ref.v[f->index].slot;
    if (slot != SLOT_KEYWORDS)
        slots[slot / 64] |= BIT(slot);
}

static void gate_of(struct builder *b, const struct form *f)
{
    uint32_t bit = f->kind == FORM_LEAF ? pred_bit(&b->preds, f->class, f->index) : 0;

    for (uint32_t i = 0; i < f->n; i++)
        gate_of(b, f->kids[i]);
    if (f->kind != FORM_LEAF)
        return;
    if (bit >= b->ix->keyword)
        b->ix->rows_lazy = true;
    else
        b->ix->gate_bits[bit / 64] |= BIT(bit);
}

static CHECKED enum err gates(struct builder *b)
{
    struct index *ix = b->ix;
    struct arena *a = &b->rs->arena;

    ix->gate_slots = arena_calloc(a, ix->slot_words, sizeof(uint64_t));
    ix->gate_bits = arena_calloc(a, ix->bit_words, sizeof(uint64_t));
    ix->row_always = arena_calloc(a, b->rs->rows_n + 1, sizeof(uint32_t));
    if (!ix->gate_slots || !ix->gate_bits || !ix->row_always)
        return ERR_NOMEM;
    for (size_t i = 0; i < b->rs->rows_n; i++) {
        if (b->rows[i]) {
            slots_of(b, b->rows[i], ix->gate_slots);
            gate_of(b, b->rows[i]);
        } else {
            ix->rows_lazy = true;
        }
        if (!b->row_w[i].n)
            ix->row_always[ix->row_always_n++] = (uint32_t)i;
    }
    return ERR_NONE;
}

static CHECKED enum err rule_sets(struct builder *b)
{
    struct index *ix = b->ix;
    struct arena *a = &b->rs->arena;

    ix->always = arena_calloc(a, ix->rule_words, sizeof(uint64_t));
    ix->keyword_rules = arena_calloc(a, ix->rule_words, sizeof(uint64_t));
    ix->can_match = arena_calloc(a, ix->rule_words, sizeof(uint64_t));
    if (!ix->always || !ix->keyword_rules || !ix->can_match)
        return ERR_NOMEM;
    for (size_t i = 0; i < b->rs->rules_n; i++) {
        const struct witness *w = &b->rule_w[i];
        if (b->rs->rules[i].cannot_match)
            continue;
        ix->can_match[i / 64] |= BIT(i);
        if (!w->n)
            ix->always[i / 64] |= BIT(i);
        for (uint32_t k = 0; k < w->n; k++)
            if (w->bits[k] >= ix->keyword)
                ix->keyword_rules[i / 64] |= BIT(i);
    }
    return ERR_NONE;
}

static CHECKED enum err row_sets(struct builder *b)
{
    struct index *ix = b->ix;
    struct ruleset *rs = b->rs;

    ix->row_rules = arena_calloc(&rs->arena, rs->rows_n + 1, ix->rule_words * sizeof(uint64_t));
    ix->row_slots = arena_calloc(&rs->arena, rs->rows_n + 1, ix->slot_words * sizeof(uint64_t));
    b->used = arena_calloc(&b->tmp, ix->slot_words, sizeof(uint64_t));
    if (!ix->row_rules || !ix->row_slots || !b->used)
        return ERR_NOMEM;
    for (size_t i = 0; i < rs->rules_n; i++)
        if (b->rules[i])
            slots_of(b, b->rules[i], b->used);
    for (size_t w = 0; w < ix->slot_words; w++)
        b->used[w] |= ix->gate_slots[w];
    for (size_t i = 0; i < rs->rows_n; i++) {
        uint64_t *slots = ix->row_slots + i * ix->slot_words;
        for (uint32_t k = 0; k < rs->rows[i].rules_n; k++) {
            uint32_t rule = rs->rows[i].rules[k];
            ix->row_rules[i * ix->rule_words + rule / 64] |= BIT(rule);
            if (b->rules[rule])
                slots_of(b, b->rules[rule], slots);
        }
    }
    return ERR_NONE;
}

/* Calls back for every place of every slot that is asked. */
static void each_place(const struct builder *b,
                       void (*take)(struct index *ix, const struct slot_source *from,
                                    struct index_place place))
{
    for (uint32_t s = SLOT_KEYWORDS + 1; s < b->rs->slot_keys.n; s++)
        for (uint32_t i = 0; has(b->used, s) && i < b->rs->slots[s].n; i++) {
            const struct slot_source *from = &b->rs->slots[s].from[i];
            take(b->ix, from, (struct index_place){s, from->decoded});
        }
}

static bool is_base(const struct slot_source *from)
{
    return from->field != F_NONE && field_info((enum field)from->field)->store == FS_BASE;
}

static void count_place(struct index *ix, const struct slot_source *from, struct index_place place)
{
    (void)place;
    if (is_base(from))
        ix->base_n++;
    else if (from->field != F_NONE)
        ix->field_at[from->field + 1]++;
    else
        ix->name_at[from->name + 1]++;
}

static void put_place(struct index *ix, const struct slot_source *from, struct index_place place)
{
    if (is_base(from))
        ix->base[ix->base_n++] = (struct index_base){(enum field)from->field, place};
    else if (from->field != F_NONE)
        ix->places[ix->field_at[from->field + 1]++] = place;
    else
        ix->places[ix->name_at[from->name + 1]++] = place;
}

/* Counts become beginnings, which filling turns into ends: the next one's beginnings. */
static uint32_t begin_at(uint32_t *at, size_t n, uint32_t sum)
{
    at[0] = sum;
    for (size_t i = 1; i <= n; i++) {
        uint32_t here = at[i];
        at[i] = sum;
        sum += here;
    }
    return sum;
}

static CHECKED enum err places(struct builder *b)
{
    struct index *ix = b->ix;
    struct arena *a = &b->rs->arena;

    ix->field_at = arena_calloc(a, F_N + 2, sizeof(uint32_t));
    ix->name_at = arena_calloc(a, b->rs->names.n + 2, sizeof(uint32_t));
    if (!ix->field_at || !ix->name_at)
        return ERR_NOMEM;
    each_place(b, count_place);
    uint32_t n = begin_at(ix->field_at, F_N, 0);
    n = begin_at(ix->name_at, b->rs->names.n, n);
    ix->places = arena_alloc(a, (n + 1) * sizeof(*ix->places));
    ix->base = arena_alloc(a, (ix->base_n + 1) * sizeof(*ix->base));
    if (!ix->places || !ix->base)
        return ERR_NOMEM;
    ix->base_n = 0;
    each_place(b, put_place);
    return ERR_NONE;
}

static CHECKED enum err keep_refs(struct builder *b)
{
    struct pred *refs = arena_alloc(&b->rs->arena, (b->preds.ref.n + 1) * sizeof(*refs));

    if (!refs)
        return ERR_NOMEM;
    if (b->preds.ref.n)
        memcpy(refs, b->preds.ref.v, b->preds.ref.n * sizeof(*refs));
    b->ix->refs = refs;
    return ERR_NONE;
}

static void number_bits(struct builder *b)
{
    struct index *ix = b->ix;

    ix->bits_n = pred_bits(&b->preds);
    ix->present = pred_bit(&b->preds, PRED_PRESENT, 0);
    ix->null = pred_bit(&b->preds, PRED_NULL, 0);
    ix->keyword = pred_bit(&b->preds, PRED_KEYWORD, 0);
    ix->ref = pred_bit(&b->preds, PRED_REF, 0);
    ix->rule_words = words(b->rs->rules_n);
    ix->slot_words = words(b->rs->slot_keys.n);
    ix->bit_words = words(ix->bits_n);
}

static CHECKED enum err databases(struct builder *b)
{
    struct seek_want *wants = NULL;
    size_t n = 0;
    enum err e = seek_wants(&b->ix->seeks, &b->tmp, &wants, &n);

    for (size_t i = 0; i < n && e == ERR_NONE; i++) {
        struct scan *db = NULL;
        if (scan_works())
            e = scan_cache_literals(b->cache, wants[i].want, wants[i].n, &db);
        if (e == ERR_UNSUPPORTED)
            e = ERR_NONE;
        if (e == ERR_NONE)
            seek_put(&b->ix->seeks, &wants[i], db);
        if (e == ERR_NONE && db)
            e = scan_scratch_fit(&b->ix->proto, db);
    }
    return e;
}

/* For each rule that keywords wake: which ones. */
static CHECKED enum err watches(struct builder *b)
{
    struct index *ix = b->ix;
    struct watch_rule *w = arena_calloc(&b->tmp, b->rs->rules_n + 1, sizeof(*w));
    size_t n = 0;

    if (!w)
        return ERR_NOMEM;
    for (size_t i = 0; i < b->rs->rules_n; i++) {
        uint32_t *preds = has(ix->keyword_rules, i)
                              ? arena_alloc(&b->tmp, (b->rule_w[i].n + 1) * sizeof(*preds))
                              : NULL;
        if (!has(ix->keyword_rules, i))
            continue;
        if (!preds)
            return ERR_NOMEM;
        w[n] = (struct watch_rule){.rule = (uint32_t)i, .preds = preds};
        for (uint32_t k = 0; k < b->rule_w[i].n; k++)
            if (b->rule_w[i].bits[k] >= ix->keyword)
                preds[w[n].n++] = b->rule_w[i].bits[k] - ix->keyword;
        n++;
    }
    enum err e = watch_build(&b->rs->arena, &b->preds, w, n, b->rs->rules_n, b->cache, &ix->watch);
    for (uint32_t i = 0; i < ix->watch.dbs_n && e == ERR_NONE; i++)
        e = scan_scratch_fit(&ix->proto, ix->watch.dbs[i]);
    return e == ERR_NONE && ix->watch.all ? scan_scratch_fit(&ix->proto, ix->watch.all) : e;
}

static CHECKED enum err build(struct builder *b)
{
    struct index *ix = b->ix;
    enum err e = forms(b);

    if (e != ERR_NONE)
        return e;
    number_bits(b);
    e = programs(b, b->rows, b->rs->rows_n, &ix->rows, &b->row_w);
    if (e == ERR_NONE)
        e = programs(b, b->rules, b->rs->rules_n, &ix->rules, &b->rule_w);
    if (e == ERR_NONE)
        e = invert(b, b->rule_w, b->rs->rules_n, &ix->rule_of);
    if (e == ERR_NONE)
        e = invert(b, b->row_w, b->rs->rows_n, &ix->row_of);
    if (e == ERR_NONE)
        e = gates(b);
    if (e == ERR_NONE)
        e = rule_sets(b);
    if (e == ERR_NONE)
        e = row_sets(b);
    if (e == ERR_NONE)
        e = places(b);
    if (e == ERR_NONE)
        e = keep_refs(b);
    if (e == ERR_NONE)
        e = seek_build(&b->rs->arena, &b->preds, &ix->seeks);
    if (e == ERR_NONE)
        e = databases(b);
    return e == ERR_NONE ? watches(b) : e;
}

static char cache_folder[4096];

void ruleset_cache(const char *folder)
{
    int n = snprintf(cache_folder, sizeof(cache_folder), "%s", folder ? folder : "");

    if (n < 0 || (size_t)n >= sizeof(cache_folder))
        cache_folder[0] = 0;
}

CHECKED enum err index_build(struct ruleset *rs, struct diag *diag)
{
    enum { TMP_BYTES_MAX = 1 << 30 };
    struct builder b = {.rs = rs, .ix = calloc(1, sizeof(*b.ix))};

    if (!b.ix)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the index of the rules");
    arena_init(&b.tmp, TMP_BYTES_MAX);
    preds_init(&b.preds, &b.tmp, rs->slot_keys.n);
    b.cache = scan_cache_open(cache_folder);
    enum err e = b.cache ? build(&b) : ERR_NOMEM;
    scan_cache_close(b.cache);
    preds_done(&b.preds);
    arena_done(&b.tmp);
    if (e != ERR_NONE) {
        index_free(b.ix);
        return FAIL(diag, e, 0, "the index of the rules: %s", err_text(e));
    }
    rs->index = b.ix;
    return ERR_NONE;
}

void index_free(struct index *ix)
{
    if (!ix)
        return;
    seek_done(&ix->seeks);
    watch_done(&ix->watch);
    scan_scratch_free(ix->proto);
    free(ix->steps.v);
    free(ix);
}
