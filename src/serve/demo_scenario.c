#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "core/timefmt.h"
#include "serve/demo_player.h"

/* Takes the next blank-separated word from *s. */
static struct slice word(struct slice *s)
{
    *s = slice_trim(*s);
    size_t n = 0;

    while (n < s->n && s->p[n] != ' ' && s->p[n] != '\t')
        n++;
    struct slice w = slice_cut(*s, 0, n);
    *s = slice_cut(*s, n, s->n);
    return w;
}

/* "12" or "0.35" seconds, to the millisecond. */
static bool seconds(struct slice s, int64_t *ret_ns)
{
    size_t dot = slice_find(s, '.');
    uint64_t whole, part = 0;
    struct slice frac = dot < s.n ? slice_cut(s, dot + 1, s.n) : SLICE("0");

    if (!slice_to_u64(slice_cut(s, 0, dot), &whole) || whole > 1000000 || frac.n > 3 ||
        !slice_to_u64(frac, &part))
        return false;
    for (size_t i = frac.n; i < 3; i++)
        part *= 10;
    *ret_ns = (int64_t)whole * NS_PER_S + (int64_t)part * NS_PER_MS;
    return true;
}

static bool door(struct slice w, enum demo_door *ret)
{
    static const struct slice names[] = {{"udp", 3}, {"tcp", 3}, {"http", 4}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq(w, names[i])) {
            *ret = (enum demo_door)i;
            return true;
        }
    return false;
}

static CHECKED enum err read_row(struct slice line, struct demo_scenario *s, size_t at,
                                 struct diag *diag)
{
    struct demo_row r = {0};
    struct slice kind = word(&line);

    if (slice_eq(kind, SLICE("loop")))
        return seconds(word(&line), &s->loop_ns) ? ERR_NONE
                                                 : FAIL(diag, ERR_SYNTAX, at, "loop SECONDS");
    r.every = slice_eq(kind, SLICE("every"));
    if (!r.every && !slice_eq(kind, SLICE("at")))
        return FAIL(diag, ERR_SYNTAX, at, "a row begins with every, at or loop");
    if (!seconds(word(&line), &r.least_ns) || (r.every && !seconds(word(&line), &r.most_ns)) ||
        (r.every && r.most_ns < r.least_ns))
        return FAIL(diag, ERR_SYNTAX, at, "seconds are written 12 or 0.5");
    if (!door(word(&line), &r.door))
        return FAIL(diag, ERR_SYNTAX, at, "the door is udp, tcp or http");
    struct slice peer = word(&line);
    if (peer.n == 0 || peer.n >= sizeof(r.peer))
        return FAIL(diag, ERR_SYNTAX, at, "a peer address, or -");
    memcpy(r.peer, peer.p, peer.n);
    r.line = slice_trim(line);
    if (r.line.n == 0 || r.line.n > DEMO_LINE_MAX)
        return FAIL(diag, ERR_SYNTAX, at, "a line of 1 to %d bytes", DEMO_LINE_MAX);
    if (s->n == DEMO_ROWS_MAX)
        return FAIL(diag, ERR_LIMIT, at, "more than %d rows", DEMO_ROWS_MAX);
    s->rows[s->n++] = r;
    return ERR_NONE;
}

CHECKED enum err demo_read(struct slice text, struct demo_scenario *ret, struct diag *diag)
{
    ret->n = 0;
    ret->loop_ns = 3600 * NS_PER_S;
    for (size_t number = 1; text.n; number++) {
        size_t end = slice_find(text, '\n');
        struct slice line = slice_trim(slice_cut(text, 0, end));
        text = slice_cut(text, end < text.n ? end + 1 : end, text.n);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        enum err e = read_row(line, ret, number, diag);
        if (e != ERR_NONE)
            return e;
    }
    return ret->n ? ERR_NONE : FAIL(diag, ERR_SYNTAX, 0, "a scenario without rows");
}

/* xorshift64*: a scenario needs variety, not secrecy */
static uint64_t next(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(2685821657736338717);
}

/* The offset of the first `c` that stands in no inner braces, or s.n. */
static size_t find_outer(struct slice s, char c)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (depth == 0 && s.p[i] == c)
            return i;
        depth += s.p[i] == '{';
        depth -= s.p[i] == '}' && depth > 0;
    }
    return s.n;
}

/* A choice may hold words of its own: {pick:a|b{rand:1-9}}. */
static CHECKED enum err pick(struct slice choices, int64_t now_ns, uint64_t *random,
                             struct buf *out)
{
    uint64_t n = 1, skip;

    for (struct slice s = choices; find_outer(s, '|') < s.n; n++)
        s = slice_cut(s, find_outer(s, '|') + 1, s.n);
    for (skip = next(random) % n; skip > 0; skip--)
        choices = slice_cut(choices, find_outer(choices, '|') + 1, choices.n);
    return demo_fill(slice_cut(choices, 0, find_outer(choices, '|')), now_ns, random, out);
}

static CHECKED enum err number(struct slice range, uint64_t *random, struct buf *out)
{
    size_t dash = slice_find(range, '-');
    uint64_t a, b;

    if (dash == range.n || !slice_to_u64(slice_cut(range, 0, dash), &a) ||
        !slice_to_u64(slice_cut(range, dash + 1, range.n), &b) || b < a || b - a > 1000000000)
        return ERR_SYNTAX;
    a += next(random) % (b - a + 1);
    return buf_printf(out, "%llu", (unsigned long long)a);
}

static CHECKED enum err when(bool access_log, int64_t now_ns, struct buf *out)
{
    time_t t = (time_t)(now_ns / NS_PER_S);
    char text[64];
    struct tm tm;

    (void)localtime_r(&t, &tm);
    size_t n = access_log ? strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S %z", &tm)
                          : strftime(text, sizeof(text), "%b %e %H:%M:%S", &tm);
    return buf_put(out, (struct slice){text, n});
}

static CHECKED enum err fill_one(struct slice name, int64_t now_ns, uint64_t *random,
                                 struct buf *out)
{
    char text[TIME_TEXT_BYTES + 1];

    if (slice_eq(name, SLICE("syslog")))
        return when(false, now_ns, out);
    if (slice_eq(name, SLICE("clf")))
        return when(true, now_ns, out);
    if (slice_eq(name, SLICE("iso"))) {
        time_rfc3339(now_ns / NS_PER_MS * NS_PER_MS, text);
        return buf_puts(out, text);
    }
    if (slice_starts(name, SLICE("pick:")))
        return pick(slice_cut(name, 5, name.n), now_ns, random, out);
    if (slice_starts(name, SLICE("rand:")))
        return number(slice_cut(name, 5, name.n), random, out);
    return ERR_SYNTAX;
}

CHECKED enum err demo_fill(struct slice line, int64_t now_ns, uint64_t *random, struct buf *out)
{
    enum err e = ERR_NONE;

    while (line.n && e == ERR_NONE) {
        size_t open = slice_find(line, '{');
        size_t close = open;
        if (open < line.n)
            close += 1 + find_outer(slice_cut(line, open + 1, line.n), '}');
        e = buf_put(out, slice_cut(line, 0, open));
        if (e != ERR_NONE || open == line.n)
            return e;
        /* a brace that opens no word of ours is JSON's own */
        struct slice name = close < line.n ? slice_cut(line, open + 1, close) : (struct slice){0};
        size_t before = out->n;
        if (name.n && fill_one(name, now_ns, random, out) == ERR_NONE) {
            line = slice_cut(line, close + 1, line.n);
        } else {
            out->n = before;
            e = buf_putc(out, '{');
            line = slice_cut(line, open + 1, line.n);
        }
    }
    return e;
}
