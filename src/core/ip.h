/* core/ip.h - addresses as 16 bytes in network order, IPv4 mapped into ::ffff:0:0/96. */
#ifndef CORE_IP_H
#define CORE_IP_H

#include "core/slice.h"

enum { IP_TEXT_BYTES = 45 };

/* IPv4 dotted quad (no leading zeros), or IPv6 (RFC 4291; a zone "%eth0" is cut off, brackets
 * are not accepted). false leaves out as it was. */
CHECKED bool ip_parse(struct slice s, uint8_t out[static 16]);

bool ip_is_v4(const uint8_t ip[static 16]);

/* Dotted quad or the RFC 5952 form. */
void ip_text(const uint8_t ip[static 16], char out[static IP_TEXT_BYTES + 1]);

struct cidr {
    uint8_t ip[16]; /* host bits zeroed */
    unsigned bits;  /* 0..128; an IPv4 prefix of length n is 96 + n */
};

/* "10.0.0.0/8", "2001:db8::/32", or a bare address (full length). */
CHECKED bool cidr_parse(struct slice s, struct cidr *ret);
bool cidr_has(const struct cidr *c, const uint8_t ip[static 16]);

#endif
