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

/* Which names may be in the table, by a cheap hash: most names are not, and each is asked about. */
static uint64_t maybe[64];

static unsigned letter(char c)
{
    return (unsigned char)(c | 0x20);
}

static unsigned name_hash(struct slice s)
{
    return ((unsigned)s.n * 7u + letter(s.p[0]) * 131u + letter(s.p[s.n / 2]) * 31u +
            letter(s.p[s.n - 1]) * 517u) %
           4096;
}

/* Runs before main, so that every thread sees it full without a lock. */
__attribute__((constructor)) static void maybe_fill(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned h = name_hash(rows[i].name);
        maybe[h / 64] |= UINT64_C(1) << (h % 64);
    }
}

enum field alias_find(struct slice name)
{
    size_t lo = 0, hi = ARRAY_LEN(rows);
    unsigned h = name.n ? name_hash(name) : 0;

    if (!name.n || !(maybe[h / 64] >> (h % 64) & 1))
        return F_NONE;
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
