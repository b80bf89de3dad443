/* Access logs of Apache httpd and nginx: common and combined, with or without the virtual host in
 * front, with anything behind. Apache and nginx escape quotes in what a client chose, so the first
 * unescaped `[time] "` is the server's own: a client cannot forge fields left of it. */
#include "parse/access_int.h"

#include "core/ip.h"
#include "parse/put_int.h"
#include "parse/when_int.h"

enum { STAMP_BYTES = 26, HEAD_MAX = 4096 };

/* Where "[dd/Mon/yyyy:hh:mm:ss +zzzz]" begins, in.n when nowhere; the first one before a quote,
 * else the first one. */
static size_t stamp_at(struct slice in, int64_t *ret_ns)
{
    size_t at = 0, first = in.n;
    int64_t ns;

    while (at < in.n && at < HEAD_MAX) {
        at += slice_find(slice_cut(in, at, in.n), '[');
        if (in.n - at < STAMP_BYTES + 2)
            break;
        if (in.p[at + 1 + STAMP_BYTES] == ']' && in.p[at + 3] == '/' &&
            when_clf(slice_cut(in, at + 1, at + 1 + STAMP_BYTES), &ns)) {
            bool quote = in.n - at > STAMP_BYTES + 3 && in.p[at + STAMP_BYTES + 2] == ' ' &&
                         in.p[at + STAMP_BYTES + 3] == '"';
            if (quote || first == in.n) {
                first = at;
                *ret_ns = ns;
            }
            if (quote)
                break;
        }
        at++;
    }
    return first;
}

static bool looks(const struct event *ev, struct slice payload)
{
    int64_t ns;
    size_t at = stamp_at(payload, &ns);

    (void)ev;
    return at > 0 && at + STAMP_BYTES + 3 < payload.n && payload.p[at + STAMP_BYTES + 2] == ' ' &&
           payload.p[at + STAMP_BYTES + 3] == '"';
}

static struct slice word(struct slice *s)
{
    size_t n = slice_find(*s, ' ');
    struct slice w = slice_cut(*s, 0, n);

    while (n < s->n && s->p[n] == ' ')
        n++;
    *s = slice_cut(*s, n, s->n);
    return w;
}

/* A quoted string at the beginning of *s, as sent between its quotes; *s moves behind it. */
static bool quoted(struct slice *s, struct slice *ret)
{
    size_t i = 1;

    if (s->n == 0 || s->p[0] != '"')
        return false;
    while (i < s->n && s->p[i] != '"')
        i += s->p[i] == '\\' && i + 1 < s->n ? 2 : 1;
    *ret = slice_cut(*s, 1, i);
    *s = slice_cut(*s, i < s->n ? i + 1 : i, s->n);
    return true;
}

static bool is_ip(struct slice s)
{
    struct value v;
    struct slice t = slice_find(s, ',') + 1 == s.n ? slice_cut(s, 0, s.n - 1) : s;

    return ip_parse(t, v.ip);
}

static void put_vhost(struct event *ev, struct slice s)
{
    size_t colon = s.n;

    while (colon > 0 && s.p[colon - 1] >= '0' && s.p[colon - 1] <= '9')
        colon--;
    if (colon > 1 && colon < s.n && s.p[colon - 1] == ':') {
        put_text(ev, F_DESTINATION_PORT, slice_cut(s, colon, s.n));
        s.n = colon - 1;
    }
    put_text(ev, F_SERVER_NAME, s);
    put_text(ev, F_URL_DOMAIN, s);
}

/* [VHOST ]ADDRESS IDENT USER; the user may hold blanks. A list of forwarded addresses "a, b" gives
 * the first, all are kept. */
static void put_head(struct event *ev, struct slice head)
{
    struct slice rest = head, one = word(&rest), after = rest, two = word(&after), more = after,
                 three = word(&more);

    bool list = one.n > 1 && one.p[one.n - 1] == ',';
    if (!list && ((is_ip(two) && three.n) ||
                  (two.n && !slice_eq(two, SLICE("-")) && slice_eq(three, SLICE("-")) && more.n))) {
        put_vhost(ev, one);
        one = two;
        rest = after;
        list = one.n > 1 && one.p[one.n - 1] == ',';
    }
    if (list) {
        const char *from = one.p;
        one.n--;
        struct slice last = SLICE(",");
        while (last.n && last.p[last.n - 1] == ',')
            last = word(&rest);
        put_add_text(ev, "http.forwarded_for",
                     (struct slice){from, (size_t)(last.p + last.n - from)});
    }
    put_address(ev, F_SOURCE_IP, F_SOURCE_DOMAIN, one);
    struct slice ident = word(&rest);
    if (!slice_eq(ident, SLICE("-")))
        put_add_text(ev, "http.ident", ident);
    rest = slice_trim(rest);
    if (!slice_eq(rest, SLICE("-")) && !slice_eq(rest, SLICE("\"\"")))
        put_text(ev, F_USER_NAME, rest);
}

void access_url(struct event *ev, struct slice url)
{
    const char *scheme = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    struct slice path = url;

    put_text(ev, F_URL_ORIGINAL, url);
    if (scheme && url.p[0] != '/' && scheme - url.p < 16) {
        put_text(ev, F_URL_SCHEME, slice_cut(url, 0, (size_t)(scheme - url.p)));
        path = slice_cut(url, (size_t)(scheme - url.p) + 3, url.n);
        size_t slash = 0;
        while (slash < path.n && path.p[slash] != '/' && path.p[slash] != '?')
            slash++;
        put_text(ev, F_URL_DOMAIN, slice_cut(path, 0, slash));
        path = slice_cut(path, slash, path.n);
    }
    size_t mark = slice_find(path, '?');
    put_text(ev, F_URL_PATH, slice_cut(path, 0, mark));
    if (mark < path.n)
        put_text(ev, F_URL_QUERY, slice_cut(path, mark + 1, path.n));
}

void access_request(struct event *ev, struct slice s)
{
    size_t blank = slice_find(s, ' '), i = 0, end = s.n;

    if (slice_eq(s, SLICE("-")))
        return;
    while (i < blank && ((s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '_' || s.p[i] == '-'))
        i++;
    if (i == 0 || i != blank || blank == s.n || blank > 32) { /* no HTTP: nothing hides in it */
        put_text(ev, F_URL_ORIGINAL, s);
        return;
    }
    put_text(ev, F_HTTP_REQUEST_METHOD, slice_cut(s, 0, blank));
    while (end > blank + 1 && s.p[end - 1] != ' ')
        end--;
    if (end > blank + 1 && slice_starts(slice_cut(s, end, s.n), SLICE("HTTP/"))) {
        put_text(ev, F_HTTP_VERSION, slice_cut(s, end + 5, s.n));
        access_url(ev, slice_cut(s, blank + 1, end - 1));
    } else {
        access_url(ev, slice_cut(s, blank + 1, s.n));
    }
}

static void put_status(struct event *ev, struct slice status)
{
    uint64_t code;

    if (!slice_to_u64(status, &code))
        return;
    put_text(ev, F_HTTP_RESPONSE_STATUS_CODE, status);
    put_text(ev, F_EVENT_OUTCOME, code >= 400 ? SLICE("failure") : SLICE("success"));
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    int64_t ns;
    size_t at = stamp_at(payload, &ns);
    struct slice request = SLICE(""), referrer = SLICE("-"), agent = SLICE("-");

    if (at == payload.n)
        return FAIL(diag, ERR_SYNTAX, 0, "access: no [day/month/year:time zone]");
    struct slice s = slice_cut(payload, at + STAMP_BYTES + 2, payload.n);
    while (s.n && s.p[0] == ' ')
        s = slice_cut(s, 1, s.n);
    if (!quoted(&s, &request))
        return FAIL(diag, ERR_SYNTAX, at + STAMP_BYTES + 2, "access: no quoted request");
    ev->message = payload;
    put_time(ctx, ev, ns, slice_cut(payload, at + 1, at + 1 + STAMP_BYTES));
    put_head(ev, slice_cut(payload, 0, at));
    access_request(ev, request);
    s = slice_trim(s);
    put_status(ev, word(&s));
    struct slice bytes = word(&s);
    uint64_t n;
    if (slice_to_u64(bytes, &n))
        put_text(ev, F_HTTP_RESPONSE_BODY_BYTES, bytes);
    (void)quoted(&s, &referrer);
    s = slice_trim(s);
    (void)quoted(&s, &agent);
    if (!slice_eq(referrer, SLICE("-")))
        put_text(ev, F_HTTP_REQUEST_REFERRER, referrer);
    if (!slice_eq(agent, SLICE("-")))
        put_text(ev, F_USER_AGENT_ORIGINAL, agent);
    s = slice_trim(s);
    if (s.n)
        put_add_text(ev, "http.access.rest", s);
    put_module(ev, SLICE("web"), SLICE("web.access"));
    put_text(ev, F_EVENT_ACTION, SLICE("http_request"));
    put_words(ev, F_EVENT_CATEGORY, "web");
    put_words(ev, F_EVENT_TYPE, "access");
    return ERR_NONE;
}

const struct parser access_parser = {
    .name = "access",
    .summary = "access logs of Apache and nginx (common, combined, with virtual host)",
    .rank = 30,
    .content = true,
    .looks = looks,
    .parse = parse,
};
