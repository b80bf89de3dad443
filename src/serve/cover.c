#include "serve/cover.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/json.h"
#include "core/jsonw.h"
#include "core/timefmt.h"
#include "serve/datadir.h"

enum { FILE_BYTES_MAX = 1 << 20, NODES_MAX = 8 * COVER_MAX, PART_BYTES = 40 };
_Static_assert(3 * (PART_BYTES + 1) <= COVER_NAME_BYTES, "a name has room");

static void name_of(const struct source_info *i, char to[static COVER_NAME_BYTES])
{
    const struct slice parts[] = {i->product, i->category, i->service};
    size_t at = 0;

    for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
        size_t n = parts[k].n < PART_BYTES ? parts[k].n : PART_BYTES;
        if (k)
            to[at++] = '/';
        if (n)
            memcpy(to + at, parts[k].p, n);
        at += n;
    }
    to[at] = 0;
}

static struct cover_row *find(const struct cover *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->rows[i].name, name) == 0)
            return (struct cover_row *)(uintptr_t)&c->rows[i];
    return NULL;
}

static void set(struct cover *c, const char *name, int64_t last_ns)
{
    struct cover_row *row = find(c, name);

    if (!row && c->n < COVER_MAX) {
        row = &c->rows[c->n++];
        (void)snprintf(row->name, sizeof(row->name), "%s", name);
        row->last_ns = 0;
    }
    if (!row || row->last_ns >= last_ns)
        return;
    row->last_ns = last_ns;
    c->changed = true;
}

static bool read_file(const char *path, struct buf *b)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char part[8192];
    ssize_t n = -1;

    if (fd < 0)
        return false;
    while ((n = read(fd, part, sizeof(part))) > 0)
        if (buf_put(b, (struct slice){part, (size_t)n}) != ERR_NONE) {
            n = -1;
            break;
        }
    close(fd);
    return n == 0;
}

static bool take_file(struct cover *c, const struct json_node *root)
{
    int64_t last;

    if (!time_parse_iso(json_get_str(root, "since"), 0, &c->since_ns))
        return false;
    const struct json_node *rows = json_get(root, "logsources");
    for (const struct json_node *r = rows ? rows->child : NULL; r; r = r->next) {
        char name[COVER_NAME_BYTES];
        struct slice s = json_get_str(r, "name");
        if (s.n >= sizeof(name) || !time_parse_iso(json_get_str(r, "last"), 0, &last))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(s));
        set(c, name, last);
    }
    return true;
}

void cover_load(struct cover *c, const char *path, int64_t now_ns, bool *ret_anew)
{
    struct json_reader *r = json_reader_new(FILE_BYTES_MAX, NODES_MAX);
    const struct json_node *root;
    struct buf b;

    *c = (struct cover){.since_ns = now_ns};
    buf_init(&b, FILE_BYTES_MAX);
    bool good = r && read_file(path, &b) &&
                json_read_strict(r, buf_slice(&b), &root, NULL) == ERR_NONE && take_file(c, root);
    if (!good)
        *c = (struct cover){.since_ns = now_ns, .changed = true};
    *ret_anew = !good;
    buf_done(&b);
    json_reader_free(r);
}

CHECKED enum err cover_save(struct cover *c, const char *path, struct diag *diag)
{
    struct jsonw j;
    struct buf b;

    buf_init(&b, FILE_BYTES_MAX);
    jsonw_init(&j, &b);
    jsonw_object(&j);
    jsonw_ktime(&j, "since", c->since_ns);
    jsonw_key(&j, SLICE("logsources"));
    jsonw_array(&j);
    for (size_t i = 0; i < c->n; i++) {
        jsonw_object(&j);
        jsonw_kcstr(&j, "name", c->rows[i].name);
        jsonw_ktime(&j, "last", c->rows[i].last_ns);
        jsonw_close_object(&j);
    }
    jsonw_close_array(&j);
    jsonw_close_object(&j);
    enum err e = jsonw_end(&j);
    if (e == ERR_NONE)
        e = datadir_write_file(path, b.p, b.n, 0600, true, diag);
    buf_done(&b);
    if (e == ERR_NONE)
        c->changed = false;
    return e;
}

void cover_take(struct cover *c, const struct ruleset *rs, struct detect_scratch *s, int64_t now_ns)
{
    char name[COVER_NAME_BYTES];

    for (size_t i = 0; i < ruleset_sources_n(rs); i++) {
        if (!coverage_seen(s, rs, i))
            continue;
        struct source_info info = ruleset_source(rs, i);
        name_of(&info, name);
        set(c, name, now_ns);
    }
    coverage_clear(s);
}

int64_t cover_last(const struct cover *c, const struct ruleset *rs, size_t i)
{
    struct source_info info = ruleset_source(rs, i);
    char name[COVER_NAME_BYTES];

    name_of(&info, name);
    const struct cover_row *row = find(c, name);
    return row ? row->last_ns : 0;
}

size_t cover_blind(const struct cover *c, const struct ruleset *rs, int64_t from_ns, bool *blind)
{
    size_t n = 0;

    for (size_t r = 0; r < ruleset_n(rs); r++)
        blind[r] = ruleset_can_match(rs, r);
    for (size_t i = 0; i < ruleset_sources_n(rs); i++) {
        struct source_info info = ruleset_source(rs, i);
        if (cover_last(c, rs, i) < from_ns)
            continue;
        for (size_t k = 0; k < info.rules_n; k++)
            blind[info.rules[k]] = false;
    }
    for (size_t r = 0; r < ruleset_n(rs); r++)
        n += blind[r];
    return n;
}

/* Several rows may be one log source: the same rules are for each of them. */
static bool told_before(const struct ruleset *rs, size_t i)
{
    struct source_info x = ruleset_source(rs, i);

    for (size_t k = 0; k < i; k++) {
        struct source_info y = ruleset_source(rs, k);
        if (slice_eq(x.product, y.product) && slice_eq(x.category, y.category) &&
            slice_eq(x.service, y.service))
            return true;
    }
    return false;
}

CHECKED enum err cover_write(const struct cover *c, const struct ruleset *rs, const bool *blind,
                             struct buf *out)
{
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_ktime(&j, "since", c->since_ns);
    jsonw_key(&j, SLICE("logsources"));
    jsonw_array(&j);
    for (size_t i = 0; i < ruleset_sources_n(rs); i++) {
        struct source_info info = ruleset_source(rs, i);
        int64_t last = cover_last(c, rs, i);
        if (told_before(rs, i))
            continue;
        jsonw_object(&j);
        jsonw_kstr(&j, "product", info.product);
        jsonw_kstr(&j, "category", info.category);
        jsonw_kstr(&j, "service", info.service);
        jsonw_kint(&j, "rules", (int64_t)info.rules_n);
        if (last)
            jsonw_ktime(&j, "last", last);
        else
            jsonw_kcstr(&j, "last", NULL);
        jsonw_close_object(&j);
    }
    jsonw_close_array(&j);
    jsonw_key(&j, SLICE("blind"));
    jsonw_array(&j);
    for (size_t r = 0; r < ruleset_n(rs); r++)
        if (blind[r])
            jsonw_str(&j, slice_of(ruleset_rule(rs, r)->id));
    jsonw_close_array(&j);
    jsonw_close_object(&j);
    return jsonw_end(&j);
}
