/* desk/system.h - information systems of level 1 to 5: what is protected. */
#ifndef DESK_SYSTEM_H
#define DESK_SYSTEM_H

#include "desk/desk.h"

struct system {
    uint32_t id; /* never reused */
    uint32_t org;
    uint8_t level;      /* 1-5 */
    struct slice name;  /* unique in its organisation */
    struct slice owner; /* legal owner, free text */
    struct slice about;
    int64_t created_ns;
    uint64_t version;
};

CHECKED enum err system_add(struct desk *d, const struct desk_actor *by, const struct system *in,
                            uint32_t *ret_id, struct diag *diag);
/* Sets name, level, owner, about; version as in org_change. The organisation never changes. */
CHECKED enum err system_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               const struct system *in, struct diag *diag);
/* Its sources and alerts stay, bound to no system. */
CHECKED enum err system_remove(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                               uint32_t id, struct diag *diag);
CHECKED enum err system_get(struct desk *d, struct desk_scope scope, uint32_t id, struct arena *a,
                            struct system *ret, struct diag *diag);
/* Ordered by level (highest first), name. */
CHECKED enum err system_list(struct desk *d, struct desk_scope scope, struct arena *a,
                             struct system **ret, size_t *ret_n, struct diag *diag);

#endif
