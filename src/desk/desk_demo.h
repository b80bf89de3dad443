/* desk/desk_demo.h - the built-in organisation of the demo: "Thành phố mẫu (demo)", slug "demo". */
#ifndef DESK_DESK_DEMO_H
#define DESK_DESK_DEMO_H

#include "desk/desk.h"

/* Makes it, its systems of levels 2 to 4, and its sources (peers 127.0.10.x, token name "demo"), or
 * finds it. */
CHECKED enum err desk_demo_ensure(struct desk *d, uint32_t *ret_org, struct diag *diag);
/* Removes it with its sources, systems, tokens, users and alerts. ERR_NOENT if there is none.
 * Events at rest are the store's business. */
CHECKED enum err desk_demo_remove(struct desk *d, const struct desk_actor *by, uint32_t *ret_org,
                                  struct diag *diag);

#endif
