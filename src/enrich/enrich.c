#include "enrich/enrich.h"

#include "core/ip.h"
#include "enrich/geo_int.h"
#include "enrich/inventory_int.h"

/* What cannot be added is left out. */
static void put(struct event *ev, enum field f, struct slice s)
{
    if (s.n && event_set(ev, f, s) != ERR_NONE)
        ev->overflow = true;
}

static void put_int(struct event *ev, enum field f, int64_t v)
{
    if (event_set_int(ev, f, v) != ERR_NONE)
        ev->overflow = true;
}

static const struct inventory_asset *by_name(const struct inventory *inv, struct event *ev)
{
    const struct value *host = event_get(ev, F_HOST_NAME);
    uint8_t ip[16];

    if (!host)
        return NULL;
    const struct inventory_asset *a = inventory_asset_named(inv, ev->org, host->text);
    if (!a && ip_parse(host->text, ip))
        return inventory_asset_at(inv, ev->org, ip);
    size_t dot = slice_find(host->text, '.');
    if (!a && dot < host->text.n)
        a = inventory_asset_named(inv, ev->org, slice_cut(host->text, 0, dot));
    return a;
}

static const struct inventory_asset *by_value(const struct inventory *inv, struct event *ev,
                                              enum field f)
{
    const struct value *v = event_get(ev, f);
    uint8_t ip[16];

    if (v && v->type == VT_LIST)
        v = v->list_n ? v->list : NULL;
    if (!v || !(v->type == VT_IP || ip_parse(v->text, ip)))
        return NULL;
    return inventory_asset_at(inv, ev->org, v->type == VT_IP ? v->ip : ip);
}

static const struct inventory_asset *asset_of(const struct inventory *inv, struct event *ev)
{
    const struct record *r = ev->record;
    const struct inventory_asset *a = by_name(inv, ev);

    if (!a && r && (r->input == INPUT_SYSLOG_UDP || r->input == INPUT_SYSLOG_TCP))
        a = inventory_asset_at(inv, ev->org, r->peer);
    if (!a)
        a = by_value(inv, ev, F_HOST_IP);
    if (!a)
        a = by_value(inv, ev, F_DESTINATION_IP);
    return a ? a : by_value(inv, ev, F_SOURCE_IP);
}

static void put_inventory(const struct inventory *inv, struct event *ev)
{
    const struct inventory_source *s = inventory_source_for(inv, ev->record);

    if (s) {
        ev->source = s->id;
        ev->system = s->system;
        if (ev->org == ORG_INVALID)
            ev->org = s->org;
        put(ev, F_COLOA_SOURCE, s->name);
    }
    if (ev->org == ORG_INVALID)
        ev->org = ORG_UNASSIGNED;
    if (inv->assets_n) {
        const struct inventory_asset *a = asset_of(inv, ev);
        if (a) {
            put(ev, F_COLOA_ASSET, a->name);
            if (!ev->system)
                ev->system = a->system;
        }
    }
    const struct inventory_system *system = inventory_system_of(inv, ev->system);
    if (system && system->org == ev->org)
        put_int(ev, F_COLOA_SYSTEM_LEVEL, system->level);
    else if (system)
        ev->system = 0;
}

static void put_geo(const struct geo *geo, struct event *ev, enum field ip, enum field country,
                    enum field number, enum field name)
{
    const struct value *v = event_get(ev, ip);
    struct geo_answer a;
    struct slice kept;

    if (!v || v->type != VT_IP || !geo_find(geo, v->ip, &a))
        return;
    if (a.country.n && arena_dup(ev->arena, a.country, &kept) == ERR_NONE)
        put(ev, country, kept);
    if (a.as_number)
        put_int(ev, number, a.as_number);
    if (a.as_name.n && arena_dup(ev->arena, a.as_name, &kept) == ERR_NONE)
        put(ev, name, kept);
}

void enrich_event(const struct inventory *inv, const struct geo *geo, struct event *ev)
{
    if (inv)
        put_inventory(inv, ev);
    else if (ev->org == ORG_INVALID)
        ev->org = ORG_UNASSIGNED;
    if (!geo)
        return;
    put_geo(geo, ev, F_SOURCE_IP, F_SOURCE_GEO_COUNTRY_ISO_CODE, F_SOURCE_AS_NUMBER,
            F_SOURCE_AS_ORGANIZATION_NAME);
    put_geo(geo, ev, F_DESTINATION_IP, F_DESTINATION_GEO_COUNTRY_ISO_CODE, F_DESTINATION_AS_NUMBER,
            F_DESTINATION_AS_ORGANIZATION_NAME);
}
