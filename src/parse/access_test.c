#include "core/test.h"

#include "parse/try_int.h"

#include <stdlib.h>

#define T "[25/Nov/2026:14:59:30 +0700]"
#define T_UTC "@timestamp=2026-11-25T07:59:30.000Z"

static const struct try_case cases[] = {
    {"10.1.2.3 - - " T " \"GET /index.html?a=%27&b=2 HTTP/1.1\" 200 512",
     INPUT_FILE,
     NULL,
     {T_UTC, "clock_suspect=false", "source.ip=10.1.2.3", "!user.name", "http.request.method=GET",
      "url.original=/index.html?a=%27&b=2", "url.path=/index.html", "url.query=a=%27&b=2",
      "http.version=1.1", "http.response.status_code=200", "http.response.body.bytes=512",
      "event.outcome=success", "event.category=web", "event.dataset=web.access",
      "!user_agent.original", "event.kind=event"}},
    {"10.1.2.3 - admin " T
     " \"POST /a HTTP/2.0\" 401 - \"https://x/y\" \"Mozilla \\\"5\\\"\" 0.003 extra",
     INPUT_FILE,
     NULL,
     {"user.name=admin", "http.request.referrer=https://x/y",
      "user_agent.original=Mozilla \\\"5\\\"", "event.outcome=failure", "!http.response.body.bytes",
      "http.access.rest=0.003 extra"}},
    {"www.example.vn:443 2001:db8::1 - - " T " \"GET / HTTP/1.1\" 304 0 \"-\" \"curl/8\"",
     INPUT_FILE,
     NULL,
     {"source.ip=2001:db8::1", "url.domain=www.example.vn", "destination.port=443",
      "server.domain=www.example.vn", "user_agent.original=curl/8", "!http.request.referrer"}},
    {"client.example - - " T " \"GET / HTTP/1.0\" 200 1",
     INPUT_FILE,
     NULL,
     {"source.domain=client.example", "!source.ip", "!url.domain"}},
    {"vhost client.example - - " T " \"GET / HTTP/1.0\" 200 1",
     INPUT_FILE,
     NULL,
     {"source.domain=client.example", "url.domain=vhost"}},
    {"1.1.1.1, 10.0.0.2, 10.0.0.3 - - " T " \"GET / HTTP/1.0\" 200 1",
     INPUT_FILE,
     NULL,
     {"source.ip=1.1.1.1", "http.forwarded_for=1.1.1.1, 10.0.0.2, 10.0.0.3", "!user.name"}},
    {"1.1.1.1 - x y z " T " \"GET / HTTP/1.0\" 401 1",
     INPUT_FILE,
     NULL,
     {"user.name=x y z", "source.ip=1.1.1.1"}},
    /* A user name made to look like a second head: quotes are escaped by the server. */
    {"6.6.6.6 - a [25/Nov/2026:00:00:00 +0000] \\\"GET /ok HTTP/1.1\\\" 200 1 " T
     " \"GET /evil HTTP/1.1\" 403 9",
     INPUT_FILE,
     NULL,
     {"source.ip=6.6.6.6", "url.original=/evil", T_UTC}},
    {"1.1.1.1 - - " T " \"\\x16\\x03\\x01\" 400 150 \"-\" \"-\"",
     INPUT_FILE,
     NULL,
     {"url.original=\\x16\\x03\\x01", "!http.request.method", "http.response.status_code=400"}},
    {"1.1.1.1 - - " T " \"-\" 408 0",
     INPUT_FILE,
     NULL,
     {"!url.original", "http.response.status_code=408"}},
    {"1.1.1.1 - - " T " \"GET /a b c HTTP/1.1\" 400 0",
     INPUT_FILE,
     NULL,
     {"url.original=/a b c", "http.version=1.1"}},
    {"1.1.1.1 - - " T " \"GET http://h.example:8080/p?q=/x HTTP/1.1\" 400 0",
     INPUT_FILE,
     NULL,
     {"url.scheme=http", "url.domain=h.example:8080", "url.path=/p", "url.query=q=/x"}},
    {"1.1.1.1 - - " T " \"GET /r?u=http://x/ HTTP/1.1\" 200 0",
     INPUT_FILE,
     NULL,
     {"!url.scheme", "url.path=/r", "url.query=u=http://x/"}},
    {"1.1.1.1 - - " T " \"GET /unfinished",
     INPUT_FILE,
     NULL,
     {"url.original=/unfinished", "event.kind=event"}},
    {"1.1.1.1 - - [32/Nov/2026:14:59:30 +0700] \"GET / HTTP/1.1\" 200 0",
     INPUT_FILE,
     "access",
     {"event.kind=pipeline_error", "coloa.reason=access: no [day/month/year:time zone]"}},
    {"1.1.1.1 - - " T " GET",
     INPUT_FILE,
     "access",
     {"event.kind=pipeline_error", "coloa.reason=access: no quoted request"}},
    {"<190>Nov 25 07:59:31 web01 nginx: 10.9.8.7 - - " T " \"GET /x HTTP/1.1\" 404 1 \"-\" \"ua\"",
     INPUT_SYSLOG_UDP,
     NULL,
     {T_UTC, "host.name=web01", "log.syslog.appname=nginx", "source.ip=10.9.8.7", "url.path=/x",
      "event.module=web"}},
    {"2026/11/25 07:59:00 [error] 12#13: *4 open() \"/a\" failed (2: No such file or directory), "
     "client: 9.9.9.9, "
     "server: s.vn, request: \"GET /a?x=1 HTTP/1.1\", host: \"h.vn\", referrer: \"http://r/\"",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.000Z", "log.level=error", "source.ip=9.9.9.9",
      "server.domain=s.vn", "url.path=/a", "url.domain=h.vn", "process.pid=12",
      "event.dataset=web.error", "http.request.referrer=http://r/"}},
    {"[Wed Nov 25 07:59:00.123456 2026] [core:error] [pid 77:tid 88] [client 9.9.9.9:5555] "
     "AH00126: Invalid URI",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.123456Z", "log.level=error", "process.pid=77",
      "source.ip=9.9.9.9", "source.port=5555", "event.code=AH00126", "apache.error.module=core"}},
    {"[Wed Nov 25 07:59:00 2026] [error] [client 9.9.9.9] File does not exist: /x",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.000Z", "log.level=error", "source.ip=9.9.9.9",
      "!source.port"}},
    {"[Wed Nov 25 07:59:00 2026] [error] [client 2001:db8::1] x",
     INPUT_FILE,
     NULL,
     {"source.ip=2001:db8::1", "!source.port"}},
};

static void reads_web_logs(void **state)
{
    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static void reads_ten_thousand_real_lines(void **state)
{
    size_t n, lines = 0, bad = 0;
    char *all = try_data("events/weblogs/elastic-examples/apache_logs.log", &n);

    (void)state;
    if (!all)
        skip();
    for (struct slice rest = {all, n}; rest.n;) {
        size_t end = slice_find(rest, '\n');
        struct event *ev = try_one(slice_cut(rest, 0, end), INPUT_FILE, NULL);
        const struct value *module = event_get(ev, F_EVENT_DATASET);
        const struct value *ip = event_get(ev, F_SOURCE_IP);
        bool ok = module && slice_eq(module->text, SLICE("web.access")) && ip &&
                  ip->type == VT_IP && event_get(ev, F_HTTP_RESPONSE_STATUS_CODE) &&
                  event_get(ev, F_URL_ORIGINAL) && event_get(ev, F_HTTP_REQUEST_METHOD);
        if (!ok && bad++ < 5)
            print_message("bad: %.*s\n", SLICE_ARG(slice_cut(rest, 0, end)));
        lines++;
        rest = slice_cut(rest, end < rest.n ? end + 1 : end, rest.n);
    }
    free(all);
    assert_int_equal(lines, 10000);
    assert_int_equal(bad, 0);
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
        cmocka_unit_test(reads_web_logs),
        cmocka_unit_test(reads_ten_thousand_real_lines),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
