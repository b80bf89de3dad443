#include "core/test.h"

#include "parse/try_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/timefmt.h"

static const struct try_case headers[] = {
    {"<34>1 2026-11-25T07:59:58.003Z web01.example su - ID47 - 'su root' failed for lonvick on "
     "/dev/pts/8",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T07:59:58.003Z", "clock_suspect=false", "host.name=web01.example",
      "log.syslog.hostname=web01.example", "log.syslog.appname=su", "!log.syslog.procid",
      "log.syslog.msgid=ID47", "log.syslog.facility.code=4", "log.syslog.facility.name=auth",
      "log.syslog.severity.code=2", "log.syslog.severity.name=critical", "log.syslog.version=1",
      "message='su root' failed for lonvick on /dev/pts/8", "event.kind=event"}},
    {"<165>1 - - - - - - \xef\xbb\xbfxin ch\xc3\xa0o",
     INPUT_SYSLOG_TCP,
     NULL,
     {"@timestamp=2026-11-25T08:00:00.000Z", "clock_suspect=true", "message=xin ch\xc3\xa0o",
      "!log.syslog.appname", "!log.syslog.hostname", "event.kind=event"}},
    {"<165>1 2026-11-25T14:59:00.5+07:00 h app 8710 M [a@1 k=\"v \\\"q\\\" \\\\ \\] \\n\" "
     "e=\"\"][b x=\"y\"] tail",
     INPUT_SYSLOG_TCP,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.500Z", "log.syslog.structured_data.a@1.k=v \"q\" \\ ] \\n",
      "log.syslog.structured_data.a@1.e=", "log.syslog.structured_data.b.x=y", "message=tail",
      "process.pid=8710"}},
    {"<14>1 2026-11-25T08:00:00Z h app - - -",
     INPUT_SYSLOG_TCP,
     NULL,
     {"event.kind=event", "log.syslog.appname=app"}},
    {"<38>Nov 25 08:00:01 gw sshd[2211]: Server listening on 0.0.0.0 port 22.",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T08:00:01.000Z", "host.name=gw", "log.syslog.appname=sshd",
      "log.syslog.procid=2211", "process.pid=2211", "event.module=sshd",
      "message=Server listening on 0.0.0.0 port 22."}},
    {"<13>Dec 31 23:59:59 gw app: year before",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2025-12-31T23:59:59.000Z", "message=year before"}},
    {"<13>Nov 26 23:00:00 gw app: zone or clock ahead",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T08:00:00.000Z", "clock_suspect=true",
      "coloa.claimed_time=Nov 26 23:00:00"}},
    {"<13>Feb 29 10:00:00 gw app: leap day",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2024-02-29T10:00:00.000Z", "clock_suspect=false"}},
    {"<13>Nov  5 08:00:00 app[7]: local, no host",
     INPUT_SYSLOG_UDP,
     NULL,
     {"log.syslog.appname=app", "log.syslog.procid=7", "message=local, no host",
      "!log.syslog.hostname"}},
    {"<13>Nov  5 08:00:00 gw last message repeated 3 times",
     INPUT_SYSLOG_UDP,
     NULL,
     {"host.name=gw", "!log.syslog.appname", "message=last message repeated 3 times"}},
    {"<13>Nov  5 08:00:00 2001:db8::7 app: v6 host",
     INPUT_SYSLOG_UDP,
     NULL,
     {"host.name=2001:db8::7", "log.syslog.appname=app", "message=v6 host"}},
    {"<166>Nov 25 2026 07:58:00: %ASA-6-302013: Built outbound TCP connection",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T07:58:00.000Z", "log.syslog.appname=%ASA-6-302013",
      "event.code=ASA-6-302013", "event.module=cisco", "message=Built outbound TCP connection"}},
    {"<166>Nov 25 2026 07:58:00 fw1 : %ASA-6-302013: Built",
     INPUT_SYSLOG_UDP,
     NULL,
     {"host.name=fw1", "event.code=ASA-6-302013", "message=Built"}},
    {"<166>%ASA-4-106023: Deny tcp src outside",
     INPUT_SYSLOG_UDP,
     NULL,
     {"clock_suspect=true", "event.code=ASA-4-106023", "message=Deny tcp src outside"}},
    {"<189>29: *Nov 25 07:58:00.123: %SYS-5-CONFIG_I: Configured from console",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T07:58:00.123Z", "log.syslog.sequence=29", "event.code=SYS-5-CONFIG_I",
      "message=Configured from console"}},
    {"<189>30: rtr1: Nov 25 07:58:00.123 UTC: %LINK-3-UPDOWN: Interface down",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T07:58:00.123Z", "host.name=rtr1", "event.code=LINK-3-UPDOWN",
      "message=Interface down"}},
    {"<187>: 2026 Nov 25 07:58:00 UTC: %ETHPORT-5-IF_UP: up",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T07:58:00.000Z", "event.code=ETHPORT-5-IF_UP", "message=up"}},
    {"Nov 25 07:58:00 db01 postgres[99]: ready",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:58:00.000Z", "host.name=db01", "log.syslog.appname=postgres",
      "message=ready", "!log.syslog.severity.code", "event.module=syslog"}},
    {"2026-11-25T07:58:00.250817+00:00 db01 kernel: [  12.5] eth0: up",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:58:00.250817Z", "host.name=db01", "log.syslog.appname=kernel",
      "message=[  12.5] eth0: up"}},
    {"<13>no time here at all",
     INPUT_SYSLOG_UDP,
     NULL,
     {"message=no time here at all", "!log.syslog.hostname", "event.kind=event"}},
    {"just words", INPUT_SYSLOG_UDP, NULL, {"event.kind=event", "clock_suspect=true"}},
    {"<999>x", INPUT_SYSLOG_UDP, NULL, {"event.kind=event", "message=<999>x"}},
    {"<34>1 yesterday h a p m - x", INPUT_FILE, "syslog", {"event.kind=event"}},
    {"<34>1 2026-13-25T07:59:58Z h a p m - x",
     INPUT_FILE,
     "syslog",
     {"event.kind=pipeline_error", "coloa.reason=syslog: TIMESTAMP is malformed",
      "message=<34>1 2026-13-25T07:59:58Z h a p m - x", "log.syslog.facility.code=4"}},
    {"<34>1 2026-11-25T07:59:58Z h a p m [x y=z] t",
     INPUT_FILE,
     "syslog",
     {"event.kind=pipeline_error", "coloa.reason=syslog: STRUCTURED-DATA is malformed",
      "host.name=h"}},
    {"<34>1 2026-11-25T07:59:58Z h a p",
     INPUT_FILE,
     "syslog",
     {"event.kind=pipeline_error", "coloa.reason=syslog: the header ends too early"}},
    {"", INPUT_SYSLOG_UDP, "syslog", {"event.kind=pipeline_error"}},
    {"free text that nobody knows",
     INPUT_FILE,
     NULL,
     {"event.kind=pipeline_error", "coloa.reason=no format fits",
      "message=free text that nobody knows"}},
    {"2026-11-25 07:58:00,123 fail2ban.filter [1]: INFO [sshd] Found 1.2.3.4",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:58:00.123Z", "event.module=plain", "event.kind=event"}},
};

static void reads_headers(void **state)
{
    (void)state;
    try_all(headers, ARRAY_LEN(headers));
}

static void keep(void *arg, struct event *ev)
{
    *(int64_t *)arg = ev->timestamp_ns;
}

static void uses_the_senders_zone(void **state)
{
    static const struct {
        const char *line;
        const char *utc;
    } rows[] = {
        {"<13>Nov 25 14:59:00 gw app: local time", "2026-11-25T07:59:00.000Z"},
        {"<13>2026-11-25T14:59:00 gw app: no zone", "2026-11-25T07:59:00.000Z"},
        {"<13>2026-11-25T07:59:00Z gw app: zone of its own", "2026-11-25T07:59:00.000Z"},
        {"<13>Jan  1 06:30:00 gw app: the year before, in UTC", "2025-12-31T23:30:00.000Z"},
    };
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parse_ctx ctx = {.arena = &a, .zone_s = 7 * 3600};
        struct record r = {.received_ns = TRY_RECEIVED_NS,
                           .input = INPUT_SYSLOG_UDP,
                           .payload = slice_of(rows[i].line)};
        int64_t ns = 0;
        char text[TIME_TEXT_BYTES + 1];
        assert_int_equal(parse_record(&ctx, &r, keep, &ns), 1);
        time_rfc3339(ns, text);
        assert_string_equal(text, rows[i].utc);
    }
    arena_done(&a);
}

/* The value of `key` in a line of Influx' protocol: a tag up to the next comma or blank, or a
 * quoted field with its escapes taken off. */
static bool influx(const char *line, const char *key, char *out, size_t size)
{
    const char *at = strstr(line, key);
    size_t n = 0;

    if (!at)
        return false;
    at += strlen(key);
    bool quoted = *at == '"';
    for (at += quoted; *at && n + 1 < size; at++) {
        if (quoted ? *at == '"' : *at == ',' || *at == ' ')
            break;
        if (quoted && *at == '\\' && at[1])
            at++;
        out[n++] = *at;
    }
    out[n] = 0;
    return true;
}

/* Another reader's expected header and message for the same datagrams. */
static void agrees_on_datagrams(void **state)
{
    static const char *const cases[] = {
        "rfc5424_best_effort_udp",     "rfc5424_best_effort_udp_average",
        "rfc5424_best_effort_udp_max", "rfc5424_best_effort_udp_one_per_packet",
        "rfc5424_long_appname",        "rfc5424_best_effort_udp_trim_message",
        "rfc3164_best_effort_udp",
    };
    static const struct {
        const char *theirs, *ours;
    } names[] = {{",appname=", "log.syslog.appname"},
                 {",hostname=", "log.syslog.hostname"},
                 {",msgid=", "log.syslog.msgid"},
                 {"message=", "message"}};
    static char want[1 << 16];
    unsigned values = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[256];
        size_t n, out_n;
        (void)snprintf(path, sizeof(path), "events/syslog/telegraf-framing/%s/input.txt", cases[i]);
        char *in = try_data(path, &n);
        (void)snprintf(path, sizeof(path), "events/syslog/telegraf-framing/%s/expected.out",
                       cases[i]);
        char *out = try_data(path, &out_n);
        if (!in || !out)
            skip();
        struct event *ev = try_one((struct slice){in, n}, INPUT_SYSLOG_UDP, NULL);
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            if (!influx(out, names[k].theirs, want, sizeof(want)))
                continue;
            const char *got = try_field(ev, names[k].ours);
            if (!got || strcmp(got, want) != 0)
                fail_msg("%s: %s: wanted '%s', got '%s'", cases[i], names[k].ours, want,
                         got ? got : "nothing");
            values++;
        }
        free(in);
        free(out);
    }
    assert_true(values >= 15);
}

static int done(void **state)
{
    (void)state;
    try_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_headers),
        cmocka_unit_test(uses_the_senders_zone),
        cmocka_unit_test(agrees_on_datagrams),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
