#include "detect/sieve_int.h"

static unsigned lower(unsigned char c)
{
    return c + ((unsigned)(c - 'A') < 26u) * 32u;
}

static unsigned pair(unsigned a, unsigned b)
{
    return (a * 37 + b) % SIEVE_PAIRS;
}

void sieve_init(struct sieve *s)
{
    memset(s, 0, sizeof(*s));
    s->ascii = true;
}

static bool is_ascii(struct slice t)
{
    size_t i = 0;
    uint64_t all = 0, w;

    for (; t.n - i >= sizeof(w); i += sizeof(w)) {
        memcpy(&w, t.p + i, sizeof(w));
        all |= w;
    }
    for (; i < t.n; i++)
        all |= (unsigned char)t.p[i];
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

CHECKED bool sieve_add_ascii(struct sieve *s, struct slice raw)
{
    uint64_t low = 0, high = 0;
    unsigned before = 0;

    if (!is_ascii(raw))
        return false;
    for (size_t i = 0; i < raw.n; i++) {
        unsigned c = lower((unsigned char)raw.p[i]);
        uint64_t bit = UINT64_C(1) << (c % 64), upper = 0 - (uint64_t)(c / 64);
        high |= bit & upper;
        low |= bit & ~upper;
        s->pairs[pair(before, c)] = 1;
        before = c;
    }
    s->bytes[0] |= low;
    s->bytes[1] |= high;
    return true;
}

void sieve_add(struct sieve *s, struct slice folded)
{
    unsigned before = 0;

    s->ascii = false;
    for (size_t i = 0; i < folded.n; i++) {
        unsigned c = (unsigned char)folded.p[i];
        s->pairs[pair(before, c)] = 1;
        before = c;
    }
}

struct sieve_need sieve_need_of(struct slice literal)
{
    struct sieve_need need = {.n = 0};
    size_t pairs = literal.n > 1 ? literal.n - 1 : 0;
    size_t n = pairs < SIEVE_ASKED ? pairs : SIEVE_ASKED;

    for (size_t i = 0; i < n; i++) {
        size_t at = i * pairs / n;
        need.pairs[need.n++] =
            (uint16_t)pair((unsigned char)literal.p[at], (unsigned char)literal.p[at + 1]);
    }
    return need;
}
