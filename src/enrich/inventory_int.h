/* enrich/inventory_int.h - the inventory's tables, all sorted, all in one arena. */
#ifndef ENRICH_INVENTORY_INT_H
#define ENRICH_INVENTORY_INT_H

#include "enrich/cidrmap_int.h"
#include "enrich/enrich.h"

enum { INVENTORY_INPUTS = 6, INVENTORY_BYTES_MAX = 512 << 20 };

struct inventory_system {
    uint32_t id, org;
    uint32_t level;
};

/* A name, token or glob that a source waits for. */
struct inventory_match {
    uint32_t source; /* index in `sources` */
    bool any;        /* every record of the input */
    bool glob;
    const char *text; /* NUL-terminated */
    size_t n;
};

struct inventory_asset {
    uint32_t org, system;
    struct slice name;
};

struct inventory_org {
    uint32_t id;
    struct cidrmap assets; /* value: index in `assets` */
};

struct inventory {
    struct arena arena;
    size_t sources_n, systems_n, assets_n, orgs_n, names_n;
    struct inventory_source *sources; /* in the snapshot's order: the first that fits counts */
    uint32_t *by_id;                  /* indexes of sources by id */
    struct inventory_system *systems; /* by id */
    struct inventory_asset *assets;   /* by org, name without case */
    struct inventory_org *orgs;       /* by id; those that have assets with addresses */
    struct {
        struct cidrmap peers; /* value: index in `sources` */
        size_t n;
        struct inventory_match *matches; /* by source */
    } inputs[INVENTORY_INPUTS];
};

const struct inventory_system *inventory_system_of(const struct inventory *inv, uint32_t id);
const struct inventory_asset *inventory_asset_named(const struct inventory *inv, uint32_t org,
                                                    struct slice name);
const struct inventory_asset *inventory_asset_at(const struct inventory *inv, uint32_t org,
                                                 const uint8_t ip[static 16]);

#endif
