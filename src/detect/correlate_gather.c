/* A match as a record: what it takes to correlate it, without the event. */
#include <math.h>

#include "core/bytes.h"
#include "detect/correlate_state_int.h"
#include "detect/match_int.h"

/* So that sums with timespans and lateness stay within 64 bits. */
#define TIME_MAX (INT64_C(1) << 62)

enum { WORD = 4, HEAD = 56 };

/* Written where it will stay: a record costs no copy. */
struct put {
    char *p;
    size_t n, max;
    bool full;
};

static void put_uint(struct put *to, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        to->p[to->n++] = (char)(v >> (8 * i));
}

static void patch(struct put *to, size_t at, size_t v)
{
    for (unsigned i = 0; i < WORD; i++)
        to->p[at + i] = (char)(v >> (8 * i));
}

static void put_sized(struct put *to, struct slice s)
{
    if (to->full || s.n + WORD > to->max - to->n) {
        to->full = true;
        return;
    }
    put_uint(to, s.n, WORD);
    if (s.n)
        memcpy(to->p + to->n, s.p, s.n);
    to->n += s.n;
}

/* Begins a part that may take CORRELATE_KEY_BYTES_MAX; end_part says how long it became. */
static size_t begin_part(struct put *to)
{
    to->n += WORD;
    to->max = to->n + CORRELATE_KEY_BYTES_MAX;
    return to->n;
}

static void end_part(struct put *to, size_t from)
{
    patch(to, from - WORD, to->n - from);
}

static struct slot_value *first_value(struct run *r, uint32_t slot)
{
    struct slot_state *st = gather_values(r, slot);

    for (uint32_t i = 0; i < st->n; i++)
        if (st->v[i].raw.n)
            return &st->v[i];
    return NULL;
}

static bool put_key(struct run *r, const struct correlation *co, const struct corr_ref *ref,
                    struct put *to)
{
    size_t from = begin_part(to);

    put_uint(to, r->ev->org, WORD);
    for (uint32_t i = 0; i < co->group_n; i++) {
        struct slot_value *v = first_value(r, ref->group[i]);
        if (!v && !co->group[i].optional)
            return false;
        put_sized(to, v ? gather_folded(r, v) : SLICE(""));
    }
    end_part(to, from);
    return !to->full;
}

/* As first sent; nothing when that is the key. */
static bool put_shown(struct run *r, const struct correlation *co, const struct corr_ref *ref,
                      struct slice key, struct put *to)
{
    size_t from = begin_part(to);

    for (uint32_t i = 0; i < co->group_n; i++) {
        struct slot_value *v = first_value(r, ref->group[i]);
        put_sized(to, v ? v->raw : SLICE(""));
    }
    if (slice_eq(key, (struct slice){to->p + from, to->n - from}))
        to->n = from;
    end_part(to, from);
    return !to->full;
}

static bool number_in(const struct slot_value *v, double *ret)
{
    long double n = 0;

    if (v->v && v->v->type == VT_INT)
        n = (long double)v->v->i;
    else if (v->v && v->v->type == VT_DOUBLE)
        n = (long double)v->v->d;
    else if (!number_parse(v->raw, &n))
        return false;
    *ret = (double)n;
    return isfinite(*ret);
}

static bool put_values(struct run *r, const struct correlation *co, const struct corr_ref *ref,
                       struct put *to, double *number)
{
    size_t from = begin_part(to);

    for (uint32_t i = 0; i < co->values_n; i++) {
        struct slot_value *v = first_value(r, ref->values[i]);
        if (!v || (co->type != CORRELATION_VALUE_COUNT && !number_in(v, number)))
            return false;
        if (co->type == CORRELATION_VALUE_COUNT)
            put_sized(to, gather_folded(r, v));
    }
    end_part(to, from);
    return !to->full;
}

static int64_t bounded(int64_t t)
{
    return t > TIME_MAX ? TIME_MAX : t < -TIME_MAX ? -TIME_MAX : t;
}

static void put_head(struct put *to, const struct corr_record *r)
{
    uint64_t bits;

    memcpy(&bits, &r->number, sizeof(bits));
    put_uint(to, (uint64_t)r->time_ns, 8);
    put_uint(to, (uint64_t)r->received_ns, 8);
    memcpy(to->p + to->n, r->id.b, sizeof(r->id.b));
    to->n += sizeof(r->id.b);
    put_uint(to, r->correlation, 4);
    put_uint(to, r->ref, 4);
    put_uint(to, r->system, 4);
    put_uint(to, 0, 4);
    put_uint(to, bits, 8);
}

/* *ret false: without key or value, or these are too long. */
static CHECKED enum err one(struct run *r, const struct corr_use *u, struct buf *out, bool *ret)
{
    const struct correlation *co = r->rs->correlations[u->correlation];
    const struct corr_ref *ref = &co->refs[u->ref];
    const struct event *ev = r->ev;
    struct corr_record rec = {
        .time_ns = bounded(ev->timestamp_ns < ev->ingested_ns ? ev->timestamp_ns : ev->ingested_ns),
        .received_ns = bounded(ev->ingested_ns),
        .id = ev->id,
        .correlation = u->correlation,
        .ref = u->ref,
        .system = ev->system,
    };
    struct put to = {.n = WORD + HEAD};
    enum err e = buf_reserve(out, WORD + CORRELATE_RECORD_BYTES_MAX, &to.p);

    if (e != ERR_NONE)
        return e;
    size_t key = to.n + 2 * WORD; /* behind its length and the organisation */
    *ret = put_key(r, co, ref, &to) &&
           put_shown(r, co, ref, (struct slice){to.p + key, to.n - key}, &to) &&
           put_values(r, co, ref, &to, &rec.number);
    if (!*ret)
        return ERR_NONE;
    size_t end = to.n;
    patch(&to, 0, end - WORD);
    to.n = WORD;
    put_head(&to, &rec);
    out->n += end;
    return ERR_NONE;
}

CHECKED enum err correlate_gather(const struct ruleset *rs, struct detect_scratch *s,
                                  const struct finding *f, struct buf *out)
{
    const struct rule *rule = (const struct rule *)(const void *)f->rule;
    size_t before = out->n;
    enum err e = ERR_NONE;

    if (!s->running || s->running->rs != rs || f->correlation)
        return ERR_NONE;
    for (uint32_t i = 0; i < rule->uses_n && e == ERR_NONE; i++) {
        const struct corr_use *u = &rule->uses[i];
        const struct corr_ref *ref = &rs->correlations[u->correlation]->refs[u->ref];
        bool whole = true;
        if (ref->inner || (ref->part && !match_expr(s->running, rule, ref->part)))
            continue;
        e = one(s->running, u, out, &whole);
        if (e == ERR_NONE && !whole)
            metric_add(M_CORRELATE_NO_KEY, 1);
    }
    if (e != ERR_NONE)
        out->n = before;
    return e;
}

CHECKED enum err corr_record_decode(struct slice bytes, struct corr_record *ret)
{
    struct bytes b = bytes_of(bytes);
    struct corr_record r;
    uint64_t bits;

    r.time_ns = (int64_t)bytes_u64(&b);
    r.received_ns = (int64_t)bytes_u64(&b);
    struct slice id = bytes_get(&b, sizeof(r.id.b));
    r.correlation = bytes_u32(&b);
    r.ref = bytes_u32(&b);
    r.system = bytes_u32(&b);
    (void)bytes_u32(&b);
    bits = bytes_u64(&b);
    r.key = bytes_sized(&b);
    r.shown = bytes_sized(&b);
    r.value = bytes_sized(&b);
    if (!bytes_all_read(&b) || r.key.n < WORD || r.key.n > CORRELATE_KEY_BYTES_MAX + WORD ||
        r.time_ns != bounded(r.time_ns) || r.received_ns != bounded(r.received_ns))
        return ERR_SYNTAX;
    memcpy(r.id.b, id.p, sizeof(r.id.b));
    memcpy(&r.number, &bits, sizeof(bits));
    if (!isfinite(r.number))
        return ERR_SYNTAX;
    *ret = r;
    return ERR_NONE;
}

static int64_t time_of(struct slice record)
{
    struct bytes b = bytes_of(record);

    return (int64_t)bytes_u64(&b);
}

int64_t correlate_record_time(struct slice record)
{
    return time_of(record);
}

int correlate_record_cmp(struct slice a, struct slice b)
{
    int64_t x = time_of(a), y = time_of(b);

    if (x != y)
        return x < y ? -1 : 1;
    if (a.n < HEAD || b.n < HEAD)
        return (a.n > b.n) - (a.n < b.n);
    int c = memcmp(a.p + 16, b.p + 16, 16);
    /* The same event in several correlations: in their order. */
    return c ? c : memcmp(a.p + 32, b.p + 32, 8);
}
