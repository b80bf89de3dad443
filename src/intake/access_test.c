#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/snapshot.h"
#include "intake/access.h"

/* SHA-256 of "abc", of "", and of "person". */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define TWO "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
#define TWO_TEXT "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

static const char tokens[] =
    "{\"tokens\":["
    "{\"sha256\":\"" ABC "\",\"org\":2,\"source\":7,\"name\":\"fw\",\"role\":\"machine\","
    "\"rate\":100,\"expires\":\"2026-01-01T00:00:00Z\"},"
    "{\"sha256\":\"" TWO "\",\"org\":3,\"role\":\"analyst\",\"expires\":null},"
    "{\"sha256\":\"short\",\"org\":3,\"role\":\"machine\"}]}";

static const int64_t before = INT64_C(1760000000000000000), after = INT64_C(1790000000000000000);

static void test_check(void **state)
{
    struct access *a = access_new();
    struct access_grant g = {0};

    (void)state;
    assert_non_null(a);
    assert_int_equal(access_check(a, "Bearer abc", before, &g), ERR_AUTH);
    assert_int_equal(access_parse(a, slice_of(tokens), NULL), ERR_NONE);
    assert_int_equal(access_check(a, "bearer  abc ", before, &g), ERR_NONE);
    assert_int_equal(g.org, 2);
    assert_int_equal(g.source, 7);
    assert_string_equal(g.name, "fw");
    assert_string_equal(g.id, "ba7816bf8f01cfea");
    assert_int_equal(access_check(a, "Bearer abc", after, &g), ERR_AUTH);
    assert_int_equal(access_check(a, "Bearer " TWO_TEXT, before, &g), ERR_DENIED);
    assert_int_equal(access_check(a, NULL, before, &g), ERR_AUTH);
    assert_int_equal(access_check(a, "Bearer ", before, &g), ERR_AUTH);
    assert_int_equal(access_check(a, "Basic abc", before, &g), ERR_AUTH);
    assert_int_equal(access_check(a, "Bearer abd", before, &g), ERR_AUTH);
    access_free(a);
    access_free(NULL);
}

/* A bad snapshot leaves the last good one; a good one without the token revokes it. */
static void test_reload(void **state)
{
    static const char *const bad[] = {"", "[]", "{\"tokens\":3}", "{\"tokens\":[", "{}"};
    struct access *a = access_new();
    struct access_grant g;
    struct diag d = {0};
    uint64_t seq;
    char dir[] = "/tmp/access-test-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(access_reload(a, dir, &d), ERR_NOENT);
    assert_int_equal(snapshot_publish(dir, "access", slice_of(tokens), &seq, &d), ERR_NONE);
    assert_int_equal(access_reload(a, dir, &d), ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_not_equal(access_parse(a, slice_of(bad[i]), &d), ERR_NONE);
        assert_int_equal(access_check(a, "Bearer abc", before, &g), ERR_NONE);
    }
    assert_int_equal(snapshot_publish(dir, "access", SLICE("{\"tokens\":[]}"), &seq, &d), ERR_NONE);
    assert_int_equal(access_reload(a, dir, &d), ERR_NONE);
    assert_int_equal(access_check(a, "Bearer abc", before, &g), ERR_AUTH);
    access_free(a);
}

static void test_rate(void **state)
{
    struct access *a = access_new();
    const char *id = "ba7816bf8f01cfea";

    (void)state;
    assert_int_equal(access_parse(a, slice_of(tokens), NULL), ERR_NONE);
    assert_int_equal(access_spend(a, id, 60, NS_PER_S), ERR_NONE);
    assert_int_equal(access_spend(a, id, 140, NS_PER_S), ERR_NONE); /* overdraws to -100 */
    assert_int_equal(access_spend(a, id, 1, NS_PER_S + NS_PER_S / 2), ERR_BUSY);
    assert_int_equal(access_parse(a, slice_of(tokens), NULL), ERR_NONE); /* no way round */
    assert_int_equal(access_spend(a, id, 1, NS_PER_S + NS_PER_S / 2), ERR_BUSY);
    assert_int_equal(access_spend(a, id, 1, 3 * NS_PER_S), ERR_NONE);
    assert_int_equal(access_spend(a, "unknown", 1, NS_PER_S), ERR_NONE);
    access_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check), cmocka_unit_test(test_reload),
                                       cmocka_unit_test(test_rate)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
