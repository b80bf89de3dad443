#include "core/test.h"

#include "enrich/cidrmap_int.h"

static uint64_t seed = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

static void clip(struct cidr *c)
{
    for (unsigned bit = c->bits; bit < 128; bit++)
        c->ip[bit / 8] = (uint8_t)(c->ip[bit / 8] & ~(0x80u >> (bit % 8)));
}

/* Few bits vary, so that prefixes nest, repeat, touch and end at the last address. */
static void random_ip(uint8_t ip[static 16])
{
    memset(ip, rnd(4) ? 0xff : 0, 16);
    ip[14] = (uint8_t)rnd(256);
    ip[15] = (uint8_t)(rnd(4) * 85);
}

static uint32_t naive(const struct cidrmap_entry *e, size_t n, const uint8_t ip[static 16],
                      bool lowest)
{
    uint32_t best = CIDRMAP_NONE;
    unsigned bits = 0;

    for (size_t i = 0; i < n; i++) {
        if (!cidr_has(&e[i].cidr, ip))
            continue;
        bool better = lowest ? e[i].value < best
                             : best == CIDRMAP_NONE || e[i].cidr.bits > bits ||
                                   (e[i].cidr.bits == bits && e[i].value < best);
        if (better) {
            best = e[i].value;
            bits = e[i].cidr.bits;
        }
    }
    return best;
}

static void equals_the_naive_search(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 16 << 20);
    for (unsigned round = 0; round < 400; round++) {
        struct cidrmap_entry entries[40] = {0}, sorted[40];
        size_t n = rnd(40);
        bool lowest = rnd(2);
        struct cidrmap m;
        for (size_t i = 0; i < n; i++) {
            random_ip(entries[i].cidr.ip);
            entries[i].cidr.bits = rnd(8) ? 108 + rnd(21) : rnd(129);
            clip(&entries[i].cidr);
            entries[i].value = rnd(30);
        }
        memcpy(sorted, entries, sizeof(sorted));
        assert_int_equal(cidrmap_build(&m, &a, sorted, n, lowest), ERR_NONE);
        for (unsigned k = 0; k < 300; k++) {
            uint8_t ip[16];
            random_ip(ip);
            if (k % 3 == 0 && n) /* right at an edge */
                memcpy(ip, entries[rnd((uint32_t)n)].cidr.ip, 16);
            assert_int_equal(cidrmap_get(&m, ip), naive(entries, n, ip, lowest));
        }
        arena_reset(&a);
    }
    arena_done(&a);
}

static void holds_everything_and_nothing(void **state)
{
    struct arena a;
    struct cidrmap m;
    uint8_t ip[16];

    (void)state;
    arena_init(&a, 1 << 20);
    assert_true(ip_parse(SLICE("255.255.255.255"), ip));
    assert_int_equal(cidrmap_build(&m, &a, NULL, 0, true), ERR_NONE);
    assert_int_equal(cidrmap_get(&m, ip), CIDRMAP_NONE);
    struct cidrmap_entry all[2] = {{.value = 7}, {.value = 9}};
    assert_true(cidr_parse(SLICE("::/0"), &all[0].cidr));
    assert_true(cidr_parse(SLICE("0.0.0.0/0"), &all[1].cidr));
    assert_int_equal(cidrmap_build(&m, &a, all, 2, false), ERR_NONE);
    assert_int_equal(cidrmap_get(&m, ip), 9);
    assert_true(ip_parse(SLICE("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ip));
    assert_int_equal(cidrmap_get(&m, ip), 7);
    arena_done(&a);
    arena_init(&a, 0);
    assert_int_equal(cidrmap_build(&m, &a, all, 2, false), ERR_NOMEM);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_naive_search),
        cmocka_unit_test(holds_everything_and_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
