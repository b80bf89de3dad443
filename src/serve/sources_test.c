#include "core/test.h"

#include <stdio.h>

#include "core/json.h"
#include "serve/sources.h"

static void count(struct sources *s, const char *name, uint32_t org, bool error)
{
    static struct event ev;
    struct arena a;
    struct record r = {.input = INPUT_SYSLOG_UDP};

    arena_init(&a, 1 << 20);
    event_init(&ev, &a);
    ev.record = &r;
    ev.org = org;
    ev.ingested_ns = 5;
    assert_int_equal(event_set(&ev, F_COLOA_SOURCE, slice_of(name)), ERR_NONE);
    if (error)
        assert_int_equal(event_set(&ev, F_EVENT_KIND, SLICE("pipeline_error")), ERR_NONE);
    sources_count(s, &ev);
    arena_done(&a);
}

static int64_t total(const struct buf *b, const char *key, size_t *ret_items)
{
    struct json_reader *r = json_reader_new(64 << 20, 4000000);
    const struct json_node *root;
    int64_t sum = 0;

    assert_int_equal(json_read_strict(r, buf_slice(b), &root, NULL), ERR_NONE);
    const struct json_node *items = json_get(root, "items");
    *ret_items = items->n;
    for (const struct json_node *i = items->child; i; i = i->next)
        sum += json_get_int(i, key, 0);
    json_reader_free(r);
    return sum;
}

static void counts_by_name_and_organisation(void **state)
{
    struct sources *s = sources_new();
    struct buf b;
    size_t items;
    (void)state;

    buf_init(&b, 64 << 20);
    for (int i = 0; i < 10; i++) {
        count(s, "a", 2, false);
        count(s, "a", 3, i == 0);
        count(s, "b", 2, false);
    }
    assert_int_equal(sources_n(s), 3);
    assert_int_equal(sources_flush(s, &b), ERR_NONE);
    assert_int_equal(total(&b, "count", &items), 30);
    assert_int_equal(items, 3);
    assert_int_equal(total(&b, "errors", &items), 1);
    buf_reset(&b);
    assert_int_equal(sources_flush(s, &b), ERR_NONE);
    assert_int_equal(b.n, 0);
    buf_done(&b);
    sources_free(s);
}

/* A sender that invents names fills the table, and no more than the table. */
static void too_many_names_are_still_counted(void **state)
{
    struct sources *s = sources_new();
    struct buf b;
    char name[32];
    size_t items;
    (void)state;

    buf_init(&b, 64 << 20);
    for (int i = 0; i < SOURCES_MAX + 500; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        count(s, name, 2, false);
    }
    assert_int_equal(sources_flush(s, &b), ERR_NONE);
    assert_int_equal(total(&b, "count", &items), SOURCES_MAX + 500);
    assert_int_equal(items, SOURCES_MAX + 1);
    buf_done(&b);
    sources_free(s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_name_and_organisation),
        cmocka_unit_test(too_many_names_are_still_counted),
    };
    return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
