/* cmd/rules_pin.h - a folder of rules from elsewhere: what it is exactly, and a copy of it.
 *
 * What counts of a folder is what loading it reads: *.yml and *.yaml outside of hidden folders,
 * links to folders not followed; and LICENSE* files, which go with them. The digest is SHA-256 over
 * the lines "DIGEST  PATH\n" of those files in order of path, so that it does not depend on time or
 * place.
 */
#ifndef CMD_RULES_PIN_H
#define CMD_RULES_PIN_H

#include "core/err.h"
#include "net/digest.h"

enum { RULES_PIN_COMMIT_MAX = 64 };

struct rules_pin {
    char commit[RULES_PIN_COMMIT_MAX + 1]; /* of the git checkout that it is part of, or "" */
    char sha256[DIGEST_SHA256_TEXT + 1];
    size_t files;
};

/* Git itself is not needed: HEAD, its reference, packed references are read. */
CHECKED enum err rules_pin_read(const char *folder, struct rules_pin *ret, struct diag *diag);
/* Copies into `to`, which must not exist, and gives the digest of what was written; all is on disk
 * (syncfs) when it returns. After a failure what is there of `to` is the caller's to remove. */
CHECKED enum err rules_pin_copy(const char *folder, const char *to, struct rules_pin *ret,
                                struct diag *diag);

#endif
