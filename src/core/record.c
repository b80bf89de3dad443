#include "core/record.h"

#include "core/bytes.h"

enum { RECORD_VERSION = 1 };

const char *input_name(enum input_kind k)
{
    switch (k) {
    case INPUT_SYSLOG_UDP:
        return "syslog-udp";
    case INPUT_SYSLOG_TCP:
        return "syslog-tcp";
    case INPUT_HTTP:
        return "http";
    case INPUT_FILE:
        return "file";
    case INPUT_JOURNALD:
        return "journald";
    case INPUT_NONE:
        break;
    }
    return "unknown";
}

CHECKED enum err record_encode(const struct record *r, struct buf *out)
{
    size_t before = out->n;
    const uint8_t head[] = {RECORD_VERSION, (uint8_t)r->input, (uint8_t)r->framing, r->format};
    enum err e = buf_put(out, (struct slice){(const char *)head, sizeof(head)});

    if (e == ERR_NONE)
        e = buf_put(out, (struct slice){(const char *)r->id.b, sizeof(r->id.b)});
    if (e == ERR_NONE)
        e = bytes_put_uint(out, (uint64_t)r->received_ns, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, r->source, 4);
    if (e == ERR_NONE)
        e = bytes_put_uint(out, r->org, 4);
    if (e == ERR_NONE)
        e = buf_put(out, (struct slice){(const char *)r->peer, sizeof(r->peer)});
    if (e == ERR_NONE)
        e = bytes_put_uint(out, r->peer_port, 2);
    if (e == ERR_NONE)
        e = bytes_put_sized(out, r->name);
    if (e == ERR_NONE)
        e = bytes_put_sized(out, r->payload);
    if (e != ERR_NONE)
        out->n = before;
    return e;
}

CHECKED enum err record_decode(struct slice in, struct record *ret, struct diag *diag)
{
    struct bytes b = bytes_of(in);
    struct record r = {0};
    struct slice s;

    if (in.n == 0)
        return FAIL(diag, ERR_CORRUPT, 0, "an empty record");
    if (bytes_u8(&b) != RECORD_VERSION)
        return FAIL(diag, ERR_VERSION, 0, "a record of an unknown version");
    r.input = (enum input_kind)bytes_u8(&b);
    r.framing = (enum framing)bytes_u8(&b);
    r.format = bytes_u8(&b);
    s = bytes_get(&b, sizeof(r.id.b));
    memcpy(r.id.b, s.p, s.n);
    r.received_ns = (int64_t)bytes_u64(&b);
    r.source = bytes_u32(&b);
    r.org = bytes_u32(&b);
    s = bytes_get(&b, sizeof(r.peer));
    memcpy(r.peer, s.p, s.n);
    r.peer_port = bytes_u16(&b);
    r.name = bytes_sized(&b);
    r.payload = bytes_sized(&b);
    if (!bytes_all_read(&b))
        return FAIL(diag, ERR_CORRUPT, b.at, "a record that is cut short or too long");
    *ret = r;
    return ERR_NONE;
}
