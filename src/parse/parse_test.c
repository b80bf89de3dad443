#include "core/test.h"

#include "parse/try_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/metrics.h"

static void registry_is_sound(void **state)
{
    size_t n;
    const struct parser *const *all = parser_all(&n);

    (void)state;
    assert_true(n > 10 && n < 255);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(all[i]->looks);
        assert_non_null(all[i]->parse);
        assert_true(strlen(all[i]->summary) > 10);
        assert_ptr_equal(parser_find(slice_of(all[i]->name)), all[i]);
        assert_int_equal(parser_number(all[i]), i + 1);
        if (i)
            assert_true(strcmp(all[i - 1]->name, all[i]->name) < 0);
    }
    assert_null(parser_find(SLICE("nothing")));
    assert_null(parser_find(SLICE("")));
}

/* What must hold for every event, whatever came in. */
static void check_event(struct event *ev, struct slice payload)
{
    assert_non_null(event_get(ev, F_EVENT_KIND));
    assert_non_null(event_get(ev, F_EVENT_MODULE));
    assert_non_null(event_get(ev, F_HOST_NAME));
    assert_non_null(event_get(ev, F_COLOA_SOURCE));
    assert_int_equal(ev->ingested_ns, TRY_RECEIVED_NS);
    assert_true(ev->clock_suspect == (ev->timestamp_ns == TRY_RECEIVED_NS) || !ev->clock_suspect);
    assert_int_equal(ev->id.b[15] & 0xf, 1);
    if (payload.n && payload.p[0] > ' ')
        assert_true(ev->message.n > 0 || payload.n < 128);
    if (slice_eq(event_get(ev, F_EVENT_KIND)->text, SLICE("pipeline_error"))) {
        assert_non_null(event_get(ev, F_COLOA_REASON));
        assert_true(event_get(ev, F_COLOA_REASON)->text.n > 0);
    }
    for (uint32_t i = 0; i < ev->n; i++) {
        assert_non_null(ev->fields[i].name.p);
        assert_non_null(ev->fields[i].v.text.p);
        assert_true(ev->fields[i].f == F_NONE || field_info(ev->fields[i].f)->store != FS_BASE);
        for (uint32_t k = 0; ev->fields[i].v.type == VT_LIST && k < ev->fields[i].v.list_n; k++) {
            assert_non_null(ev->fields[i].v.list[k].text.p);
            assert_true(ev->fields[i].v.list[k].type != VT_LIST);
        }
    }
}

static const char *const lines[] = {
    "<34>1 2026-11-25T07:59:58.003Z web01 su 1 ID47 [a@1 k=\"v\"] message",
    "<38>Nov 25 08:00:01 gw sshd[2211]: Failed password for root from 1.2.3.4 port 22 ssh2",
    "<166>Nov 25 2026 07:58:00 fw1 : %ASA-6-302013: Built",
    "Nov 25 07:59:30 gw sudo: a : TTY=x ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
    "Nov 25 07:59:30 gw su[1]: (to root) a on pts/1",
    "Nov 25 07:59:30 gw CRON[1]: (root) CMD (x)",
    "Nov 25 07:59:30 gw x: pam_unix(x:auth): authentication failure; rhost=1.2.3.4  user=a",
    "1.2.3.4 - u [25/Nov/2026:14:59:30 +0700] \"GET /a?b HTTP/1.1\" 200 5 \"r\" \"ua\"",
    "2026/11/25 07:59:00 [error] 1#1: x, client: 1.2.3.4, request: \"GET / HTTP/1.1\"",
    "[Wed Nov 25 07:59:00 2026] [error] [client 1.2.3.4] x",
    "date=2026-11-25 time=14:59:00 a=\"b\" srcip=1.2.3.4",
    "{\"a\":[{\"b\":1},2],\"message\":\"m\",\"user\":\"x\"}",
    "{\"timestamp\":\"2026-11-25T07:59:00Z\",\"event_type\":\"dns\",\"dns\":{\"version\":3,"
    "\"type\":\"response\","
    "\"queries\":[{\"rrname\":\"a\"}],\"answers\":[{\"rrtype\":\"A\",\"rdata\":\"1.1.1.1\"}]}}",
    "{\"__REALTIME_TIMESTAMP\":\"1795593540000000\",\"MESSAGE\":\"x\",\"_HOSTNAME\":\"h\"}",
    "type=EXECVE msg=audit(1795593540.250:881): a0=\"sh\" a1=2D63 msg='acct=\"r\" res=1'",
};

/* Every row, told to read every kind of line, cut at every length and with a hostile byte at every
 * place. */
static void every_row_bears_anything(void **state)
{
    static const char bytes[] = {0,   '\n', '"', '\\',       '[',       '{',
                                 '=', ' ',  '%', (char)0x80, (char)0xff};
    size_t n;
    const struct parser *const *all = parser_all(&n);
    char line[512];

    (void)state;
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            size_t len = strlen(lines[i]);
            for (size_t cut = 0; cut <= len; cut++) {
                /* Exact size, so that a sanitiser sees a read past the end. */
                char *own = malloc(cut ? cut : 1);
                assert_non_null(own);
                memcpy(own, lines[i], cut);
                struct slice s = {own, cut};
                check_event(try_one(s, INPUT_FILE, all[p]->name), s);
                free(own);
            }
            for (size_t at = 0; at < len; at += 1 + p % 3) {
                memcpy(line, lines[i], len);
                line[at] = bytes[(at + i) % sizeof(bytes)];
                struct slice s = {line, len};
                check_event(try_one(s, INPUT_SYSLOG_UDP, all[p]->name), s);
                check_event(try_one(s, INPUT_HTTP, NULL), s);
            }
        }
}

struct hiding {
    const char *before, *after;
    const char *field;
};

/* Bytes that break decoders stay in the value, exactly. */
static void nothing_hides_by_encoding(void **state)
{
    static const struct hiding places[] = {
        {"<13>1 - h a p m [x@1 k=\"", "\"] t", "log.syslog.structured_data.x@1.k"},
        {"<13>Nov 25 07:59:00 h app: ", "", "message"},
        {"Nov 25 07:59:00 h sshd[1]: Failed password for ", " from 1.2.3.4 port 5 ssh2",
         "user.name"},
        {"Nov 25 07:59:00 h sudo: a : TTY=x ; PWD=/ ; USER=root ; COMMAND=", "",
         "process.command_line"},
        {"Nov 25 07:59:00 h CRON[1]: (root) CMD (", ")", "process.command_line"},
        {"1.2.3.4 - - [25/Nov/2026:07:59:30 +0000] \"GET /", " HTTP/1.1\" 200 5", "url.path"},
        {"1.2.3.4 - - [25/Nov/2026:07:59:30 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"", "\"",
         "user_agent.original"},
        {"srcip=1.2.3.4 dstip=1.2.3.4 a=1 cmd=\"", "\"", "cmd"},
        {"{\"a\":1,\"cmd\":\"", "\"}", "cmd"},
        {"{\"timestamp\":\"2026-11-25T07:59:00Z\",\"event_type\":\"http\",\"http\":{\"url\":\"",
         "\"}}", "url.original"},
        {"{\"__REALTIME_TIMESTAMP\":\"1795593540000000\",\"MESSAGE\":\"", "\"}", "message"},
    };
    static const struct slice values[] = {
        {"mimi\xffkatz", 9},
        {"\xc0\xafpasswd", 8},
        {"\xed\xa0\x80rm", 5},
        {"\xf4\x90\x80\x80x", 5},
        {"a\xe2\x80", 3},
        {"tr\xc3\xac\xcc\x81nh", 8},
        {"\xef\xbc\xa1\xef\xbc\xa2", 6},
        {"%2e%2e%2f", 9},
        {"\x7f\x01z", 3},
    };
    char line[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            bool json = places[i].before[0] == '{';
            if (json && values[k].p[0] == 0x7f) /* an escape is the writer's duty there */
                continue;
            size_t n = strlen(places[i].before), m = strlen(places[i].after);
            memcpy(line, places[i].before, n);
            memcpy(line + n, values[k].p, values[k].n);
            memcpy(line + n + values[k].n, places[i].after, m);
            struct event *ev = try_one((struct slice){line, n + values[k].n + m}, INPUT_FILE, NULL);
            const struct value *v = event_get_name(ev, slice_of(places[i].field));
            struct slice got = strcmp(places[i].field, "message") == 0 ? ev->message
                               : v                                     ? v->text
                                                                       : SLICE("(absent)");
            if (!got.n || !memmem(got.p, got.n, values[k].p, values[k].n))
                fail_msg("place %zu, value %zu: %s is '%.*s'", i, k, places[i].field,
                         SLICE_ARG(got));
        }
}

static void keeps_nuls(void **state)
{
    static const char line[] =
        "Nov 25 07:59:00 h sshd[1]: Failed password for ro\0ot from 1.2.3.4 port 5 ssh2";
    static const char json[] = "{\"user\":\"ro\\u0000ot\",\"x\\u0000y\":1}";
    struct event *ev = try_one((struct slice){line, sizeof(line) - 1}, INPUT_FILE, NULL);

    (void)state;
    assert_true(slice_eq(event_get(ev, F_USER_NAME)->text, ((struct slice){"ro\0ot", 5})));
    ev = try_one((struct slice){json, sizeof(json) - 1}, INPUT_HTTP, NULL);
    assert_true(slice_eq(event_get(ev, F_USER_NAME)->text, ((struct slice){"ro\0ot", 5})));
    assert_non_null(event_get_name(ev, (struct slice){"x\0y", 3}));
}

/* The fast JSON reader refuses these; the event is there, marked, with every other value. */
static void tolerates_hostile_json(void **state)
{
    static const struct {
        const char *line, *name, *want;
    } rows[] = {
        {"{\"n\":1e99999,\"user\":\"root\"}", "n", "1e99999"},
        {"{\"user\":\"root\",\"n\":-123456789012345678901234567890.5e9999}", "n",
         "-123456789012345678901234567890.5e9999"},
        {"{\"x\":\"\\udfff\",\"user\":\"root\"}", "user.name", "root"},
        {"{\"x\":\"\xff\xfe\",\"user\":\"root\"}", "x", "\xff\xfe"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct event *ev = try_one(slice_of(rows[i].line), INPUT_HTTP, NULL);
        assert_true(ev->tolerant);
        assert_string_equal(try_field(ev, "event.kind"), "event");
        assert_string_equal(try_field(ev, "user.name"), "root");
        assert_string_equal(try_field(ev, rows[i].name), rows[i].want);
    }
}

static void counts_what_it_cannot_read(void **state)
{
    uint64_t before = metric_get(M_PARSE_ERRORS);

    (void)state;
    (void)try_one(SLICE("no format at all"), INPUT_FILE, NULL);
    (void)try_one(SLICE("{\"a\""), INPUT_HTTP, NULL);
    (void)try_one(SLICE("{\"a\":1}"), INPUT_HTTP, NULL);
    assert_int_equal(metric_get(M_PARSE_ERRORS) - before, 2);
}

static void keep(void *arg, struct event *ev)
{
    *(struct event *)arg = *ev;
}

static void names_the_sender(void **state)
{
    struct arena a;
    struct event ev;
    char text[64];

    (void)state;
    arena_init(&a, 1 << 20);
    struct parse_ctx ctx = {.arena = &a, .local_host = SLICE("here")};
    struct record r = {.received_ns = TRY_RECEIVED_NS,
                       .input = INPUT_SYSLOG_UDP,
                       .payload = SLICE("<13>words"),
                       .org = 7,
                       .source = 3};
    memcpy(r.peer, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\x02\x03", 16);
    assert_int_equal(parse_record(&ctx, &r, keep, &ev), 1);
    assert_int_equal(ev.org, 7);
    assert_int_equal(ev.source, 3);
    assert_string_equal(try_field(&ev, "coloa.source"), "10.1.2.3");
    assert_string_equal(try_field(&ev, "host.name"), "10.1.2.3");
    assert_string_equal(try_field(&ev, "log.source.address"), "10.1.2.3");
    r = (struct record){.received_ns = TRY_RECEIVED_NS,
                        .input = INPUT_FILE,
                        .name = SLICE("/var/log/x.log"),
                        .payload = SLICE("2026-11-25 07:59:00 x")};
    assert_int_equal(parse_record(&ctx, &r, keep, &ev), 1);
    assert_string_equal(try_field(&ev, "coloa.source"), "/var/log/x.log");
    assert_string_equal(try_field(&ev, "log.file.path"), "/var/log/x.log");
    assert_string_equal(try_field(&ev, "host.name"), "here");
    (void)snprintf(text, sizeof(text), "%02x", ev.id.b[15]);
    assert_string_equal(text, "01");
    arena_done(&a);
}

/* Memory that runs out mid-event: the event still comes, marked. */
static void survives_a_full_arena(void **state)
{
    struct json_reader *json = json_reader_new(1 << 20, 10000);
    unsigned marked = 0;

    (void)state;
    assert_non_null(json);
    for (size_t max = 0; max < 200000; max = max * 2 + 1)
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            struct arena a;
            struct event ev;
            arena_init(&a, max);
            struct parse_ctx ctx = {.arena = &a, .json = json};
            struct record r = {.received_ns = TRY_RECEIVED_NS, .payload = slice_of(lines[i])};
            assert_int_equal(parse_record(&ctx, &r, keep, &ev), 1);
            assert_true(ev.message.n > 0);
            marked += ev.overflow;
            arena_done(&a);
        }
    json_reader_free(json);
    assert_true(marked > 0);
}

/* Lines made to cost much: bounded work, still an event. */
static void bounded_work(void **state)
{
    enum { N = 256 << 10 };
    char *big = malloc(N);
    static const char *const heads[] = {
        "Nov 25 07:59:00 h sshd[1]: Failed password for invalid user ", "1.2.3.4 - ",
        "<13>1 2026-11-25T07:59:58Z h a p m [", "{\"a\":[", "a=1 b=2 c=3 "};
    static const char *const bodies[] = {" from 1.2.3.4 port ", "[25/Nov/2026:", "x y=\"\\", "[",
                                         "a=b "};

    (void)state;
    assert_non_null(big);
    for (size_t h = 0; h < ARRAY_LEN(heads); h++)
        for (size_t b = 0; b < ARRAY_LEN(bodies); b++) {
            size_t n = strlen(heads[h]), m = strlen(bodies[b]);
            memcpy(big, heads[h], n);
            for (; n + m < N; n += m)
                memcpy(big + n, bodies[b], m);
            struct slice s = {big, n};
            check_event(try_one(s, INPUT_SYSLOG_TCP, NULL), s);
        }
    free(big);
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
        cmocka_unit_test(registry_is_sound),
        cmocka_unit_test(every_row_bears_anything),
        cmocka_unit_test(nothing_hides_by_encoding),
        cmocka_unit_test(keeps_nuls),
        cmocka_unit_test(tolerates_hostile_json),
        cmocka_unit_test(counts_what_it_cannot_read),
        cmocka_unit_test(names_the_sender),
        cmocka_unit_test(survives_a_full_arena),
        cmocka_unit_test(bounded_work),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
