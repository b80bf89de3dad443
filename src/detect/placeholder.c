#include "detect/placeholder_int.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILES_MAX = 4096, PATH_BYTES = 4096, PARTS_MAX = 64 };

struct list {
    const struct json_node *first; /* in the ruleset's arena */
    size_t n;
};

struct placeholders {
    struct intern names;
    struct list *lists; /* owned; by number of the name */
    size_t cap;
};

struct source {
    struct ruleset *rs;
    struct json_reader *reader;
    char *text;
    size_t cap;
    const char *file; /* NUL-terminated, in the arena */
};

void placeholders_free(struct placeholders *p)
{
    if (!p)
        return;
    intern_done(&p->names);
    free(p->lists);
    free(p);
}

static CHECKED enum err wrong(struct source *s, const struct json_node *at, const char *why)
{
    struct compile c = {.rs = s->rs, .file = s->file, .rule_id = ""};

    return report_issue(&c, ISSUE_ERROR, at, "bad-placeholders", "%s", why);
}

static CHECKED enum err keep(struct source *s, const struct json_node *at, struct slice name,
                             struct list list)
{
    struct placeholders *p = s->rs->placeholders;
    uint32_t id = 0;
    bool new = false;
    enum err e = intern_put(&p->names, name, &id, &new);

    if (e != ERR_NONE)
        return e;
    if (!new)
        return wrong(s, at, "this placeholder has a list already: the first counts");
    if (id >= p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct list *lists = realloc(p->lists, cap * sizeof(*lists));
        if (!lists)
            return ERR_NOMEM;
        p->lists = lists;
        p->cap = cap;
    }
    p->lists[id] = list;
    return ERR_NONE;
}

static bool scalar(const struct json_node *n)
{
    return n->type != JSON_ARRAY && n->type != JSON_OBJECT && n->type != JSON_NULL;
}

/* One name with a list or one value. */
static CHECKED enum err take(struct source *s, const struct json_node *n, struct slice name)
{
    struct json_node *own = NULL;
    enum err e = ERR_NONE;
    bool good = name.n && (scalar(n) || n->type == JSON_ARRAY);

    for (const struct json_node *k = good ? n->child : NULL; k; k = k->next)
        good = good && scalar(k);
    if (!good)
        return wrong(s, n, "a placeholder is a name with a list of values");
    e = source_tree_dup(&s->rs->arena, n, &own);
    if (e != ERR_NONE)
        return e;
    bool list = n->type == JSON_ARRAY;
    return keep(s, n, name,
                (struct list){.first = list ? own->child : own, .n = list ? own->n : 1});
}

static CHECKED enum err read_yaml(struct source *s, struct slice text, struct slice stem)
{
    const struct json_node *docs;
    struct diag diag = {0};
    enum err e = yaml_read(s->reader, text, &docs, &diag);

    if (e == ERR_NOMEM)
        return e;
    if (e != ERR_NONE)
        return wrong(s, NULL, diag.text);
    for (const struct json_node *d = docs->child; d && e == ERR_NONE; d = d->next) {
        if (d->type != JSON_OBJECT) {
            e = take(s, d, stem);
            continue;
        }
        for (const struct json_node *m = d->child; m && e == ERR_NONE; m = m->next)
            e = take(s, m, m->key);
    }
    return e;
}

static struct slice trimmed(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_cut(s, 1, s.n);
    while (s.n && strchr(" \t\r", s.p[s.n - 1]))
        s.n--;
    return s;
}

static CHECKED enum err read_lines(struct source *s, struct slice text, struct slice stem)
{
    struct json_node *first = NULL, **tail = &first;
    struct list list = {.n = 0};
    uint32_t line = 0;

    if (slice_starts(text, SLICE("\xef\xbb\xbf")))
        text = slice_cut(text, 3, text.n);
    while (text.n) {
        size_t n = slice_find(text, '\n');
        struct slice value = trimmed(slice_cut(text, 0, n));
        text = slice_cut(text, n < text.n ? n + 1 : n, text.n);
        line++;
        if (!value.n || value.p[0] == '#')
            continue;
        struct json_node *to = arena_alloc(&s->rs->arena, sizeof(*to));
        if (!to)
            return ERR_NOMEM;
        *to = (struct json_node){.type = JSON_STRING, .line = line, .col = 1};
        enum err e = arena_dup(&s->rs->arena, value, &to->str);
        if (e != ERR_NONE)
            return e;
        *tail = to;
        tail = &to->next;
        list.n++;
    }
    list.first = first;
    return keep(s, NULL, stem, list);
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), k = strlen(with);

    return n > k && strcmp(name + n - k, with) == 0;
}

static CHECKED enum err read_one(struct source *s, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    struct slice stem = {base, dot ? (size_t)(dot - base) : strlen(base)};
    FILE *f = fopen(path, "rbe");

    s->file = arena_cstr(&s->rs->arena, slice_of(path));
    if (!s->file || !f) {
        if (f)
            (void)fclose(f);
        return s->file ? wrong(s, NULL, strerror(errno)) : ERR_NOMEM;
    }
    size_t n = fread(s->text, 1, s->cap, f);
    bool bad = ferror(f);
    (void)fclose(f);
    if (bad || n >= s->cap)
        return wrong(s, NULL, bad ? "read error" : "larger than 4 MiB");
    struct slice text = {s->text, n};
    return ends(base, ".txt") ? read_lines(s, text, stem) : read_yaml(s, text, stem);
}

static int wanted(const struct dirent *d)
{
    return d->d_name[0] != '.' &&
           (ends(d->d_name, ".txt") || ends(d->d_name, ".yml") || ends(d->d_name, ".yaml"));
}

static CHECKED enum err read_folder(struct source *s, const char *path, struct diag *diag)
{
    struct dirent **all = NULL;
    char full[PATH_BYTES];
    int n = scandir(path, &all, wanted, alphasort);
    enum err e = ERR_NONE;

    if (n < 0)
        return FAIL(diag, ERR_SYS, 0, "can't read %.120s: %s", path, strerror(errno));
    if (n > FILES_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "more than %d files of placeholders", FILES_MAX);
    for (int i = 0; i < n; i++) {
        int len = snprintf(full, sizeof(full), "%s/%s", path, all[i]->d_name);
        if (e == ERR_NONE && (len < 0 || (size_t)len >= sizeof(full)))
            e = FAIL(diag, ERR_LIMIT, 0, "path too long below %.150s", path);
        if (e == ERR_NONE)
            e = read_one(s, full);
        free(all[i]);
    }
    free(all);
    return e;
}

CHECKED enum err placeholders_load(struct ruleset *rs, const char *path, struct json_reader *reader,
                                   char *text, size_t cap, struct diag *diag)
{
    struct source s = {.rs = rs, .reader = reader, .text = text, .cap = cap};
    struct stat st;

    if (stat(path, &st) != 0)
        return FAIL(diag, errno == ENOENT ? ERR_NOENT : ERR_SYS, 0, "%.120s: %s", path,
                    strerror(errno));
    rs->placeholders = calloc(1, sizeof(*rs->placeholders));
    if (!rs->placeholders)
        return ERR_NOMEM;
    intern_init(&rs->placeholders->names, &rs->arena);
    return S_ISDIR(st.st_mode) ? read_folder(&s, path, diag) : read_one(&s, path);
}

/* A stretch of a value: text as it stands, or a name between two % signs. */
struct part {
    struct slice text;
    const struct list *list; /* NULL: text */
};

/* As pySigma has it: a name has no backslash; a % that begins none is itself. */
static bool next_name(struct slice s, size_t *ret_at, struct slice *ret_name)
{
    for (size_t i = slice_find(s, '%'); i < s.n; i++) {
        if (s.p[i] != '%')
            continue;
        struct slice rest = slice_cut(s, i + 1, s.n);
        size_t n = slice_find(rest, '%');
        struct slice name = slice_cut(rest, 0, n);
        if (n == 0 || n == rest.n || slice_find(name, '\\') < name.n)
            continue;
        *ret_at = i;
        *ret_name = name;
        return true;
    }
    return false;
}

static const struct list *list_of(const struct compile *c, struct slice name)
{
    struct placeholders *p = c->rs->placeholders;
    uint32_t id = p ? intern_get(&p->names, name) : INTERN_NONE;

    return id == INTERN_NONE || p->lists[id].n == 0 ? NULL : &p->lists[id];
}

static CHECKED enum err split(struct compile *c, const struct json_node *v, struct part *to,
                              size_t *ret_n)
{
    struct slice rest = v->str, name;
    size_t at, n = 0;

    while (next_name(rest, &at, &name)) {
        if (n + 3 > PARTS_MAX)
            return report_issue(c, ISSUE_ERROR, v, "placeholder-limit",
                                "more than %d placeholders in a value", PARTS_MAX / 2 - 1);
        if (at)
            to[n++] = (struct part){slice_cut(rest, 0, at), NULL};
        to[n] = (struct part){name, list_of(c, name)};
        if (!to[n++].list) {
            c->placeholder = "placeholder";
            return arena_dup(&c->rs->arena, name, &c->lacking);
        }
        rest = slice_cut(rest, at + name.n + 2, rest.n);
    }
    if (rest.n || !n)
        to[n++] = (struct part){rest, NULL};
    *ret_n = n;
    return ERR_NONE;
}

struct expansion {
    struct compile *c;
    const struct json_node *v; /* whose place the new ones have */
    struct json_node **tail;
    size_t n, bytes;
    bool verbatim;
};

static CHECKED enum err put(struct expansion *x, const struct json_node *like, struct slice text)
{
    struct json_node *to;

    x->bytes += text.n;
    if (++x->n > PLACEHOLDER_VALUES_MAX || x->bytes > PLACEHOLDER_BYTES_MAX)
        return report_issue(x->c, ISSUE_ERROR, x->v, "placeholder-limit",
                            "expanded there are more than %d values or %d MiB",
                            PLACEHOLDER_VALUES_MAX, PLACEHOLDER_BYTES_MAX >> 20);
    to = arena_alloc(&x->c->rs->arena, sizeof(*to));
    if (!to)
        return ERR_NOMEM;
    *to = *like;
    to->str = text;
    to->line = x->v->line;
    to->col = x->v->col;
    to->next = NULL;
    *x->tail = to;
    x->tail = &to->next;
    return ERR_NONE;
}

static struct slice text_of(const struct part *p, const struct json_node *at)
{
    return p->list ? at->str : p->text;
}

/* A backslash at the end of one part must not escape what the next begins with. */
static bool escapes(const char *text, size_t n, struct slice next)
{
    size_t slashes = 0;

    while (slashes < n && text[n - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1 && next.n && strchr("*?\\", next.p[0]);
}

/* `at`: for each part with a list, its value of now. */
static CHECKED enum err put_joined(struct expansion *x, const struct part *parts,
                                   const struct json_node *const *at, size_t n)
{
    struct json_node like = {.type = JSON_STRING};
    size_t bytes = n, k = 0;

    for (size_t i = 0; i < n; i++)
        bytes += text_of(&parts[i], at[i]).n;
    if (x->bytes + bytes > PLACEHOLDER_BYTES_MAX)
        return put(x, &like, (struct slice){"", bytes}); /* which refuses it */
    char *to = arena_alloc(&x->c->rs->arena, bytes);
    if (!to)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct slice s = text_of(&parts[i], at[i]);
        if (!x->verbatim && escapes(to, k, s))
            to[k++] = '\\';
        if (s.n)
            memcpy(to + k, s.p, s.n);
        k += s.n;
    }
    return put(x, &like, (struct slice){to, k});
}

/* The next choice of one value from each list, the last list turning fastest. */
static bool turn(const struct part *parts, const struct json_node **at, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        if (!parts[i - 1].list)
            continue;
        at[i - 1] = at[i - 1]->next;
        if (at[i - 1])
            return true;
        at[i - 1] = parts[i - 1].list->first;
    }
    return false;
}

static CHECKED enum err combine(struct expansion *x, const struct part *parts, size_t n)
{
    const struct json_node *at[PARTS_MAX] = {NULL};
    enum err e = ERR_NONE;

    for (size_t i = 0; i < n; i++)
        at[i] = parts[i].list ? parts[i].list->first : NULL;
    do
        e = put_joined(x, parts, at, n);
    while (e == ERR_NONE && !x->c->failed && turn(parts, at, n));
    return e;
}

static CHECKED enum err expand_one(struct expansion *x)
{
    struct part parts[PARTS_MAX];
    size_t n = 0;
    enum err e = split(x->c, x->v, parts, &n);

    if (e != ERR_NONE || x->c->failed || x->c->placeholder)
        return e;
    if (n > 1)
        return combine(x, parts, n);
    if (!parts[0].list)
        return put(x, x->v, x->v->str);
    /* A value that is nothing but a name becomes the list's values with their types. */
    for (const struct json_node *k = parts[0].list->first; k && e == ERR_NONE && !x->c->failed;
         k = k->next)
        e = put(x, k, k->str);
    return e;
}

CHECKED enum err placeholder_expand(struct compile *c, const struct json_node *values, size_t n,
                                    bool verbatim, const struct json_node **ret, size_t *ret_n)
{
    struct json_node *first = NULL;
    struct expansion x = {.c = c, .tail = &first, .verbatim = verbatim};
    enum err e = ERR_NONE;

    for (size_t i = 0; i < n && e == ERR_NONE && !c->failed && !c->placeholder;
         i++, values = values->next) {
        x.v = values;
        e = values->type == JSON_STRING ? expand_one(&x) : put(&x, values, values->str);
    }
    if (e != ERR_NONE)
        return e;
    *ret = first;
    *ret_n = c->placeholder ? 0 : x.n;
    return ERR_NONE;
}
