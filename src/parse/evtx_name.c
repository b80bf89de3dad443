#include "parse/evtx_int.h"

#include "parse/put_int.h"

enum { CHAIN_USUAL = 32 };

#define TEXT(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

static const struct {
    struct slice text;
    enum evtx_role role;
} roles[] = {
    {TEXT("Channel"), EVTX_CHANNEL},
    {TEXT("EventID"), EVTX_CODE},
    {TEXT("Computer"), EVTX_COMPUTER},
    {TEXT("Provider_Name"), EVTX_PROVIDER},
    {TEXT("Keywords"), EVTX_KEYWORDS},
    {TEXT("EventRecordID"), EVTX_RECORD_ID},
    {TEXT("TimeCreated_SystemTime"), EVTX_TIME},
};

/* Attributes of System that rules know by shorter names. */
static const struct {
    struct slice path, name;
} short_names[] = {
    {TEXT("EventID_Qualifiers"), TEXT("Qualifiers")},
    {TEXT("Provider_EventSourceName"), TEXT("EventSourceName")},
    {TEXT("Correlation_ActivityID"), TEXT("ActivityID")},
    {TEXT("Correlation_RelatedActivityID"), TEXT("RelatedActivityID")},
    {TEXT("Security_UserID"), TEXT("UserID")},
};

void evtx_name_clear(struct evtx_reader *r)
{
    r->crowded = false;
    r->names_bytes = 0;
    arena_reset(&r->names);
    memset(r->name_table, 0, sizeof(r->name_table));
}

static uint32_t hash(struct slice s, bool system)
{
    uint32_t h = system ? 17 : 0;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * UINT32_C(0x01000193);
    return h ^ h >> 15;
}

/* Names by which the system itself is known can't be an event's data. */
static bool taken(struct slice s)
{
    if (field_find(s) != F_NONE || slice_starts(s, SLICE("coloa.")) ||
        slice_starts(s, SLICE("winlog.")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (roles[i].role != EVTX_KEYWORDS && slice_eq(s, roles[i].text))
            return true;
    return false;
}

static bool make_system(struct evtx_name *n, struct slice text)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (slice_eq(text, roles[i].text))
            n->role = roles[i].role;
    for (size_t i = 0; i < ARRAY_LEN(short_names); i++)
        if (slice_eq(text, short_names[i].path))
            n->text = short_names[i].name;
    return n->text.p != NULL;
}

struct evtx_name *evtx_name_get(struct evtx_reader *r, enum evtx_section section, struct slice text)
{
    static const struct slice prefix = {"EventData.", 10};
    bool system = section == EVTX_IN_SYSTEM;
    struct evtx_name **slot = &r->name_table[hash(text, system) % ARRAY_LEN(r->name_table)];
    size_t skip = system || !taken(text) ? prefix.n : 0;

    size_t steps = 0;
    struct evtx_name *n = *slot;

    while (n && !(n->system == system && slice_eq(slice_cut(n->own, prefix.n, n->own.n), text))) {
        n = n->next;
        steps++;
    }
    /* Names made to collide cost their own chunk its work, and are forgotten with it. */
    if (steps > CHAIN_USUAL) {
        r->work += steps;
        r->crowded = true;
    }
    if (n)
        return n;
    n = arena_calloc(&r->names, 1, sizeof(*n) + prefix.n + text.n);
    if (!n)
        return NULL;
    r->names_bytes += sizeof(*n) + prefix.n + text.n;
    char *p = (char *)(n + 1);
    memcpy(p, prefix.p, prefix.n);
    memcpy(p + prefix.n, text.p, text.n);
    n->own = (struct slice){p, prefix.n + text.n};
    n->system = system;
    if (!system || !make_system(n, text))
        n->text = slice_cut(n->own, skip, n->own.n);
    if (!system) {
        n->row = winlog_row(n->text);
        n->role = slice_eq(text, SLICE("Hashes")) || slice_eq(text, SLICE("Hash")) ? EVTX_HASHES
                  : slice_eq(text, SLICE("RenderingInfo.Message"))                 ? EVTX_MESSAGE
                                                                                   : EVTX_PLAIN;
    }
    n->next = *slot;
    *slot = n;
    return n;
}
