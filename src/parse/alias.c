#include "parse/alias_int.h"

#include "parse/put_int.h"
#include "parse/when_int.h"

static const struct {
    struct slice name;
    enum field f;
} rows[] = {
#define ALIAS(name, target) {{name, sizeof(name) - 1}, F_##target},
#include "parse/alias.def"
#undef ALIAS
};

static int cmp(struct slice a, struct slice lower)
{
    for (size_t i = 0; i < a.n && i < lower.n; i++) {
        char c = a.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        if (c != lower.p[i])
            return (uint8_t)c < (uint8_t)lower.p[i] ? -1 : 1;
    }
    return (a.n > lower.n) - (a.n < lower.n);
}

enum field alias_find(struct slice name)
{
    size_t lo = 0, hi = ARRAY_LEN(rows);

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = cmp(name, rows[mid].name);
        if (c == 0)
            return rows[mid].f;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return F_NONE;
}

void alias_put(const struct parse_ctx *ctx, struct event *ev, struct slice name, struct slice value,
               bool *has_message, bool *has_time)
{
    enum field f = alias_find(name);
    int64_t ns;

    if (f == F_NONE || value.n == 0)
        return;
    if (f == F_MESSAGE) {
        if (!*has_message)
            ev->message = value;
        *has_message = true;
    } else if (f == F_TIMESTAMP) {
        if (*has_time || !when_any(value, ctx->zone_s, ev->ingested_ns, &ns))
            return;
        put_time(ctx, ev, ns, value);
        *has_time = true;
    } else if (f == F_SOURCE_IP) {
        if (!event_get(ev, f))
            put_address(ev, f, F_SOURCE_DOMAIN, value);
    } else if (f == F_DESTINATION_IP) {
        if (!event_get(ev, f))
            put_address(ev, f, F_DESTINATION_DOMAIN, value);
    } else {
        put_default(ev, f, value);
    }
}
