/* core/clock.h - the two clocks, both replaceable in tests.
 *
 * Durations and deadlines use the monotonic clock; what people and records see uses wall time.
 * All values are nanoseconds; wall time counts from 1970-01-01T00:00:00Z.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "core/base.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t clock_mono_ns(void);
int64_t clock_wall_ns(void);

/* Tests only: NULL restores the system's clock. Not thread-safe against readers. */
void clock_replace(int64_t (*mono)(void), int64_t (*wall)(void));

#endif
