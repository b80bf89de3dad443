/* A file of CSV as the hunt reads it: header, rows, pairs, event. */
#include "parse/csv.h"
#include "parse/fuzz_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(const struct csv_header *h, struct slice row, struct arena *a)
{
    static struct pairs p;
    static uint64_t sum;
    struct parse_ctx ctx = {.arena = a};
    struct record r = {.received_ns = INT64_C(1795593600000000000), .payload = row};

    p.n = 0;
    p.over = p.content = false;
    arena_reset(a);
    if (csv_pairs(h, row, a, &p) == ERR_NONE && parse_pairs(&ctx, &r, &p, fuzz_look, &sum) != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct csv_header h;
    static struct arena a;
    struct slice all = {(const char *)data, size};
    size_t used = 0;

    if (!a.max_bytes)
        arena_init(&a, 64 << 20);
    (void)csv_guess(all, size % 2);
    if (csv_header_read(&h, all, &used, NULL) != ERR_NONE)
        return 0;
    while (used < all.n) {
        struct slice left = slice_cut(all, used, all.n);
        bool broken, less;
        size_t n = csv_row(left, h.separator, true, &broken);
        if (n == 0 || n > left.n)
            abort();
        /* What is whole with less text is the same row. */
        size_t m = csv_row(slice_cut(left, 0, n), h.separator, false, &less);
        if (!broken && m != 0 && m != n)
            abort();
        one(&h, slice_cut(left, 0, n), &a);
        used += n;
    }
    csv_header_done(&h);
    return 0;
}
