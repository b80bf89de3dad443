/* sudo: "user : [reason ; ]TTY=pts/0 ; PWD=/ ; USER=root ; [GROUP=x ; ][ENV=...; ]COMMAND=/bin/ls".
 */
#include "parse/put_int.h"

static bool looks(const struct event *ev, struct slice payload)
{
    const struct value *app = ev ? event_get(ev, F_LOG_SYSLOG_APPNAME) : NULL;

    (void)payload;
    return app && slice_eq(app->text, SLICE("sudo"));
}

/* One "NAME=value" or reason between " ; ". */
static bool part(struct event *ev, struct slice s)
{
    size_t eq = slice_find(s, '=');
    struct slice v = eq < s.n ? slice_cut(s, eq + 1, s.n) : s;

    if (slice_starts(s, SLICE("TTY=")))
        put_add_text(ev, "process.tty.name", v);
    else if (slice_starts(s, SLICE("PWD=")))
        put_text(ev, F_PROCESS_WORKING_DIRECTORY, v);
    else if (slice_starts(s, SLICE("USER=")))
        put_text(ev, F_USER_EFFECTIVE_NAME, v);
    else if (slice_starts(s, SLICE("GROUP=")))
        put_add_text(ev, "group.name", v);
    else if (slice_starts(s, SLICE("HOST=")))
        put_add_text(ev, "sudo.host", v);
    else if (slice_starts(s, SLICE("CHROOT=")))
        put_add_text(ev, "sudo.chroot", v);
    else if (slice_starts(s, SLICE("TSID=")))
        put_add_text(ev, "sudo.tsid", v);
    else if (slice_starts(s, SLICE("ENV=")))
        put_add_text(ev, "sudo.env", v);
    else
        return false;
    return true;
}

/* What follows COMMAND= is the user's and may hold anything, also " ; USER=nobody". */
static void command(struct event *ev, struct slice s)
{
    size_t n = slice_find(s, ' ');
    size_t slash = n;

    while (slash > 0 && s.p[slash - 1] != '/')
        slash--;
    put_text(ev, F_PROCESS_COMMAND_LINE, s);
    if (s.n && s.p[0] == '/') {
        put_text(ev, F_PROCESS_EXECUTABLE, slice_cut(s, 0, n));
        put_text(ev, F_PROCESS_NAME, slice_cut(s, slash, n));
    }
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    struct slice s = slice_trim(payload);
    const char *mark = s.n ? memmem(s.p, s.n, " : ", 3) : NULL;

    (void)ctx;
    (void)diag;
    if (!ev->message.n)
        ev->message = payload;
    put_module(ev, SLICE("sudo"), SLICE("sudo.log"));
    if (!mark)
        return ERR_NONE;
    struct slice who = slice_trim(slice_cut(s, 0, (size_t)(mark - s.p)));
    bool failure = false;
    s = slice_cut(s, (size_t)(mark - s.p) + 3, s.n);
    put_text(ev, F_USER_NAME, who);
    while (s.n) {
        if (slice_starts(s, SLICE("COMMAND="))) {
            command(ev, slice_cut(s, 8, s.n));
            break;
        }
        const char *next = memmem(s.p, s.n, " ; ", 3);
        size_t n = next ? (size_t)(next - s.p) : s.n;
        if (!part(ev, slice_cut(s, 0, n)) && n) {
            failure = true;
            put_text(ev, F_EVENT_REASON, slice_cut(s, 0, n));
        }
        s = slice_cut(s, next ? n + 3 : n, s.n);
    }
    put_text(ev, F_EVENT_ACTION, SLICE("sudo_command"));
    put_words(ev, F_EVENT_CATEGORY, "process");
    put_words(ev, F_EVENT_TYPE, failure ? "start denied" : "start");
    put_text(ev, F_EVENT_OUTCOME, failure ? SLICE("failure") : SLICE("success"));
    return ERR_NONE;
}

const struct parser sudo_parser = {
    .name = "sudo",
    .summary = "commands run or refused by sudo",
    .rank = 20,
    .content = true,
    .looks = looks,
    .parse = parse,
};
