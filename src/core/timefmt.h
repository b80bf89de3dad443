/* core/timefmt.h - times as text: RFC 3339 out, RFC 3339 and relative forms in. */
#ifndef CORE_TIMEFMT_H
#define CORE_TIMEFMT_H

#include "core/err.h"
#include "core/slice.h"

enum { TIME_TEXT_BYTES = 30 };

/* "2026-11-25T08:10:21.123456789Z"; fraction digits are cut to milli- or microseconds when the
 * rest is zero ("….123Z", "….123456Z", "….123456789Z"; never fewer than 3). */
void time_rfc3339(int64_t ns, char out[static TIME_TEXT_BYTES + 1]);

/* RFC 3339 / ISO 8601 with 'T' or blank, optional fraction, zone Z or ±hh:mm or ±hhmm or none
 * (then `zone_s` seconds east of UTC is assumed). The whole slice must be used. */
CHECKED bool time_parse_iso(struct slice s, int32_t zone_s, int64_t *ret_ns);

/* What a person types for a bound: ISO as above, a date alone, "now", "now-15m", "-24h", "-7d";
 * units s m h d w; or seconds/milliseconds since 1970 as digits. */
CHECKED enum err time_parse_bound(struct slice s, int64_t now_ns, int64_t *ret_ns,
                                  struct diag *diag);

/* Days and seconds to ns; months 1-12. No range checks beyond int64. */
int64_t time_from_civil(int64_t year, unsigned month, unsigned day, int64_t second_of_day);

#endif
