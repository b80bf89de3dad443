/* Linux-PAM: "pam_MODULE(SERVICE:TYPE): text", under whatever program called it, and the pairs of
 * "authentication failure; logname= uid=0 ... rhost=1.2.3.4  user=root". */
#include "parse/template_int.h"

#define AUTH "authentication"

static const struct template_row rows[] = {
    {"session opened for user %u(uid=%d) by %x(uid=%d)", "session_opened", "session " AUTH, "start",
     "success"},
    {"session opened for user %u(uid=%d) by (uid=%d)", "session_opened", "session " AUTH, "start",
     "success"},
    {"session opened for user %u by %*", "session_opened", "session " AUTH, "start", "success"},
    {"session closed for user %u", "session_closed", "session " AUTH, "end", "success"},
    {"check pass; user unknown", "pam_unknown_user", AUTH, "info", "failure"},
    {"bad username [%u]", "pam_unknown_user", AUTH, "info", "failure"},
    {"user %u (%d) tally %d, deny %d", "account_locked", AUTH, "info", "failure"},
    {"Consecutive login failures for user %u account temporarily locked", "account_locked", AUTH,
     "info", "failure"},
    {"password changed for %u", "password_changed", "iam", "user change", "success"},
    {"account %u has expired (%r)", "account_expired", AUTH, "denied", "failure"},
    {"account %u has password changed in future", "account_warning", AUTH, "info", ""},
    {"access denied for user `%u' from `%x'", "pam_denied", AUTH, "denied", "failure"},
    {"received for user %u: %d (%r)", "pam_denied", AUTH, "denied", "failure"},
};

/* "pam_x(service:type): ": its length, 0 when it is not one. */
static size_t front(struct slice s, struct slice *module, struct slice *service)
{
    size_t open = slice_find(s, '('), close = slice_find(s, ')');

    if (!slice_starts(s, SLICE("pam_")) || open > 40 || close == s.n || close < open ||
        close - open > 80 || close + 2 >= s.n || s.p[close + 1] != ':' || s.p[close + 2] != ' ')
        return 0;
    *module = slice_cut(s, 0, open);
    *service = slice_cut(s, open + 1, close);
    return close + 3;
}

static bool more_failures(struct slice s)
{
    return slice_starts(s, SLICE("PAM ")) && memmem(s.p, s.n, " more authentication failure", 28);
}

static bool looks(const struct event *ev, struct slice payload)
{
    struct slice module, service;

    return ev && (front(payload, &module, &service) || more_failures(payload));
}

/* "key=value key= key=value": values hold no blanks, except that user= comes last. */
static void pairs(struct event *ev, struct slice s)
{
    while ((s = slice_trim(s)).n) {
        size_t n = slice_find(s, ' '), eq = slice_find(s, '=');
        if (eq >= n) {
            s = slice_cut(s, n, s.n);
            continue;
        }
        struct slice name = slice_cut(s, 0, eq), v = slice_cut(s, eq + 1, n);
        if (slice_eq(name, SLICE("user"))) {
            v = slice_cut(s, eq + 1, s.n);
            n = s.n;
            put_text(ev, F_USER_NAME, v);
        } else if (slice_eq(name, SLICE("rhost"))) {
            put_address(ev, F_SOURCE_IP, F_SOURCE_DOMAIN, v);
        } else if (slice_eq(name, SLICE("ruser"))) {
            put_text(ev, F_SOURCE_USER_NAME, v);
        }
        if (v.n)
            put_add(ev, put_join(ev, SLICE("pam."), name), value_str(v));
        s = slice_cut(s, n, s.n);
    }
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    struct slice module = SLICE("pam"), service = SLICE(""), s = slice_trim(payload);

    (void)ctx;
    (void)diag;
    s = slice_cut(s, front(s, &module, &service), s.n);
    if (!ev->message.n)
        ev->message = payload;
    put_module(ev, SLICE("pam"), SLICE("pam.log"));
    put_add_text(ev, "pam.module", module);
    size_t colon = slice_find(service, ':');
    if (service.n) {
        put_add_text(ev, "pam.service", slice_cut(service, 0, colon));
        if (colon < service.n)
            put_add_text(ev, "pam.type", slice_cut(service, colon + 1, service.n));
    }
    size_t semi = slice_find(s, ';');
    if (slice_starts(s, SLICE("authentication failure;")) || more_failures(s)) {
        put_text(ev, F_EVENT_ACTION, SLICE("pam_authentication"));
        put_words(ev, F_EVENT_CATEGORY, AUTH);
        put_words(ev, F_EVENT_TYPE, "start");
        put_text(ev, F_EVENT_OUTCOME, SLICE("failure"));
        if (semi < s.n)
            pairs(ev, slice_cut(s, semi + 1, s.n));
        return ERR_NONE;
    }
    (void)template_apply(rows, ARRAY_LEN(rows), s, ev);
    return ERR_NONE;
}

const struct parser pam_parser = {
    .name = "pam",
    .summary = "messages of PAM modules",
    .rank = 10,
    .content = true,
    .looks = looks,
    .parse = parse,
};
