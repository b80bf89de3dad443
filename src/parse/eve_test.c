#include "core/test.h"

#include "parse/try_int.h"

#include <stdlib.h>

#define HEAD                                                                                       \
    "{\"timestamp\":\"2026-11-25T14:59:00.123456+0700\",\"flow_id\":1959620435402694,"             \
    "\"src_ip\":\"10.0.0.9\",\"src_port\":4000,\"dest_ip\":\"8.8.8.8\",\"dest_port\":53,"          \
    "\"proto\":\"UDP\",\"host\":\"sensor1\","

static const struct try_case cases[] = {
    {HEAD "\"event_type\":\"alert\",\"alert\":{\"action\":\"blocked\",\"gid\":1,\"signature_id\":"
          "2001219,\"rev\":20,"
          "\"signature\":\"ET SCAN "
          "x\",\"category\":\"Leak\",\"severity\":2},\"flow\":{\"bytes_toserver\":66,"
          "\"bytes_toclient\":4,\"pkts_toserver\":1,\"pkts_toclient\":0}}",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.123456Z",
      "event.kind=alert",
      "event.module=suricata",
      "event.dataset=suricata.alert",
      "rule.id=2001219",
      "rule.name=ET SCAN x",
      "rule.category=Leak",
      "event.severity=2",
      "rule.version=20",
      "message=ET SCAN x",
      "event.action=blocked",
      "event.type=denied|info",
      "source.ip=10.0.0.9",
      "source.port=4000",
      "destination.ip=8.8.8.8",
      "destination.port=53",
      "network.transport=udp",
      "network.bytes=70",
      "source.bytes=66",
      "observer.name=sensor1",
      "host.name=sensor1",
      "suricata.eve.alert.gid=1",
      "suricata.eve.flow_id=1959620435402694"}},
    /* DNS, version 2: src_ip is the client in both directions. */
    {HEAD "\"event_type\":\"dns\",\"dns\":{\"version\":2,\"type\":\"query\",\"id\":1,\"rrname\":"
          "\"a.vn\",\"rrtype\":\"A\"}}",
     INPUT_FILE,
     NULL,
     {"source.ip=10.0.0.9", "destination.ip=8.8.8.8", "dns.type=query", "dns.question.name=a.vn",
      "dns.question.type=A", "network.protocol=dns", "event.kind=event"}},
    {HEAD "\"event_type\":\"dns\",\"dns\":{\"version\":2,\"type\":\"answer\",\"rrname\":\"a.vn\","
          "\"rrtype\":\"A\",\"rcode\":"
          "\"NOERROR\",\"answers\":[{\"rrname\":\"a.vn\",\"rrtype\":\"CNAME\",\"rdata\":\"b.vn\"},{"
          "\"rrname\":\"b.vn\","
          "\"rrtype\":\"A\",\"rdata\":\"1.1.1.1\"}]}}",
     INPUT_FILE,
     NULL,
     {"source.ip=10.0.0.9", "dns.type=answer", "dns.response_code=NOERROR",
      "dns.answers.data=b.vn|1.1.1.1", "dns.resolved_ip=1.1.1.1",
      "suricata.eve.dns.answers.rdata=b.vn|1.1.1.1"}},
    {HEAD "\"event_type\":\"dns\",\"dns\":{\"version\":2,\"type\":\"answer\",\"rrname\":\"a.vn\","
          "\"rcode\":\"NOERROR\","
          "\"grouped\":{\"A\":[\"1.1.1.1\",\"1.1.1.2\"],\"CNAME\":[\"b.vn\"]}}}",
     INPUT_FILE,
     NULL,
     {"dns.answers.data=1.1.1.1|1.1.1.2|b.vn", "dns.resolved_ip=1.1.1.1|1.1.1.2"}},
    /* Version 3: a response comes from the responder. */
    {HEAD "\"event_type\":\"dns\",\"dns\":{\"version\":3,\"type\":\"request\",\"queries\":[{"
          "\"rrname\":\"a.vn\",\"rrtype\":"
          "\"AAAA\"},{\"rrname\":\"b.vn\",\"rrtype\":\"A\"}]}}",
     INPUT_FILE,
     NULL,
     {"source.ip=10.0.0.9", "dns.type=query", "dns.question.name=a.vn", "dns.question.type=AAAA",
      "suricata.eve.dns.queries.rrname=a.vn|b.vn"}},
    {HEAD "\"event_type\":\"dns\",\"dns\":{\"version\":3,\"type\":\"response\",\"rcode\":"
          "\"NXDOMAIN\",\"queries\":[{\"rrname\":"
          "\"a.vn\",\"rrtype\":\"A\"}]}}",
     INPUT_FILE,
     NULL,
     {"source.ip=8.8.8.8", "source.port=53", "destination.ip=10.0.0.9", "destination.port=4000",
      "dns.type=answer", "dns.response_code=NXDOMAIN", "suricata.eve.src_ip=10.0.0.9"}},
    {HEAD "\"event_type\":\"dns\",\"dns\":{\"version\":3,\"type\":\"answer\",\"queries\":[{"
          "\"rrname\":\"a.vn\"}]}}",
     INPUT_FILE,
     NULL,
     {"source.ip=8.8.8.8", "dns.type=answer"}},
    {HEAD "\"event_type\":\"dns\",\"dns\":{\"type\":\"response\",\"rrname\":\"a.vn\"}}",
     INPUT_FILE,
     NULL,
     {"source.ip=8.8.8.8", "dns.type=answer"}},
    {HEAD "\"event_type\":\"alert\",\"alert\":{\"signature\":\"s\"},\"dns\":{\"query\":[{\"type\":"
          "\"query\",\"rrname\":\"a.vn\","
          "\"rrtype\":\"A\"}]}}",
     INPUT_FILE,
     NULL,
     {"dns.question.name=a.vn", "dns.type=query", "source.ip=10.0.0.9"}},
    {HEAD "\"event_type\":\"http\",\"http\":{\"hostname\":\"h.vn\",\"url\":\"/"
          "a?b=1\",\"http_user_agent\":\"ua\","
          "\"http_method\":\"GET\",\"protocol\":\"HTTP/"
          "1.1\",\"status\":404,\"length\":9,\"http_refer\":\"r\","
          "\"http_content_type\":\"text/html\"}}",
     INPUT_FILE,
     NULL,
     {"url.domain=h.vn", "url.original=/a?b=1", "url.path=/a", "url.query=b=1",
      "user_agent.original=ua", "http.request.method=GET", "http.version=1.1",
      "http.response.status_code=404", "http.response.body.bytes=9", "http.request.referrer=r",
      "http.response.mime_type=text/html", "event.outcome=failure", "event.category=network|web"}},
    {HEAD "\"event_type\":\"tls\",\"tls\":{\"sni\":\"s.vn\",\"subject\":\"CN=x\",\"issuerdn\":\"CN="
          "y\",\"fingerprint\":\"aa:bb\","
          "\"version\":\"TLS "
          "1.2\",\"ja3\":{\"hash\":\"j\",\"string\":\"1,2\"},\"ja3s\":{\"hash\":\"k\"}}}",
     INPUT_FILE,
     NULL,
     {"tls.client.server_name=s.vn", "tls.server.subject=CN=x", "tls.server.issuer=CN=y",
      "tls.server.hash.sha1=aa:bb", "tls.version=TLS 1.2", "tls.client.ja3=j", "tls.server.ja3s=k",
      "suricata.eve.tls.ja3.string=1,2", "event.dataset=suricata.tls"}},
    {HEAD
     "\"event_type\":\"flow\",\"app_proto\":\"ssh\",\"community_id\":\"1:x\",\"flow\":{\"pkts_"
     "toserver\":3,"
     "\"pkts_toclient\":4,\"bytes_toserver\":30,\"bytes_toclient\":40,\"start\":\"2026-11-25T07:58:"
     "00.000000+0000\","
     "\"end\":\"2026-11-25T07:58:01.500000+0000\",\"state\":\"closed\",\"reason\":\"timeout\"}}",
     INPUT_FILE,
     NULL,
     {"network.protocol=ssh", "network.community_id=1:x", "source.packets=3",
      "destination.packets=4", "network.bytes=70", "event.duration=1500000000",
      "event.type=connection|end", "event.reason=timeout",
      "event.start=2026-11-25T07:58:00.000000+0000"}},
    {HEAD "\"event_type\":\"smtp\",\"smtp\":{\"helo\":\"h\",\"mail_from\":\"<a@x>\",\"rcpt_to\":["
          "\"<b@y>\",\"<c@y>\"]},\"email\":"
          "{\"from\":\"a@x\",\"to\":[\"b@y\"],\"subject\":\"hi\"}}",
     INPUT_FILE,
     NULL,
     {"email.from.address=a@x", "email.to.address=b@y", "email.subject=hi",
      "suricata.eve.smtp.rcpt_to=<b@y>|<c@y>"}},
    {HEAD "\"event_type\":\"fileinfo\",\"fileinfo\":{\"filename\":\"/d/"
          "e.exe\",\"md5\":\"m\",\"sha256\":\"s\",\"size\":7}}",
     INPUT_FILE,
     NULL,
     {"file.name=e.exe", "file.path=/d/e.exe", "file.hash.md5=m", "file.hash.sha256=s",
      "file.size=7"}},
    {HEAD "\"event_type\":\"anomaly\",\"anomaly\":{\"type\":\"decode\",\"event\":\"decoder.ipv4."
          "trunc\"}}",
     INPUT_FILE,
     NULL,
     {"event.action=decoder.ipv4.trunc", "event.type=error"}},
    {"{\"timestamp\":\"2026-11-25T07:59:00+0000\",\"event_type\":\"stats\",\"stats\":{\"uptime\":5,"
     "\"capture\":{\"kernel_drops\":0}}}",
     INPUT_FILE,
     NULL,
     {"event.kind=metric", "suricata.eve.stats.capture.kernel_drops=0", "!source.ip"}},
    {HEAD "\"event_type\":\"a_type_of_the_future\",\"new\":{\"k\":[{\"z\":1}]}}",
     INPUT_FILE,
     NULL,
     {"event.dataset=suricata.a_type_of_the_future", "suricata.eve.new.k.z=1",
      "event.category=network"}},
    {"<13>Nov 25 07:59:00 sensor suricata[9]: " HEAD
     "\"event_type\":\"ssh\",\"ssh\":{\"client\":{\"software_version\":\"x\"}}}",
     INPUT_SYSLOG_UDP,
     NULL,
     {"host.name=sensor", "event.dataset=suricata.ssh", "network.protocol=ssh",
      "suricata.eve.ssh.client.software_version=x"}},
    {"{\"event_type\":\"alert\",\"x\":1}",
     INPUT_FILE,
     "eve",
     {"event.kind=pipeline_error", "coloa.reason=eve: no event_type or no timestamp"}},
    {"{\"event_type\":\"order\",\"x\":1}",
     INPUT_FILE,
     NULL,
     {"event.kind=event", "event.module=json", "x=1", "event_type=order", "!coloa.reason"}},
};

static void reads_every_type(void **state)
{
    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static void reads_the_samples(void **state)
{
    size_t n, lines = 0, bad = 0, alerts = 0;
    char *all = try_data("events/suricata/eve.ndjson", &n);

    (void)state;
    if (!all)
        skip();
    for (struct slice rest = {all, n}; rest.n; lines++) {
        size_t end = slice_find(rest, '\n');
        struct event *ev = try_one(slice_cut(rest, 0, end), INPUT_FILE, NULL);
        const struct value *module = event_get(ev, F_EVENT_MODULE),
                           *kind = event_get(ev, F_EVENT_KIND), *src = event_get(ev, F_SOURCE_IP),
                           *dst = event_get(ev, F_DESTINATION_IP);
        bool metric = slice_eq(kind->text, SLICE("metric"));
        bool ok = module && slice_eq(module->text, SLICE("suricata")) && !ev->tolerant &&
                  (metric || (src && dst && src->type == VT_IP && dst->type == VT_IP)) &&
                  !ev->overflow;
        alerts += slice_eq(kind->text, SLICE("alert")) && event_get(ev, F_RULE_ID) &&
                  event_get(ev, F_RULE_NAME);
        if (!ok && bad++ < 5)
            print_message("bad: %.*s\n", SLICE_ARG(slice_cut(rest, 0, end)));
        rest = slice_cut(rest, end < rest.n ? end + 1 : end, rest.n);
    }
    free(all);
    assert_int_equal(lines, 569);
    assert_int_equal(bad, 0);
    assert_int_equal(alerts, 558);
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
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(reads_the_samples),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
