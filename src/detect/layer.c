#include "detect/layer.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/jsonw.h"
#include "detect/coverage.h"

enum { NAMED_MAX = 1 << 20, TACTICS_MAX = 32, TITLES_MAX = 100, LEVELS = LEVEL_CRITICAL + 1 };

/* That a rule names a technique. */
struct named {
    char technique[10]; /* T1110.003 */
    uint32_t rule;
};

static bool digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

/* "attack.t1110.003" to "T1110.003". */
static bool technique_of(const char *tag, char to[static 10])
{
    size_t n = strlen(tag);

    if (n < 12 || !slice_eq_nocase((struct slice){tag, 8}, SLICE("attack.t")))
        return false;
    const char *number = tag + 8;
    bool sub = n == 16 && number[4] == '.' && digits(number + 5, 3);
    if (!digits(number, 4) || (n != 12 && !sub))
        return false;
    memset(to, 0, 10);
    to[0] = 'T';
    memcpy(to + 1, number, n - 8);
    return true;
}

/* The tactic of a tag: words with dashes. "" when it is something else. */
static struct slice tactic_of(const char *tag)
{
    struct slice s = slice_of(tag);

    if (!slice_starts(s, SLICE("attack.")))
        return SLICE("");
    s = slice_cut(s, 7, s.n);
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < 'a' || s.p[i] > 'z') && s.p[i] != '-' && s.p[i] != '_')
            return SLICE("");
    return s;
}

static int in_order(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int by = strcmp(x->technique, y->technique);

    return by ? by : (x->rule > y->rule) - (x->rule < y->rule);
}

static CHECKED enum err collect(const struct ruleset *rs, struct named **ret, size_t *ret_n)
{
    size_t n = 0, all = 0;

    for (size_t i = 0; i < ruleset_n(rs); i++)
        all += ruleset_rule(rs, i)->tags_n;
    if (all > NAMED_MAX)
        return ERR_LIMIT;
    struct named *v = calloc(all + 1, sizeof(*v));
    if (!v)
        return ERR_NOMEM;
    for (size_t i = 0; i < ruleset_n(rs); i++) {
        const struct rule_info *r = ruleset_rule(rs, i);
        for (size_t k = 0; ruleset_can_match(rs, i) && k < r->tags_n; k++) {
            v[n].rule = (uint32_t)i;
            n += technique_of(r->tags[k], v[n].technique);
        }
    }
    qsort(v, n, sizeof(*v), in_order);
    /* A tag twice in one rule is one. */
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!kept || in_order(&v[kept - 1], &v[i]) != 0)
            v[kept++] = v[i];
    *ret = v;
    *ret_n = kept;
    return ERR_NONE;
}

static void put_tactics(struct jsonw *w, const struct ruleset *rs, const struct named *v, size_t n)
{
    struct slice told[TACTICS_MAX];
    size_t told_n = 0;

    jsonw_key(w, SLICE("metadata"));
    jsonw_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct rule_info *r = ruleset_rule(rs, v[i].rule);
        for (size_t k = 0; k < r->tags_n && told_n < TACTICS_MAX; k++) {
            struct slice t = tactic_of(r->tags[k]);
            bool known = t.n == 0;
            for (size_t j = 0; j < told_n && !known; j++)
                known = slice_eq(told[j], t);
            if (known)
                continue;
            told[told_n++] = t;
            jsonw_object(w);
            jsonw_kcstr(w, "name", "tactic");
            jsonw_kstr(w, "value", t);
            jsonw_close_object(w);
        }
    }
    jsonw_close_array(w);
}

static void put_titles(struct jsonw *w, const struct ruleset *rs, const struct named *v, size_t n,
                       const char *head)
{
    struct buf text;
    enum err e;

    buf_init(&text, 1 << 20);
    e = buf_puts(&text, head);
    for (size_t i = 0; e == ERR_NONE && i < n && i < TITLES_MAX; i++)
        e = buf_printf(&text, "\n%s", ruleset_rule(rs, v[i].rule)->title);
    if (e == ERR_NONE && n > TITLES_MAX)
        e = buf_printf(&text, "\nand %zu more", n - TITLES_MAX);
    if (e != ERR_NONE && w->err == ERR_NONE)
        w->err = e;
    jsonw_kstr(w, "comment", buf_slice(&text));
    buf_done(&text);
}

/* "2 rules: 1 critical, 1 high", and their titles in the order of the rules. */
static void put_comment(struct jsonw *w, const struct ruleset *rs, const struct named *v, size_t n)
{
    size_t by[LEVELS] = {0};
    char text[256];
    size_t at = (size_t)snprintf(text, sizeof(text), "%zu rule%s", n, n == 1 ? "" : "s");
    const char *between = ": ";

    for (size_t i = 0; i < n; i++)
        by[ruleset_rule(rs, v[i].rule)->level]++;
    for (size_t l = LEVEL_CRITICAL; l >= LEVEL_INFORMATIONAL; l--) {
        if (!by[l] || at >= sizeof(text))
            continue;
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%zu %s", between, by[l],
                               rule_level_name((enum rule_level)l));
        between = ", ";
    }
    put_titles(w, rs, v, n, text);
}

static void put_techniques(struct jsonw *w, const struct ruleset *rs, const struct named *v,
                           size_t n, size_t *ret_most)
{
    size_t same;

    *ret_most = 0;
    jsonw_key(w, SLICE("techniques"));
    jsonw_array(w);
    for (size_t i = 0; i < n; i += same) {
        for (same = 1; i + same < n && !strcmp(v[i].technique, v[i + same].technique);)
            same++;
        if (same > *ret_most)
            *ret_most = same;
        jsonw_object(w);
        jsonw_kcstr(w, "techniqueID", v[i].technique);
        jsonw_kint(w, "score", (int64_t)same);
        put_comment(w, rs, v + i, same);
        put_tactics(w, rs, v + i, same);
        jsonw_close_object(w);
    }
    jsonw_close_array(w);
}

static void put_head(struct jsonw *w)
{
    jsonw_kcstr(w, "name", "Co Loa: rules");
    jsonw_kcstr(w, "description", "Score: how many rules that can match name the technique");
    jsonw_kcstr(w, "domain", "enterprise-attack");
    jsonw_key(w, SLICE("versions"));
    jsonw_object(w);
    jsonw_kcstr(w, "navigator", "5.2.0");
    jsonw_kcstr(w, "layer", "4.5");
    jsonw_close_object(w);
    jsonw_key(w, SLICE("layout"));
    jsonw_object(w);
    jsonw_kcstr(w, "layout", "side");
    jsonw_kcstr(w, "expandedSubtechniques", "annotated");
    jsonw_close_object(w);
}

static void put_gradient(struct jsonw *w, size_t most)
{
    jsonw_key(w, SLICE("gradient"));
    jsonw_object(w);
    jsonw_key(w, SLICE("colors"));
    jsonw_array(w);
    jsonw_str(w, SLICE("#d6e8f5"));
    jsonw_str(w, SLICE("#1f6fb2"));
    jsonw_close_array(w);
    jsonw_kint(w, "minValue", 0);
    jsonw_kint(w, "maxValue", most ? (int64_t)most : 1);
    jsonw_close_object(w);
}

CHECKED enum err layer_put(const struct ruleset *rs, struct buf *out)
{
    struct named *v;
    size_t n, most;
    struct jsonw w;
    enum err e = collect(rs, &v, &n);

    if (e != ERR_NONE)
        return e;
    jsonw_init(&w, out);
    jsonw_object(&w);
    put_head(&w);
    put_techniques(&w, rs, v, n, &most);
    put_gradient(&w, most);
    jsonw_close_object(&w);
    free(v);
    e = jsonw_end(&w);
    return e == ERR_NONE ? buf_putc(out, '\n') : e;
}
