#include "intake/batch.h"

#include <stdlib.h>

#include "core/metrics.h"

void batch_init(struct batch *b, size_t max_bytes)
{
    *b = (struct batch){0};
    buf_init(&b->bytes, max_bytes);
}

void batch_done(struct batch *b)
{
    if (!b)
        return;
    buf_done(&b->bytes);
    free(b->frame);
    b->frame = NULL;
    b->n = b->cap = 0;
    b->payload = 0;
}

void batch_reset(struct batch *b)
{
    buf_reset(&b->bytes);
    b->n = 0;
    b->payload = 0;
}

CHECKED enum err batch_add(struct batch *b, const struct record *r)
{
    size_t before = b->bytes.n;

    if (b->n == BATCH_RECORDS_MAX)
        return ERR_LIMIT;
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 64;
        struct slice *f = realloc(b->frame, cap * sizeof(*f));
        if (!f)
            return ERR_NOMEM;
        b->frame = f;
        b->cap = cap;
    }
    enum err e = record_encode(r, &b->bytes);
    if (e != ERR_NONE)
        return e;
    b->frame[b->n++].n = b->bytes.n - before;
    b->payload += r->payload.n;
    return ERR_NONE;
}

/* The bytes may have moved while they grew, so the frames get their addresses last. */
static void place(struct batch *b)
{
    const char *p = b->bytes.p;

    for (size_t i = 0; i < b->n; i++) {
        b->frame[i].p = p;
        p += b->frame[i].n;
    }
}

CHECKED enum err batch_append(struct batch *b, struct journal *j, const struct journal_note *notes,
                              size_t notes_n, journal_done_fn *done, void *arg)
{
    place(b);
    return journal_append(j, b->frame, b->n, notes, notes_n, done, arg);
}

CHECKED enum err batch_append_wait(struct batch *b, struct journal *j,
                                   const struct journal_note *notes, size_t notes_n)
{
    place(b);
    return journal_append_wait(j, b->frame, b->n, notes, notes_n);
}

void batch_count(const struct batch *b)
{
    metric_add(M_INTAKE_RECORDS, b->n);
    metric_add(M_INTAKE_BYTES, b->payload);
}
