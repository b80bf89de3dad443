#include <stdlib.h>

#include "core/fold.h"
#include "detect/seek_int.h"

/* One slot while it is being built; every array has room for all its atoms. */
struct building {
    struct arena *keep, *tmp;
    const struct preds *p;
    struct seek *k;
    const struct seek_post *posts; /* by atom */
    struct intern texts;           /* of literals */
    uint32_t *first, *next;        /* by literal, by use: the next use + 1 */
    struct seek_use *uses;
    uint32_t uses_n, exact_n;
};

static bool ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* The longest run of bytes that every match holds, folded; empty when nothing can be said. Bytes
 * beyond ASCII fold in company, so a run of a `cased` pattern must have none. */
static CHECKED enum err longest_run(struct arena *a, const struct pattern *pat, struct slice *ret)
{
    struct slice best = SLICE("");

    for (size_t i = 0; i < pat->segs_n; i++) {
        const struct pattern_seg *seg = &pat->segs[i];
        char *run = arena_alloc(a, seg->n + 1);
        size_t n = 0;
        if (!run)
            return ERR_NOMEM;
        for (size_t k = 0; k <= seg->n; k++) {
            bool byte = k < seg->n && seg->t[k].kind == TOK_BYTE &&
                        !(pat->cased && (unsigned char)seg->t[k].byte >= 0x80);
            if (byte) {
                run[n++] = seg->t[k].byte;
                continue;
            }
            if (n > best.n)
                best = (struct slice){run, n};
            run += n;
            n = 0;
        }
    }
    char *folded = arena_alloc(a, fold_bound(best.n) + 1);
    if (!folded)
        return ERR_NOMEM;
    *ret = pat->cased ? (struct slice){folded, fold_case(best, folded)} : best;
    return ERR_NONE;
}

CHECKED enum err seek_need(struct arena *a, const struct atom *atom, struct slice *ret)
{
    const struct pattern *pat = atom->pat;
    char text[REGEX_NEED_MAX];

    *ret = SLICE("");
    if (atom->test->kind == TEST_REGEX) {
        size_t n = regex_needs(regex_source(atom->test->re)->text, text);
        return n >= REGEX_NEED_MIN ? arena_dup(a, (struct slice){text, n}, ret) : ERR_NONE;
    }
    if (atom->test->kind != TEST_PATTERN)
        return ERR_NONE;
    if (pat->cased || pat->kind == PATTERN_GLOB)
        return longest_run(a, pat, ret);
    *ret = pat->lit;
    return ERR_NONE;
}

/* A literal whose place does not matter is another one than the same that must stand at an end: the
 * scanner tells the first once only, so that no text makes it verified again and again. */
static CHECKED enum err add_use(struct building *b, struct slice text, const struct seek_use *use)
{
    bool once = use->how == SEEK_CONTAINS || use->how == SEEK_VERIFY;
    char *key = arena_alloc(b->tmp, text.n + 1);
    uint32_t id;

    if (!key)
        return ERR_NOMEM;
    memcpy(key, text.p, text.n);
    key[text.n] = once;
    enum err e = intern_put(&b->texts, (struct slice){key, text.n + 1}, &id, NULL);
    if (e != ERR_NONE)
        return e;
    b->next[b->uses_n] = b->first[id];
    b->uses[b->uses_n] = *use;
    b->first[id] = ++b->uses_n;
    return ERR_NONE;
}

static CHECKED enum err add_exact(struct building *b, struct slice text, struct seek_post post)
{
    uint32_t id;
    enum err e = intern_put(&b->k->exact_keys, text, &id, NULL);

    if (e != ERR_NONE)
        return e;
    b->k->exact[id] = (struct seek_exact){text, post};
    if (text.n > b->k->longest_exact)
        b->k->longest_exact = text.n;
    return ERR_NONE;
}

static void add_try(struct building *b, const struct atom *a, struct seek_post post)
{
    b->k->tries[b->k->tries_n++] = (struct seek_test){a->test, a->pat, post};
}

static CHECKED enum err add_pattern(struct building *b, const struct atom *a, struct seek_post post)
{
    struct seek_use use = {.how = SEEK_VERIFY, .pat = a->pat, .post = post};
    struct slice text = a->pat->lit;
    enum err e = ERR_NONE;

    if (a->pat->kind == PATTERN_ANY && !b->k->any.n) {
        b->k->any = post;
        return ERR_NONE;
    }
    if (a->pat->cased || a->pat->kind == PATTERN_GLOB) {
        e = seek_need(b->tmp, a, &text);
        if (e != ERR_NONE)
            return e;
    } else if (a->pat->kind == PATTERN_EQUAL) {
        return add_exact(b, text, post);
    } else {
        use.how = a->pat->kind == PATTERN_STARTS ? SEEK_STARTS
                  : a->pat->kind == PATTERN_ENDS ? SEEK_ENDS
                                                 : SEEK_CONTAINS;
    }
    if (scan_fits(text))
        return add_use(b, text, &use);
    add_try(b, a, post);
    return ERR_NONE;
}

static CHECKED enum err add_regex(struct building *b, const struct atom *a, struct seek_post post)
{
    struct seek_use use = {.how = SEEK_VERIFY, .re = a->test->re, .post = post};
    struct slice text;
    enum err e = seek_need(b->tmp, a, &text);

    if (e == ERR_NONE && scan_fits(text))
        return add_use(b, text, &use);
    if (e == ERR_NONE)
        add_try(b, a, post);
    return e;
}

/* Two networks are two atoms, so that no node gets a second post. */
static CHECKED enum err add_network(struct building *b, const struct cidr *c, struct seek_post post)
{
    struct seek *k = b->k;
    uint32_t at = 0;

    if (k->nets_n == 0)
        k->nets_n = 1;
    for (unsigned bit = 0; bit < c->bits; bit++) {
        uint32_t *kid = &k->nets[at].kid[c->ip[bit / 8] >> (7 - bit % 8) & 1];
        if (!*kid)
            *kid = k->nets_n++;
        at = *kid;
    }
    k->nets[at].post = post;
    k->addresses = true;
    return ERR_NONE;
}

static CHECKED enum err add_atom(struct building *b, uint32_t number)
{
    const struct atom *a = &b->p->atoms[number];
    struct seek_post post = b->posts[number];
    struct seek *k = b->k;

    k->asks = true;
    switch (a->test->kind) {
    case TEST_PATTERN:
        return add_pattern(b, a, post);
    case TEST_REGEX:
        return add_regex(b, a, post);
    case TEST_CIDR:
        return add_network(b, &a->test->cidr, post);
    case TEST_NUMBER:
        k->types = true;
        if (a->test->cmp == CMP_EQ)
            k->numbers[k->numbers_n++] = (struct seek_number){a->test->number, post};
        else
            add_try(b, a, post);
        return ERR_NONE;
    case TEST_NULL:
    case TEST_EXISTS:
    case TEST_REF:
    case TEST_TIME:
        break;
    }
    return ERR_NONE;
}

/* ASCII literals first, each with its uses in a row. */
static CHECKED enum err lay_literals(struct building *b)
{
    struct seek *k = b->k;
    uint32_t n = 0, uses = 0;

    k->literals = arena_calloc(b->keep, b->texts.n + 1, sizeof(*k->literals));
    k->uses = arena_alloc(b->keep, (b->uses_n + 1) * sizeof(*k->uses));
    if (!k->literals || !k->uses)
        return ERR_NOMEM;
    for (unsigned round = 0; round < 2; round++) {
        struct seek_scan *db = round == 0 ? &k->ascii : &k->other;
        db->at = n;
        for (uint32_t i = 0; i < b->texts.n; i++) {
            struct slice key = b->texts.keys[i];
            if (ascii(key) != (round == 0))
                continue;
            struct seek_literal *lit = &k->literals[n++];
            lit->once = key.p[key.n - 1];
            enum err e = arena_dup(b->keep, slice_cut(key, 0, key.n - 1), &lit->text);
            if (e != ERR_NONE)
                return e;
            lit->uses_at = uses;
            for (uint32_t at = b->first[i]; at; at = b->next[at - 1])
                k->uses[uses++] = b->uses[at - 1];
            lit->uses_n = uses - lit->uses_at;
        }
        db->n = n - db->at;
    }
    return ERR_NONE;
}

static int by_value(const void *a, const void *b)
{
    const struct seek_number *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static CHECKED enum err rooms(struct building *b, const uint32_t *atoms, uint32_t n)
{
    struct seek *k = b->k;
    size_t nets = 1, exact = 0, numbers = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct atom *a = &b->p->atoms[atoms[i]];
        nets += a->test->kind == TEST_CIDR ? a->test->cidr.bits : 0;
        exact += a->pat && a->pat->kind == PATTERN_EQUAL && !a->pat->cased;
        numbers += a->test->kind == TEST_NUMBER;
    }
    intern_init(&k->exact_keys, b->keep);
    intern_init(&b->texts, b->tmp);
    k->exact = arena_alloc(b->keep, (exact + 1) * sizeof(*k->exact));
    k->tries = arena_alloc(b->keep, (n + 1) * sizeof(*k->tries));
    k->numbers = arena_alloc(b->keep, (numbers + 1) * sizeof(*k->numbers));
    k->nets = arena_calloc(b->keep, nets, sizeof(*k->nets));
    b->first = arena_calloc(b->tmp, n + 1, sizeof(*b->first));
    b->next = arena_calloc(b->tmp, n + 1, sizeof(*b->next));
    b->uses = arena_alloc(b->tmp, (n + 1) * sizeof(*b->uses));
    return k->exact && k->tries && k->numbers && k->nets && b->first && b->next && b->uses
               ? ERR_NONE
               : ERR_NOMEM;
}

static CHECKED enum err build_slot(struct building *b, const uint32_t *atoms, uint32_t n)
{
    enum err e = rooms(b, atoms, n);

    b->uses_n = 0;
    for (uint32_t i = 0; i < n && e == ERR_NONE; i++)
        e = add_atom(b, atoms[i]);
    if (e == ERR_NONE)
        e = lay_literals(b);
    if (e == ERR_NONE && b->k->numbers_n)
        qsort(b->k->numbers, b->k->numbers_n, sizeof(*b->k->numbers), by_value);
    intern_done(&b->texts);
    return e;
}

/* The bits of the predicates that each atom is in, atom after atom. */
static CHECKED enum err make_posts(struct arena *keep, const struct preds *p, struct seek_set *s,
                                   struct seek_post **ret)
{
    const struct pred_list *lists[] = {&p->value, &p->keyword};
    struct seek_post *posts = arena_calloc(p->tmp, p->atom_keys.n + 1, sizeof(*posts));
    uint32_t n = 0;

    if (!posts)
        return ERR_NOMEM;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (uint32_t i = 0; i < lists[l]->n; i++)
            for (uint32_t k = 0; k < lists[l]->v[i].n; k++)
                posts[lists[l]->v[i].atoms[k]].n++;
    for (uint32_t i = 0; i < p->atom_keys.n; i++) {
        posts[i].at = n;
        n += posts[i].n;
        posts[i].n = 0;
    }
    s->bits = arena_alloc(keep, (n + 1) * sizeof(*s->bits));
    if (!s->bits)
        return ERR_NOMEM;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (uint32_t i = 0; i < lists[l]->n; i++)
            for (uint32_t k = 0; k < lists[l]->v[i].n; k++) {
                struct seek_post *post = &posts[lists[l]->v[i].atoms[k]];
                s->bits[post->at + post->n++] = pred_bit(p, l ? PRED_KEYWORD : PRED_VALUE, i);
            }
    *ret = posts;
    return ERR_NONE;
}

CHECKED enum err seek_build(struct arena *keep, struct preds *p, struct seek_set *ret)
{
    struct building b = {.keep = keep, .tmp = p->tmp, .p = p};
    uint32_t *starts = arena_calloc(p->tmp, p->slots_n + 2, sizeof(*starts));
    uint32_t *order = arena_alloc(p->tmp, (p->atom_keys.n + 1) * sizeof(*order));
    struct seek_post *posts = NULL;
    enum err e = make_posts(keep, p, ret, &posts);

    ret->v = arena_calloc(keep, p->slots_n + 1, sizeof(*ret->v));
    if (e != ERR_NONE || !starts || !order || !ret->v)
        return ERR_NOMEM;
    b.posts = posts;
    ret->n = p->slots_n;
    /* starts[s + 1] becomes where the atoms of slot s end. */
    for (uint32_t i = 0; i < p->atom_keys.n; i++)
        starts[p->atoms[i].slot + 1]++;
    for (uint32_t s = 0; s < p->slots_n; s++)
        starts[s + 1] += starts[s];
    for (uint32_t i = p->atom_keys.n; i > 0; i--)
        order[--starts[p->atoms[i - 1].slot + 1]] = i - 1;
    for (uint32_t s = 0; s < p->slots_n && e == ERR_NONE; s++) {
        uint32_t from = starts[s + 1], to = s + 1 < p->slots_n ? starts[s + 2] : p->atom_keys.n;
        b.k = &ret->v[s];
        e = build_slot(&b, order + from, to - from);
    }
    return e;
}

void seek_done(struct seek_set *s)
{
    for (uint32_t i = 0; s->v && i < s->n; i++) {
        intern_done(&s->v[i].exact_keys);
        scan_free(s->v[i].ascii.db);
        scan_free(s->v[i].other.db);
    }
    *s = (struct seek_set){.n = 0};
}

static CHECKED enum err want_literals(const struct seek *k, const struct seek_scan *db,
                                      struct arena *tmp, struct scan_want **ret)
{
    struct scan_want *w = arena_calloc(tmp, db->n + 1, sizeof(*w));

    if (!w)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < db->n; i++) {
        const struct seek_literal *lit = &k->literals[db->at + i];
        w[i] = (struct scan_want){.text = lit->text, .once = lit->once};
    }
    *ret = w;
    return ERR_NONE;
}

CHECKED enum err seek_wants(const struct seek_set *s, struct arena *tmp, struct seek_want **ret,
                            size_t *ret_n)
{
    struct seek_want *all = arena_calloc(tmp, (size_t)s->n * SEEK_DATABASES + 1, sizeof(*all));
    enum err e = all ? ERR_NONE : ERR_NOMEM;
    size_t n = 0;

    for (uint32_t i = 0; i < s->n && e == ERR_NONE; i++) {
        const struct seek *k = &s->v[i];
        const struct seek_scan *dbs[] = {&k->ascii, &k->other};
        for (unsigned d = 0; d < 2 && e == ERR_NONE; d++) {
            if (!dbs[d]->n)
                continue;
            all[n] = (struct seek_want){.slot = i, .which = d, .n = dbs[d]->n};
            e = want_literals(k, dbs[d], tmp, &all[n++].want);
        }
    }
    *ret = all;
    *ret_n = n;
    return e;
}

void seek_put(struct seek_set *s, const struct seek_want *w, struct scan *db)
{
    struct seek *k = &s->v[w->slot];

    if (w->which == SEEK_ASCII)
        k->ascii.db = db;
    else
        k->other.db = db;
}
