#include "core/test.h"

#include "core/ip.h"
#include "enrich/enrich.h"

static const char snapshot[] =
    "{\"orgs\":[{\"id\":2,\"name\":\"A\",\"slug\":\"a\",\"parent\":0},{\"id\":3,\"name\":\"B\","
    "\"slug\":\"b\",\"parent\":2}],"
    "\"systems\":[{\"id\":10,\"org\":2,\"name\":\"portal\",\"level\":3},{\"id\":11,\"org\":3,"
    "\"name\":\"mail\",\"level\":4},"
    "{\"id\":12,\"org\":2,\"name\":\"net\",\"level\":2}],"
    "\"sources\":["
    "{\"id\":1,\"org\":2,\"system\":10,\"name\":\"firewall\",\"input\":\"syslog-udp\",\"match\":"
    "\"127.0.10.0/24, 10.9.0.1\",\"tz\":\"+07:00\",\"format\":\"kv\"},"
    "{\"id\":2,\"org\":3,\"system\":11,\"name\":\"wide\",\"input\":\"syslog\",\"match\":\"127.0.0."
    "0/8\",\"tz\":\"-0330\",\"format\":\"\"},"
    "{\"id\":3,\"org\":2,\"system\":0,\"name\":\"suricata\",\"input\":\"file\",\"match\":\"/var/"
    "log/suricata/eve*.json,/x/[ab].log\",\"tz\":\"\",\"format\":\"eve\"},"
    "{\"id\":4,\"org\":2,\"system\":10,\"name\":\"agent\",\"input\":\"http\",\"match\":\"tok-1\","
    "\"tz\":\"nowhere\",\"format\":\"json\"},"
    "{\"id\":5,\"org\":3,\"system\":11,\"name\":\"bare\",\"input\":\"http\",\"match\":\"\"},"
    "{\"id\":6,\"org\":2,\"system\":12,\"name\":\"local\",\"input\":\"journald\",\"match\":\"\","
    "\"tz\":\"Z\"},"
    "{\"id\":7,\"org\":3,\"system\":10,\"name\":\"crossed\",\"input\":\"http\",\"match\":"
    "\"crossed\"},"
    "{\"id\":8,\"org\":2,\"system\":12,\"name\":\"198.51.100.9\",\"input\":\"syslog-tcp\","
    "\"match\":"
    "\"\"}],"
    "\"assets\":["
    "{\"org\":2,\"system\":10,\"name\":\"web01\",\"addresses\":[\"10.0.0.0/24\",\"2001:db8::1\"]},"
    "{\"org\":2,\"system\":12,\"name\":\"Router\",\"addresses\":[\"10.0.0.0/16\"]},"
    "{\"org\":3,\"system\":11,\"name\":\"mx\",\"addresses\":[\"10.0.0.0/24\"]},"
    "{\"org\":3,\"system\":11,\"name\":\"web01\",\"addresses\":[]}]}";

static struct inventory *inv;
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return inventory_read(slice_of(snapshot), &inv, NULL) == ERR_NONE ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    inventory_free(inv);
    arena_done(&arena);
    return 0;
}

struct row {
    enum input_kind input;
    const char *peer, *name;
    uint32_t source, org; /* the record's own */
    const char *host, *source_ip, *destination_ip;
    uint32_t want_source, want_org, want_system;
    int level; /* 0 = absent */
    const char *want_asset;
};

static const struct row rows[] = {
    /* found by itself, then assigned: its name is the address */
    {INPUT_SYSLOG_TCP, "198.51.100.9", "", 0, 0, NULL, NULL, NULL, 8, 2, 12, 2, NULL},
    /* by peer; the first row that fits counts */
    {INPUT_SYSLOG_UDP, "127.0.10.9", "", 0, 0, "x", NULL, NULL, 1, 2, 10, 3, NULL},
    {INPUT_SYSLOG_UDP, "10.9.0.1", "", 0, 0, "x", NULL, NULL, 1, 2, 10, 3, NULL},
    {INPUT_SYSLOG_UDP, "127.0.11.9", "", 0, 0, "x", NULL, NULL, 2, 3, 11, 4, NULL},
    {INPUT_SYSLOG_TCP, "127.0.10.9", "", 0, 0, "x", NULL, NULL, 2, 3, 11, 4, NULL},
    {INPUT_SYSLOG_UDP, "192.0.2.1", "", 0, 0, "x", NULL, NULL, 0, 1, 0, 0, NULL},
    /* by file, token, nothing */
    {INPUT_FILE, NULL, "/var/log/suricata/eve.3.json", 0, 0, "x", NULL, NULL, 3, 2, 0, 0, NULL},
    {INPUT_FILE, NULL, "/x/b.log", 0, 0, "x", NULL, NULL, 3, 2, 0, 0, NULL},
    {INPUT_FILE, NULL, "/x/c.log", 0, 0, "x", NULL, NULL, 0, 1, 0, 0, NULL},
    {INPUT_HTTP, NULL, "tok-1", 0, 2, "x", NULL, NULL, 4, 2, 10, 3, NULL},
    {INPUT_HTTP, NULL, "bare", 0, 0, "x", NULL, NULL, 5, 3, 11, 4, NULL},
    {INPUT_JOURNALD, NULL, "ssh.service", 0, 0, "x", NULL, NULL, 6, 2, 12, 2, NULL},
    /* by number; a token's organisation is never overruled, and never lends its system */
    {INPUT_HTTP, NULL, "?", 4, 2, "x", NULL, NULL, 4, 2, 10, 3, NULL},
    {INPUT_HTTP, NULL, "tok-1", 0, 3, "x", NULL, NULL, 0, 3, 0, 0, NULL},
    {INPUT_SYSLOG_UDP, "127.0.10.9", "", 5, 2, "x", NULL, NULL, 1, 2, 10, 3, NULL},
    {INPUT_HTTP, NULL, "crossed", 0, 3, "x", NULL, NULL, 7, 3, 0, 0, NULL},
    /* assets: by name without case, by first label, by address, most specific, per organisation */
    {INPUT_FILE, NULL, "/x/a.log", 0, 0, "WEB01", NULL, NULL, 3, 2, 10, 3, "web01"},
    {INPUT_FILE, NULL, "/x/a.log", 0, 0, "web01.example.vn", NULL, NULL, 3, 2, 10, 3, "web01"},
    {INPUT_FILE, NULL, "/x/a.log", 0, 0, "10.0.7.7", NULL, NULL, 3, 2, 12, 2, "Router"},
    {INPUT_FILE, NULL, "/x/a.log", 0, 0, "x", "10.0.1.1", "10.0.0.5", 3, 2, 10, 3, "web01"},
    {INPUT_FILE, NULL, "/x/a.log", 0, 0, "x", "2001:db8::1", "8.8.8.8", 3, 2, 10, 3, "web01"},
    {INPUT_FILE, NULL, "/x/a.log", 0, 0, "x", "10.1.0.1", NULL, 3, 2, 0, 0, NULL},
    {INPUT_SYSLOG_TCP, "127.0.0.9", "", 0, 0, "x", "10.0.0.5", NULL, 2, 3, 11, 4, "mx"},
    {INPUT_SYSLOG_TCP, "127.0.0.9", "", 0, 0, "web01", NULL, NULL, 2, 3, 11, 4, "web01"},
};

static void finds_who_and_what(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *t = &rows[i];
        struct record r = {
            .input = t->input, .source = t->source, .org = t->org, .name = slice_of(t->name)};
        struct event ev;
        if (t->peer)
            assert_true(ip_parse(slice_of(t->peer), r.peer));
        event_init(&ev, &arena);
        ev.record = &r;
        ev.org = r.org;
        ev.source = r.source;
        assert_int_equal(event_set(&ev, F_HOST_NAME, slice_of(t->host)), ERR_NONE);
        if (t->source_ip)
            assert_int_equal(event_set(&ev, F_SOURCE_IP, slice_of(t->source_ip)), ERR_NONE);
        if (t->destination_ip)
            assert_int_equal(event_set(&ev, F_DESTINATION_IP, slice_of(t->destination_ip)),
                             ERR_NONE);
        enrich_event(inv, NULL, &ev);
        const struct value *asset = event_get(&ev, F_COLOA_ASSET),
                           *level = event_get(&ev, F_COLOA_SYSTEM_LEVEL);
        if (ev.org != t->want_org || ev.system != t->want_system ||
            (t->want_source && ev.source != t->want_source) || (level ? level->i : 0) != t->level ||
            !asset != !t->want_asset || (asset && !slice_eq(asset->text, slice_of(t->want_asset))))
            fail_msg("row %zu: source %u org %u system %u level %d asset %s", i, ev.source, ev.org,
                     ev.system, level ? (int)level->i : 0, asset ? "another" : "none");
        assert_true(t->want_source || !event_get(&ev, F_COLOA_SOURCE));
    }
}

static void tells_zone_and_format(void **state)
{
    struct record r = {.input = INPUT_SYSLOG_UDP};

    (void)state;
    assert_true(ip_parse(SLICE("127.0.10.1"), r.peer));
    const struct inventory_source *s = inventory_source_for(inv, &r);
    assert_non_null(s);
    assert_true(s->has_zone);
    assert_int_equal(s->zone_s, 7 * 3600);
    assert_true(slice_eq(s->format, SLICE("kv")));
    assert_true(slice_eq(s->name, SLICE("firewall")));
    r.source = 2;
    s = inventory_source_for(inv, &r);
    assert_int_equal(s->zone_s, -(3 * 3600 + 30 * 60));
    assert_int_equal(s->format.n, 0);
    r = (struct record){.input = INPUT_HTTP, .name = SLICE("tok-1")};
    assert_false(inventory_source_for(inv, &r)->has_zone);
    r.input = INPUT_NONE;
    assert_null(inventory_source_for(inv, &r));
    assert_null(inventory_source_for(NULL, &r));
    assert_null(inventory_source_for(inv, NULL));
}

static void refuses_what_is_no_inventory(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{",
        "{\"sources\":[{\"id\":-1}]}",
        "{\"systems\":[{\"id\":99999999999}]}",
        "{\"assets\":[{\"org\":2,\"name\":\"a\",\"addresses\":[\"10.0.0.0/33\"]}]}",
        "{\"assets\":[{\"org\":2,\"name\":\"a\",\"addresses\":[7]}]}",
    };
    struct inventory *none = NULL;
    struct diag d = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        d.text[0] = 0;
        assert_int_equal(inventory_read(slice_of(bad[i]), &none, &d), ERR_SYNTAX);
        assert_null(none);
        assert_true(d.text[0] != 0);
    }
}

static void an_empty_one_is_one(void **state)
{
    static const char *const empty[] = {"", " \n", "{}", "{\"sources\":[],\"assets\":null}"};
    struct record r = {.input = INPUT_FILE, .name = SLICE("x")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        struct inventory *none = NULL;
        struct event ev;
        assert_int_equal(inventory_read(slice_of(empty[i]), &none, NULL), ERR_NONE);
        event_init(&ev, &arena);
        ev.record = &r;
        enrich_event(none, NULL, &ev);
        assert_int_equal(ev.org, ORG_UNASSIGNED);
        inventory_free(none);
        event_init(&ev, &arena);
        enrich_event(NULL, NULL, &ev);
        assert_int_equal(ev.org, ORG_UNASSIGNED);
    }
    inventory_free(NULL);
    geo_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_who_and_what),
        cmocka_unit_test(tells_zone_and_format),
        cmocka_unit_test(refuses_what_is_no_inventory),
        cmocka_unit_test(an_empty_one_is_one),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
