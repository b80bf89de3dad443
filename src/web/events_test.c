/* The searches of the API on a real store; skipped where it cannot run (sanitizers, no engine). */
#include "web/web_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "store/fixture.h"
#include "store/writer.h"

enum { EVENTS = 250 };

static struct fixture store;
static const char *skip_why;
static char some_id[ID_TEXT_BYTES + 1], other_id[ID_TEXT_BYTES + 1];

/* Event n is from 2025-11-24T16:00:00Z less 5 s, plus n ms; every fifth is another organisation's.
 */
static void fill(void)
{
    struct store_writer_options o = {
        .unix_socket = store.socket, .state_dir = store.dir, .name = "test"};
    struct store_writer *w = NULL;
    struct arena a;
    struct diag d = {0};

    arena_init(&a, 16 << 20);
    assert_int_equal(store_writer_open(&o, &w, &d), ERR_NONE);
    store_writer_begin(w, (struct store_pos){1, 0});
    for (uint64_t n = 0; n < EVENTS; n++) {
        struct event *ev = fixture_event(&a, n, n % 5 ? "đăng nhập thất bại" : "secret of b");
        ev->org = n % 5 ? 2 : 3;
        assert_int_equal(event_set(ev, F_USER_NAME, n % 2 ? SLICE("root") : SLICE("lan")),
                         ERR_NONE);
        id_text(ev->id, n % 5 ? some_id : other_id);
        assert_int_equal(store_writer_add(w, ev), ERR_NONE);
    }
    if (store_writer_commit(w, (struct store_pos){1, EVENTS}, &d) != ERR_NONE)
        fail_msg("%s", d.text);
    store_writer_close(w);
    arena_done(&a);
}

static int setup_all(void **state)
{
    (void)state;
    if (fixture_init(&store, &skip_why)) {
        web_fixture_store = store.socket;
        fill();
    }
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    if (!skip_why)
        fixture_done(&store);
    return 0;
}

static struct web_fixture *begin(void **state)
{
    if (skip_why) {
        print_message("skipped: %s\n", skip_why);
        skip();
    }
    return *state;
}

static unsigned times(const char *text, const char *word)
{
    unsigned n = 0;

    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

static void test_scope(void **state)
{
    struct web_fixture *f = begin(state);
    char lan[WEB_COOKIE_BYTES], binh[WEB_COOKIE_BYTES], path[128];

    assert_int_equal(f->org_b, 3);
    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, lan), 200, f);
    assert_status(web_fixture_sign_in(f, "binh", PASSWORD, binh), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/events/count", lan, NULL), 200, f);
    assert_string_equal(f->body, "{\"count\":200}");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/events/count", binh, NULL), 200, f);
    assert_string_equal(f->body, "{\"count\":50}");
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/events/count", NULL, NULL), 200, f);
    assert_string_equal(f->body, "{\"count\":250}");
    /* a query cannot ask its way out */
    assert_status(
        web_fixture_ask(f, "GET", "/api/v1/events/count?q=coloa.org:3+or+secret", lan, NULL), 200,
        f);
    assert_string_equal(f->body, "{\"count\":0}");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/events?limit=1000", lan, NULL), 200, f);
    assert_has_not(f, "secret of b");
    (void)snprintf(path, sizeof(path), "/api/v1/events/%s", other_id);
    assert_status(web_fixture_ask(f, "GET", path, lan, NULL), 404, f);
    assert_status(web_fixture_ask(f, "GET", path, binh, NULL), 200, f);
    assert_has(f, "secret of b");
    (void)snprintf(path, sizeof(path), "/api/v1/events/%s", some_id);
    assert_status(web_fixture_ask(f, "GET", path, lan, NULL), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/events/nonsense", lan, NULL), 404, f);
    /* who looked for what is on the record */
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/audit?action=search", NULL, NULL), 200,
                  f);
    assert_has(f, "\"object\":\"coloa.org:3 or secret\"");
    assert_has(f, "\"name\":\"lan\"");
}

static void test_pages(void **state)
{
    struct web_fixture *f = begin(state);
    char path[900], cursor[700] = "", lan[WEB_COOKIE_BYTES];
    unsigned seen = 0, pages = 0;

    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, lan), 200, f);
    for (;;) {
        (void)snprintf(path, sizeof(path), "/api/v1/events?limit=70%s%s", *cursor ? "&cursor=" : "",
                       cursor);
        assert_status(web_fixture_ask(f, "GET", path, lan, NULL), 200, f);
        seen += times(f->body, "\"@timestamp\"");
        pages++;
        const char *next = strstr(f->body, "\"next_cursor\":\"");
        if (!next || pages > 9)
            break;
        assert_has(f, "\"relation\":\"gte\"");
        (void)snprintf(cursor, sizeof(cursor), "%.*s", (int)strcspn(next + 15, "\""), next + 15);
    }
    assert_int_equal(seen, 200);
    assert_int_equal(pages, 3);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/events?limit=1&total=exact", lan, NULL), 200,
                  f);
    assert_has(f, "\"total\":{\"value\":200,\"relation\":\"eq\"}");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/events?limit=1001", lan, NULL), 400, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/events?q=dang+nhap+user.name:ROOT&limit=1000",
                                  lan, NULL),
                  200, f);
    assert_int_equal(times(f->body, "\"@timestamp\""), 100);
}

static void test_wrong_query(void **state)
{
    struct web_fixture *f = begin(state);

    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/events?q=a+(b", NULL, NULL), 400, f);
    assert_has(f, "\"errors\":[{\"pointer\":\"/q\",\"code\":\"syntax\",\"params\":{\"at\":");
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/events?from=yesterdayish", NULL, NULL),
                  400, f);
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/events/top", NULL, NULL), 400, f);
    /* a field that nothing has, with what would hurt inside a statement */
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/events/top?field=no'--", NULL, NULL),
                  200, f);
    assert_has(f, "\"items\":[]");
}

static void test_histogram_and_top(void **state)
{
    struct web_fixture *f = begin(state);
    struct json_reader *r = json_reader_new(1 << 20, 100000);
    const struct json_node *root;
    int64_t sum = 0, width, before = 0;

    assert_status(web_fixture_ask_local(f, "GET",
                                        "/api/v1/events/histogram?buckets=30&"
                                        "from=2025-11-24T15:59:54Z&to=2025-11-24T16:00:01Z",
                                        NULL, NULL),
                  200, f);
    assert_int_equal(json_read_strict(r, slice_of(f->body), &root, NULL), ERR_NONE);
    width = json_get_int(root, "bucket_ms", 0);
    assert_int_equal(width, 500);
    const struct json_node *t = json_get(root, "t"), *n = json_get(root, "n");
    assert_int_equal(t->n, n->n);
    assert_true(t->n >= 14 && t->n <= 30);
    for (const struct json_node *x = t->child, *y = n->child; x; x = x->next, y = y->next) {
        assert_true(before == 0 || x->i == before + width);
        before = x->i;
        sum += y->i;
    }
    assert_int_equal(sum, EVENTS);
    json_reader_free(r);
    assert_status(
        web_fixture_ask_local(f, "GET", "/api/v1/events/histogram?from=-1h&to=-2h", NULL, NULL),
        400, f);
    assert_status(
        web_fixture_ask_local(f, "GET", "/api/v1/events/top?field=user.name&limit=1", NULL, NULL),
        200, f);
    assert_has(f, "{\"field\":\"user.name\",\"items\":[{\"value\":\"");
    assert_has(f, "\"count\":125}]}");
}

/* The alert names events by their ids; those that are at rest come with it. */
static void test_alert_events(void **state)
{
    struct web_fixture *f = begin(state);
    char path[64];

    (void)snprintf(path, sizeof(path), "/api/v1/alerts/alr_%u/events",
                   web_fixture_alert(f, 2, "web1"));
    assert_status(web_fixture_ask_local(f, "GET", path, NULL, NULL), 200, f);
    assert_has(f, "\"items\":[]"); /* its one event never was at rest */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, web_fixture_setup, web_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_scope),        TEST(test_pages),
        TEST(test_wrong_query),  TEST(test_histogram_and_top),
        TEST(test_alert_events),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
