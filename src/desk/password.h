/* desk/password.h - passwords: what is accepted, and the hash (Argon2id, see secret.h).
 *
 * Text is normalised to NFC first (RFC 8265 section 4.2), so that the same Vietnamese password
 * typed on two keyboards is one. At least PASSWORD_LEAST characters; no rules about kinds of
 * characters (NIST SP 800-63B). At most two hashes run at once, PASSWORD_WAITERS_MAX wait for at
 * most PASSWORD_WAIT_MS; more is ERR_BUSY: 64 MiB each must not become the machine's memory. Never
 * called under the desk's lock. Thread-safe.
 */
#ifndef DESK_PASSWORD_H
#define DESK_PASSWORD_H

#include "desk/secret.h"

enum {
    PASSWORD_LEAST = 10,
    PASSWORD_BYTES_MAX = 1024,
    PASSWORD_CONCURRENT_MAX = 2,
    PASSWORD_WAITERS_MAX = 16,
    PASSWORD_WAIT_MS = 5000
};

/* ERR_SYNTAX with the reason in words: too short, too long, not UTF-8, or the login itself. */
CHECKED enum err password_hash(struct slice password, struct slice login,
                               char ret_hash[static SECRET_HASH_BYTES], struct diag *diag);
/* ERR_AUTH when it does not fit. An empty hash fits nothing and costs as much time as any. */
CHECKED enum err password_check(const char *hash, struct slice password, struct diag *diag);

#endif
