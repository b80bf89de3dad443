/* parse/when_int.h - the ways in which senders write times. All give nanoseconds since 1970, UTC.
 */
#ifndef PARSE_WHEN_INT_H
#define PARSE_WHEN_INT_H

#include "core/slice.h"

/* "Nov 25 08:00:00", "Nov  5 08:00:00.123", "Nov 25 2026 08:00:00", "2026 Nov 25 08:00:00", each
 * with an optional zone word " UTC:" left unread. No year: the latest one that puts the time no
 * more than two days after `received_ns`. *ret_used is how many bytes the time takes. */
CHECKED bool when_bsd(struct slice s, int32_t zone_s, int64_t received_ns, int64_t *ret_ns,
                      size_t *ret_used);

/* "25/Nov/2026:08:00:00 +0700": exactly these 26 bytes. */
CHECKED bool when_clf(struct slice s, int64_t *ret_ns);

/* ISO 8601 at the beginning of s, up to the first blank; "2026/11/25 08:00:00" and
 * "2026-11-25 08:00:00" too. */
CHECKED bool when_iso(struct slice s, int32_t zone_s, int64_t *ret_ns, size_t *ret_used);

/* Digits with an optional fraction: seconds, or milli-, micro- or nanoseconds by magnitude. */
CHECKED bool when_epoch(struct slice s, int64_t *ret_ns);

/* Any of the above, whole slice. */
CHECKED bool when_any(struct slice s, int32_t zone_s, int64_t received_ns, int64_t *ret_ns);

#endif
