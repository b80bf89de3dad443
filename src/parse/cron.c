/* cron, crond, anacron, crontab: "(root) CMD (command)". */
#include "parse/template_int.h"

static const struct template_row rows[] = {
    {"(%u) CMD (%c)", "cron_command", "process", "start", "success"},
    {"(%u) CMDEND (%c)", "cron_command_end", "process", "end", "success"},
    {"(%u) CMDOUT (%r)", "cron_output", "process", "info", ""},
    {"(%u) LIST (%*)", "crontab_list", "configuration", "access", "success"},
    {"(%u) BEGIN EDIT (%*)", "crontab_edit", "configuration", "change", ""},
    {"(%u) END EDIT (%*)", "crontab_edit", "configuration", "change", ""},
    {"(%u) REPLACE (%*)", "crontab_replace", "configuration", "change", "success"},
    {"(%u) DELETE (%*)", "crontab_delete", "configuration", "deletion", "success"},
    {"(%u) RELOAD (%*)", "crontab_reload", "configuration", "change", "success"},
    {"(%u) AUTH (%*)", "crontab_denied", "configuration", "denied", "failure"},
    {"(%u) ORPHAN (%r)", "cron_orphan", "configuration", "error", "failure"},
    {"(%u) WRONG FILE OWNER (%r)", "cron_error", "configuration", "error", "failure"},
};

static bool looks(const struct event *ev, struct slice payload)
{
    const struct value *app = ev ? event_get(ev, F_LOG_SYSLOG_APPNAME) : NULL;

    (void)payload;
    return app && (slice_eq_nocase(app->text, SLICE("cron")) ||
                   slice_eq_nocase(app->text, SLICE("crond")) ||
                   slice_eq_nocase(app->text, SLICE("/usr/sbin/cron")) ||
                   slice_eq_nocase(app->text, SLICE("crontab")));
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    (void)ctx;
    (void)diag;
    if (!ev->message.n)
        ev->message = payload;
    put_module(ev, SLICE("cron"), SLICE("cron.log"));
    (void)template_apply(rows, ARRAY_LEN(rows), slice_trim(payload), ev);
    return ERR_NONE;
}

const struct parser cron_parser = {
    .name = "cron",
    .summary = "jobs of cron and changes of crontabs",
    .rank = 20,
    .content = true,
    .looks = looks,
    .parse = parse,
};
