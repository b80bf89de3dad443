/* enrich/geo_int.h - what an MMDB file says of an address. */
#ifndef ENRICH_GEO_INT_H
#define ENRICH_GEO_INT_H

#include "enrich/enrich.h"

struct geo_answer {
    struct slice country; /* ISO 3166-1 alpha-2; borrowed from the file's mapping */
    uint32_t as_number;   /* 0 unknown */
    struct slice as_name;
};

/* false when the file says nothing of it. Thread-safe. */
bool geo_find(const struct geo *g, const uint8_t ip[static 16], struct geo_answer *ret);

#endif
