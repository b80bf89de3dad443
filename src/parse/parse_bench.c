/* Lines a second of processor time, every format, on one core: `ninja src/parse/parse_bench
 * && build/src/parse/parse_bench`. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "parse/parse.h"

enum { ROUNDS = 200000, BATCH = 1000 };

static const struct {
    const char *name;
    enum input_kind input;
    const char *line;
} rows[] = {
    {"syslog 5424", INPUT_SYSLOG_TCP,
     "<165>1 2026-11-25T07:59:58.003Z web01.example app 8710 ID47 [meta@1 sequenceId=\"29\" "
     "ip=\"10.0.0.1\"] "
     "the quick brown fox jumps over the lazy dog"},
    {"syslog 3164", INPUT_SYSLOG_UDP,
     "<13>Nov 25 07:59:58 web01 app[8710]: the quick brown fox jumps over the lazy dog"},
    {"sshd", INPUT_SYSLOG_UDP,
     "<38>Nov 25 07:59:58 gw sshd[2211]: Failed password for invalid user admin from 192.0.2.7 "
     "port 50022 ssh2"},
    {"sudo", INPUT_SYSLOG_UDP,
     "<85>Nov 25 07:59:58 gw sudo:   minh : TTY=pts/0 ; PWD=/home/minh ; USER=root ; "
     "COMMAND=/usr/bin/cat /etc/shadow"},
    {"access", INPUT_FILE,
     "192.0.2.7 - - [25/Nov/2026:14:59:30 +0700] \"GET /images/a.png?v=3 HTTP/1.1\" 200 23956 "
     "\"https://www.example.vn/index.html\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
     "Chrome/120 Safari/537.36\""},
    {"kv", INPUT_SYSLOG_UDP,
     "<189>date=2026-11-25 time=14:59:00 devname=\"FG100\" devid=\"F1\" logid=\"0000000013\" "
     "type=\"traffic\" "
     "subtype=\"forward\" level=\"notice\" tz=\"+0700\" srcip=10.0.0.5 srcport=5000 dstip=8.8.8.8 "
     "dstport=53 proto=17 "
     "action=\"accept\" policyid=5 service=\"DNS\" sentbyte=10 rcvdbyte=20 sentpkt=1 rcvdpkt=1"},
    {"json", INPUT_HTTP,
     "{\"timestamp\":\"2026-11-25T07:59:00Z\",\"level\":\"info\",\"msg\":\"request "
     "served\",\"host\":\"a\",\"src_ip\":\"192.0.2.7\","
     "\"user\":\"minh\",\"status\":200,\"took_ms\":1.5,\"http\":{\"method\":\"GET\",\"path\":\"/"
     "a\"},\"labels\":[\"x\",\"y\"]}"},
    {"journald", INPUT_JOURNALD,
     "{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"1795593540000000\",\"_HOSTNAME\":\"box\","
     "\"PRIORITY\":\"6\","
     "\"SYSLOG_IDENTIFIER\":\"sshd\",\"_PID\":\"77\",\"_COMM\":\"sshd\",\"_UID\":\"0\",\"_SYSTEMD_"
     "UNIT\":\"ssh.service\","
     "\"MESSAGE\":\"Failed password for root from 192.0.2.7 port 22 ssh2\"}"},
    {"eve", INPUT_FILE,
     "{\"timestamp\":\"2026-11-25T14:59:00.123456+0700\",\"flow_id\":1959620435402694,\"in_iface\":"
     "\"eth0\",\"event_type\":\"alert\","
     "\"src_ip\":\"192.0.2.7\",\"src_port\":63259,\"dest_ip\":\"157.56.114.104\",\"dest_port\":80,"
     "\"proto\":\"TCP\",\"alert\":"
     "{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2001595,\"rev\":10,\"signature\":\"ET "
     "CHAT x\",\"category\":\"Policy\","
     "\"severity\":1},\"http\":{\"hostname\":\"a.example\",\"url\":\"/ui/"
     "0?ver=7\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\","
     "\"status\":200,\"length\":9},\"app_proto\":\"http\",\"flow\":{\"pkts_toserver\":4,\"pkts_"
     "toclient\":4,\"bytes_toserver\":416,"
     "\"bytes_toclient\":524,\"start\":\"2026-11-25T14:58:46.787596+0700\"}}"},
    {"no format", INPUT_FILE, "the quick brown fox jumps over the lazy dog, and nobody knows why"},
};

static void count(void *arg, struct event *ev)
{
    *(uint64_t *)arg += ev->n;
}

/* Processor time, so that a busy machine does not count. */
static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
    struct arena arena;
    struct json_reader *json = json_reader_new(1 << 20, 100000);

    if (!json)
        return EXIT_FAILURE;
    arena_init(&arena, 64 << 20);
    (void)printf("%-12s %8s %10s %8s %8s\n", "format", "bytes", "lines/s", "MB/s", "fields");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct record r = {.received_ns = INT64_C(1795593600000000000),
                           .input = rows[i].input,
                           .payload = slice_of(rows[i].line)};
        struct parse_ctx ctx = {.arena = &arena, .json = json};
        uint64_t fields = 0;
        double start = now_s();
        for (unsigned k = 0; k < ROUNDS; k++) {
            if (k % BATCH == 0)
                arena_reset(&arena);
            (void)parse_record(&ctx, &r, count, &fields);
        }
        double s = now_s() - start;
        (void)printf("%-12s %8zu %10.0f %8.1f %8.1f\n", rows[i].name, r.payload.n, ROUNDS / s,
                     (double)r.payload.n * ROUNDS / s / 1e6, (double)fields / ROUNDS);
    }
    arena_done(&arena);
    json_reader_free(json);
    return EXIT_SUCCESS;
}
