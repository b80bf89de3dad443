#include "parse/csv.h"

#include <stdio.h>

static bool line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* The cell at `at`: *ret_end is behind it, at a separator, a line end or the end of the text.
 * false: a quote is open at the end. */
static bool cell(struct slice s, size_t at, char separator, size_t *ret_end)
{
    if (at < s.n && s.p[at] == '"') {
        for (at++;; at++) {
            at += slice_find(slice_cut(s, at, s.n), '"');
            if (at >= s.n)
                return false;
            if (at + 1 < s.n && s.p[at + 1] == '"')
                at++;
            else
                break;
        }
        at++;
    }
    while (at < s.n && s.p[at] != separator && !line_end(s.p[at]))
        at++;
    *ret_end = at;
    return true;
}

static size_t first_line(struct slice s)
{
    size_t n = slice_find(s, '\n');

    return n < s.n ? n + 1 : s.n;
}

size_t csv_row(struct slice s, char separator, bool last, bool *ret_broken)
{
    struct slice window = s.n > CSV_ROW_BYTES_MAX ? slice_cut(s, 0, CSV_ROW_BYTES_MAX) : s;
    bool over = s.n > CSV_ROW_BYTES_MAX;

    *ret_broken = false;
    for (size_t at = 0;; at++) {
        if (!cell(window, at, separator, &at) || (at == window.n && over)) {
            *ret_broken = over || last;
            return *ret_broken ? first_line(s) : 0;
        }
        if (at == window.n)
            return last ? at : 0;
        if (s.p[at] == '\n')
            return at + 1;
        if (s.p[at] == '\r') {
            if (at + 1 == s.n && !last)
                return 0;
            return at + 1 < s.n && s.p[at + 1] == '\n' ? at + 2 : at + 1;
        }
    }
}

/* A quoted cell without its quotes; text behind the closing quote is kept as it is. */
static enum err unquote(struct slice s, struct arena *a, struct slice *ret)
{
    if (s.n == 0 || s.p[0] != '"') {
        *ret = s;
        return ERR_NONE;
    }
    s = slice_cut(s, 1, s.n);
    size_t q = slice_find(s, '"');
    if (q + 1 >= s.n) {
        *ret = slice_cut(s, 0, q);
        return ERR_NONE;
    }
    char *p = arena_alloc(a, s.n);
    if (!p)
        return ERR_NOMEM;
    size_t n = 0;
    bool inside = true;
    for (size_t i = 0; i < s.n; i++) {
        if (inside && s.p[i] == '"') {
            if (i + 1 < s.n && s.p[i + 1] == '"')
                i++;
            else {
                inside = false;
                continue;
            }
        }
        p[n++] = s.p[i];
    }
    *ret = (struct slice){p, n};
    return ERR_NONE;
}

static struct slice without_end(struct slice row)
{
    while (row.n && line_end(row.p[row.n - 1]))
        row.n--;
    return row;
}

static const struct slice *extra_name(struct arena *a, size_t i, struct slice *ret)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "column%zu", i + 1);

    return n > 0 && arena_dup(a, (struct slice){text, (size_t)n}, ret) == ERR_NONE ? ret : NULL;
}

CHECKED enum err csv_pairs(const struct csv_header *h, struct slice row, struct arena *a,
                           struct pairs *ret)
{
    size_t at = 0, end = 0;

    row = without_end(row);
    for (size_t i = 0; at <= row.n; i++, at = end + 1) {
        struct slice value = SLICE(""), name = SLICE("");
        if (!cell(row, at, h->separator, &end))
            end = row.n;
        if (end < row.n && line_end(row.p[end]))
            end = row.n;
        if (unquote(slice_cut(row, at, end), a, &value) != ERR_NONE)
            return ERR_NOMEM;
        if (value.n == 0)
            continue;
        if (i < h->n)
            name = h->name[i];
        else if (!extra_name(a, i, &name))
            return ERR_NOMEM;
        pairs_add(ret, name, value);
    }
    return ERR_NONE;
}

static size_t columns(struct slice row, char separator)
{
    size_t n = 0, end = 0;

    row = without_end(row);
    for (size_t at = 0; at <= row.n; at = end + 1, n++)
        if (!cell(row, at, separator, &end))
            return 0;
    return n;
}

static char separator_of(struct slice row)
{
    static const char all[] = ",;\t|";
    char best = ',';
    size_t most = 0;

    for (size_t i = 0; i + 1 < sizeof(all); i++) {
        size_t n = columns(row, all[i]);
        if (n > most) {
            most = n;
            best = all[i];
        }
    }
    return best;
}

static bool name_like(struct slice s)
{
    bool letter = false;

    s = slice_trim(s);
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = slice_cut(s, 1, s.n - 1);
    if (s.n == 0 || s.n > 128)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
        letter |= alpha;
        if (!alpha && !(c >= '0' && c <= '9') && !strchr(" _-.@()/#:%", c))
            return false;
    }
    return letter;
}

static bool names(struct slice row, char separator)
{
    size_t end = 0, n = 0;
    struct slice seen[64];

    row = without_end(row);
    for (size_t at = 0; at <= row.n; at = end + 1, n++) {
        if (!cell(row, at, separator, &end))
            return false;
        struct slice s = slice_cut(row, at, end);
        if (!name_like(s))
            return false;
        for (size_t i = 0; i < n && i < ARRAY_LEN(seen); i++)
            if (slice_eq(seen[i], s))
                return false;
        if (n < ARRAY_LEN(seen))
            seen[n] = s;
    }
    return n >= 2;
}

/* What stands before the header row: PowerShell's "#TYPE ..." and spreadsheets' "sep=;". */
static size_t preamble(struct slice s)
{
    if (slice_starts(s, SLICE("#TYPE ")) || slice_starts(s, SLICE("sep=")))
        return first_line(s);
    return 0;
}

bool csv_guess(struct slice head, bool hint)
{
    bool broken;

    head = slice_cut(head, preamble(head), head.n);
    size_t used = csv_row(head, ',', true, &broken);
    struct slice row = slice_cut(head, 0, used);
    char separator = separator_of(row);

    if (row.n == 0 || strchr("{[<", row.p[0]))
        return false;
    used = csv_row(head, separator, true, &broken);
    row = slice_cut(head, 0, used);
    if (broken || !names(row, separator))
        return false;
    struct slice rest = slice_cut(head, used, head.n);
    if (rest.n == 0)
        return hint;
    struct slice second = slice_cut(rest, 0, csv_row(rest, separator, true, &broken));
    size_t n = columns(row, separator), m = columns(second, separator);
    return hint ? m > 1 || broken : !broken && m == n && n >= 3 && !names(second, separator);
}

CHECKED enum err csv_header_read(struct csv_header *h, struct slice text, size_t *ret_used,
                                 struct diag *diag)
{
    struct arena a;
    bool broken;
    size_t before = preamble(text), end = 0;

    text = slice_cut(text, before, text.n);
    size_t used = csv_row(text, ',', true, &broken);
    char separator = separator_of(slice_cut(text, 0, used));

    used = csv_row(text, separator, true, &broken);
    struct slice row = without_end(slice_cut(text, 0, used));
    if (row.n == 0 || broken)
        return FAIL(diag, ERR_SYNTAX, 0, "csv: no header row");
    h->separator = separator;
    h->n = 0;
    buf_init(&h->text, CSV_ROW_BYTES_MAX);
    arena_init(&a, 4 << 20);
    enum err e = buf_reserve(&h->text, row.n + 1, &(char *){NULL});
    for (size_t at = 0; at <= row.n && e == ERR_NONE && h->n < PAIRS_MAX; at = end + 1) {
        struct slice s = SLICE("");
        if (!cell(row, at, separator, &end))
            end = row.n;
        e = unquote(slice_cut(row, at, end), &a, &s);
        size_t from = h->text.n;
        s = slice_trim(s);
        if (e == ERR_NONE)
            e = buf_put(&h->text, s);
        h->name[h->n++] = (struct slice){h->text.p + from, s.n};
    }
    arena_done(&a);
    if (e != ERR_NONE) {
        csv_header_done(h);
        return FAIL(diag, e, 0, "csv: the header row is too large");
    }
    *ret_used = before + used;
    return ERR_NONE;
}

void csv_header_done(struct csv_header *h)
{
    buf_done(&h->text);
    h->n = 0;
}
