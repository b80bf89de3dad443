#include <stdlib.h>

#include "detect/memo_int.h"
#include "detect/route_int.h"

enum { NAMES_MAX = 4096, NAMES_BYTES_MAX = 1 << 20, MEMO_LEARN = 256, MEMO_RETRY = 32 };

/* A sender's name as it came, and its number among the ruleset's. */
struct known_name {
    uint64_t hash;
    struct slice name;
    uint32_t id; /* INTERN_NONE: no rule asks for it */
};

/* How well remembering does for a slot: values that never come again are not kept. */
struct habit {
    uint32_t asked, known;
    uint64_t hint; /* of memo_get */
};

struct index_scratch {
    uint64_t *bits;
    uint32_t *hits, hits_n; /* the bits that are set */
    uint32_t *gates, gates_n;
    uint64_t *candidates;
    struct seeker seeker;
    struct memo *memo;
    struct routes routes;
    struct habit *habits;
    uint64_t hints[F_N]; /* the same for keywords, by the dictionary's field */
    uint32_t *lists;     /* by event field: where its places begin in index.places, and how many */
    struct arena names_memory;
    struct known_name *names;
    uint32_t names_n;
    const struct route *route;
    bool keywords_done;
};

void index_scratch_free(struct index_scratch *s)
{
    if (!s)
        return;
    free(s->bits);
    free(s->hits);
    free(s->gates);
    free(s->candidates);
    seeker_done(&s->seeker);
    memo_free(s->memo);
    routes_done(&s->routes);
    free(s->habits);
    free(s->lists);
    arena_done(&s->names_memory);
    free(s->names);
    free(s);
}

static CHECKED enum err tables(struct index_scratch *s, const struct index *ix)
{
    s->bits = calloc(ix->bit_words, sizeof(*s->bits));
    s->hits = calloc(ix->bits_n + 1, sizeof(*s->hits));
    s->gates = calloc(ix->bits_n + 1, sizeof(*s->gates));
    s->candidates = calloc(ix->rule_words, sizeof(*s->candidates));
    s->seeker.seen = calloc(ix->bit_words, sizeof(*s->seeker.seen));
    s->seeker.found = calloc(ix->bits_n + 1, sizeof(*s->seeker.found));
    s->habits = calloc(ix->seeks.n + 1, sizeof(*s->habits));
    s->lists = calloc(2 * EVENT_FIELDS_MAX, sizeof(*s->lists));
    s->names = calloc(NAMES_MAX, sizeof(*s->names));
    s->memo = memo_new();
    return s->bits && s->hits && s->gates && s->candidates && s->seeker.seen && s->seeker.found &&
                   s->habits && s->lists && s->names && s->memo
               ? ERR_NONE
               : ERR_NOMEM;
}

CHECKED enum err index_scratch_new(const struct ruleset *rs, struct regex_scratch *regex,
                                   struct index_scratch **ret)
{
    const struct index *ix = rs->index;
    struct index_scratch *s = calloc(1, sizeof(*s));
    enum err e = s ? tables(s, ix) : ERR_NOMEM;

    if (s)
        arena_init(&s->names_memory, NAMES_BYTES_MAX);
    if (e == ERR_NONE)
        e = routes_init(&s->routes, ix);
    if (e == ERR_NONE && ix->proto)
        e = scan_scratch_clone(ix->proto, &s->seeker.scan);
    if (e != ERR_NONE) {
        index_scratch_free(s);
        return e;
    }
    s->seeker.regex = regex;
    *ret = s;
    return ERR_NONE;
}

static bool bit_is(const struct index_scratch *s, uint32_t bit)
{
    return s->bits[bit / 64] >> (bit % 64) & 1;
}

static void set_bit(struct index_scratch *s, uint32_t bit)
{
    uint64_t mask = UINT64_C(1) << (bit % 64);

    if (s->bits[bit / 64] & mask)
        return;
    s->bits[bit / 64] |= mask;
    s->hits[s->hits_n++] = bit;
}

static void set_bits(struct index_scratch *s, const uint32_t *bits, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        set_bit(s, bits[i]);
}

static bool worth(struct habit *h)
{
    h->asked++;
    if (h->asked < MEMO_LEARN || h->known >= h->asked / 8)
        return true;
    if (h->asked >= 8 * MEMO_LEARN) {
        h->asked /= 2;
        h->known /= 2;
    }
    return h->asked % MEMO_RETRY == 0;
}

static void ask(struct run *r, uint32_t slot, struct slice text, const struct value *v,
                uint64_t *hint)
{
    const struct index *ix = r->rs->index;
    const struct seek *k = &ix->seeks.v[slot];
    struct index_scratch *s = r->s->index;
    struct memo_key key = {.slot = slot, .text = text};
    struct memo_hash hash;
    uint32_t n = 0;

    if (!k->asks)
        return;
    bool kept = text.n <= MEMO_TEXT_MAX && !(v && v->type == VT_IP && k->addresses) &&
                worth(&s->habits[slot]);
    if (k->types && v) {
        key.type = (uint32_t)v->type + 1;
        key.number = v->type == VT_INT || v->type == VT_TIME ? v->i : 0;
    }
    const uint32_t *bits = kept ? memo_get(s->memo, &key, hint, &n, &hash) : NULL;
    if (bits) {
        s->habits[slot].known++;
        set_bits(s, bits, n);
        return;
    }
    seek_value(&ix->seeks, &s->seeker, slot, text, v);
    if (kept && !s->seeker.limited)
        memo_put(s->memo, &key, hash, s->seeker.found, s->seeker.found_n);
    set_bits(s, s->seeker.found, s->seeker.found_n);
    if (s->seeker.limited)
        r->s->limited = true;
    s->seeker.limited = false;
}

static void take_text(struct run *r, struct index_place place, struct slice text,
                      const struct value *v, uint64_t *hint)
{
    set_bit(r->s->index, r->rs->index->present + place.slot);
    ask(r, place.slot, text, v, hint);
}

static void take_hinted(struct run *r, struct index_place place, const struct value *v,
                        uint64_t *hint)
{
    uint32_t n = v->type == VT_LIST ? v->list_n : 1;
    const struct value *one = v->type == VT_LIST ? v->list : v;
    struct slice text;

    for (uint32_t i = 0; i < n; i++, one++) {
        if (one->type == VT_NULL)
            set_bit(r->s->index, r->rs->index->null + place.slot);
        else if (!place.decoded)
            take_text(r, place, one->text, one, hint);
        else if (gather_decoded(r, one->text, &text))
            take_text(r, place, text, NULL, hint);
    }
}

static void take(struct run *r, struct index_place place, const struct value *v)
{
    take_hinted(r, place, v, &r->s->index->habits[place.slot].hint);
}

/* The name's number; what came before is found without looking for blanks in it. */
static uint32_t name_id(struct run *r, struct slice name)
{
    struct index_scratch *s = r->s->index;
    uint64_t h = memo_hash_of(name, 0);
    uint32_t at = (uint32_t)h % NAMES_MAX;
    struct slice without = name;

    for (; s->names[at].name.p; at = (at + 1) % NAMES_MAX)
        if (s->names[at].hash == h && slice_eq(s->names[at].name, name))
            return s->names[at].id;
    if (slot_name(&r->s->arena, name, &without) != ERR_NONE) {
        r->s->limited = true;
        return INTERN_NONE;
    }
    struct known_name known = {.hash = h, .id = intern_get(&r->rs->names, without)};
    if (s->names_n < NAMES_MAX * 3 / 4 &&
        arena_dup(&s->names_memory, name, &known.name) == ERR_NONE) {
        s->names[at] = known;
        s->names_n++;
    }
    return known.id;
}

static bool wanted(const uint64_t *slots, uint32_t slot)
{
    return slots[slot / 64] >> (slot % 64) & 1;
}

/* Finds each field's places, and takes those that the rows ask. */
static void first_walk(struct run *r)
{
    const struct index *ix = r->rs->index;
    struct index_scratch *s = r->s->index;

    for (uint32_t i = 0; i < r->ev->n; i++) {
        const struct event_field *f = &r->ev->fields[i];
        uint32_t id = f->f == F_NONE ? name_id(r, f->name) : (uint32_t)f->f;
        const uint32_t *at = f->f == F_NONE ? ix->name_at : ix->field_at;
        uint32_t from = id == INTERN_NONE ? 0 : at[id], to = id == INTERN_NONE ? 0 : at[id + 1];
        s->lists[2 * i] = from;
        s->lists[2 * i + 1] = to;
        for (uint32_t k = from; k < to; k++)
            if (wanted(ix->gate_slots, ix->places[k].slot))
                take(r, ix->places[k], &f->v);
    }
}

static void second_walk(struct run *r)
{
    const struct index *ix = r->rs->index;
    struct index_scratch *s = r->s->index;
    const uint64_t *slots = s->route->slots;

    for (uint32_t i = 0; i < r->ev->n; i++)
        for (uint32_t k = s->lists[2 * i]; k < s->lists[2 * i + 1]; k++) {
            uint32_t slot = ix->places[k].slot;
            if (wanted(slots, slot) && !wanted(ix->gate_slots, slot))
                take(r, ix->places[k], &r->ev->fields[i].v);
        }
}

static void walk_base(struct run *r, bool gates)
{
    const struct index *ix = r->rs->index;
    struct value v;

    for (uint32_t i = 0; i < ix->base_n; i++) {
        uint32_t slot = ix->base[i].place.slot;
        bool gate = wanted(ix->gate_slots, slot);
        if (gates != gate || (!gates && !wanted(r->s->index->route->slots, slot)))
            continue;
        if (event_base(r->ev, ix->base[i].f, &v))
            take(r, ix->base[i].place, &v);
    }
}

/* Everything that is text, for the slot of all values. */
static void walk_keywords(struct run *r)
{
    struct index_place place = {.slot = SLOT_KEYWORDS};
    struct value v;

    r->s->index->keywords_done = true;
    if (event_base(r->ev, F_MESSAGE, &v))
        take(r, place, &v);
    if (event_base(r->ev, F_EVENT_ORIGINAL, &v))
        take(r, place, &v);
    for (uint32_t i = 0; i < r->ev->n; i++)
        take(r, place, &r->ev->fields[i].v);
}

static void on_keyword(void *arg, uint32_t number, size_t end)
{
    (void)number;
    (void)end;
    *(bool *)arg = true;
}

/* Whether one of the route's keywords may be in the text. */
static bool may_hold(struct run *r, struct slice text)
{
    const struct watch *w = &r->rs->index->watch;
    struct index_scratch *s = r->s->index;
    const struct route *to = s->route;
    struct slice folded;
    bool found = false;

    if (!seek_fold(&s->seeker, text, &folded))
        return true;
    if (to->dbs_n > WATCH_FEW)
        return !scan_run(w->all, s->seeker.scan, folded, on_keyword, &found) || found;
    for (uint32_t i = 0; i < to->dbs_n && !found; i++)
        if (!scan_run(w->dbs[to->dbs[i]], s->seeker.scan, folded, on_keyword, &found))
            return true;
    return found;
}

static bool continues(struct slice record, const char *at)
{
    return at < record.p + record.n && ((unsigned char)*at & 0xc0) == 0x80;
}

static bool lies_in(struct slice whole, struct slice text)
{
    return text.p >= whole.p && text.p + text.n <= whole.p + whole.n;
}

/* The text is a part of the record, and no character is cut at its ends. */
static bool part_of(struct slice record, struct slice text)
{
    return lies_in(record, text) && !continues(record, text.p) &&
           !continues(record, text.p + text.n);
}

/* What is known to stand in the record needs no look of its own; another value gets one. */
static bool keywords_may_hold(struct run *r)
{
    struct slice record = r->ev->record ? r->ev->record->payload : SLICE("");
    struct slice message = r->ev->message, sent = r->ev->sent_text;
    struct index_place place = {.slot = SLOT_KEYWORDS};

    if (!record.n || may_hold(r, record))
        return true;
    bool plain = watch_is_plain(record);
    if (message.n && !part_of(record, message) && !(plain && part_of(sent, message)) &&
        may_hold(r, message))
        return true;
    for (uint32_t i = 0; i < r->ev->n; i++) {
        const struct event_field *f = &r->ev->fields[i];
        if (plain && (f->sent || (f->v.type != VT_LIST && part_of(sent, f->v.text))))
            continue;
        if (f->v.type != VT_LIST && part_of(record, f->v.text))
            continue;
        take_hinted(r, place, &f->v, &r->s->index->hints[f->f]);
    }
    return false;
}

/* A bit that is decided only when asked. */
static bool late(struct run *r, uint32_t bit)
{
    const struct index *ix = r->rs->index;

    if (bit >= ix->ref) {
        const struct pred *p = &ix->refs[bit - ix->ref];
        return match_test(r, p->ref, p->slot);
    }
    if (!r->s->index->keywords_done)
        walk_keywords(r);
    return bit_is(r->s->index, bit);
}

static bool run_program(struct run *r, uint32_t at)
{
    const struct index *ix = r->rs->index;

    while (at < PROGRAM_NO) {
        const struct step *step = &ix->steps.v[at];
        bool set = step->bit < ix->keyword ? bit_is(r->s->index, step->bit) : late(r, step->bit);
        at = set ? step->yes : step->no;
    }
    return at == PROGRAM_YES;
}

static bool row_holds(void *arg, size_t row)
{
    struct run *r = arg;
    const struct index_program *p = &r->rs->index->rows[row];

    return p->slow ? match_sel(r, &r->rs->rows[row].when) : run_program(r, p->entry);
}

bool index_holds(struct run *r, size_t rule)
{
    const struct index_program *p = &r->rs->index->rules[rule];

    return p->slow ? match_expr(r, &r->rs->rules[rule], r->rs->rules[rule].condition)
                   : run_program(r, p->entry);
}

static void choose_route(struct run *r)
{
    const struct index *ix = r->rs->index;
    struct index_scratch *s = r->s->index;

    s->gates_n = 0;
    for (uint32_t i = 0; i < s->hits_n; i++)
        if (wanted(ix->gate_bits, s->hits[i]))
            s->gates[s->gates_n++] = s->hits[i];
    s->route = route_of(&s->routes, r->rs, s->gates, s->gates_n, row_holds, r);
    for (size_t w = 0; w < ARRAY_LEN(s->route->rows); w++)
        r->s->seen[w] |= s->route->rows[w];
}

void index_begin(struct run *r, const uint64_t **ret_candidates, const uint64_t **ret_meant)
{
    const struct index *ix = r->rs->index;
    struct index_scratch *s = r->s->index;

    s->keywords_done = false;
    s->seeker.record = r->ev->record ? r->ev->record->payload : SLICE("");
    s->seeker.record_folded = false;
    first_walk(r);
    walk_base(r, true);
    choose_route(r);
    second_walk(r);
    walk_base(r, false);
    if (s->route->keywords && !s->keywords_done && (s->route->unwatched || keywords_may_hold(r)))
        walk_keywords(r);
    memcpy(s->candidates, s->route->always, ix->rule_words * sizeof(uint64_t));
    for (uint32_t i = 0; i < s->hits_n; i++)
        for (uint32_t k = ix->rule_of.at[s->hits[i]]; k < ix->rule_of.at[s->hits[i] + 1]; k++) {
            uint32_t rule = ix->rule_of.of[k];
            s->candidates[rule / 64] |= s->route->tried[rule / 64] & (UINT64_C(1) << (rule % 64));
        }
    *ret_candidates = s->candidates;
    *ret_meant = s->route->meant;
}

void index_end(struct run *r)
{
    struct index_scratch *s = r->s->index;

    for (uint32_t i = 0; i < s->hits_n; i++)
        s->bits[s->hits[i] / 64] = 0;
    s->hits_n = 0;
}
