#include "core/json_fast.h"

#include <new>

#include <simdjson.h>

static_assert(JSON_FAST_PADDING >= simdjson::SIMDJSON_PADDING, "simdjson reads this far");

struct json_fast {
    simdjson::dom::parser parser;
    size_t max_bytes;
    size_t max_depth;
    size_t capacity;

    json_fast(size_t bytes, size_t depth)
        : parser(bytes), max_bytes(bytes), max_depth(depth), capacity(0)
    {
    }
};

/* simdjson looks at the processor on first use, and ends the process when there is no memory for
 * that: have it happen before main. */
__attribute__((constructor)) static void choose_implementation()
{
    (void)simdjson::get_active_implementation()->name();
}

/* Grows by doubling: left alone, simdjson allocates anew for each document longer than the last. */
static bool grow(json_fast *f, size_t n)
{
    size_t capacity = f->capacity ? f->capacity : 4096;

    while (capacity < n)
        capacity *= 2;
    f->parser.set_max_capacity(capacity);
    f->capacity = 0;
    if (f->parser.doc.allocate(capacity) != simdjson::SUCCESS ||
        f->parser.allocate(capacity, f->max_depth) != simdjson::SUCCESS)
        return false;
    f->capacity = capacity;
    return true;
}

extern "C" void json_fast_free(struct json_fast *f)
{
    delete f;
}

extern "C" struct json_fast *json_fast_new(size_t max_bytes, size_t max_depth)
{
    return new (std::nothrow) json_fast(max_bytes, max_depth);
}

extern "C" enum json_fast_result json_fast_read(struct json_fast *f, const char *padded, size_t n,
                                                const uint64_t **ret_tape, const char **ret_strings)
{
    if (n > f->max_bytes)
        return JSON_FAST_REFUSED;
    if (n > f->capacity || f->capacity == 0)
        if (!grow(f, n))
            return JSON_FAST_NOMEM;
    simdjson::error_code e =
        f->parser.parse(reinterpret_cast<const uint8_t *>(padded), n, false).error();
    if (e == simdjson::MEMALLOC)
        return JSON_FAST_NOMEM;
    if (e != simdjson::SUCCESS)
        return JSON_FAST_REFUSED;
    *ret_tape = f->parser.doc.tape.get();
    *ret_strings = reinterpret_cast<const char *>(f->parser.doc.string_buf.get());
    return JSON_FAST_OK;
}
