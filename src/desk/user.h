/* desk/user.h - people who sign in.
 *
 * A login is 1-64 bytes of lower-case ASCII letters, digits and . _ - @ (upper case is folded). A
 * user's organisation bounds what he sees: it with all below it; 0 = the whole installation.
 * Passwords: password.h. The last enabled administrator can neither be disabled, demoted nor
 * removed.
 */
#ifndef DESK_USER_H
#define DESK_USER_H

#include "desk/desk.h"

enum user_role {
    USER_VIEWER,   /* reads */
    USER_ANALYST,  /* handles alerts */
    USER_LEAD,     /* and looks twice, escalates */
    USER_OFFICER,  /* agency officer: own systems */
    USER_MANAGER,  /* centre or provider manager: users and sources of his organisation */
    USER_ENGINEER, /* rules and decoders */
    USER_ASSESSOR, /* reads evidence and the audit record, changes nothing */
    USER_ADMIN,
    USER_MACHINE, /* tokens only: sends, searches, reads */
    USER_ROLE_N
};
const char *user_role_name(enum user_role r); /* "viewer" ... */
CHECKED bool user_role_parse(struct slice s, enum user_role *ret);

struct user {
    uint64_t id; /* never reused */
    uint32_t org;
    enum user_role role;
    bool disabled;
    bool must_change; /* the password, before anything else */
    struct slice login, name;
    struct slice locale; /* "vi" or "en" */
    int64_t created_ns, last_login_ns;
    uint64_t version;
};

/* The password may be empty: then nobody can sign in until user_password sets one. */
CHECKED enum err user_add(struct desk *d, const struct desk_actor *by, const struct user *in,
                          struct slice password, uint64_t *ret_id, struct diag *diag);
/* Sets name, role, org, locale, disabled. Disabling ends all sign-ins. */
CHECKED enum err user_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                             const struct user *in, struct diag *diag);
CHECKED enum err user_remove(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                             uint64_t id, struct diag *diag);
/* Sets a new password without the old one and ends all sign-ins of that user. */
CHECKED enum err user_password(struct desk *d, const struct desk_actor *by, uint64_t id,
                               struct slice password, bool must_change, struct diag *diag);
/* The user's own change: ERR_AUTH if the old one is wrong. Ends his other sign-ins; `keep` is the
 * session token that stays (may be empty). Clears must_change. */
CHECKED enum err user_password_own(struct desk *d, const struct desk_actor *by, uint64_t id,
                                   struct slice old, struct slice fresh, struct slice keep,
                                   struct diag *diag);
CHECKED enum err user_locale(struct desk *d, uint64_t id, struct slice locale, struct diag *diag);

/* Users of organisation 0 are seen by scope.all only. */
CHECKED enum err user_get(struct desk *d, struct desk_scope scope, uint64_t id, struct arena *a,
                          struct user *ret, struct diag *diag);
CHECKED enum err user_find(struct desk *d, struct slice login, struct arena *a, struct user *ret,
                           struct diag *diag);
CHECKED enum err user_list(struct desk *d, struct desk_scope scope, struct arena *a,
                           struct user **ret, size_t *ret_n, struct diag *diag);

#endif
