#include "parse/winlog_int.h"

#include <stdlib.h>

#include "parse/put_int.h"

#define TEXT(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

#define SYSMON WINLOG_SYSMON
#define PROCESS WINLOG_PROCESS
#define LOGON WINLOG_LOGON
#define SECURITY WINLOG_SECURITY
#define OTHER WINLOG_OTHER
#define ANY WINLOG_ANY

static const struct {
    struct slice name;
    enum field f;
    int kinds;
} rows[] = {
#define WINLOG(name, target, kinds) {{name, sizeof(name) - 1}, F_##target, kinds},
#include "parse/winlog.def"
#undef WINLOG
};

static const struct {
    int kind;
    int64_t id;
    const char *categories, *types, *action;
} events[] = {
#define WINLOG_EVENT(kinds, id, categories, types, action) {kinds, id, categories, types, action},
#include "parse/winlog_event.def"
#undef WINLOG_EVENT
};

static const struct {
    struct slice channel, dataset;
} datasets[] = {
    {TEXT("Application"), TEXT("windows.application")},
    {TEXT("Linux-Sysmon/Operational"), TEXT("linux.sysmon")},
    {TEXT("Microsoft-Windows-PowerShell/Operational"), TEXT("windows.powershell")},
    {TEXT("Microsoft-Windows-Sysmon/Operational"), TEXT("windows.sysmon")},
    {TEXT("Microsoft-Windows-Windows Defender/Operational"), TEXT("windows.defender")},
    {TEXT("PowerShellCore/Operational"), TEXT("windows.powershell")},
    {TEXT("Security"), TEXT("windows.security")},
    {TEXT("System"), TEXT("windows.system")},
    {TEXT("Windows PowerShell"), TEXT("windows.powershell")},
};

enum winlog_kind winlog_kind(const struct winlog *w)
{
    if (slice_eq_nocase(w->channel, SLICE("Microsoft-Windows-Sysmon/Operational")) ||
        slice_eq_nocase(w->channel, SLICE("Linux-Sysmon/Operational")))
        return WINLOG_SYSMON;
    if (!slice_eq_nocase(w->channel, SLICE("Security")))
        return WINLOG_OTHER;
    if (w->id == 4688 || w->id == 4689)
        return WINLOG_PROCESS;
    if (w->id == 4624 || w->id == 4625 || w->id == 4634 || w->id == 4647 || w->id == 4648 ||
        (w->id >= 4768 && w->id <= 4779) || w->id == 4800 || w->id == 4801)
        return WINLOG_LOGON;
    return WINLOG_SECURITY;
}

enum { NAMES = 1024 };

/* By the hash of its name: the first row of the name + 1. */
static uint16_t by_name[NAMES];

static unsigned name_hash(struct slice s)
{
    uint64_t tail = 0;

    memcpy(&tail, s.n > 8 ? s.p + s.n - 8 : s.p, s.n > 8 ? 8 : s.n);
    return (unsigned)((tail ^ s.n << 56) * UINT64_C(0x9e3779b97f4a7c15) >> 40) % NAMES;
}

/* Runs before main, so that every thread sees it full without a lock. */
__attribute__((constructor)) static void by_name_fill(void)
{
    _Static_assert(ARRAY_LEN(rows) < NAMES / 2, "places stay free");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned at = name_hash(rows[i].name);
        if (i && slice_eq(rows[i].name, rows[i - 1].name))
            continue;
        while (by_name[at])
            at = (at + 1) % NAMES;
        by_name[at] = (uint16_t)(i + 1);
    }
}

unsigned winlog_row(struct slice name)
{
    if (name.n == 0)
        return 0;
    for (unsigned at = name_hash(name); by_name[at]; at = (at + 1) % NAMES)
        if (slice_eq(rows[by_name[at] - 1].name, name))
            return by_name[at];
    return 0;
}

/* Windows writes many numbers as 0x1a4. */
static bool hex_number(struct slice s, int64_t *ret)
{
    int64_t v = 0;

    if (s.n < 3 || s.n > 17 || s.p[0] != '0' || (s.p[1] | 0x20) != 'x')
        return false;
    for (size_t i = 2; i < s.n; i++) {
        char c = (char)(s.p[i] | 0x20);
        int d = s.p[i] >= '0' && s.p[i] <= '9' ? s.p[i] - '0'
                : c >= 'a' && c <= 'f'         ? c - 'a' + 10
                                               : -1;
        if (d < 0)
            return false;
        v = v << 4 | d;
    }
    *ret = v;
    return true;
}

static void put_number(struct event *ev, enum field f, const struct value *v)
{
    int64_t i;

    if (v->type == VT_INT) {
        if (event_set_value(ev, f, *v) != ERR_NONE)
            ev->overflow = true;
    } else if (hex_number(v->text, &i)) {
        put_int(ev, f, i);
    } else if (!slice_eq(v->text, SLICE("-"))) {
        put_text(ev, f, v->text);
    }
}

static void put_row(struct event *ev, enum field f, const struct value *v)
{
    if (event_get(ev, f) || v->text.n == 0)
        return;
    if (f == F_SOURCE_IP)
        put_address(ev, f, F_SOURCE_DOMAIN, v->text);
    else if (f == F_DESTINATION_IP)
        put_address(ev, f, F_DESTINATION_DOMAIN, v->text);
    else if (field_info(f)->type == FT_LONG)
        put_number(ev, f, v);
    else
        put_text(ev, f, v->text);
}

void winlog_put(struct event *ev, unsigned row, enum winlog_kind kind, const struct value *v)
{
    if (row == 0)
        return;
    if (v->type == VT_LIST)
        v = v->list_n ? &v->list[0] : v;
    for (size_t i = row - 1; i < ARRAY_LEN(rows) && slice_eq(rows[i].name, rows[row - 1].name); i++)
        if (rows[i].kinds & (int)kind)
            put_row(ev, rows[i].f, v);
}

static struct slice dataset_of(struct slice channel)
{
    for (size_t i = 0; i < ARRAY_LEN(datasets); i++)
        if (slice_eq_nocase(datasets[i].channel, channel))
            return datasets[i].dataset;
    return SLICE("windows.eventlog");
}

void winlog_begin(struct event *ev, const struct winlog *w, enum winlog_kind kind)
{
    put_default(ev, F_WINLOG_CHANNEL, w->channel);
    put_default(ev, F_HOST_NAME, w->computer);
    put_default(ev, F_EVENT_PROVIDER, w->provider);
    if (w->id >= 0 && !event_get(ev, F_EVENT_CODE))
        put_text(ev, F_EVENT_CODE, value_int(ev->arena, w->id).text);
    put_default(ev, F_EVENT_KIND, SLICE("event"));
    put_module(ev, slice_starts(w->channel, SLICE("Linux-")) ? SLICE("sysmon") : SLICE("windows"),
               dataset_of(w->channel));
    if (slice_eq_nocase(w->keywords, SLICE("0x8010000000000000")))
        put_default(ev, F_EVENT_OUTCOME, SLICE("failure"));
    else if (slice_eq_nocase(w->keywords, SLICE("0x8020000000000000")))
        put_default(ev, F_EVENT_OUTCOME, SLICE("success"));
    if (event_get(ev, F_EVENT_CATEGORY))
        return;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (events[i].id != w->id || !(events[i].kind & (int)kind))
            continue;
        put_words(ev, F_EVENT_CATEGORY, events[i].categories);
        put_words(ev, F_EVENT_TYPE, events[i].types);
        put_default(ev, F_EVENT_ACTION, slice_of(events[i].action));
        return;
    }
}

static void put_hash(struct event *ev, struct slice one)
{
    size_t eq = slice_find(one, '=');

    if (eq == one.n)
        return;
    struct slice name = slice_cut(one, 0, eq), hex = slice_cut(one, eq + 1, one.n);
    if (slice_eq_nocase(name, SLICE("MD5")))
        put_default(ev, F_FILE_HASH_MD5, hex);
    else if (slice_eq_nocase(name, SLICE("SHA1")))
        put_default(ev, F_FILE_HASH_SHA1, hex);
    else if (slice_eq_nocase(name, SLICE("SHA256")))
        put_default(ev, F_FILE_HASH_SHA256, hex);
}

void winlog_end(struct event *ev, struct slice hashes)
{
    const struct value *exe = event_get(ev, F_PROCESS_EXECUTABLE);

    if (exe && exe->text.n && !event_get(ev, F_PROCESS_NAME)) {
        struct slice s = exe->text;
        size_t from = s.n;
        while (from && s.p[from - 1] != '\\' && s.p[from - 1] != '/')
            from--;
        put_text(ev, F_PROCESS_NAME, slice_cut(s, from, s.n));
    }
    while (hashes.n) {
        size_t n = slice_find(hashes, ',');
        put_hash(ev, slice_cut(hashes, 0, n));
        hashes = slice_cut(hashes, n < hashes.n ? n + 1 : n, hashes.n);
    }
}
