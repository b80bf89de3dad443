/* Any other line that begins with a time: the time and the text. As a format hint it takes every
 * line. */
#include "parse/put_int.h"
#include "parse/when_int.h"

static bool stamp(int32_t zone_s, int64_t received_ns, struct slice s, int64_t *ret_ns,
                  size_t *ret_used)
{
    size_t bracket = s.n && s.p[0] == '[';
    struct slice in = slice_cut(s, bracket, s.n);

    if (!when_iso(in, zone_s, ret_ns, ret_used) &&
        !when_bsd(in, zone_s, received_ns, ret_ns, ret_used))
        return false;
    *ret_used += bracket;
    return true;
}

static bool looks(const struct event *ev, struct slice payload)
{
    int64_t ns;
    size_t used;

    return !ev && stamp(0, INT64_C(1800000000000000000), payload, &ns, &used);
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    int64_t ns;
    size_t used;

    (void)diag;
    if (stamp(ctx->zone_s, ev->ingested_ns, payload, &ns, &used))
        put_time(ctx, ev, ns, slice_cut(payload, 0, used));
    ev->message = payload;
    put_module(ev, SLICE("plain"), SLICE("plain"));
    return ERR_NONE;
}

const struct parser plain_parser = {
    .name = "plain",
    .summary = "any text, with the time if the line begins with one",
    .rank = 90,
    .looks = looks,
    .parse = parse,
};
