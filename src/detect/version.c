#include <inttypes.h>
#include <stdio.h>

#include "detect/rule_int.h"

enum { VERSION_DEPTH_MAX = 64 };

static uint64_t add(uint64_t h, const void *p, size_t n)
{
    const unsigned char *at = p;

    for (size_t i = 0; i < n; i++)
        h = (h ^ at[i]) * UINT64_C(0x100000001b3);
    return (h ^ n) * UINT64_C(0x100000001b3);
}

/* Names, values and their order; comments and blanks are no part of the tree. */
static uint64_t tree(uint64_t h, const struct json_node *n, unsigned depth)
{
    uint32_t type = (uint32_t)n->type;

    h = add(h, &type, sizeof(type));
    h = add(h, n->key.p, n->key.n);
    h = add(h, n->str.p, n->str.n);
    for (const struct json_node *k = n->child; k && depth < VERSION_DEPTH_MAX; k = k->next)
        h = tree(h, k, depth + 1);
    return add(h, &n->n, sizeof(n->n));
}

static CHECKED enum err put(struct arena *a, uint64_t h, const char **ret)
{
    char text[17];

    (void)snprintf(text, sizeof(text), "%016" PRIx64, h);
    const char *to = arena_cstr(a, slice_of(text));
    if (!to)
        return ERR_NOMEM;
    *ret = to;
    return ERR_NONE;
}

CHECKED enum err version_join(struct arena *a, const char *x, const char *y, const char **ret)
{
    return put(a, add(add(UINT64_C(0xcbf29ce484222325), x, strlen(x)), y, strlen(y)), ret);
}

CHECKED enum err version_of(struct arena *a, const struct json_node *doc, const char **ret)
{
    return put(a, tree(UINT64_C(0xcbf29ce484222325), doc, 0), ret);
}
