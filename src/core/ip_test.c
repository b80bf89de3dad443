#include "core/test.h"

#include "core/ip.h"

static void test_parse(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8::192.0.2.1", "2001:db8::c000:201"},
        {"fe80::1%eth0", "fe80::1"},
        {"::", "::"},
        {"::1", "::1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"192.0.2.1%eth0", NULL},
        {"192.0.2.01", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1 ", NULL},
        {"[::1]", NULL},
        {"1::2::3", NULL},
        {"", NULL},
        {"%", NULL},
        {"example.org", NULL},
        {"0000000000000000000000000000000000000000000000000", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t ip[16] = {7, 7, 7}, again[16];
        char text[IP_TEXT_BYTES + 1];
        bool ok = ip_parse(slice_of(rows[i].in), ip);
        assert_int_equal(ok, rows[i].out != NULL);
        if (!ok) {
            assert_int_equal(ip[0], 7);
            continue;
        }
        ip_text(ip, text);
        assert_string_equal(text, rows[i].out);
        assert_true(ip_parse(slice_of(text), again));
        assert_memory_equal(ip, again, 16);
    }
    uint8_t ip[16];
    assert_false(ip_parse((struct slice){NULL, 0}, ip));
    assert_false(ip_parse(SLICE("::1\0"), ip));
}

static void test_cidr(void **state)
{
    static const struct {
        const char *cidr, *ip;
        bool in;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::a00:1", false},
        {"10.1.2.3/8", "10.0.0.1", true}, /* host bits are cut */
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.4/30", "192.0.2.7", true},
        {"192.0.2.4/30", "192.0.2.8", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
        {"2001:db8::1/128", "2001:db8::1", true},
    };
    static const char *const bad[] = {"",          "/",           "10.0.0.0/",   "10.0.0.0/33",
                                      "/8",        "2001::/129",  "10.0.0.0/-1", "10.0.0.0/8/8",
                                      "10.0.0/24", "10.0.0.0/ 8", "x/8"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cidr c;
        uint8_t ip[16];
        assert_true(cidr_parse(slice_of(rows[i].cidr), &c));
        assert_true(ip_parse(slice_of(rows[i].ip), ip));
        if (cidr_has(&c, ip) != rows[i].in)
            fail_msg("%s in %s", rows[i].ip, rows[i].cidr);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cidr c = {.bits = 999};
        assert_false(cidr_parse(slice_of(bad[i]), &c));
        assert_int_equal(c.bits, 999);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_cidr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
