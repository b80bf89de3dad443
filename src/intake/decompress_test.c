#include "core/test.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "intake/decompress.h"

static void gzip(struct slice in, struct buf *out)
{
    z_stream z = {0};
    char *to;

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t cap = deflateBound(&z, in.n);
    assert_int_equal(buf_reserve(out, cap, &to), ERR_NONE);
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += cap - z.avail_out;
    (void)deflateEnd(&z);
}

static void zstd(struct slice in, struct buf *out)
{
    size_t cap = ZSTD_compressBound(in.n);
    char *to;

    assert_int_equal(buf_reserve(out, cap, &to), ERR_NONE);
    size_t n = ZSTD_compress(to, cap, in.p, in.n, 3);
    assert_false(ZSTD_isError(n));
    out->n += n;
}

static void pack(enum decompress_coding c, struct slice in, struct buf *out)
{
    if (c == DECOMPRESS_GZIP)
        gzip(in, out);
    else
        zstd(in, out);
}

static const enum decompress_coding both[] = {DECOMPRESS_GZIP, DECOMPRESS_ZSTD};

/* Sizes around the chunk and the ceiling; two members or frames one after the other. */
static void test_round_trip(void **state)
{
    static const size_t size[] = {0, 1, 1000, 262143, 262144, 262145, 600000};
    char *text = malloc(600000);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < 600000; i++)
        text[i] = (char)('a' + (i * i / 7) % 26);
    for (size_t c = 0; c < 2; c++)
        for (size_t i = 0; i < ARRAY_LEN(size); i++) {
            struct buf in, out;
            buf_init(&in, 4 << 20);
            buf_init(&out, 2 * size[i]);
            pack(both[c], (struct slice){text, size[i]}, &in);
            pack(both[c], (struct slice){text, size[i]}, &in);
            assert_int_equal(decompress(both[c], buf_slice(&in), &out, NULL), ERR_NONE);
            assert_int_equal(out.n, 2 * size[i]);
            if (size[i] > 0) {
                assert_memory_equal(out.p, text, size[i]);
                assert_memory_equal(out.p + size[i], text, size[i]);
                out.n = 0;
                out.max = 2 * size[i] - 1;
                assert_int_equal(decompress(both[c], buf_slice(&in), &out, NULL), ERR_LIMIT);
                assert_int_equal(out.n, 0);
            }
            buf_done(&in);
            buf_done(&out);
        }
    free(text);
}

static void test_cut_and_damaged(void **state)
{
    struct slice text = SLICE("{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");

    (void)state;
    for (size_t c = 0; c < 2; c++) {
        struct buf in, out;
        struct diag d = {0};
        buf_init(&in, 1 << 20);
        buf_init(&out, 1 << 20);
        pack(both[c], text, &in);
        for (size_t n = 0; n < in.n; n++) {
            assert_int_equal(decompress(both[c], (struct slice){in.p, n}, &out, &d), ERR_SYNTAX);
            assert_int_equal(out.n, 0);
        }
        assert_string_not_equal(d.text, "");
        in.p[0] ^= 1;
        assert_int_equal(decompress(both[c], buf_slice(&in), &out, NULL), ERR_SYNTAX);
        in.p[0] ^= 1;
        assert_int_equal(buf_puts(&in, "rubbish"), ERR_NONE);
        assert_int_equal(decompress(both[c], buf_slice(&in), &out, NULL), ERR_SYNTAX);
        buf_done(&in);
        buf_done(&out);
    }
}

/* 64 MiB of zeros in some kilobytes: stops at the ceiling. */
static void test_bomb(void **state)
{
    size_t n = 64 << 20;
    char *zeros = calloc(1, n);

    (void)state;
    assert_non_null(zeros);
    for (size_t c = 0; c < 2; c++) {
        struct buf in, out;
        buf_init(&in, 128 << 20);
        buf_init(&out, 1 << 20);
        pack(both[c], (struct slice){zeros, n}, &in);
        assert_true(in.n < 100000);
        assert_int_equal(decompress(both[c], buf_slice(&in), &out, NULL), ERR_LIMIT);
        assert_true(out.cap <= 2 << 20);
        buf_done(&in);
        buf_done(&out);
    }
    free(zeros);
}

static void test_codings(void **state)
{
    enum decompress_coding c = DECOMPRESS_ZSTD;

    (void)state;
    assert_true(decompress_coding(NULL, &c));
    assert_int_equal(c, DECOMPRESS_NONE);
    assert_true(decompress_coding(" GZip ", &c));
    assert_int_equal(c, DECOMPRESS_GZIP);
    assert_true(decompress_coding("zstd", &c));
    assert_int_equal(c, DECOMPRESS_ZSTD);
    assert_false(decompress_coding("br", &c));
    assert_false(decompress_coding("gzip, gzip", &c));
}

/* A stream gives the same bytes in any portions, and says where it was cut. */
static void test_stream(void **state)
{
    static const size_t portion[] = {1, 7, 1000, 1 << 20};
    char text[20000], got[45000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + (i * i / 7) % 26);
    for (size_t c = 0; c < 2; c++) {
        struct buf in;
        buf_init(&in, 1 << 20);
        pack(both[c], (struct slice){text, sizeof(text)}, &in);
        size_t one = in.n;
        pack(both[c], (struct slice){text, sizeof(text)}, &in); /* a second member */
        for (size_t p = 0; p < ARRAY_LEN(portion); p++) {
            struct decompress_stream *s = decompress_stream_new(both[c]);
            size_t n = 0;
            assert_non_null(s);
            for (size_t at = 0; at < in.n;) {
                size_t k = in.n - at < portion[p] ? in.n - at : portion[p];
                struct slice part = {in.p + at, k};
                for (size_t made = 1; made || part.n;) {
                    size_t cap = sizeof(got) - n < 333 ? sizeof(got) - n : 333;
                    assert_int_equal(decompress_stream_step(s, &part, got + n, cap, &made, NULL),
                                     ERR_NONE);
                    n += made;
                }
                at += k;
                assert_true(decompress_stream_whole(s) == (at == one || at == in.n) || at < one);
            }
            assert_int_equal(n, 2 * sizeof(text));
            assert_memory_equal(got, text, sizeof(text));
            assert_memory_equal(got + sizeof(text), text, sizeof(text));
            decompress_stream_free(s);
        }
        struct decompress_stream *s = decompress_stream_new(both[c]);
        struct slice part = {in.p, one / 2};
        struct diag d = {0};
        size_t made = 0;
        assert_int_equal(decompress_stream_step(s, &part, got, sizeof(got), &made, &d), ERR_NONE);
        assert_false(decompress_stream_whole(s));
        memset(in.p + one / 2, 0xff, 64);
        part = (struct slice){in.p + one / 2, one - one / 2};
        enum err e = ERR_NONE;
        for (made = 1; e == ERR_NONE && (made || part.n);)
            e = decompress_stream_step(s, &part, got, sizeof(got), &made, &d);
        assert_int_equal(e, ERR_SYNTAX);
        decompress_stream_free(s);
        buf_done(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut_and_damaged),
        cmocka_unit_test(test_bomb), cmocka_unit_test(test_codings), cmocka_unit_test(test_stream)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
