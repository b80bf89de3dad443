/* desk/token.h - secrets of programs: senders, scripts, partners.
 *
 * The secret ("coloa_" and 43 characters, base64url of 32 random bytes) is returned once, by
 * token_add; only the SHA-256 of its whole text is stored and published to intake in the snapshot
 * "access". A revocation is published with its commit.
 */
#ifndef DESK_TOKEN_H
#define DESK_TOKEN_H

#include "desk/user.h"

enum { TOKEN_TEXT_BYTES = 49, TOKEN_MAX = 65536 };

struct token {
    uint64_t id; /* never reused */
    uint32_t
        org; /* where its events go, and what it may read; 0 = whole installation (not machine) */
    enum user_role role;
    struct slice name;   /* for people; unique among the living of one organisation */
    struct slice source; /* name of the source its events count for; may be empty */
    uint32_t rate;       /* events a second; 0 = no limit */
    int64_t expires_ns;  /* 0 = never */
    int64_t created_ns, revoked_ns, used_ns;
};

CHECKED enum err token_add(struct desk *d, const struct desk_actor *by, const struct token *in,
                           uint64_t *ret_id, char ret_secret[static TOKEN_TEXT_BYTES + 1],
                           struct diag *diag);
CHECKED enum err token_revoke(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                              uint64_t id, struct diag *diag);
/* ERR_AUTH: unknown, revoked or expired. */
CHECKED enum err token_check(struct desk *d, struct slice secret, struct arena *a,
                             struct token *ret, struct diag *diag);
/* Revoked and expired ones too, newest first. */
CHECKED enum err token_list(struct desk *d, struct desk_scope scope, struct arena *a,
                            struct token **ret, size_t *ret_n, struct diag *diag);

#endif
