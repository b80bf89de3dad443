/* key=value lines of firewalls and appliances (FortiGate, SonicWall, Sophos, iptables, logfmt):
 * names are kept, known ones go to the dictionary (alias.def). Words between the pairs are left in
 * the message. */
#include "parse/kv_int.h"

#include "parse/alias_int.h"
#include "parse/flatten_int.h"
#include "parse/put_int.h"
#include "parse/when_int.h"

enum { PAIRS_MAX = 1024, LOOK_BYTES = 400, LOOK_PAIRS = 3, NAME_MAX_BYTES = 64 };

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '@';
}

bool kv_next(struct slice s, size_t *at, struct slice *name, struct slice *value, bool *quoted)
{
    while (*at < s.n) {
        size_t from = *at, i = from;
        while (i < s.n && i - from < NAME_MAX_BYTES && name_char(s.p[i]))
            i++;
        if (i == from || i == s.n || s.p[i] != '=') {
            *at = i + (i == from);
            continue;
        }
        *name = slice_cut(s, from, i++);
        *quoted = i < s.n && (s.p[i] == '"' || s.p[i] == '\'');
        size_t start = i + *quoted, end = start;
        if (*quoted)
            while (end < s.n && s.p[end] != s.p[i])
                end += s.p[end] == '\\' && end + 1 < s.n ? 2 : 1;
        else
            while (end < s.n && (uint8_t)s.p[end] > ' ')
                end++;
        *at = *quoted && end < s.n ? end + 1 : end;
        *value = slice_cut(s, start, end);
        if (!*quoted && value->n && value->p[value->n - 1] == ',')
            value->n--;
        return true;
    }
    return false;
}

static bool looks(const struct event *ev, struct slice payload)
{
    struct slice s = slice_cut(payload, 0, payload.n < LOOK_BYTES ? payload.n : LOOK_BYTES), name,
                 value;
    size_t at = 0, n = 0, covered = 0;
    bool quoted;

    (void)ev;
    while (n < 64 && kv_next(s, &at, &name, &value, &quoted)) {
        covered += name.n + 1 + value.n + (quoted ? 3 : 1);
        n++;
    }
    return n >= LOOK_PAIRS && covered * 2 >= s.n;
}

/* Backslash escapes of quotes and backslashes in quoted values. */
static struct slice unescape(struct event *ev, struct slice s)
{
    if (slice_find(s, '\\') == s.n)
        return s;
    char *p = arena_alloc(ev->arena, s.n);
    size_t n = 0;
    if (!p) {
        ev->overflow = true;
        return s;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
            i++;
        p[n++] = s.p[i];
    }
    return (struct slice){p, n};
}

/* What the pairs say together, once all are read. */
struct pairs {
    struct slice date, time, zone, type, subtype, action, logid, proto;
};

static void note(struct pairs *p, struct slice name, struct slice v)
{
    struct {
        struct slice name;
        struct slice *to;
    } rows[] = {{SLICE("date"), &p->date},       {SLICE("time"), &p->time},
                {SLICE("tz"), &p->zone},         {SLICE("type"), &p->type},
                {SLICE("subtype"), &p->subtype}, {SLICE("action"), &p->action},
                {SLICE("logid"), &p->logid},     {SLICE("proto"), &p->proto}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_eq_nocase(name, rows[i].name))
            *rows[i].to = v;
}

/* "date=2026-11-25 time=08:00:00 tz=+0700". */
static void put_date(struct parse_ctx *ctx, struct event *ev, struct pairs *p)
{
    struct slice parts[] = {p->date, SLICE("T"), p->time, p->zone};
    char text[64];
    size_t n = 0, used;
    int64_t ns;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].n > sizeof(text) - n)
            return;
        if (parts[i].n)
            memcpy(text + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    struct slice s = {text, n}, kept = SLICE("");
    if (p->date.n && p->time.n && when_iso(s, ctx->zone_s, &ns, &used) && used == n &&
        arena_dup(ev->arena, s, &kept) == ERR_NONE)
        put_time(ctx, ev, ns, kept);
}

static void put_action(struct event *ev, struct slice action)
{
    static const char *const denied[] = {"deny", "denied",  "block",  "blocked",
                                         "drop", "dropped", "reject", "reset"};

    put_default(ev, F_EVENT_ACTION, action);
    for (size_t i = 0; i < ARRAY_LEN(denied); i++)
        if (slice_eq_nocase(action, slice_of(denied[i])))
            put_words(ev, F_EVENT_TYPE, "denied");
}

/* Transport protocols go by IANA's number or by name. */
static void put_transport(struct event *ev, struct slice proto)
{
    static const struct {
        const char *number, *upper, *name;
    } rows[] = {{"1", "ICMP", "icmp"},  {"6", "TCP", "tcp"},  {"17", "UDP", "udp"},
                {"47", "GRE", "gre"},   {"50", "ESP", "esp"}, {"58", "ICMPv6", "ipv6-icmp"},
                {"132", "SCTP", "sctp"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_eq(proto, slice_of(rows[i].number)) ||
            slice_eq_nocase(proto, slice_of(rows[i].upper)))
            put_text(ev, F_NETWORK_TRANSPORT, slice_of(rows[i].name));
}

static void put_vendor(struct event *ev, struct pairs *p)
{
    bool forti = p->logid.n && p->type.n && p->subtype.n;

    if (forti) {
        put_text(ev, F_EVENT_CODE, p->logid);
        put_module(ev, SLICE("fortigate"), put_join(ev, SLICE("fortigate."), p->type));
    }
    put_action(ev, p->action);
    put_transport(ev, p->proto);
    if (event_get(ev, F_SOURCE_IP) && event_get(ev, F_DESTINATION_IP))
        put_words(ev, F_EVENT_CATEGORY, "network");
    put_module(ev, SLICE("kv"), SLICE("kv"));
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    struct slice name, value;
    struct pairs p = {0};
    struct flatten f;
    size_t at = 0, n = 0;
    bool quoted;

    flatten_init(&f, ctx, ev);
    if (!ev->message.n)
        ev->message = payload;
    for (; n < PAIRS_MAX && kv_next(payload, &at, &name, &value, &quoted); n++) {
        if (quoted)
            value = unescape(ev, value);
        note(&p, name, value);
        flatten_value(&f, name, value_str(value));
        alias_put(ctx, ev, name, value, &f.has_message, &f.has_time);
    }
    ev->overflow |= n == PAIRS_MAX;
    if (n == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "kv: no name=value");
    if (!f.has_time)
        put_date(ctx, ev, &p);
    put_vendor(ev, &p);
    return ERR_NONE;
}

const struct parser kv_parser = {
    .name = "kv",
    .summary = "name=value pairs, also quoted (firewalls, appliances, logfmt)",
    .rank = 60,
    .content = true,
    .looks = looks,
    .parse = parse,
};
