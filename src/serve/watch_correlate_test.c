/* A correlation's finding as a frame, and the head of the checkpoint. */
#include "core/test.h"

#include "core/crc32c.h"
#include "core/json.h"
#include "serve/finding.h"
#include "serve/watch_int.h"

static struct rule_info rule = {.id = "r-1", .title = "t", .title_vi = "", .level = LEVEL_HIGH};
static struct id128 events[2] = {{{1}}, {{2}}};
static struct match_field group[2] = {{{"IpAddress", 9}, {"10.0.0.1", 8}},
                                      {{"x", 1}, {"\xff\"", 2}}};
static const struct slice entities[2] = {{"source.ip", 9}, {"", 0}};

static struct correlation_hit hit_new(void)
{
    return (struct correlation_hit){.type = CORRELATION_VALUE_SUM,
                                    .value = 2.5,
                                    .timespan_ns = 60 * INT64_C(1000000000),
                                    .first_ns = 1,
                                    .last_ns = INT64_C(1795568462000000000),
                                    .org = 7,
                                    .system = 9,
                                    .key = {"\7\0\0\0k", 5},
                                    .group_n = 2,
                                    .group = group,
                                    .entities = entities,
                                    .events_n = 2,
                                    .events = events,
                                    .matches = 3};
}

static void encode(const struct correlation_hit *hit, struct buf *out, char id[33])
{
    const struct finding f = {.rule = &rule, .matched_n = 2, .matched = group, .correlation = hit};
    const char *at;

    buf_reset(out);
    assert_int_equal(finding_encode(&f, out), ERR_NONE);
    at = strstr(buf_cstr(out), "\"id\":\"");
    assert_non_null(at);
    memcpy(id, at + 6, 32);
    id[32] = 0;
}

static void id_is_of_rule_group_and_causes(void **unused)
{
    struct correlation_hit hit = hit_new();
    char first[33], other[33];
    struct buf out;

    (void)unused;
    buf_init(&out, 1 << 16);
    encode(&hit, &out, first);
    hit.received_ns = 5; /* when it was known, in what state: the same finding */
    hit.system = 1;
    encode(&hit, &out, other);
    assert_string_equal(first, other);
    hit.events_n = 1;
    encode(&hit, &out, other);
    assert_string_not_equal(first, other);
    hit = hit_new();
    hit.key = SLICE("\7\0\0\0l");
    encode(&hit, &out, other);
    assert_string_not_equal(first, other);
    hit = hit_new();
    rule.id = "r-2";
    encode(&hit, &out, other);
    rule.id = "r-1";
    assert_string_not_equal(first, other);
    buf_done(&out);
}

static void frame_without_an_event(void **unused)
{
    struct json_reader *reader = json_reader_new(1 << 16, 1000);
    struct correlation_hit hit = hit_new();
    const struct json_node *o;
    struct buf out;
    char id[33];

    (void)unused;
    buf_init(&out, 1 << 16);
    encode(&hit, &out, id);
    assert_int_equal(json_read(reader, buf_slice(&out), &o, NULL, NULL), ERR_NONE);
    assert_int_equal(json_get_int(o, "org", 0), 7);
    assert_int_equal(json_get_int(o, "system", 0), 9);
    assert_int_equal(json_get(o, "events")->n, 2);
    assert_int_equal(json_get(o, "entities")->n, 1);
    assert_true(slice_eq(json_get_str(json_get(o, "entities"), "source.ip"), SLICE("10.0.0.1")));
    assert_true(slice_eq(json_get_str(o, "message"), SLICE("value_sum = 2.5 · 3 × / 60 s")));
    assert_true(slice_eq(json_get_str(json_get(o, "correlation"), "type"), SLICE("value_sum")));
    buf_done(&out);
    json_reader_free(reader);
}

static void checkpoint_is_whole_or_nothing(void **unused)
{
    char file[64] = "CLWC\1\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0state";
    const size_t n = 29;
    struct slice state;
    struct jpos at;

    (void)unused;
    for (unsigned version = 1; version < 3; version++) {
        file[4] = (char)version;
        uint32_t crc = crc32c(0, (struct slice){file, n});
        for (unsigned i = 0; i < 4; i++)
            file[n + i] = (char)(crc >> (8 * i));
        enum err e = watch_correlate_decode((struct slice){file, n + 4}, &at, &state, NULL);
        assert_int_equal(e, version == 1 ? ERR_NONE : ERR_VERSION);
        if (version > 1)
            continue;
        assert_int_equal(at.segment, 2);
        assert_int_equal(at.offset, 3);
        assert_true(slice_eq(state, SLICE("state")));
        for (size_t i = 0; i < n + 4; i++) {
            assert_int_not_equal(watch_correlate_decode((struct slice){file, i}, &at, &state, NULL),
                                 ERR_NONE);
            file[i] ^= 4;
            assert_int_not_equal(
                watch_correlate_decode((struct slice){file, n + 4}, &at, &state, NULL), ERR_NONE);
            file[i] ^= 4;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_is_of_rule_group_and_causes),
        cmocka_unit_test(frame_without_an_event),
        cmocka_unit_test(checkpoint_is_whole_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
