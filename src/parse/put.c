#include "parse/put_int.h"

#include "core/clock.h"
#include "core/ip.h"

static void note(struct event *ev, enum err e)
{
    if (e != ERR_NONE)
        ev->overflow = true;
}

void put_text(struct event *ev, enum field f, struct slice s)
{
    if (s.n)
        note(ev, event_set(ev, f, s));
}

void put_int(struct event *ev, enum field f, int64_t v)
{
    note(ev, event_set_int(ev, f, v));
}

void put_push(struct event *ev, enum field f, struct slice s)
{
    if (s.n)
        note(ev, event_push(ev, f, s));
}

void put_default(struct event *ev, enum field f, struct slice s)
{
    if (!event_get(ev, f))
        put_text(ev, f, s);
}

struct slice put_join(struct event *ev, struct slice a, struct slice b)
{
    char *p = arena_alloc(ev->arena, a.n + b.n + 1);

    if (!p) {
        ev->overflow = true;
        return SLICE("");
    }
    if (a.n)
        memcpy(p, a.p, a.n);
    if (b.n)
        memcpy(p + a.n, b.p, b.n);
    return (struct slice){p, a.n + b.n};
}

static bool reserved(struct slice name)
{
    enum field f = field_find(name);

    return slice_starts(name, SLICE("coloa.")) || (f != F_NONE && field_info(f)->store == FS_BASE);
}

struct slice put_name(struct event *ev, struct slice name)
{
    if (!name.p)
        return SLICE("");
    return reserved(name) ? put_join(ev, SLICE("sent."), name) : name;
}

void put_add(struct event *ev, struct slice name, struct value v)
{
    note(ev, event_add(ev, put_name(ev, name), v));
}

void put_add_text(struct event *ev, const char *name, struct slice s)
{
    put_add(ev, slice_of(name), value_str(s));
}

void put_address(struct event *ev, enum field ip, enum field domain, struct slice s)
{
    struct value v = {.type = VT_IP};
    char text[IP_TEXT_BYTES + 1];

    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = slice_cut(s, 1, s.n - 1);
    if (s.n == 0 || slice_eq(s, SLICE("-")))
        return;
    if (!ip_parse(s, v.ip)) {
        put_text(ev, domain, s);
        return;
    }
    v.text = s;
    if (ip_is_v4(v.ip) && slice_find(s, ':') < s.n) {
        ip_text(v.ip, text);
        note(ev, arena_dup(ev->arena, slice_of(text), &v.text));
    }
    note(ev, event_set_value(ev, ip, v));
}

void put_module(struct event *ev, struct slice module, struct slice dataset)
{
    put_default(ev, F_EVENT_MODULE, module);
    put_default(ev, F_EVENT_DATASET, dataset);
}

void put_words(struct event *ev, enum field f, const char *words)
{
    struct slice s = slice_of(words);

    while (s.n) {
        size_t n = slice_find(s, ' ');
        put_push(ev, f, slice_cut(s, 0, n));
        s = slice_cut(s, n < s.n ? n + 1 : n, s.n);
    }
}

void put_time(const struct parse_ctx *ctx, struct event *ev, int64_t ns, struct slice as_sent)
{
    int64_t future = ctx->future_limit_ns ? ctx->future_limit_ns : 3600 * NS_PER_S;
    int64_t past = ctx->past_limit_ns ? ctx->past_limit_ns : INT64_C(3652) * 86400 * NS_PER_S;
    int64_t ahead;

    if (__builtin_sub_overflow(ns, ev->ingested_ns, &ahead) || ahead > future || ahead < -past) {
        note(ev, event_add(ev, SLICE("coloa.claimed_time"), value_str(as_sent)));
        return;
    }
    ev->timestamp_ns = ns;
    ev->clock_suspect = false;
}
