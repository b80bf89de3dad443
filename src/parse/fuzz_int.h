/* parse/fuzz_int.h - one fuzz input through parse_record, with what must hold of every event. */
#ifndef PARSE_FUZZ_INT_H
#define PARSE_FUZZ_INT_H

#include <stdlib.h>

#include "parse/parse.h"

static inline void fuzz_look(void *arg, struct event *ev)
{
    uint64_t *sum = arg;

    if (!ev->message.p || ev->ingested_ns != INT64_C(1795593600000000000))
        abort();
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct event_field *f = &ev->fields[i];
        if (!f->name.p || !f->v.text.p)
            abort();
        for (size_t k = 0; k < f->v.text.n; k++)
            *sum += (uint8_t)f->v.text.p[k];
        for (uint32_t k = 0; f->v.type == VT_LIST && k < f->v.list_n; k++) {
            if (!f->v.list[k].text.p || f->v.list[k].type == VT_LIST)
                abort();
            for (size_t c = 0; c < f->v.list[k].text.n; c++)
                *sum += (uint8_t)f->v.list[k].text.p[c];
        }
    }
}

static inline void fuzz_parse(struct slice in, enum input_kind input, const char *format)
{
    static struct arena arena;
    static struct json_reader *json;
    static uint64_t sum;

    if (!json) {
        arena_init(&arena, 64 << 20);
        json = json_reader_new(1 << 20, 100000);
    }
    arena_reset(&arena);
    struct parse_ctx ctx = {.arena = &arena, .json = json, .zone_s = 7 * 3600};
    struct record r = {.received_ns = INT64_C(1795593600000000000), .input = input, .payload = in};
    if (format)
        r.format = parser_number(parser_find(slice_of(format)));
    if (!json || parse_record(&ctx, &r, fuzz_look, &sum) != 1)
        abort();
}

#endif
