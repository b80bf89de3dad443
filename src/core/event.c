#include "core/event.h"

#include "core/ip.h"
#include "core/timefmt.h"

void event_init(struct event *ev, struct arena *a)
{
    memset(ev, 0, sizeof(*ev));
    ev->arena = a;
}

static CHECKED enum err reserve(struct event *ev)
{
    if (ev->n < ev->cap)
        return ERR_NONE;
    if (ev->n >= EVENT_FIELDS_MAX) {
        ev->overflow = true;
        return ERR_LIMIT;
    }
    uint32_t cap = ev->cap ? ev->cap * 2 : 32;
    struct event_field *fields = arena_alloc(ev->arena, cap * sizeof(*fields));
    if (!fields)
        return ERR_NOMEM;
    if (ev->n)
        memcpy(fields, ev->fields, ev->n * sizeof(*fields));
    ev->fields = fields;
    ev->cap = cap;
    return ERR_NONE;
}

CHECKED enum err event_set_value(struct event *ev, enum field f, struct value v)
{
    if (ev->at[f]) {
        ev->fields[ev->at[f] - 1].v = v;
        ev->fields[ev->at[f] - 1].sent = false;
        return ERR_NONE;
    }
    enum err e = reserve(ev);
    if (e != ERR_NONE)
        return e;
    ev->fields[ev->n++] = (struct event_field){.f = f, .name = field_info(f)->name, .v = v};
    if (f != F_NONE)
        ev->at[f] = (uint16_t)ev->n;
    return ERR_NONE;
}

/* The value of `text` as the dictionary types f; what does not convert stays a string. */
static struct value typed(enum field f, struct slice text)
{
    struct value v = value_str(text);
    int64_t i;

    switch (field_info(f)->type) {
    case FT_IP:
        if (ip_parse(text, v.ip))
            v.type = VT_IP;
        break;
    case FT_LONG:
        if (slice_to_i64(text, &i)) {
            v.type = VT_INT;
            v.i = i;
        }
        break;
    case FT_KEYWORD:
    case FT_TEXT:
    case FT_DOUBLE:
    case FT_TIME:
    case FT_BOOL:
    case FT_LIST:
        break;
    }
    return v;
}

CHECKED enum err event_set(struct event *ev, enum field f, struct slice text)
{
    return event_set_value(ev, f, typed(f, text));
}

struct value value_int(struct arena *a, int64_t v)
{
    char text[20], *at = text + sizeof(text);
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    struct slice s = SLICE("");

    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (v < 0)
        *--at = '-';
    if (arena_dup(a, (struct slice){at, (size_t)(text + sizeof(text) - at)}, &s) != ERR_NONE)
        return value_str(SLICE(""));
    return (struct value){.type = VT_INT, .text = s, .i = v};
}

CHECKED enum err event_set_int(struct event *ev, enum field f, int64_t v)
{
    return event_set_value(ev, f, value_int(ev->arena, v));
}

CHECKED enum err event_push(struct event *ev, enum field f, struct slice text)
{
    struct value v = {.type = VT_LIST, .text = SLICE("")};

    if (ev->at[f]) {
        v = ev->fields[ev->at[f] - 1].v;
        if (v.type != VT_LIST) {
            struct value *one = arena_alloc(ev->arena, sizeof(*one));
            if (!one)
                return ERR_NOMEM;
            *one = v;
            v = (struct value){.type = VT_LIST, .text = SLICE(""), .list_n = 1, .list = one};
        }
    }
    if (v.list_n >= EVENT_LIST_MAX)
        return ERR_LIMIT;
    if (v.list_n >= v.list_cap) {
        uint32_t cap = v.list_n < 4 ? 4 : v.list_n * 2;
        struct value *list = arena_alloc(ev->arena, cap * sizeof(*list));
        if (!list)
            return ERR_NOMEM;
        if (v.list_n)
            memcpy(list, v.list, v.list_n * sizeof(*list));
        v.list = list;
        v.list_cap = cap;
    }
    v.list[v.list_n++] = value_str(text);
    return event_set_value(ev, f, v);
}

CHECKED enum err event_add(struct event *ev, struct slice name, struct value v)
{
    enum field f = field_find(name);

    if (f != F_NONE && field_info(f)->store != FS_BASE) {
        if (v.type == VT_STRING)
            v = typed(f, v.text);
        return event_set_value(ev, f, v);
    }
    enum err e = reserve(ev);
    if (e == ERR_NONE)
        ev->fields[ev->n++] = (struct event_field){.f = F_NONE, .name = name, .v = v};
    return e;
}

const struct value *event_get(const struct event *ev, enum field f)
{
    return ev->at[f] ? &ev->fields[ev->at[f] - 1].v : NULL;
}

const struct value *event_get_name(const struct event *ev, struct slice name)
{
    enum field f = field_find(name);

    if (f != F_NONE && ev->at[f])
        return event_get(ev, f);
    for (uint32_t i = ev->n; i > 0; i--)
        if (ev->fields[i - 1].f == F_NONE && slice_eq(ev->fields[i - 1].name, name))
            return &ev->fields[i - 1].v;
    return NULL;
}

static bool base_text(struct event *ev, const char *text, struct value *ret)
{
    struct slice s;

    if (arena_dup(ev->arena, slice_of(text), &s) != ERR_NONE)
        return false;
    *ret = value_str(s);
    return true;
}

static bool base_time(struct event *ev, int64_t ns, struct value *ret)
{
    char text[TIME_TEXT_BYTES + 1];

    time_rfc3339(ns, text);
    if (!base_text(ev, text, ret))
        return false;
    ret->type = VT_TIME;
    ret->i = ns;
    return true;
}

bool event_base(struct event *ev, enum field f, struct value *ret)
{
    char text[ID_TEXT_BYTES + 1];

    if (f == F_MESSAGE) {
        *ret = value_str(ev->message);
        return ev->message.n > 0;
    }
    if (f == F_EVENT_ORIGINAL) {
        if (ev->record)
            *ret = value_str(ev->record->payload);
        return ev->record != NULL;
    }
    if (f == F_TIMESTAMP)
        return base_time(ev, ev->timestamp_ns, ret);
    if (f == F_EVENT_INGESTED)
        return base_time(ev, ev->ingested_ns, ret);
    if (f == F_EVENT_ID) {
        id_text(ev->id, text);
        return base_text(ev, text, ret);
    }
    if (f == F_COLOA_ORG || f == F_COLOA_SYSTEM) {
        *ret = value_int(ev->arena, f == F_COLOA_ORG ? ev->org : ev->system);
        return true;
    }
    return false;
}
