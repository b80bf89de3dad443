#include "core/fold.h"
#include "detect/match_int.h"

enum { DECODE_ROUNDS = 2 };

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

bool gather_decoded(struct run *r, struct slice text, struct slice *ret)
{
    if (slice_find(text, '%') == text.n && slice_find(text, '+') == text.n)
        return false;
    for (unsigned round = 0; round < DECODE_ROUNDS; round++) {
        char *to = arena_alloc(&r->s->arena, text.n + 1);
        if (!to) {
            r->s->limited = true;
            return false;
        }
        text = (struct slice){to, unescape(text, to)};
    }
    *ret = text;
    return true;
}

static void add_decoded(struct run *r, struct slot_state *st, struct slice text)
{
    if (gather_decoded(r, text, &text))
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

struct slot_state *gather_values(struct run *r, uint32_t slot)
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

struct slice gather_folded(struct run *r, struct slot_value *v)
{
    if (!v->is_folded) {
        v->is_folded = true;
        v->folded = v->raw;
        if (fold_case_dup(&r->s->arena, v->raw, &v->folded) != ERR_NONE)
            r->s->limited = true;
    }
    return v->folded;
}
