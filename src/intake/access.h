/* intake/access.h - who may send: the tokens of the newest good `access` snapshot.
 *
 *   {"tokens":[{"sha256":"hex of SHA-256 of the token","org":2,"source":0,"name":"...",
 *               "role":"machine","rate":0,"expires":"RFC 3339 or null"}]}
 *
 * rate: lines a second, 0 = unlimited. Only the role `machine` may send. A row that is malformed
 * is passed over (it grants nothing); a snapshot that is malformed as a whole leaves the last good
 * one in force. Thread-safe.
 */
#ifndef INTAKE_ACCESS_H
#define INTAKE_ACCESS_H

#include "core/err.h"
#include "core/slice.h"

enum { ACCESS_TOKENS_MAX = 65536, ACCESS_NAME_BYTES = 63, ACCESS_ID_BYTES = 16 };

struct access;

struct access_grant {
    uint32_t org, source;
    char name[ACCESS_NAME_BYTES + 1]; /* cut if longer */
    char id[ACCESS_ID_BYTES + 1]; /* first hex digits of the hash: names the token, opens nothing */
};

void access_free(struct access *a);
FREED_BY(access_free) struct access *access_new(void); /* empty: nobody may; NULL: no memory */

/* `dir` is the folder of snapshots. ERR_NOENT (none yet) is for the caller to pass over. */
CHECKED enum err access_reload(struct access *a, const char *dir, struct diag *diag);
CHECKED enum err access_parse(struct access *a, struct slice json, struct diag *diag);

/* `header` is the value of Authorization, NULL if absent. ERR_AUTH: none, unknown or expired;
 * ERR_DENIED: known, but of a role that may not send. */
CHECKED enum err access_check(struct access *a, const char *header, int64_t now_ns,
                              struct access_grant *ret);

/* Takes n lines off the token's allowance: ERR_BUSY while it is used up. A request may overdraw
 * by its own size; unknown ids are ERR_NONE (the token has been revoked meanwhile). */
CHECKED enum err access_spend(struct access *a, const char *id, uint64_t n, int64_t mono_ns);

#endif
