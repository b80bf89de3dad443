/* core/record.h - what was received, unchanged, with who sent it, when and how.
 *
 * A record is what the journal of records carries: one frame of the journal holds one encoded
 * record. Slices are borrowed from the frame (after record_decode) or from the receiver's buffer
 * (before record_encode).
 *
 * Encoding, version 1, little-endian:
 *   u8 version=1 · u8 input · u8 framing · u8 format hint · u8[16] id · i64 received_ns ·
 *   u32 source · u32 org · u8[16] peer address (IPv4 mapped) · u16 peer port ·
 *   u32+bytes name · u32+bytes payload
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "core/buf.h"
#include "core/id.h"

/* never renumber: written to the journal */
enum input_kind {
    INPUT_NONE = 0,
    INPUT_SYSLOG_UDP = 1,
    INPUT_SYSLOG_TCP = 2,
    INPUT_HTTP = 3,
    INPUT_FILE = 4,
    INPUT_JOURNALD = 5,
};

/* how the record was cut out of its stream */
enum framing {
    FRAMING_NONE = 0,
    FRAMING_DATAGRAM = 1,
    FRAMING_OCTET = 2, /* RFC 6587 octet counting */
    FRAMING_LF = 3,
    FRAMING_ENTRY = 4, /* a journald entry or an element of a batch */
};

enum { ORG_INVALID = 0, ORG_UNASSIGNED = 1 };

/* name: the file's path, the journald unit, or the token's source name; together with input and
 * peer it identifies the sender when `source` is 0 (not in the inventory). */
struct record {
    struct id128 id;
    int64_t received_ns;
    uint32_t source; /* number of the inventory's source, 0 unknown */
    uint32_t org;    /* fixed by the sender's token; ORG_INVALID = by inventory */
    enum input_kind input;
    enum framing framing;
    uint8_t format; /* hint: a parser number chosen by the source's settings, 0 = detect */
    uint8_t peer[16];
    uint16_t peer_port;
    struct slice name;
    struct slice payload;
};

CHECKED enum err record_encode(const struct record *r, struct buf *out); /* appends */
CHECKED enum err record_decode(struct slice in, struct record *ret, struct diag *diag);

/* "syslog-udp", "http", ...; never NULL. */
const char *input_name(enum input_kind k);

#endif
