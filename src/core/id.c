#include "core/id.h"

#include <sys/random.h>

CHECKED enum err id_gen_init(struct id_gen *g)
{
    struct id_gen fresh = {0};

    if (getrandom(fresh.node, sizeof(fresh.node), 0) != (ssize_t)sizeof(fresh.node))
        return ERR_SYS;
    *g = fresh;
    return ERR_NONE;
}

struct id128 id_next(struct id_gen *g, int64_t wall_ns)
{
    uint64_t ms = wall_ns > 0 ? (uint64_t)wall_ns / 1000000 : 0;
    struct id128 id = {0};

    if (ms > g->last_ms) {
        g->last_ms = ms;
        g->seq = 0;
    } else if (++g->seq > 0xffff) { /* a spent millisecond borrows from the next */
        g->last_ms++;
        g->seq = 0;
    }
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(g->last_ms >> (40 - 8 * i));
    id.b[6] = (uint8_t)(0x70 | g->seq >> 12);
    id.b[7] = (uint8_t)(g->seq >> 4);
    id.b[8] = (uint8_t)(0x80 | (g->seq & 0xf) << 2 | (g->node[0] & 0x3));
    memcpy(id.b + 9, g->node + 1, 5);
    return id;
}

struct id128 id_event(struct id128 record, unsigned ordinal)
{
    record.b[14] = (uint8_t)((record.b[14] & 0xf0) | (ordinal >> 8 & 0xf));
    record.b[15] = (uint8_t)ordinal;
    return record;
}

struct id128 id_record(struct id128 event)
{
    return id_event(event, 0);
}

int64_t id_time_ms(struct id128 id)
{
    uint64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    return (int64_t)ms;
}

void id_text(struct id128 id, char out[static ID_TEXT_BYTES + 1])
{
    static const char hex[] = "0123456789abcdef";
    char *to = out;

    for (size_t i = 0; i < sizeof(id.b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = hex[id.b[i] >> 4];
        *to++ = hex[id.b[i] & 15];
    }
    *to = 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

CHECKED enum err id_parse(struct slice s, struct id128 *ret)
{
    struct id128 id = {0};
    size_t at = 0;

    if (s.n != ID_TEXT_BYTES)
        return ERR_SYNTAX;
    for (size_t i = 0; i < sizeof(id.b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            if (s.p[at++] != '-')
                return ERR_SYNTAX;
        int hi = hex_value(s.p[at]), lo = hex_value(s.p[at + 1]);
        if (hi < 0 || lo < 0)
            return ERR_SYNTAX;
        id.b[i] = (uint8_t)(hi << 4 | lo);
        at += 2;
    }
    *ret = id;
    return ERR_NONE;
}
