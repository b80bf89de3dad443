#include "store/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/id.h"
#include "core/ip.h"
#include "core/timefmt.h"
#include "store/pattern.h"
#include "store/schema.h"

struct writer {
    struct arena *arena;
    int64_t now_ns;
    struct store_params *params;
    struct buf *out;
    struct diag *diag;
    enum err err; /* sticky: write on and ask once */
};

static void put(struct writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void put(struct writer *w, const char *fmt, ...)
{
    va_list ap;

    if (w->err != ERR_NONE)
        return;
    va_start(ap, fmt);
    w->err = buf_vprintf(w->out, fmt, ap);
    va_end(ap);
}

static void fail(struct writer *w, enum err e, const struct query_node *n, const char *what)
{
    if (w->err == ERR_NONE)
        w->err = FAIL(w->diag, e, n->at, "%s at byte %zu", what, n->at);
}

/* Binds a value; the number of its parameter. The same bytes share one. */
static size_t bind(struct writer *w, struct slice s)
{
    struct store_params *p = w->params;

    for (size_t i = 0; i < p->n; i++)
        if (slice_eq(p->value[i], s))
            return i;
    if (p->n >= STORE_PARAMS_MAX) {
        w->err = w->err == ERR_NONE ? ERR_LIMIT : w->err;
        return 0;
    }
    p->value[p->n] = s;
    return p->n++;
}

/* ---- one value against one pattern ---- */

static void match(struct writer *w, const char *x, const struct pattern *p)
{
    size_t n = p->kind == PATTERN_ANY ? 0 : bind(w, p->text);

    switch (p->kind) {
    case PATTERN_ANY:
        put(w, "1");
        break;
    case PATTERN_EQUAL:
        put(w, "%s = {p%zu:String}", x, n);
        break;
    case PATTERN_STARTS:
        put(w, "startsWith(%s, {p%zu:String})", x, n);
        break;
    case PATTERN_ENDS:
        put(w, "endsWith(%s, {p%zu:String})", x, n);
        break;
    case PATTERN_CONTAINS:
        put(w, "position(%s, {p%zu:String}) > 0", x, n);
        break;
    case PATTERN_REGEX:
        put(w, "match(%s, {p%zu:String})", x, n);
        break;
    }
}

/* Opens "some value of this name in the map satisfies", to be closed with in_map_end. The key
 * list is asked first since it has an index. */
static void in_map(struct writer *w, const char *map, struct slice name)
{
    size_t n = bind(w, name);

    put(w, "(mapContains(%s, {p%zu:String}) AND arrayExists((k, v) -> k = {p%zu:String} AND (", map,
        n, n);
}

static void in_map_end(struct writer *w, const char *map)
{
    put(w, "), mapKeys(%s), mapValues(%s)))", map, map);
}

static void folded_match(struct writer *w, const struct query_node *n, const struct pattern *p)
{
    in_map(w, "folded", n->field);
    match(w, "v", p);
    in_map_end(w, "folded");
}

static void address_text(const uint8_t ip[static 16], char out[static IP_TEXT_BYTES + 8])
{
    char text[IP_TEXT_BYTES + 1];

    ip_text(ip, text);
    (void)snprintf(out, IP_TEXT_BYTES + 8, "%s%s", ip_is_v4(ip) ? "::ffff:" : "", text);
}

/* The text is our own rendering of 16 bytes, so it may stand in the statement. */
static void address_range(struct writer *w, const char *x, const struct cidr *c)
{
    uint8_t last[16];
    char from[IP_TEXT_BYTES + 8], to[IP_TEXT_BYTES + 8];

    memcpy(last, c->ip, sizeof(last));
    for (unsigned bit = c->bits; bit < 128; bit++)
        last[bit / 8] = (uint8_t)(last[bit / 8] | 0x80 >> bit % 8);
    address_text(c->ip, from);
    if (c->bits == 128) { /* equality can use the column's index */
        put(w, "(%s = toIPv6('%s') AND %s != toIPv6('::'))", x, from, x);
        return;
    }
    address_text(last, to);
    put(w, "(%s >= toIPv6('%s') AND %s <= toIPv6('%s') AND %s != toIPv6('::'))", x, from, x, to, x);
}

/* ---- numbers and times ---- */

static const char *const ops[] = {
    [QUERY_IS] = "=", [QUERY_LT] = "<", [QUERY_LE] = "<=", [QUERY_GT] = ">", [QUERY_GE] = ">="};

static bool number(struct arena *a, struct slice s, double *ret)
{
    const char *text = arena_cstr(a, s);
    char *end = NULL;

    if (!text || s.n == 0 || s.n > 40)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789+-.eE", s.p[i]))
            return false;
    *ret = strtod(text, &end);
    return end == text + s.n;
}

/* A whole number is compared as one: a double has no room for all of them. */
static bool put_compare(struct writer *w, const char *x, const struct query_node *n)
{
    int64_t i;
    double d;

    if (slice_to_i64(n->value, &i))
        put(w, "%s %s toInt64(%" PRId64 ")", x, ops[n->op], i);
    else if (number(w->arena, n->value, &d))
        put(w, "%s %s toFloat64('%.17g')", x, ops[n->op], d);
    else
        return false;
    return true;
}

static void time_text(struct writer *w, int64_t ns)
{
    put(w, "fromUnixTimestamp64Nano(toInt64(%" PRId64 "), 'UTC')", ns);
}

/* A date alone means its whole day where equality is asked. */
static void time_compare(struct writer *w, const char *x, const struct query_node *n)
{
    int64_t ns;
    struct diag d = {.code = ERR_NONE};

    if (time_parse_bound(n->value, w->now_ns, &ns, &d) != ERR_NONE) {
        fail(w, ERR_SYNTAX, n, "not a time");
        return;
    }
    if (n->op == QUERY_IS && n->value.n == 10 && n->value.p[4] == '-') {
        put(w, "(%s >= ", x);
        time_text(w, ns);
        put(w, " AND %s < ", x);
        time_text(w, ns + 86400 * NS_PER_S);
        put(w, ")");
        return;
    }
    put(w, "%s %s ", x, ops[n->op]);
    time_text(w, ns);
}

/* ---- kinds of fields ---- */

static bool patterned(struct slice v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] == QUERY_STAR || v.p[i] == QUERY_ANY)
            return true;
    return false;
}

static bool star(const struct query_node *n)
{
    return n->op == QUERY_IS && n->value.n == 1 && n->value.p[0] == QUERY_STAR;
}

static struct pattern whole(struct writer *w, const struct query_node *n)
{
    struct pattern p = {PATTERN_ANY, SLICE("")};

    if (w->err == ERR_NONE)
        w->err = pattern_whole(w->arena, n->value, &p);
    return p;
}

static struct pattern words(struct writer *w, const struct query_node *n)
{
    struct pattern p = {PATTERN_ANY, SLICE("")};
    enum err e = pattern_words(w->arena, n->value, &p);

    if (e == ERR_SYNTAX)
        fail(w, e, n, "nothing to look for (no letter and no digit)");
    else if (w->err == ERR_NONE)
        w->err = e;
    return p;
}

static void hot_string(struct writer *w, const struct schema_column *c, const struct query_node *n)
{
    struct pattern p = whole(w, n);
    char x[80];

    (void)snprintf(x, sizeof(x), "lower(%s)", c->name);
    put(w, "((%s != '' AND ", c->name);
    match(w, x, &p);
    put(w, ") OR ");
    folded_match(w, n, &p);
    put(w, ")");
}

static void hot_list(struct writer *w, const struct schema_column *c, const struct query_node *n)
{
    struct pattern p = whole(w, n);
    struct cidr net;

    put(w, "(arrayExists(v -> ");
    match(w, "lower(v)", &p);
    if (slice_find(n->value, '/') < n->value.n && cidr_parse(n->value, &net)) {
        put(w, " OR ");
        address_range(w, "toIPv6OrDefault(v)", &net);
    }
    put(w, ", %s) OR ", c->name);
    folded_match(w, n, &p);
    put(w, ")");
}

static void hot_ip(struct writer *w, const struct schema_column *c, const struct query_node *n)
{
    struct pattern p = whole(w, n);
    struct cidr net;
    char x[120];

    put(w, "(");
    if (cidr_parse(n->value, &net)) {
        address_range(w, c->name, &net);
        put(w, " OR ");
        in_map(w, "folded", n->field);
        address_range(w, "toIPv6OrDefault(v)", &net);
        in_map_end(w, "folded");
        put(w, " OR ");
    } else if (patterned(n->value)) {
        (void)snprintf(x, sizeof(x), "replaceOne(toString(%s), '::ffff:', '')", c->name);
        put(w, "(%s != toIPv6('::') AND ", c->name);
        match(w, x, &p);
        put(w, ") OR ");
    }
    folded_match(w, n, &p);
    put(w, ")");
}

#define ABSENT "toInt64(-9223372036854775808)"

static void hot_number(struct writer *w, const struct schema_column *c, const struct query_node *n)
{
    struct pattern p = whole(w, n);
    char x[80];

    put(w, "((%s != " ABSENT " AND ", c->name);
    if (!put_compare(w, c->name, n)) {
        if (n->op != QUERY_IS)
            fail(w, ERR_SYNTAX, n, "not a number");
        (void)snprintf(x, sizeof(x), "toString(%s)", c->name);
        match(w, x, &p);
    }
    put(w, ") OR ");
    if (n->op == QUERY_IS) {
        folded_match(w, n, &p);
    } else {
        in_map(w, "folded", n->field);
        (void)put_compare(w, "toFloat64OrNull(v)", n);
        in_map_end(w, "folded");
    }
    put(w, ")");
}

static void hot(struct writer *w, const struct schema_column *c, const struct query_node *n)
{
    if (n->op != QUERY_IS && c->kind != SK_I64) {
        fail(w, ERR_SYNTAX, n, "this field has no order: < and > are for numbers and times");
        return;
    }
    switch ((int)c->kind) {
    case SK_I64:
        hot_number(w, c, n);
        break;
    case SK_IP:
        hot_ip(w, c, n);
        break;
    case SK_LIST:
        hot_list(w, c, n);
        break;
    default:
        hot_string(w, c, n);
    }
}

static void map_compare(struct writer *w, const struct query_node *n)
{
    double d;

    in_map(w, "fields", n->field);
    if (n->f != F_NONE && field_info(n->f)->type == FT_TIME)
        time_compare(w, "parseDateTime64BestEffortOrNull(v, 9, 'UTC')", n);
    else if (number(w->arena, n->value, &d))
        (void)put_compare(w, "toFloat64OrNull(v)", n);
    else
        fail(w, ERR_SYNTAX, n, "not a number");
    in_map_end(w, "fields");
}

static void map(struct writer *w, const struct query_node *n)
{
    enum field_type t = field_info(n->f)->type;
    bool addresses = n->f == F_NONE || t == FT_IP || t == FT_LIST;
    struct cidr net;

    if (n->op != QUERY_IS) {
        map_compare(w, n);
        return;
    }
    if (star(n)) {
        put(w, "mapContains(fields, {p%zu:String})", bind(w, n->field));
        return;
    }
    if (n->f != F_NONE && t == FT_TEXT) {
        struct pattern p = words(w, n);
        folded_match(w, n, &p);
        return;
    }
    struct pattern p = whole(w, n);
    put(w, "(");
    in_map(w, "fields", n->field);
    match(w, "lower(v)", &p);
    if (addresses && (t == FT_IP || slice_find(n->value, '/') < n->value.n) &&
        cidr_parse(n->value, &net)) {
        put(w, " OR ");
        address_range(w, "toIPv6OrDefault(v)", &net);
    }
    in_map_end(w, "fields");
    put(w, " OR ");
    folded_match(w, n, &p);
    put(w, ")");
}

static void base_id(struct writer *w, const struct query_node *n)
{
    struct id128 id;
    char text[ID_TEXT_BYTES + 1];
    struct pattern p = whole(w, n);

    if (n->op != QUERY_IS)
        fail(w, ERR_SYNTAX, n, "this field has no order: < and > are for numbers and times");
    if (id_parse(n->value, &id) == ERR_NONE) {
        id_text(id, text);
        put(w, "id = toUUID('%s')", text);
    } else {
        match(w, "toString(id)", &p);
    }
}

static void base_number(struct writer *w, const char *column, const struct query_node *n)
{
    struct pattern p = whole(w, n);
    char x[40];

    (void)snprintf(x, sizeof(x), "toInt64(%s)", column);
    if (put_compare(w, x, n))
        return;
    if (n->op != QUERY_IS)
        fail(w, ERR_SYNTAX, n, "not a number");
    (void)snprintf(x, sizeof(x), "toString(%s)", column);
    match(w, x, &p);
}

static void base_message(struct writer *w, const struct query_node *n)
{
    struct pattern p;

    if (star(n)) {
        put(w, "(message_bytes > 0 OR message != '')");
        return;
    }
    p = words(w, n);
    match(w, "substringIndex(text, '\\n', 1)", &p);
}

/* The raw record is not folded anywhere: ASCII case is all that is ignored in it. */
static void base_original(struct writer *w, const struct query_node *n)
{
    struct pattern p = whole(w, n);

    if (star(n)) {
        put(w, "original != ''");
        return;
    }
    if (p.kind != PATTERN_REGEX)
        p.kind = PATTERN_CONTAINS;
    match(w, "lower(original)", &p);
}

static void base(struct writer *w, const struct query_node *n)
{
    bool prose = n->f == F_MESSAGE || n->f == F_EVENT_ORIGINAL;

    if (prose && n->op != QUERY_IS) {
        fail(w, ERR_SYNTAX, n, "this field has no order: < and > are for numbers and times");
    } else if (n->f == F_MESSAGE) {
        base_message(w, n);
    } else if (n->f == F_EVENT_ORIGINAL) {
        base_original(w, n);
    } else if (star(n)) {
        put(w, "1");
    } else if (n->f == F_TIMESTAMP) {
        time_compare(w, "timestamp", n);
    } else if (n->f == F_EVENT_INGESTED) {
        time_compare(w, "ingested", n);
    } else if (n->f == F_EVENT_ID) {
        base_id(w, n);
    } else {
        base_number(w, n->f == F_COLOA_ORG ? "org" : "system", n);
    }
}

static void term(struct writer *w, const struct query_node *n)
{
    const struct schema_column *c = schema_column_of(n->f);

    if (n->field.n == 0) {
        struct pattern p = words(w, n);
        match(w, "text", &p);
    } else if (n->f != F_NONE && field_info(n->f)->store == FS_BASE) {
        base(w, n);
    } else if (c) {
        hot(w, c, n);
    } else {
        map(w, n);
    }
}

/* Recursion is bounded: the parser bounds the tree's depth by its terms and its nesting. */
static void tree(struct writer *w, const struct query_node *n)
{
    switch (n->kind) {
    case QUERY_ALL:
        put(w, "1");
        break;
    case QUERY_AND:
    case QUERY_OR:
        put(w, "(");
        tree(w, n->a);
        put(w, n->kind == QUERY_AND ? " AND " : " OR ");
        tree(w, n->b);
        put(w, ")");
        break;
    case QUERY_NOT:
        put(w, "NOT (");
        tree(w, n->a);
        put(w, ")");
        break;
    case QUERY_TERM:
        term(w, n);
        break;
    }
}

CHECKED enum err query_to_sql(const struct query_node *q, struct arena *a, int64_t now_ns,
                              struct store_params *p, struct buf *out, struct diag *diag)
{
    struct writer w = {.arena = a, .now_ns = now_ns, .params = p, .out = out, .diag = diag};

    tree(&w, q);
    if (w.err == ERR_LIMIT)
        diag_set(diag, ERR_LIMIT, 0, "the query is too long");
    return w.err;
}
