#include "core/test.h"
#include "store/search.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/json.h"
#include "store/fixture.h"
#include "store/retention.h"

static struct fixture store;
static const char *skip_why;

static int setup(void **state)
{
    (void)state;
    (void)fixture_init(&store, &skip_why);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!skip_why)
        fixture_done(&store);
    return 0;
}

static void need_engine(void)
{
    if (skip_why) {
        print_message("skipped: %s\n", skip_why);
        skip();
    }
}

static const struct store_scope everyone = {.all = true};

static struct store_query question(const char *query)
{
    return (struct store_query){.query = slice_of(query), .from_ns = INT64_MIN, .to_ns = INT64_MAX};
}

static struct event *shown(struct arena *a)
{
    struct event *ev = fixture_event(a, 7, "Đăng nhập");

    ev->org = 60;
    ev->system = 3;
    ev->source = 12;
    ev->clock_suspect = true;
    ev->record->payload = SLICE("raw Đăng nhập\xff");
    ev->message = slice_cut(ev->record->payload, 4, ev->record->payload.n);
    ev->id.b[9] = 60;
    assert_int_equal(event_set(ev, F_SOURCE_IP, SLICE("::ffff:10.1.2.3")), ERR_NONE);
    assert_int_equal(event_set(ev, F_SOURCE_PORT, SLICE("4711")), ERR_NONE);
    assert_int_equal(event_set(ev, F_USER_NAME, SLICE("")), ERR_NONE);
    assert_int_equal(event_set(ev, F_COLOA_SOURCE, SLICE("web-1")), ERR_NONE);
    assert_int_equal(event_push(ev, F_EVENT_CATEGORY, SLICE("authentication")), ERR_NONE);
    assert_int_equal(event_push(ev, F_DNS_RESOLVED_IP, SLICE("1.1.1.1")), ERR_NONE);
    assert_int_equal(event_push(ev, F_DESTINATION_PORT, SLICE("1")), ERR_NONE);
    assert_int_equal(event_push(ev, F_DESTINATION_PORT, SLICE("x")), ERR_NONE);
    assert_int_equal(event_add(ev, SLICE("a"), value_str(SLICE("flat"))), ERR_NONE);
    assert_int_equal(event_add(ev, SLICE("a.b"), value_int(a, 5)), ERR_NONE);
    assert_int_equal(event_add(ev, SLICE("a.b"), value_str(SLICE("again"))), ERR_NONE);
    struct value v = {.type = VT_DOUBLE, .text = SLICE("1e400")};
    assert_int_equal(event_add(ev, SLICE("z.big"), v), ERR_NONE);
    v = (struct value){.type = VT_BOOL, .i = 1, .text = SLICE("true")};
    assert_int_equal(event_add(ev, SLICE("z.yes"), v), ERR_NONE);
    v = (struct value){.type = VT_NULL, .text = SLICE("null")};
    assert_int_equal(event_add(ev, SLICE("z.nil"), v), ERR_NONE);
    v = (struct value){.type = VT_LIST, .text = SLICE("")};
    assert_int_equal(event_add(ev, SLICE("z.none"), v), ERR_NONE);
    v = (struct value){.type = VT_INT, .text = SLICE("0x10")};
    assert_int_equal(event_add(ev, SLICE("z.odd"), v), ERR_NONE);
    return ev;
}

static const char shown_json[] =
    "{\"@timestamp\":\"2025-11-24T15:59:55.007Z\",\"a\":\"flat\",\"a.b\":[5,\"again\"],"
    "\"coloa\":{\"clock_suspect\":true,\"org\":60,\"source\":\"web-1\",\"source_number\":12,"
    "\"system\":3},\"destination\":{\"port\":[\"1\",\"x\"]},\"dns\":{\"resolved_ip\":[\"1.1.1.1\"]}"
    ","
    "\"event\":{\"category\":[\"authentication\"],\"id\":\"%s\","
    "\"ingested\":\"2025-11-24T16:00:00.007Z\",\"original\":\"raw Đăng nhập\xef\xbf\xbd\"},"
    "\"message\":\"Đăng nhập\xef\xbf\xbd\",\"source\":{\"ip\":\"10.1.2.3\",\"port\":4711},"
    "\"user\":{\"name\":\"\"},\"z\":{\"big\":1e400,\"nil\":null,\"none\":[],\"odd\":\"0x10\","
    "\"yes\":true}}";

static void event_as_json(void **state)
{
    uint32_t mine = 60, other = 61;
    struct store_scope scope = {.orgs = &mine, .n = 1};
    char id[ID_TEXT_BYTES + 1], expected[2048];
    struct diag d = {.code = ERR_NONE};
    struct arena a;
    struct buf out;
    (void)state;

    need_engine();
    arena_init(&a, 1 << 20);
    buf_init(&out, 1 << 20);
    struct event *ev = shown(&a);
    fixture_insert(&store, &ev, 1, "default");
    id_text(ev->id, id);
    (void)snprintf(expected, sizeof(expected), shown_json, id);
    if (store_event(store.client, &scope, ev->id, &out, &d) != ERR_NONE)
        fail_msg("%s", d.text);
    assert_string_equal(buf_cstr(&out), expected);
    buf_reset(&out);
    scope.orgs = &other;
    assert_int_equal(store_event(store.client, &scope, ev->id, &out, &d), ERR_NOENT);
    scope.n = 0;
    assert_int_equal(store_event(store.client, &scope, ev->id, &out, &d), ERR_NOENT);
    assert_int_equal(out.n, 0);
    buf_done(&out);
    arena_done(&a);
}

enum { PAGED = 95, SAME_TIME = 40 };

static void insert_paged(struct arena *a)
{
    struct event *ev[PAGED];

    for (unsigned i = 0; i < PAGED; i++) {
        ev[i] = fixture_event(a, i, i % 2 ? "odd" : "even");
        ev[i]->org = i % 5 ? 70 : 71;
        ev[i]->id.b[9] = 70;
        if (i < SAME_TIME)
            ev[i]->timestamp_ns = ev[0]->timestamp_ns;
        assert_int_equal(event_set(ev[i], F_USER_NAME, i % 3 ? SLICE("u1") : SLICE("u2")),
                         ERR_NONE);
        assert_int_equal(event_set(ev[i], F_SOURCE_IP, i % 3 ? SLICE("10.0.0.1") : SLICE("::2")),
                         ERR_NONE);
        assert_int_equal(event_add(ev[i], SLICE("own"), value_str(SLICE("x"))), ERR_NONE);
    }
    fixture_insert(&store, ev, PAGED, "default");
}

/* Every event once, newest first, whatever the size of a page. */
static void pages(void)
{
    uint32_t orgs[] = {70, 71};
    struct store_scope scope = {.orgs = orgs, .n = 2};
    struct store_query q = question("");
    struct json_reader *json = json_reader_new(1 << 20, 100000);
    struct diag d = {.code = ERR_NONE};
    struct buf out, next, cursor;

    buf_init(&out, 1 << 20);
    buf_init(&next, 256);
    buf_init(&cursor, 256);
    for (q.limit = 1; q.limit < 120; q.limit += 13) {
        unsigned seen = 0, turns = 0;
        char last[64] = "9";
        q.cursor = SLICE("");
        do {
            const struct json_node *items = NULL;
            buf_reset(&out);
            buf_reset(&next);
            if (store_search(store.client, &scope, &q, &out, &next, &d) != ERR_NONE)
                fail_msg("%s", d.text);
            assert_int_equal(json_read_strict(json, buf_slice(&out), &items, &d), ERR_NONE);
            for (const struct json_node *i = items->child; i; i = i->next, seen++) {
                struct slice t = json_get_str(i, "@timestamp");
                assert_true(t.n < sizeof(last) && memcmp(t.p, last, t.n) <= 0);
                memcpy(last, t.p, t.n);
            }
            buf_reset(&cursor);
            assert_int_equal(buf_put(&cursor, buf_slice(&next)), ERR_NONE);
            q.cursor = buf_slice(&cursor);
        } while (next.n && ++turns < 200);
        assert_int_equal(seen, PAGED);
    }
    q.cursor = SLICE("1.x");
    assert_int_equal(store_search(store.client, &scope, &q, &out, &next, &d), ERR_SYNTAX);
    buf_done(&out);
    buf_done(&next);
    buf_done(&cursor);
    json_reader_free(json);
}

static void numbers(void)
{
    static const uint32_t orgs[] = {70};
    struct store_scope scope = {.orgs = orgs, .n = 1};
    struct store_query q = question("odd");
    struct diag d = {.code = ERR_NONE};
    struct buf out;
    uint64_t n = 0;

    buf_init(&out, 1 << 20);
    assert_int_equal(store_count(store.client, &scope, &q, &n, &d), ERR_NONE);
    assert_int_equal(n, 38);
    q.query = SLICE("org or");
    assert_int_equal(store_count(store.client, &scope, &q, &n, &d), ERR_SYNTAX);
    assert_int_equal(d.at, 6);
    q = question("");
    q.from_ns = INT64_C(1763999995000000000);
    q.to_ns = q.from_ns + 50000000;
    assert_int_equal(store_count(store.client, &scope, &q, &n, &d), ERR_NONE);
    assert_int_equal(n, 40);
    assert_int_equal(store_histogram(store.client, &scope, &q, 20, &out, &d), ERR_NONE);
    assert_string_equal(buf_cstr(&out), "[{\"time\":\"2025-11-24T15:59:55.000Z\",\"count\":32},"
                                        "{\"time\":\"2025-11-24T15:59:55.040Z\",\"count\":8}]");
    buf_reset(&out);
    assert_int_equal(store_histogram(store.client, &scope, &q, 0, &out, &d), ERR_SYNTAX);
    static const char *const fields[] = {"user.name", "source.ip", "own", "coloa.org"};
    static const char *const tops[] = {
        "[{\"value\":\"u1\",\"count\":27},{\"value\":\"u2\",\"count\":13}]",
        "[{\"value\":\"10.0.0.1\",\"count\":27},{\"value\":\"::2\",\"count\":13}]",
        "[{\"value\":\"x\",\"count\":40}]", "[{\"value\":\"70\",\"count\":40}]"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        buf_reset(&out);
        if (store_top(store.client, &scope, &q, slice_of(fields[i]), 10, &out, &d) != ERR_NONE)
            fail_msg("%s: %s", fields[i], d.text);
        assert_string_equal(buf_cstr(&out), tops[i]);
    }
    assert_int_equal(store_top(store.client, &scope, &q, SLICE("message"), 10, &out, &d),
                     ERR_UNSUPPORTED);
    buf_reset(&out);
    assert_int_equal(store_sources_seen(store.client, &scope, 0, &out, &d), ERR_NONE);
    assert_string_equal(buf_cstr(&out), "[{\"org\":70,\"source\":0,\"name\":\"\",\"count\":76,"
                                        "\"last\":\"2025-11-24T16:00:00.094Z\"}]");
    buf_done(&out);
}

static void pages_and_numbers(void **state)
{
    struct arena a;
    (void)state;

    need_engine();
    arena_init(&a, 4 << 20);
    insert_paged(&a);
    pages();
    numbers();
    arena_done(&a);
}

/* Nothing that a caller types leaves the scope, reads a file or ends the statement. */
static void scope_holds(void **state)
{
    static const char *const tries[] = {
        "x or coloa.org:70",  "coloa.org >= 0 or y",        "') OR 1=1 --",
        "a\\') or 1 #",       "\"' OR '1'='1\" or not zzz", "not nothing",
        "f\\'x:* or not zzz", "user.name:'*' or not q",
    };
    struct store_scope none = {.n = 0};
    uint32_t foreign = 4000000000U;
    struct store_scope other = {.orgs = &foreign, .n = 1};
    struct diag d = {.code = ERR_NONE};
    uint64_t n = 99;
    (void)state;

    need_engine();
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        struct store_query q = question(tries[i]);
        enum err e = store_count(store.client, &none, &q, &n, &d);
        assert_true(e == ERR_SYNTAX || (e == ERR_NONE && n == 0));
        e = store_count(store.client, &other, &q, &n, &d);
        assert_true(e == ERR_SYNTAX || (e == ERR_NONE && n == 0));
    }
    struct store_query q = question("not zzz");
    assert_int_equal(store_count(store.client, &everyone, &q, &n, &d), ERR_NONE);
    assert_true(n > 0);
}

/* Three days of two classes; only whole days of the one class go, up to the moment that is named.
 */
static void retention(void **state)
{
    static const uint64_t day_ms = 86400000;
    struct diag d = {.code = ERR_NONE};
    struct event *ev[6];
    struct arena a;
    unsigned n = 0;
    (void)state;

    need_engine();
    arena_init(&a, 1 << 20);
    for (uint64_t i = 0; i < 6; i++) {
        ev[i] = fixture_event(&a, (i % 3 + 10) * day_ms + i, "old");
        ev[i]->org = 80;
    }
    fixture_insert(&store, ev, 3, "short");
    fixture_insert(&store, ev + 3, 3, "long");
    /* 16:00 of the first of the three days, then of the third. */
    int64_t first = ev[0]->ingested_ns;
    assert_int_equal(store_drop_before(store.client, SLICE("short"), first, &n, &d), ERR_NONE);
    assert_int_equal(n, 0);
    if (store_drop_before(store.client, SLICE("short"), first + 2 * 86400 * NS_PER_S, &n, &d) !=
        ERR_NONE)
        fail_msg("%s", d.text);
    assert_int_equal(n, 2);
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 80"), 4);
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 80 AND "
                                           "retention_class = 'short'"),
                     1);
    assert_int_equal(store_drop_before(store.client, SLICE("no'such"), INT64_MAX, &n, &d),
                     ERR_NONE);
    assert_int_equal(n, 0);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_as_json),
        cmocka_unit_test(pages_and_numbers),
        cmocka_unit_test(scope_holds),
        cmocka_unit_test(retention),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
