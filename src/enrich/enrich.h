/* enrich/enrich.h - an event gains its organisation, system, level, asset and geography.
 *
 * The inventory is an immutable object made from the desk's snapshot "inventory" (JSON, see
 * docs/formats/snapshots.md); geography from an MMDB file if one is configured. Enriching is
 * look-ups only: no allocation but in the event's arena, no I/O.
 *
 * Source of an event, in this order: the record's source number; else the first row of the
 * inventory whose input and match fit. input: a name of input_name, "syslog" (UDP and TCP), "any"
 * or empty. match: peer addresses or CIDRs, file path globs, token names, divided by commas; empty
 * = the record's name is the source's (and, for journald, every record). org: the record's own
 * (token) when not 0; else the source's; else ORG_UNASSIGNED.
 *
 * Asset (coloa.asset): within the event's organisation, by host.name (whole, else its first label),
 * else by the most specific address: the sender's, host.ip, destination.ip, source.ip.
 */
#ifndef ENRICH_ENRICH_H
#define ENRICH_ENRICH_H

#include "core/event.h"

struct inventory;
struct geo;

/* A row of the inventory's sources. Strings live as long as the inventory. */
struct inventory_source {
    uint32_t id, org, system;
    struct slice name;
    struct slice format; /* a parser's name; empty = detect */
    int32_t zone_s;      /* seconds east of UTC */
    bool has_zone;       /* false: the source names no zone that could be read */
};

void inventory_free(struct inventory *inv);
/* From the snapshot's payload; an empty payload is an inventory of nothing. */
CHECKED enum err inventory_read(struct slice json, struct inventory **ret, struct diag *diag);

/* The source that a record comes from, by the order above, or NULL; inv may be NULL. Cheap: two
 * binary searches and the globs of the record's input. A source of another organisation than the
 * record's own never fits. */
const struct inventory_source *inventory_source_for(const struct inventory *inv,
                                                    const struct record *r);

void geo_close(struct geo *g);
CHECKED enum err geo_open(const char *path, struct geo **ret, struct diag *diag);

/* inv and geo may be NULL. Never fails: what cannot be added is left out. */
void enrich_event(const struct inventory *inv, const struct geo *geo, struct event *ev);

#endif
