/* Any JSON object: members under flattened names, known names onto the dictionary (alias.def). A
 * message with a program's name beside it, or that looks like an access log, is read further. */
#include "parse/alias_int.h"
#include "parse/flatten_int.h"
#include "parse/put_int.h"
#include "parse/winlog_int.h"

static bool looks(const struct event *ev, struct slice payload)
{
    struct slice s = slice_trim(payload);

    (void)ev;
    return s.n > 1 && s.p[0] == '{';
}

static bool inside(struct slice s, const struct record *r)
{
    return r && s.p >= r->payload.p && s.p + s.n <= r->payload.p + r->payload.n;
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    const struct json_node *root;
    struct flatten f;
    bool tolerant = false;
    enum err e = json_read(ctx->json, payload, &root, &tolerant, diag);

    if (e != ERR_NONE)
        return e;
    if (root->type != JSON_OBJECT)
        return FAIL(diag, ERR_SYNTAX, 0, "json: not an object");
    ev->tolerant |= tolerant;
    flatten_init(&f, ctx, ev);
    if (!tolerant && inside(payload, ev->record))
        flatten_verbatim(&f, payload.n);
    for (const struct json_node *c = root->child; c; c = c->next)
        flatten_member(&f, c->key, c);
    for (const struct json_node *c = root->child; c; c = c->next)
        if (c->type != JSON_ARRAY && c->type != JSON_OBJECT && alias_find(c->key) != F_NONE)
            alias_put(ctx, ev, c->key, flatten_text(&f, c), &f.has_message, &f.has_time);
    if (f.has_message)
        put_content(ctx, ev, ev->message, false);
    if (!winlog_find(ev))
        put_module(ev, SLICE("json"), SLICE("json"));
    return ERR_NONE;
}

const struct parser json_parser = {
    .name = "json",
    .summary = "one JSON object a record, any names",
    .rank = 8,
    .content = true,
    .json = true,
    .looks = looks,
    .parse = parse,
};
