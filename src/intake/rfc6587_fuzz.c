/* However the stream is cut, the records are the same, and every byte is accounted for: with the
 * trailers and counts, what came out is never more than what went in. */
#include <stdlib.h>

#include "intake/rfc6587.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    size_t records, longs, bytes;
    uint64_t hash;
};

static void add(struct sum *s, enum rfc6587_got got, const struct rfc6587_out *o, size_t max)
{
    if (got == RFC6587_NOMEM || (got == RFC6587_RECORD && (o->bytes.n > max || o->bytes.n == 0)))
        abort();
    s->bytes += o->bytes.n;
    if (got == RFC6587_LONG) {
        s->longs += o->last;
        return;
    }
    s->records++;
    for (size_t i = 0; i < o->bytes.n; i++)
        s->hash = (s->hash ^ (uint8_t)o->bytes.p[i]) * 1099511628211U;
    s->hash = (s->hash ^ (uint64_t)o->framing) * 1099511628211U;
}

static struct sum run(const char *p, size_t n, size_t step, size_t max)
{
    struct sum s = {0};
    struct rfc6587 f;
    struct rfc6587_out o;
    enum rfc6587_got got;

    rfc6587_init(&f, max);
    for (size_t at = 0; at < n; at += step) {
        struct slice in = {p + at, n - at < step ? n - at : step};
        while ((got = rfc6587_next(&f, &in, &o)) != RFC6587_NEED)
            add(&s, got, &o, max);
        if (in.n != 0)
            abort();
    }
    got = rfc6587_end(&f, &o);
    if (got != RFC6587_NEED)
        add(&s, got, &o, max);
    rfc6587_done(&f);
    if (s.bytes > n)
        abort();
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t max = 4 + data[0], step = 1 + data[1] % 32;
    const char *p = (const char *)data + 2;
    struct sum a = run(p, size - 2, size, max), b = run(p, size - 2, step, max);

    if (a.records != b.records || a.longs != b.longs || a.hash != b.hash)
        abort();
    return 0;
}
