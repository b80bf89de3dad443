/* Windows events that came as JSON or as pairs, under any sender's names. */
#include "parse/winlog_int.h"

#include "parse/put_int.h"

#define TEXT(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

/* What senders put before a field's own name. */
static const struct slice prefixes[] = {
    TEXT("Event.EventData."),   TEXT("Event.System."),     TEXT("Event.UserData."),
    TEXT("winlog.event_data."), TEXT("winlog.user_data."), TEXT("event_data."),
    TEXT("EventData."),         TEXT("System."),           TEXT("user_data."),
};

static const struct slice channels[] = {TEXT("Event.System.Channel"), TEXT("Channel"),
                                        TEXT("winlog.channel"), TEXT("System.Channel"),
                                        TEXT("log_name")};
static const struct slice codes[] = {TEXT("Event.System.EventID"),
                                     TEXT("Event.System.EventID.#text"),
                                     TEXT("EventID"),
                                     TEXT("winlog.event_id"),
                                     TEXT("event.code"),
                                     TEXT("System.EventID"),
                                     TEXT("System.EventID.Value"),
                                     TEXT("System.EventID.#text"),
                                     TEXT("event_id")};
static const struct slice computers[] = {TEXT("Event.System.Computer"), TEXT("Computer"),
                                         TEXT("winlog.computer_name"), TEXT("System.Computer"),
                                         TEXT("computer_name")};
static const struct slice providers[] = {TEXT("Event.System.Provider.#attributes.Name"),
                                         TEXT("Event.System.Provider_attributes.Name"),
                                         TEXT("Event.System.Provider.Name"),
                                         TEXT("Provider_Name"),
                                         TEXT("winlog.provider_name"),
                                         TEXT("System.Provider.Name"),
                                         TEXT("SourceName"),
                                         TEXT("source_name")};
static const struct slice keywords[] = {TEXT("Event.System.Keywords"), TEXT("Keywords"),
                                        TEXT("System.Keywords")};

static const struct value *find(const struct event *ev, const struct slice *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct value *v = event_get_name(ev, names[i]);
        if (v && v->type == VT_LIST)
            v = v->list_n ? &v->list[0] : NULL;
        if (v && v->text.n)
            return v;
    }
    return NULL;
}

static struct slice text(const struct event *ev, const struct slice *names, size_t n)
{
    const struct value *v = find(ev, names, n);

    return v ? v->text : SLICE("");
}

static struct slice own_name(struct slice name)
{
    bool path = slice_find(name, '.') < name.n;

    for (size_t i = 0; path && i < ARRAY_LEN(prefixes); i++)
        if (slice_starts(name, prefixes[i]))
            return slice_cut(name, prefixes[i].n, name.n);
    return name;
}

/* UserData has one element around what it says, with a name of its own in each kind of event: the
 * fields in it are given beside as rules know them. */
static void unwrap(struct event *ev, struct slice path, struct value v)
{
    size_t n = slice_find(path, '.');
    struct slice name = n < path.n ? slice_cut(path, n + 1, path.n) : SLICE("");

    if (name.n && name.p[0] != '#')
        put_add(ev, put_join(ev, SLICE("winlog.user_data."), name), v);
}

bool winlog_find(struct event *ev)
{
    struct winlog w = {.channel = text(ev, channels, ARRAY_LEN(channels))};
    const struct value *code = w.channel.n ? find(ev, codes, ARRAY_LEN(codes)) : NULL;
    struct slice hashes = SLICE("");
    uint32_t n = ev->n;

    if (!code || !slice_to_i64(code->text, &w.id))
        return false;
    w.computer = text(ev, computers, ARRAY_LEN(computers));
    w.provider = text(ev, providers, ARRAY_LEN(providers));
    w.keywords = text(ev, keywords, ARRAY_LEN(keywords));
    enum winlog_kind kind = winlog_kind(&w);
    winlog_begin(ev, &w, kind);
    for (uint32_t i = 0; i < n; i++) {
        if (ev->fields[i].f != F_NONE)
            continue;
        struct slice name = own_name(ev->fields[i].name);
        if (slice_starts(ev->fields[i].name, SLICE("Event.UserData.")))
            unwrap(ev, name, ev->fields[i].v);
        unsigned row = winlog_row(name);
        if (row)
            winlog_put(ev, row, kind, &ev->fields[i].v);
        if (slice_eq(name, SLICE("Hashes")) && ev->fields[i].v.type == VT_STRING)
            hashes = ev->fields[i].v.text;
    }
    winlog_end(ev, hashes);
    return true;
}
