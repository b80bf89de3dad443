#include "parse/pairs_int.h"

#include "parse/alias_int.h"
#include "parse/flatten_int.h"
#include "parse/put_int.h"
#include "parse/when_int.h"
#include "parse/winlog_int.h"

void pairs_add(struct pairs *p, struct slice name, struct slice value)
{
    if (p->n == PAIRS_MAX) {
        p->over = true;
        return;
    }
    p->at[p->n++] = (struct pair){.name = name, .value = value};
}

static struct value text_value(struct slice s)
{
    struct value v = value_str(s);

    if (s.n && s.n < 20 && slice_to_i64(s, &v.i))
        v.type = VT_INT;
    return v;
}

static struct value list_value(struct event *ev, const struct pair *p, size_t n)
{
    struct value *list = arena_alloc(ev->arena, n * sizeof(*list));

    if (!list || n > EVENT_LIST_MAX) {
        ev->overflow = true;
        return text_value(p->value);
    }
    for (size_t i = 0; i < n; i++)
        list[i] = text_value(p[i].value);
    return (struct value){.type = VT_LIST, .text = SLICE(""), .list_n = (uint32_t)n, .list = list};
}

void pairs_fill(struct parse_ctx *ctx, struct event *ev, const struct pairs *p)
{
    struct flatten f;

    flatten_init(&f, ctx, ev);
    for (size_t i = 0, n; i < p->n; i += n) {
        for (n = 1; i + n < p->n && p->at[i + n].more; n++)
            ;
        struct value v = n > 1 ? list_value(ev, &p->at[i], n) : text_value(p->at[i].value);
        flatten_value(&f, p->at[i].name, v);
    }
    for (size_t i = 0; i < p->n; i++)
        if (!p->at[i].more && alias_find(p->at[i].name) != F_NONE)
            alias_put(ctx, ev, p->at[i].name, p->at[i].value, &f.has_message, &f.has_time);
    ev->overflow |= p->over;
    if (f.has_message && p->content)
        put_content(ctx, ev, ev->message, false);
    (void)winlog_find(ev);
    if (p->module)
        put_module(ev, slice_of(p->module), slice_of(p->dataset ? p->dataset : p->module));
}

/* Names of event time, the first that reads as a time counts. */
static const char *const times[] = {
    "Event.System.TimeCreated.#attributes.SystemTime",
    "Event.System.TimeCreated.SystemTime",
    "System.TimeCreated.SystemTime",
    "TimeCreated",
    "EventTime",
    "event_time",
    "eventTime",
    "winlog.time_created",
    "UtcTime",
    "SystemTime",
    "TimeGenerated",
    "CreationTime",
    "createdDateTime",
    "requestReceivedTimestamp",
    "published",
    "event.created",
    "Date and Time",
    "date",
};

void pairs_claim_time(const struct parse_ctx *ctx, struct event *ev)
{
    for (size_t i = 0; i < ARRAY_LEN(times) && ev->clock_suspect; i++) {
        const struct value *v = event_get_name(ev, slice_of(times[i]));
        int64_t ns;
        if (v && v->text.n && when_any(v->text, ctx->zone_s, ev->ingested_ns, &ns))
            put_time(ctx, ev, ns, v->text);
    }
}

static const char *const hosts[] = {
    "Event.System.Computer",
    "winlog.computer_name",
    "Computer",
    "computer_name",
    "Hostname",
    "host.hostname",
    "host_name",
    "@system",
    "peer",
};

struct slice pairs_host(const struct event *ev)
{
    const struct value *v = event_get(ev, F_HOST_NAME);

    if (v && v->text.n && !slice_eq(v->text, SLICE("-")))
        return v->text;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        v = event_get_name(ev, slice_of(hosts[i]));
        if (v && v->text.n)
            return v->text;
    }
    return SLICE("");
}
