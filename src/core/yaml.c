#include <math.h>
#include <stdlib.h>

#include <yaml.h>

#include "core/json_int.h"

/* One reading of a stream. */
struct stream {
    struct json_reader *r;
    struct slice in; /* without its byte order mark */
    size_t bom;      /* bytes of that mark */
    yaml_parser_t parser;
    struct json_level levels[JSON_DEPTH_MAX];
    unsigned depth;
    struct json_node *parent, **tail;
    struct json_node *value; /* a member whose key came, and whose value is awaited */
    struct diag *diag;
};

/* Bytes of the line break at `at`, as libyaml counts lines; 0 if there is none. */
static size_t line_break(struct slice in, size_t at)
{
    struct slice rest = slice_cut(in, at, in.n);

    if (slice_starts(rest, SLICE("\r\n")) || slice_starts(rest, SLICE("\xc2\x85")))
        return 2;
    if (slice_starts(rest, SLICE("\n")) || slice_starts(rest, SLICE("\r")))
        return 1;
    return slice_starts(rest, SLICE("\xe2\x80\xa8")) || slice_starts(rest, SLICE("\xe2\x80\xa9"))
               ? 3
               : 0;
}

size_t yaml_offset(struct slice in, uint32_t line, uint32_t col)
{
    size_t at = slice_starts(in, SLICE("\xef\xbb\xbf")) ? 3 : 0;

    for (uint32_t l = 1; l < line && at < in.n;) {
        size_t n = line_break(in, at);
        l += n > 0;
        at += n ? n : 1;
    }
    for (uint32_t c = 1; c < col && at < in.n; c++)
        for (at++; at < in.n && ((uint8_t)in.p[at] & 0xc0) == 0x80;)
            at++;
    return at;
}

static enum err fail_at(struct stream *s, enum err e, yaml_mark_t at, const char *what)
{
    uint32_t line = (uint32_t)at.line + 1, col = (uint32_t)at.column + 1;

    diag_set(s->diag, e, s->bom + yaml_offset(s->in, line, col), "%.120s, line %u column %u", what,
             line, col);
    return e;
}

static enum err parser_failed(struct stream *s)
{
    const yaml_parser_t *p = &s->parser;
    yaml_mark_t at = p->problem_mark;

    if (p->error == YAML_MEMORY_ERROR)
        return FAIL(s->diag, ERR_NOMEM, 0, "no memory to read YAML");
    if (p->error == YAML_READER_ERROR) {
        at = (yaml_mark_t){0};
        for (size_t i = 0, n; i < p->problem_offset && i < s->in.n; i += n ? n : 1) {
            n = line_break(s->in, i);
            at.line += n > 0;
            at.column = n ? 0 : at.column + (((uint8_t)s->in.p[i] & 0xc0) != 0x80);
        }
    }
    return fail_at(s, ERR_SYNTAX, at, p->problem ? p->problem : "malformed YAML");
}

static bool one_of(struct slice s, const char *const *words)
{
    for (; *words; words++)
        if (slice_eq(s, slice_of(*words)))
            return true;
    return false;
}

static size_t run(struct slice s, size_t at, const char *set)
{
    size_t n = 0;

    while (at + n < s.n && s.p[at + n] && strchr(set, s.p[at + n]))
        n++;
    return n;
}

static const char decimal[] = "0123456789";

/* [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+ that fit 64 bits. */
static bool as_integer(struct slice s, struct json_node *n)
{
    unsigned base = slice_starts(s, SLICE("0x")) ? 16 : slice_starts(s, SLICE("0o")) ? 8 : 10;
    size_t from = base == 10 ? (s.p[0] == '+') : 2;
    const char *set = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : decimal;
    struct slice digits = slice_cut(s, from, s.n);

    if (base == 10 && slice_to_i64(digits, &n->i)) {
        n->type = JSON_INT;
        return digits.p[0] != '-' || from == 0;
    }
    if (digits.n == 0 || run(digits, 0, set) != digits.n)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < digits.n; i++) {
        char c = digits.p[i];
        unsigned d = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    n->type = v > INT64_MAX ? JSON_UINT : JSON_INT;
    n->u = v;
    return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?, .inf, .nan */
static bool as_float(struct slice s, struct json_node *n)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    size_t sign = s.p[0] == '-' || s.p[0] == '+', at = sign;

    if (one_of(s, nan) || one_of(slice_cut(s, sign, s.n), infinite)) {
        double inf = s.p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        n->type = JSON_DOUBLE;
        n->d = one_of(s, nan) ? (double)NAN : inf;
        return true;
    }
    size_t before = run(s, at, decimal), after = 0;
    at += before;
    if (at < s.n && s.p[at] == '.') {
        after = run(s, at + 1, decimal);
        at += 1 + after;
    }
    if (before + after == 0)
        return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at++;
        at += at < s.n && (s.p[at] == '-' || s.p[at] == '+');
        size_t exponent = run(s, at, decimal);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    if (at != s.n)
        return false;
    n->type = JSON_DOUBLE;
    n->d = strtod(s.p, NULL); /* arena_cstr put a NUL after it */
    return true;
}

/* The type of a plain scalar by YAML 1.2's core schema (section 10.3.2). */
static void resolve(struct json_node *n)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};

    if (one_of(n->str, null)) {
        n->type = JSON_NULL;
    } else if (one_of(n->str, yes) || one_of(n->str, no)) {
        n->type = JSON_BOOL;
        n->b = one_of(n->str, yes);
    } else if (!as_integer(n->str, n) && !as_float(n->str, n)) {
        n->type = JSON_STRING;
        n->i = 0;
    }
}

static CHECKED enum err text_of(struct stream *s, const yaml_event_t *ev, struct slice *ret)
{
    struct slice text = {(const char *)ev->data.scalar.value, ev->data.scalar.length};
    const char *copy = arena_cstr(&s->r->strings, text);

    if (!copy)
        return fail_at(s, ERR_NOMEM, ev->start_mark, "no memory for a scalar");
    *ret = (struct slice){copy, text.n};
    return ERR_NONE;
}

static CHECKED enum err new_node(struct stream *s, yaml_mark_t at, struct json_node **ret)
{
    struct json_node *n = json_pool_take(s->r);

    if (!n) {
        if (json_pool_why(s->r, 0, NULL) == ERR_LIMIT)
            return fail_at(s, ERR_LIMIT, at, "too many values");
        return fail_at(s, ERR_NOMEM, at, "no memory for the tree");
    }
    *n = (struct json_node){.line = (uint32_t)at.line + 1,
                            .col = (uint32_t)at.column + 1,
                            .key = {"", 0},
                            .str = {"", 0}};
    *ret = n;
    return ERR_NONE;
}

/* The node that the event's value goes into: the one whose key came, or a new one, linked. */
static CHECKED enum err place(struct stream *s, yaml_mark_t at, struct json_node **ret)
{
    if (s->value) {
        *ret = s->value;
        s->value = NULL;
        return ERR_NONE;
    }
    if (s->parent->type == JSON_OBJECT)
        return fail_at(s, ERR_UNSUPPORTED, at, "a key that is not a scalar");
    enum err e = new_node(s, at, ret);
    if (e != ERR_NONE)
        return e;
    *s->tail = *ret;
    s->tail = &(*ret)->next;
    s->parent->n++;
    return ERR_NONE;
}

static CHECKED enum err tagged(struct stream *s, const yaml_char_t *tag, const char *allowed,
                               yaml_mark_t at)
{
    if (!tag || strcmp((const char *)tag, "!") == 0 || strcmp((const char *)tag, allowed) == 0)
        return ERR_NONE;
    return fail_at(s, ERR_UNSUPPORTED, at, "a tag that is not supported");
}

static CHECKED enum err on_scalar(struct stream *s, const yaml_event_t *ev)
{
    bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct json_node *n = NULL;
    enum err e = tagged(s, ev->data.scalar.tag, YAML_STR_TAG, ev->start_mark);

    if (e != ERR_NONE)
        return e;
    if (s->parent->type == JSON_OBJECT && !s->value) {
        e = new_node(s, ev->start_mark, &n);
        if (e == ERR_NONE)
            e = text_of(s, ev, &n->key);
        if (e != ERR_NONE)
            return e;
        *s->tail = n;
        s->tail = &n->next;
        s->parent->n++;
        s->value = n;
        return ERR_NONE;
    }
    e = place(s, ev->start_mark, &n);
    if (e == ERR_NONE)
        e = text_of(s, ev, &n->str);
    if (e != ERR_NONE)
        return e;
    n->plain = plain;
    if (plain && !ev->data.scalar.tag)
        resolve(n);
    else
        n->type = JSON_STRING;
    return ERR_NONE;
}

static CHECKED enum err on_open(struct stream *s, const yaml_event_t *ev, enum json_type type)
{
    struct json_node *n = NULL;
    enum err e = ERR_NONE;

    if (type == JSON_OBJECT)
        e = tagged(s, ev->data.mapping_start.tag, YAML_MAP_TAG, ev->start_mark);
    else
        e = tagged(s, ev->data.sequence_start.tag, YAML_SEQ_TAG, ev->start_mark);
    if (e == ERR_NONE && s->depth == JSON_DEPTH_MAX)
        e = fail_at(s, ERR_LIMIT, ev->start_mark, "nested too deep");
    if (e == ERR_NONE)
        e = place(s, ev->start_mark, &n);
    if (e != ERR_NONE)
        return e;
    n->type = type;
    s->levels[s->depth++] = (struct json_level){s->parent, s->tail};
    s->parent = n;
    s->tail = &n->child;
    return ERR_NONE;
}

static CHECKED enum err on_close(struct stream *s, const yaml_event_t *ev)
{
    const struct json_node *twice = NULL;

    if (s->parent->type == JSON_OBJECT && !json_find_duplicate(s->parent, &twice))
        return fail_at(s, ERR_NOMEM, ev->start_mark, "no memory to look for duplicate keys");
    if (twice) {
        yaml_mark_t at = {.line = twice->line - 1, .column = twice->col - 1};
        return fail_at(s, ERR_SYNTAX, at, "this key comes twice");
    }
    s->depth--;
    s->parent = s->levels[s->depth].node;
    s->tail = s->levels[s->depth].tail;
    return ERR_NONE;
}

static CHECKED enum err on_event(struct stream *s, const yaml_event_t *ev, bool *ret_end)
{
    const yaml_char_t *anchor = NULL;

    switch (ev->type) {
    case YAML_STREAM_END_EVENT:
        *ret_end = true;
        return ERR_NONE;
    case YAML_ALIAS_EVENT:
        return fail_at(s, ERR_UNSUPPORTED, ev->start_mark, "an alias");
    case YAML_SCALAR_EVENT:
        anchor = ev->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = ev->data.sequence_start.anchor;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = ev->data.mapping_start.anchor;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(s, ev);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return ERR_NONE;
    }
    if (anchor)
        return fail_at(s, ERR_UNSUPPORTED, ev->start_mark, "an anchor");
    if (ev->type == YAML_SCALAR_EVENT)
        return on_scalar(s, ev);
    return on_open(s, ev, ev->type == YAML_MAPPING_START_EVENT ? JSON_OBJECT : JSON_ARRAY);
}

static CHECKED enum err read_events(struct stream *s)
{
    enum err e = ERR_NONE;
    bool end = false;

    while (e == ERR_NONE && !end) {
        yaml_event_t ev;
        if (!yaml_parser_parse(&s->parser, &ev))
            return parser_failed(s);
        e = on_event(s, &ev, &end);
        yaml_event_delete(&ev);
    }
    return e;
}

CHECKED enum err yaml_read(struct json_reader *r, struct slice in, const struct json_node **ret,
                           struct diag *diag)
{
    struct stream s = {.r = r, .in = in, .diag = diag};
    struct json_node *root;
    enum err e = json_reader_begin(r, in.n, diag);

    if (e != ERR_NONE)
        return e;
    if (slice_starts(in, SLICE("\xef\xbb\xbf"))) {
        s.bom = 3;
        s.in = slice_cut(in, 3, in.n);
    }
    e = new_node(&s, (yaml_mark_t){0}, &root);
    if (e != ERR_NONE)
        return e;
    root->type = JSON_ARRAY;
    s.parent = root;
    s.tail = &root->child;
    if (!yaml_parser_initialize(&s.parser))
        return FAIL(diag, ERR_NOMEM, 0, "no memory to read YAML");
    yaml_parser_set_encoding(&s.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&s.parser, (const yaml_char_t *)(s.in.p ? s.in.p : ""), s.in.n);
    e = read_events(&s);
    yaml_parser_delete(&s.parser);
    if (e == ERR_NONE)
        *ret = root;
    return e;
}
