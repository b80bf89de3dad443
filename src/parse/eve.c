/* Suricata's EVE, all event types: the whole object stays under suricata.eve.*, what has a home in
 * ECS goes there too. In DNS version 3 (Suricata 8) a response's src_ip is the responder: client
 * and server are put back in their places, so that one query shows one direction. Source: the EVE
 * schemas of Suricata 7.0 and 8.0; their manuals' "EVE JSON format". */
#include "parse/access_int.h"
#include "parse/flatten_int.h"
#include "parse/put_int.h"
#include "parse/when_int.h"

#define NODE const struct json_node

struct eve {
    struct parse_ctx *ctx;
    struct event *ev;
    struct flatten f;
    NODE *root;
    struct slice type;
};

/* What each event type means in ECS; others are "network" / "info". */
static const struct {
    const char *type, *kind, *category, *ecs_type;
} types[] = {
    {"alert", "alert", "intrusion_detection network", "info"},
    {"anomaly", "event", "network", "error"},
    {"drop", "event", "network", "denied connection"},
    {"fileinfo", "event", "network file", "info"},
    {"flow", "event", "network", "connection end"},
    {"http", "event", "network web", "access protocol"},
    {"netflow", "event", "network", "connection end"},
    {"smtp", "event", "network email", "protocol"},
    {"stats", "metric", "", "info"},
};

static const char *const protocols[] = {"bittorrent_dht",
                                        "dcerpc",
                                        "dhcp",
                                        "dnp3",
                                        "dns",
                                        "enip",
                                        "ftp",
                                        "http2",
                                        "ike",
                                        "krb5",
                                        "ldap",
                                        "mdns",
                                        "modbus",
                                        "mqtt",
                                        "nfs",
                                        "ntp",
                                        "pgsql",
                                        "pop3",
                                        "quic",
                                        "rdp",
                                        "rfb",
                                        "sip",
                                        "smb",
                                        "snmp",
                                        "ssh",
                                        "telnet",
                                        "tftp",
                                        "tls",
                                        "websocket"};

static struct slice text(struct eve *e, NODE *obj, const char *key)
{
    return flatten_text(&e->f, json_get(obj, key));
}

static void put(struct eve *e, enum field f, NODE *obj, const char *key)
{
    put_text(e->ev, f, text(e, obj, key));
}

static void push_all(struct eve *e, enum field f, NODE *node)
{
    if (node && node->type == JSON_ARRAY)
        for (NODE *c = node->child; c; c = c->next)
            put_push(e->ev, f, flatten_text(&e->f, c));
    else
        put_push(e->ev, f, flatten_text(&e->f, node));
}

static struct slice lower(struct eve *e, struct slice s)
{
    char *p = arena_alloc(e->ev->arena, s.n + 1);

    if (!p) {
        e->ev->overflow = true;
        return s;
    }
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
    return (struct slice){p, s.n};
}

/* Version 3, said or recognised. A response written by version 2 has src_ip = client already. */
static bool responder_first(struct eve *e, NODE *dns)
{
    struct slice type = json_get_str(dns, "type");
    int64_t version = json_get_int(dns, "version", 0);

    if (!slice_eq(e->type, SLICE("dns")))
        return false;
    if (version == 0)
        version = slice_eq(type, SLICE("response")) || json_get(dns, "queries") ? 3 : 2;
    return version >= 3 && (slice_eq(type, SLICE("response")) || slice_eq(type, SLICE("answer")));
}

static void put_ends(struct eve *e)
{
    bool swap = responder_first(e, json_get(e->root, "dns"));
    struct event *ev = e->ev;

    put_address(ev, swap ? F_DESTINATION_IP : F_SOURCE_IP,
                swap ? F_DESTINATION_DOMAIN : F_SOURCE_DOMAIN, text(e, e->root, "src_ip"));
    put_address(ev, swap ? F_SOURCE_IP : F_DESTINATION_IP,
                swap ? F_SOURCE_DOMAIN : F_DESTINATION_DOMAIN, text(e, e->root, "dest_ip"));
    put(e, swap ? F_DESTINATION_PORT : F_SOURCE_PORT, e->root, "src_port");
    put(e, swap ? F_SOURCE_PORT : F_DESTINATION_PORT, e->root, "dest_port");
    put_text(ev, F_NETWORK_TRANSPORT, lower(e, text(e, e->root, "proto")));
    struct slice app = text(e, e->root, "app_proto");
    if (!slice_eq(app, SLICE("failed")) && !slice_eq(app, SLICE("unknown")))
        put_text(ev, F_NETWORK_PROTOCOL, app);
    put(e, F_NETWORK_COMMUNITY_ID, e->root, "community_id");
    put(e, F_OBSERVER_INGRESS_INTERFACE_NAME, e->root, "in_iface");
    put(e, F_OBSERVER_NAME, e->root, "host");
    put_default(ev, F_HOST_NAME, text(e, e->root, "host"));
}

static void put_meaning(struct eve *e)
{
    const char *kind = "event", *category = "network", *ecs_type = "info";

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_eq(e->type, slice_of(types[i].type))) {
            kind = types[i].kind;
            category = types[i].category;
            ecs_type = types[i].ecs_type;
        }
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (slice_eq(e->type, slice_of(protocols[i]))) {
            ecs_type = "protocol";
            put_default(e->ev, F_NETWORK_PROTOCOL, e->type);
        }
    if (slice_eq(e->type, SLICE("http")) || slice_eq(e->type, SLICE("smtp")))
        put_default(e->ev, F_NETWORK_PROTOCOL, e->type);
    put_text(e->ev, F_EVENT_KIND, slice_of(kind));
    put_words(e->ev, F_EVENT_CATEGORY, category);
    put_words(e->ev, F_EVENT_TYPE, ecs_type);
}

static void put_alert(struct eve *e, NODE *alert)
{
    struct slice action = text(e, alert, "action");

    put(e, F_RULE_ID, alert, "signature_id");
    put(e, F_RULE_NAME, alert, "signature");
    put(e, F_RULE_CATEGORY, alert, "category");
    put(e, F_EVENT_SEVERITY, alert, "severity");
    put_add_text(e->ev, "rule.version", text(e, alert, "rev"));
    put_text(e->ev, F_EVENT_ACTION, action);
    if (slice_eq(action, SLICE("blocked")))
        put_words(e->ev, F_EVENT_TYPE, "denied");
    e->ev->message = text(e, alert, "signature");
}

static void put_answer(struct eve *e, struct slice type, struct slice data)
{
    put_push(e->ev, F_DNS_ANSWERS_DATA, data);
    if (slice_eq(type, SLICE("A")) || slice_eq(type, SLICE("AAAA")))
        put_push(e->ev, F_DNS_RESOLVED_IP, data);
}

static void put_answers(struct eve *e, NODE *dns)
{
    NODE *answers = json_get(dns, "answers"), *grouped = json_get(dns, "grouped");

    for (NODE *a = answers && answers->type == JSON_ARRAY ? answers->child : NULL; a; a = a->next)
        put_answer(e, json_get_str(a, "rrtype"), text(e, a, "rdata"));
    for (NODE *g = !answers && grouped && grouped->type == JSON_OBJECT ? grouped->child : NULL; g;
         g = g->next)
        for (NODE *a = g->type == JSON_ARRAY ? g->child : NULL; a; a = a->next)
            put_answer(e, g->key, flatten_text(&e->f, a));
    if (json_get(dns, "rdata")) /* version 1: one event per answer */
        put_answer(e, json_get_str(dns, "rrtype"), text(e, dns, "rdata"));
}

/* The object that names the question: versions 1 and 2 the event itself, 3 the first of queries[];
 * inside an alert query[] or answer{}. */
static NODE *question(NODE *dns)
{
    NODE *list = json_get(dns, "queries");

    if (!list)
        list = json_get(dns, "query");
    if (list && list->type == JSON_ARRAY && list->child)
        return list->child;
    if (!json_get(dns, "rrname") && json_get(dns, "answer"))
        return json_get(dns, "answer");
    return dns;
}

static void put_dns(struct eve *e, NODE *dns)
{
    struct slice type = json_get_str(dns, "type");
    NODE *q = question(dns);

    if (type.n == 0)
        type = json_get_str(q, "type");
    if (slice_eq(type, SLICE("request")) || slice_eq(type, SLICE("query")))
        put_text(e->ev, F_DNS_TYPE, SLICE("query"));
    else if (slice_eq(type, SLICE("response")) || slice_eq(type, SLICE("answer")))
        put_text(e->ev, F_DNS_TYPE, SLICE("answer"));
    put(e, F_DNS_QUESTION_NAME, q, "rrname");
    put(e, F_DNS_QUESTION_TYPE, q, "rrtype");
    put(e, F_DNS_RESPONSE_CODE, dns, "rcode");
    if (q != dns)
        put_default(e->ev, F_DNS_RESPONSE_CODE, text(e, q, "rcode"));
    put_answers(e, dns);
}

static void put_http(struct eve *e, NODE *http)
{
    struct slice version = text(e, http, "protocol"), status = text(e, http, "status");
    uint64_t code;

    access_url(e->ev, text(e, http, "url"));
    put(e, F_URL_DOMAIN, http, "hostname");
    put(e, F_USER_AGENT_ORIGINAL, http, "http_user_agent");
    put(e, F_HTTP_REQUEST_METHOD, http, "http_method");
    put(e, F_HTTP_REQUEST_REFERRER, http, "http_refer");
    put(e, F_HTTP_RESPONSE_MIME_TYPE, http, "http_content_type");
    put(e, F_HTTP_RESPONSE_BODY_BYTES, http, "length");
    put_text(e->ev, F_HTTP_RESPONSE_STATUS_CODE, status);
    if (slice_starts(version, SLICE("HTTP/")))
        put_text(e->ev, F_HTTP_VERSION, slice_cut(version, 5, version.n));
    if (slice_to_u64(status, &code) && !json_get(e->root, "alert"))
        put_text(e->ev, F_EVENT_OUTCOME, code >= 400 ? SLICE("failure") : SLICE("success"));
}

static void put_tls(struct eve *e, NODE *tls)
{
    put(e, F_TLS_CLIENT_SERVER_NAME, tls, "sni");
    put(e, F_TLS_SERVER_SUBJECT, tls, "subject");
    put(e, F_TLS_SERVER_ISSUER, tls, "issuerdn");
    put(e, F_TLS_SERVER_HASH_SHA1, tls, "fingerprint");
    put(e, F_TLS_VERSION, tls, "version");
    put(e, F_TLS_CLIENT_JA3, json_get(tls, "ja3"), "hash");
    put(e, F_TLS_SERVER_JA3S, json_get(tls, "ja3s"), "hash");
    put_default(e->ev, F_DESTINATION_DOMAIN, text(e, tls, "sni"));
}

static void put_mail(struct eve *e, NODE *email, NODE *smtp)
{
    push_all(e, F_EMAIL_FROM_ADDRESS, json_get(email, "from"));
    push_all(e, F_EMAIL_TO_ADDRESS, json_get(email, "to"));
    put(e, F_EMAIL_SUBJECT, email, "subject");
    if (!event_get(e->ev, F_EMAIL_FROM_ADDRESS))
        push_all(e, F_EMAIL_FROM_ADDRESS, json_get(smtp, "mail_from"));
    if (!event_get(e->ev, F_EMAIL_TO_ADDRESS))
        push_all(e, F_EMAIL_TO_ADDRESS, json_get(smtp, "rcpt_to"));
}

static void put_file(struct eve *e, NODE *file)
{
    struct slice name = text(e, file, "filename");
    size_t slash = name.n;

    while (slash > 0 && name.p[slash - 1] != '/' && name.p[slash - 1] != '\\')
        slash--;
    put_text(e->ev, F_FILE_NAME, slice_cut(name, slash, name.n));
    if (slash)
        put_text(e->ev, F_FILE_PATH, name);
    put(e, F_FILE_HASH_MD5, file, "md5");
    put(e, F_FILE_HASH_SHA1, file, "sha1");
    put(e, F_FILE_HASH_SHA256, file, "sha256");
    put(e, F_FILE_SIZE, file, "size");
}

static bool put_instant(struct eve *e, enum field f, NODE *flow, const char *key, int64_t *ret_ns)
{
    struct slice s = text(e, flow, key);

    if (!s.n || !when_any(s, e->ctx->zone_s, e->ev->ingested_ns, ret_ns))
        return false;
    struct value v = {.type = VT_TIME, .text = s, .i = *ret_ns};
    if (event_set_value(e->ev, f, v) != ERR_NONE)
        e->ev->overflow = true;
    return true;
}

static void put_flow(struct eve *e, NODE *flow)
{
    int64_t to = json_get_int(flow, "bytes_toserver", -1),
            back = json_get_int(flow, "bytes_toclient", -1), start, end, sum;

    put(e, F_SOURCE_BYTES, flow, "bytes_toserver");
    put(e, F_DESTINATION_BYTES, flow, "bytes_toclient");
    put(e, F_SOURCE_PACKETS, flow, "pkts_toserver");
    put(e, F_DESTINATION_PACKETS, flow, "pkts_toclient");
    if (to >= 0 && back >= 0 && !__builtin_add_overflow(to, back, &sum))
        put_int(e->ev, F_NETWORK_BYTES, sum);
    bool began = put_instant(e, F_EVENT_START, flow, "start", &start);
    bool ended = put_instant(e, F_EVENT_END, flow, "end", &end);
    if (began && ended && !__builtin_sub_overflow(end, start, &sum) && sum >= 0)
        put_int(e->ev, F_EVENT_DURATION, sum);
    put(e, F_EVENT_REASON, flow, "reason");
}

static void put_netflow(struct eve *e, NODE *flow)
{
    int64_t ns;

    put(e, F_SOURCE_BYTES, flow, "bytes");
    put(e, F_SOURCE_PACKETS, flow, "pkts");
    put(e, F_NETWORK_BYTES, flow, "bytes");
    (void)put_instant(e, F_EVENT_START, flow, "start", &ns);
    (void)put_instant(e, F_EVENT_END, flow, "end", &ns);
}

/* Objects may stand in their own event type or beside an alert, a drop, a fileinfo. */
static void put_objects(struct eve *e)
{
    const struct {
        const char *key;
        void (*put)(struct eve *e, NODE *obj);
    } rows[] = {{"dns", put_dns},    {"http", put_http},       {"tls", put_tls},
                {"flow", put_flow},  {"netflow", put_netflow}, {"fileinfo", put_file},
                {"alert", put_alert}};
    NODE *email = json_get(e->root, "email"), *smtp = json_get(e->root, "smtp"),
         *anomaly = json_get(e->root, "anomaly"), *ndpi = json_get(e->root, "ndpi");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        NODE *obj = json_get(e->root, rows[i].key);
        if (obj && obj->type == JSON_OBJECT)
            rows[i].put(e, obj);
    }
    if (email || smtp)
        put_mail(e, email, smtp);
    if (anomaly)
        put(e, F_EVENT_ACTION, anomaly, "event");
    if (ndpi)
        put(e, F_NETWORK_APPLICATION, ndpi, "proto");
    NODE *files = json_get(e->root, "files");
    if (files && files->type == JSON_ARRAY && files->child && !json_get(e->root, "fileinfo"))
        put_file(e, files->child);
}

static bool looks(const struct event *ev, struct slice payload)
{
    const struct slice mark = SLICE("\"event_type\""), s = slice_trim(payload);

    (void)ev;
    return s.n > mark.n && s.p[0] == '{' && slice_has(s, mark, 6);
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    struct eve e = {.ctx = ctx, .ev = ev};
    bool tolerant = false;
    int64_t ns;
    enum err err = json_read(ctx->json, payload, &e.root, &tolerant, diag);

    if (err != ERR_NONE)
        return err;
    flatten_init(&e.f, ctx, ev);
    e.type = text(&e, e.root, "event_type");
    struct slice stamp = text(&e, e.root, "timestamp");
    if (e.type.n == 0 || !stamp.n)
        return FAIL(diag, ERR_SYNTAX, 0, "eve: no event_type or no timestamp");
    ev->tolerant |= tolerant;
    if (when_any(stamp, ctx->zone_s, ev->ingested_ns, &ns))
        put_time(ctx, ev, ns, stamp);
    ev->message = payload;
    for (NODE *c = e.root->child; c; c = c->next)
        flatten_member(&e.f, put_join(ev, SLICE("suricata.eve."), c->key), c);
    put_ends(&e);
    put_objects(&e);
    put_meaning(&e);
    put_module(ev, SLICE("suricata"), put_join(ev, SLICE("suricata."), e.type));
    return ERR_NONE;
}

const struct parser eve_parser = {
    .name = "eve",
    .summary = "Suricata EVE, all event types",
    .rank = 7,
    .content = true,
    .json = true,
    .looks = looks,
    .parse = parse,
};
