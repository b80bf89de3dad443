#include "detect/pipeline_int.h"

static bool scalar(const struct json_node *n)
{
    return n->type != JSON_ARRAY && n->type != JSON_OBJECT;
}

static bool all_scalars(const struct json_node *list)
{
    for (const struct json_node *n = list->child; n; n = n->next)
        if (!scalar(n))
            return false;
    return true;
}

static CHECKED enum err kids(struct compile *c, const struct json_node *node, unsigned depth,
                             struct sel *ret)
{
    bool map = node->type == JSON_OBJECT;
    struct sel *to = arena_calloc(&c->rs->arena, node->n, sizeof(*to));
    size_t n = 0;

    if (!to)
        return ERR_NOMEM;
    for (const struct json_node *m = node->child; m; m = m->next, n++) {
        enum err e = map && !pipe_is_list(m) ? item_compile(c, m, m->key, m, &to[n].item)
                                             : selection_compile(c, m, depth + 1, &to[n]);
        if (e != ERR_NONE)
            return e;
    }
    *ret = (struct sel){.kind = map ? SEL_AND : SEL_OR, .kids = to, .n = n};
    return ERR_NONE;
}

CHECKED enum err selection_compile(struct compile *c, const struct json_node *node, unsigned depth,
                                   struct sel *ret)
{
    if (depth > DETECTION_DEPTH_MAX)
        return report_issue(c, ISSUE_ERROR, node, "too-deep", "detection nested too deep");
    if (!scalar(node) && node->n == 0)
        return report_issue(c, ISSUE_ERROR, node, "empty-selection", "an empty %s selects nothing",
                            node->type == JSON_ARRAY ? "list" : "map");
    if (scalar(node) || (node->type == JSON_ARRAY && all_scalars(node))) {
        *ret = (struct sel){.kind = SEL_ITEM};
        return item_compile(c, node, SLICE(""), node, &ret->item);
    }
    return kids(c, node, depth, ret);
}
