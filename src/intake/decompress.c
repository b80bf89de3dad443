#include "intake/decompress.h"

#define ZLIB_CONST

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK = 256 << 10, ZSTD_WINDOW_LOG = 25 };

CHECKED bool decompress_coding(const char *value, enum decompress_coding *ret)
{
    static const struct {
        const char *name;
        enum decompress_coding c;
    } row[] = {{"identity", DECOMPRESS_NONE},
               {"gzip", DECOMPRESS_GZIP},
               {"x-gzip", DECOMPRESS_GZIP},
               {"zstd", DECOMPRESS_ZSTD}};
    struct slice s = slice_trim(slice_of(value));

    if (s.n == 0) {
        *ret = DECOMPRESS_NONE;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        if (slice_eq_nocase(s, slice_of(row[i].name))) {
            *ret = row[i].c;
            return true;
        }
    return false;
}

/* Room for the next chunk: the rest of the ceiling, at least one byte, else ERR_LIMIT. */
static enum err room(struct buf *out, char **ret, size_t *ret_n, struct diag *diag)
{
    size_t left = out->max - out->n, n = left < CHUNK ? left : CHUNK;

    if (n == 0)
        return FAIL(diag, ERR_LIMIT, 0, "more than %zu bytes when decompressed", out->max);
    *ret_n = n;
    enum err e = buf_reserve(out, n, ret);
    return e == ERR_NONE ? e : FAIL(diag, e, 0, "no memory to decompress");
}

/* At the ceiling a stream may still end without another byte: zlib is then asked with none. */
static enum err gunzip(z_stream *z, struct buf *out, struct diag *diag)
{
    char none[1];

    for (;;) {
        char *to = none;
        size_t n = 0, used;
        enum err e = room(out, &to, &n, NULL);
        if (e == ERR_LIMIT)
            to = none, n = 1;
        else if (e != ERR_NONE)
            return FAIL(diag, e, 0, "no memory to decompress");
        z->next_out = (Bytef *)to;
        z->avail_out = (uInt)n;
        int rc = inflate(z, Z_NO_FLUSH);
        used = n - z->avail_out;
        if (to == none && used > 0)
            return FAIL(diag, ERR_LIMIT, 0, "more than %zu bytes when decompressed", out->max);
        out->n += used;
        if (rc == Z_STREAM_END) {
            if (z->avail_in == 0)
                return ERR_NONE;
            rc = inflateReset(z); /* another member */
        }
        if (rc == Z_MEM_ERROR)
            return FAIL(diag, ERR_NOMEM, 0, "no memory to decompress");
        if (rc != Z_OK)
            return FAIL(diag, ERR_SYNTAX, z->total_in, "gzip data is damaged or cut short");
    }
}

static enum err unzstd(ZSTD_DStream *z, struct slice in, struct buf *out, struct diag *diag)
{
    ZSTD_inBuffer zi = {in.p, in.n, 0};
    char none[1];

    for (;;) {
        char *to = none;
        size_t n = 0;
        enum err e = room(out, &to, &n, NULL);
        if (e == ERR_LIMIT)
            to = none, n = 1;
        else if (e != ERR_NONE)
            return FAIL(diag, e, 0, "no memory to decompress");
        ZSTD_outBuffer zo = {to, n, 0};
        size_t before = zi.pos, rc = ZSTD_decompressStream(z, &zo, &zi);
        if (ZSTD_isError(rc))
            return FAIL(diag, ERR_SYNTAX, zi.pos, "zstd data: %s", ZSTD_getErrorName(rc));
        if (to == none && zo.pos > 0)
            return FAIL(diag, ERR_LIMIT, 0, "more than %zu bytes when decompressed", out->max);
        out->n += to == none ? 0 : zo.pos;
        if (rc == 0 && zi.pos == zi.size)
            return ERR_NONE;
        if (zi.pos == before && zo.pos == 0)
            return FAIL(diag, ERR_SYNTAX, zi.pos, "zstd data is cut short");
    }
}

CHECKED enum err decompress(enum decompress_coding c, struct slice in, struct buf *out,
                            struct diag *diag)
{
    enum err e;

    if (c == DECOMPRESS_NONE) {
        e = buf_put(out, in);
        return e == ERR_NONE ? e : FAIL(diag, e, 0, "more than %zu bytes", out->max);
    }
    if (in.n == 0 || in.n > UINT_MAX)
        return FAIL(diag, in.n ? ERR_LIMIT : ERR_SYNTAX, 0, "no compressed data, or too much");
    size_t before = out->n;
    if (c == DECOMPRESS_GZIP) {
        z_stream z = {.next_in = (const Bytef *)in.p, .avail_in = (uInt)in.n};
        if (inflateInit2(&z, 15 + 16) != Z_OK)
            return FAIL(diag, ERR_NOMEM, 0, "no memory to decompress");
        e = gunzip(&z, out, diag);
        (void)inflateEnd(&z);
    } else {
        ZSTD_DStream *z = ZSTD_createDStream();
        if (!z || ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG))) {
            (void)ZSTD_freeDStream(z);
            return FAIL(diag, ERR_NOMEM, 0, "no memory to decompress");
        }
        e = unzstd(z, in, out, diag);
        (void)ZSTD_freeDStream(z);
    }
    if (e != ERR_NONE)
        out->n = before;
    return e;
}

struct decompress_stream {
    enum decompress_coding coding;
    bool whole; /* at the end of a member */
    bool ended; /* the next byte begins another member */
    z_stream z;
    ZSTD_DStream *zstd; /* owned */
};

struct decompress_stream *decompress_stream_new(enum decompress_coding c)
{
    struct decompress_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->coding = c;
    s->whole = true;
    if (c == DECOMPRESS_GZIP && inflateInit2(&s->z, 15 + 16) == Z_OK)
        return s;
    if (c == DECOMPRESS_ZSTD) {
        s->zstd = ZSTD_createDStream();
        if (s->zstd &&
            !ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
            return s;
        (void)ZSTD_freeDStream(s->zstd);
    }
    free(s);
    return NULL;
}

void decompress_stream_free(struct decompress_stream *s)
{
    if (!s)
        return;
    if (s->coding == DECOMPRESS_GZIP)
        (void)inflateEnd(&s->z);
    (void)ZSTD_freeDStream(s->zstd);
    free(s);
}

bool decompress_stream_whole(const struct decompress_stream *s)
{
    return s->whole;
}

static enum err gzip_step(struct decompress_stream *s, struct slice *in, char *out, size_t cap,
                          size_t *ret_n, struct diag *diag)
{
    z_stream *z = &s->z;
    uInt take = in->n > UINT_MAX ? UINT_MAX : (uInt)in->n;

    if (s->ended && take > 0) {
        if (inflateReset(z) != Z_OK)
            return FAIL(diag, ERR_NOMEM, 0, "no memory to decompress");
        s->ended = false;
    }
    z->next_in = (const Bytef *)in->p;
    z->avail_in = take;
    z->next_out = (Bytef *)out;
    z->avail_out = cap > UINT_MAX ? UINT_MAX : (uInt)cap;
    uInt room_n = z->avail_out;
    int rc = s->ended ? Z_BUF_ERROR : inflate(z, Z_NO_FLUSH);
    *ret_n = room_n - z->avail_out;
    *in = slice_cut(*in, take - z->avail_in, in->n);
    s->whole = s->ended = s->ended || rc == Z_STREAM_END;
    if (rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR)
        return ERR_NONE;
    if (rc == Z_MEM_ERROR)
        return FAIL(diag, ERR_NOMEM, 0, "no memory to decompress");
    return FAIL(diag, ERR_SYNTAX, z->total_in, "gzip data is damaged: %s", z->msg ? z->msg : "");
}

static enum err zstd_step(struct decompress_stream *s, struct slice *in, char *out, size_t cap,
                          size_t *ret_n, struct diag *diag)
{
    ZSTD_inBuffer zi = {in->p, in->n, 0};
    ZSTD_outBuffer zo = {out, cap, 0};
    size_t rc = ZSTD_decompressStream(s->zstd, &zo, &zi);

    *ret_n = zo.pos;
    *in = slice_cut(*in, zi.pos, in->n);
    if (ZSTD_isError(rc))
        return FAIL(diag, ERR_SYNTAX, 0, "zstd data is damaged: %s", ZSTD_getErrorName(rc));
    if (rc == 0)
        s->whole = true;
    else if (zi.pos || zo.pos)
        s->whole = false;
    return ERR_NONE;
}

CHECKED enum err decompress_stream_step(struct decompress_stream *s, struct slice *in, char *out,
                                        size_t cap, size_t *ret_n, struct diag *diag)
{
    return s->coding == DECOMPRESS_GZIP ? gzip_step(s, in, out, cap, ret_n, diag)
                                        : zstd_step(s, in, out, cap, ret_n, diag);
}
