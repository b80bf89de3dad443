#include "detect/pred_int.h"

#include <stdlib.h>

enum { SET_MAX = 1 << 16 };

void preds_init(struct preds *p, struct arena *tmp, uint32_t slots_n)
{
    *p = (struct preds){.tmp = tmp, .slots_n = slots_n};
    intern_init(&p->atom_keys, tmp);
    intern_init(&p->value.keys, tmp);
    intern_init(&p->keyword.keys, tmp);
    intern_init(&p->ref.keys, tmp);
}

void preds_done(struct preds *p)
{
    intern_done(&p->atom_keys);
    intern_done(&p->value.keys);
    intern_done(&p->keyword.keys);
    intern_done(&p->ref.keys);
    free(p->atoms);
    free(p->value.v);
    free(p->keyword.v);
    free(p->ref.v);
}

uint32_t pred_bit(const struct preds *p, enum pred_class class, uint32_t index)
{
    uint32_t at = index;

    if (class > PRED_VALUE)
        at += p->value.n;
    if (class > PRED_PRESENT)
        at += p->slots_n;
    if (class > PRED_NULL)
        at += p->slots_n;
    if (class > PRED_KEYWORD)
        at += p->keyword.n;
    return at;
}

uint32_t pred_bits(const struct preds *p)
{
    return pred_bit(p, PRED_REF, p->ref.n);
}

/* Everything that a pattern's meaning depends on. */
static CHECKED enum err pattern_key(struct arena *a, const struct pattern *pat, struct slice *ret)
{
    size_t n = 4, at = 4;

    for (size_t i = 0; i < pat->segs_n; i++)
        n += 2 * pat->segs[i].n + 1;
    char *to = arena_alloc(a, n);
    if (!to)
        return ERR_NOMEM;
    to[0] = (char)pat->kind;
    to[1] = pat->cased;
    to[2] = pat->open_start;
    to[3] = pat->open_end;
    for (size_t i = 0; i < pat->segs_n; i++) {
        for (size_t k = 0; k < pat->segs[i].n; k++) {
            to[at++] = (char)pat->segs[i].t[k].kind;
            to[at++] = pat->segs[i].t[k].byte;
        }
        to[at++] = '|';
    }
    *ret = (struct slice){to, at};
    return ERR_NONE;
}

static CHECKED enum err test_key(struct arena *a, const struct test *t, const struct pattern *pat,
                                 struct slice *ret)
{
    char number[sizeof(t->cmp) + sizeof(t->number)] = {0};

    switch (t->kind) {
    case TEST_PATTERN:
        return pat ? pattern_key(a, pat, ret) : ERR_NONE;
    case TEST_REGEX:
        return arena_dup(a, (struct slice){(const char *)&t->re, sizeof(t->re)}, ret);
    case TEST_CIDR:
        memcpy(number, t->cidr.ip, sizeof(t->cidr.ip));
        number[sizeof(t->cidr.ip)] = (char)t->cidr.bits;
        return arena_dup(a, (struct slice){number, sizeof(t->cidr.ip) + 1}, ret);
    case TEST_NUMBER:
        memcpy(number, &t->cmp, sizeof(t->cmp));
        /* An x87 number has ten bytes; those behind are not its own. */
        memcpy(number + sizeof(t->cmp), &t->number,
               sizeof(t->number) < 10 ? sizeof(t->number) : 10);
        return arena_dup(a, (struct slice){number, sizeof(number)}, ret);
    case TEST_NULL:
    case TEST_EXISTS:
    case TEST_REF:
    case TEST_TIME:
        break;
    }
    return ERR_UNSUPPORTED;
}

static CHECKED enum err atom(struct preds *p, uint32_t slot, const struct test *t,
                             const struct pattern *pat, uint32_t *ret)
{
    struct slice key = SLICE("");
    bool new;
    enum err e = test_key(p->tmp, t, pat, &key);
    char *full = e == ERR_NONE ? arena_alloc(p->tmp, key.n + 5) : NULL;

    if (e != ERR_NONE || !full)
        return e != ERR_NONE ? e : ERR_NOMEM;
    memcpy(full, &slot, sizeof(slot));
    full[4] = (char)t->kind;
    if (key.n)
        memcpy(full + 5, key.p, key.n);
    e = intern_put(&p->atom_keys, (struct slice){full, key.n + 5}, ret, &new);
    if (e != ERR_NONE || !new)
        return e;
    if (*ret >= p->atoms_cap) {
        uint32_t cap = p->atoms_cap ? p->atoms_cap * 2 : 1024;
        struct atom *atoms = realloc(p->atoms, cap * sizeof(*atoms));
        if (!atoms)
            return ERR_NOMEM;
        p->atoms = atoms;
        p->atoms_cap = cap;
    }
    p->atoms[*ret] = (struct atom){slot, t, pat};
    return ERR_NONE;
}

static CHECKED enum err keep(struct pred_list *l, struct slice key, const struct pred *pred,
                             uint32_t *ret)
{
    bool new;
    enum err e = intern_put(&l->keys, key, ret, &new);

    if (e != ERR_NONE || !new)
        return e;
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 256;
        struct pred *v = realloc(l->v, cap * sizeof(*v));
        if (!v)
            return ERR_NOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n] = *pred;
    /* The key's copy in the arena begins with the slot; the atoms follow it. */
    if (!pred->ref)
        l->v[l->n].atoms = (const uint32_t *)(const void *)(l->keys.keys[*ret].p + 4);
    l->n++;
    return ERR_NONE;
}

static const struct form *leaf(struct preds *p, enum pred_class class, uint32_t index)
{
    struct form *f = arena_calloc(p->tmp, 1, sizeof(*f));

    if (f)
        *f = (struct form){.kind = FORM_LEAF, .class = class, .index = index};
    return f;
}

static const struct form *join(struct preds *p, enum form_kind kind, const struct form *const *kids,
                               uint32_t n)
{
    struct form *f = arena_calloc(p->tmp, 1, sizeof(*f));

    for (uint32_t i = 0; i < n; i++)
        if (!kids[i])
            return NULL;
    if (n == 1 && kind != FORM_NOT)
        return kids[0];
    if (f)
        *f = (struct form){.kind = kind, .kids = kids, .n = n};
    return f;
}

static const struct form *negate(struct preds *p, const struct form *f)
{
    const struct form **kid = arena_alloc(p->tmp, sizeof(const struct form *));

    if (!kid || !f)
        return NULL;
    *kid = f;
    return join(p, FORM_NOT, kid, 1);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The predicate that any of these tests holds; set[0] is room for the slot. */
static CHECKED enum err value_leaf(struct preds *p, uint32_t slot, uint32_t *set, uint32_t n,
                                   const struct form **ret)
{
    uint32_t kept = 0, index = 0;
    bool keyword = slot == SLOT_KEYWORDS;
    struct pred pred = {.slot = slot};

    qsort(set + 1, n, sizeof(*set), by_number);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || set[kept] != set[i + 1])
            set[++kept] = set[i + 1];
    set[0] = slot;
    pred.n = kept;
    enum err e = keep(keyword ? &p->keyword : &p->value,
                      (struct slice){(const char *)set, (kept + 1) * sizeof(*set)}, &pred, &index);
    if (e != ERR_NONE)
        return e;
    *ret = leaf(p, keyword ? PRED_KEYWORD : PRED_VALUE, index);
    return *ret ? ERR_NONE : ERR_NOMEM;
}

static CHECKED enum err ref_leaf(struct preds *p, uint32_t slot, const struct test *t,
                                 const struct form **ret)
{
    bool time = t->kind == TEST_TIME;
    uint32_t key[5] = {slot, (uint32_t)t->kind, time ? (uint32_t)t->part_want : t->ref_slot,
                       time ? (uint32_t)t->part : (uint32_t)t->ref,
                       time ? (uint32_t)t->part_cmp : t->ref_cased};
    uint32_t index = 0;
    struct pred pred = {.slot = slot, .ref = t};
    enum err e = keep(&p->ref, (struct slice){(const char *)key, sizeof(key)}, &pred, &index);

    if (e == ERR_NONE)
        *ret = leaf(p, PRED_REF, index);
    return e == ERR_NONE && !*ret ? ERR_NOMEM : e;
}

/* What is not a comparison of a value: NULL and EXISTS ask about the slot itself. */
static CHECKED enum err state_leaf(struct preds *p, uint32_t slot, const struct test *t,
                                   const struct form **ret)
{
    const struct form *present = leaf(p, PRED_PRESENT, slot);

    if (t->kind == TEST_REF || t->kind == TEST_TIME)
        return ref_leaf(p, slot, t, ret);
    if (t->kind != TEST_NULL && t->kind != TEST_EXISTS)
        return ERR_UNSUPPORTED;
    if (t->kind == TEST_EXISTS) {
        *ret = t->exists ? present : negate(p, present);
        return *ret ? ERR_NONE : ERR_NOMEM;
    }
    const struct form **kids = arena_alloc(p->tmp, 2 * sizeof(const struct form *));
    if (!kids)
        return ERR_NOMEM;
    kids[0] = negate(p, present);
    kids[1] = leaf(p, PRED_NULL, slot);
    *ret = join(p, FORM_OR, kids, 2);
    return *ret ? ERR_NONE : ERR_NOMEM;
}

static bool of_value(const struct test *t)
{
    return t->kind == TEST_PATTERN || t->kind == TEST_REGEX || t->kind == TEST_CIDR ||
           t->kind == TEST_NUMBER;
}

static CHECKED enum err add_atoms(struct preds *p, uint32_t slot, const struct test *t,
                                  uint32_t *set, uint32_t *n)
{
    size_t pats = t->kind == TEST_PATTERN ? t->pats_n : 1;
    enum err e = ERR_NONE;

    for (size_t i = 0; i < pats && e == ERR_NONE; i++)
        e = atom(p, slot, t, t->kind == TEST_PATTERN ? &t->pats[i] : NULL, &set[1 + (*n)++]);
    return e;
}

static size_t atoms_of(const struct item *it)
{
    size_t n = 0;

    for (size_t i = 0; i < it->tests_n; i++)
        n += it->tests[i].kind == TEST_PATTERN ? it->tests[i].pats_n : 1;
    return n;
}

static CHECKED enum err form_item(struct preds *p, const struct item *it, const struct form **ret)
{
    size_t max = atoms_of(it);
    uint32_t *set = arena_alloc(p->tmp, (max + 1) * sizeof(*set));
    const struct form **kids = arena_alloc(p->tmp, (it->tests_n + 1) * sizeof(const struct form *));
    uint32_t set_n = 0, n = 0;
    enum err e = ERR_NONE;

    if (max > SET_MAX)
        return ERR_LIMIT;
    if (!set || !kids)
        return ERR_NOMEM;
    for (size_t i = 0; i < it->tests_n && e == ERR_NONE; i++) {
        const struct test *t = &it->tests[i];
        if (!of_value(t)) {
            e = state_leaf(p, it->slot, t, &kids[n++]);
            continue;
        }
        e = add_atoms(p, it->slot, t, set, &set_n);
        if (e == ERR_NONE && it->all) {
            e = value_leaf(p, it->slot, set, set_n, &kids[n++]);
            set_n = 0;
        }
    }
    if (e == ERR_NONE && set_n)
        e = value_leaf(p, it->slot, set, set_n, &kids[n++]);
    if (e != ERR_NONE)
        return e;
    *ret = join(p, it->all ? FORM_AND : FORM_OR, kids, n);
    if (it->neq)
        *ret = negate(p, *ret);
    return *ret ? ERR_NONE : ERR_NOMEM;
}

/* Recursion is bounded by DETECTION_DEPTH_MAX. */
CHECKED enum err pred_form_sel(struct preds *p, const struct sel *sel, const struct form **ret)
{
    enum err e = ERR_NONE;

    if (sel->kind == SEL_ITEM)
        return form_item(p, &sel->item, ret);
    const struct form **kids = arena_alloc(p->tmp, (sel->n + 1) * sizeof(const struct form *));
    if (!kids)
        return ERR_NOMEM;
    for (size_t i = 0; i < sel->n && e == ERR_NONE; i++)
        e = pred_form_sel(p, &sel->kids[i], &kids[i]);
    if (e != ERR_NONE)
        return e;
    *ret = join(p, sel->kind == SEL_AND ? FORM_AND : FORM_OR, kids, (uint32_t)sel->n);
    return *ret ? ERR_NONE : ERR_NOMEM;
}

/* Recursion is bounded by the condition's length. */
static CHECKED enum err form_expr(struct preds *p, const struct rule *rule, const struct expr *x,
                                  const struct form **ret)
{
    size_t n = x->kind == EXPR_SEL || x->kind == EXPR_OF ? x->sels_n : x->kind == EXPR_NOT ? 1 : 2;
    const struct form **kids = arena_alloc(p->tmp, (n + 1) * sizeof(const struct form *));
    enum err e = kids ? ERR_NONE : ERR_NOMEM;

    for (size_t i = 0; i < n && e == ERR_NONE; i++)
        e = x->sels ? pred_form_sel(p, &rule->sels[x->sels[i]], &kids[i])
                    : form_expr(p, rule, i == 0 ? x->left : x->right, &kids[i]);
    if (e != ERR_NONE)
        return e;
    if (x->kind == EXPR_NOT)
        *ret = negate(p, kids[0]);
    else if (x->kind == EXPR_OF && x->need > 1 && x->need < n) {
        struct form *f = arena_calloc(p->tmp, 1, sizeof(*f));
        if (f)
            *f = (struct form){.kind = FORM_OF, .kids = kids, .n = (uint32_t)n, .need = x->need};
        *ret = f;
    } else {
        bool all = x->kind == EXPR_AND || (x->kind == EXPR_OF && x->need == n);
        *ret = join(p, all ? FORM_AND : FORM_OR, kids, (uint32_t)n);
    }
    return *ret ? ERR_NONE : ERR_NOMEM;
}

CHECKED enum err pred_form_rule(struct preds *p, const struct rule *rule, const struct form **ret)
{
    return form_expr(p, rule, rule->condition, ret);
}
