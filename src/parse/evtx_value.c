#include "parse/evtx_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/utf8.h"

enum {
    T_NULL = 0x00,
    T_STRING = 0x01,
    T_ANSI = 0x02,
    T_I8 = 0x03,
    T_U8 = 0x04,
    T_I16 = 0x05,
    T_U16 = 0x06,
    T_I32 = 0x07,
    T_U32 = 0x08,
    T_I64 = 0x09,
    T_U64 = 0x0a,
    T_F32 = 0x0b,
    T_F64 = 0x0c,
    T_BOOL = 0x0d,
    T_BINARY = 0x0e,
    T_GUID = 0x0f,
    T_SIZE = 0x10,
    T_FILETIME = 0x11,
    T_SYSTEMTIME = 0x12,
    T_SID = 0x13,
    T_HEX32 = 0x14,
    T_HEX64 = 0x15,
    T_HANDLE = 0x20,
    T_XML = 0x23,
    POOL_BYTES = 4096 - 64,
    NUMBER_BYTES = 40,
};

/* 1601 to 1970 in units of 100 ns. */
static const int64_t EPOCH_100NS = INT64_C(116444736000000000);

char *evtx_value_room(struct evtx_reader *r, size_t n)
{
    if (r->out_record + n > EVTX_OUT_RECORD_MAX || r->out_chunk + n > EVTX_OUT_CHUNK_MAX) {
        r->ev->overflow = true;
        return NULL;
    }
    if (n > r->pool_left) {
        size_t want = n > POOL_BYTES / 4 ? n : POOL_BYTES;
        char *p = arena_alloc(r->ev->arena, want);
        if (!p) {
            r->ev->overflow = true;
            return NULL;
        }
        if (want == n) {
            r->out_record += n;
            r->out_chunk += n;
            return p;
        }
        r->pool = p;
        r->pool_left = want;
    }
    char *p = r->pool;
    r->pool += n;
    r->pool_left -= n;
    r->out_record += n;
    r->out_chunk += n;
    return p;
}

static uint64_t load8(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint32_t unit(struct slice s, size_t i)
{
    return (uint32_t)(uint8_t)s.p[i] | (uint32_t)(uint8_t)s.p[i + 1] << 8;
}

/* Four ASCII units become four bytes at once; the rest goes one by one. */
size_t evtx_value_utf8(struct slice in, char *to)
{
    const uint64_t beyond_ascii = UINT64_C(0xff80ff80ff80ff80);
    size_t n = in.n & ~(size_t)1, at = 0;
    char *out = to;

    while (at < n) {
        if (n - at >= 8) {
            uint64_t v = load8(in.p + at);
            if (!(v & beyond_ascii)) {
                v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
                uint32_t four = (uint32_t)(v | v >> 16);
                memcpy(out, &four, sizeof(four));
                out += 4;
                at += 8;
                continue;
            }
        }
        uint32_t c = unit(in, at);
        at += 2;
        if (c >= 0xd800 && c < 0xdc00 && at < n) {
            uint32_t low = unit(in, at);
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                at += 2;
            }
        }
        out += utf8_put(out, c);
    }
    return (size_t)(out - to);
}

static struct value text_value(struct evtx_reader *r, struct slice s)
{
    char *p = s.n ? evtx_value_room(r, s.n) : NULL;

    if (!p)
        return value_str(SLICE(""));
    memcpy(p, s.p, s.n);
    return value_str((struct slice){p, s.n});
}

static struct value string(struct evtx_reader *r, struct slice s)
{
    while (s.n >= 2 && s.p[s.n - 1] == 0 && s.p[s.n - 2] == 0)
        s.n -= 2;
    char *p = s.n ? evtx_value_room(r, s.n + s.n / 2 + 4) : NULL;
    if (!p)
        return value_str(SLICE(""));
    size_t n = evtx_value_utf8(s, p);
    size_t spare = s.n + s.n / 2 + 4 - n;
    if (p + s.n + s.n / 2 + 4 == r->pool) {
        r->pool -= spare;
        r->pool_left += spare;
    }
    return value_str((struct slice){p, n});
}

static struct value number(struct evtx_reader *r, bool minus, uint64_t v)
{
    char text[NUMBER_BYTES];
    size_t at = sizeof(text);
    uint64_t left = v;

    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (minus)
        text[--at] = '-';
    struct value ret = text_value(r, (struct slice){text + at, sizeof(text) - at});
    if (minus || v <= INT64_MAX) {
        ret.type = VT_INT;
        ret.i = minus ? (int64_t)(0 - v) : (int64_t)v;
    } else {
        ret.type = VT_DOUBLE;
        ret.d = (double)v;
    }
    return ret;
}

static struct value signed_number(struct evtx_reader *r, uint64_t bits, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (width * 8 - 1);
    uint64_t v = (bits ^ sign) - sign;

    return number(r, (v >> 63) != 0, v >> 63 ? 0 - v : v);
}

static struct value hex_number(struct evtx_reader *r, uint64_t v)
{
    char text[NUMBER_BYTES];
    size_t at = sizeof(text);

    do {
        text[--at] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v);
    text[--at] = 'x';
    text[--at] = '0';
    return text_value(r, (struct slice){text + at, sizeof(text) - at});
}

static char *hex_bytes(char *to, const char *p, size_t n, const char *digits)
{
    for (size_t i = 0; i < n; i++) {
        *to++ = digits[(uint8_t)p[i] >> 4];
        *to++ = digits[(uint8_t)p[i] & 15];
    }
    return to;
}

static struct value binary(struct evtx_reader *r, struct slice s)
{
    char *p = s.n ? evtx_value_room(r, s.n * 2) : NULL;

    if (!p)
        return value_str(SLICE(""));
    (void)hex_bytes(p, s.p, s.n, "0123456789ABCDEF");
    return value_str((struct slice){p, s.n * 2});
}

static struct value guid(struct evtx_reader *r, struct slice s)
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char text[38], *to = text;

    if (s.n != 16)
        return binary(r, s);
    *to++ = '{';
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        to = hex_bytes(to, s.p + order[i], 1, "0123456789abcdef");
    }
    *to++ = '}';
    return text_value(r, (struct slice){text, sizeof(text)});
}

static struct value sid(struct evtx_reader *r, struct slice s)
{
    char text[200];
    struct bytes b = bytes_of(s);
    unsigned revision = bytes_u8(&b), n = bytes_u8(&b);
    uint64_t authority = 0;

    for (int i = 0; i < 6; i++)
        authority = authority << 8 | bytes_u8(&b);
    if (b.bad || n > 15)
        return binary(r, s);
    int at = snprintf(text, sizeof(text), "S-%u-%" PRIu64, revision, authority);
    for (unsigned i = 0; i < n && bytes_left(&b) >= 4; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "-%" PRIu32, bytes_u32(&b));
    return text_value(r, (struct slice){text, (size_t)at});
}

bool evtx_value_filetime(uint64_t filetime, int64_t *ret_ns)
{
    int64_t since;

    if (filetime > INT64_MAX || __builtin_sub_overflow((int64_t)filetime, EPOCH_100NS, &since) ||
        __builtin_mul_overflow(since, INT64_C(100), ret_ns))
        return false;
    return true;
}

/* Days since 1970 to a date (Howard Hinnant's algorithm, for days of the years 1 to 9999). */
static void civil(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    int64_t z = days + 719468, era = z / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (unsigned)(yoe + era * 400 + (*month <= 2));
}

static void digits(char *to, unsigned n, uint64_t v)
{
    while (n) {
        to[--n] = (char)('0' + v % 10);
        v /= 10;
    }
}

static void stamp(char *to, unsigned year, unsigned month, unsigned day, uint64_t second)
{
    digits(to, 4, year);
    to[4] = '-';
    digits(to + 5, 2, month);
    to[7] = '-';
    digits(to + 8, 2, day);
    to[10] = 'T';
    digits(to + 11, 2, second / 3600);
    to[13] = ':';
    digits(to + 14, 2, second / 60 % 60);
    to[16] = ':';
    digits(to + 17, 2, second % 60);
    to[19] = '.';
}

/* As Windows writes it: seven digits behind the point. */
static struct value filetime(struct evtx_reader *r, uint64_t ft)
{
    char text[28];
    unsigned year, month, day;
    int64_t ns;
    uint64_t seconds = ft / 10000000;

    if (seconds / 86400 > 3000000)
        return number(r, false, ft);
    civil((int64_t)(seconds / 86400) - 134774, &year, &month, &day);
    stamp(text, year, month, day, seconds % 86400);
    digits(text + 20, 7, ft % 10000000);
    text[27] = 'Z';
    struct value v = text_value(r, (struct slice){text, sizeof(text)});
    if (evtx_value_filetime(ft, &ns)) {
        v.type = VT_TIME;
        v.i = ns;
    }
    return v;
}

static struct value systemtime(struct evtx_reader *r, struct slice s)
{
    struct bytes b = bytes_of(s);
    char text[24];
    uint16_t part[8];

    for (size_t i = 0; i < ARRAY_LEN(part); i++)
        part[i] = bytes_u16(&b);
    if (b.bad || part[4] > 23 || part[5] > 59 || part[6] > 60 || part[1] > 12 || part[3] > 31)
        return binary(r, s);
    stamp(text, part[0], part[1], part[3], part[4] * 3600u + part[5] * 60u + part[6]);
    digits(text + 20, 3, part[7]);
    text[23] = 'Z';
    return text_value(r, (struct slice){text, sizeof(text)});
}

static struct value real(struct evtx_reader *r, double d, int digits_n)
{
    char text[NUMBER_BYTES];
    int n = snprintf(text, sizeof(text), "%.*g", digits_n, d);
    struct value v = text_value(r, (struct slice){text, n > 0 ? (size_t)n : 0});

    v.type = VT_DOUBLE;
    v.d = d;
    return v;
}

static struct value floating(struct evtx_reader *r, struct slice s)
{
    float f;
    double d;

    if (s.n == sizeof(f)) {
        memcpy(&f, s.p, sizeof(f));
        return real(r, (double)f, 9);
    }
    if (s.n != sizeof(d))
        return binary(r, s);
    memcpy(&d, s.p, sizeof(d));
    return real(r, d, 17);
}

/* Any byte that is not zero makes it true: some senders write odd numbers. */
static struct value boolean(struct slice s)
{
    bool yes = false;

    for (size_t i = 0; i < s.n; i++)
        yes |= s.p[i] != 0;
    return (struct value){.type = VT_BOOL, .text = yes ? SLICE("true") : SLICE("false"), .i = yes};
}

unsigned evtx_value_width(uint8_t type)
{
    static const uint8_t widths[] = {
        [T_I8] = 1,    [T_U8] = 1,    [T_I16] = 2,  [T_U16] = 2,      [T_I32] = 4,
        [T_U32] = 4,   [T_I64] = 8,   [T_U64] = 8,  [T_F32] = 4,      [T_F64] = 8,
        [T_BOOL] = 4,  [T_GUID] = 16, [T_SIZE] = 8, [T_FILETIME] = 8, [T_SYSTEMTIME] = 16,
        [T_HEX32] = 4, [T_HEX64] = 8,
    };

    return type < ARRAY_LEN(widths) ? widths[type] : 0;
}

static uint64_t whole(struct slice s)
{
    struct bytes b = bytes_of(s);

    return bytes_uint(&b, (unsigned)s.n);
}

static struct value integer(struct evtx_reader *r, uint8_t type, struct slice s)
{
    if (s.n == 0 || s.n > 8)
        return binary(r, s);
    switch (type) {
    case T_I8:
    case T_I16:
    case T_I32:
    case T_I64:
        return signed_number(r, whole(s), (unsigned)s.n);
    case T_FILETIME:
        return filetime(r, whole(s));
    case T_SIZE:
    case T_HEX32:
    case T_HEX64:
    case T_HANDLE:
        return hex_number(r, whole(s));
    default:
        return number(r, false, whole(s));
    }
}

struct value evtx_value(struct evtx_reader *r, uint8_t type, struct slice s)
{
    switch (type) {
    case T_NULL:
        return (struct value){.type = VT_NULL, .text = SLICE("")};
    case T_STRING:
    case T_XML:
        return string(r, s);
    case T_ANSI:
        while (s.n && s.p[s.n - 1] == 0)
            s.n--;
        return text_value(r, s);
    case T_F32:
    case T_F64:
        return floating(r, s);
    case T_BOOL:
        return s.n ? boolean(s) : (struct value){.type = VT_NULL, .text = SLICE("")};
    case T_GUID:
        return guid(r, s);
    case T_SYSTEMTIME:
        return systemtime(r, s);
    case T_SID:
        return sid(r, s);
    case T_I8:
    case T_U8:
    case T_I16:
    case T_U16:
    case T_I32:
    case T_U32:
    case T_I64:
    case T_U64:
    case T_SIZE:
    case T_FILETIME:
    case T_HEX32:
    case T_HEX64:
    case T_HANDLE:
        return integer(r, type, s);
    default:
        return binary(r, s);
    }
}
