#include "core/test.h"

#include "parse/try_int.h"

#include <stdio.h>

static const struct try_case cases[] = {
    {"{\"timestamp\":\"2026-11-25T07:59:00Z\",\"level\":\"warn\",\"msg\":\"hi\",\"host\":\"a\","
     "\"src_ip\":\"1.2.3.4\","
     "\"dest_ip\":\"db.local\",\"user\":\"minh\",\"n\":7,\"f\":1.5,\"t\":true,\"z\":null,\"o\":{"
     "\"k\":{\"j\":\"v\"}},"
     "\"l\":[1,\"b\",null],\"e\":{},\"el\":[]}",
     INPUT_HTTP,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.000Z", "log.level=warn", "message=hi", "host.name=a",
      "host=a", "source.ip=1.2.3.4", "src_ip=1.2.3.4", "destination.domain=db.local",
      "user.name=minh", "n=7", "f=1.5", "t=true", "z=", "o.k.j=v", "l=1|b|", "e={}",
      "el=", "event.module=json", "event.kind=event"}},
    {"{\"@timestamp\":\"2026-11-25T07:59:00Z\",\"message\":\"m\",\"source\":{\"ip\":\"1.2.3.4\","
     "\"port\":22},\"event\":"
     "{\"kind\":\"alert\",\"category\":[\"web\",\"network\"],\"id\":\"x\"},\"coloa\":{\"source\":"
     "\"forged\",\"org\":9}}",
     INPUT_HTTP,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.000Z", "message=m", "source.ip=1.2.3.4", "source.port=22",
      "event.kind=alert", "event.category=web|network", "sent.event.id=x",
      "sent.coloa.source=forged", "sent.coloa.org=9", "coloa.source=http", "coloa.org=0"}},
    {"{\"time\":1795593540.25,\"log\":\"x\"}",
     INPUT_HTTP,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.250Z", "message=x", "time=1795593540.25"}},
    {"{\"Channel\":\"Security\",\"EventID\":4688,\"Computer\":\"PC1\",\"Keywords\":"
     "\"0x8020000000000000\",\"NewProcessName\":\"C:\\\\a\\\\b.exe\",\"NewProcessId\":\"0x1a4\","
     "\"ProcessId\":\"0x10\",\"CommandLine\":\"b -x\",\"SubjectUserName\":\"minh\"}",
     INPUT_HTTP,
     NULL,
     {"winlog.channel=Security", "event.code=4688", "host.name=PC1", "event.outcome=success",
      "process.executable=C:\\a\\b.exe", "process.name=b.exe", "process.pid=420",
      "process.parent.pid=16", "process.command_line=b -x", "user.name=minh",
      "event.category=process", "event.type=start", "event.action=process-created",
      "event.module=windows", "event.dataset=windows.security", "NewProcessName=C:\\a\\b.exe"}},
    {"{\"Event\":{\"System\":{\"Channel\":\"System\",\"EventID\":{\"#attributes\":{"
     "\"Qualifiers\":1},\"#text\":104},\"Computer\":\"PC1\",\"Provider\":{\"#attributes\":{"
     "\"Name\":\"P\"}}},\"UserData\":{\"LogFileCleared\":{\"#attributes\":{\"xmlns\":\"x\"},"
     "\"Channel\":\"Security\",\"A\":{\"B\":1}}}}}",
     INPUT_HTTP,
     NULL,
     {"winlog.channel=System", "event.code=104", "host.name=PC1", "event.provider=P",
      "winlog.user_data.Channel=Security", "winlog.user_data.A.B=1", "event.module=windows",
      "!Channel"}},
    {"{\"Channel\":\"general\",\"a\":1}",
     INPUT_HTTP,
     NULL,
     {"event.module=json", "!winlog.channel"}},
    {"{\"ts\":1795593540250}", INPUT_HTTP, NULL, {"@timestamp=2026-11-25T07:59:00.250Z"}},
    {"{\"time\":\"soon\",\"a\":1}", INPUT_HTTP, NULL, {"clock_suspect=true", "time=soon"}},
    {"{\"timestamp\":\"2036-11-25T07:59:00Z\"}",
     INPUT_HTTP,
     NULL,
     {"clock_suspect=true", "coloa.claimed_time=2036-11-25T07:59:00Z",
      "@timestamp=2026-11-25T08:00:00.000Z"}},
    {"{\"timestamp\":\"1999-11-25T07:59:00Z\"}",
     INPUT_HTTP,
     NULL,
     {"clock_suspect=true", "coloa.claimed_time=1999-11-25T07:59:00Z"}},
    {"{\"a\":1,\"a\":2,\"a\":[3,4],\"user.name\":\"x\",\"user\":{\"name\":\"y\"}}",
     INPUT_HTTP,
     NULL,
     {"a=1|2|3|4", "user.name=x|y"}},
    {"{\"q\":[{\"a\":1,\"b\":\"x\"},{\"a\":2},{\"b\":\"y\",\"c\":[5,6]},7,[8]]}",
     INPUT_HTTP,
     NULL,
     {"q.a=1|2", "q.b=x|y", "q.c=5|6", "q=7|8"}},
    {"{\"message\":\"one\",\"message\":\"two\"}",
     INPUT_HTTP,
     NULL,
     {"message=one", "sent.message=two"}},
    {"{\"big\":123456789012345678901234567890,\"u\":18446744073709551615,\"neg\":-"
     "9223372036854775808}",
     INPUT_HTTP,
     NULL,
     {"big=123456789012345678901234567890", "u=18446744073709551615", "neg=-9223372036854775808"}},
    {"{\"cmd\":\"\\ud800 rm\",\"user\":\"root\"}",
     INPUT_HTTP,
     NULL,
     {"user.name=root", "event.kind=event"}},
    {"{\"a\":", INPUT_HTTP, NULL, {"event.kind=pipeline_error", "message={\"a\":"}},
    {"[1,2]",
     INPUT_HTTP,
     "json",
     {"event.kind=pipeline_error", "coloa.reason=json: not an object"}},
    {"{\"program\":\"sshd\",\"message\":\"Invalid user a from 1.2.3.4 port 9\"}",
     INPUT_HTTP,
     NULL,
     {"event.module=sshd", "source.ip=1.2.3.4", "user.name=a", "program=sshd"}},
    {"{\"log\":\"1.2.3.4 - - [25/Nov/2026:07:59:00 +0000] \\\"GET /a HTTP/1.1\\\" 200 "
     "1\",\"stream\":\"stdout\"}",
     INPUT_FILE,
     NULL,
     {"url.path=/a", "stream=stdout", "event.dataset=web.access"}},
    {"<14>Nov 25 07:59:00 gw app: {\"user\":\"a\",\"x\":{\"y\":1}}",
     INPUT_SYSLOG_UDP,
     NULL,
     {"user.name=a", "x.y=1", "host.name=gw", "log.syslog.appname=app",
      "message={\"user\":\"a\",\"x\":{\"y\":1}}"}},
    {"<14>Nov 25 07:59:00 gw app: {\"user\":",
     INPUT_SYSLOG_UDP,
     NULL,
     {"event.kind=event", "message={\"user\":", "host.name=gw", "event.module=syslog"}},
    /* journald */
    {"{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"1795593540000000\",\"_HOSTNAME\":\"box\","
     "\"PRIORITY\":\"4\","
     "\"SYSLOG_IDENTIFIER\":\"sshd\",\"_PID\":\"77\",\"_COMM\":\"sshd\",\"_UID\":\"0\",\"_SYSTEMD_"
     "UNIT\":\"ssh.service\","
     "\"MESSAGE\":\"Failed password for root from 1.2.3.4 port 22 ssh2\"}",
     INPUT_JOURNALD,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.000Z", "host.name=box", "log.level=warning",
      "log.syslog.appname=sshd", "process.pid=77", "process.name=sshd", "user.name=root",
      "source.ip=1.2.3.4", "event.module=sshd", "service.name=ssh.service", "user.id=0",
      "_COMM=sshd", "message=Failed password for root from 1.2.3.4 port 22 ssh2"}},
    {"{\"__REALTIME_TIMESTAMP\":\"1795593540000000\",\"MESSAGE\":[104,255,105],\"_COMM\":\"x\"}",
     INPUT_JOURNALD,
     NULL,
     {"message=h\xffi", "log.syslog.appname=x", "event.module=journald", "host.name=localhost"}},
    /* key=value */
    {"<189>date=2026-11-25 time=14:59:00 devname=\"FG100\" devid=\"F1\" logid=\"0000000013\" "
     "type=\"traffic\" "
     "subtype=\"forward\" level=\"notice\" tz=\"+0700\" srcip=10.0.0.5 srcport=5000 dstip=8.8.8.8 "
     "dstport=53 proto=17 "
     "action=\"deny\" policyid=5 service=\"DNS\" sentbyte=10 rcvdbyte=20 msg=\"a \\\"b\\\" c\"",
     INPUT_SYSLOG_UDP,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.000Z",
      "host.name=FG100",
      "event.module=fortigate",
      "event.dataset=fortigate.traffic",
      "event.code=0000000013",
      "source.ip=10.0.0.5",
      "source.port=5000",
      "destination.ip=8.8.8.8",
      "destination.port=53",
      "network.transport=udp",
      "event.action=deny",
      "event.type=denied",
      "rule.id=5",
      "source.bytes=10",
      "destination.bytes=20",
      "service=DNS",
      "message=a \"b\" c",
      "devid=F1",
      "log.level=notice",
      "event.category=network"}},
    {"Nov 25 07:59:00 gw kernel: [50028442.088484] [UFW BLOCK] IN=eth0 OUT= MAC=00:08 "
     "SRC=195.54.160.107 DST=51.15.166.67 "
     "LEN=40 PROTO=TCP SPT=8080 DPT=8123 SYN URGP=0",
     INPUT_FILE,
     NULL,
     {"source.ip=195.54.160.107", "destination.ip=51.15.166.67", "source.port=8080",
      "destination.port=8123", "network.transport=tcp", "IN=eth0",
      "OUT=", "log.syslog.appname=kernel"}},
    {"level=info ts=2026-11-25T07:59:00Z msg=\"a b\" k=1 k=2",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.000Z", "log.level=info", "message=a b", "k=1|2"}},
    {"<189>date=2026-11-25 time=07:59:00 srcip=10.0.0.5 dstip=8.8.8.8",
     INPUT_SYSLOG_UDP,
     "kv",
     {"source.ip=10.0.0.5", "log.syslog.facility.name=local7", "event.module=kv"}},
    {"srcip=10.0.0.5", INPUT_FILE, "kv", {"source.ip=10.0.0.5"}},
    /* auditd */
    {"type=EXECVE msg=audit(1795593540.250:881): argc=3 a0=\"bash\" a1=\"-c\" "
     "a2=6361742F6574632F736861646F77",
     INPUT_FILE,
     NULL,
     {"@timestamp=2026-11-25T07:59:00.250Z", "event.module=auditd", "type=EXECVE", "a0=bash",
      "a2=cat/etc/shadow", "process.command_line=bash -c cat/etc/shadow", "auditd.serial=881",
      "argc=3", "event.category=process", "event.action=EXECVE"}},
    {"node=h1 type=SYSCALL msg=audit(1795593540.250:882): arch=c000003e syscall=59 success=no "
     "exit=-13 a0=55d0 ppid=7 "
     "pid=8 auid=1000 uid=0 comm=\"cat\" exe=\"/usr/bin/cat\" key=(null)",
     INPUT_FILE,
     NULL,
     {"host.name=h1", "a0=55d0", "SYSCALL=execve", "syscall=59", "process.pid=8",
      "process.parent.pid=7", "user.id=0", "process.executable=/usr/bin/cat", "process.name=cat",
      "event.outcome=failure", "auid=1000"}},
    {"<13>Nov 25 07:59:00 gw audispd: type=USER_AUTH msg=audit(1795593540.250:883): pid=1 uid=0 "
     "msg='op=PAM:authentication "
     "acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=? addr=1.2.3.4 terminal=ssh res=failed'",
     INPUT_SYSLOG_UDP,
     NULL,
     {"event.module=auditd", "user.name=root", "source.ip=1.2.3.4", "event.outcome=failure",
      "op=PAM:authentication", "event.category=authentication", "host.name=gw"}},
    {"type=PROCTITLE msg=audit(1795593540.250:884): proctitle=6C73002D6C61",
     INPUT_FILE,
     NULL,
     {"process.command_line=ls -la", "proctitle=ls -la"}},
    {"type=X msg=audit(now:1): a=1",
     INPUT_FILE,
     "auditd",
     {"event.kind=pipeline_error", "coloa.reason=auditd: msg=audit(SECONDS:SERIAL) is malformed"}},
    {"no pairs", INPUT_FILE, "kv", {"event.kind=pipeline_error", "coloa.reason=kv: no name=value"}},
};

static void reads_objects_and_pairs(void **state)
{
    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

/* A list longer than its ceiling, more members than an event may hold: marked, never lost silently.
 */
static void marks_overflow(void **state)
{
    static char big[400000];
    size_t n = 0;
    struct event *ev;

    (void)state;
    n += (size_t)snprintf(big, sizeof(big), "{\"l\":[0");
    for (unsigned i = 1; i < 2000; i++)
        n += (size_t)snprintf(big + n, sizeof(big) - n, ",%u", i);
    n += (size_t)snprintf(big + n, sizeof(big) - n, "]}");
    ev = try_one((struct slice){big, n}, INPUT_HTTP, NULL);
    assert_true(ev->overflow);
    assert_int_equal(event_get_name(ev, SLICE("l"))->list_n, EVENT_LIST_MAX);

    n = (size_t)snprintf(big, sizeof(big), "{\"x\":0");
    for (unsigned i = 0; i < 3000; i++)
        n += (size_t)snprintf(big + n, sizeof(big) - n, ",\"k%u\":%u", i, i);
    n += (size_t)snprintf(big + n, sizeof(big) - n, "}");
    ev = try_one((struct slice){big, n}, INPUT_HTTP, NULL);
    assert_true(ev->overflow);
    assert_true(ev->n <= EVENT_FIELDS_MAX);
    assert_string_equal(try_field(ev, "k100"), "100");

    n = (size_t)snprintf(big, sizeof(big), "{\"q\":[{\"a\":0}");
    for (unsigned i = 1; i < 3000; i++)
        n += (size_t)snprintf(big + n, sizeof(big) - n, ",{\"a\":%u}", i);
    n += (size_t)snprintf(big + n, sizeof(big) - n, "]}");
    ev = try_one((struct slice){big, n}, INPUT_HTTP, NULL);
    assert_true(ev->overflow);
    assert_int_equal(event_get_name(ev, SLICE("q.a"))->list_n, EVENT_LIST_MAX);
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
        cmocka_unit_test(reads_objects_and_pairs),
        cmocka_unit_test(marks_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
