/* OpenSSH's server (sshd, sshd-session, sshd-auth): the messages of auth.c, packet.c, monitor.c,
 * kex.c, session.c of OpenSSH 5 to 10. */
#include "parse/template_int.h"

#define AUTH "authentication"
#define NET "network session"

static const struct template_row rows[] = {
    {"Accepted %m for %u from %i port %p%*", "ssh_login", AUTH, "start", "success"},
    {"Failed %m for invalid user %u from %i port %p%*", "ssh_login", AUTH, "start", "failure"},
    {"Failed %m for illegal user %u from %i port %p%*", "ssh_login", AUTH, "start", "failure"},
    {"Failed %m for %u from %i port %p%*", "ssh_login", AUTH, "start", "failure"},
    {"Failed %m for %u from %i", "ssh_login", AUTH, "start", "failure"},
    {"Invalid user %u from %i port %p", "ssh_invalid_user", AUTH, "start", "failure"},
    {"Invalid user %u from %i", "ssh_invalid_user", AUTH, "start", "failure"},
    {"Illegal user %u from %i", "ssh_invalid_user", AUTH, "start", "failure"},
    {"input_userauth_request: invalid user %u", "ssh_invalid_user", AUTH, "start", "failure"},
    {"Postponed %m for invalid user %u from %i port %p%*", "ssh_postponed", AUTH, "info", ""},
    {"Postponed %m for %u from %i port %p%*", "ssh_postponed", AUTH, "info", ""},
    {"Partial %m for %u from %i port %p%*", "ssh_partial", AUTH, "info", ""},
    {"maximum authentication attempts exceeded for invalid user %u from %i port %p%*",
     "ssh_max_attempts", AUTH, "end", "failure"},
    {"maximum authentication attempts exceeded for %u from %i port %p%*", "ssh_max_attempts", AUTH,
     "end", "failure"},
    {"Disconnecting: %r", "ssh_disconnect", NET, "end", ""},
    {"Disconnecting invalid user %u %i port %p: %r", "ssh_disconnect", AUTH, "end", "failure"},
    {"Disconnecting authenticating user %u %i port %p: %r", "ssh_disconnect", AUTH, "end",
     "failure"},
    {"PAM: %r for illegal user %u from %i", "ssh_login", AUTH, "start", "failure"},
    {"PAM: %r for %u from %i", "ssh_login", AUTH, "start", "failure"},
    {"User %u from %i not allowed because %r", "ssh_denied", AUTH, "denied", "failure"},
    {"ROOT LOGIN REFUSED FROM %i port %p", "ssh_denied", AUTH, "denied", "failure"},
    {"ROOT LOGIN REFUSED FROM %i", "ssh_denied", AUTH, "denied", "failure"},
    {"Connection closed by authenticating user %u %i port %p", "ssh_close", AUTH, "end", "failure"},
    {"Connection closed by invalid user %u %i port %p", "ssh_close", AUTH, "end", "failure"},
    {"Connection closed by %i port %p", "ssh_close", NET, "end", ""},
    {"Connection closed by %i", "ssh_close", NET, "end", ""},
    {"Connection reset by authenticating user %u %i port %p", "ssh_reset", AUTH, "end", "failure"},
    {"Connection reset by invalid user %u %i port %p", "ssh_reset", AUTH, "end", "failure"},
    {"Connection reset by %i port %p", "ssh_reset", NET, "end", ""},
    {"Connection reset by %i", "ssh_reset", NET, "end", ""},
    {"Disconnected from authenticating user %u %i port %p", "ssh_disconnect", AUTH, "end",
     "failure"},
    {"Disconnected from invalid user %u %i port %p", "ssh_disconnect", AUTH, "end", "failure"},
    {"Disconnected from user %u %i port %p", "ssh_disconnect", NET, "end", ""},
    {"Disconnected from %i port %p", "ssh_disconnect", NET, "end", ""},
    {"Disconnected from %x user %u %i port %p", "ssh_disconnect", NET, "end", ""},
    {"Disconnected from %i", "ssh_disconnect", NET, "end", ""},
    {"Received disconnect from %i port %p:%d: %r", "ssh_disconnect", NET, "end", ""},
    {"Received disconnect from %i: %d: %r", "ssh_disconnect", NET, "end", ""},
    {"Connection from %i port %p on %*", "ssh_connect", NET, "start", ""},
    {"Connection from %i port %p", "ssh_connect", NET, "start", ""},
    {"Did not receive identification string from %i port %p", "ssh_no_identification", NET, "end",
     "failure"},
    {"Did not receive identification string from %i", "ssh_no_identification", NET, "end",
     "failure"},
    {"Bad protocol version identification %r from %i port %p", "ssh_bad_protocol", NET, "protocol",
     "failure"},
    {"Bad protocol version identification %r from %i", "ssh_bad_protocol", NET, "protocol",
     "failure"},
    {"banner exchange: Connection from %i port %p: %r", "ssh_bad_protocol", NET, "protocol",
     "failure"},
    {"Protocol major versions differ for %i port %p: %r", "ssh_bad_protocol", NET, "protocol",
     "failure"},
    {"kex_exchange_identification: %r", "ssh_bad_protocol", NET, "protocol", "failure"},
    {"kex_protocol_error: %r", "ssh_bad_protocol", NET, "protocol", "failure"},
    {"ssh_dispatch_run_fatal: Connection from authenticating user %u %i port %p: %r", "ssh_error",
     NET, "error", "failure"},
    {"ssh_dispatch_run_fatal: Connection from invalid user %u %i port %p: %r", "ssh_error", NET,
     "error", "failure"},
    {"ssh_dispatch_run_fatal: Connection from %i port %p: %r", "ssh_error", NET, "error",
     "failure"},
    {"Magic value check failed (%d) on obfuscated handshake from %i port %p", "ssh_bad_protocol",
     NET, "protocol", "failure"},
    {"Unable to negotiate with %i port %p: %r", "ssh_negotiation", NET, "protocol", "failure"},
    {"Unable to negotiate with %i: %r", "ssh_negotiation", NET, "protocol", "failure"},
    {"refused connect from %h (%i)", "ssh_refused", NET, "denied", "failure"},
    {"Timeout before authentication for connection from %i to %x, pid = %d", "ssh_timeout", NET,
     "end", "failure"},
    {"Timeout before authentication for %i port %p", "ssh_timeout", NET, "end", "failure"},
    {"Timeout before authentication for %i", "ssh_timeout", NET, "end", "failure"},
    {"Timeout, client not responding from user %u %i port %p", "ssh_timeout", NET, "end", ""},
    {"Timeout, client not responding from %i port %p", "ssh_timeout", NET, "end", ""},
    {"drop connection #%d from [%i]:%p on %*", "ssh_refused", NET, "denied", "failure"},
    {"reverse mapping checking getaddrinfo for %h [%i] failed%*", "ssh_reverse_mapping", NET,
     "info", "failure"},
    {"Address %i maps to %h but this does not map back%*", "ssh_reverse_mapping", NET, "info",
     "failure"},
    {"Could not get shadow information for %u", "ssh_denied", AUTH, "denied", "failure"},
    {"Authentication refused: %r", "ssh_denied", AUTH, "denied", "failure"},
    {"Starting session: %x on %x for %u from %i port %p%*", "ssh_session_start", NET, "start",
     "success"},
    {"Starting session: command for %u from %i port %p%*", "ssh_session_start", NET, "start",
     "success"},
    {"Starting session: %r for %u from %i port %p%*", "ssh_session_start", NET, "start", "success"},
    {"Close session: user %u from %i port %p%*", "ssh_session_end", NET, "end", ""},
    {"subsystem request for %r by user %u", "ssh_subsystem", NET, "info", "success"},
    {"subsystem request for %r", "ssh_subsystem", NET, "info", "success"},
    {"Server listening on %x port %d.", "ssh_listen", "process", "info", ""},
    {"Received signal %d; terminating.", "ssh_stop", "process", "end", ""},
};

static bool looks(const struct event *ev, struct slice payload)
{
    const struct value *app = ev ? event_get(ev, F_LOG_SYSLOG_APPNAME) : NULL;

    (void)payload;
    return app &&
           (slice_starts(app->text, SLICE("sshd")) || slice_eq(app->text, SLICE("auth/sshd")));
}

static struct slice without(struct slice s, struct slice end)
{
    if (s.n >= end.n && slice_eq(slice_cut(s, s.n - end.n, s.n), end))
        s.n -= end.n;
    return s;
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    struct slice s = slice_trim(payload);

    (void)ctx;
    (void)diag;
    s = slice_trim(without(s, SLICE("[preauth]")));
    if (slice_starts(s, SLICE("error: ")) || slice_starts(s, SLICE("fatal: "))) {
        put_default(ev, F_LOG_LEVEL, slice_cut(s, 0, 5));
        s = slice_cut(s, 7, s.n);
    }
    put_module(ev, SLICE("sshd"), SLICE("sshd.log"));
    if (!ev->message.n)
        ev->message = payload;
    if (template_apply(rows, ARRAY_LEN(rows), s, ev)) {
        put_text(ev, F_NETWORK_PROTOCOL, SLICE("ssh"));
        put_default(ev, F_PROCESS_NAME, SLICE("sshd"));
        if (slice_starts(s, SLICE("Failed ")) && memmem(s.p, s.n, " invalid user ", 14))
            put_text(ev, F_EVENT_REASON, SLICE("invalid user"));
    }
    return ERR_NONE;
}

const struct parser sshd_parser = {
    .name = "sshd",
    .summary = "OpenSSH server messages",
    .rank = 20,
    .content = true,
    .looks = looks,
    .parse = parse,
};
