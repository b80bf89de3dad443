#include "parse/parse.h"

extern const struct parser NAME_parser;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event ev;
    struct arena a;
    struct diag d = {0};

    arena_init(&a, 16 << 20);
    event_init(&ev, &a);
    struct parse_ctx ctx = {.arena = &a, .json = json_reader_new(1 << 20, 10000)};
    if (ctx.json)
        (void)!NAME_parser.parse(&ctx, (struct slice){(const char *)data, size}, &ev, &d);
    json_reader_free(ctx.json);
    arena_done(&a);
    return 0;
}
