#include "store/native.h"

#include <stdlib.h>

#include "core/fold.h"
#include "store/schema.h"

/* A column under construction. Fixed width: `a` alone. Arrays and maps: cumulative ends and
 * items (keys) in `a`, values in `b`. Strings: `a`, each with its length before it. */
struct column {
    struct buf ends, a, b;
    uint64_t items; /* the last end */
};

struct mark {
    size_t ends, a, b;
    uint64_t items;
};

struct native {
    size_t rows, max_bytes;
    size_t columns_n;
    const struct schema_column *columns; /* borrowed, static */
    struct column *c;                    /* owned, columns_n */
    struct mark *marks;                  /* owned, columns_n: where the row being added began */
    struct buf scratch, words;           /* of one value */
};

static void destroy(struct native *n)
{
    if (!n)
        return;
    for (size_t i = 0; n->c && i < n->columns_n; i++) {
        buf_done(&n->c[i].ends);
        buf_done(&n->c[i].a);
        buf_done(&n->c[i].b);
    }
    buf_done(&n->scratch);
    buf_done(&n->words);
    free(n->marks);
    free(n->c);
    free(n);
}

void native_free(struct native *n)
{
    destroy(n);
}

struct native *native_new(size_t max_bytes)
{
    struct native *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    n->columns = schema_columns(&n->columns_n);
    n->c = calloc(n->columns_n, sizeof(*n->c));
    n->marks = calloc(n->columns_n, sizeof(*n->marks));
    if (!n->c || !n->marks) {
        destroy(n);
        return NULL;
    }
    n->max_bytes = max_bytes;
    for (size_t i = 0; i < n->columns_n; i++) {
        buf_init(&n->c[i].ends, max_bytes);
        buf_init(&n->c[i].a, max_bytes);
        buf_init(&n->c[i].b, max_bytes);
    }
    buf_init(&n->scratch, max_bytes);
    buf_init(&n->words, max_bytes);
    return n;
}

void native_reset(struct native *n)
{
    n->rows = 0;
    for (size_t i = 0; i < n->columns_n; i++) {
        buf_reset(&n->c[i].ends);
        buf_reset(&n->c[i].a);
        buf_reset(&n->c[i].b);
        n->c[i].items = 0;
    }
}

size_t native_rows(const struct native *n)
{
    return n->rows;
}

size_t native_bytes(const struct native *n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n->columns_n; i++)
        sum += n->c[i].ends.n + n->c[i].a.n + n->c[i].b.n;
    return sum;
}

struct id128 native_id(const struct native *n, size_t row)
{
    struct id128 id;
    const char *p = n->c[SB_ID].a.p + row * 16;

    for (size_t i = 0; i < 8; i++) {
        id.b[i] = (uint8_t)p[7 - i];
        id.b[8 + i] = (uint8_t)p[15 - i];
    }
    return id;
}

int64_t native_ingested(const struct native *n, size_t row)
{
    int64_t ns;

    memcpy(&ns, n->c[SB_INGESTED].a.p + row * 8, sizeof(ns));
    return ns;
}

/* ---- cells ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "fixed-width cells are copied as they are");

static inline CHECKED enum err put_fixed(struct buf *b, const void *p, size_t n)
{
    if (b->cap - b->n < n) {
        enum err e = buf_reserve(b, n, NULL);
        if (e != ERR_NONE)
            return e;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return ERR_NONE;
}

static size_t varint(uint64_t v, char out[static 10])
{
    size_t n = 0;

    while (v >= 0x80) {
        out[n++] = (char)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (char)v;
    return n;
}

static inline CHECKED enum err put_varint(struct buf *b, uint64_t v)
{
    char head[10];

    if (v < 0x80 && b->cap > b->n) {
        b->p[b->n++] = (char)v;
        return ERR_NONE;
    }
    return put_fixed(b, head, varint(v, head));
}

/* Two slices as one string, so that a prefix needs no copy. */
static CHECKED enum err put_str2(struct buf *b, struct slice s, struct slice t)
{
    enum err e = put_varint(b, s.n + t.n);

    if (e == ERR_NONE && s.n)
        e = put_fixed(b, s.p, s.n);
    if (e == ERR_NONE && t.n)
        e = put_fixed(b, t.p, t.n);
    return e;
}

static CHECKED enum err put_str(struct buf *b, struct slice s)
{
    return put_str2(b, s, SLICE(""));
}

static CHECKED enum err put_id(struct buf *b, struct id128 id)
{
    char p[16];

    for (size_t i = 0; i < 8; i++) {
        p[i] = (char)id.b[7 - i];
        p[8 + i] = (char)id.b[15 - i];
    }
    return put_fixed(b, p, sizeof(p));
}

static CHECKED enum err put_end(struct column *c)
{
    return put_fixed(&c->ends, &c->items, sizeof(c->items));
}

/* ---- words ---- */

/* Letters, digits and all bytes above 127; without branches, since text mixes them. */
static bool word_byte(unsigned char c)
{
    return (((c | 0x20u) - 'a' < 26u) | (c - (unsigned)'0' < 10u) | (c >= 0x80)) != 0;
}

CHECKED enum err native_words(struct slice s, struct buf *scratch, struct buf *out)
{
    char *folded, *to;

    buf_reset(scratch);
    enum err e = buf_reserve(scratch, fold_bound(s.n), &folded);
    if (e != ERR_NONE)
        return e;
    size_t n = s.n ? fold_search(s, folded) : 0;
    /* Each word costs at most one blank more than its bytes, plus the last blank. */
    e = buf_reserve(out, 2 * n + 2, &to);
    if (e != ERR_NONE)
        return e;
    char *p = to;
    for (size_t i = 0; i < n;) {
        if (!word_byte((unsigned char)folded[i])) {
            i++;
            continue;
        }
        *p++ = ' ';
        while (i < n && word_byte((unsigned char)folded[i]))
            *p++ = folded[i++];
    }
    if (p > to)
        *p++ = ' ';
    out->n += (size_t)(p - to);
    return ERR_NONE;
}

/* Words that say what kind of event it is, not what was in it: they would only make every
 * event match. */
static bool no_prose(enum field f)
{
    switch ((int)f) {
    case F_EVENT_KIND:
    case F_EVENT_CATEGORY:
    case F_EVENT_TYPE:
    case F_EVENT_MODULE:
    case F_EVENT_DATASET:
    case F_ECS_VERSION:
    case F_COLOA_SOURCE:
        return true;
    default:
        return false;
    }
}

static bool inside(struct slice part, struct slice whole)
{
    return whole.n && part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static CHECKED enum err add_words(struct native *n, const struct event *ev, const struct value *v)
{
    if (v->type == VT_LIST) {
        enum err e = ERR_NONE;
        for (uint32_t i = 0; e == ERR_NONE && i < v->list_n; i++)
            e = add_words(n, ev, &v->list[i]);
        return e;
    }
    if ((v->type != VT_STRING && v->type != VT_IP) || v->text.n == 0 ||
        inside(v->text, ev->message))
        return ERR_NONE;
    enum err e = buf_putc(&n->words, '\n');
    return e == ERR_NONE ? native_words(v->text, &n->scratch, &n->words) : e;
}

/* The message's words first, then, each on a line of its own, every other text that is not
 * part of the message. */
static CHECKED enum err add_text(struct native *n, const struct event *ev)
{
    buf_reset(&n->words);
    enum err e = native_words(ev->message, &n->scratch, &n->words);

    for (uint32_t i = 0; e == ERR_NONE && i < ev->n; i++)
        if (!no_prose(ev->fields[i].f))
            e = add_words(n, ev, &ev->fields[i].v);
    return e == ERR_NONE ? put_str(&n->c[SB_TEXT].a, buf_slice(&n->words)) : e;
}

/* ---- the maps ---- */

static bool plain_ascii(struct slice s)
{
    size_t i = 0;
    uint64_t w;

    for (; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (w & UINT64_C(0x8080808080808080))
            return false;
    }
    for (; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static CHECKED enum err add_folded(struct native *n, struct slice prefix, struct slice name,
                                   struct slice text, bool prose)
{
    struct column *c = &n->c[SB_FOLDED];
    char *to;
    enum err e;

    if (prose) {
        buf_reset(&n->words);
        e = native_words(text, &n->scratch, &n->words);
    } else {
        buf_reset(&n->words);
        e = buf_reserve(&n->words, fold_bound(text.n) + 1, &to);
        if (e == ERR_NONE)
            n->words.n = text.n ? fold_case(text, to) : 0;
    }
    if (e == ERR_NONE)
        e = put_str2(&c->a, prefix, name);
    if (e == ERR_NONE)
        e = put_str(&c->b, buf_slice(&n->words));
    c->items++;
    return e;
}

static uint8_t kind_of(enum value_type t)
{
    switch (t) {
    case VT_INT:
        return SV_INT;
    case VT_DOUBLE:
        return SV_DOUBLE;
    case VT_BOOL:
        return SV_BOOL;
    case VT_NULL:
        return SV_NULL;
    case VT_IP:
        return SV_IP;
    case VT_TIME:
        return SV_TIME;
    case VT_STRING:
    case VT_LIST:
        break;
    }
    return SV_STRING;
}

static CHECKED enum err add_field(struct native *n, const struct event_field *f,
                                  const struct value *v, uint8_t list, bool odd)
{
    struct column *c = &n->c[SB_FIELDS], *k = &n->c[SB_KINDS];
    bool ours = f->f == F_NONE && field_find(f->name) != F_NONE;
    struct slice prefix = ours ? SLICE(SCHEMA_SENT_PREFIX) : SLICE("");
    bool prose = f->f != F_NONE && field_info(f->f)->type == FT_TEXT;
    uint8_t kind = (uint8_t)(kind_of(v->type) | list);
    enum err e = put_str2(&c->a, prefix, f->name);

    if (e == ERR_NONE)
        e = put_str(&c->b, v->text);
    if (e == ERR_NONE)
        e = put_fixed(&k->a, &kind, 1);
    c->items++;
    k->items++;
    if (e == ERR_NONE && (odd || prose || !plain_ascii(v->text)))
        e = add_folded(n, prefix, f->name, v->text, prose);
    return e;
}

/* Whether the column can give the value back as it was. */
static bool fits(enum schema_kind kind, const struct value *v)
{
    static const uint8_t none[16];

    switch ((int)kind) {
    case SK_I64:
        return v->type == VT_INT && v->i != INT64_MIN;
    case SK_IP:
        return v->type == VT_IP && memcmp(v->ip, none, sizeof(none)) != 0;
    case SK_LIST:
        return v->type == VT_LIST ? v->list_n > 0 : v->type != VT_NULL;
    default:
        return v->type != VT_LIST && v->type != VT_NULL && v->text.n > 0;
    }
}

static CHECKED enum err fold_hot(struct native *n, const struct event_field *f,
                                 enum schema_kind kind)
{
    enum err e = ERR_NONE;

    if (kind == SK_LIST && f->v.type == VT_LIST) {
        for (uint32_t i = 0; e == ERR_NONE && i < f->v.list_n; i++)
            if (!plain_ascii(f->v.list[i].text))
                e = add_folded(n, SLICE(""), f->name, f->v.list[i].text, false);
    } else if ((kind == SK_STRING || kind == SK_LIST) && !plain_ascii(f->v.text)) {
        e = add_folded(n, SLICE(""), f->name, f->v.text, false);
    }
    return e;
}

static CHECKED enum err add_maps(struct native *n, const struct event *ev)
{
    enum err e = ERR_NONE;

    for (uint32_t i = 0; e == ERR_NONE && i < ev->n; i++) {
        const struct event_field *f = &ev->fields[i];
        const struct schema_column *hot = schema_column_of(f->f);
        if (hot && fits(hot->kind, &f->v)) {
            e = fold_hot(n, f, hot->kind);
        } else if (f->v.type == VT_LIST && f->v.list_n) {
            for (uint32_t j = 0; e == ERR_NONE && j < f->v.list_n; j++)
                e = add_field(n, f, &f->v.list[j], SV_LIST, hot != NULL);
        } else {
            e = add_field(n, f, &f->v, f->v.type == VT_LIST ? SV_LIST | SV_NULL : 0, hot != NULL);
        }
    }
    if (e == ERR_NONE)
        e = put_end(&n->c[SB_FIELDS]);
    if (e == ERR_NONE)
        e = put_end(&n->c[SB_KINDS]);
    return e == ERR_NONE ? put_end(&n->c[SB_FOLDED]) : e;
}

/* ---- the row ---- */

static CHECKED enum err add_hot(struct column *c, enum schema_kind kind, const struct value *v)
{
    static const uint8_t none[16];
    int64_t absent = INT64_MIN;
    enum err e = ERR_NONE;

    if (v && !fits(kind, v))
        v = NULL;
    switch ((int)kind) {
    case SK_I64:
        return put_fixed(&c->a, v ? &v->i : &absent, sizeof(absent));
    case SK_IP:
        return put_fixed(&c->a, v ? v->ip : none, sizeof(none));
    case SK_LIST:
        for (uint32_t i = 0; v && e == ERR_NONE && i < (v->type == VT_LIST ? v->list_n : 1); i++) {
            e = put_str(&c->a, v->type == VT_LIST ? v->list[i].text : v->text);
            c->items++;
        }
        return e == ERR_NONE ? put_end(c) : e;
    default:
        return put_str(&c->a, v ? v->text : SLICE(""));
    }
}

static CHECKED enum err add_base(struct native *n, const struct event *ev, struct slice class)
{
    struct slice original = ev->record ? ev->record->payload : SLICE("");
    bool part = inside(ev->message, original);
    uint32_t from = part && ev->message.n ? (uint32_t)(ev->message.p - original.p) + 1 : 0;
    uint32_t bytes = from ? (uint32_t)ev->message.n : 0;
    uint16_t version = SCHEMA_VERSION;
    uint8_t flags = (uint8_t)((ev->clock_suspect ? SF_CLOCK_SUSPECT : 0) |
                              (ev->tolerant ? SF_TOLERANT : 0) | (ev->overflow ? SF_OVERFLOW : 0));
    enum err e = put_id(&n->c[SB_ID].a, ev->id);
#define PUT(column, value)                                                                         \
    e = e == ERR_NONE ? put_fixed(&n->c[column].a, &(value), sizeof(value)) : e
    PUT(SB_TIMESTAMP, ev->timestamp_ns);
    PUT(SB_INGESTED, ev->ingested_ns);
    PUT(SB_ORG, ev->org);
    PUT(SB_SYSTEM, ev->system);
    PUT(SB_SOURCE, ev->source);
    PUT(SB_SCHEMA_VERSION, version);
    PUT(SB_FLAGS, flags);
    PUT(SB_MESSAGE_FROM, from);
    PUT(SB_MESSAGE_BYTES, bytes);
#undef PUT
    if (e == ERR_NONE)
        e = put_str(&n->c[SB_RETENTION_CLASS].a, class);
    if (e == ERR_NONE)
        e = put_str(&n->c[SB_MESSAGE].a, from ? SLICE("") : ev->message);
    if (e == ERR_NONE)
        e = put_str(&n->c[SB_ORIGINAL].a, original);
    return e;
}

CHECKED enum err native_add(struct native *n, const struct event *ev, struct slice retention_class)
{
    enum err e = ERR_NONE;
    size_t bytes = 0;

    for (size_t i = 0; i < n->columns_n; i++) {
        const struct column *c = &n->c[i];
        n->marks[i] = (struct mark){c->ends.n, c->a.n, c->b.n, c->items};
        bytes += c->ends.n + c->a.n + c->b.n;
    }
    if (n->rows >= NATIVE_ROWS_MAX || bytes >= n->max_bytes)
        return ERR_LIMIT;
    e = add_base(n, ev, retention_class);
    for (size_t i = SB_N; e == ERR_NONE && i < n->columns_n; i++)
        e = add_hot(&n->c[i], n->columns[i].kind, event_get(ev, n->columns[i].field));
    if (e == ERR_NONE)
        e = add_maps(n, ev);
    if (e == ERR_NONE)
        e = add_text(n, ev);
    if (e == ERR_NONE) {
        n->rows++;
        return ERR_NONE;
    }
    for (size_t i = 0; i < n->columns_n; i++) {
        n->c[i].ends.n = n->marks[i].ends;
        n->c[i].a.n = n->marks[i].a;
        n->c[i].b.n = n->marks[i].b;
        n->c[i].items = n->marks[i].items;
    }
    return e;
}

/* ---- the block ---- */

static size_t width(enum schema_kind kind)
{
    switch (kind) {
    case SK_UUID:
    case SK_IP:
        return 16;
    case SK_TIME:
    case SK_I64:
        return 8;
    case SK_U32:
        return 4;
    case SK_U16:
        return 2;
    case SK_U8:
        return 1;
    case SK_STRING:
    case SK_LIST:
    case SK_BYTES:
    case SK_MAP:
        break;
    }
    return 0;
}

/* Walks over `count` strings from *at; the bytes are ours, so every length is right. */
static void skip_strings(const struct buf *b, uint64_t count, size_t *at)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t len = 0;
        for (unsigned shift = 0;; shift += 7) {
            uint8_t c = (uint8_t)b->p[(*at)++];
            len |= (uint64_t)(c & 0x7f) << shift;
            if (!(c & 0x80))
                break;
        }
        *at += len;
    }
}

static CHECKED enum err keep_fixed(const struct buf *b, size_t w, size_t rows, const uint8_t *drop,
                                   struct buf *out)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < rows;) {
        size_t j = i;
        while (j < rows && !drop[j])
            j++;
        if (j > i)
            e = put_fixed(out, b->p + i * w, (j - i) * w);
        i = j + 1;
    }
    return e;
}

/* The items of kept rows, row by row; counts come from `ends`, or are 1 when that is NULL. */
static CHECKED enum err keep_items(const struct buf *items, const struct buf *ends, bool strings,
                                   size_t rows, const uint8_t *drop, struct buf *out)
{
    enum err e = ERR_NONE;
    uint64_t before = 0, end;
    size_t at = 0;

    for (size_t i = 0; e == ERR_NONE && i < rows; i++) {
        end = before + 1;
        if (ends)
            memcpy(&end, ends->p + i * sizeof(end), sizeof(end));
        size_t from = at;
        if (strings)
            skip_strings(items, end - before, &at);
        else
            at += end - before;
        if (!drop[i] && at > from)
            e = put_fixed(out, items->p + from, at - from);
        before = end;
    }
    return e;
}

static CHECKED enum err keep_ends(const struct buf *ends, size_t rows, const uint8_t *drop,
                                  struct buf *out)
{
    enum err e = ERR_NONE;
    uint64_t before = 0, end, sum = 0;

    for (size_t i = 0; e == ERR_NONE && i < rows; i++) {
        memcpy(&end, ends->p + i * sizeof(end), sizeof(end));
        if (!drop[i]) {
            sum += end - before;
            e = put_fixed(out, &sum, sizeof(sum));
        }
        before = end;
    }
    return e;
}

static CHECKED enum err put_column(const struct column *c, enum schema_kind kind, size_t rows,
                                   const uint8_t *drop, struct buf *out)
{
    bool array = kind == SK_LIST || kind == SK_BYTES || kind == SK_MAP;
    enum err e = ERR_NONE;

    if (!drop) {
        const struct buf *parts[] = {&c->ends, &c->a, &c->b};
        for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(parts); i++)
            if (parts[i]->n)
                e = put_fixed(out, parts[i]->p, parts[i]->n);
        return e;
    }
    if (width(kind))
        return keep_fixed(&c->a, width(kind), rows, drop, out);
    if (array)
        e = keep_ends(&c->ends, rows, drop, out);
    if (e == ERR_NONE)
        e = keep_items(&c->a, array ? &c->ends : NULL, kind != SK_BYTES, rows, drop, out);
    if (e == ERR_NONE && kind == SK_MAP)
        e = keep_items(&c->b, &c->ends, true, rows, drop, out);
    return e;
}

CHECKED enum err native_encode(const struct native *n, const uint8_t *drop, struct buf *out,
                               size_t *ret_rows)
{
    size_t rows = n->rows;
    char *room;

    for (size_t i = 0; drop && i < n->rows; i++)
        rows -= drop[i] != 0;
    enum err e = buf_reserve(out, native_bytes(n) + 64 * n->columns_n + 20, &room);
    if (e == ERR_NONE)
        e = put_varint(out, n->columns_n);
    if (e == ERR_NONE)
        e = put_varint(out, rows);
    for (size_t i = 0; e == ERR_NONE && i < n->columns_n; i++) {
        e = put_str(out, slice_of(n->columns[i].name));
        if (e == ERR_NONE)
            e = put_str(out, slice_of(n->columns[i].native));
        if (e == ERR_NONE)
            e = put_column(&n->c[i], n->columns[i].kind, n->rows, drop, out);
    }
    if (e == ERR_NONE)
        *ret_rows = rows;
    return e;
}
