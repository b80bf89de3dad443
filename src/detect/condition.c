#include "detect/correlate_int.h"

enum word_kind { WORD_END, WORD_NAME, WORD_OPEN, WORD_CLOSE, WORD_PIPE };

struct word {
    enum word_kind kind;
    struct slice text;
    size_t at;
};

struct reader {
    struct compile *c;
    const struct json_node *node;
    const struct slice *names;
    size_t names_n;
    bool *used;
    bool alternatives; /* it is one of a list of conditions */
    struct slice in;
    size_t at;
    struct word now;
    unsigned depth;
    unsigned parts;
};

static bool ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '(' || c == ')' || c == '|';
}

static struct word peek(const struct reader *r, size_t at)
{
    while (at < r->in.n && ends_word(r->in.p[at]) && !strchr("()|", r->in.p[at]))
        at++;
    if (at >= r->in.n)
        return (struct word){WORD_END, SLICE(""), r->in.n};
    size_t n = 1;
    char c = r->in.p[at];
    enum word_kind kind = c == '(' ? WORD_OPEN : c == ')' ? WORD_CLOSE : WORD_PIPE;
    if (c != '(' && c != ')' && c != '|') {
        kind = WORD_NAME;
        while (at + n < r->in.n && !ends_word(r->in.p[at + n]))
            n++;
    }
    return (struct word){kind, slice_cut(r->in, at, at + n), at};
}

static void advance(struct reader *r)
{
    r->now = peek(r, r->at);
    r->at = r->now.at + r->now.text.n;
}

static bool is(const struct word *w, struct slice keyword)
{
    return w->kind == WORD_NAME && slice_eq_nocase(w->text, keyword);
}

static bool aggregates(const struct word *w)
{
    return is(w, SLICE("count")) || is(w, SLICE("min")) || is(w, SLICE("max")) ||
           is(w, SLICE("avg")) || is(w, SLICE("sum"));
}

static CHECKED enum err syntax(struct reader *r, const char *expected)
{
    if (r->c->failed)
        return ERR_NONE;
    return report_issue(r->c, ISSUE_ERROR, r->node, "condition-syntax",
                        "expected %s at character %zu of the condition", expected, r->now.at + 1);
}

/* Whoever walks the tree does so by recursion, and `a or b or …` is as deep as it is long. */
static CHECKED enum err too_long(struct reader *r)
{
    if (r->parts <= CONDITION_PARTS_MAX || r->c->failed)
        return ERR_NONE;
    return report_issue(r->c, ISSUE_ERROR, r->node, "too-deep", "more than %d parts in a condition",
                        CONDITION_PARTS_MAX);
}

static struct expr *new_expr(struct reader *r, enum expr_kind kind, struct expr *left,
                             struct expr *right)
{
    struct expr *e = arena_calloc(&r->c->rs->arena, 1, sizeof(*e));

    r->parts++;
    if (e)
        *e = (struct expr){.kind = kind, .left = left, .right = right};
    return e;
}

/* `pat` may hold `*`. "them" are all. Names that begin with an underscore
 * are meant only by a pattern that does, as in pySigma. */
static CHECKED enum err chosen(struct reader *r, struct slice pat, struct expr *e)
{
    bool them = slice_eq_nocase(pat, SLICE("them"));
    bool asks = slice_starts(pat, SLICE("_"));
    uint32_t *sels = arena_alloc(&r->c->rs->arena, (r->names_n + 1) * sizeof(*sels));
    struct toks t;
    struct pattern p;
    size_t n = 0;

    enum err err = sels ? pattern_scan(&r->c->rs->arena, pat, &t) : ERR_NOMEM;
    if (err == ERR_NONE)
        err = pattern_build(&r->c->rs->arena, t, true, &p);
    if (err != ERR_NONE)
        return err;
    for (size_t i = 0; i < r->names_n; i++) {
        bool hidden = !asks && slice_starts(r->names[i], SLICE("_"));
        if (hidden || (!them && !pattern_match(&p, r->names[i])))
            continue;
        r->used[i] = true;
        sels[n++] = (uint32_t)i;
    }
    if (n == 0)
        return report_issue(r->c, ISSUE_ERROR, r->node, "unknown-selection",
                            "no selection is called '%.*s'", SLICE_ARG(pat));
    e->sels = sels;
    e->sels_n = n;
    return ERR_NONE;
}

/* "1 of x*", "all of them": the quantifier is the current word, "of" the next. */
static CHECKED enum err quantified(struct reader *r, struct expr **ret)
{
    struct slice quant = r->now.text;
    uint64_t need = 0;
    bool all = slice_eq_nocase(quant, SLICE("all"));
    struct expr *e = new_expr(r, EXPR_OF, NULL, NULL);

    if (!e)
        return ERR_NOMEM;
    if (!all && !slice_eq_nocase(quant, SLICE("any")) &&
        (!slice_to_u64(quant, &need) || need == 0 || need > SELECTIONS_MAX))
        return syntax(r, "a number, all or any before 'of'");
    advance(r);
    advance(r);
    if (r->now.kind != WORD_NAME)
        return syntax(r, "a name, a pattern or 'them' after 'of'");
    enum err err = chosen(r, r->now.text, e);
    if (err != ERR_NONE || r->c->failed)
        return err;
    e->need = all ? (uint32_t)e->sels_n : need ? (uint32_t)need : 1;
    if (e->need > e->sels_n)
        return report_issue(r->c, ISSUE_ERROR, r->node, "condition-syntax",
                            "%u selections are asked for and only %zu exist", e->need, e->sels_n);
    advance(r);
    *ret = e;
    return ERR_NONE;
}

static CHECKED enum err named(struct reader *r, struct expr **ret)
{
    struct word next = peek(r, r->at);
    struct expr *e = new_expr(r, EXPR_SEL, NULL, NULL);

    if (!e)
        return ERR_NOMEM;
    if (is(&r->now, SLICE("and")) || is(&r->now, SLICE("or")) || is(&r->now, SLICE("of")))
        return syntax(r, "a selection");
    if (aggregates(&r->now) && next.kind == WORD_OPEN)
        return report_issue(r->c, ISSUE_ERROR, r->node, "aggregation",
                            "'%.*s(…)' is an aggregation of old Sigma; write a correlation rule",
                            SLICE_ARG(r->now.text));
    for (size_t i = 0; i < r->names_n; i++) {
        if (!slice_eq(r->names[i], r->now.text))
            continue;
        uint32_t *sel = arena_alloc(&r->c->rs->arena, sizeof(*sel));
        if (!sel)
            return ERR_NOMEM;
        *sel = (uint32_t)i;
        r->used[i] = true;
        e->sels = sel;
        e->sels_n = 1;
        advance(r);
        *ret = e;
        return ERR_NONE;
    }
    return report_issue(r->c, ISSUE_ERROR, r->node, "unknown-selection",
                        "no selection is called '%.*s'", SLICE_ARG(r->now.text));
}

static CHECKED enum err either(struct reader *r, struct expr **ret);

static CHECKED enum err primary(struct reader *r, struct expr **ret)
{
    struct word next = peek(r, r->at);

    if (r->now.kind == WORD_OPEN) {
        advance(r);
        enum err e = either(r, ret);
        if (e != ERR_NONE || r->c->failed)
            return e;
        if (r->now.kind != WORD_CLOSE)
            return syntax(r, "')'");
        advance(r);
        return ERR_NONE;
    }
    if (r->now.kind != WORD_NAME)
        return syntax(r, "a selection");
    return is(&next, SLICE("of")) ? quantified(r, ret) : named(r, ret);
}

static CHECKED enum err negated(struct reader *r, struct expr **ret)
{
    bool not = false;

    while (is(&r->now, SLICE("not"))) {
        not = !not ;
        advance(r);
    }
    enum err e = too_long(r);
    if (e == ERR_NONE && !r->c->failed)
        e = primary(r, ret);
    if (e == ERR_NONE && !r->c->failed && not ) {
        *ret = new_expr(r, EXPR_NOT, *ret, NULL);
        if (!*ret)
            e = ERR_NOMEM;
    }
    return e;
}

static CHECKED enum err both(struct reader *r, struct expr **ret)
{
    enum err e = negated(r, ret);

    while (e == ERR_NONE && !r->c->failed && is(&r->now, SLICE("and"))) {
        struct expr *right = NULL;
        advance(r);
        e = negated(r, &right);
        if (e == ERR_NONE && !r->c->failed && !(*ret = new_expr(r, EXPR_AND, *ret, right)))
            e = ERR_NOMEM;
    }
    return e;
}

static CHECKED enum err either(struct reader *r, struct expr **ret)
{
    if (++r->depth > CONDITION_DEPTH_MAX)
        return report_issue(r->c, ISSUE_ERROR, r->node, "too-deep", "condition nested too deep");
    enum err e = both(r, ret);
    while (e == ERR_NONE && !r->c->failed && is(&r->now, SLICE("or"))) {
        struct expr *right = NULL;
        advance(r);
        e = both(r, &right);
        if (e == ERR_NONE && !r->c->failed && !(*ret = new_expr(r, EXPR_OR, *ret, right)))
            e = ERR_NOMEM;
    }
    r->depth--;
    return e;
}

/* Items and values; recursion is bounded by DETECTION_DEPTH_MAX. */
static size_t weight(const struct sel *s)
{
    size_t n = s->kind == SEL_ITEM ? 1 + s->item.tests_n : 1;

    for (size_t i = 0; s->kind != SEL_ITEM && i < s->n; i++)
        n += weight(&s->kids[i]);
    return n;
}

/* Recursion is bounded by CONDITION_PARTS_MAX and the number of filters. */
static void weigh(const struct expr *x, const size_t *weights, size_t *parts, size_t *sum)
{
    *parts += 1 + x->sels_n;
    for (size_t i = 0; i < x->sels_n; i++)
        *sum += weights[x->sels[i]];
    if (x->left)
        weigh(x->left, weights, parts, sum);
    if (x->right)
        weigh(x->right, weights, parts, sum);
}

CHECKED enum err condition_check(struct compile *c, const struct json_node *at,
                                 const struct rule *r)
{
    size_t *weights = arena_calloc(&c->rs->arena, r->sels_n + 1, sizeof(*weights));
    size_t parts = 0, sum = 0;

    if (!weights)
        return ERR_NOMEM;
    for (size_t i = 0; i < r->sels_n; i++)
        weights[i] = weight(&r->sels[i]);
    weigh(r->condition, weights, &parts, &sum);
    if (sum <= CONDITION_WORK_MAX / parts)
        return ERR_NONE;
    return report_issue(c, ISSUE_ERROR, at, "too-large",
                        "the condition's %zu parts name %zu values: the product is limited to %d",
                        parts, sum, CONDITION_WORK_MAX);
}

static CHECKED enum err trailing(struct reader *r)
{
    if (r->now.kind != WORD_PIPE)
        return syntax(r, "'and', 'or' or the end");
    if (r->c->old && !r->c->old->co && !r->alternatives)
        return correlation_old(r->c, r->node, slice_cut(r->in, r->at, r->in.n), r->c->old);
    return report_issue(r->c, ISSUE_ERROR, r->node, "aggregation",
                        "'|' stands once, and only in the one condition of a rule on events");
}

static CHECKED enum err one(struct reader *r, const struct json_node *node, struct expr **ret)
{
    r->node = node;
    if (node->type != JSON_STRING)
        return report_issue(r->c, ISSUE_ERROR, node, "condition-syntax", "a condition is text");
    r->in = node->str;
    r->at = 0;
    r->depth = 0;
    advance(r);
    enum err e = either(r, ret);
    if (e == ERR_NONE && !r->c->failed && r->now.kind != WORD_END)
        e = trailing(r);
    return e;
}

CHECKED enum err condition_compile(struct compile *c, const struct json_node *node,
                                   const struct slice *names, size_t names_n, bool *used,
                                   struct expr **ret)
{
    struct reader r = {.c = c,
                       .names = names,
                       .names_n = names_n,
                       .used = used,
                       .alternatives = node->type == JSON_ARRAY && node->n > 1};
    const struct json_node *n = node->type == JSON_ARRAY ? node->child : node;
    struct expr *all = NULL;
    enum err e = ERR_NONE;

    if (!n)
        return report_issue(c, ISSUE_ERROR, node, "condition-syntax", "a list without conditions");
    for (; n && e == ERR_NONE && !c->failed; n = node->type == JSON_ARRAY ? n->next : NULL) {
        struct expr *this = NULL;
        e = one(&r, n, &this);
        if (e == ERR_NONE)
            e = too_long(&r);
        if (e != ERR_NONE || c->failed)
            break;
        all = all ? new_expr(&r, EXPR_OR, all, this) : this;
        if (!all)
            e = ERR_NOMEM;
    }
    if (e == ERR_NONE && !c->failed)
        *ret = all;
    return e;
}
