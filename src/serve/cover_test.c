#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "serve/alarm.h"
#include "serve/cover.h"

#define NOW INT64_C(1800000000000000000)
#define DAY (86400 * NS_PER_S)

static const char yaml[] = "field_sets: {}\n"
                           "logsources:\n"
                           "  - {product: a, service: x, fields: [], when: {kind: ax}}\n"
                           "  - {product: a, service: y, fields: [], when: {kind: ay}}\n"
                           "---\n"
                           "title: one\nid: r1\nlevel: low\nlogsource: {product: a, service: x}\n"
                           "detection: {s: {f: v}, condition: s}\n"
                           "---\n"
                           "title: two\nid: r2\nlevel: low\nlogsource: {product: a}\n"
                           "detection: {s: {f: v}, condition: s}\n"
                           "---\n"
                           "title: none\nid: r3\nlevel: low\nlogsource: {product: other}\n"
                           "detection: {s: {f: v}, condition: s}\n";

static struct ruleset *try_rules(struct slice text)
{
    struct ruleset *rs = NULL;
    struct diag diag = {0};

    assert_int_equal(ruleset_load_text("try.yml", text, &rs, &diag), ERR_NONE);
    return rs;
}

static void emit(void *arg, const struct finding *f)
{
    (void)arg, (void)f;
}

static void see(struct cover *c, struct ruleset *rs, struct detect_scratch *s, const char *kind,
                int64_t now)
{
    struct arena arena;
    struct event ev;

    arena_init(&arena, 1 << 20);
    event_init(&ev, &arena);
    assert_int_equal(event_add(&ev, SLICE("kind"), value_str(slice_of(kind))), ERR_NONE);
    (void)detect_event(rs, s, &ev, emit, NULL);
    cover_take(c, rs, s, now);
    arena_done(&arena);
}

static void test_blind(void **state)
{
    (void)state;
    char dir[] = "/tmp/coloa-cover-XXXXXX", path[64];
    struct ruleset *rs = try_rules(slice_of(yaml));
    struct detect_scratch *s = detect_scratch_new();
    static struct cover c, again;
    struct diag diag = {0};
    bool blind[3], anew;
    struct buf b;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/logsources.json", dir);
    cover_load(&c, path, NOW, &anew);
    assert_true(anew);
    assert_int_equal(cover_blind(&c, rs, NOW - DAY, blind), 2); /* the third can't match at all */
    see(&c, rs, s, "ay", NOW);
    assert_int_equal(cover_blind(&c, rs, NOW - DAY, blind), 1);
    assert_true(blind[0]);
    assert_false(blind[1] || blind[2]);
    see(&c, rs, s, "ax", NOW + DAY);
    assert_int_equal(cover_blind(&c, rs, NOW, blind), 0);
    assert_int_equal(cover_blind(&c, rs, NOW + DAY, blind), 0);
    assert_int_equal(cover_blind(&c, rs, NOW + DAY + 1, blind), 2);

    /* over a restart, and what can't be read begins anew */
    assert_int_equal(cover_save(&c, path, &diag), ERR_NONE);
    assert_false(c.changed);
    cover_load(&again, path, NOW + 9 * DAY, &anew);
    assert_false(anew);
    assert_int_equal(again.since_ns, NOW);
    assert_int_equal(cover_last(&again, rs, 0), NOW + DAY);
    assert_int_equal(cover_last(&again, rs, 1), NOW);
    buf_init(&b, 1 << 16);
    (void)cover_blind(&again, rs, NOW + DAY, blind);
    assert_int_equal(cover_write(&again, rs, blind, &b), ERR_NONE);
    assert_non_null(strstr(buf_cstr(&b), "\"service\":\"y\",\"rules\":1,\"last\":\"2027-01-15T"));
    assert_non_null(strstr(buf_cstr(&b), "\"blind\":[]"));
    buf_done(&b);
    assert_int_equal(truncate(path, 20), 0);
    cover_load(&again, path, NOW + 9 * DAY, &anew);
    assert_true(anew);
    assert_int_equal(again.n, 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    detect_scratch_free(s);
    ruleset_unref(rs);
}

/* The id of an alarm's frame. */
static void id_of(const char *yaml_text, int64_t now, size_t which, size_t want_n, char to[33])
{
    struct ruleset *rs = try_rules(slice_of(yaml_text));
    struct buf out[2];
    size_t n;

    buf_init(&out[0], 1 << 16);
    buf_init(&out[1], 1 << 16);
    assert_int_equal(alarm_rules(rs, now, out, &n), ERR_NONE);
    assert_int_equal(n, want_n);
    to[0] = 0;
    if (which < n) {
        const char *id = strstr(buf_cstr(&out[which]), "\"id\":\"");
        assert_non_null(id);
        (void)snprintf(to, 33, "%.32s", id + 6);
        assert_non_null(strstr(buf_cstr(&out[which]), "\"org\":1"));
    }
    buf_done(&out[0]);
    buf_done(&out[1]);
    ruleset_unref(rs);
}

static void test_alarms(void **state)
{
    (void)state;
    static const char bad[] = "title: x\nid: b1\nlevel: low\nlogsource: {product: linux}\n"
                              "detection: {s: {f|nosuch: v}, condition: s}\n";
    char one[33], two[33];

    id_of(yaml, NOW, 0, 0, one); /* nothing to tell */
    id_of(bad, NOW, 0, 2, one);
    id_of(bad, NOW + 3600 * NS_PER_S, 0, 2, two);
    assert_string_equal(one, two); /* told once a day */
    id_of(bad, NOW + DAY, 0, 2, two);
    assert_string_not_equal(one, two);
    id_of(bad, NOW, 1, 2, one);
    id_of(bad, NOW + DAY, 1, 2, two);
    assert_string_equal(one, two); /* the same rules, the same alarm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blind), cmocka_unit_test(test_alarms)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
