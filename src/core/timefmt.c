#include "core/timefmt.h"

#include <stdio.h>
#include <time.h>

#include "core/clock.h"

void time_rfc3339(int64_t ns, char out[static TIME_TEXT_BYTES + 1])
{
    int64_t s = ns / NS_PER_S, frac = ns % NS_PER_S;
    struct tm tm;
    char text[64];

    if (frac < 0) {
        frac += NS_PER_S;
        s--;
    }
    time_t t = (time_t)s;
    (void)gmtime_r(&t, &tm);
    int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%09d",
                     (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                     tm.tm_sec, (int)frac);
    int keep = frac % 1000000 == 0 ? n - 6 : frac % 1000 == 0 ? n - 3 : n;
    (void)snprintf(out, TIME_TEXT_BYTES + 1, "%.*sZ", keep, text);
}

/* Days since 1970-01-01 of a proleptic Gregorian date (era arithmetic, 400-year cycles). */
int64_t time_from_civil(int64_t year, unsigned month, unsigned day, int64_t second_of_day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t mp = (int64_t)(month + 9) % 12;
    int64_t doy = (153 * mp + 2) / 5 + (int64_t)day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return ((era * 146097 + doe - 719468) * 86400 + second_of_day) * NS_PER_S;
}

/* Takes exactly n digits from *s. */
static bool digits(struct slice *s, unsigned n, unsigned *ret)
{
    unsigned v = 0;

    if (s->n < n)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s->p[i] - '0');
    }
    *s = slice_cut(*s, n, s->n);
    *ret = v;
    return true;
}

static bool take(struct slice *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = slice_cut(*s, 1, s->n);
    return true;
}

static bool fraction(struct slice *s, int64_t *ret_ns)
{
    int64_t scale = NS_PER_S;
    size_t n = 0;

    *ret_ns = 0;
    if (!take(s, '.') && !take(s, ','))
        return true;
    for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; n++) {
        scale /= 10;
        *ret_ns += (s->p[0] - '0') * scale;
        *s = slice_cut(*s, 1, s->n);
    }
    return n > 0;
}

static bool zone(struct slice *s, int32_t *zone_s)
{
    unsigned h, m = 0;

    if (s->n == 0)
        return true;
    if (take(s, 'Z') || take(s, 'z')) {
        *zone_s = 0;
        return true;
    }
    bool minus = s->p[0] == '-';
    if ((!take(s, '+') && !take(s, '-')) || !digits(s, 2, &h))
        return false;
    if ((take(s, ':') || s->n) && !digits(s, 2, &m))
        return false;
    if (h > 23 || m > 59)
        return false;
    *zone_s = (int32_t)(h * 3600 + m * 60) * (minus ? -1 : 1);
    return true;
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

CHECKED bool time_parse_iso(struct slice s, int32_t zone_s, int64_t *ret_ns)
{
    unsigned y, mo, d, h = 0, mi = 0, sec = 0;
    int64_t frac = 0;

    if (!digits(&s, 4, &y) || !take(&s, '-') || !digits(&s, 2, &mo) || !take(&s, '-') ||
        !digits(&s, 2, &d) || mo < 1 || mo > 12 || y < 1678 || y > 2261 || d < 1 ||
        d > month_days(y, mo))
        return false;
    if (s.n) {
        if (!take(&s, 'T') && !take(&s, 't') && !take(&s, ' '))
            return false;
        if (!digits(&s, 2, &h) || !take(&s, ':') || !digits(&s, 2, &mi) || h > 23 || mi > 59)
            return false;
        if (take(&s, ':') && (!digits(&s, 2, &sec) || sec > 60))
            return false;
        if (!fraction(&s, &frac) || !zone(&s, &zone_s) || s.n)
            return false;
    }
    *ret_ns = time_from_civil(y, mo, d, (int64_t)h * 3600 + mi * 60 + sec - zone_s) + frac;
    return true;
}

static bool relative(struct slice s, int64_t *ret_ns)
{
    uint64_t n;
    int64_t unit;

    if (s.n < 2 || !slice_to_u64(slice_cut(s, 0, s.n - 1), &n) || n > 100000000)
        return false;
    switch (s.p[s.n - 1]) {
    case 's':
        unit = 1;
        break;
    case 'm':
        unit = 60;
        break;
    case 'h':
        unit = 3600;
        break;
    case 'd':
        unit = 86400;
        break;
    case 'w':
        unit = 7 * 86400;
        break;
    default:
        return false;
    }
    return !__builtin_mul_overflow((int64_t)n, unit * NS_PER_S, ret_ns);
}

CHECKED enum err time_parse_bound(struct slice s, int64_t now_ns, int64_t *ret_ns,
                                  struct diag *diag)
{
    struct slice back_text = slice_starts(s, SLICE("now")) ? slice_cut(s, 3, s.n) : s;
    int64_t back, since;

    if (s.n == 3 && back_text.n == 0) {
        *ret_ns = now_ns;
        return ERR_NONE;
    }
    if (back_text.n && back_text.p[0] == '-' &&
        relative(slice_cut(back_text, 1, back_text.n), &back) &&
        !__builtin_sub_overflow(now_ns, back, &since)) {
        *ret_ns = since;
        return ERR_NONE;
    }
    if (s.n >= 9 && s.n <= 13 && s.p[0] != '-' && slice_to_i64(s, &since) &&
        !__builtin_mul_overflow(since, s.n > 10 ? NS_PER_MS : NS_PER_S, &since)) {
        *ret_ns = since;
        return ERR_NONE;
    }
    if (time_parse_iso(s, 0, ret_ns))
        return ERR_NONE;
    return FAIL(diag, ERR_SYNTAX, 0,
                "not a time: write 2026-11-25T08:00:00Z, 2026-11-25, now, -15m, -24h or -7d");
}
