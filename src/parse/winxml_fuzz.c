#include "parse/fuzz_int.h"
#include "parse/winxml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    static struct pairs p;
    static uint64_t sum;
    struct slice all = {(const char *)data, size}, event;
    size_t at = 0;
    bool broken;

    if (!a.max_bytes)
        arena_init(&a, 64 << 20);
    (void)winxml_looks(all);
    if (winxml_cut(all) > all.n)
        abort();
    while (winxml_next(all, at, &event, &broken)) {
        struct parse_ctx ctx = {.arena = &a};
        struct record r = {.received_ns = INT64_C(1795593600000000000), .payload = event};
        if (event.p < all.p + at || event.p + event.n > all.p + all.n || event.n == 0)
            abort();
        arena_reset(&a);
        p.n = 0;
        p.over = p.content = false;
        p.module = p.dataset = NULL;
        if (winxml_pairs(event, &a, &p, NULL) == ERR_NONE &&
            parse_pairs(&ctx, &r, &p, fuzz_look, &sum) != 1)
            abort();
        at = (size_t)(event.p - all.p) + event.n;
    }
    return 0;
}
