#include "core/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/bytes.h"
#include "core/json_int.h"

enum {
    CONFIG_VERSION = 1,
    KEY_MAX = 64,
    TEXT_MAX = 16 * 1024,
    LIST_MAX = 1024,
    YAML_BYTES_MAX = 1 << 20,
    YAML_NODES_MAX = 1 << 16,
};

#define INT OT_INT
#define BOOL OT_BOOL
#define TEXT OT_TEXT
#define LIST OT_LIST
#define RELOAD true
#define RESTART false

static const struct option_info table[OPT_N] = {
#define OPTION(id, key, type, def, least, most, roles, reload, help)                               \
    [OPT_##id] = {key, def, help, type, least, most, roles, reload},
#include "core/options.def"
#undef OPTION
};

/* Lists are held as their items, other types as text and number. */
struct setting {
    char *text;   /* owned; of a list the items joined by '\n' */
    char **items; /* owned array of pointers into `split` */
    char *split;  /* owned copy of text, NULs for '\n' */
    size_t n;
    int64_t i; /* INT, BOOL */
};

struct config {
    struct setting v[OPT_N];
};

const char *role_name(enum role r)
{
    static const char *const names[ROLE_N] = {"parent", "store", "intake", "watch", "desk", "lab"};

    return (size_t)r < ROLE_N ? names[r] : "unknown";
}

const struct option_info *option_info(enum option o)
{
    return &table[(size_t)o < OPT_N ? o : 0];
}

/* Levenshtein's distance, by rows. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned row[KEY_MAX + 1];

    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 0; i < a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < b.n; j++) {
            unsigned replaced = diagonal + (a.p[i] != b.p[j]);
            unsigned least = row[j] < row[j + 1] ? row[j] + 1 : row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < least ? replaced : least;
        }
    }
    return row[b.n];
}

enum option option_find(struct slice key, const char **ret_nearest)
{
    struct slice start = {key.p, key.n < KEY_MAX ? key.n : KEY_MAX};
    unsigned best = UINT32_MAX;

    for (int o = 0; o < OPT_N; o++)
        if (slice_eq(key, slice_of(table[o].key)))
            return (enum option)o;
    for (int o = 0; o < OPT_N && ret_nearest; o++) {
        unsigned d = distance(start, slice_of(table[o].key));
        if (d < best) {
            best = d;
            *ret_nearest = table[o].key;
        }
    }
    return OPT_N;
}

static void setting_done(struct setting *s)
{
    free(s->text);
    free(s->split);
    free(s->items);
    *s = (struct setting){0};
}

static void drop(struct config *c)
{
    for (int o = 0; c && o < OPT_N; o++)
        setting_done(&c->v[o]);
    free(c);
}

void config_free(struct config *c)
{
    drop(c);
}

static char *cstr(struct slice s)
{
    char *p = malloc(s.n + 1);

    if (!p)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

/* Cuts s->text into items at '\n'; empty items do not count. */
static CHECKED enum err split(struct setting *s, enum option o, struct diag *diag)
{
    size_t lines = 1;

    for (const char *p = s->text; *p; p++)
        lines += *p == '\n';
    if (lines > LIST_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "%s: more than %d items", table[o].key, LIST_MAX);
    s->split = cstr(slice_of(s->text));
    s->items = calloc(lines, sizeof(char *));
    if (!s->split || !s->items)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the configuration");
    for (char *at = s->split; at;) {
        char *end = strchr(at, '\n');
        if (end)
            *end++ = 0;
        if (*at)
            s->items[s->n++] = at;
        at = end;
    }
    return ERR_NONE;
}

static CHECKED enum err check(struct setting *s, enum option o, struct slice value,
                              struct diag *diag)
{
    const struct option_info *info = &table[o];

    switch (info->type) {
    case OT_INT:
        if (!slice_to_i64(value, &s->i))
            return FAIL(diag, ERR_SYNTAX, 0, "%s: \"%.*s\" is not a whole number", info->key,
                        value.n < 40 ? (int)value.n : 40, value.p);
        if (s->i < info->least || s->i > info->most)
            return FAIL(diag, ERR_LIMIT, 0, "%s: %lld is outside %lld to %lld", info->key,
                        (long long)s->i, (long long)info->least, (long long)info->most);
        return ERR_NONE;
    case OT_BOOL:
        s->i = slice_eq(value, SLICE("true")) || slice_eq(value, SLICE("on"));
        if (!s->i && !slice_eq(value, SLICE("false")) && !slice_eq(value, SLICE("off")))
            return FAIL(diag, ERR_SYNTAX, 0, "%s: \"%.*s\" is neither true nor false", info->key,
                        value.n < 40 ? (int)value.n : 40, value.p);
        return ERR_NONE;
    case OT_LIST:
        return split(s, o, diag);
    case OT_TEXT:
        break;
    }
    return ERR_NONE;
}

/* Sets from text as options.def and messages write it: a list's items are separated by '\n'. */
static CHECKED enum err set_text(struct config *c, enum option o, struct slice value,
                                 struct diag *diag)
{
    struct setting s = {0};

    if (value.n > TEXT_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "%s: longer than %d bytes", table[o].key, TEXT_MAX);
    if (slice_find(value, 0) != value.n)
        return FAIL(diag, ERR_SYNTAX, 0, "%s: a NUL byte", table[o].key);
    s.text = cstr(value);
    if (!s.text)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the configuration");
    enum err e = check(&s, o, value, diag);
    if (e != ERR_NONE) {
        setting_done(&s);
        return e;
    }
    setting_done(&c->v[o]);
    c->v[o] = s;
    return ERR_NONE;
}

FREED_BY(config_free) struct config *config_new(void)
{
    struct config *c = calloc(1, sizeof(*c));

    for (int o = 0; c && o < OPT_N; o++) {
        if (set_text(c, (enum option)o, slice_of(table[o].def), NULL) != ERR_NONE) {
            drop(c);
            return NULL;
        }
    }
    return c;
}

static enum err unknown(struct slice key, const char *nearest, struct diag *diag)
{
    return FAIL(diag, ERR_NOENT, 0, "there is no option \"%.*s\"; did you mean %s?",
                key.n < 60 ? (int)key.n : 60, key.n ? key.p : "", nearest);
}

CHECKED enum err config_set(struct config *c, struct slice key, struct slice value,
                            struct diag *diag)
{
    const char *nearest = "";
    enum option o = option_find(key, &nearest);
    enum err e;

    if (o == OPT_N)
        return unknown(key, nearest, diag);
    if (table[o].type != OT_LIST)
        return set_text(c, o, value, diag);
    char *lines = cstr(value);
    if (!lines)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the configuration");
    for (size_t i = 0; i < value.n; i++)
        if (lines[i] == ',')
            lines[i] = '\n';
    e = set_text(c, o, (struct slice){lines, value.n}, diag);
    free(lines);
    return e;
}

/* One reading of a file: errors get the place of the node that they are about. */
struct file {
    struct config *c;
    struct slice yaml;
    bool seen[OPT_N];
    struct diag *diag;
};

static enum err placed(struct file *f, const struct json_node *n, enum err e, const char *what)
{
    return FAIL(f->diag, e, yaml_offset(f->yaml, n->line, n->col), "%.150s, line %u column %u",
                what, n->line, n->col);
}

static CHECKED enum err put_item(struct file *f, const struct json_node *n, struct buf *text,
                                 bool first)
{
    enum err e = ERR_NONE;

    if (n->type == JSON_OBJECT || n->type == JSON_ARRAY)
        return placed(f, n, ERR_SYNTAX, "a single value is expected here");
    if (n->str.n && memchr(n->str.p, '\n', n->str.n))
        return placed(f, n, ERR_SYNTAX, "a value with a line break");
    if (!first)
        e = buf_putc(text, '\n');
    if (e == ERR_NONE && n->type != JSON_NULL)
        e = buf_put(text, n->str);
    return e == ERR_NONE ? e : placed(f, n, e, "too long, or no memory");
}

static CHECKED enum err on_option(struct file *f, const struct json_node *n, enum option o,
                                  struct buf *text)
{
    struct diag why = {0};
    enum err e = ERR_NONE;

    if (f->seen[o])
        return placed(f, n, ERR_SYNTAX, "this option is set twice");
    f->seen[o] = true;
    buf_reset(text);
    if (table[o].type == OT_LIST && n->type == JSON_ARRAY) {
        for (const struct json_node *i = n->child; i && e == ERR_NONE; i = i->next)
            e = put_item(f, i, text, i == n->child);
    } else {
        e = put_item(f, n, text, true);
    }
    if (e != ERR_NONE)
        return e;
    e = set_text(f->c, o, buf_slice(text), &why);
    return e == ERR_NONE ? e : placed(f, n, e, why.text);
}

/* Whether options are called "GROUP.something". */
static bool is_group(struct slice group)
{
    for (int o = 0; o < OPT_N && group.n > 0; o++)
        if (slice_starts(slice_of(table[o].key), group) && table[o].key[group.n] == '.')
            return true;
    return false;
}

static CHECKED enum err on_map(struct file *f, const struct json_node *map, struct slice prefix,
                               struct buf *text)
{
    char key[KEY_MAX * 2];

    for (const struct json_node *n = map->child; n; n = n->next) {
        const char *nearest = "";
        struct diag why = {0};
        int len = snprintf(key, sizeof(key), "%.*s%s%.*s", SLICE_ARG(prefix), prefix.n ? "." : "",
                           SLICE_ARG(n->key));
        struct slice full = {key, len > 0 && (size_t)len < sizeof(key) ? (size_t)len : 0};
        enum option o = option_find(full, &nearest);
        enum err e;
        if (o != OPT_N)
            e = on_option(f, n, o, text);
        else if (n->type == JSON_OBJECT && full.n > 0)
            e = on_map(f, n, full, text);
        else if (n->type == JSON_NULL && is_group(full))
            e = ERR_NONE; /* "intake:" with everything below commented out */
        else
            e = placed(f, n, unknown(full.n ? full : n->key, nearest, &why), why.text);
        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

static CHECKED enum err on_stream(struct file *f, const struct json_node *docs)
{
    struct buf text;
    enum err e;

    if (docs->n == 0 || (docs->n == 1 && docs->child->type == JSON_NULL))
        return ERR_NONE;
    if (docs->n > 1)
        return placed(f, docs->child->next, ERR_SYNTAX, "a second document");
    if (docs->child->type != JSON_OBJECT)
        return placed(f, docs->child, ERR_SYNTAX, "not a map of options");
    buf_init(&text, TEXT_MAX);
    e = on_map(f, docs->child, SLICE(""), &text);
    buf_done(&text);
    return e;
}

static CHECKED enum err copy(const struct config *from, struct config **ret)
{
    struct config *c = calloc(1, sizeof(*c));

    for (int o = 0; c && o < OPT_N; o++) {
        if (set_text(c, (enum option)o, slice_of(from->v[o].text), NULL) != ERR_NONE) {
            drop(c);
            c = NULL;
        }
    }
    *ret = c;
    return c ? ERR_NONE : ERR_NOMEM;
}

CHECKED enum err config_read_yaml(struct config *c, struct slice yaml, struct diag *diag)
{
    struct file f = {.yaml = yaml, .diag = diag};
    const struct json_node *docs = NULL;
    struct json_reader *r = json_reader_new(YAML_BYTES_MAX, YAML_NODES_MAX);
    enum err e = r ? copy(c, &f.c) : ERR_NOMEM;

    if (e != ERR_NONE)
        diag_set(diag, e, 0, "no memory for the configuration");
    if (e == ERR_NONE)
        e = yaml_read(r, yaml, &docs, diag);
    if (e == ERR_NONE)
        e = on_stream(&f, docs);
    if (e == ERR_NONE) {
        struct config old = *c;
        *c = *f.c;
        *f.c = old;
    }
    config_free(f.c);
    json_reader_free(r);
    return e;
}

int64_t config_int(const struct config *c, enum option o)
{
    return c->v[o].i;
}

bool config_bool(const struct config *c, enum option o)
{
    return c->v[o].i != 0;
}

const char *config_text(const struct config *c, enum option o)
{
    return c->v[o].text ? c->v[o].text : "";
}

size_t config_list_n(const struct config *c, enum option o)
{
    return c->v[o].n;
}

const char *config_list_at(const struct config *c, enum option o, size_t i)
{
    return i < c->v[o].n ? c->v[o].items[i] : "";
}

CHECKED enum err config_encode_for(const struct config *c, enum role r, struct buf *out)
{
    size_t before = out->n;
    enum err e = bytes_put_uint(out, CONFIG_VERSION, 1);

    for (int o = 0; o < OPT_N && e == ERR_NONE; o++) {
        if (!(table[o].roles >> r & 1))
            continue;
        e = bytes_put_sized(out, slice_of(table[o].key));
        if (e == ERR_NONE)
            e = bytes_put_sized(out, slice_of(c->v[o].text));
    }
    if (e != ERR_NONE)
        out->n = before;
    return e;
}

CHECKED enum err config_decode(struct slice in, struct config **ret, struct diag *diag)
{
    struct bytes b = bytes_of(in);
    struct config *c;
    enum err e = ERR_NONE;

    if (bytes_u8(&b) != CONFIG_VERSION)
        return FAIL(diag, ERR_VERSION, 0, "a configuration of an unknown version");
    c = config_new();
    if (!c)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the configuration");
    while (e == ERR_NONE && bytes_left(&b) > 0) {
        struct slice key = bytes_sized(&b), value = bytes_sized(&b);
        const char *nearest = "";
        enum option o = option_find(key, &nearest);
        if (b.bad)
            e = FAIL(diag, ERR_CORRUPT, b.at, "a configuration that is cut short");
        else if (o == OPT_N)
            e = unknown(key, nearest, diag);
        else
            e = set_text(c, o, value, diag);
    }
    if (e != ERR_NONE) {
        config_free(c);
        return e;
    }
    *ret = c;
    return ERR_NONE;
}

bool config_needs_restart(const struct config *a, const struct config *b, enum option *ret)
{
    for (int o = 0; o < OPT_N; o++) {
        if (table[o].reload || strcmp(a->v[o].text, b->v[o].text) == 0)
            continue;
        if (ret)
            *ret = (enum option)o;
        return true;
    }
    return false;
}
