#include <math.h>
#include <stdlib.h>

#include "core/json_int.h"
#include "core/utf8.h"

/* One reading. The input ends with a NUL that is not counted (json_reader_copy puts it there), so
 * looking at p[at] is fine for at == n. */
struct cursor {
    struct json_reader *r;
    char *p;
    size_t n, at;
    size_t odd;       /* offset of the first oddity */
    const char *what; /* its name, NULL while all was strict JSON */
    struct diag *diag;
};

static void odd(struct cursor *c, size_t at, const char *what)
{
    if (!c->what) {
        c->what = what;
        c->odd = at;
    }
}

static enum err syntax(struct cursor *c, size_t at, const char *what)
{
    return FAIL(c->diag, ERR_SYNTAX, at, "%s", at >= c->n ? "the document ends too early" : what);
}

static void blanks(struct cursor *c)
{
    while (c->at < c->n && (c->p[c->at] == ' ' || c->p[c->at] == '\n' || c->p[c->at] == '\r' ||
                            c->p[c->at] == '\t'))
        c->at++;
}

/* Four hex digits at `at`; -1 if they are not. */
static int32_t hex4(const struct cursor *c, size_t at)
{
    int32_t v = 0;

    if (c->n - at < 4)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        char d = c->p[i];
        int32_t x = d >= '0' && d <= '9'   ? d - '0'
                    : d >= 'a' && d <= 'f' ? d - 'a' + 10
                    : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                           : -1;
        if (x < 0)
            return -1;
        v = v << 4 | x;
    }
    return v;
}

/* The escape at c->at (on its backslash) to *to; both move. */
static CHECKED enum err escape(struct cursor *c, char **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    size_t start = c->at;
    char e = start + 1 < c->n ? c->p[start + 1] : 0;
    const char *hit = e ? strchr(from, e) : NULL;

    if (hit) {
        *(*to)++ = into[hit - from];
        c->at += 2;
        return ERR_NONE;
    }
    if (e != 'u')
        return syntax(c, start + 1, "an unknown escape in a string");
    int32_t cp = hex4(c, start + 2);
    if (cp < 0)
        return syntax(c, start + 2, "\\u without four hex digits");
    c->at += 6;
    if (cp >= 0xd800 && cp < 0xdc00 && c->n - c->at >= 6 && c->p[c->at] == '\\' &&
        c->p[c->at + 1] == 'u') {
        int32_t low = hex4(c, c->at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            cp = 0x10000 + ((cp - 0xd800) << 10 | (low - 0xdc00));
            c->at += 6;
        }
    }
    if (cp >= 0xd800 && cp < 0xe000)
        odd(c, start, "a lone surrogate in a string");
    *to += utf8_put(*to, (uint32_t)cp);
    return ERR_NONE;
}

/* Unescapes in place: an escape is never shorter than what it stands for. */
static CHECKED enum err string(struct cursor *c, struct slice *ret)
{
    char *start = c->p + ++c->at, *to = start;
    uint32_t cp;

    while (c->at < c->n) {
        char b = c->p[c->at];
        if (b == '"') {
            *ret = (struct slice){start, (size_t)(to - start)};
            c->at++;
            return ERR_NONE;
        }
        if (b == '\\') {
            enum err e = escape(c, &to);
            if (e != ERR_NONE)
                return e;
            continue;
        }
        unsigned len = utf8_get(c->p + c->at, c->n - c->at, &cp);
        if (len == 0)
            odd(c, c->at, "bytes that are not UTF-8 in a string");
        else if (cp < 0x20)
            odd(c, c->at, "a raw control character in a string");
        for (unsigned i = len ? len : 1; i > 0; i--)
            *to++ = c->p[c->at++];
    }
    return syntax(c, c->n, "");
}

static size_t digits(struct cursor *c)
{
    size_t from = c->at;

    while (c->p[c->at] >= '0' && c->p[c->at] <= '9')
        c->at++;
    return c->at - from;
}

/* An integer that fits 64 bits, into n. */
static bool whole(struct slice text, struct json_node *n)
{
    if (slice_to_i64(text, &n->i))
        n->type = JSON_INT;
    else if (slice_to_u64(text, &n->u))
        n->type = JSON_UINT;
    else
        return false;
    return true;
}

static CHECKED enum err number(struct cursor *c, struct json_node *n)
{
    size_t start = c->at;
    bool integer = true;

    if (c->p[c->at] == '-')
        c->at++;
    bool zero = c->p[c->at] == '0';
    size_t count = digits(c);
    if (count == 0)
        return syntax(c, c->at, "not a value");
    if (zero && count > 1)
        return syntax(c, start, "a number with a leading zero");
    if (c->p[c->at] == '.') {
        integer = false;
        c->at++;
        if (digits(c) == 0)
            return syntax(c, c->at, "a number without digits after its point");
    }
    if (c->p[c->at] == 'e' || c->p[c->at] == 'E') {
        integer = false;
        c->at++;
        if (c->p[c->at] == '+' || c->p[c->at] == '-')
            c->at++;
        if (digits(c) == 0)
            return syntax(c, c->at, "a number without digits in its exponent");
    }
    struct slice text = {c->p + start, c->at - start};
    if (integer && whole(text, n))
        return ERR_NONE;
    n->type = JSON_DOUBLE;
    n->d = strtod(text.p, NULL); /* stops where the grammar above did, at the latest at the NUL */
    if (integer || isinf(n->d)) {
        n->str = text;
        odd(c, start, "a number that is too large");
    }
    return ERR_NONE;
}

static CHECKED enum err word(struct cursor *c, struct json_node *n)
{
    static const struct {
        struct slice text;
        enum json_type type;
        bool b;
    } words[] = {
        {{"null", 4}, JSON_NULL, false},
        {{"true", 4}, JSON_BOOL, true},
        {{"false", 5}, JSON_BOOL, false},
    };
    struct slice rest = {c->p + c->at, c->n - c->at};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!slice_starts(rest, words[i].text))
            continue;
        n->type = words[i].type;
        if (n->type == JSON_BOOL)
            n->b = words[i].b;
        c->at += words[i].text.n;
        return ERR_NONE;
    }
    return syntax(c, c->at, "not a value");
}

/* Reads a scalar whole, and of a container its bracket only. */
static CHECKED enum err value(struct cursor *c, struct json_node *n)
{
    if (c->p[c->at] >= '0' && c->p[c->at] <= '9')
        return number(c, n);
    switch (c->p[c->at]) {
    case '"':
        n->type = JSON_STRING;
        return string(c, &n->str);
    case '{':
    case '[':
        n->type = c->p[c->at] == '{' ? JSON_OBJECT : JSON_ARRAY;
        c->at++;
        return ERR_NONE;
    case '-':
        return number(c, n);
    default:
        return word(c, n);
    }
}

static CHECKED enum err member_key(struct cursor *c, struct slice *ret)
{
    if (c->p[c->at] != '"')
        return syntax(c, c->at, "a key must be a string");
    enum err e = string(c, ret);
    if (e != ERR_NONE)
        return e;
    blanks(c);
    if (c->p[c->at] != ':')
        return syntax(c, c->at, "no colon after a key");
    c->at++;
    blanks(c);
    return ERR_NONE;
}

/* One value with its key, linked at *tail. */
static CHECKED enum err element(struct cursor *c, struct json_node *parent, struct json_node **tail)
{
    struct json_node *n = json_pool_take(c->r);
    enum err e = ERR_NONE;

    if (!n)
        return json_pool_why(c->r, c->at, c->diag);
    *n = (struct json_node){.key = {"", 0}, .str = {"", 0}};
    blanks(c);
    if (parent && parent->type == JSON_OBJECT)
        e = member_key(c, &n->key);
    if (e == ERR_NONE)
        e = value(c, n);
    if (e != ERR_NONE)
        return e;
    *tail = n;
    if (parent)
        parent->n++;
    return ERR_NONE;
}

/* After a value inside a container: a comma (then true), or the end of it. */
static CHECKED enum err separator(struct cursor *c, const struct json_node *parent, bool *ret_more)
{
    blanks(c);
    char b = c->p[c->at];
    if (c->at < c->n && b == ',' && parent->n > 0) {
        c->at++;
        *ret_more = true;
        return ERR_NONE;
    }
    if (c->at >= c->n || b != (parent->type == JSON_OBJECT ? '}' : ']'))
        return syntax(c, c->at, "neither a comma nor the end of what was opened");
    c->at++;
    *ret_more = false;
    return ERR_NONE;
}

static CHECKED enum err tree(struct cursor *c, struct json_node **root)
{
    struct json_level levels[JSON_DEPTH_MAX];
    struct json_node **tail = root, *parent = NULL;
    unsigned depth = 0;
    bool more = true;

    for (;;) {
        if (more) {
            enum err e = element(c, parent, tail);
            if (e != ERR_NONE)
                return e;
            struct json_node *n = *tail;
            tail = &n->next;
            /* element() has linked a node: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
            if (n->type == JSON_ARRAY || n->type == JSON_OBJECT) {
                if (depth == JSON_DEPTH_MAX)
                    return FAIL(c->diag, ERR_LIMIT, c->at - 1, "nested deeper than %d levels",
                                JSON_DEPTH_MAX);
                levels[depth++] = (struct json_level){parent, tail};
                parent = n;
                tail = &n->child;
                blanks(c);
                /* As above: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
                if (c->p[c->at] != (n->type == JSON_OBJECT ? '}' : ']') && c->at < c->n)
                    continue;
            }
        }
        if (depth == 0)
            return ERR_NONE;
        enum err e = separator(c, parent, &more);
        if (e != ERR_NONE)
            return e;
        if (!more) {
            depth--;
            parent = levels[depth].node;
            tail = levels[depth].tail;
        }
    }
}

CHECKED enum err json_tolerant(struct json_reader *r, size_t n, struct json_node **ret,
                               size_t *ret_odd, const char **ret_what, struct diag *diag)
{
    struct cursor c = {.r = r, .p = r->in, .n = n, .diag = diag};
    struct json_node *root = NULL;

    if (slice_starts((struct slice){c.p, n}, SLICE("\xef\xbb\xbf"))) {
        odd(&c, 0, "a byte order mark");
        c.at = 3;
    }
    blanks(&c);
    if (c.at == n)
        return FAIL(diag, ERR_SYNTAX, n, "an empty document");
    enum err e = tree(&c, &root);
    if (e != ERR_NONE)
        return e;
    blanks(&c);
    if (c.at != n)
        return FAIL(diag, ERR_SYNTAX, c.at, "something follows the value");
    *ret = root;
    if (ret_odd)
        *ret_odd = c.odd;
    if (ret_what)
        *ret_what = c.what;
    return ERR_NONE;
}
