#include "parse/evtx_make_int.h"

#include <string.h>

#include "parse/evtx_int.h"

static void put(struct evtx_make *m, const void *p, size_t n)
{
    if (m->at + n > EVTX_CHUNK_BYTES) {
        m->full = true;
        return;
    }
    if (n)
        memcpy(m->chunk + m->at, p, n);
    m->at += n;
}

static void put_uint(struct evtx_make *m, uint64_t v, unsigned width)
{
    put(m, &v, width);
}

static void patch(struct evtx_make *m, size_t at, uint64_t v, unsigned width)
{
    if (!m->full)
        memcpy(m->chunk + at, &v, width);
}

static void put_utf16(struct evtx_make *m, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_uint(m, (uint8_t)s[i], 2);
}

/* Its offset, then itself: every name stands where it is used. */
static void put_name(struct evtx_make *m, const char *s, size_t n)
{
    put_uint(m, m->at + 4, 4);
    put_uint(m, 0, 4);
    put_uint(m, 0, 2);
    put_uint(m, n, 2);
    put_utf16(m, s, n);
    put_uint(m, 0, 2);
}

/* Text and %N up to `end`. */
static const char *put_text(struct evtx_make *m, const char *s, char end)
{
    while (*s && *s != end) {
        size_t n = 0;
        while (s[n] && s[n] != end && s[n] != '%')
            n++;
        if (n) {
            put_uint(m, 0x05, 1);
            put_uint(m, 0x01, 1);
            put_uint(m, n, 2);
            put_utf16(m, s, n);
            s += n;
        }
        if (*s != '%')
            continue;
        put_uint(m, s[2] == '?' ? 0x0e : 0x0d, 1);
        put_uint(m, (uint64_t)(s[1] - '0'), 2);
        put_uint(m, 0x01, 1);
        s += s[2] == '?' ? 3 : 2;
    }
    return s;
}

static size_t word(const char *s)
{
    return strcspn(s, " =/>");
}

static const char *put_open(struct evtx_make *m, const char *s, bool definition)
{
    size_t n = word(s);
    bool more = s[n] == ' ';

    put_uint(m, more ? 0x41 : 0x01, 1);
    if (definition)
        put_uint(m, 0xffff, 2);
    put_uint(m, 0, 4);
    put_name(m, s, n);
    if (more)
        put_uint(m, 0, 4);
    s += n;
    while (*s == ' ') {
        n = word(++s);
        put_uint(m, 0x06, 1);
        put_name(m, s, n);
        s = put_text(m, s + n + 2, '"') + 1;
    }
    if (*s == '/') {
        put_uint(m, 0x03, 1);
        return s + 2;
    }
    put_uint(m, 0x02, 1);
    return s + 1;
}

static void put_xml(struct evtx_make *m, const char *s, bool definition)
{
    put_uint(m, 0x0001010f, 4);
    while (*s && !m->full) {
        if (*s != '<') {
            s = put_text(m, s, '<');
        } else if (s[1] == '/') {
            put_uint(m, 0x04, 1);
            s = strchr(s, '>') + 1;
        } else {
            s = put_open(m, s + 1, definition);
        }
    }
    put_uint(m, 0x00, 1);
}

static void put_instance(struct evtx_make *m, const char *xml, const struct make_value *values)
{
    size_t n = 0, sizes, from;

    while (values && n < MAKE_VALUES_MAX && values[n].type != 0xff)
        n++;
    put_uint(m, 0x0001010f, 4);
    put_uint(m, 0x010c, 2);
    put_uint(m, 0x11223344, 4);
    put_uint(m, m->at + 4, 4);
    put_uint(m, 0, 4);
    put(m, "\x44\x33\x22\x11guid-guid-gu", 16);
    sizes = m->at;
    put_uint(m, 0, 4);
    from = m->at;
    put_xml(m, xml, true);
    patch(m, sizes, m->at - from, 4);
    put_uint(m, n, 4);
    sizes = m->at;
    for (size_t i = 0; i < n; i++) {
        put_uint(m, values[i].n, 2);
        put_uint(m, values[i].type, 2);
    }
    for (size_t i = 0; i < n; i++) {
        from = m->at;
        if (values[i].type == 0x21)
            put_instance(m, values[i].bytes, values[i].nested);
        else
            put(m, values[i].bytes, values[i].n);
        patch(m, sizes + i * 4, m->at - from, 2);
    }
    put_uint(m, 0x00, 1);
}

void evtx_make_begin(struct evtx_make *m)
{
    memset(m, 0, sizeof(*m));
    m->chunk = m->file + EVTX_HEADER_BYTES;
    m->at = 512;
}

static size_t begin_record(struct evtx_make *m)
{
    size_t at = m->at;

    put(m, "\x2a\x2a\0\0", 4);
    put_uint(m, 0, 4);
    put_uint(m, ++m->id, 8);
    put_uint(m, UINT64_C(133400000000000000), 8);
    return at;
}

static size_t end_record(struct evtx_make *m, size_t at)
{
    while (m->at % 8 != 4)
        put_uint(m, 0, 1);
    patch(m, at + 4, m->at + 4 - at, 4);
    put_uint(m, m->at + 4 - at, 4);
    return at;
}

size_t evtx_make_record(struct evtx_make *m, const char *xml, const struct make_value *values)
{
    size_t at = begin_record(m);

    put_instance(m, xml, values);
    return end_record(m, at);
}

size_t evtx_make_plain(struct evtx_make *m, const char *xml)
{
    size_t at = begin_record(m);

    put_xml(m, xml, false);
    return end_record(m, at);
}

void evtx_make_end(struct evtx_make *m)
{
    struct slice header = {m->file, 0x78}, c = {m->chunk, EVTX_CHUNK_BYTES};
    size_t end = m->at;
    uint32_t sum;

    memcpy(m->file, "ElfFile", 8);
    memcpy(m->file + 0x24, "\x01\x00\x03\x00", 4);
    memcpy(m->file + 0x28, "\x00\x10\x01\x00", 4);
    sum = evtx_file_checksum(0, header);
    memcpy(m->file + 0x7c, &sum, 4);
    memcpy(m->chunk, "ElfChnk", 8);
    patch(m, 0x30, end, 4);
    patch(m, 0x34, evtx_file_checksum(0, slice_cut(c, 512, end)), 4);
    sum = evtx_file_checksum(0, slice_cut(c, 0, 0x78));
    patch(m, 0x7c, evtx_file_checksum(sum, slice_cut(c, 0x80, 512)), 4);
}
