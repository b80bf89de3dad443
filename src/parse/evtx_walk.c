#include "parse/evtx_int.h"

#include "parse/put_int.h"
#include "parse/when_int.h"

enum {
    TOKEN_END = 0x00,
    TOKEN_OPEN = 0x01,
    TOKEN_OPEN_MORE = 0x41,
    TOKEN_PI_TARGET = 0x0a,
    TOKEN_PI_DATA = 0x0b,
    TOKEN_TEMPLATE = 0x0c,
    TOKEN_FRAGMENT = 0x0f,
    TYPE_NULL = 0x00,
    TYPE_STRING = 0x01,
    TYPE_BINXML = 0x21,
    TYPE_ARRAY = 0x80,
    DEFINITION_BYTES = 24, /* next, GUID, size */
};

/* The values of the template that is being walked. */
struct scope {
    const struct evtx_value *values;
    size_t n;
};

static void broken(struct evtx_reader *r, const char *why)
{
    if (!r->broken)
        r->broken = why;
}

static bool spend(struct evtx_reader *r)
{
    if (++r->work <= EVTX_WORK_MAX)
        return true;
    r->ev->overflow = true;
    broken(r, "evtx: a chunk that is too much work");
    return false;
}

/* A second value of a name makes a list. */
static void append(struct evtx_reader *r, struct evtx_name *name, struct value v)
{
    struct value *to = &r->ev->fields[name->at].v;
    uint32_t n = to->type == VT_LIST ? to->list_n : 1, more = v.type == VT_LIST ? v.list_n : 1;

    if (n + more > EVENT_LIST_MAX) {
        r->ev->overflow = true;
        return;
    }
    if (name->cap < n + more) {
        uint32_t cap = name->cap ? name->cap : 4;
        while (cap < n + more)
            cap *= 2;
        struct value *list = arena_alloc(r->ev->arena, cap * sizeof(*list));
        if (!list) {
            r->ev->overflow = true;
            return;
        }
        if (to->type == VT_LIST && n)
            memcpy(list, to->list, n * sizeof(*list));
        else if (to->type != VT_LIST)
            list[0] = *to;
        *to = (struct value){.type = VT_LIST, .text = SLICE(""), .list = list};
        name->cap = cap;
    }
    if (v.type == VT_LIST && more)
        memcpy(to->list + n, v.list, more * sizeof(*v.list));
    else if (v.type != VT_LIST)
        to->list[n] = v;
    to->list_n = n + more;
}

static void note_time(struct evtx_reader *r, const struct value *v)
{
    size_t used;

    if (v->type == VT_TIME) {
        r->time_ns = v->i;
        r->has_time = true;
    } else if (when_iso(v->text, 0, &r->time_ns, &used)) {
        r->has_time = true;
    }
}

/* Notes what the reader itself wants to know; true when that is all there is to it. */
static bool note(struct evtx_reader *r, enum evtx_role role, const struct value *v)
{
    switch (role) {
    case EVTX_CHANNEL:
        r->win.channel = v->text;
        return false;
    case EVTX_CODE:
        if (v->type == VT_INT)
            r->win.id = v->i;
        else if (!slice_to_i64(v->text, &r->win.id))
            r->win.id = -1;
        return false;
    case EVTX_COMPUTER:
        r->win.computer = v->text;
        return false;
    case EVTX_PROVIDER:
        r->win.provider = v->text;
        return false;
    case EVTX_KEYWORDS:
        r->win.keywords = v->text;
        return false;
    case EVTX_HASHES:
        r->hashes = v->text;
        return false;
    case EVTX_MESSAGE:
        r->ev->message = v->text;
        return true;
    case EVTX_TIME:
        note_time(r, v);
        return r->has_time;
    case EVTX_RECORD_ID:
    case EVTX_PLAIN:
        break;
    }
    return false;
}

static void emit(struct evtx_reader *r, struct evtx_name *name, struct value v)
{
    struct event *ev = r->ev;

    if (name->epoch == r->epoch) {
        append(r, name, v);
        return;
    }
    if (name->role != EVTX_PLAIN && note(r, name->role, &v))
        return;
    uint32_t at = ev->n;
    if (event_add(ev, name->text, v) != ERR_NONE) {
        ev->overflow = true;
        return;
    }
    if (ev->n == at)
        return;
    name->epoch = r->epoch;
    name->at = at;
    name->cap = 0;
    r->field_names[at] = name;
}

static struct value list(struct evtx_reader *r, uint8_t type, struct slice s)
{
    struct value all = {.type = VT_LIST, .text = SLICE("")};
    unsigned width = evtx_value_width(type);
    size_t n = 0, max = width ? s.n / width : s.n / 2 + 1;

    if (max > EVENT_LIST_MAX) {
        r->ev->overflow = true;
        max = EVENT_LIST_MAX;
    }
    all.list = arena_alloc(r->ev->arena, (max + 1) * sizeof(*all.list));
    if (!all.list || (width == 0 && type != TYPE_STRING))
        return evtx_value(r, 0xff, s);
    while (s.n && n < max && spend(r)) {
        size_t take = width, skip = 0;
        if (!width) {
            take = 0;
            while (take + 1 < s.n && (s.p[take] || s.p[take + 1]))
                take += 2;
            skip = take + 1 < s.n ? 2 : s.n - take;
        } else if (take > s.n) {
            break;
        }
        all.list[n++] = evtx_value(r, type, slice_cut(s, 0, take));
        s = slice_cut(s, take + skip, s.n);
    }
    all.list_n = (uint32_t)n;
    return all;
}

static struct evtx_value value_of(const struct scope *in, const struct evtx_piece *p)
{
    return p->index < in->n ? in->values[p->index] : (struct evtx_value){TYPE_NULL, SLICE("")};
}

static struct value render(struct evtx_reader *r, const struct evtx_value *v)
{
    if (v->type & TYPE_ARRAY)
        return list(r, v->type & (uint8_t)~TYPE_ARRAY, v->bytes);
    return evtx_value(r, v->type, v->bytes);
}

static void nested(struct evtx_reader *r, struct slice bytes, const struct evtx_place *place)
{
    size_t from = (size_t)(bytes.p - r->chunk.p);

    if (bytes.n)
        evtx_walk(r, from, from + bytes.n, *place);
}

enum { JOIN_MAX = 64 };

/* Many pieces become one text. */
static struct value joined(struct evtx_reader *r, const struct scope *in,
                           const struct evtx_piece *p, const struct evtx_place *place)
{
    struct slice parts[JOIN_MAX];
    size_t n = 0, total = 0;

    for (; p && spend(r); p = p->next) {
        struct value v = value_str(p->text);
        if (p->kind != EVTX_LITERAL) {
            struct evtx_value raw = value_of(in, p);
            if (raw.type == TYPE_BINXML) {
                nested(r, raw.bytes, place);
                continue;
            }
            v = render(r, &raw);
        }
        const struct value *one = v.type == VT_LIST ? v.list : &v;
        for (uint32_t i = 0; i < (v.type == VT_LIST ? v.list_n : 1); i++) {
            if (n == JOIN_MAX) {
                r->ev->overflow = true;
                break;
            }
            parts[n++] = one[i].text;
            total += one[i].text.n;
        }
    }
    char *to = total ? evtx_value_room(r, total) : NULL;
    if (!to)
        return value_str(SLICE(""));
    struct slice all = {to, total};
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n)
            memcpy(to, parts[i].p, parts[i].n);
        to += parts[i].n;
    }
    return value_str(all);
}

/* The name of a <Data> whose Name is a record's value. */
static struct evtx_name *made_name(struct evtx_reader *r, const struct scope *in,
                                   const struct evtx_leaf *leaf)
{
    struct evtx_place nowhere = {EVTX_IN_BODY, SLICE("")};
    char text[EVTX_NAME_MAX];
    size_t n = 0;
    struct value v = joined(r, in, leaf->named, &nowhere);

    for (size_t i = 0; i < v.text.n && n < sizeof(text); i++)
        if (v.text.p[i] != ' ')
            text[n++] = v.text.p[i];
    struct evtx_name *name =
        n ? evtx_name_get(r, EVTX_IN_DATA, (struct slice){text, n}) : leaf->name;
    if (!name) {
        r->ev->overflow = true;
        return leaf->name;
    }
    return name;
}

static void leaf_run(struct evtx_reader *r, const struct scope *in, const struct evtx_leaf *leaf)
{
    const struct evtx_piece *p = leaf->value;
    struct value v = {.type = VT_NULL, .text = SLICE("")};

    if (p && p->next) {
        v = joined(r, in, p, &leaf->place);
        if (v.text.n == 0)
            return;
    } else if (p && p->kind == EVTX_LITERAL) {
        v = value_str(p->text);
    } else if (p) {
        struct evtx_value raw = value_of(in, p);
        if (raw.type == TYPE_BINXML) {
            nested(r, raw.bytes, &leaf->place);
            return;
        }
        if (raw.type == TYPE_NULL && p->kind == EVTX_VALUE_OPTIONAL)
            return;
        v = render(r, &raw);
    }
    if ((leaf->attribute || leaf->top) && v.type != VT_LIST && v.text.n == 0)
        return;
    struct evtx_name *name = leaf->named ? made_name(r, in, leaf) : leaf->name;
    if (name)
        emit(r, name, v);
}

static void run(struct evtx_reader *r, const struct evtx_program *p, const struct scope *in)
{
    if (p->broken)
        broken(r, p->broken);
    for (const struct evtx_leaf *leaf = p->first; leaf && spend(r); leaf = leaf->next)
        leaf_run(r, in, leaf);
}

static bool may_compile(struct evtx_reader *r, size_t n)
{
    if (r->compiled + n <= EVTX_COMPILE_MAX)
        return true;
    r->ev->overflow = true;
    broken(r, "evtx: a chunk with too many templates");
    return false;
}

static const struct evtx_program *program_of(struct evtx_reader *r, uint32_t at,
                                             const struct evtx_place *place)
{
    struct evtx_program **slot =
        &r->program_table[(at >> 3 ^ at ^ (unsigned)place->section) % ARRAY_LEN(r->program_table)];
    size_t unused;

    for (struct evtx_program *p = *slot; p; p = p->next)
        if (p->at == at && p->place.section == place->section &&
            slice_eq(p->place.prefix, place->prefix))
            return p;
    struct bytes b = bytes_of(r->chunk);
    b.at = at - 4;
    size_t size = bytes_u32(&b);
    if (b.bad || size > r->chunk.n - at) {
        broken(r, "evtx: a template outside the chunk");
        return NULL;
    }
    if (!may_compile(r, size + 64))
        return NULL;
    struct evtx_program *p = evtx_compile(r, at, at + size, *place, true, &unused);
    if (p) {
        p->next = *slot;
        *slot = p;
    }
    return p;
}

/* Descriptors (size, type) first, then the values in one piece. */
static void values_read(struct evtx_reader *r, struct bytes *b, uint32_t n)
{
    struct bytes data = *b;

    (void)bytes_get(&data, n * (size_t)4);
    for (uint32_t i = 0; i < n && spend(r); i++) {
        uint16_t size = bytes_u16(b);
        uint8_t type = bytes_u8(b);
        (void)bytes_u8(b);
        struct slice s = bytes_get(&data, size);
        if (data.bad) {
            broken(r, "evtx: values that are cut short");
            type = TYPE_NULL;
        }
        r->values[r->values_n++] = (struct evtx_value){type, s};
    }
    *b = data;
}

/* A template and its values at `at`, the byte of the token; returns where they end. */
static size_t instance(struct evtx_reader *r, size_t at, size_t to, const struct evtx_place *place)
{
    struct bytes b = bytes_of(slice_cut(r->chunk, 0, to));
    size_t base = r->values_n;

    b.at = at + 2;
    (void)bytes_u32(&b);
    uint32_t definition = bytes_u32(&b);
    if (b.bad || definition > r->chunk.n || r->chunk.n - definition < DEFINITION_BYTES) {
        broken(r, "evtx: a template outside the chunk");
        return to;
    }
    if (definition == b.at) {
        (void)bytes_get(&b, DEFINITION_BYTES - 4);
        (void)bytes_get(&b, bytes_u32(&b));
    }
    uint32_t n = bytes_u32(&b);
    if (b.bad || n > bytes_left(&b) / 4 || n > EVTX_VALUES_MAX - r->values_n) {
        broken(r, "evtx: values that are cut short");
        n = 0;
    }
    values_read(r, &b, n);
    const struct evtx_program *p = program_of(r, definition + DEFINITION_BYTES, place);
    struct scope in = {r->values + base, r->values_n - base};
    if (p)
        run(r, p, &in);
    r->values_n = base;
    return b.bad ? to : b.at;
}

static size_t plain(struct evtx_reader *r, size_t at, size_t to, const struct evtx_place *place)
{
    struct scope none = {NULL, 0};
    size_t end = to;

    if (!may_compile(r, 64))
        return to;
    const struct evtx_program *p = evtx_compile(r, at, to, *place, false, &end);
    if (p)
        run(r, p, &none);
    return end > at ? end : to;
}

void evtx_walk(struct evtx_reader *r, size_t from, size_t to, struct evtx_place place)
{
    size_t at = from;

    if (r->nested >= EVTX_NEST_MAX) {
        r->ev->overflow = true;
        broken(r, "evtx: binary XML nested too deep");
        return;
    }
    r->nested++;
    while (at < to && spend(r)) {
        uint8_t token = (uint8_t)r->chunk.p[at];
        if (token == TOKEN_FRAGMENT)
            at += 4;
        else if (token == TOKEN_END && at + 1 < to && r->chunk.p[at + 1] == TOKEN_FRAGMENT)
            at++; /* one fragment after the other; else what follows is padding */
        else if (token == TOKEN_END)
            break;
        else if (token == TOKEN_TEMPLATE)
            at = instance(r, at, to, &place);
        else
            at = plain(r, at, to, &place);
    }
    r->nested--;
}
