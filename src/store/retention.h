/* store/retention.h - the only way in which events leave the store: whole days of one class. */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include "store/client.h"

enum { RETENTION_PARTITIONS_MAX = 4000 };

/* Drops the partitions of `retention_class` whose day of receipt (UTC) ended before or at
 * `before_ns`. A day that has begun by then is kept whole. *ret_n: how many were dropped, also
 * after an error. Works on a full disk. */
CHECKED enum err store_drop_before(struct store_client *c, struct slice retention_class,
                                   int64_t before_ns, unsigned *ret_n, struct diag *diag);

#endif
