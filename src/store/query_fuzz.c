/* Any bytes as a query: it parses and turns into SQL whose every value is a parameter, or fails
 * with a position inside the text. */
#include "store/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct query_node *q = NULL;
    struct store_params *p = calloc(1, sizeof(*p));
    struct diag d = {.code = ERR_NONE};
    struct arena a;
    struct buf out;

    if (!p)
        return 0;
    arena_init(&a, 8 << 20);
    buf_init(&out, 1 << 20);
    enum err e = query_parse(&a, (struct slice){(const char *)data, size}, &q, &d);
    if (e == ERR_NONE)
        e = query_to_sql(q, &a, INT64_C(1764000000000000000), p, &out, &d);
    if (e != ERR_NONE && (d.at > size || d.text[0] == 0))
        abort();
    /* Nothing of the text may stand in the statement: neither a quotation mark of its own ... */
    for (size_t i = 0; e == ERR_NONE && i < out.n; i++)
        if (out.p[i] == '"' || out.p[i] == ';' || (unsigned char)out.p[i] >= 0x7f)
            abort();
    buf_done(&out);
    arena_done(&a);
    free(p);
    return 0;
}
