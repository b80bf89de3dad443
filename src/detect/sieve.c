#include "detect/sieve_int.h"

#define PAIR(a, b) (((a)*37u + (b)) % SIEVE_PAIRS)

/* In lower case, and its bit in each half of the set of bytes. */
static struct byte {
    uint8_t lower;
    uint64_t bit[2];
} table[128];

__attribute__((constructor)) static void table_fill(void)
{
    for (unsigned c = 0; c < ARRAY_LEN(table); c++) {
        unsigned to = c >= 'A' && c <= 'Z' ? c + 32 : c;
        table[c].lower = (uint8_t)to;
        table[c].bit[to / 64] = UINT64_C(1) << (to % 64);
    }
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
        const struct byte *c = &table[(unsigned char)raw.p[i] & 127];
        low |= c->bit[0];
        high |= c->bit[1];
        s->pairs[PAIR(before, c->lower)] = 1;
        before = c->lower;
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
        s->pairs[PAIR(before, c)] = 1;
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
            (uint16_t)PAIR((unsigned char)literal.p[at], (unsigned char)literal.p[at + 1]);
    }
    return need;
}
