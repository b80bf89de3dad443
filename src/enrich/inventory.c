#include "enrich/inventory_int.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "core/json.h"

enum { NODES_MAX = 8 << 20, GLOB_BYTES = 1024 };

/* Entries are gathered per input or organisation before the maps are built. */
struct gather {
    struct inventory *inv;
    struct cidrmap_entry *entries;
    size_t n, cap;
};

void inventory_free(struct inventory *inv)
{
    if (!inv)
        return;
    arena_done(&inv->arena);
    free(inv);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int name_cmp(struct slice a, struct slice b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return (uint8_t)lower(a.p[i]) < (uint8_t)lower(b.p[i]) ? -1 : 1;
    return (a.n > b.n) - (a.n < b.n);
}

static int system_cmp(const void *x, const void *y)
{
    const struct inventory_system *a = x, *b = y;

    return (a->id > b->id) - (a->id < b->id);
}

static int asset_cmp(const void *x, const void *y)
{
    const struct inventory_asset *a = x, *b = y;

    if (a->org != b->org)
        return a->org < b->org ? -1 : 1;
    return name_cmp(a->name, b->name);
}

/* A row of the file with its place, so that sorting by organisation keeps their order. */
struct asset_row {
    uint32_t org;
    size_t i;
    const struct json_node *row;
};

static int asset_row_cmp(const void *x, const void *y)
{
    const struct asset_row *a = x, *b = y;

    if (a->org != b->org)
        return a->org < b->org ? -1 : 1;
    return (a->i > b->i) - (a->i < b->i);
}

static int by_id_cmp(const void *x, const void *y, void *arg)
{
    const struct inventory *inv = arg;
    uint32_t a = inv->sources[*(const uint32_t *)x].id, b = inv->sources[*(const uint32_t *)y].id;

    return (a > b) - (a < b);
}

static CHECKED enum err number(const struct json_node *row, const char *key, uint32_t *ret,
                               const char *what, struct diag *diag)
{
    int64_t v = json_get_int(row, key, 0);

    if (v < 0 || v > UINT32_MAX)
        return FAIL(diag, ERR_SYNTAX, 0, "inventory: %s: %s is out of range", what, key);
    *ret = (uint32_t)v;
    return ERR_NONE;
}

/* "+07:00", "-0330", "Z", "UTC". */
static bool zone(struct slice s, int32_t *ret)
{
    uint64_t h, m = 0;

    if (slice_eq(s, SLICE("Z")) || slice_eq_nocase(s, SLICE("UTC"))) {
        *ret = 0;
        return true;
    }
    if (s.n < 3 || (s.p[0] != '+' && s.p[0] != '-') || !slice_to_u64(slice_cut(s, 1, 3), &h))
        return false;
    struct slice rest = slice_cut(s, 3, s.n);
    if (rest.n && rest.p[0] == ':')
        rest = slice_cut(rest, 1, rest.n);
    if (rest.n && (rest.n != 2 || !slice_to_u64(rest, &m)))
        return false;
    if (h > 14 || m > 59)
        return false;
    *ret = (int32_t)(h * 3600 + m * 60) * (s.p[0] == '-' ? -1 : 1);
    return true;
}

/* The inputs that a source's word stands for, as bits; 0 = an unknown word. */
static unsigned inputs_of(struct slice word)
{
    unsigned bits = 0;

    if (word.n == 0 || slice_eq(word, SLICE("any")))
        return (1u << INVENTORY_INPUTS) - 2;
    if (slice_eq(word, SLICE("syslog")))
        return 1u << INPUT_SYSLOG_UDP | 1u << INPUT_SYSLOG_TCP;
    for (unsigned k = 1; k < INVENTORY_INPUTS; k++)
        if (slice_eq(word, slice_of(input_name((enum input_kind)k))))
            bits |= 1u << k;
    return bits;
}

static CHECKED enum err add_entry(struct gather *g, struct cidr cidr, uint32_t value)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct cidrmap_entry *p = realloc(g->entries, cap * sizeof(*p));
        if (!p)
            return ERR_NOMEM;
        g->entries = p;
        g->cap = cap;
    }
    g->entries[g->n++] = (struct cidrmap_entry){cidr, value};
    return ERR_NONE;
}

/* The next item of a comma-separated list, trimmed; false at the end. */
static bool item(struct slice *list, struct slice *ret)
{
    while (list->n) {
        size_t n = slice_find(*list, ',');
        *ret = slice_trim(slice_cut(*list, 0, n));
        *list = slice_cut(*list, n < list->n ? n + 1 : n, list->n);
        if (ret->n)
            return true;
    }
    return false;
}

static size_t count(const struct json_node *list)
{
    return list && list->type == JSON_ARRAY ? list->n : 0;
}

static const struct json_node *first(const struct json_node *list)
{
    return count(list) ? list->child : NULL;
}

/* What source i waits for on one input: its prefixes to g, its words to the input's matches. */
static CHECKED enum err read_match(struct gather *g, struct slice list, uint32_t i, unsigned kind)
{
    struct inventory *inv = g->inv;
    bool empty = slice_trim(list).n == 0;
    /* a source found by itself on a syslog input is named by its peer's address */
    bool address = !empty || kind == INPUT_SYSLOG_UDP || kind == INPUT_SYSLOG_TCP;
    struct slice one = SLICE("");
    struct cidr cidr;

    if (empty)
        one = inv->sources[i].name;
    for (bool more = empty ? one.n > 0 : item(&list, &one); more;
         more = !empty && item(&list, &one)) {
        if (address && cidr_parse(one, &cidr)) {
            if (add_entry(g, cidr, i) != ERR_NONE)
                return ERR_NOMEM;
            continue;
        }
        struct inventory_match m = {.source = i,
                                    .any = empty && kind == INPUT_JOURNALD,
                                    .glob = !empty && kind == INPUT_FILE,
                                    .text = arena_cstr(&inv->arena, one),
                                    .n = one.n};
        if (!m.text)
            return ERR_NOMEM;
        inv->inputs[kind].matches[inv->inputs[kind].n++] = m;
    }
    return ERR_NONE;
}

static CHECKED enum err read_input(struct gather *g, const struct json_node *rows, unsigned kind)
{
    struct inventory *inv = g->inv;
    size_t max = 0;
    uint32_t i = 0;

    for (const struct json_node *r = first(rows); r; r = r->next, max++) {
        struct slice match = json_get_str(r, "match");
        for (size_t c = 0; c < match.n; c++)
            max += match.p[c] == ',';
    }
    inv->inputs[kind].matches = arena_calloc(&inv->arena, max + 1, sizeof(struct inventory_match));
    if (!inv->inputs[kind].matches)
        return ERR_NOMEM;
    g->n = 0;
    for (const struct json_node *r = first(rows); r; r = r->next, i++) {
        if (!(inputs_of(json_get_str(r, "input")) >> kind & 1))
            continue;
        enum err e = read_match(g, json_get_str(r, "match"), i, kind);
        if (e != ERR_NONE)
            return e;
    }
    return cidrmap_build(&inv->inputs[kind].peers, &inv->arena, g->entries, g->n, true);
}

static CHECKED enum err read_sources(struct gather *g, const struct json_node *rows,
                                     struct diag *diag)
{
    struct inventory *inv = g->inv;
    size_t n = count(rows), i = 0;

    inv->sources = arena_calloc(&inv->arena, n + 1, sizeof(*inv->sources));
    inv->by_id = arena_calloc(&inv->arena, n + 1, sizeof(*inv->by_id));
    if (!inv->sources || !inv->by_id)
        return ERR_NOMEM;
    for (const struct json_node *r = first(rows); r; r = r->next, i++) {
        struct inventory_source *s = &inv->sources[i];
        enum err e = number(r, "id", &s->id, "a source", diag);
        if (e == ERR_NONE)
            e = number(r, "org", &s->org, "a source", diag);
        if (e == ERR_NONE)
            e = number(r, "system", &s->system, "a source", diag);
        if (e == ERR_NONE)
            e = arena_dup(&inv->arena, json_get_str(r, "name"), &s->name);
        if (e == ERR_NONE)
            e = arena_dup(&inv->arena, json_get_str(r, "format"), &s->format);
        if (e != ERR_NONE)
            return e;
        s->has_zone = zone(json_get_str(r, "tz"), &s->zone_s);
        inv->by_id[i] = (uint32_t)i;
    }
    inv->sources_n = n;
    qsort_r(inv->by_id, n, sizeof(*inv->by_id), by_id_cmp, inv);
    for (unsigned k = 1; k < INVENTORY_INPUTS; k++) {
        enum err e = read_input(g, rows, k);
        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

static CHECKED enum err read_systems(struct inventory *inv, const struct json_node *rows,
                                     struct diag *diag)
{
    size_t n = count(rows), i = 0;

    inv->systems = arena_calloc(&inv->arena, n + 1, sizeof(*inv->systems));
    if (!inv->systems)
        return ERR_NOMEM;
    for (const struct json_node *r = first(rows); r; r = r->next, i++) {
        struct inventory_system *s = &inv->systems[i];
        enum err e = number(r, "id", &s->id, "a system", diag);
        if (e == ERR_NONE)
            e = number(r, "org", &s->org, "a system", diag);
        if (e == ERR_NONE)
            e = number(r, "level", &s->level, "a system", diag);
        if (e != ERR_NONE)
            return e;
    }
    inv->systems_n = n;
    qsort(inv->systems, n, sizeof(*inv->systems), system_cmp);
    return ERR_NONE;
}

/* One organisation's rows to its address map. An entry's value is an index of the sorted assets. */
static CHECKED enum err read_addresses(struct gather *g, const struct asset_row *rows, size_t n,
                                       struct diag *diag)
{
    struct inventory *inv = g->inv;
    struct inventory_org *o = &inv->orgs[inv->orgs_n];

    g->n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct inventory_asset *asset =
            inventory_asset_named(inv, rows[i].org, json_get_str(rows[i].row, "name"));
        if (!asset)
            continue;
        for (const struct json_node *a = first(json_get(rows[i].row, "addresses")); a;
             a = a->next) {
            struct cidr cidr;
            if (a->type != JSON_STRING || !cidr_parse(slice_trim(a->str), &cidr))
                return FAIL(diag, ERR_SYNTAX, 0, "inventory: asset %.*s: '%.*s' is no address",
                            SLICE_ARG(asset->name), SLICE_ARG(a->str));
            if (add_entry(g, cidr, (uint32_t)(asset - inv->assets)) != ERR_NONE)
                return ERR_NOMEM;
        }
    }
    if (g->n == 0)
        return ERR_NONE;
    o->id = rows[0].org;
    inv->orgs_n++;
    return cidrmap_build(&o->assets, &inv->arena, g->entries, g->n, false);
}

static CHECKED enum err read_asset_rows(struct inventory *inv, const struct json_node *rows,
                                        struct asset_row *by_org, struct diag *diag)
{
    size_t i = 0;

    for (const struct json_node *r = first(rows); r; r = r->next, i++) {
        struct inventory_asset *a = &inv->assets[i];
        enum err e = number(r, "org", &a->org, "an asset", diag);
        if (e == ERR_NONE)
            e = number(r, "system", &a->system, "an asset", diag);
        if (e == ERR_NONE)
            e = arena_dup(&inv->arena, json_get_str(r, "name"), &a->name);
        if (e != ERR_NONE)
            return e;
        by_org[i] = (struct asset_row){a->org, i, r};
    }
    inv->assets_n = i;
    return ERR_NONE;
}

static CHECKED enum err read_assets(struct gather *g, const struct json_node *rows,
                                    struct diag *diag)
{
    struct inventory *inv = g->inv;
    size_t n = count(rows), orgs = 1;
    struct asset_row *by_org = calloc(n + 1, sizeof(*by_org));
    enum err e = ERR_NOMEM;

    inv->assets = arena_calloc(&inv->arena, n + 1, sizeof(*inv->assets));
    if (!by_org || !inv->assets || (e = read_asset_rows(inv, rows, by_org, diag)) != ERR_NONE)
        goto out;
    qsort(inv->assets, n, sizeof(*inv->assets), asset_cmp);
    qsort(by_org, n, sizeof(*by_org), asset_row_cmp);
    for (size_t i = 1; i < n; i++)
        orgs += by_org[i].org != by_org[i - 1].org;
    inv->orgs = arena_calloc(&inv->arena, orgs, sizeof(*inv->orgs));
    if (!inv->orgs)
        e = ERR_NOMEM;
    for (size_t i = 0, end; i < n && e == ERR_NONE; i = end) {
        for (end = i + 1; end < n && by_org[end].org == by_org[i].org;)
            end++;
        e = read_addresses(g, by_org + i, end - i, diag);
    }
out:
    free(by_org);
    return e;
}

CHECKED enum err inventory_read(struct slice json, struct inventory **ret, struct diag *diag)
{
    const struct json_node *root = NULL;
    struct json_reader *reader = json_reader_new(INVENTORY_BYTES_MAX, NODES_MAX);
    struct inventory *inv = calloc(1, sizeof(*inv));
    struct gather g = {.inv = inv};
    enum err e = ERR_NOMEM;

    if (!reader || !inv)
        goto out;
    arena_init(&inv->arena, INVENTORY_BYTES_MAX);
    e = slice_trim(json).n ? json_read_strict(reader, json, &root, diag) : ERR_NONE;
    if (e == ERR_NONE && root && root->type != JSON_OBJECT)
        e = FAIL(diag, ERR_SYNTAX, 0, "inventory: not an object");
    if (e == ERR_NONE)
        e = read_systems(inv, json_get(root, "systems"), diag);
    if (e == ERR_NONE)
        e = read_sources(&g, json_get(root, "sources"), diag);
    if (e == ERR_NONE)
        e = read_assets(&g, json_get(root, "assets"), diag);
out:
    if (e == ERR_NOMEM)
        diag_set(diag, e, 0, "no memory for the inventory");
    if (e == ERR_NONE) {
        *ret = inv;
        inv = NULL;
    }
    free(g.entries);
    inventory_free(inv);
    json_reader_free(reader);
    return e;
}

static const struct inventory_source *source_by_id(const struct inventory *inv, uint32_t id)
{
    size_t lo = 0, hi = inv->sources_n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct inventory_source *s = &inv->sources[inv->by_id[mid]];
        if (s->id == id)
            return s;
        if (s->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static bool may_own(const struct inventory_source *s, const struct record *r)
{
    return r->org == ORG_INVALID || r->org == s->org;
}

static bool fits(const struct inventory_match *m, struct slice name, const char *name_cstr)
{
    if (m->any)
        return true;
    if (m->glob && name_cstr)
        return fnmatch(m->text, name_cstr, 0) == 0;
    return name.n == m->n && memcmp(name.p, m->text, m->n) == 0;
}

const struct inventory_source *inventory_source_for(const struct inventory *inv,
                                                    const struct record *r)
{
    char text[GLOB_BYTES];
    const char *name = NULL;

    if (!inv || !r || r->input <= INPUT_NONE || (unsigned)r->input >= INVENTORY_INPUTS)
        return NULL;
    const struct inventory_source *s = r->source ? source_by_id(inv, r->source) : NULL;
    if (s && may_own(s, r))
        return s;
    uint32_t best = cidrmap_get(&inv->inputs[r->input].peers, r->peer);
    if (best != CIDRMAP_NONE && !may_own(&inv->sources[best], r))
        best = CIDRMAP_NONE;
    if (r->name.n && r->name.n < sizeof(text) && !memchr(r->name.p, 0, r->name.n)) {
        memcpy(text, r->name.p, r->name.n);
        text[r->name.n] = 0;
        name = text;
    }
    for (size_t i = 0; i < inv->inputs[r->input].n; i++) {
        const struct inventory_match *m = &inv->inputs[r->input].matches[i];
        if (m->source >= best)
            break;
        if (may_own(&inv->sources[m->source], r) && fits(m, r->name, name)) {
            best = m->source;
            break;
        }
    }
    return best == CIDRMAP_NONE ? NULL : &inv->sources[best];
}

const struct inventory_system *inventory_system_of(const struct inventory *inv, uint32_t id)
{
    struct inventory_system key = {.id = id};

    return id ? bsearch(&key, inv->systems, inv->systems_n, sizeof(key), system_cmp) : NULL;
}

const struct inventory_asset *inventory_asset_named(const struct inventory *inv, uint32_t org,
                                                    struct slice name)
{
    struct inventory_asset key = {.org = org, .name = name};

    return name.n ? bsearch(&key, inv->assets, inv->assets_n, sizeof(key), asset_cmp) : NULL;
}

const struct inventory_asset *inventory_asset_at(const struct inventory *inv, uint32_t org,
                                                 const uint8_t ip[static 16])
{
    size_t lo = 0, hi = inv->orgs_n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (inv->orgs[mid].id == org) {
            uint32_t i = cidrmap_get(&inv->orgs[mid].assets, ip);
            return i == CIDRMAP_NONE ? NULL : &inv->assets[i];
        }
        if (inv->orgs[mid].id < org)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}
