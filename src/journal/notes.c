#include "journal/notes_int.h"

#include <stdlib.h>
#include <sys/random.h>

struct notes_entry {
    struct notes_entry *next;
    int64_t expires_ns;
    uint32_t key_n, value_n;
    char bytes[]; /* key, value */
};

enum { BUCKETS_FIRST = 64 };

static uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
    v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein). */
static uint64_t hash(const uint64_t key[2], struct slice s)
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)s.n << 56;

    for (; s.n >= 8; s.p += 8, s.n -= 8) {
        uint64_t m;
        memcpy(&m, s.p, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t i = 0; i < s.n; i++)
        last |= (uint64_t)(uint8_t)s.p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct slice key_of(const struct notes_entry *x)
{
    return (struct slice){x->bytes, x->key_n};
}

static uint64_t bytes_of_entry(const struct notes_entry *x)
{
    return segment_note_bytes(x->key_n, x->value_n);
}

static bool expired(const struct notes_entry *x, int64_t now_ns)
{
    return x->expires_ns != 0 && x->expires_ns <= now_ns;
}

CHECKED enum err notes_init(struct notes *t, uint64_t max_bytes)
{
    *t = (struct notes){.max_bytes = max_bytes, .buckets_n = BUCKETS_FIRST};
    if (getrandom(t->key, sizeof(t->key), 0) != (ssize_t)sizeof(t->key))
        return ERR_SYS;
    t->buckets = calloc(BUCKETS_FIRST, sizeof(struct notes_entry *));
    return t->buckets ? ERR_NONE : ERR_NOMEM;
}

void notes_done(struct notes *t)
{
    for (size_t i = 0; t->buckets && i < t->buckets_n; i++) {
        for (struct notes_entry *x = t->buckets[i], *next; x; x = next) {
            next = x->next;
            free(x);
        }
    }
    free(t->buckets);
    *t = (struct notes){0};
}

static struct notes_entry **find(const struct notes *t, struct slice key)
{
    struct notes_entry **at = &t->buckets[hash(t->key, key) & (t->buckets_n - 1)];

    while (*at && !slice_eq(key_of(*at), key))
        at = &(*at)->next;
    return at;
}

static void take_out(struct notes *t, struct notes_entry **at)
{
    struct notes_entry *x = *at;

    *at = x->next;
    t->n--;
    t->bytes -= bytes_of_entry(x);
    if (x->expires_ns == 0)
        t->forever_bytes -= bytes_of_entry(x);
    free(x);
}

/* Takes out all that expire at or before this. */
static uint64_t drop_until(struct notes *t, int64_t ns)
{
    uint64_t dropped = 0;

    for (size_t i = 0; i < t->buckets_n; i++) {
        for (struct notes_entry **at = &t->buckets[i]; *at;) {
            if (expired(*at, ns)) {
                take_out(t, at);
                dropped++;
            } else {
                at = &(*at)->next;
            }
        }
    }
    return dropped;
}

void notes_expire(struct notes *t, int64_t now_ns)
{
    (void)drop_until(t, now_ns);
}

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Makes room by dropping the eighth of all notes that expires soonest, so that this work is rare.
 */
static enum err drop_soonest(struct notes *t)
{
    size_t n = 0;
    int64_t *times = malloc((t->n + 1) * sizeof(*times));

    if (!times)
        return ERR_NOMEM;
    for (size_t i = 0; i < t->buckets_n; i++)
        for (const struct notes_entry *x = t->buckets[i]; x; x = x->next)
            if (x->expires_ns != 0)
                times[n++] = x->expires_ns;
    qsort(times, n, sizeof(*times), by_time);
    if (n)
        t->dropped += drop_until(t, times[n / 8]);
    free(times);
    return n ? ERR_NONE : ERR_LIMIT;
}

static void grow(struct notes *t)
{
    size_t n = t->buckets_n * 2;
    struct notes_entry **buckets = calloc(n, sizeof(struct notes_entry *));

    if (!buckets)
        return; /* only slower */
    for (size_t i = 0; i < t->buckets_n; i++) {
        for (struct notes_entry *x = t->buckets[i], *next; x; x = next) {
            struct notes_entry **to = &buckets[hash(t->key, key_of(x)) & (n - 1)];
            next = x->next;
            x->next = *to;
            *to = x;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->buckets_n = n;
}

CHECKED enum err notes_set(struct notes *t, const struct segment_note *n, int64_t now_ns)
{
    uint64_t bytes = segment_note_bytes(n->key.n, n->value.n);
    struct notes_entry **at = find(t, n->key);
    enum err e = ERR_NONE;

    if (*at)
        take_out(t, at);
    if (n->value.n == 0 || (n->expires_ns != 0 && n->expires_ns <= now_ns))
        return ERR_NONE;
    if (t->bytes + bytes > t->max_bytes)
        notes_expire(t, now_ns);
    while (e == ERR_NONE && t->bytes + bytes > t->max_bytes)
        e = drop_soonest(t);
    if (e != ERR_NONE)
        return e;
    struct notes_entry *x = malloc(sizeof(*x) + n->key.n + n->value.n);
    if (!x)
        return ERR_NOMEM;
    x->expires_ns = n->expires_ns;
    x->key_n = (uint32_t)n->key.n;
    x->value_n = (uint32_t)n->value.n;
    if (n->key.n)
        memcpy(x->bytes, n->key.p, n->key.n);
    memcpy(x->bytes + n->key.n, n->value.p, n->value.n);
    if (t->n >= t->buckets_n)
        grow(t);
    at = &t->buckets[hash(t->key, n->key) & (t->buckets_n - 1)];
    x->next = *at;
    *at = x;
    t->n++;
    t->bytes += bytes;
    if (x->expires_ns == 0)
        t->forever_bytes += bytes;
    return ERR_NONE;
}

CHECKED bool notes_get(const struct notes *t, struct slice key, int64_t now_ns,
                       struct slice *ret_value)
{
    const struct notes_entry *x = *find(t, key);

    if (!x || expired(x, now_ns))
        return false;
    *ret_value = (struct slice){x->bytes + x->key_n, x->value_n};
    return true;
}

void notes_each(const struct notes *t, struct slice prefix, int64_t now_ns,
                void (*fn)(void *arg, const struct segment_note *n), void *arg)
{
    for (size_t i = 0; i < t->buckets_n; i++) {
        for (const struct notes_entry *x = t->buckets[i]; x; x = x->next) {
            if (expired(x, now_ns) || !slice_starts(key_of(x), prefix))
                continue;
            struct segment_note n = {key_of(x), {x->bytes + x->key_n, x->value_n}, x->expires_ns};
            fn(arg, &n);
        }
    }
}
