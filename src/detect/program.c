#include "detect/program_int.h"

#include <stdlib.h>

struct emitter {
    struct steps *to;
    const struct preds *p;
    uint32_t first;
    enum err e;
};

static uint32_t put(struct emitter *x, uint32_t bit, uint32_t yes, uint32_t no)
{
    struct steps *to = x->to;

    if (yes == no || x->e != ERR_NONE)
        return yes;
    if (to->n - x->first >= PROGRAM_STEPS_MAX) {
        x->e = ERR_LIMIT;
        return PROGRAM_NO;
    }
    if (to->n == to->cap) {
        uint32_t cap = to->cap ? to->cap * 2 : 4096;
        struct step *v = realloc(to->v, cap * sizeof(*v));
        if (!v) {
            x->e = ERR_NOMEM;
            return PROGRAM_NO;
        }
        to->v = v;
        to->cap = cap;
    }
    to->v[to->n] = (struct step){bit, yes, no};
    return to->n++;
}

/* Whether it asks for what is not decided beforehand: those go last. */
static bool lazy(const struct form *f)
{
    if (f->kind == FORM_LEAF)
        return f->class == PRED_KEYWORD || f->class == PRED_REF;
    for (uint32_t i = 0; i < f->n; i++)
        if (lazy(f->kids[i]))
            return true;
    return false;
}

static uint32_t emit(struct emitter *x, const struct form *f, uint32_t yes, uint32_t no);

/* The last part is emitted first, so that each knows where to go on. */
static uint32_t emit_all(struct emitter *x, const struct form *f, uint32_t yes, uint32_t no)
{
    for (unsigned round = 0; round < 2; round++)
        for (uint32_t i = f->n; i > 0; i--) {
            const struct form *kid = f->kids[i - 1];
            if (lazy(kid) != (round == 0))
                continue;
            if (f->kind == FORM_AND)
                yes = emit(x, kid, yes, no);
            else
                no = emit(x, kid, yes, no);
        }
    return f->kind == FORM_AND ? yes : no;
}

/* at[h]: where to go on with the parts from i on when h of those before held. */
static uint32_t emit_of(struct emitter *x, const struct form *f, uint32_t yes, uint32_t no)
{
    uint32_t *at = arena_alloc(x->p->tmp, (f->need + 1) * sizeof(*at));

    if (!at) {
        x->e = ERR_NOMEM;
        return no;
    }
    for (uint32_t h = 0; h < f->need; h++)
        at[h] = no;
    at[f->need] = yes;
    for (uint32_t i = f->n; i > 0 && x->e == ERR_NONE; i--)
        for (uint32_t h = 0; h < f->need && h < i; h++)
            at[h] = emit(x, f->kids[i - 1], at[h + 1], at[h]);
    return at[0];
}

/* Recursion is bounded like the rule's own depth. */
static uint32_t emit(struct emitter *x, const struct form *f, uint32_t yes, uint32_t no)
{
    switch (f->kind) {
    case FORM_LEAF:
        return put(x, pred_bit(x->p, f->class, f->index), yes, no);
    case FORM_NOT:
        return emit(x, f->kids[0], no, yes);
    case FORM_AND:
    case FORM_OR:
        return emit_all(x, f, yes, no);
    case FORM_OF:
        return emit_of(x, f, yes, no);
    }
    return no;
}

CHECKED enum err program_steps(struct steps *to, const struct preds *p, const struct form *f,
                               uint32_t *ret)
{
    struct emitter x = {.to = to, .p = p, .first = to->n, .e = ERR_NONE};
    uint32_t at = emit(&x, f, PROGRAM_YES, PROGRAM_NO);

    if (x.e != ERR_NONE) {
        to->n = x.first;
        return x.e;
    }
    *ret = at;
    return ERR_NONE;
}

/* Texts that most Windows events hold somewhere. */
static bool common(struct slice lit)
{
    static const char *const texts[] = {
        "c:\\windows\\system32\\svchost.exe",
        "c:\\windows\\syswow64\\",
        "c:\\program files\\",
        "c:\\program files (x86)\\",
        "c:\\users\\",
        "\\appdata\\local\\",
        "c:\\windows\\system32\\windowspowershell\\v1.0\\powershell.exe",
        "c:\\windows\\explorer.exe",
        "c:\\programdata\\microsoft\\windows defender\\platform\\",
        "hklm\\system\\currentcontrolset\\services\\",
        "hklm\\software\\microsoft\\windows\\currentversion\\",
        "nt authority\\system",
        "microsoft corporation",
        "microsoft-windows-sysmon/operational",
        "security",
        "0x0",
        "true",
        "false",
        "-",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (memmem(texts[i], strlen(texts[i]), lit.p, lit.n))
            return true;
    return false;
}

static double weight_of_text(size_t n)
{
    return n >= 8 ? 1e-4 : n >= 5 ? 1e-3 : n >= 3 ? 1e-2 : 0.2;
}

static double weight_of_pattern(const struct pattern *p)
{
    struct slice lit = p->lit;

    for (size_t i = 0; i < p->segs_n; i++)
        if (p->segs[i].lit.n > lit.n)
            lit = p->segs[i].lit;
    if (p->kind == PATTERN_ANY)
        return 1;
    return lit.n && common(lit) ? 0.4 : weight_of_text(lit.n);
}

static double weight_of_atom(const struct atom *a)
{
    switch (a->test->kind) {
    case TEST_PATTERN:
        return weight_of_pattern(a->pat);
    case TEST_REGEX:
        return 0.02;
    case TEST_CIDR:
        return 0.1;
    case TEST_NUMBER:
        return a->test->cmp == CMP_EQ ? 0.05 : 0.3;
    case TEST_NULL:
    case TEST_EXISTS:
    case TEST_REF:
    case TEST_TIME:
        break;
    }
    return 1;
}

static double weight_of(const struct preds *p, const struct form *leaf)
{
    const struct pred *pred = leaf->class == PRED_VALUE     ? &p->value.v[leaf->index]
                              : leaf->class == PRED_KEYWORD ? &p->keyword.v[leaf->index]
                                                            : NULL;
    double sum = leaf->class == PRED_KEYWORD ? 100 : 0; /* asking costs a look at everything */

    for (uint32_t i = 0; pred && i < pred->n; i++)
        sum += weight_of_atom(&p->atoms[pred->atoms[i]]);
    return pred ? sum : 2; /* that there is a field says little */
}

static bool of_leaf(const struct preds *p, const struct form *f, struct witness *ret,
                    bool *ret_nomem)
{
    uint32_t *bit = arena_alloc(p->tmp, sizeof(*bit));

    if (!bit) {
        *ret_nomem = true;
        return false;
    }
    /* A reference needs a value to compare. */
    *bit = f->class == PRED_REF ? pred_bit(p, PRED_PRESENT, p->ref.v[f->index].slot)
                                : pred_bit(p, f->class, f->index);
    *ret = (struct witness){bit, 1, weight_of(p, f)};
    return true;
}

static bool search(const struct preds *p, const struct form *f, bool negated, struct witness *ret,
                   bool *ret_nomem);

/* One part of an `and` will do: the one that is seldom there. */
static bool best(const struct preds *p, const struct form *f, bool negated, struct witness *ret,
                 bool *ret_nomem)
{
    struct witness w;
    bool any = false;

    for (uint32_t i = 0; i < f->n; i++)
        if (search(p, f->kids[i], negated, &w, ret_nomem) && (!any || w.weight < ret->weight)) {
            *ret = w;
            any = true;
        }
    return any;
}

/* Of an `or` each part has to give its own. */
static bool every(const struct preds *p, const struct form *f, bool negated, struct witness *ret,
                  bool *ret_nomem)
{
    struct witness *parts = arena_calloc(p->tmp, f->n + 1, sizeof(*parts));
    uint32_t n = 0, *bits;

    if (!parts) {
        *ret_nomem = true;
        return false;
    }
    *ret = (struct witness){.n = 0};
    for (uint32_t i = 0; i < f->n; i++) {
        if (!search(p, f->kids[i], negated, &parts[i], ret_nomem))
            return false;
        n += parts[i].n;
    }
    bits = arena_alloc(p->tmp, (n + 1) * sizeof(*bits));
    if (!bits) {
        *ret_nomem = true;
        return false;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        memcpy(bits + ret->n, parts[i].bits, parts[i].n * sizeof(*bits));
        ret->n += parts[i].n;
        ret->weight += parts[i].weight;
    }
    ret->bits = bits;
    return true;
}

static bool search(const struct preds *p, const struct form *f, bool negated, struct witness *ret,
                   bool *ret_nomem)
{
    switch (f->kind) {
    case FORM_LEAF:
        return !negated && of_leaf(p, f, ret, ret_nomem);
    case FORM_NOT:
        return search(p, f->kids[0], !negated, ret, ret_nomem);
    case FORM_AND:
        return negated ? every(p, f, true, ret, ret_nomem) : best(p, f, false, ret, ret_nomem);
    case FORM_OR:
        return negated ? best(p, f, true, ret, ret_nomem) : every(p, f, false, ret, ret_nomem);
    case FORM_OF:
        /* At least one of them holds, whatever is needed. */
        return !negated && every(p, f, false, ret, ret_nomem);
    }
    return false;
}

CHECKED bool program_witness(const struct preds *p, const struct form *f, struct witness *ret,
                             bool *ret_nomem)
{
    *ret_nomem = false;
    return search(p, f, false, ret, ret_nomem) && !*ret_nomem;
}
