#include "core/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

static uint32_t table[256];

__attribute__((constructor)) static void table_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ UINT32_C(0x82f63b78) : c >> 1;
        table[i] = c;
    }
}

static uint32_t by_table(uint32_t c, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c = c >> 8 ^ table[(c ^ p[i]) & 0xff];
    return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_hardware(uint32_t c, const uint8_t *p,
                                                              size_t n)
{
    uint64_t c64 = c;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c64 = _mm_crc32_u64(c64, word);
    }
    c = (uint32_t)c64;
    for (; n > 0; n--, p++)
        c = _mm_crc32_u8(c, *p);
    return c;
}
#endif

uint32_t crc32c(uint32_t before, struct slice s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    uint32_t c = ~before;

    if (s.n == 0)
        return before;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~by_hardware(c, p, s.n);
#endif
    return ~by_table(c, p, s.n);
}
