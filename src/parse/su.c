/* su: util-linux ("(to root) user on pts/1", "FAILED SU (to root) user on pts/1") and shadow
 * ("Successful su for root by user", "+ /dev/pts/1 user:root"). */
#include "parse/template_int.h"

#define AUTH "authentication"

static const struct template_row rows[] = {
    {"(to %e) %u on %x", "su", AUTH, "start", "success"},
    {"FAILED SU (to %e) %u on %x", "su", AUTH, "start", "failure"},
    {"Successful su for %e by %u", "su", AUTH, "start", "success"},
    {"FAILED su for %e by %u", "su", AUTH, "start", "failure"},
    {"+ %x %u:%e", "su", AUTH, "start", "success"},
    {"- %x %u:%e", "su", AUTH, "start", "failure"},
};

static bool looks(const struct event *ev, struct slice payload)
{
    const struct value *app = ev ? event_get(ev, F_LOG_SYSLOG_APPNAME) : NULL;

    (void)payload;
    return app && slice_eq(app->text, SLICE("su"));
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    (void)ctx;
    (void)diag;
    if (!ev->message.n)
        ev->message = payload;
    put_module(ev, SLICE("su"), SLICE("su.log"));
    (void)template_apply(rows, ARRAY_LEN(rows), slice_trim(payload), ev);
    return ERR_NONE;
}

const struct parser su_parser = {
    .name = "su",
    .summary = "changes of user by su",
    .rank = 20,
    .content = true,
    .looks = looks,
    .parse = parse,
};
