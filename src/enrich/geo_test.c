/* The file under test is written here by hand, after the MaxMind DB format specification 2.0: a
 * binary search tree of 24-bit records, 16 zero bytes, the data section, the metadata. */
#include "core/test.h"

#include "enrich/geo_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/ip.h"

enum { NODES_MAX = 2048, ITEMS_MAX = 8, SEPARATOR = 16 };

struct writer {
    uint32_t nodes[NODES_MAX][2]; /* 0 = empty; n < NODES_MAX a node; else data at n - NODES_MAX */
    uint32_t n;
    struct buf data;
};

static void put(struct buf *b, const void *p, size_t n)
{
    assert_int_equal(buf_put(b, (struct slice){p, n}), ERR_NONE);
}

/* The control byte; a type above 7 and a size above 28 each need one byte more. */
static void put_head(struct buf *b, unsigned type, unsigned size)
{
    unsigned small = size < 29 ? size : 29;
    uint8_t bytes[3] = {(uint8_t)((type < 8 ? type << 5 : 0) | small)};
    size_t n = 1;

    assert_true(size < 29 + 256);
    if (type >= 8)
        bytes[n++] = (uint8_t)(type - 7);
    if (size >= 29)
        bytes[n++] = (uint8_t)(size - 29);
    put(b, bytes, n);
}

static void put_text(struct buf *b, const char *s)
{
    put_head(b, 2, (unsigned)strlen(s));
    put(b, s, strlen(s));
}

static void put_uint(struct buf *b, unsigned type, unsigned width, uint64_t v)
{
    put_head(b, type, width);
    for (unsigned i = width; i > 0; i--) {
        uint8_t byte = (uint8_t)(v >> ((i - 1) * 8));
        put(b, &byte, 1);
    }
}

static void put_map(struct buf *b, unsigned n)
{
    put_head(b, 7, n);
}

static void add(struct writer *w, const char *cidr, const char *country, uint32_t as,
                const char *name)
{
    struct cidr c;
    uint32_t at = 0, value = NODES_MAX + (uint32_t)w->data.n;

    put_map(&w->data, (country ? 1u : 0u) + (as ? 2u : 0u));
    if (country) {
        put_text(&w->data, "country");
        put_map(&w->data, 1);
        put_text(&w->data, "iso_code");
        put_text(&w->data, country);
    }
    if (as) {
        put_text(&w->data, "autonomous_system_number");
        put_uint(&w->data, 6, 4, as);
        put_text(&w->data, "autonomous_system_organization");
        put_text(&w->data, name);
    }
    assert_true(cidr_parse(slice_of(cidr), &c));
    /* IPv4 stands at ::a.b.c.d in the tree, not at ::ffff:a.b.c.d. */
    bool v4 = ip_is_v4(c.ip);
    for (unsigned bit = 0; bit < c.bits; bit++) {
        unsigned side = v4 && bit < 96 ? 0 : (unsigned)c.ip[bit / 8] >> (7 - bit % 8) & 1;
        if (bit + 1 == c.bits) {
            w->nodes[at][side] = value;
            return;
        }
        if (!w->nodes[at][side]) {
            assert_true(w->n < NODES_MAX);
            w->nodes[at][side] = w->n++;
        }
        at = w->nodes[at][side];
    }
}

static void finish(struct writer *w, struct buf *out)
{
    static const uint8_t zeros[SEPARATOR];

    for (uint32_t i = 0; i < w->n; i++)
        for (unsigned side = 0; side < 2; side++) {
            uint32_t v = w->nodes[i][side];
            v = v == 0 ? w->n : v >= NODES_MAX ? w->n + SEPARATOR + (v - NODES_MAX) : v;
            uint8_t bytes[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
            put(out, bytes, 3);
        }
    put(out, zeros, sizeof(zeros));
    put(out, w->data.p, w->data.n);
    put(out, "\xab\xcd\xefMaxMind.com", 14);
    put_map(out, 9);
    put_text(out, "node_count");
    put_uint(out, 6, 4, w->n);
    put_text(out, "record_size");
    put_uint(out, 5, 2, 24);
    put_text(out, "ip_version");
    put_uint(out, 5, 2, 6);
    put_text(out, "database_type");
    put_text(out, "Test-Country-ASN");
    put_text(out, "languages");
    put_head(out, 11, 0);
    put_text(out, "binary_format_major_version");
    put_uint(out, 5, 2, 2);
    put_text(out, "binary_format_minor_version");
    put_uint(out, 5, 2, 0);
    put_text(out, "build_epoch");
    put_uint(out, 9, 8, 1795593600);
    put_text(out, "description");
    put_map(out, 0);
}

static char path[] = "/tmp/coloa-geo-test-XXXXXX";
static struct buf file;

static void write_file(const char *p, size_t n)
{
    FILE *f = fopen(path, "wbe");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    static struct writer w = {.n = 1};
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0)
        return -1;
    (void)close(fd);
    buf_init(&w.data, 1 << 16);
    buf_init(&file, 1 << 20);
    add(&w, "203.113.128.0/18", "VN", 7552, "Viettel Group");
    add(&w, "8.8.8.0/24", "US", 0, "");
    add(&w, "9.9.9.9", NULL, 19281, "Quad9");
    add(&w, "2001:ee0::/32", "VN", 45899, "VNPT Corp");
    finish(&w, &file);
    buf_done(&w.data);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&file);
    return unlink(path);
}

static void finds_countries_and_networks(void **state)
{
    static const struct {
        const char *ip, *country;
        uint32_t as;
        const char *name;
    } rows[] = {
        {"203.113.131.1", "VN", 7552, "Viettel Group"},
        {"203.113.192.0", NULL, 0, NULL},
        {"8.8.8.8", "US", 0, NULL},
        {"9.9.9.9", NULL, 19281, "Quad9"},
        {"9.9.9.8", NULL, 0, NULL},
        {"2001:ee0:1::5", "VN", 45899, "VNPT Corp"},
        {"::1", NULL, 0, NULL},
    };
    struct geo *g = NULL;
    struct arena a;

    (void)state;
    write_file(file.p, file.n);
    struct diag d = {0};
    if (geo_open(path, &g, &d) != ERR_NONE)
        fail_msg("%s", d.text);
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (unsigned side = 0; side < 2; side++) {
            struct event ev;
            event_init(&ev, &a);
            assert_int_equal(
                event_set(&ev, side ? F_DESTINATION_IP : F_SOURCE_IP, slice_of(rows[i].ip)),
                ERR_NONE);
            enrich_event(NULL, g, &ev);
            const struct value *c = event_get(&ev, side ? F_DESTINATION_GEO_COUNTRY_ISO_CODE
                                                        : F_SOURCE_GEO_COUNTRY_ISO_CODE);
            const struct value *n =
                event_get(&ev, side ? F_DESTINATION_AS_NUMBER : F_SOURCE_AS_NUMBER);
            const struct value *o = event_get(&ev, side ? F_DESTINATION_AS_ORGANIZATION_NAME
                                                        : F_SOURCE_AS_ORGANIZATION_NAME);
            assert_int_equal(!c, !rows[i].country);
            assert_int_equal(!o, !rows[i].name);
            assert_true(!c || slice_eq(c->text, slice_of(rows[i].country)));
            assert_true(!o || slice_eq(o->text, slice_of(rows[i].name)));
            assert_int_equal(n ? n->i : 0, rows[i].as);
        }
    arena_done(&a);
    geo_close(g);
}

static void says_what_is_wrong_with_a_file(void **state)
{
    struct geo *g = NULL;
    struct diag d = {0};

    (void)state;
    assert_int_equal(geo_open("/nonexistent/geo.mmdb", &g, &d), ERR_NOENT);
    assert_non_null(strstr(d.text, "/nonexistent/geo.mmdb: No such file"));
    write_file("", 0);
    assert_int_equal(geo_open(path, &g, &d), ERR_CORRUPT);
    write_file("this is no MMDB file, only text", 31);
    assert_int_equal(geo_open(path, &g, &d), ERR_CORRUPT);
    assert_non_null(strstr(d.text, path));
    assert_null(g);
}

/* Every cut either fails to open or gives no wrong bytes to read. */
static void bears_a_cut_file(void **state)
{
    static const char *const ips[] = {"203.113.131.1", "8.8.8.8", "2001:ee0:1::5"};

    (void)state;
    for (size_t cut = 0; cut < file.n; cut += 7) {
        struct geo *g = NULL;
        write_file(file.p + cut, file.n - cut);
        if (geo_open(path, &g, NULL) != ERR_NONE)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
            struct geo_answer a = {0};
            uint8_t ip[16];
            assert_true(ip_parse(slice_of(ips[i]), ip));
            if (geo_find(g, ip, &a))
                assert_true(a.country.n < 64 && a.as_name.n < 64);
        }
        geo_close(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_countries_and_networks),
        cmocka_unit_test(says_what_is_wrong_with_a_file),
        cmocka_unit_test(bears_a_cut_file),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
