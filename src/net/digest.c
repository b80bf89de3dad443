#include "net/digest.h"

#include <gnutls/crypto.h>

CHECKED enum err digest_sha256(struct slice in, uint8_t ret[static DIGEST_SHA256_BYTES])
{
    uint8_t d[DIGEST_SHA256_BYTES];

    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, in.n ? in.p : "", in.n, d) != 0)
        return ERR_SYS;
    memcpy(ret, d, sizeof(d));
    return ERR_NONE;
}

void digest_hex(const uint8_t d[static DIGEST_SHA256_BYTES],
                char out[static DIGEST_SHA256_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_SHA256_BYTES; i++) {
        out[2 * i] = digits[d[i] >> 4];
        out[2 * i + 1] = digits[d[i] & 15];
    }
    out[DIGEST_SHA256_TEXT] = 0;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

CHECKED bool digest_parse_hex(struct slice s, uint8_t ret[static DIGEST_SHA256_BYTES])
{
    uint8_t d[DIGEST_SHA256_BYTES];

    if (s.n != DIGEST_SHA256_TEXT)
        return false;
    for (size_t i = 0; i < sizeof(d); i++) {
        int hi = nibble(s.p[2 * i]), lo = nibble(s.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        d[i] = (uint8_t)(hi << 4 | lo);
    }
    memcpy(ret, d, sizeof(d));
    return true;
}
