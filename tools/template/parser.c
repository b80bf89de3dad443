/* NAME: one sentence on who writes this format and where it is described.
 *
 *   record = "NAME" SP number SP text
 */
#include "parse/parse.h"

static bool looks(const struct event *ev, struct slice payload)
{
    (void)ev;
    return slice_starts(payload, SLICE("NAME "));
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    struct slice rest = slice_cut(payload, sizeof("NAME ") - 1, payload.n);
    size_t space = slice_find(rest, ' ');
    int64_t code;

    (void)ctx;
    if (!looks(ev, payload) || !slice_to_i64(slice_cut(rest, 0, space), &code))
        return FAIL(diag, ERR_SYNTAX, sizeof("NAME ") - 1, "a number was expected here");
    if (!ev->message.n)
        ev->message = payload;
    enum err e = event_set_int(ev, F_EVENT_SEVERITY, code);
    if (e == ERR_NONE)
        e = event_set(ev, F_EVENT_MODULE, SLICE("NAME"));
    return e;
}

const struct parser NAME_parser = {
    .name = "NAME",
    .summary = "one line for the manual",
    .rank = 50,
    .content = true,
    .looks = looks,
    .parse = parse,
};
