#include "parse/flatten_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "parse/put_int.h"
#include "parse/when_int.h"

enum { POOL_BYTES = 4096 - 64 };

void flatten_init(struct flatten *f, struct parse_ctx *ctx, struct event *ev)
{
    memset(f, 0, sizeof(*f));
    f->ctx = ctx;
    f->ev = ev;
    f->first = f->hint = ev->n;
}

void flatten_verbatim(struct flatten *f, size_t n)
{
    f->verbatim = true;
    /* Names, values, and those values once more that dictionary fields get. */
    f->pool = arena_alloc(f->ev->arena, 2 * n);
    f->left = f->pool ? 2 * n : 0;
    f->ev->sent_text = (struct slice){f->pool, f->left};
}

static char *take(struct flatten *f, size_t n)
{
    if (n > f->left) {
        if (n > POOL_BYTES / 4) {
            char *own = arena_alloc(f->ev->arena, n);
            f->ev->overflow |= !own;
            return own;
        }
        f->pool = arena_alloc(f->ev->arena, POOL_BYTES);
        f->left = f->pool ? POOL_BYTES : 0;
        if (!f->pool) {
            f->ev->overflow = true;
            return NULL;
        }
    }
    char *p = f->pool;
    f->pool += n;
    f->left -= n;
    return p;
}

struct slice flatten_keep(struct flatten *f, struct slice s)
{
    char *p = s.n ? take(f, s.n) : NULL;

    if (!p)
        return SLICE("");
    memcpy(p, s.p, s.n);
    return (struct slice){p, s.n};
}

static struct slice join(struct flatten *f, struct slice prefix, struct slice key)
{
    if (prefix.n == 0)
        return flatten_keep(f, key);
    char *p = take(f, prefix.n + 1 + key.n);
    if (!p)
        return SLICE("");
    memcpy(p, prefix.p, prefix.n);
    p[prefix.n] = '.';
    if (key.n)
        memcpy(p + prefix.n + 1, key.p, key.n);
    return (struct slice){p, prefix.n + 1 + key.n};
}

static struct slice decimal(struct flatten *f, bool minus, uint64_t v)
{
    char text[24];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (minus)
        text[--at] = '-';
    return flatten_keep(f, (struct slice){text + at, sizeof(text) - at});
}

/* The shortest text that reads back as the same number. */
static struct slice real(struct flatten *f, double d)
{
    char text[40];
    int n = 0;

    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof(text), "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    struct slice s = SLICE("");
    if (arena_dup(f->ev->arena, (struct slice){text, n > 0 ? (size_t)n : 0}, &s) != ERR_NONE)
        f->ev->overflow = true;
    return s;
}

struct slice flatten_text(struct flatten *f, const struct json_node *node)
{
    if (!node)
        return SLICE("");
    switch (node->type) {
    case JSON_STRING:
        return flatten_keep(f, node->str);
    case JSON_INT:
        return decimal(f, node->i < 0, node->i < 0 ? 0 - (uint64_t)node->i : (uint64_t)node->i);
    case JSON_UINT:
        return decimal(f, false, node->u);
    case JSON_DOUBLE:
        return node->str.n ? flatten_keep(f, node->str) : real(f, node->d);
    case JSON_BOOL:
        return node->b ? SLICE("true") : SLICE("false");
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return SLICE("");
}

static struct value scalar(struct flatten *f, const struct json_node *node)
{
    struct value v = value_str(flatten_text(f, node));

    switch (node->type) {
    case JSON_INT:
        v.type = VT_INT;
        v.i = node->i;
        break;
    case JSON_UINT:
        v.type = VT_DOUBLE;
        v.d = (double)node->u;
        break;
    case JSON_DOUBLE:
        v.type = VT_DOUBLE;
        v.d = node->d;
        break;
    case JSON_BOOL:
        v.type = VT_BOOL;
        v.i = node->b;
        break;
    case JSON_NULL:
        v.type = VT_NULL;
        break;
    case JSON_OBJECT: /* only empty ones come here */
        v.text = SLICE("{}");
        break;
    case JSON_STRING:
    case JSON_ARRAY:
        break;
    }
    return v;
}

/* Written as it was sent, but for escapes: not what is rendered anew. */
static bool as_sent(const struct flatten *f, const struct json_node *node)
{
    return f->verbatim && node->type != JSON_DOUBLE && node->type != JSON_OBJECT;
}

static uint64_t eight(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* Names of one tree share prefixes, so the tail counts. */
static unsigned tail_hash(struct slice name)
{
    uint64_t h = name.n * UINT64_C(0x9e3779b97f4a7c15);

    if (name.n >= 16) {
        h ^= eight(name.p + name.n - 8) * UINT64_C(0xff51afd7ed558ccd);
        h ^= eight(name.p + name.n - 16) * UINT64_C(0xc4ceb9fe1a85ec53);
    } else {
        for (size_t i = 0; i < name.n; i++)
            h = (h ^ (uint8_t)name.p[i]) * UINT64_C(0x100000001b3);
    }
    return (unsigned)(h >> 40 ^ h >> 20) & 4095;
}

/* Whether this tree gave the name before; a miss marks it. */
static bool seen(struct flatten *f, struct slice name)
{
    unsigned h = tail_hash(name);
    uint64_t bit = UINT64_C(1) << (h & 63), *word = &f->bloom[h >> 6];
    bool hit = (*word & bit) != 0;

    *word |= bit;
    return hit;
}

/* The index of a field of this name that this tree set, or -1. Members of a list of objects come in
 * the same order each time, hence the hint. */
static int64_t find(struct flatten *f, struct slice name)
{
    struct event *ev = f->ev;
    enum field known = field_find(name);

    if (known != F_NONE)
        return f->seen[known / 64] >> (known % 64) & 1 ? ev->at[known] - 1 : -1;
    for (uint32_t k = f->first, i = f->hint; k < ev->n; k++, i++) {
        if (i >= ev->n)
            i = f->first;
        if (ev->fields[i].f == F_NONE && slice_eq(ev->fields[i].name, name)) {
            f->hint = i + 1;
            return i;
        }
    }
    return -1;
}

/* Appends to the field at index i, growing by doubling. */
static void append(struct flatten *f, uint32_t i, struct value v)
{
    struct value *to = &f->ev->fields[i].v;
    uint32_t n = to->type == VT_LIST ? to->list_n : 1;

    if (!f->list_cap)
        f->list_cap = arena_calloc(f->ev->arena, EVENT_FIELDS_MAX, sizeof(*f->list_cap));
    if (!f->list_cap || n >= EVENT_LIST_MAX) {
        f->ev->overflow = true;
        return;
    }
    if (f->list_cap[i] <= n) {
        uint16_t cap = 4;
        while (cap <= n)
            cap = (uint16_t)(cap * 2);
        struct value *list = arena_alloc(f->ev->arena, cap * sizeof(*list));
        if (!list) {
            f->ev->overflow = true;
            return;
        }
        if (to->type == VT_LIST && n)
            memcpy(list, to->list, n * sizeof(*list));
        else if (to->type != VT_LIST)
            list[0] = *to;
        *to = (struct value){.type = VT_LIST, .text = SLICE(""), .list_n = n, .list = list};
        f->list_cap[i] = cap;
    }
    to->list[n] = v;
    to->list_n = n + 1;
}

/* What the event itself holds: given once, at the top, and then no field. */
static bool base_member(struct flatten *f, struct slice name, struct value v)
{
    int64_t ns;

    if (slice_eq(name, SLICE("message")) && !f->has_message && v.type == VT_STRING && v.text.n) {
        f->ev->message = v.text;
        return f->has_message = true;
    }
    if (slice_eq(name, SLICE("@timestamp")) && !f->has_time &&
        when_any(v.text, f->ctx->zone_s, f->ev->ingested_ns, &ns)) {
        put_time(f->ctx, f->ev, ns, v.text);
        return f->has_time = true;
    }
    return false;
}

static void leaf(struct flatten *f, struct slice name, struct value v, bool in_list, bool sent)
{
    if (!in_list && base_member(f, name, v))
        return;
    name = put_name(f->ev, name);
    if (seen(f, name)) {
        int64_t i = find(f, name);
        if (i >= 0) {
            f->ev->fields[i].sent &= sent;
            if (v.type != VT_LIST)
                append(f, (uint32_t)i, v);
            for (uint32_t k = 0; v.type == VT_LIST && k < v.list_n; k++)
                append(f, (uint32_t)i, v.list[k]);
            return;
        }
    }
    if (in_list && v.type != VT_LIST) {
        struct value *one = (struct value *)arena_alloc(f->ev->arena, sizeof(*one));
        if (!one) {
            f->ev->overflow = true;
            return;
        }
        *one = v;
        v = (struct value){.type = VT_LIST, .text = SLICE(""), .list_n = 1, .list = one};
    }
    enum field known = field_find(name);
    f->seen[known / 64] |= UINT64_C(1) << (known % 64);
    if (event_add(f->ev, name, v) != ERR_NONE)
        f->ev->overflow = true;
    else
        f->ev->fields[known == F_NONE ? f->ev->n - 1 : f->ev->at[known] - 1u].sent = sent;
}

static void walk(struct flatten *f, struct slice name, const struct json_node *node, bool in_list);

static void array(struct flatten *f, struct slice name, const struct json_node *node, bool in_list)
{
    uint32_t n = node->n < EVENT_LIST_MAX ? node->n : EVENT_LIST_MAX, i = 0;
    bool flat = true;

    f->ev->overflow |= n < node->n;
    for (const struct json_node *c = node->child; c && flat; c = c->next)
        flat = c->type != JSON_ARRAY && c->type != JSON_OBJECT;
    if (!flat) {
        for (const struct json_node *c = node->child; c && i < n; c = c->next, i++)
            walk(f, name, c, true);
        return;
    }
    struct value *list = arena_alloc(f->ev->arena, (n ? n : 1) * sizeof(*list));
    if (!list) {
        f->ev->overflow = true;
        return;
    }
    bool sent = true;
    for (const struct json_node *c = node->child; c && i < n; c = c->next) {
        sent &= as_sent(f, c);
        list[i++] = scalar(f, c);
    }
    struct value v = {.type = VT_LIST, .text = SLICE(""), .list_n = i, .list = list};
    leaf(f, name, v, in_list, sent);
}

static void walk(struct flatten *f, struct slice name, const struct json_node *node, bool in_list)
{
    if (node->type == JSON_ARRAY)
        array(f, name, node, in_list);
    else if (node->type != JSON_OBJECT || !node->child)
        leaf(f, name, scalar(f, node), in_list, as_sent(f, node));
    else
        for (const struct json_node *c = node->child; c; c = c->next)
            walk(f, join(f, name, c->key), c, in_list);
}

void flatten_member(struct flatten *f, struct slice name, const struct json_node *node)
{
    walk(f, flatten_keep(f, name), node, false);
}

void flatten_value(struct flatten *f, struct slice name, struct value v)
{
    leaf(f, name, v, false, false);
}

CHECKED enum err parse_flatten(struct parse_ctx *ctx, const struct json_node *obj,
                               struct slice prefix, struct event *ev)
{
    struct flatten f;

    if (!obj || obj->type != JSON_OBJECT)
        return ERR_SYNTAX;
    flatten_init(&f, ctx, ev);
    for (const struct json_node *c = obj->child; c; c = c->next)
        walk(&f, join(&f, prefix, c->key), c, false);
    return ERR_NONE;
}
