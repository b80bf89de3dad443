/* Syslog: RFC 5424, RFC 3164 and what devices really send. The header fills log.syslog.* and
 * host.name, MSG goes to the content parsers. Only an RFC 5424 line that breaks its own grammar is
 * an error; with RFC 3164 anything is a message (its section 4.3). */
#include "parse/flatten_int.h"
#include "parse/put_int.h"
#include "parse/when_int.h"

static const char *const severities[] = {"emergency", "alert",  "critical",      "error",
                                         "warning",   "notice", "informational", "debug"};
static const char *const facilities[] = {
    "kernel", "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "clock",  "authpriv", "ftp",    "ntp",    "audit",  "alert",  "cron",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "<PRI>", 0 to 191: how many bytes it takes, 0 when there is none. */
static size_t pri(struct slice s, unsigned *ret)
{
    unsigned v = 0;
    size_t i = 1;

    if (s.n < 3 || s.p[0] != '<')
        return 0;
    for (; i < s.n && i < 4 && digit(s.p[i]); i++)
        v = v * 10 + (unsigned)(s.p[i] - '0');
    if (i == 1 || i == s.n || s.p[i] != '>' || v > 191)
        return 0;
    *ret = v;
    return i + 1;
}

static void put_pri(struct event *ev, unsigned v)
{
    put_int(ev, F_LOG_SYSLOG_FACILITY_CODE, v / 8);
    put_text(ev, F_LOG_SYSLOG_FACILITY_NAME, slice_of(facilities[v / 8]));
    put_int(ev, F_LOG_SYSLOG_SEVERITY_CODE, v % 8);
    put_text(ev, F_LOG_SYSLOG_SEVERITY_NAME, slice_of(severities[v % 8]));
    put_text(ev, F_LOG_LEVEL, slice_of(severities[v % 8]));
}

/* The bytes up to the next blank; *s moves behind it. */
static struct slice word(struct slice *s)
{
    size_t n = slice_find(*s, ' ');
    struct slice w = slice_cut(*s, 0, n);

    *s = slice_cut(*s, n < s->n ? n + 1 : n, s->n);
    return w;
}

static void put_word(struct event *ev, enum field f, struct slice w)
{
    if (!slice_eq(w, SLICE("-")))
        put_text(ev, f, w);
}

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
        if (s.p[i] == '\\' && i + 1 < s.n &&
            (s.p[i + 1] == '"' || s.p[i + 1] == '\\' || s.p[i + 1] == ']'))
            i++;
        p[n++] = s.p[i];
    }
    return (struct slice){p, n};
}

/* One NAME="VALUE" of an element; at points at NAME. */
static bool sd_param(struct flatten *f, struct slice in, size_t *at, struct slice prefix)
{
    size_t eq = *at, i;

    while (eq < in.n && in.p[eq] != '=' && in.p[eq] != ' ' && in.p[eq] != ']' && in.p[eq] != '"')
        eq++;
    if (eq == *at || eq + 1 >= in.n || in.p[eq] != '=' || in.p[eq + 1] != '"')
        return false;
    for (i = eq + 2; i < in.n && in.p[i] != '"'; i++)
        if (in.p[i] == '\\')
            i++;
    if (i >= in.n)
        return false;
    struct slice name = put_join(f->ev, prefix, slice_cut(in, *at, eq));
    if (name.n)
        flatten_value(f, name, value_str(unescape(f->ev, slice_cut(in, eq + 2, i))));
    *at = i + 1;
    return true;
}

/* STRUCTURED-DATA: its length, or 0 when malformed. */
static size_t structured(struct parse_ctx *ctx, struct event *ev, struct slice in)
{
    struct flatten f;
    size_t at = 0;

    if (in.n && in.p[0] == '-')
        return 1;
    flatten_init(&f, ctx, ev);
    while (at < in.n && in.p[at] == '[') {
        size_t from = ++at;
        while (at < in.n && in.p[at] != ' ' && in.p[at] != ']' && in.p[at] != '=' &&
               in.p[at] != '"')
            at++;
        if (at == from || at == in.n)
            return 0;
        struct slice prefix =
            put_join(ev, SLICE("log.syslog.structured_data."), slice_cut(in, from, at));
        prefix = put_join(ev, prefix, SLICE("."));
        while (at < in.n && in.p[at] == ' ') {
            at++;
            if (!sd_param(&f, in, &at, prefix))
                return 0;
        }
        if (at >= in.n || in.p[at] != ']')
            return 0;
        at++;
    }
    return at;
}

static void content(struct parse_ctx *ctx, struct event *ev, struct slice msg)
{
    if (slice_starts(msg, SLICE("\xef\xbb\xbf")))
        msg = slice_cut(msg, 3, msg.n);
    ev->message = msg;
    put_content(ctx, ev, msg, true);
    put_module(ev, SLICE("syslog"), SLICE("syslog"));
}

/* After "<PRI>": VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP SD [SP MSG]. */
static enum err rfc5424(struct parse_ctx *ctx, struct slice in, struct slice all, struct event *ev,
                        struct diag *diag)
{
    struct slice s = in, version = word(&s), stamp = word(&s);
    size_t used;
    int64_t ns;

    put_text(ev, F_LOG_SYSLOG_VERSION, version);
    ev->message = all;
    if (when_iso(stamp, 0, &ns, &used) && used == stamp.n)
        put_time(ctx, ev, ns, stamp);
    else if (!slice_eq(stamp, SLICE("-")))
        return FAIL(diag, ERR_SYNTAX, (size_t)(stamp.p - all.p), "syslog: TIMESTAMP is malformed");
    struct slice host = word(&s), app = word(&s), proc = word(&s), msgid = word(&s);
    put_word(ev, F_LOG_SYSLOG_HOSTNAME, host);
    put_word(ev, F_HOST_NAME, host);
    put_word(ev, F_LOG_SYSLOG_APPNAME, app);
    put_word(ev, F_PROCESS_NAME, app);
    put_word(ev, F_LOG_SYSLOG_PROCID, proc);
    put_word(ev, F_LOG_SYSLOG_MSGID, msgid);
    uint64_t pid;
    if (slice_to_u64(proc, &pid))
        put_text(ev, F_PROCESS_PID, proc);
    if (!msgid.n)
        return FAIL(diag, ERR_SYNTAX, all.n, "syslog: the header ends too early");
    used = structured(ctx, ev, s);
    if (used == 0 || (used < s.n && s.p[used] != ' '))
        return FAIL(diag, ERR_SYNTAX, (size_t)(s.p - all.p) + used,
                    "syslog: STRUCTURED-DATA is malformed");
    ev->message = SLICE("");
    content(ctx, ev, slice_cut(s, used < s.n ? used + 1 : used, s.n));
    return ERR_NONE;
}

static bool tag_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || digit(c) || c == '-' || c == '_' ||
           c == '.' || c == '/' || c == '%' || c == '(' || c == ')' || c == '@' || c == '+' ||
           c == '#';
}

/* "app:", "app[pid]:", "app[pid] " (some daemons): bytes used with the blank after it, 0 = no tag.
 */
static size_t tag(struct slice s, struct slice *app, struct slice *pid)
{
    size_t i = 0, close;

    while (i < s.n && i < 128 && tag_char(s.p[i]))
        i++;
    if (i == 0 || i == s.n)
        return 0;
    *app = slice_cut(s, 0, i);
    *pid = SLICE("");
    if (s.p[i] == '[') {
        close = i + 1;
        while (close < s.n && close < i + 64 && s.p[close] != ']' && s.p[close] != ' ')
            close++;
        if (close >= s.n || s.p[close] != ']')
            return 0;
        *pid = slice_cut(s, i + 1, close);
        i = close + 1;
        if (i < s.n && s.p[i] != ':' && s.p[i] != ' ')
            return 0;
        if (i < s.n && s.p[i] == ':')
            i++;
    } else if (s.p[i] == ':' && (i + 1 == s.n || s.p[i + 1] == ' ' || s.p[i + 1] == '[')) {
        i++;
    } else {
        return 0;
    }
    return i < s.n && s.p[i] == ' ' ? i + 1 : i;
}

/* The rest of a line after its time: [HOST ]TAG MSG, either may be missing. Without a time the
 * first word is taken for a host only in front of a Cisco tag. */
static void host_and_tag(struct parse_ctx *ctx, struct slice s, bool timed, struct event *ev)
{
    struct slice app = SLICE(""), pid = SLICE(""), host = SLICE("");
    uint64_t number;
    size_t used = tag(s, &app, &pid);

    if (used == 0 && s.n && s.p[0] != '{' && s.p[0] != '%') {
        struct slice rest = s;
        host = word(&rest);
        if (slice_starts(rest, SLICE(": "))) /* Cisco ASA: "host : %ASA-6-302013: ..." */
            rest = slice_cut(rest, 2, rest.n);
        if (host.n > 1 && host.p[host.n - 1] == ':')
            host.n--;
        bool name = host.n > 0 && host.n <= 255 && slice_find(host, '=') == host.n &&
                    slice_find(host, '"') == host.n && rest.n;
        used = name ? tag(rest, &app, &pid) : 0;
        name = name && (timed || (used && app.p[0] == '%'));
        used = name ? used : 0;
        s = name ? rest : s;
        if (!name)
            host = SLICE("");
    }
    if (used == 0)
        app = pid = SLICE("");
    put_word(ev, F_LOG_SYSLOG_HOSTNAME, host);
    put_word(ev, F_HOST_NAME, host);
    put_text(ev, F_LOG_SYSLOG_APPNAME, app);
    put_text(ev, F_PROCESS_NAME, app);
    put_text(ev, F_LOG_SYSLOG_PROCID, pid);
    if (slice_to_u64(pid, &number))
        put_text(ev, F_PROCESS_PID, pid);
    if (app.n > 1 && app.p[0] == '%') { /* Cisco: the tag is FACILITY-SEVERITY-MNEMONIC */
        put_text(ev, F_EVENT_CODE, slice_cut(app, 1, app.n));
        put_module(ev, SLICE("cisco"), SLICE("cisco.log"));
    }
    content(ctx, ev, slice_cut(s, used, s.n));
}

/* Cisco IOS puts "123: ", "*" or "host: " before the time, and ": " or " UTC: " after it. */
static size_t cisco_front(struct event *ev, struct slice s)
{
    size_t at = 0;

    while (at < s.n && digit(s.p[at]))
        at++;
    if (at > 0 && at + 1 < s.n && s.p[at] == ':' && s.p[at + 1] == ' ')
        put_add_text(ev, "log.syslog.sequence", slice_cut(s, 0, at));
    else
        at = 0;
    while (at < s.n && (s.p[at] == ':' || s.p[at] == ' ' || s.p[at] == '*'))
        at++;
    return at;
}

static size_t cisco_back(struct slice s)
{
    size_t at = 0;

    while (at < s.n && at < 6 && (s.p[at] == ' ' || (s.p[at] >= 'A' && s.p[at] <= 'Z')))
        at++;
    return at + 1 < s.n && s.p[at] == ':' && s.p[at + 1] == ' ' ? at + 2 : 0;
}

static bool stamp_of(const struct parse_ctx *ctx, struct slice s, int64_t received_ns,
                     int64_t *ret_ns, size_t *ret_used)
{
    return when_bsd(s, ctx->zone_s, received_ns, ret_ns, ret_used) ||
           when_iso(s, ctx->zone_s, ret_ns, ret_used);
}

static void rfc3164(struct parse_ctx *ctx, struct slice s, struct event *ev)
{
    struct slice host = SLICE("");
    size_t used, front = cisco_front(ev, s);
    int64_t ns;
    struct slice body = slice_cut(s, front, s.n);

    /* IOS with `logging origin-id`: "host: Nov 25 ..." */
    size_t colon = slice_find(body, ':');
    if (front && colon > 0 && colon + 2 < body.n && slice_find(body, ' ') > colon &&
        body.p[0] != '%') {
        host = slice_cut(body, 0, colon);
        size_t more = colon + 1;
        while (more < body.n && (body.p[more] == ' ' || body.p[more] == '*'))
            more++;
        body = slice_cut(body, more, body.n);
    }
    if (!stamp_of(ctx, body, ev->ingested_ns, &ns, &used)) {
        host_and_tag(ctx, s, false, ev);
        return;
    }
    put_time(ctx, ev, ns, slice_cut(body, 0, used));
    put_word(ev, F_LOG_SYSLOG_HOSTNAME, host);
    put_word(ev, F_HOST_NAME, host);
    s = slice_cut(body, used, body.n);
    size_t back = cisco_back(s);
    while (back < s.n && s.p[back] == ' ')
        back++;
    host_and_tag(ctx, slice_cut(s, back, s.n), true, ev);
}

/* One to three digits, a blank, then a date or the nil value. */
static bool versioned(struct slice s)
{
    size_t n = slice_find(s, ' ');

    return n >= 1 && n <= 3 && digit(s.p[0]) && s.p[0] != '0' && (n < 2 || digit(s.p[1])) &&
           (n < 3 || digit(s.p[2])) && n + 1 < s.n &&
           ((s.p[n + 1] == '-' && (n + 2 == s.n || s.p[n + 2] == ' ')) ||
            (s.n > n + 6 && digit(s.p[n + 1]) && digit(s.p[n + 4]) && s.p[n + 5] == '-'));
}

static bool looks(const struct event *ev, struct slice payload)
{
    unsigned v;
    int64_t ns;
    size_t used;
    struct parse_ctx none = {0};

    if (ev)
        return false;
    if (pri(payload, &v))
        return true;
    if (payload.n == 0 || payload.p[0] == '{' || payload.p[0] == '[')
        return false;
    if (versioned(payload))
        return true;
    return stamp_of(&none, payload, INT64_C(1800000000000000000), &ns, &used) && used < payload.n &&
           payload.p[used] == ' ' && payload.p[4] != '/' &&
           !(payload.p[0] == '2' && payload.p[10] == ' ');
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    unsigned v;
    size_t used = pri(payload, &v);
    struct slice s = slice_cut(payload, used, payload.n);

    if (payload.n == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "syslog: an empty line");
    if (used)
        put_pri(ev, v);
    if (versioned(s))
        return rfc5424(ctx, s, payload, ev, diag);
    rfc3164(ctx, s, ev);
    return ERR_NONE;
}

const struct parser syslog_parser = {
    .name = "syslog",
    .summary = "RFC 5424, RFC 3164 and lines of /var/log files; the message is read further",
    .rank = 5,
    .looks = looks,
    .parse = parse,
};
