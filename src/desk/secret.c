#include "desk/secret.h"

#include <sodium.h>

_Static_assert(SECRET_HASH_BYTES == crypto_pwhash_STRBYTES, "libsodium's text form");
_Static_assert(crypto_shorthash_KEYBYTES == 16, "SipHash key");

enum { PASSES = 2, MEMORY_BYTES = 64 << 20 };

CHECKED enum err secret_init(struct diag *diag)
{
    if (sodium_init() < 0)
        return FAIL(diag, ERR_SYS, 0, "libsodium could not start");
    return ERR_NONE;
}

void secret_random(void *to, size_t n)
{
    randombytes_buf(to, n);
}

void secret_text(char out[static SECRET_TEXT_BYTES + 1])
{
    unsigned char raw[32];

    randombytes_buf(raw, sizeof(raw));
    (void)sodium_bin2base64(out, SECRET_TEXT_BYTES + 1, raw, sizeof(raw),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(raw, sizeof(raw));
}

void secret_sha256(struct slice s, char out[static SECRET_HEX_BYTES + 1])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(digest, (const unsigned char *)(s.p ? s.p : ""), s.n);
    (void)sodium_bin2hex(out, SECRET_HEX_BYTES + 1, digest, sizeof(digest));
}

uint64_t secret_key_hash(const uint8_t key[static 16], struct slice s)
{
    uint64_t out = 0;

    (void)crypto_shorthash((unsigned char *)&out, (const unsigned char *)(s.p ? s.p : ""), s.n,
                           key);
    return out;
}

bool secret_equal(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}

CHECKED enum err secret_argon(struct slice password, char out[static SECRET_HASH_BYTES])
{
    return crypto_pwhash_str_alg(out, password.p, password.n, PASSES, MEMORY_BYTES,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0
               ? ERR_NONE
               : ERR_NOMEM;
}

bool secret_argon_fits(const char *hash, struct slice password)
{
    return crypto_pwhash_str_verify(hash, password.p ? password.p : "", password.n) == 0;
}

bool secret_argon_outdated(const char *hash)
{
    return crypto_pwhash_str_needs_rehash(hash, PASSES, MEMORY_BYTES) != 0;
}
