/* enrich/enrich.h - an event gains its organisation, system, level, asset and geography.
 *
 * The inventory is an immutable object made from the desk's snapshot "inventory" (JSON, see
 * docs/formats/snapshots.md); geography from an MMDB file if one is configured. Enriching is
 * look-ups only: no allocation but in the event's arena, no I/O.
 *
 * Source of an event, in this order: the record's source number; else the first row of the inventory
 * whose input and match (peer address or CIDR, file path glob, token name) fit. org: the record's own
 * (token) when not 0; else the source's; else ORG_UNASSIGNED.
 */
#ifndef ENRICH_ENRICH_H
#define ENRICH_ENRICH_H

#include "core/event.h"

struct inventory;
struct geo;

void inventory_free(struct inventory *inv);
/* From the snapshot's payload; an empty payload is an inventory of nothing. */
CHECKED enum err inventory_read(struct slice json, struct inventory **ret, struct diag *diag);

void geo_close(struct geo *g);
CHECKED enum err geo_open(const char *path, struct geo **ret, struct diag *diag);

/* inv and geo may be NULL. Never fails: what cannot be added is left out. */
void enrich_event(const struct inventory *inv, const struct geo *geo, struct event *ev);

#endif
