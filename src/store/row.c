#include "store/row_int.h"

#include <stdlib.h>

#include "core/ip.h"
#include "store/schema.h"

enum { ENTRIES_MAX = 8192, DEPTH_MAX = 20 };

/* One value under its flat name. */
struct entry {
    struct slice name;
    struct slice text;
    uint32_t order; /* of reading: keeps the values of one name in their order */
    uint8_t kind;   /* SV_* */
};

struct row {
    struct arena *arena;
    struct entry *e;
    size_t n, cap;
    bool full;
};

CHECKED enum err row_columns(struct buf *out)
{
    size_t n;
    const struct schema_column *c = schema_columns(&n);
    enum err e =
        buf_puts(out, "id, timestamp, ingested, org, system, source, flags, "
                      "if(message_bytes > 0, substring(original, message_from, message_bytes), "
                      "message) AS shown_message, original, "
                      "mapKeys(fields), mapValues(fields), kinds");

    for (size_t i = SB_N; e == ERR_NONE && i < n; i++)
        e = buf_printf(out, ", `%s`", c[i].name);
    return e;
}

uint64_t row_varint(struct bytes *in)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t c = bytes_u8(in);
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
    in->bad = true;
    return 0;
}

struct slice row_string(struct bytes *in)
{
    uint64_t n = row_varint(in);

    return bytes_get(in, n > bytes_left(in) ? bytes_left(in) + 1 : (size_t)n);
}

struct id128 row_id(struct bytes *in)
{
    struct slice s = bytes_get(in, 16);
    struct id128 id = {{0}};

    for (size_t i = 0; s.n == 16 && i < 8; i++) {
        id.b[i] = (uint8_t)s.p[7 - i];
        id.b[8 + i] = (uint8_t)s.p[15 - i];
    }
    return id;
}

static void add(struct row *r, struct slice name, struct slice text, uint8_t kind)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 128;
        struct entry *e = cap <= ENTRIES_MAX ? arena_alloc(r->arena, cap * sizeof(*e)) : NULL;
        if (!e) {
            r->full = true;
            return;
        }
        if (r->n)
            memcpy(e, r->e, r->n * sizeof(*e));
        r->e = e;
        r->cap = cap;
    }
    r->e[r->n] = (struct entry){name, text, (uint32_t)r->n, kind};
    r->n++;
}

static void add_number(struct row *r, const char *name, int64_t v)
{
    char text[24];
    struct buf b = {.p = text, .cap = sizeof(text), .max = sizeof(text)};
    struct slice s;

    if (buf_printf(&b, "%lld", (long long)v) != ERR_NONE ||
        arena_dup(r->arena, buf_slice(&b), &s) != ERR_NONE)
        r->full = true;
    else
        add(r, slice_of(name), s, SV_INT);
}

static void add_time(struct row *r, const char *name, int64_t ns)
{
    struct slice s = {(const char *)&ns, sizeof(ns)}, own;

    if (arena_dup(r->arena, s, &own) != ERR_NONE)
        r->full = true;
    else
        add(r, slice_of(name), own, SV_TIME);
}

static void read_maps(struct bytes *in, struct row *r)
{
    struct bytes values;
    uint64_t n = row_varint(in), i;
    struct bytes keys = *in;

    for (i = 0; i < n && !in->bad; i++)
        (void)row_string(in);
    if (row_varint(in) != n)
        in->bad = true;
    values = *in;
    for (i = 0; i < n && !in->bad; i++)
        (void)row_string(in);
    uint64_t kinds = row_varint(in);
    for (i = 0; i < n && !in->bad; i++) {
        uint8_t kind = i < kinds ? bytes_u8(in) : SV_STRING;
        struct slice key = row_string(&keys), value = row_string(&values);
        /* Times in the map are text as it was sent; only the base columns' are numbers. */
        add(r, key, value, (kind & 0x3f) == SV_TIME ? kind & SV_LIST : kind);
    }
    for (; i < kinds && !in->bad; i++)
        (void)bytes_u8(in);
}

static void read_hot(struct bytes *in, struct row *r, const struct schema_column *c)
{
    struct slice name = field_info(c->field)->name, s;
    static const uint8_t none[16];
    uint8_t ip[16];
    char text[IP_TEXT_BYTES + 1];

    if (c->kind == SK_I64) {
        int64_t v = (int64_t)bytes_u64(in);
        if (v != INT64_MIN)
            add_number(r, name.p, v);
    } else if (c->kind == SK_IP) {
        s = bytes_get(in, 16);
        if (s.n != 16 || memcmp(s.p, none, sizeof(none)) == 0)
            return;
        memcpy(ip, s.p, sizeof(ip));
        ip_text(ip, text);
        if (arena_dup(r->arena, slice_of(text), &s) != ERR_NONE)
            r->full = true;
        add(r, name, s, SV_STRING);
    } else if (c->kind == SK_LIST) {
        uint64_t n = row_varint(in);
        for (uint64_t i = 0; i < n && !in->bad && !r->full; i++)
            add(r, name, row_string(in), SV_LIST);
    } else {
        s = row_string(in);
        if (s.n)
            add(r, name, s, SV_STRING);
    }
}

static void read_base(struct bytes *in, struct row *r, int64_t *ret_ns, struct id128 *ret_id)
{
    char text[ID_TEXT_BYTES + 1];
    struct slice s;

    *ret_id = row_id(in);
    id_text(*ret_id, text);
    if (arena_dup(r->arena, slice_of(text), &s) != ERR_NONE)
        r->full = true;
    else
        add(r, SLICE("event.id"), s, SV_STRING);
    *ret_ns = (int64_t)bytes_u64(in);
    add_time(r, "@timestamp", *ret_ns);
    add_time(r, "event.ingested", (int64_t)bytes_u64(in));
    add_number(r, "coloa.org", bytes_u32(in));
    add_number(r, "coloa.system", bytes_u32(in));
    add_number(r, "coloa.source_number", bytes_u32(in));
    uint8_t flags = bytes_u8(in);
    if (flags & SF_CLOCK_SUSPECT)
        add(r, SLICE("coloa.clock_suspect"), SLICE("true"), SV_BOOL);
    if (flags & SF_TOLERANT)
        add(r, SLICE("coloa.tolerant"), SLICE("true"), SV_BOOL);
    if (flags & SF_OVERFLOW)
        add(r, SLICE("coloa.overflow"), SLICE("true"), SV_BOOL);
    s = row_string(in);
    if (s.n)
        add(r, SLICE("message"), s, SV_STRING);
    add(r, SLICE("event.original"), row_string(in), SV_STRING);
}

/* ---- writing ---- */

/* A dot sorts before everything else, so that what nests together stands together. */
static int rank(char c)
{
    return c == '.' ? -1 : (unsigned char)c;
}

static int by_name(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;

    for (size_t i = 0; i < n; i++)
        if (a->name.p[i] != b->name.p[i])
            return rank(a->name.p[i]) < rank(b->name.p[i]) ? -1 : 1;
    if (a->name.n != b->name.n)
        return a->name.n < b->name.n ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool json_number(struct slice s)
{
    size_t i = s.n && s.p[0] == '-' ? 1 : 0, digits = i;

    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    if (i == digits || (s.p[digits] == '0' && i > digits + 1))
        return false;
    if (i < s.n && s.p[i] == '.') {
        digits = ++i;
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        if (i == digits)
            return false;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
            i++;
        digits = i;
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        if (i == digits)
            return false;
    }
    return i == s.n;
}

static void write_value(struct jsonw *w, const struct entry *e)
{
    int64_t ns;

    switch (e->kind & 0x3f) {
    case SV_INT:
    case SV_DOUBLE:
        if (json_number(e->text))
            jsonw_raw(w, e->text);
        else
            jsonw_str(w, e->text);
        break;
    case SV_BOOL:
        jsonw_bool(w, slice_eq(e->text, SLICE("true")) || slice_eq(e->text, SLICE("1")));
        break;
    case SV_NULL:
        jsonw_null(w);
        break;
    case SV_TIME:
        memcpy(&ns, e->text.p, sizeof(ns));
        jsonw_time(w, ns);
        break;
    default:
        jsonw_str(w, e->text);
    }
}

/* All values of one name: one, or an array. */
static void write_values(struct jsonw *w, const struct entry *e, size_t n)
{
    if (n == 1 && !(e->kind & SV_LIST)) {
        write_value(w, e);
        return;
    }
    jsonw_array(w);
    if (n > 1 || e->kind != (SV_LIST | SV_NULL)) /* that alone is the empty list */
        for (size_t i = 0; i < n; i++)
            write_value(w, &e[i]);
    jsonw_close_array(w);
}

static size_t same_name(const struct entry *e, size_t n)
{
    size_t i = 1;

    while (i < n && slice_eq(e[i].name, e[0].name))
        i++;
    return i;
}

/* How many entries from e on lie under the path e->name[0..upto]. */
static size_t under(const struct entry *e, size_t n, size_t upto)
{
    size_t i = 0;

    while (i < n && e[i].name.n > upto && e[i].name.p[upto] == '.' &&
           memcmp(e[i].name.p, e[0].name.p, upto) == 0)
        i++;
    return i;
}

/* Writes the members of the object whose path is the first `from` bytes of each name. A name that
 * is itself a path of others ("a" beside "a.b") keeps its value, and the others stay flat beside
 * it. */
static void write_members(struct jsonw *w, const struct entry *e, size_t n, size_t from,
                          unsigned depth)
{
    for (size_t i = 0; i < n;) {
        size_t dot = from + slice_find(slice_cut(e[i].name, from, e[i].name.n), '.');
        size_t inner = dot < e[i].name.n && dot > from ? under(e + i, n - i, dot) : 0;
        bool taken =
            i > 0 && e[i - 1].name.n == dot && memcmp(e[i - 1].name.p, e[i].name.p, dot) == 0;
        if (inner && !taken && depth < DEPTH_MAX) {
            jsonw_key(w, slice_cut(e[i].name, from, dot));
            jsonw_object(w);
            write_members(w, e + i, inner, dot + 1, depth + 1);
            jsonw_close_object(w);
            i += inner;
            continue;
        }
        for (size_t end = inner && taken ? i + inner : i + 1; i < end;) {
            size_t same = same_name(e + i, n - i);
            jsonw_key(w, slice_cut(e[i].name, from, e[i].name.n));
            write_values(w, e + i, same);
            i += same;
        }
    }
}

CHECKED enum err row_json(struct bytes *in, struct arena *a, struct jsonw *w, int64_t *ret_ns,
                          struct id128 *ret_id)
{
    struct row r = {.arena = a};
    struct id128 id;
    int64_t ns;
    size_t n;
    const struct schema_column *c = schema_columns(&n);

    read_base(in, &r, &ns, &id);
    read_maps(in, &r);
    for (size_t i = SB_N; i < n && !in->bad; i++)
        read_hot(in, &r, &c[i]);
    if (in->bad)
        return ERR_CORRUPT;
    if (r.full)
        return ERR_LIMIT;
    qsort(r.e, r.n, sizeof(*r.e), by_name);
    jsonw_object(w);
    write_members(w, r.e, r.n, 0, 0);
    jsonw_close_object(w);
    *ret_ns = ns;
    *ret_id = id;
    return ERR_NONE;
}
