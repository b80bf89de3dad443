#include "detect/listing.h"

#include "core/fold.h"
#include "core/jsonw.h"
#include "detect/coverage.h"

static const char *const forms[] = {
    [LISTING_TABLE] = "table", [LISTING_JSONL] = "jsonl", [LISTING_CSV] = "csv"};

bool listing_form_of(const char *name, enum listing_form *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (strcmp(name, forms[i]) != 0)
            continue;
        *ret = (enum listing_form)i;
        return true;
    }
    return false;
}

bool listing_level_of(const char *name, enum rule_level *ret)
{
    for (int l = LEVEL_INFORMATIONAL; l <= LEVEL_CRITICAL; l++) {
        if (strcmp(name, rule_level_name((enum rule_level)l)) != 0)
            continue;
        *ret = (enum rule_level)l;
        return true;
    }
    return false;
}

static bool has_tag(const struct rule_info *r, struct slice want)
{
    for (size_t i = 0; i < r->tags_n; i++) {
        struct slice tag = slice_of(r->tags[i]);
        if (tag.n < want.n || !slice_eq_nocase(slice_cut(tag, 0, want.n), want))
            continue;
        if (tag.n == want.n || tag.p[want.n] == '.')
            return true;
    }
    return false;
}

static bool is_of(const struct rule_info *r, struct slice want)
{
    const char *const have[] = {r->product, r->category, r->service};

    for (size_t i = 0; i < ARRAY_LEN(have); i++) {
        size_t n = i + 1 < ARRAY_LEN(have) ? slice_find(want, '/') : want.n;
        struct slice part = slice_cut(want, 0, n);
        if (part.n && !slice_eq(part, SLICE("*")) && !slice_eq_nocase(part, slice_of(have[i])))
            return false;
        want = slice_cut(want, n < want.n ? n + 1 : n, want.n);
    }
    return true;
}

static bool contains(struct slice whole, struct slice folded)
{
    char to[4096];
    size_t n = whole.n;

    while (n && fold_bound(n) > sizeof(to))
        n /= 2;
    n = fold_search(slice_cut(whole, 0, n), to);
    return folded.n == 0 || (n >= folded.n && memmem(to, n, folded.p, folded.n));
}

static bool has_text(const struct rule_info *r, const char *want)
{
    const char *const have[] = {r->id,          r->title,          r->title_vi,
                                r->description, r->description_vi, r->path};
    char to[1024];
    struct slice s = slice_of(want);

    if (fold_bound(s.n) > sizeof(to))
        return false;
    struct slice folded = {to, fold_search(s, to)};
    for (size_t i = 0; i < ARRAY_LEN(have); i++)
        if (contains(slice_of(have[i]), folded))
            return true;
    return false;
}

bool listing_wants(const struct listing *l, const struct rule_info *r)
{
    return r->level >= l->level && (!l->tag || has_tag(r, slice_of(l->tag))) &&
           (!l->logsource || is_of(r, slice_of(l->logsource))) &&
           (!l->text || has_text(r, l->text));
}

/* What a rule says ends on a terminal: nothing in it moves the cursor. */
static CHECKED enum err put_shown(struct buf *out, const char *s, bool quotes)
{
    enum err e = ERR_NONE;

    for (; *s && e == ERR_NONE; s++) {
        bool control = (unsigned char)*s < 0x20 || *s == 0x7f;
        if (quotes && *s == '"')
            e = buf_putc(out, '"');
        if (e == ERR_NONE)
            e = buf_putc(out, control ? ' ' : *s);
    }
    return e;
}

static CHECKED enum err put_row(const struct rule_info *r, struct buf *out)
{
    enum err e = put_shown(out, r->id, false);

    for (size_t n = strlen(r->id); e == ERR_NONE && n < 36; n++)
        e = buf_putc(out, ' ');
    if (e == ERR_NONE)
        e = buf_printf(out, "  %-13s  ", rule_level_name(r->level));
    if (e == ERR_NONE)
        e = put_shown(out, r->title, false);
    return e == ERR_NONE ? buf_putc(out, '\n') : e;
}

static CHECKED enum err put_cell(struct buf *out, const char *s, char behind)
{
    /* A spreadsheet would run these. */
    bool formula = *s && strchr("=+-@", *s);
    enum err e = buf_puts(out, formula ? "\"'" : "\"");

    if (e == ERR_NONE)
        e = put_shown(out, s, true);
    return e == ERR_NONE ? buf_printf(out, "\"%c", behind) : e;
}

static CHECKED enum err put_csv(const struct rule_info *r, bool can_match, struct buf *out)
{
    const char *const cells[] = {
        r->id,      rule_level_name(r->level),   r->title, r->status, r->product, r->category,
        r->service, can_match ? "true" : "false"};
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(cells); i++)
        e = put_cell(out, cells[i], ',');
    if (e == ERR_NONE)
        e = buf_putc(out, '"');
    for (size_t i = 0; e == ERR_NONE && i < r->tags_n; i++) {
        e = i ? buf_putc(out, ' ') : ERR_NONE;
        if (e == ERR_NONE)
            e = put_shown(out, r->tags[i], true);
    }
    if (e == ERR_NONE)
        e = buf_puts(out, "\",");
    return e == ERR_NONE ? put_cell(out, r->path, '\n') : e;
}

static CHECKED enum err put_json(const struct rule_info *r, bool can_match, struct buf *out)
{
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_kcstr(&w, "id", r->id);
    jsonw_kcstr(&w, "title", r->title);
    jsonw_kcstr(&w, "level", rule_level_name(r->level));
    jsonw_kcstr(&w, "status", r->status);
    jsonw_kcstr(&w, "product", r->product);
    jsonw_kcstr(&w, "category", r->category);
    jsonw_kcstr(&w, "service", r->service);
    jsonw_key(&w, SLICE("tags"));
    jsonw_array(&w);
    for (size_t i = 0; i < r->tags_n; i++)
        jsonw_str(&w, slice_of(r->tags[i]));
    jsonw_close_array(&w);
    jsonw_kbool(&w, "can_match", can_match);
    jsonw_kcstr(&w, "version", r->version);
    jsonw_kcstr(&w, "file", r->path);
    jsonw_close_object(&w);
    enum err e = jsonw_end(&w);
    return e == ERR_NONE ? buf_putc(out, '\n') : e;
}

CHECKED enum err listing_put(const struct ruleset *rs, const struct listing *l,
                             enum listing_form form, struct buf *out, size_t *ret_n)
{
    size_t n = 0;
    enum err e = ERR_NONE;

    if (form == LISTING_CSV)
        e = buf_puts(out, "id,level,title,status,product,category,service,can_match,tags,file\n");
    for (size_t i = 0; e == ERR_NONE && i < ruleset_n(rs); i++) {
        const struct rule_info *r = ruleset_rule(rs, i);
        if (!listing_wants(l, r))
            continue;
        n++;
        if (form == LISTING_TABLE)
            e = put_row(r, out);
        else if (form == LISTING_CSV)
            e = put_csv(r, ruleset_can_match(rs, i), out);
        else
            e = put_json(r, ruleset_can_match(rs, i), out);
    }
    if (e == ERR_NONE)
        *ret_n = n;
    return e;
}
