#include "detect/memo_int.h"

#include <stdlib.h>

enum { WAYS = 2 };

struct entry {
    uint32_t slot, type;
    int64_t number;
    uint32_t text_n, bits_n; /* the bits follow, then the text */
};

struct place {
    uint64_t at; /* position + 1 in all bytes ever written; 0: none */
    uint64_t hash;
};

struct memo {
    char *ring;
    uint64_t head; /* all bytes ever written, gaps at the end of the ring included */
    struct place places[MEMO_BUCKETS][WAYS];
};

void memo_free(struct memo *m)
{
    if (!m)
        return;
    free(m->ring);
    free(m);
}

struct memo *memo_new(void)
{
    struct memo *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->ring = malloc(MEMO_RING_BYTES);
    if (m->ring)
        return m;
    free(m);
    return NULL;
}

void memo_clear(struct memo *m)
{
    memset(m->places, 0, sizeof(m->places));
    m->head = 0;
}

static const struct entry *entry_at(const struct memo *m, uint64_t at)
{
    return (const struct entry *)(const void *)(m->ring + at % MEMO_RING_BYTES);
}

static bool same(const struct entry *e, const struct memo_key *k)
{
    const char *text = (const char *)(e + 1) + e->bits_n * sizeof(uint32_t);

    return e->slot == k->slot && e->type == k->type && e->number == k->number &&
           e->text_n == k->text.n && memcmp(text, k->text.p, k->text.n) == 0;
}

static bool lives(const struct memo *m, uint64_t at)
{
    return at && at <= m->head && at - 1 + MEMO_RING_BYTES >= m->head;
}

static const uint32_t *bits_of(const struct entry *e, uint32_t *ret_n)
{
    *ret_n = e->bits_n;
    return (const uint32_t *)(const void *)(e + 1);
}

const uint32_t *memo_get(const struct memo *m, const struct memo_key *k, uint64_t *hint,
                         uint32_t *ret_n, struct memo_hash *ret_hash)
{
    if (lives(m, *hint) && same(entry_at(m, *hint - 1), k))
        return bits_of(entry_at(m, *hint - 1), ret_n);
    uint64_t h = memo_hash_of(k->text, k->slot * UINT64_C(0xff51afd7ed558ccd) ^ k->type);
    const struct place *bucket = m->places[h % MEMO_BUCKETS];

    ret_hash->h = h;
    for (unsigned i = 0; i < WAYS; i++) {
        if (bucket[i].hash != h || !lives(m, bucket[i].at) ||
            !same(entry_at(m, bucket[i].at - 1), k))
            continue;
        *hint = bucket[i].at;
        return bits_of(entry_at(m, bucket[i].at - 1), ret_n);
    }
    return NULL;
}

void memo_put(struct memo *m, const struct memo_key *k, struct memo_hash hash, const uint32_t *bits,
              uint32_t n)
{
    struct place *bucket = m->places[hash.h % MEMO_BUCKETS];

    if (k->text.n > MEMO_TEXT_MAX || n > MEMO_FOUND_MAX)
        return;
    size_t need = (sizeof(struct entry) + n * sizeof(*bits) + k->text.n + 7) & ~(size_t)7;
    uint64_t left = MEMO_RING_BYTES - m->head % MEMO_RING_BYTES;
    if (left < need)
        m->head += left;
    struct entry e = {.slot = k->slot,
                      .type = k->type,
                      .number = k->number,
                      .text_n = (uint32_t)k->text.n,
                      .bits_n = n};
    char *to = m->ring + m->head % MEMO_RING_BYTES;
    memcpy(to, &e, sizeof(e));
    if (n)
        memcpy(to + sizeof(e), bits, n * sizeof(*bits));
    if (k->text.n)
        memcpy(to + sizeof(e) + n * sizeof(*bits), k->text.p, k->text.n);
    /* The newest first, so that the oldest goes. */
    bucket[1] = bucket[0];
    bucket[0] = (struct place){m->head + 1, hash.h};
    m->head += need;
}
