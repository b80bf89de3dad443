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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_cut_and_damaged),
                                       cmocka_unit_test(test_bomb), cmocka_unit_test(test_codings)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
