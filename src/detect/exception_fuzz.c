/* Bytes as a snapshot of exceptions: read, and asked about one finding. */
#include <stdlib.h>

#include "detect/exception.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rule_info rule = {.id = "r"};
    const struct match_field matched = {SLICE("CommandLine"), SLICE("a \xff b")};
    struct exceptions *x = NULL;
    struct arena arena;
    struct event ev;

    if (exceptions_read((struct slice){(const char *)data, size}, &x, NULL) != ERR_NONE)
        return 0;
    arena_init(&arena, 1 << 20);
    event_init(&ev, &arena);
    ev.message = SLICE("m\0n");
    if (event_set(&ev, F_USER_NAME, SLICE("\xc4\x90inh")) != ERR_NONE)
        abort();
    struct finding f = {.rule = &rule, .event = &ev, .matched_n = 1, .matched = &matched};
    uint64_t id = exceptions_hold(x, &f, &arena, 0);
    if (id && exceptions_n(x) == 0)
        abort();
    arena_done(&arena);
    exceptions_free(x);
    return 0;
}
