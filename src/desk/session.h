/* desk/session.h - signing in, and what keeps somebody signed in.
 *
 * A session is a random secret of 32 bytes (43 characters, base64url), of which only the SHA-256
 * is stored. It ends after desk.session_idle_minutes without use, after desk.session_hours in any
 * case, when revoked, when the user is disabled or his password changes.
 *
 * Signing in is slowed per account and address (a bucket of 5 a minute, then a delay that doubles
 * up to SESSION_DELAY_MAX_S), never locked: a lock would shut out the officer on duty. Unknown
 * accounts cost the same time as wrong passwords and give the same answer.
 */
#ifndef DESK_SESSION_H
#define DESK_SESSION_H

#include "desk/user.h"

enum { SESSION_TOKEN_BYTES = 43, SESSION_DELAY_MAX_S = 60, SESSION_PER_USER_MAX = 50 };

struct session {
    char id[17]; /* public name of the session: the first 16 hex digits of its hash */
    uint64_t user;
    int64_t created_ns, seen_ns, ends_ns; /* ends: the absolute one */
    struct slice address, agent;
};

/* ERR_AUTH: wrong. ERR_BUSY: too often, *ret_wait_s says how long to wait (set on ERR_BUSY only;
 * may be NULL). Audited either way. Waits for the password hash (about 0.1 s): call it from a
 * worker, never from a loop. */
CHECKED enum err session_sign_in(struct desk *d, struct slice login, struct slice password,
                                 const char *address, struct slice agent, struct arena *a,
                                 struct user *ret_user,
                                 char ret_token[static SESSION_TOKEN_BYTES + 1],
                                 unsigned *ret_wait_s, struct diag *diag);
/* Who the token belongs to; renews the idle time. ERR_AUTH when there is no such session any more.
 */
CHECKED enum err session_check(struct desk *d, struct slice token, struct arena *a,
                               struct session *ret, struct user *ret_user, struct diag *diag);
/* Ends the session of this token; ending a dead one is fine. */
CHECKED enum err session_sign_out(struct desk *d, const struct desk_actor *by, struct slice token,
                                  struct diag *diag);
CHECKED enum err session_list(struct desk *d, uint64_t user, struct arena *a, struct session **ret,
                              size_t *ret_n, struct diag *diag);
CHECKED enum err session_revoke(struct desk *d, const struct desk_actor *by, uint64_t user,
                                struct slice id, struct diag *diag);
/* All of the user's, but the one of token `keep` (may be empty). */
CHECKED enum err session_revoke_all(struct desk *d, uint64_t user, struct slice keep,
                                    struct diag *diag);

#endif
