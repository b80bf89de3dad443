/* The table for a person: as wide as the terminal, cut by display columns, values made harmless. */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cmd/hunt_out.h"
#include "core/timefmt.h"
#include "core/utf8.h"

enum { TIME_COLUMNS = 19, LEVEL_COLUMNS = 8, COLUMNS_MAX = 400, PLAIN_COLUMNS = 160 };

static const char *const short_level[] = {
    [LEVEL_INFORMATIONAL] = "info", [LEVEL_LOW] = "low",           [LEVEL_MEDIUM] = "medium",
    [LEVEL_HIGH] = "high",          [LEVEL_CRITICAL] = "critical",
};
static const char *const colour[] = {
    [LEVEL_INFORMATIONAL] = "\033[36m", [LEVEL_LOW] = "\033[34m",
    [LEVEL_MEDIUM] = "\033[33m",        [LEVEL_HIGH] = "\033[31m",
    [LEVEL_CRITICAL] = "\033[1;97;41m",
};

struct table {
    unsigned rule, host, place, fields; /* columns of each part; 0: on no terminal, not cut */
};

/* Columns of a code point on a terminal, without the C locale's say: combining marks none, East
 * Asian wide and emoji two. */
static unsigned columns_of(uint32_t c)
{
    if ((c >= 0x300 && c < 0x370) || (c >= 0x200b && c < 0x2010) || (c >= 0xfe00 && c < 0xfe10))
        return 0;
    if ((c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) || (c >= 0xac00 && c < 0xd7a4) ||
        (c >= 0xf900 && c < 0xfb00) || (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) ||
        (c >= 0xffe0 && c < 0xffe7) || (c >= 0x1f300 && c < 0x1f650) ||
        (c >= 0x1f900 && c < 0x1fa00) || (c >= 0x20000 && c < 0x3fffe))
        return 2;
    return 1;
}

/* Control characters, marks that turn the writing direction, and bytes that are not UTF-8 are shown
 * as \xNN, never sent. */
static bool harmless(uint32_t c)
{
    return c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0) && !(c >= 0x202a && c <= 0x202e) &&
           !(c >= 0x2066 && c <= 0x2069) && c != 0x200e && c != 0x200f;
}

/* One code point of s made printable in `to` (room for 16); how many bytes of s, columns in *w. */
static size_t show(struct slice s, char *to, size_t *n, unsigned *w)
{
    uint32_t c = 0;
    unsigned used = utf8_get(s.p, s.n, &c);

    if (used && harmless(c)) {
        memcpy(to, s.p, used);
        *n = used;
        *w = columns_of(c);
        return used;
    }
    used = used ? used : 1;
    *n = *w = 0;
    for (unsigned i = 0; i < used; i++) {
        (void)snprintf(to + *n, 5, "\\x%02x", (uint8_t)s.p[i]);
        *n += 4;
        *w += 4;
    }
    return used;
}

/* s in at most `columns` columns (0: whole), padded to them when `pad`; a cut shows as an ellipsis.
 */
static void put_cut(struct buf *b, struct slice s, unsigned columns, bool pad)
{
    unsigned used = 0;
    bool ok = true;
    size_t keep_n = b->n;
    unsigned keep_used = 0;

    for (size_t at = 0; at < s.n && ok;) {
        char text[20];
        size_t n = 0;
        unsigned w = 0;
        at += show(slice_cut(s, at, s.n), text, &n, &w);
        if (columns && used + w > columns) {
            b->n = keep_n;
            used = keep_used + 1;
            ok = buf_puts(b, "…") == ERR_NONE;
            break;
        }
        ok = buf_put(b, (struct slice){text, n}) == ERR_NONE;
        used += w;
        if (used + 1 <= columns) { /* an ellipsis would fit behind this one */
            keep_n = b->n;
            keep_used = used;
        }
    }
    for (; pad && used < columns && ok; used++)
        ok = buf_putc(b, ' ') == ERR_NONE;
}

static void field_text(void *arg, struct slice name, const struct slice *values, size_t n)
{
    struct buf *b = arg;

    for (size_t i = 0; i < n; i++)
        if ((b->n && buf_puts(b, " ") != ERR_NONE) || buf_put(b, name) != ERR_NONE ||
            buf_putc(b, '=') != ERR_NONE ||
            buf_put(b, values[i].n > 2000 ? slice_cut(values[i], 0, 2000) : values[i]) != ERR_NONE)
            return;
}

static bool table_begin(struct hunt_out *o)
{
    struct table *t = calloc(1, sizeof(*t));
    unsigned all = o->columns ? o->columns : PLAIN_COLUMNS;

    if (!t)
        return false;
    o->state = t;
    if (all > COLUMNS_MAX)
        all = COLUMNS_MAX;
    unsigned left =
        all > TIME_COLUMNS + LEVEL_COLUMNS + 34 ? all - TIME_COLUMNS - LEVEL_COLUMNS - 10 : 24;
    /* Narrow terminals get two lines a finding: place and fields below. */
    if (all < 120) {
        t->host = left / 4;
        t->rule = left - t->host;
        t->place = (all - 4) / 3;
        t->fields = all - 6 - t->place;
    } else {
        t->host = left / 8;
        t->rule = left / 3;
        t->place = left / 5;
        t->fields = o->columns ? left - t->host - t->rule - t->place : 0;
    }
    return true;
}

/* The file's last part and the record, which count most when there is little room. */
static void put_place(struct hunt_out *o, const struct hunt_found *f, unsigned columns, bool pad)
{
    char record[32];
    const char *name = hunt_file_name(o->h, f->at.file), *slash = strrchr(name, '/');
    int n = snprintf(record, sizeof(record), ":%llu", (unsigned long long)f->at.record);
    struct buf text;
    unsigned tail = n > 0 ? (unsigned)n : 0, room = columns > tail + 4 ? columns - tail : 4;
    size_t before = o->line.n;

    buf_init(&text, 64 << 10);
    if (strlen(name) > room && slash)
        name = slash + 1;
    put_cut(&text, slice_of(name), columns ? room : 0, false);
    if (buf_puts(&text, record) == ERR_NONE)
        put_cut(&o->line, buf_slice(&text), columns, pad);
    if (o->line.n == before)
        o->failed = true;
    buf_done(&text);
}

static void table_finding(struct hunt_out *o, const struct hunt_found *f)
{
    const struct table *t = o->state;
    enum rule_level level = f->rule->level ? f->rule->level : LEVEL_INFORMATIONAL;
    char when[TIME_TEXT_BYTES + 1] = "-                  ", count[64] = "";
    bool two = o->columns && o->columns < 120, vi = strcmp(o->h->o.lang, "vi") == 0;
    const char *title = vi && f->rule->title_vi[0] ? f->rule->title_vi : f->rule->title;
    struct buf fields;

    if (f->has_time) {
        time_rfc3339(f->time_ns, when);
        when[10] = ' ';
        when[TIME_COLUMNS] = 0;
    }
    buf_init(&fields, 128 << 10);
    if (f->correlation)
        (void)snprintf(count, sizeof(count), "%gx", f->count);
    if (count[0] && buf_puts(&fields, count) != ERR_NONE)
        o->failed = true;
    hunt_out_fields(f, field_text, &fields);
    buf_reset(&o->line);
    bool ok = buf_printf(&o->line, "%s  %s%-*s%s  ", when, o->colour ? colour[level] : "",
                         LEVEL_COLUMNS, short_level[level], o->colour ? "\033[0m" : "") == ERR_NONE;
    put_cut(&o->line, slice_of(title), t->rule, true);
    ok &= buf_puts(&o->line, "  ") == ERR_NONE;
    put_cut(&o->line, f->host.n ? f->host : SLICE("-"), t->host, !two);
    if (two) {
        ok &= buf_puts(&o->line, "\n    ") == ERR_NONE;
        put_cut(&o->line, buf_slice(&fields), t->fields, true);
    } else {
        ok &= buf_puts(&o->line, "  ") == ERR_NONE;
        put_cut(&o->line, buf_slice(&fields), t->fields, t->fields > 0);
    }
    ok &= buf_puts(&o->line, "  ") == ERR_NONE;
    put_place(o, f, t->place, false);
    ok &= buf_putc(&o->line, '\n') == ERR_NONE;
    buf_done(&fields);
    o->failed |= !ok;
    hunt_out_put(o, buf_slice(&o->line));
}

static void table_end(struct hunt_out *o)
{
    free(o->state);
    o->state = NULL;
}

const struct hunt_output hunt_out_table = {
    .name = "table", .begin = table_begin, .finding = table_finding, .end = table_end};
