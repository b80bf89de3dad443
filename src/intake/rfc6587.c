#include "intake/rfc6587.h"

static bool is_trailer(char c)
{
    return c == '\n' || c == '\r' || c == '\0';
}

static struct slice without_trailers(struct slice s)
{
    while (s.n > 0 && is_trailer(s.p[s.n - 1]))
        s.n--;
    return s;
}

static struct slice take(struct slice *in, size_t n)
{
    struct slice s = {in->p, n};

    *in = slice_cut(*in, n, in->n);
    return s;
}

void rfc6587_init(struct rfc6587 *f, size_t max)
{
    *f = (struct rfc6587){.max = max};
}

void rfc6587_done(struct rfc6587 *f)
{
    buf_done(&f->held);
}

/* The ceiling follows `max`, which a reload may change in mid-record. */
static bool hold(struct rfc6587 *f, struct slice s)
{
    f->held.max = f->max + 16 > f->held.n + s.n ? f->max + 16 : f->held.n + s.n;
    return buf_put(&f->held, s) == ERR_NONE;
}

static void begin(struct rfc6587 *f)
{
    f->state = RFC6587_AT_START;
    f->head_n = 0;
    f->need = 0;
    f->part = 0;
}

/* Looks at the next byte of the head. True when the framing of the record is known; the byte
 * is then not taken, unless it was a digit. */
static bool decide(struct rfc6587 *f, char c)
{
    size_t digits = f->head_n;
    bool blank = digits > 0 && f->head[digits - 1] == ' ';

    f->framing = FRAMING_LF;
    if (!blank) {
        bool digit = c >= (digits == 0 ? '1' : '0') && c <= '9';
        if ((digit && digits < 8) || (c == ' ' && digits > 0)) {
            f->head[f->head_n++] = c;
            return false;
        }
        return true;
    }
    if (c != '<')
        return true;
    size_t n = 0;
    for (size_t i = 0; i + 1 < digits; i++)
        n = n * 10 + (size_t)(f->head[i] - '0');
    if (n <= RFC6587_COUNT_MAX) {
        f->framing = FRAMING_OCTET;
        f->need = n;
    }
    return true;
}

/* False when the input ended before the framing was known. */
static bool find_framing(struct rfc6587 *f, struct slice *in)
{
    if (f->head_n == 0)
        while (in->n > 0 && is_trailer(in->p[0]))
            (void)take(in, 1);
    while (in->n > 0) {
        if (decide(f, in->p[0]))
            return true;
        (void)take(in, 1);
    }
    return false;
}

/* Offset of the LF or NUL that ends the line, or s.n. */
static size_t line_end(struct slice s)
{
    size_t lf = slice_find(s, '\n');

    return slice_find((struct slice){s.p, lf}, '\0');
}

static enum rfc6587_got give_long(struct rfc6587 *f, struct slice piece, bool last,
                                  struct rfc6587_out *ret)
{
    *ret = (struct rfc6587_out){piece, f->framing, f->part++, last};
    if (last)
        begin(f);
    else
        f->state = RFC6587_IN_LONG;
    return RFC6587_LONG;
}

static enum rfc6587_got give(struct rfc6587 *f, struct slice whole, struct rfc6587_out *ret)
{
    *ret = (struct rfc6587_out){.bytes = whole, .framing = f->framing, .last = true};
    begin(f);
    return RFC6587_RECORD;
}

static enum rfc6587_got next_of_line(struct rfc6587 *f, struct slice *in, struct rfc6587_out *ret)
{
    size_t end = line_end(*in);
    bool ended = end < in->n;

    /* one more than max: a CR before the LF is no part of the record */
    if (f->held.n + end > f->max + 1) {
        if (f->held.n > 0) {
            f->held_out = true;
            return give_long(f, buf_slice(&f->held), false, ret);
        }
        struct slice piece = take(in, end);
        if (ended)
            (void)take(in, 1);
        return give_long(f, piece, ended, ret);
    }
    struct slice piece = take(in, end);
    if (ended)
        (void)take(in, 1);
    if (f->held.n > 0 || !ended) {
        if (!hold(f, piece))
            return RFC6587_NOMEM;
        if (!ended)
            return RFC6587_NEED;
        f->held_out = true;
        piece = buf_slice(&f->held);
    }
    struct slice whole = without_trailers(piece);
    return whole.n > f->max ? give_long(f, whole, true, ret) : give(f, whole, ret);
}

static enum rfc6587_got next_of_counted(struct rfc6587 *f, struct slice *in,
                                        struct rfc6587_out *ret)
{
    struct slice piece = take(in, in->n < f->need ? in->n : f->need);

    f->need -= piece.n;
    if (f->held.n + piece.n + f->need > f->max) {
        if (f->held.n > 0 && hold(f, piece)) { /* max was lowered in mid-record */
            f->held_out = true;
            piece = buf_slice(&f->held);
        }
        return give_long(f, piece, f->need == 0, ret);
    }
    if (f->held.n > 0 || f->need > 0) {
        if (!hold(f, piece))
            return RFC6587_NOMEM;
        if (f->need > 0)
            return RFC6587_NEED;
        f->held_out = true;
        piece = buf_slice(&f->held);
    }
    return give(f, without_trailers(piece), ret);
}

static enum rfc6587_got next_of_long(struct rfc6587 *f, struct slice *in, struct rfc6587_out *ret)
{
    struct slice piece;
    bool ended;

    if (f->framing == FRAMING_OCTET) {
        piece = take(in, in->n < f->need ? in->n : f->need);
        f->need -= piece.n;
        ended = f->need == 0;
    } else {
        size_t end = line_end(*in);
        ended = end < in->n;
        piece = take(in, end);
        if (ended)
            (void)take(in, 1);
    }
    return give_long(f, piece, ended, ret);
}

enum rfc6587_got rfc6587_next(struct rfc6587 *f, struct slice *in, struct rfc6587_out *ret)
{
    if (f->held_out) {
        buf_reset(&f->held);
        f->held_out = false;
    }
    if (f->state == RFC6587_AT_START) {
        if (!find_framing(f, in))
            return RFC6587_NEED;
        f->state = f->framing == FRAMING_OCTET ? RFC6587_IN_COUNTED : RFC6587_IN_LINE;
        if (f->framing == FRAMING_LF && !hold(f, (struct slice){f->head, f->head_n}))
            return RFC6587_NOMEM;
    }
    if (in->n == 0)
        return RFC6587_NEED;
    if (f->state == RFC6587_IN_LINE)
        return next_of_line(f, in, ret);
    if (f->state == RFC6587_IN_COUNTED)
        return next_of_counted(f, in, ret);
    return next_of_long(f, in, ret);
}

enum rfc6587_got rfc6587_end(struct rfc6587 *f, struct rfc6587_out *ret)
{
    struct slice held;

    if (f->held_out)
        buf_reset(&f->held);
    f->held_out = false;
    if (f->state == RFC6587_AT_START) {
        if (f->head_n == 0)
            return RFC6587_NEED;
        f->framing = FRAMING_LF;
        if (!hold(f, (struct slice){f->head, f->head_n}))
            return RFC6587_NOMEM;
    }
    if (f->state == RFC6587_IN_LONG)
        return give_long(f, (struct slice){"", 0}, true, ret);
    held = buf_slice(&f->held);
    f->held_out = true;
    if (f->state == RFC6587_IN_COUNTED) {
        *ret = (struct rfc6587_out){held, FRAMING_OCTET, 0, true};
        begin(f);
        return RFC6587_CUT;
    }
    held = without_trailers(held);
    if (held.n == 0) {
        begin(f);
        return RFC6587_NEED;
    }
    return held.n > f->max ? give_long(f, held, true, ret) : give(f, held, ret);
}
