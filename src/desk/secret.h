/* desk/secret.h - randomness, digests and the password hash: the one file that names libsodium. */
#ifndef DESK_SECRET_H
#define DESK_SECRET_H

#include "core/err.h"
#include "core/slice.h"

enum { SECRET_HEX_BYTES = 64, SECRET_TEXT_BYTES = 43, SECRET_HASH_BYTES = 128 };

CHECKED enum err secret_init(struct diag *diag); /* once per process; more often is fine */

void secret_random(void *to, size_t n);
/* 32 random bytes as base64url without padding (RFC 4648 section 5), and a NUL. */
void secret_text(char out[static SECRET_TEXT_BYTES + 1]);
/* SHA-256 as lower-case hex, and a NUL. */
void secret_sha256(struct slice s, char out[static SECRET_HEX_BYTES + 1]);
uint64_t secret_key_hash(const uint8_t key[static 16], struct slice s); /* SipHash-2-4 */
/* Says nothing by its time about where they differ. */
bool secret_equal(struct slice a, struct slice b);

/* Argon2id, 64 MiB, 2 passes (RFC 9106), in libsodium's text form. Takes some 0.1 s. */
CHECKED enum err secret_argon(struct slice password, char out[static SECRET_HASH_BYTES]);
bool secret_argon_fits(const char *hash, struct slice password);
bool secret_argon_outdated(const char *hash); /* made with other costs than today's */

#endif
