/* desk/audit.h - who did what: append-only, each row chained to the one before by SHA-256.
 *
 * A row is written in the transaction of the change that it tells of. The database refuses to
 * change or delete rows (triggers); audit_verify finds edits made around it: an altered, removed or
 * inserted row breaks the chain, a cut tail no longer fits the counter.
 *
 * hash = SHA-256 of the previous hash (64 hex digits) and then each field in the order of struct
 * audit from seq to detail, as a decimal length, ':', the field's text. docs/formats/desk.md.
 */
#ifndef DESK_AUDIT_H
#define DESK_AUDIT_H

#include "desk/desk.h"

struct audit {
    uint64_t seq; /* from 1, no gaps */
    int64_t time_ns;
    uint64_t user;
    uint32_t org; /* that it concerns; 0 = the installation */
    struct slice name, role, address;
    struct slice action; /* "session.sign_in", "alert.verdict", "search.run", "export.csv"... */
    struct slice object; /* "alr_17", "usr_3", a query */
    struct slice detail; /* JSON or "" */
    struct slice hash;
};

/* Texts are cut at DESK_TEXT_BYTES_MAX. org: that it concerns. Use it for searches and exports too.
 */
CHECKED enum err audit_add(struct desk *d, const struct desk_actor *by, uint32_t org,
                           const char *action, struct slice object, struct slice detail,
                           struct diag *diag);

struct audit_filter {
    struct slice action; /* starts with; empty = any */
    uint64_t user;       /* 0 = any */
    int64_t from_ns, to_ns;
    uint64_t before; /* seq of the last row of the page before; 0 = first page */
    size_t limit;
};
/* Newest first. */
CHECKED enum err audit_list(struct desk *d, struct desk_scope scope, const struct audit_filter *f,
                            struct arena *a, struct audit **ret, size_t *ret_n, struct diag *diag);
/* *ret_rows: rows checked. ERR_CORRUPT: *ret_bad is the first seq that is wrong (or missing). */
CHECKED enum err audit_verify(struct desk *d, uint64_t *ret_rows, uint64_t *ret_bad,
                              struct diag *diag);

#endif
