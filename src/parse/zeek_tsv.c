#include "parse/zeek_tsv.h"

#include <stdio.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \xHH to bytes; everything else as it is. Writes at most s.n bytes. */
static size_t unescape(struct slice s, char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (i + 3 < s.n && s.p[i] == '\\' && s.p[i + 1] == 'x' && hex(s.p[i + 2]) >= 0 &&
            hex(s.p[i + 3]) >= 0) {
            to[n++] = (char)((unsigned)hex(s.p[i + 2]) << 4 | (unsigned)hex(s.p[i + 3]));
            i += 3;
        } else {
            to[n++] = s.p[i];
        }
    }
    return n;
}

static enum err plain(struct slice s, struct arena *a, struct slice *ret)
{
    if (slice_find(s, '\\') == s.n) {
        *ret = s;
        return ERR_NONE;
    }
    char *p = arena_alloc(a, s.n);
    if (!p)
        return ERR_NOMEM;
    *ret = (struct slice){p, unescape(s, p)};
    return ERR_NONE;
}

bool zeek_tsv_looks(struct slice head)
{
    return slice_starts(head, SLICE("#separator ")) || slice_starts(head, SLICE("#fields\t")) ||
           slice_starts(head, SLICE("#path\t"));
}

void zeek_header_init(struct zeek_header *h)
{
    *h = (struct zeek_header){
        .separator = '\t', .set_separator = ",", .empty = "(empty)", .unset = "-"};
    buf_init(&h->text, ZEEK_TEXT_BYTES_MAX);
}

void zeek_header_done(struct zeek_header *h)
{
    buf_done(&h->text);
    h->n = 0;
}

static void keep(struct slice s, char *to, size_t cap)
{
    char text[64];

    if (s.n > sizeof(text))
        s.n = sizeof(text);
    size_t n = unescape(s, text);
    if (n >= cap)
        n = cap - 1;
    memcpy(to, text, n);
    to[n] = 0;
}

static enum err fields(struct zeek_header *h, struct slice s, struct diag *diag)
{
    char *text;

    h->n = 0;
    buf_reset(&h->text);
    memset(h->list, 0, sizeof(h->list));
    if (buf_reserve(&h->text, s.n + 1, &text) != ERR_NONE)
        return FAIL(diag, ERR_LIMIT, 0, "zeek: the line of field names is too long");
    if (s.n)
        memcpy(text, s.p, s.n);
    h->text.n = s.n;
    struct slice left = {text, s.n};
    while (h->n < PAIRS_MAX) {
        size_t n = slice_find(left, h->separator);
        h->name[h->n++] = slice_cut(left, 0, n);
        if (n == left.n)
            break;
        left = slice_cut(left, n + 1, left.n);
    }
    return ERR_NONE;
}

static void types(struct zeek_header *h, struct slice s)
{
    for (size_t i = 0; i < h->n; i++) {
        size_t n = slice_find(s, h->separator);
        struct slice t = slice_cut(s, 0, n);
        h->list[i] = slice_starts(t, SLICE("set[")) || slice_starts(t, SLICE("vector[")) ||
                     slice_starts(t, SLICE("table["));
        if (n == s.n)
            break;
        s = slice_cut(s, n + 1, s.n);
    }
}

CHECKED enum err zeek_header_line(struct zeek_header *h, struct slice line, struct diag *diag)
{
    line = slice_trim((struct slice){line.p, line.n});
    if (slice_starts(line, SLICE("#separator "))) {
        char text[8];
        keep(slice_cut(line, 11, line.n), text, sizeof(text));
        h->separator = text[0] ? text[0] : '\t';
        return ERR_NONE;
    }
    size_t n = slice_find(line, h->separator);
    struct slice word = slice_cut(line, 0, n),
                 rest = n < line.n ? slice_cut(line, n + 1, line.n) : SLICE("");
    if (slice_eq(word, SLICE("#set_separator")))
        keep(rest, h->set_separator, sizeof(h->set_separator));
    else if (slice_eq(word, SLICE("#empty_field")))
        keep(rest, h->empty, sizeof(h->empty));
    else if (slice_eq(word, SLICE("#unset_field")))
        keep(rest, h->unset, sizeof(h->unset));
    else if (slice_eq(word, SLICE("#path")))
        (void)snprintf(h->dataset, sizeof(h->dataset), "zeek.%.*s", SLICE_ARG(rest));
    else if (slice_eq(word, SLICE("#fields")))
        return fields(h, rest, diag);
    else if (slice_eq(word, SLICE("#types")))
        types(h, rest);
    else if (!slice_starts(word, SLICE("#open")) && !slice_starts(word, SLICE("#close")))
        return FAIL(diag, ERR_SYNTAX, 0, "zeek: a header line of unknown kind");
    return ERR_NONE;
}

static enum err list_cell(const struct zeek_header *h, struct slice name, struct slice s,
                          struct arena *a, struct pairs *ret)
{
    for (bool more = false;; more = true) {
        size_t n = slice_find(s, h->set_separator[0]);
        struct slice value = SLICE("");
        if (plain(slice_cut(s, 0, n), a, &value) != ERR_NONE)
            return ERR_NOMEM;
        pairs_add(ret, name, value);
        if (!ret->over)
            ret->at[ret->n - 1].more = more;
        if (n == s.n)
            return ERR_NONE;
        s = slice_cut(s, n + 1, s.n);
    }
}

CHECKED enum err zeek_pairs(const struct zeek_header *h, struct slice line, struct arena *a,
                            struct pairs *ret, struct diag *diag)
{
    while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    if (h->n == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "zeek: no #fields line before this one");
    for (size_t i = 0;; i++) {
        size_t n = slice_find(line, h->separator);
        struct slice s = slice_cut(line, 0, n), value = SLICE("");
        if (i == h->n)
            return FAIL(diag, ERR_SYNTAX, 0, "zeek: more cells than the %zu columns", h->n);
        if (slice_eq(s, slice_of(h->unset)) || slice_eq(s, slice_of(h->empty))) {
            ;
        } else if (h->list[i] && h->set_separator[0]) {
            if (list_cell(h, h->name[i], s, a, ret) != ERR_NONE)
                return FAIL(diag, ERR_NOMEM, 0, "out of memory");
        } else if (plain(s, a, &value) != ERR_NONE) {
            return FAIL(diag, ERR_NOMEM, 0, "out of memory");
        } else {
            pairs_add(ret, h->name[i], value);
        }
        if (n == line.n)
            break;
        line = slice_cut(line, n + 1, line.n);
    }
    ret->module = "zeek";
    ret->dataset = h->dataset[0] ? h->dataset : NULL;
    return ERR_NONE;
}
