#include "parse/when_int.h"

#include "core/clock.h"
#include "core/timefmt.h"

/* Up to `max` digits, at least one. */
static bool number(struct slice s, size_t *at, size_t max, unsigned *ret)
{
    unsigned v = 0;
    size_t i = *at;

    for (; i < s.n && i - *at < max && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        v = v * 10 + (unsigned)(s.p[i] - '0');
    if (i == *at)
        return false;
    *at = i;
    *ret = v;
    return true;
}

static bool lit(struct slice s, size_t *at, char c)
{
    if (*at >= s.n || s.p[*at] != c)
        return false;
    ++*at;
    return true;
}

static bool month(struct slice s, size_t *at, unsigned *ret)
{
    static const char names[] = "jan feb mar apr may jun jul aug sep oct nov dec";

    if (s.n - *at < 3)
        return false;
    for (unsigned m = 0; m < 12; m++)
        if (slice_eq_nocase(slice_cut(s, *at, *at + 3), (struct slice){names + m * 4, 3})) {
            *at += 3;
            *ret = m + 1;
            return true;
        }
    return false;
}

static bool blanks(struct slice s, size_t *at)
{
    size_t from = *at;

    while (*at < s.n && s.p[*at] == ' ')
        ++*at;
    return *at > from;
}

static bool clock_of_day(struct slice s, size_t *at, int64_t *ret_ns)
{
    unsigned h, m, sec;
    int64_t frac = 0, scale = NS_PER_S;

    if (!number(s, at, 2, &h) || !lit(s, at, ':') || !number(s, at, 2, &m) || !lit(s, at, ':') ||
        !number(s, at, 2, &sec) || h > 23 || m > 59 || sec > 60)
        return false;
    if (*at + 1 < s.n && (s.p[*at] == '.' || s.p[*at] == ',') && s.p[*at + 1] >= '0' &&
        s.p[*at + 1] <= '9')
        for (++*at; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; ++*at) {
            scale /= 10;
            frac += (s.p[*at] - '0') * scale;
        }
    *ret_ns = ((int64_t)h * 3600 + m * 60 + sec) * NS_PER_S + frac;
    return true;
}

static bool leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static bool day_exists(int64_t y, unsigned m, unsigned d)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return d >= 1 && d <= days[m - 1] && (m != 2 || d < 29 || leap(y));
}

/* Two days: zones differ by less than that, and clocks that are wrong by more are suspect. */
static bool guess_year(unsigned m, unsigned d, int64_t of_day_ns, int64_t received_ns,
                       int64_t *ret_ns)
{
    int64_t y = 1970 + received_ns / NS_PER_S / 31556952 + 1;

    for (unsigned tries = 0; tries < 10; tries++, y--) {
        if (!day_exists(y, m, d))
            continue;
        int64_t t = time_from_civil(y, m, d, 0) + of_day_ns;
        if (t <= received_ns + 2 * 86400 * NS_PER_S) {
            *ret_ns = t;
            return true;
        }
    }
    return false;
}

CHECKED bool when_bsd(struct slice s, int32_t zone_s, int64_t received_ns, int64_t *ret_ns,
                      size_t *ret_used)
{
    size_t at = 0;
    unsigned y = 0, m, d;
    int64_t of_day, t;

    if (s.n > 5 && s.p[4] == ' ' && number(s, &at, 4, &y) && !blanks(s, &at))
        return false;
    if (!month(s, &at, &m) || !blanks(s, &at) || !number(s, &at, 2, &d) || !blanks(s, &at))
        return false;
    size_t back = at;
    if (y == 0 && number(s, &at, 4, &y) && (at - back != 4 || !blanks(s, &at))) {
        y = 0;
        at = back;
    }
    if (!clock_of_day(s, &at, &of_day))
        return false;
    of_day -= zone_s * NS_PER_S;
    if (y ? !day_exists(y, m, d) || y < 1900 || y > 2261
          : !guess_year(m, d, of_day, received_ns, &t))
        return false;
    *ret_ns = y ? time_from_civil(y, m, d, 0) + of_day : t;
    *ret_used = at;
    return true;
}

CHECKED bool when_clf(struct slice s, int64_t *ret_ns)
{
    unsigned d, m, y, zone;
    int64_t of_day;
    size_t at = 0;

    if (s.n != 26 || !number(s, &at, 2, &d) || !lit(s, &at, '/') || !month(s, &at, &m) ||
        !lit(s, &at, '/') || !number(s, &at, 4, &y) || !lit(s, &at, ':') ||
        !clock_of_day(s, &at, &of_day) || at != 20 || !lit(s, &at, ' ') ||
        (s.p[at] != '+' && s.p[at] != '-') || y < 1900 || y > 2261 || !day_exists(y, m, d))
        return false;
    int sign = s.p[at++] == '-' ? -1 : 1;
    if (!number(s, &at, 4, &zone) || at != 26 || zone / 100 > 23 || zone % 100 > 59)
        return false;
    *ret_ns = time_from_civil(y, m, d, 0) + of_day -
              sign * (int64_t)(zone / 100 * 3600 + zone % 100 * 60) * NS_PER_S;
    return true;
}

CHECKED bool when_iso(struct slice s, int32_t zone_s, int64_t *ret_ns, size_t *ret_used)
{
    char text[48];
    size_t n = 0;

    if (s.n < 10 || (s.p[4] != '-' && s.p[4] != '/'))
        return false;
    for (; n < s.n && n < sizeof(text); n++) {
        char c = s.p[n];
        bool gap = n == 10 && c == ' ';
        if (!gap && (c == ' ' || c == ']' || c == '\t'))
            break;
        text[n] = gap ? 'T' : n < 10 && c == '/' ? '-' : c;
    }
    if (n > 10 && n < sizeof(text) && text[n - 1] == ':')
        n--;
    if (n < 11 || n == sizeof(text) || !time_parse_iso((struct slice){text, n}, zone_s, ret_ns))
        return false;
    *ret_used = n;
    return true;
}

CHECKED bool when_epoch(struct slice s, int64_t *ret_ns)
{
    size_t dot = slice_find(s, '.');
    int64_t whole, unit = NS_PER_S;

    if (!slice_to_i64(slice_cut(s, 0, dot), &whole) || whole < 0)
        return false;
    if (whole > INT64_C(100000000000000000))
        unit = 1;
    else if (whole > INT64_C(100000000000000))
        unit = 1000;
    else if (whole > INT64_C(100000000000))
        unit = NS_PER_MS;
    if (__builtin_mul_overflow(whole, unit, &whole))
        return false;
    for (size_t i = dot + 1; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        unit /= 10;
        if (__builtin_add_overflow(whole, (s.p[i] - '0') * unit, &whole))
            return false;
    }
    *ret_ns = whole;
    return true;
}

CHECKED bool when_any(struct slice s, int32_t zone_s, int64_t received_ns, int64_t *ret_ns)
{
    size_t used;
    int64_t t;

    s = slice_trim(s);
    if ((when_iso(s, zone_s, &t, &used) && used == s.n) ||
        (when_bsd(s, zone_s, received_ns, &t, &used) && used == s.n) || when_clf(s, &t) ||
        (s.n >= 9 && when_epoch(s, &t))) {
        *ret_ns = t;
        return true;
    }
    return false;
}
