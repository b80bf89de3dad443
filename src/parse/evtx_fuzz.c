/* A chunk as it is, and the same with a chunk's magic in front: few inputs would get that far. */
#include <stdlib.h>

#include "parse/evtx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned look(const struct event *ev)
{
    unsigned sum = 0;

    for (uint32_t i = 0; i < ev->n; i++) {
        const struct value *v = &ev->fields[i].v;
        if (!ev->fields[i].name.p || !v->text.p)
            abort();
        for (size_t k = 0; k < v->text.n; k++)
            sum += (uint8_t)v->text.p[k];
        for (uint32_t k = 0; v->type == VT_LIST && k < v->list_n; k++)
            for (size_t c = 0; c < v->list[k].text.n; c++)
                sum += (uint8_t)v->list[k].text.p[c];
    }
    return sum;
}

static void run(struct evtx_reader *r, struct arena *a, struct slice chunk)
{
    struct parse_ctx ctx = {.arena = a};
    struct record from = {.name = SLICE("fuzz")};
    struct event ev;
    enum evtx_got got;
    static volatile unsigned sum;
    size_t n = 0;

    arena_reset(a);
    evtx_reader_chunk(r, chunk);
    while ((got = evtx_reader_next(r, &ctx, &from, &ev, NULL)) != EVTX_END) {
        if (got == EVTX_EVENT)
            sum = look(&ev);
        (void)sum;
        if (++n > EVTX_CHUNK_BYTES)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    static struct evtx_reader *reader;
    static char chunk[EVTX_CHUNK_BYTES];
    struct evtx_file f;

    if (!reader) {
        arena_init(&arena, 256 << 20);
        reader = evtx_reader_new();
        if (!reader)
            abort();
        evtx_reader_recover(reader, true);
    }
    if (evtx_file_open((struct slice){(const char *)data, size}, &f, NULL) == ERR_NONE)
        for (uint32_t i = 0; i < f.chunks; i++)
            run(reader, &arena, evtx_file_chunk(&f, i));
    if (size > sizeof(chunk) - 512)
        size = sizeof(chunk) - 512;
    memset(chunk, 0, 512);
    memcpy(chunk, "ElfChnk", 8);
    if (size)
        memcpy(chunk + 512, data, size);
    run(reader, &arena, (struct slice){chunk, size + 512});
    return 0;
}
