#include <stdlib.h>

#include "core/ip.h"
#include "enrich/enrich.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A snapshot, then an event of every input against it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inventory *inv = NULL;
    struct arena a;

    if (inventory_read((struct slice){(const char *)data, size}, &inv, NULL) != ERR_NONE)
        return 0;
    arena_init(&a, 1 << 20);
    for (unsigned input = 0; input < 6; input++) {
        struct record r = {.input = (enum input_kind)input, .name = SLICE("/var/log/a.log")};
        struct event ev;
        event_init(&ev, &a);
        ev.record = &r;
        if (!ip_parse(SLICE("127.0.10.1"), r.peer) ||
            event_set(&ev, F_HOST_NAME, SLICE("web01.x")) != ERR_NONE ||
            event_set(&ev, F_SOURCE_IP, SLICE("10.0.0.1")) != ERR_NONE)
            abort();
        enrich_event(inv, NULL, &ev);
        if (ev.org == ORG_INVALID)
            abort();
    }
    arena_done(&a);
    inventory_free(inv);
    return 0;
}
