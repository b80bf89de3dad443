#include "parse/evtx_int.h"

enum {
    FILE_HEADER_BYTES = 128,
    FILE_MINOR_AT = 0x24,
    FILE_MAJOR_AT = 0x26,
    FILE_CHUNKS_AT = 0x2a,
    FILE_FLAGS_AT = 0x78,
    FILE_CHECKSUM_AT = 0x7c,
    FLAG_DIRTY = 1,
    FLAG_FULL = 2,
};

static const char file_magic[8] = "ElfFile";

static uint32_t tables[8][256];

/* CRC-32 of IEEE 802.3, eight bytes a step. Runs before main: no lock is needed. */
__attribute__((constructor)) static void tables_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ UINT32_C(0xedb88320) : c >> 1;
        tables[0][i] = c;
    }
    for (unsigned i = 0; i < 256; i++)
        for (unsigned t = 1; t < 8; t++)
            tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
}

uint32_t evtx_file_checksum(uint32_t before, struct slice s)
{
    uint32_t c = ~before;

    while (s.n >= 8) {
        uint32_t lo, hi;
        memcpy(&lo, s.p, 4);
        memcpy(&hi, s.p + 4, 4);
        lo ^= c;
        c = tables[7][lo & 0xff] ^ tables[6][lo >> 8 & 0xff] ^ tables[5][lo >> 16 & 0xff] ^
            tables[4][lo >> 24] ^ tables[3][hi & 0xff] ^ tables[2][hi >> 8 & 0xff] ^
            tables[1][hi >> 16 & 0xff] ^ tables[0][hi >> 24];
        s = slice_cut(s, 8, s.n);
    }
    for (size_t i = 0; i < s.n; i++)
        c = c >> 8 ^ tables[0][(c ^ (uint8_t)s.p[i]) & 0xff];
    return ~c;
}

bool evtx_looks(struct slice head)
{
    return slice_starts(head, (struct slice){file_magic, sizeof(file_magic)});
}

CHECKED enum err evtx_file_open(struct slice bytes, struct evtx_file *ret, struct diag *diag)
{
    struct evtx_file f = {.bytes = bytes};
    struct bytes b = bytes_of(bytes);

    if (!evtx_looks(bytes))
        return FAIL(diag, ERR_SYNTAX, 0, "no Windows event log: it does not begin with ElfFile");
    b.at = bytes.n < FILE_MINOR_AT ? bytes.n : FILE_MINOR_AT;
    f.minor = bytes_u16(&b);
    f.major = bytes_u16(&b);
    if (!b.bad && f.major != 3)
        return FAIL(diag, ERR_VERSION, FILE_MAJOR_AT, "an event log of version %u.%u, not 3.x",
                    f.major, f.minor);
    if (bytes.n >= FILE_HEADER_BYTES) {
        b.at = FILE_CHUNKS_AT;
        f.chunks_stated = bytes_u16(&b);
        b.at = FILE_FLAGS_AT;
        uint32_t flags = bytes_u32(&b);
        f.dirty = flags & FLAG_DIRTY;
        f.full = flags & FLAG_FULL;
        f.checksum_bad = evtx_file_checksum(0, slice_cut(bytes, 0, FILE_FLAGS_AT)) != bytes_u32(&b);
    } else {
        f.checksum_bad = true;
    }
    if (bytes.n > EVTX_HEADER_BYTES) {
        size_t n = (bytes.n - EVTX_HEADER_BYTES + EVTX_CHUNK_BYTES - 1) / EVTX_CHUNK_BYTES;
        f.chunks = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    }
    *ret = f;
    return ERR_NONE;
}

struct slice evtx_file_chunk(const struct evtx_file *f, uint32_t i)
{
    if (i >= f->chunks)
        return SLICE("");
    size_t from = EVTX_HEADER_BYTES + (size_t)i * EVTX_CHUNK_BYTES;
    size_t left = f->bytes.n - from;
    return slice_cut(f->bytes, from, from + (left < EVTX_CHUNK_BYTES ? left : EVTX_CHUNK_BYTES));
}
