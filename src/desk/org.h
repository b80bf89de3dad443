/* desk/org.h - organisations: the tenants, a tree (city, department or district, unit).
 *
 * Numbers are 32 bits, given once and never reused, not even after a removal. 0 is invalid, 1 is
 * "unassigned" (administrators only), 2 the organisation made at first start. Slugs are unique:
 * lower-case ASCII letters, digits, hyphens, at most 64.
 */
#ifndef DESK_ORG_H
#define DESK_ORG_H

#include "desk/desk.h"

enum { ORG_DEPTH_MAX = 8, ORG_MAX = DESK_SCOPE_MAX };

struct org {
    uint32_t id, parent; /* parent 0: a root */
    struct slice slug;
    struct slice name;    /* Vietnamese, or the only one */
    struct slice name_en; /* may be empty */
    int64_t created_ns;
    uint64_t version;
};

CHECKED enum err org_add(struct desk *d, const struct desk_actor *by, const struct org *in,
                         uint32_t *ret_id, struct diag *diag); /* ERR_CONFLICT: the slug is taken */
/* Sets slug, names and parent. version 0 = whatever it is, else ERR_PRECOND if it has changed. A
 * loop in the tree is ERR_CONFLICT. */
CHECKED enum err org_change(struct desk *d, const struct desk_actor *by, const struct org *in,
                            struct diag *diag);
/* ERR_CONFLICT while it has children, systems, sources, alerts, users or tokens. */
CHECKED enum err org_remove(struct desk *d, const struct desk_actor *by, uint32_t id,
                            struct diag *diag);
CHECKED enum err org_get(struct desk *d, struct desk_scope scope, uint32_t id, struct arena *a,
                         struct org *ret, struct diag *diag);
/* By number in digits, or by slug: what people type. */
CHECKED enum err org_find(struct desk *d, struct slice slug_or_id, uint32_t *ret,
                          struct diag *diag);
/* Ordered by name. */
CHECKED enum err org_list(struct desk *d, struct desk_scope scope, struct arena *a,
                          struct org **ret, size_t *ret_n, struct diag *diag);
/* `org` with all below it. org 0 = everything. */
CHECKED enum err org_scope(struct desk *d, uint32_t org, struct arena *a, struct desk_scope *ret,
                           struct diag *diag);

#endif
