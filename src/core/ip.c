#include "core/ip.h"

#include <arpa/inet.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

CHECKED bool ip_parse(struct slice s, uint8_t out[static 16])
{
    char text[IP_TEXT_BYTES + 1];
    size_t n = slice_find(s, '%');

    if (n == 0 || n > IP_TEXT_BYTES || memchr(s.p, 0, n))
        return false;
    memcpy(text, s.p, n);
    text[n] = 0;
    uint8_t raw[16];
    if (inet_pton(AF_INET, text, raw) == 1 && n == s.n) {
        memcpy(out, mapped, sizeof(mapped));
        memcpy(out + 12, raw, 4);
        return true;
    }
    if (inet_pton(AF_INET6, text, raw) != 1)
        return false;
    memcpy(out, raw, 16);
    return true;
}

bool ip_is_v4(const uint8_t ip[static 16])
{
    return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

void ip_text(const uint8_t ip[static 16], char out[static IP_TEXT_BYTES + 1])
{
    bool v4 = ip_is_v4(ip);

    out[0] = 0;
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip + 12 : ip, out, IP_TEXT_BYTES + 1);
}

CHECKED bool cidr_parse(struct slice s, struct cidr *ret)
{
    size_t slash = slice_find(s, '/');
    struct cidr c;
    uint64_t bits;

    if (!ip_parse(slice_cut(s, 0, slash), c.ip))
        return false;
    bool v4 = ip_is_v4(c.ip) && !memchr(s.p, ':', slash);
    if (slash == s.n)
        bits = 128;
    else if (!slice_to_u64(slice_cut(s, slash + 1, s.n), &bits) || bits > (v4 ? 32 : 128))
        return false;
    else if (v4)
        bits += 96;
    c.bits = (unsigned)bits;
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = c.bits > i * 8 ? c.bits - i * 8 : 0;
        if (keep < 8)
            c.ip[i] = (uint8_t)(c.ip[i] & (0xff00u >> keep));
    }
    *ret = c;
    return true;
}

bool cidr_has(const struct cidr *c, const uint8_t ip[static 16])
{
    unsigned whole = c->bits / 8, rest = c->bits % 8;

    if (memcmp(c->ip, ip, whole) != 0)
        return false;
    return rest == 0 || ((c->ip[whole] ^ ip[whole]) & (0xff00u >> rest) & 0xff) == 0;
}
