/* net/digest.h - SHA-256 (FIPS 180-4) of whole byte strings; GnuTLS is named in digest.c only. */
#ifndef NET_DIGEST_H
#define NET_DIGEST_H

#include "core/err.h"
#include "core/slice.h"

enum { DIGEST_SHA256_BYTES = 32, DIGEST_SHA256_TEXT = 64 };

/* ERR_SYS when the library refuses (a machine whose policy forbids it). */
CHECKED enum err digest_sha256(struct slice in, uint8_t ret[static DIGEST_SHA256_BYTES]);

/* Lower-case hex and a NUL. */
void digest_hex(const uint8_t d[static DIGEST_SHA256_BYTES],
                char out[static DIGEST_SHA256_TEXT + 1]);
/* Exactly 64 hex digits of either case; false leaves ret as it was. */
CHECKED bool digest_parse_hex(struct slice s, uint8_t ret[static DIGEST_SHA256_BYTES]);

#endif
