#include <stdlib.h>

#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that a tree says of itself holds, and lies inside the document. */
static unsigned check(const struct json_node *n, unsigned depth)
{
    unsigned total = 1, children = 0;

    if (depth > JSON_DEPTH_MAX + 1 || !n->key.p || !n->str.p || n->line < 1 || n->col < 1)
        abort();
    for (const struct json_node *c = n->child; c; c = c->next, children++)
        total += check(c, depth + 1);
    if (children != n->n || (children && n->type != JSON_ARRAY && n->type != JSON_OBJECT))
        abort();
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_reader *r;
    const struct json_node *docs = NULL;
    struct diag d = {0};

    if (!r)
        r = json_reader_new(1 << 16, 1 << 12);
    if (!r)
        abort();
    enum err e = yaml_read(r, (struct slice){(const char *)data, size}, &docs, &d);
    if (e == ERR_NONE) {
        if (docs->type != JSON_ARRAY || check(docs, 0) > 1 << 12)
            abort();
    } else if (docs || d.at > size || d.text[0] == 0) {
        abort();
    }
    return 0;
}
