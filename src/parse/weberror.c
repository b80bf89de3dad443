/* Error logs of nginx ("2026/11/25 08:00:00 [error] 12#12: *3 text, client: 1.2.3.4, ...") and
 * Apache httpd ("[Wed Nov 25 08:00:00.123456 2026] [core:error] [pid 1:tid 2] [client 1.2.3.4:5]
 * text"). */
#include "parse/access_int.h"
#include "parse/put_int.h"
#include "parse/template_int.h"
#include "parse/when_int.h"

static const struct template_row apache_rows[] = {
    {"AH01618: user %u not found: %l", "http_login", "authentication", "start", "failure"},
    {"AH01617: user %u: authentication failure for \"%l\": Password Mismatch", "http_login",
     "authentication", "start", "failure"},
};

static bool nginx_looks(struct slice s)
{
    return s.n > 24 && s.p[4] == '/' && s.p[7] == '/' && s.p[10] == ' ' && s.p[19] == ' ' &&
           s.p[20] == '[';
}

/* "[Wed Nov 25 08:00:00.123456 2026]": the bytes between the brackets, else 0. */
static size_t apache_stamp(struct slice s)
{
    size_t close = slice_find(s, ']');

    return s.n > 26 && s.p[0] == '[' && s.p[4] == ' ' && close >= 25 && close <= 40 &&
                   close < s.n && s.p[close - 5] == ' '
               ? close - 1
               : 0;
}

static bool looks(const struct event *ev, struct slice payload)
{
    (void)ev;
    return nginx_looks(payload) || apache_stamp(payload);
}

/* The value of ", name: value" or ", name: "value"" in an nginx line; the last one counts, since
 * nginx appends its own after whatever a client caused to be logged. */
static struct slice tail(struct slice s, struct slice name)
{
    struct slice v = SLICE("");

    for (size_t at = 0; at + name.n <= s.n; at++) {
        const char *hit = memmem(s.p + at, s.n - at, name.p, name.n);
        if (!hit)
            break;
        at = (size_t)(hit - s.p);
        v = slice_cut(s, at + name.n, s.n);
    }
    if (v.n && v.p[0] == '"') {
        v = slice_cut(v, 1, v.n);
        v.n = slice_find(v, '"');
    } else {
        v.n = slice_find(v, ',');
    }
    return v;
}

static void nginx(struct parse_ctx *ctx, struct slice s, struct event *ev)
{
    int64_t ns;
    size_t used, close = 20 + slice_find(slice_cut(s, 20, s.n), ']');

    if (when_iso(slice_cut(s, 0, 19), ctx->zone_s, &ns, &used))
        put_time(ctx, ev, ns, slice_cut(s, 0, 19));
    put_text(ev, F_LOG_LEVEL, slice_cut(s, 21, close));
    size_t from = close < s.n ? close + 1 : close;
    struct slice rest = slice_trim(slice_cut(s, from, s.n));
    size_t hash = slice_find(rest, '#');
    uint64_t pid;
    if (hash < rest.n && slice_to_u64(slice_cut(rest, 0, hash), &pid))
        put_text(ev, F_PROCESS_PID, slice_cut(rest, 0, hash));
    put_address(ev, F_SOURCE_IP, F_SOURCE_DOMAIN, tail(rest, SLICE(", client: ")));
    put_text(ev, F_SERVER_NAME, tail(rest, SLICE(", server: ")));
    put_text(ev, F_URL_DOMAIN, tail(rest, SLICE(", host: ")));
    put_text(ev, F_HTTP_REQUEST_REFERRER, tail(rest, SLICE(", referrer: ")));
    struct slice request = tail(rest, SLICE(", request: "));
    if (request.n)
        access_request(ev, request);
    put_module(ev, SLICE("web"), SLICE("web.error"));
}

/* The "[...]" parts between the time and the text. */
static void bracket(struct event *ev, struct slice s)
{
    size_t colon = slice_find(s, ':');

    if (slice_starts(s, SLICE("pid "))) {
        put_text(ev, F_PROCESS_PID, slice_cut(s, 4, colon));
    } else if (slice_starts(s, SLICE("client ")) || slice_starts(s, SLICE("remote "))) {
        struct slice who = slice_cut(s, 7, s.n);
        size_t last = who.n;
        while (last > 0 && who.p[last - 1] >= '0' && who.p[last - 1] <= '9')
            last--;
        bool port = last > 1 && last < who.n && who.p[last - 1] == ':' &&
                    (slice_find(who, ':') == last - 1 || who.p[last - 2] == ']');
        if (port) {
            put_text(ev, F_SOURCE_PORT, slice_cut(who, last, who.n));
            who.n = last - 1;
        }
        put_address(ev, F_SOURCE_IP, F_SOURCE_DOMAIN, who);
    } else if (!event_get(ev, F_LOG_LEVEL)) {
        put_text(ev, F_LOG_LEVEL, colon < s.n ? slice_cut(s, colon + 1, s.n) : s);
        if (colon < s.n)
            put_add_text(ev, "apache.error.module", slice_cut(s, 0, colon));
    }
}

static void apache(struct parse_ctx *ctx, struct slice s, struct event *ev)
{
    size_t n = apache_stamp(s), used;
    struct slice stamp = slice_cut(s, 1, 1 + n);
    char text[48];
    int64_t ns;

    /* "Wed Nov 25 08:00:00 2026" becomes "2026 Nov 25 08:00:00". */
    memcpy(text, stamp.p + stamp.n - 4, 4);
    memcpy(text + 4, stamp.p + 3, stamp.n - 8);
    if (when_bsd((struct slice){text, stamp.n - 4}, ctx->zone_s, ev->ingested_ns, &ns, &used) &&
        used == stamp.n - 4)
        put_time(ctx, ev, ns, stamp);
    s = slice_cut(s, n + 2, s.n);
    while ((s = slice_trim(s)).n && s.p[0] == '[') {
        size_t close = slice_find(s, ']');
        if (slice_starts(s, SLICE("[client [")) && close + 1 < s.n)
            close += 1 + slice_find(slice_cut(s, close + 1, s.n), ']');
        if (close >= s.n)
            break;
        bracket(ev, slice_cut(s, 1, close));
        s = slice_cut(s, close + 1, s.n);
    }
    /* "(70014)End of file found: [client 1.2.3.4:5] AH02006: ...": an error of the system before
     * it. */
    const char *late = event_get(ev, F_SOURCE_IP) || !s.n ? NULL : memmem(s.p, s.n, "[client ", 8);
    if (late && s.p[0] == '(') {
        s = slice_cut(s, (size_t)(late - s.p), s.n);
        size_t close = slice_find(s, ']');
        bracket(ev, slice_cut(s, 1, close));
        s = slice_trim(slice_cut(s, close < s.n ? close + 1 : close, s.n));
    }
    (void)template_apply(apache_rows, ARRAY_LEN(apache_rows), s, ev);
    size_t colon = slice_find(s, ':');
    if (slice_starts(s, SLICE("AH")) && colon == 7)
        put_text(ev, F_EVENT_CODE, slice_cut(s, 0, colon));
    put_module(ev, SLICE("web"), SLICE("web.error"));
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    ev->message = payload;
    if (nginx_looks(payload))
        nginx(ctx, payload, ev);
    else if (apache_stamp(payload))
        apache(ctx, payload, ev);
    else
        return FAIL(diag, ERR_SYNTAX, 0, "weberror: neither an nginx nor an Apache error line");
    put_words(ev, F_EVENT_CATEGORY, "web");
    put_words(ev, F_EVENT_TYPE, "error");
    return ERR_NONE;
}

const struct parser weberror_parser = {
    .name = "weberror",
    .summary = "error logs of nginx and Apache",
    .rank = 31,
    .content = true,
    .looks = looks,
    .parse = parse,
};
