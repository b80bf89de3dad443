#include <math.h>
#include <time.h>

#include "core/timefmt.h"
#include "detect/rule_int.h"

static const struct {
    const char *name;
    int64_t least, most;
} parts[] = {
    [PART_MINUTE] = {"minute", 0, 59}, [PART_HOUR] = {"hour", 0, 23},
    [PART_DAY] = {"day", 1, 31},       [PART_WEEK] = {"week", 1, 53},
    [PART_MONTH] = {"month", 1, 12},   [PART_YEAR] = {"year", 1, 9999},
};

enum time_part clock_part(struct slice name)
{
    for (size_t i = PART_MINUTE; i < ARRAY_LEN(parts); i++)
        if (slice_eq(name, slice_of(parts[i].name)))
            return (enum time_part)i;
    return PART_NONE;
}

bool clock_has(enum time_part part, int64_t value)
{
    return value >= parts[part].least && value <= parts[part].most;
}

/* The week that has the year's first Thursday is the first. */
static int week_of(const struct tm *tm)
{
    int from_monday = (tm->tm_wday + 6) % 7;
    int thursday = tm->tm_yday - from_monday + 3; /* of the same week, as a day of this year */
    int year = tm->tm_year + 1900;

    if (thursday < 0) {
        year--;
        thursday += year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
    } else {
        int days = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
        thursday -= thursday >= days ? days : 0;
    }
    return thursday / 7 + 1;
}

static int64_t part_of(enum time_part part, const struct tm *tm)
{
    switch (part) {
    case PART_MINUTE:
        return tm->tm_min;
    case PART_HOUR:
        return tm->tm_hour;
    case PART_DAY:
        return tm->tm_mday;
    case PART_WEEK:
        return week_of(tm);
    case PART_MONTH:
        return tm->tm_mon + 1;
    case PART_YEAR:
        return tm->tm_year + 1900;
    case PART_NONE:
        break;
    }
    return -1;
}

/* Seconds since 1970, or what is too large for them: milli-, micro-, nanoseconds. */
static bool from_number(struct slice text, int64_t *ret_s)
{
    static const struct {
        long double below, unit;
    } units[] = {{1e11L, 1}, {1e14L, 1e3L}, {1e17L, 1e6L}, {9.2e18L, 1e9L}};
    long double n = 0;

    if (!number_parse(text, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (n >= units[i].below || n <= -units[i].below)
            continue;
        *ret_s = (int64_t)floorl(n / units[i].unit);
        return true;
    }
    return false;
}

static bool seconds(const struct value *v, struct slice text, int64_t *ret_s)
{
    enum { SECOND = 1000000000 };
    int64_t ns = 0;

    if (v && v->type == VT_TIME)
        ns = v->i;
    else if (!time_parse_iso(text, 0, &ns))
        return from_number(text, ret_s);
    *ret_s = ns / SECOND - (ns % SECOND < 0);
    return true;
}

bool clock_holds(const struct test *t, const struct value *v, struct slice text)
{
    int64_t at = 0;
    struct tm tm;

    if (!seconds(v, text, &at))
        return false;
    time_t s = (time_t)at;
    if (!gmtime_r(&s, &tm))
        return false;
    int64_t n = part_of(t->part, &tm);
    switch (t->part_cmp) {
    case CMP_EQ:
        return n == t->part_want;
    case CMP_GT:
        return n > t->part_want;
    case CMP_GTE:
        return n >= t->part_want;
    case CMP_LT:
        return n < t->part_want;
    case CMP_LTE:
        return n <= t->part_want;
    }
    return false;
}
