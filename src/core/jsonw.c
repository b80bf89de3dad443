#include "core/jsonw.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/timefmt.h"
#include "core/utf8.h"

void jsonw_init(struct jsonw *w, struct buf *out)
{
    *w = (struct jsonw){.out = out};
}

static void put(struct jsonw *w, struct slice s)
{
    if (w->err == ERR_NONE)
        w->err = buf_put(w->out, s);
}

static void fail(struct jsonw *w)
{
    if (w->err == ERR_NONE)
        w->err = ERR_SYNTAX;
}

/* What comes before a value: its comma, unless a key just brought that. */
static void before_value(struct jsonw *w)
{
    if (w->key) {
        w->key = false;
        return;
    }
    if (w->comma[w->depth]) {
        if (w->depth == 0)
            fail(w); /* a second value at the top */
        put(w, SLICE(","));
    }
    w->comma[w->depth] = true;
}

static void open(struct jsonw *w, struct slice bracket)
{
    before_value(w);
    if (w->depth == JSONW_DEPTH_MAX) {
        if (w->err == ERR_NONE)
            w->err = ERR_LIMIT;
        return;
    }
    put(w, bracket);
    w->comma[++w->depth] = false;
}

static void shut(struct jsonw *w, struct slice bracket)
{
    if (w->err != ERR_NONE)
        return;
    if (w->depth == 0 || w->key) {
        fail(w);
        return;
    }
    w->depth--;
    put(w, bracket);
}

void jsonw_object(struct jsonw *w)
{
    open(w, SLICE("{"));
}

void jsonw_array(struct jsonw *w)
{
    open(w, SLICE("["));
}

void jsonw_close_object(struct jsonw *w)
{
    shut(w, SLICE("}"));
}

void jsonw_close_array(struct jsonw *w)
{
    shut(w, SLICE("]"));
}

static void put_escape(struct jsonw *w, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    switch (c) {
    case '"':
        put(w, SLICE("\\\""));
        break;
    case '\\':
        put(w, SLICE("\\\\"));
        break;
    case '\n':
        put(w, SLICE("\\n"));
        break;
    case '\r':
        put(w, SLICE("\\r"));
        break;
    case '\t':
        put(w, SLICE("\\t"));
        break;
    default:
        put(w, (struct slice){u, sizeof(u)});
        break;
    }
}

static void put_text(struct jsonw *w, struct slice s)
{
    size_t from = 0, at = 0;
    uint32_t cp;

    put(w, SLICE("\""));
    while (at < s.n) {
        uint8_t c = (uint8_t)s.p[at];
        if (c < 0x80 && c >= 0x20 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        unsigned len = c < 0x80 ? 0 : utf8_get(s.p + at, s.n - at, &cp);
        if (len) {
            at += len;
            continue;
        }
        put(w, slice_cut(s, from, at));
        if (c < 0x80)
            put_escape(w, c);
        else
            put(w, SLICE("\xef\xbf\xbd"));
        from = ++at;
    }
    if (at > from)
        put(w, slice_cut(s, from, at));
    put(w, SLICE("\""));
}

void jsonw_key(struct jsonw *w, struct slice key)
{
    if (w->depth == 0 || w->key) {
        fail(w);
        return;
    }
    before_value(w);
    put_text(w, key);
    put(w, SLICE(":"));
    w->key = true;
}

void jsonw_str(struct jsonw *w, struct slice s)
{
    before_value(w);
    put_text(w, s);
}

void jsonw_int(struct jsonw *w, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, v);

    jsonw_raw(w, (struct slice){text, (size_t)n});
}

void jsonw_uint(struct jsonw *w, uint64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRIu64, v);

    jsonw_raw(w, (struct slice){text, (size_t)n});
}

/* The shortest digits that read back as the same double, and always as a double. */
void jsonw_double(struct jsonw *w, double v)
{
    char text[40];

    if (!isfinite(v)) {
        jsonw_null(w);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text) - 2, "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    size_t n = strlen(text);
    if (!strpbrk(text, ".e"))
        n += (size_t)snprintf(text + n, sizeof(text) - n, ".0");
    jsonw_raw(w, (struct slice){text, n});
}

void jsonw_bool(struct jsonw *w, bool v)
{
    jsonw_raw(w, v ? SLICE("true") : SLICE("false"));
}

void jsonw_null(struct jsonw *w)
{
    jsonw_raw(w, SLICE("null"));
}

void jsonw_time(struct jsonw *w, int64_t ns)
{
    char text[TIME_TEXT_BYTES + 1];

    time_rfc3339(ns, text);
    jsonw_str(w, slice_of(text));
}

void jsonw_raw(struct jsonw *w, struct slice s)
{
    before_value(w);
    put(w, s);
}

void jsonw_kstr(struct jsonw *w, const char *key, struct slice s)
{
    jsonw_key(w, slice_of(key));
    jsonw_str(w, s);
}

void jsonw_kcstr(struct jsonw *w, const char *key, const char *s)
{
    jsonw_key(w, slice_of(key));
    if (s)
        jsonw_str(w, slice_of(s));
    else
        jsonw_null(w);
}

void jsonw_kint(struct jsonw *w, const char *key, int64_t v)
{
    jsonw_key(w, slice_of(key));
    jsonw_int(w, v);
}

void jsonw_kbool(struct jsonw *w, const char *key, bool v)
{
    jsonw_key(w, slice_of(key));
    jsonw_bool(w, v);
}

void jsonw_ktime(struct jsonw *w, const char *key, int64_t ns)
{
    jsonw_key(w, slice_of(key));
    jsonw_time(w, ns);
}

CHECKED enum err jsonw_end(const struct jsonw *w)
{
    if (w->err != ERR_NONE)
        return w->err;
    return w->depth == 0 && w->comma[0] && !w->key ? ERR_NONE : ERR_SYNTAX;
}
