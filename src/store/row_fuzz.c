/* Any bytes as rows of an answer: refused, or written as JSON that a strict reader takes. */
#include "store/row_int.h"

#include <stdlib.h>

#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of((struct slice){(const char *)data, size});
    struct json_reader *json = json_reader_new(1 << 22, 1 << 20);
    const struct json_node *tree;
    struct arena a;
    struct buf out;
    struct jsonw w;
    struct id128 id;
    int64_t ns;
    enum err e = json ? ERR_NONE : ERR_NOMEM;

    arena_init(&a, 4 << 20);
    buf_init(&out, 1 << 20);
    jsonw_init(&w, &out);
    jsonw_array(&w);
    while (e == ERR_NONE && bytes_left(&in)) {
        arena_reset(&a);
        e = row_json(&in, &a, &w, &ns, &id);
    }
    jsonw_close_array(&w);
    if (e == ERR_NONE && jsonw_end(&w) == ERR_NONE &&
        json_read(json, buf_slice(&out), &tree, NULL, NULL) != ERR_NONE)
        abort();
    buf_done(&out);
    arena_done(&a);
    json_reader_free(json);
    return 0;
}
