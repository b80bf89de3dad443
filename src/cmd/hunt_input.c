#include "cmd/hunt_input.h"

#include <stdlib.h>

#include "core/utf8.h"
#include "intake/decompress.h"

enum { PACKED_BYTES = 256 << 10, PLAIN_BYTES = 256 << 10 };

enum text { TEXT_UNKNOWN, TEXT_AS_IS, TEXT_UTF16LE, TEXT_UTF16BE };

struct hunt_input {
    hunt_pull_fn *pull;
    void *arg;
    atomic_ullong *counter;
    struct slice packed; /* what is left of packed_buf */
    bool packed_end, begun;
    struct decompress_stream *unpack; /* owned; NULL: plain */
    enum decompress_coding coding;
    uint64_t in_n, out_n;
    enum text text;
    struct slice wide; /* UTF-16 waiting, in wide_buf */
    enum err err;      /* to be told with the next read */
    struct diag diag;
    char layers[40];
    char packed_buf[PACKED_BYTES];
    char wide_buf[PLAIN_BYTES];
};

void hunt_input_free(struct hunt_input *in)
{
    if (!in)
        return;
    decompress_stream_free(in->unpack);
    free(in);
}

struct hunt_input *hunt_input_new(hunt_pull_fn *pull, void *arg, atomic_ullong *counter)
{
    struct hunt_input *in = calloc(1, sizeof(*in));

    if (!in)
        return NULL;
    in->pull = pull;
    in->arg = arg;
    in->counter = counter;
    in->packed = (struct slice){in->packed_buf, 0};
    return in;
}

const char *hunt_input_layers(const struct hunt_input *in)
{
    return in->layers;
}

/* More packed bytes behind what is there; nothing to do when the buffer is full. */
static enum err pull(struct hunt_input *in, struct diag *diag)
{
    if (in->packed.n && in->packed.p != in->packed_buf)
        memmove(in->packed_buf, in->packed.p, in->packed.n);
    in->packed.p = in->packed_buf;
    while (!in->packed_end && in->packed.n < PACKED_BYTES) {
        ptrdiff_t n =
            in->pull(in->arg, in->packed_buf + in->packed.n, PACKED_BYTES - in->packed.n, diag);
        if (n < 0) {
            in->packed_end = true;
            return diag->code ? diag->code : ERR_SYS;
        }
        in->packed_end = n == 0;
        in->packed.n += (size_t)n;
        in->in_n += (uint64_t)n;
        if (in->counter)
            atomic_fetch_add(in->counter, (unsigned long long)n);
        if (in->packed.n >= PACKED_BYTES / 2)
            break;
    }
    return ERR_NONE;
}

CHECKED enum err hunt_input_peek(struct hunt_input *in, struct slice *ret, struct diag *diag)
{
    if (!in->begun && in->packed.n == 0) {
        enum err e = pull(in, diag);
        if (e != ERR_NONE)
            return e;
    }
    *ret = in->packed;
    return ERR_NONE;
}

static void layer(struct hunt_input *in, const char *name)
{
    size_t n = strlen(in->layers), m = strlen(name);

    if (n + m + 3 > sizeof(in->layers))
        return;
    if (n) {
        memcpy(in->layers + n, ", ", 2);
        n += 2;
    }
    memcpy(in->layers + n, name, m + 1);
}

static enum err begin(struct hunt_input *in, struct diag *diag)
{
    enum err e = in->packed.n ? ERR_NONE : pull(in, diag);

    if (e != ERR_NONE)
        return e;
    in->begun = true;
    if (slice_starts(in->packed, SLICE("\x1f\x8b")))
        in->coding = DECOMPRESS_GZIP;
    else if (slice_starts(in->packed, SLICE("\x28\xb5\x2f\xfd")))
        in->coding = DECOMPRESS_ZSTD;
    if (in->coding == DECOMPRESS_NONE)
        return ERR_NONE;
    layer(in, in->coding == DECOMPRESS_GZIP ? "gzip" : "zstd");
    in->unpack = decompress_stream_new(in->coding);
    return in->unpack ? ERR_NONE : FAIL(diag, ERR_NOMEM, 0, "out of memory");
}

static enum err plain_read(struct hunt_input *in, char *to, size_t cap, size_t *ret_n,
                           struct diag *diag)
{
    size_t n = in->packed.n < cap ? in->packed.n : cap;

    if (n) {
        memcpy(to, in->packed.p, n);
        in->packed = slice_cut(in->packed, n, in->packed.n);
        *ret_n = n;
        return ERR_NONE;
    }
    if (in->packed_end)
        return ERR_NONE;
    ptrdiff_t got = in->pull(in->arg, to, cap, diag);
    if (got < 0)
        return diag->code ? diag->code : ERR_SYS;
    in->packed_end = got == 0;
    if (in->counter)
        atomic_fetch_add(in->counter, (unsigned long long)got);
    *ret_n = (size_t)got;
    return ERR_NONE;
}

/* Bytes of the innermost layer; 0 at the end. */
static enum err unpacked(struct hunt_input *in, char *to, size_t cap, size_t *ret_n,
                         struct diag *diag)
{
    enum err e = ERR_NONE;

    *ret_n = 0;
    if (!in->unpack)
        return plain_read(in, to, cap, ret_n, diag);
    while (*ret_n == 0) {
        if (in->packed.n == 0 && !in->packed_end)
            e = pull(in, diag);
        if (e != ERR_NONE)
            return e;
        size_t before = in->packed.n;
        e = decompress_stream_step(in->unpack, &in->packed, to, cap, ret_n, diag);
        in->out_n += *ret_n;
        if (e != ERR_NONE) {
            diag->at = (size_t)(in->in_n - in->packed.n);
            return e;
        }
        if (in->out_n > HUNT_BOMB_BYTES && in->out_n / HUNT_BOMB_RATIO > in->in_n)
            return FAIL(diag, ERR_LIMIT, (size_t)in->in_n,
                        "inflates more than %d times: left as a decompression bomb",
                        HUNT_BOMB_RATIO);
        if (*ret_n == 0 && before == in->packed.n && in->packed_end) {
            if (decompress_stream_whole(in->unpack))
                return ERR_NONE;
            return FAIL(diag, ERR_SYNTAX, (size_t)in->in_n, "the compressed data is cut short");
        }
    }
    return ERR_NONE;
}

static uint32_t unit(const struct hunt_input *in, const char *p)
{
    const uint8_t *b = (const uint8_t *)p;

    return in->text == TEXT_UTF16LE ? (uint32_t)(b[0] | b[1] << 8) : (uint32_t)(b[0] << 8 | b[1]);
}

/* Turns waiting UTF-16 into UTF-8; lone surrogates become the three bytes of the scheme. */
static size_t narrow(struct hunt_input *in, char *to, size_t cap, bool last)
{
    size_t n = 0, at = 0;

    while (at + 2 <= in->wide.n && n + 4 <= cap) {
        uint32_t c = unit(in, in->wide.p + at);
        size_t used = 2;
        if (c >= 0xd800 && c < 0xdc00) {
            if (at + 4 > in->wide.n && !last)
                break;
            uint32_t d = at + 4 <= in->wide.n ? unit(in, in->wide.p + at + 2) : 0;
            if (d >= 0xdc00 && d < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
                used = 4;
            }
        }
        n += utf8_put(to + n, c);
        at += used;
    }
    in->wide = slice_cut(in->wide, at, in->wide.n);
    return n;
}

static enum err wide_read(struct hunt_input *in, char *to, size_t cap, size_t *ret_n,
                          struct diag *diag)
{
    for (;;) {
        size_t got = 0;
        *ret_n = narrow(in, to, cap, false);
        if (*ret_n)
            return ERR_NONE;
        if (in->wide.n)
            memmove(in->wide_buf, in->wide.p, in->wide.n);
        in->wide.p = in->wide_buf;
        enum err e = unpacked(in, in->wide_buf + in->wide.n, PLAIN_BYTES - in->wide.n, &got, diag);
        if (e != ERR_NONE)
            return e;
        in->wide.n += got;
        if (got == 0) {
            *ret_n = narrow(in, to, cap, true);
            return ERR_NONE;
        }
    }
}

/* What the first unpacked bytes say of the encoding; the mark is dropped. */
static void tell_text(struct hunt_input *in, char *to, size_t *n)
{
    const struct slice s = {.p = to, .n = *n};
    size_t mark = 0;

    in->text = TEXT_AS_IS;
    if (slice_starts(s, SLICE("\xef\xbb\xbf"))) {
        mark = 3;
    } else if (slice_starts(s, SLICE("\xff\xfe")) || (s.n >= 4 && memcmp(s.p, "<\0?\0", 4) == 0)) {
        in->text = TEXT_UTF16LE;
        mark = s.p[0] == '<' ? 0 : 2;
    } else if (slice_starts(s, SLICE("\xfe\xff"))) {
        in->text = TEXT_UTF16BE;
        mark = 2;
    }
    *n -= mark;
    memmove(to, to + mark, *n);
    if (in->text == TEXT_AS_IS)
        return;
    layer(in, in->text == TEXT_UTF16LE ? "UTF-16 LE" : "UTF-16 BE");
    memcpy(in->wide_buf, to, *n);
    in->wide = (struct slice){in->wide_buf, *n};
    *n = 0;
}

/* The first read is at least 4 bytes when there are so many, so that a mark is seen whole. */
static enum err first_read(struct hunt_input *in, char *to, size_t cap, size_t *ret_n,
                           struct diag *diag)
{
    size_t n = 0, got = 1;
    size_t most = cap < PLAIN_BYTES ? cap : PLAIN_BYTES;
    enum err e = in->begun ? ERR_NONE : begin(in, diag);

    while (e == ERR_NONE && n < 4 && got > 0) {
        e = unpacked(in, to + n, most - n, &got, diag);
        n += got;
    }
    if (n > 0)
        tell_text(in, to, &n);
    *ret_n = n;
    return e;
}

CHECKED enum err hunt_input_read(struct hunt_input *in, char *to, size_t cap, size_t *ret_n,
                                 struct diag *diag)
{
    size_t n = 0;

    while (n < cap && in->err == ERR_NONE) {
        size_t got = 0;
        struct diag d = {0};
        if (in->text == TEXT_UNKNOWN) {
            in->err = first_read(in, to, cap, &got, &d);
            if (in->err == ERR_NONE && in->text == TEXT_UNKNOWN)
                in->text = TEXT_AS_IS;
            if (got == 0 && in->text != TEXT_AS_IS && in->err == ERR_NONE)
                continue;
        } else if (in->text == TEXT_AS_IS) {
            in->err = unpacked(in, to + n, cap - n, &got, &d);
        } else {
            if (cap - n < 4)
                break;
            in->err = wide_read(in, to + n, cap - n, &got, &d);
        }
        n += got;
        if (in->err != ERR_NONE)
            in->diag = d;
        else if (got == 0)
            break;
    }
    *ret_n = n;
    if (n > 0 || in->err == ERR_NONE)
        return ERR_NONE;
    *diag = in->diag;
    return in->err;
}
