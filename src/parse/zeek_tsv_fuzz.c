#include "parse/fuzz_int.h"
#include "parse/zeek_tsv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zeek_header h;
    static struct arena a;
    static struct pairs p;
    static uint64_t sum;
    struct slice left = {(const char *)data, size};

    if (!a.max_bytes)
        arena_init(&a, 64 << 20);
    zeek_header_init(&h);
    while (left.n) {
        size_t n = slice_find(left, '\n');
        struct slice line = slice_cut(left, 0, n);
        struct parse_ctx ctx = {.arena = &a};
        struct record r = {.received_ns = INT64_C(1795593600000000000), .payload = line};
        enum err e;
        arena_reset(&a);
        p.n = 0;
        p.over = p.content = false;
        p.module = p.dataset = NULL;
        if (line.n && line.p[0] == '#')
            e = zeek_header_line(&h, line, NULL);
        else if ((e = zeek_pairs(&h, line, &a, &p, NULL)) == ERR_NONE &&
                 parse_pairs(&ctx, &r, &p, fuzz_look, &sum) != 1)
            abort();
        sum += e;
        left = slice_cut(left, n < left.n ? n + 1 : n, left.n);
    }
    zeek_header_done(&h);
    return 0;
}
