/* core/metrics.h - counters that any thread may bump and the desk may read.
 *
 * The values of one process live in one page of shared memory when the parent gave it a file
 * (metrics_map), else in private memory. Relaxed atomics; a reader sees each value whole.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include "core/buf.h"

enum metric {
#define METRIC(id, name, kind, help) M_##id,
#include "core/metrics.def"
#undef METRIC
    M_N
};

/* Moves the counters of this process into `fd` (a file or memfd of at least METRICS_BYTES, which
 * is grown if shorter). Call before other threads start. */
enum { METRICS_BYTES = 4096 };
CHECKED enum err metrics_map(int fd);

void metric_add(enum metric m, uint64_t n);
void metric_set(enum metric m, uint64_t v);
uint64_t metric_get(enum metric m);

/* OpenMetrics text of the sums over pages (each as mapped by its process), ending in "# EOF". */
CHECKED enum err metrics_render(const uint64_t *const *pages, size_t n, struct buf *out);

#endif
