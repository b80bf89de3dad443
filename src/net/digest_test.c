#include "core/test.h"

#include "net/digest.h"

/* FIPS 180-4 examples. */
static void test_known(void **state)
{
    static const struct {
        const char *in, *hex;
    } row[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        uint8_t d[DIGEST_SHA256_BYTES], back[DIGEST_SHA256_BYTES];
        char hex[DIGEST_SHA256_TEXT + 1];

        assert_int_equal(digest_sha256(slice_of(row[i].in), d), ERR_NONE);
        digest_hex(d, hex);
        assert_string_equal(hex, row[i].hex);
        assert_true(digest_parse_hex(slice_of(row[i].hex), back));
        assert_memory_equal(d, back, sizeof(d));
    }
}

static void test_bad_hex(void **state)
{
    static const char *const bad[] = {
        "", "ab", "za7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"};
    uint8_t d[DIGEST_SHA256_BYTES] = {7}, same[DIGEST_SHA256_BYTES] = {7};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(digest_parse_hex(slice_of(bad[i]), d));
    assert_memory_equal(d, same, sizeof(d));
    assert_true(digest_parse_hex(
        SLICE("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), d));
    assert_int_equal(d[0], 0xba);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known),
                                       cmocka_unit_test(test_bad_hex)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
