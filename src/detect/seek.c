#include "detect/seek_int.h"

#include <stdlib.h>

#include "core/fold.h"

void seeker_done(struct seeker *s)
{
    scan_scratch_free(s->scan);
    free(s->seen);
    free(s->found);
    free(s->one.p);
    free(s->whole.p);
    *s = (struct seeker){.regex = s->regex};
}

struct query {
    const struct seek_set *set;
    const struct seek *k;
    struct seeker *s;
    struct slice raw, folded;
    const struct value *v;
    const struct seek_literal *literals; /* of the database that is being run */
};

static void found(struct query *q, struct seek_post post)
{
    struct seeker *s = q->s;

    for (uint32_t i = 0; i < post.n; i++) {
        uint32_t bit = q->set->bits[post.at + i];
        uint64_t mask = UINT64_C(1) << (bit % 64);
        if (s->seen[bit / 64] & mask)
            continue;
        s->seen[bit / 64] |= mask;
        s->found[s->found_n++] = bit;
    }
}

static bool use_holds(struct query *q, const struct seek_literal *lit, const struct seek_use *use,
                      size_t end)
{
    switch (use->how) {
    case SEEK_CONTAINS:
        return true;
    case SEEK_STARTS:
        return end == lit->text.n;
    case SEEK_ENDS:
        return end == q->folded.n;
    case SEEK_VERIFY:
        if (use->re)
            return regex_search(use->re, q->s->regex, q->raw, &q->s->limited);
        return pattern_match(use->pat, use->pat->cased ? q->raw : q->folded);
    }
    return false;
}

static void on_literal(void *arg, uint32_t number, size_t end)
{
    struct query *q = arg;
    const struct seek_literal *lit = &q->literals[number];

    for (uint32_t i = 0; i < lit->uses_n; i++) {
        const struct seek_use *use = &q->k->uses[lit->uses_at + i];
        if (use_holds(q, lit, use, end))
            found(q, use->post);
    }
}

static bool ascii(struct slice s)
{
    unsigned char all = 0;

    for (size_t i = 0; i < s.n; i++)
        all |= (unsigned char)s.p[i];
    return all < 0x80;
}

/* Without an answer of the scanner every literal is tried. */
static void each_literal(struct query *q, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct seek_literal *lit = &q->literals[i];
        size_t last = q->folded.n - lit->text.n;
        for (size_t at = 0; lit->text.n <= q->folded.n && at <= last; at++) {
            if (memcmp(q->folded.p + at, lit->text.p, lit->text.n) != 0)
                continue;
            on_literal(q, i, at + lit->text.n);
            if (lit->once)
                break;
        }
    }
}

static void scan_literals_of(struct query *q, const struct seek_scan *db)
{
    q->literals = q->k->literals + db->at;
    if (db->n && (!db->db || !scan_run(db->db, q->s->scan, q->folded, on_literal, q)))
        each_literal(q, db->n);
}

static bool number_of(const struct query *q, long double *ret)
{
    if (q->v && (q->v->type == VT_INT || q->v->type == VT_TIME)) {
        *ret = (long double)q->v->i;
        return true;
    }
    return number_parse(q->raw, ret);
}

static bool compares(const struct test *t, long double n)
{
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

static void seek_numbers(struct query *q)
{
    const struct seek *k = q->k;
    uint32_t lo = 0, hi = k->numbers_n;
    long double n = 0;

    if (!k->types || !number_of(q, &n))
        return;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (k->numbers[mid].number < n)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < k->numbers_n && k->numbers[lo].number == n; lo++)
        found(q, k->numbers[lo].post);
    for (uint32_t i = 0; i < k->tries_n; i++)
        if (k->tries[i].test->kind == TEST_NUMBER && compares(k->tries[i].test, n))
            found(q, k->tries[i].post);
}

static void seek_networks(struct query *q)
{
    const struct seek *k = q->k;
    uint8_t parsed[16];
    const uint8_t *ip = parsed;
    uint32_t at = 0;

    if (!k->nets_n)
        return;
    if (q->v && q->v->type == VT_IP)
        ip = q->v->ip;
    else if (!ip_parse(q->raw, parsed))
        return;
    found(q, k->nets[0].post);
    for (unsigned bit = 0; bit < 128; bit++) {
        at = k->nets[at].kid[ip[bit / 8] >> (7 - bit % 8) & 1];
        if (!at)
            return;
        found(q, k->nets[at].post);
    }
}

static void seek_tries(struct query *q)
{
    for (uint32_t i = 0; i < q->k->tries_n; i++) {
        const struct seek_test *t = &q->k->tries[i];
        bool hit = false;
        if (t->test->kind == TEST_PATTERN)
            hit = pattern_match(t->pat, t->pat->cased ? q->raw : q->folded);
        else if (t->test->kind == TEST_REGEX)
            hit = regex_search(t->test->re, q->s->regex, q->raw, &q->s->limited);
        if (hit)
            found(q, t->post);
    }
}

static void seek_exact_text(struct query *q)
{
    const struct seek *k = q->k;

    if (!k->exact_keys.n || q->folded.n > k->longest_exact)
        return;
    uint32_t id = intern_get(&k->exact_keys, q->folded);
    if (id != INTERN_NONE)
        found(q, k->exact[id].post);
}

static bool fold_into(struct seek_text *t, struct slice raw)
{
    size_t need = fold_bound(raw.n);

    if (need > SIZE_MAX / 2)
        return false;
    if (need + SCAN_PAD > t->cap) {
        size_t cap = t->cap ? t->cap : 8192;
        while (cap < need + SCAN_PAD)
            cap *= 2;
        char *to = malloc(cap);
        if (!to)
            return false;
        free(t->p);
        t->p = to;
        t->cap = cap;
    }
    t->n = fold_case(raw, t->p);
    scan_pad(t->p + t->n);
    return true;
}

CHECKED bool seek_fold(struct seeker *s, struct slice raw, struct slice *ret)
{
    bool whole = raw.p == s->record.p && raw.n == s->record.n && raw.n > 0;
    struct seek_text *t = whole ? &s->whole : &s->one;

    if (!(whole && s->record_folded) && !fold_into(t, raw))
        return false;
    s->record_folded |= whole;
    *ret = (struct slice){t->p, t->n};
    return true;
}

void seek_value(const struct seek_set *set, struct seeker *s, uint32_t slot, struct slice raw,
                const struct value *v)
{
    struct query q = {.set = set, .k = &set->v[slot], .s = s, .raw = raw, .v = v};

    s->found_n = 0;
    if (!seek_fold(s, raw, &q.folded)) {
        s->limited = true;
        return;
    }
    found(&q, q.k->any);
    seek_exact_text(&q);
    scan_literals_of(&q, &q.k->ascii);
    if (q.k->other.n && !ascii(q.folded))
        scan_literals_of(&q, &q.k->other);
    seek_numbers(&q);
    seek_networks(&q);
    seek_tries(&q);
    for (uint32_t i = 0; i < s->found_n; i++)
        s->seen[s->found[i] / 64] &= ~(UINT64_C(1) << (s->found[i] % 64));
}
