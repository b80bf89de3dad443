#include "detect/placeholder_int.h"
#include "detect/rule_int.h"
#include "detect/transform_int.h"

#include <stdlib.h>

enum op {
    OP_EQUAL,
    OP_CONTAINS,
    OP_STARTS,
    OP_ENDS,
    OP_REGEX,
    OP_CIDR,
    OP_GT,
    OP_GTE,
    OP_LT,
    OP_LTE,
    OP_EXISTS,
};

enum { TRANSFORMS_MAX = 4 };

struct mods {
    enum op op;
    const char *op_name; /* NULL: none given */
    bool all, cased, neq, expand, fieldref;
    bool re_i, re_m, re_s;
    enum time_part part;
    enum transform transforms[TRANSFORMS_MAX];
    size_t transforms_n;
};

static const struct {
    const char *name;
    enum op op;
} ops[] = {
    {"contains", OP_CONTAINS}, {"startswith", OP_STARTS},
    {"endswith", OP_ENDS},     {"re", OP_REGEX},
    {"cidr", OP_CIDR},         {"gt", OP_GT},
    {"gte", OP_GTE},           {"lt", OP_LT},
    {"lte", OP_LTE},           {"exists", OP_EXISTS},
};

static const struct {
    const char *name;
    enum transform how;
} transforms[] = {
    {"wide", TRANSFORM_UTF16LE},    {"utf16le", TRANSFORM_UTF16LE},
    {"utf16be", TRANSFORM_UTF16BE}, {"utf16", TRANSFORM_UTF16},
    {"base64", TRANSFORM_BASE64},   {"base64offset", TRANSFORM_BASE64OFFSET},
    {"windash", TRANSFORM_WINDASH},
};

static const struct {
    const char *name;
    size_t at;
} flags[] = {
    {"all", offsetof(struct mods, all)},
    {"cased", offsetof(struct mods, cased)},
    {"neq", offsetof(struct mods, neq)},
    {"expand", offsetof(struct mods, expand)},
    {"fieldref", offsetof(struct mods, fieldref)},
    {"i", offsetof(struct mods, re_i)},
    {"m", offsetof(struct mods, re_m)},
    {"s", offsetof(struct mods, re_s)},
};

static bool add_modifier(struct mods *m, struct slice name, const char **ret_conflict)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (!slice_eq(name, slice_of(ops[i].name)))
            continue;
        if (m->op_name)
            *ret_conflict = m->op_name;
        m->op = ops[i].op;
        m->op_name = ops[i].name;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (!slice_eq(name, slice_of(flags[i].name)))
            continue;
        *(bool *)((char *)m + flags[i].at) = true;
        return true;
    }
    enum time_part part = clock_part(name);
    if (part != PART_NONE) {
        if (m->part != PART_NONE)
            *ret_conflict = "another part of a time";
        m->part = part;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(transforms); i++) {
        if (!slice_eq(name, slice_of(transforms[i].name)))
            continue;
        if (m->transforms_n == TRANSFORMS_MAX)
            *ret_conflict = "too many encodings";
        else
            m->transforms[m->transforms_n++] = transforms[i].how;
        return true;
    }
    return false;
}

static bool text_op(enum op op)
{
    return op == OP_EQUAL || op == OP_CONTAINS || op == OP_STARTS || op == OP_ENDS;
}

/* The first pair that does not go together, in words, or NULL. */
static const char *conflict(const struct mods *m, bool keyword)
{
    bool flags_of_re = m->re_i || m->re_m || m->re_s;

    if (flags_of_re && m->op != OP_REGEX)
        return "the flags i, m and s belong to re";
    if (m->transforms_n && !text_op(m->op))
        return "an encoding needs a text comparison";
    if (m->fieldref && (!text_op(m->op) || m->transforms_n || m->expand))
        return "fieldref goes with contains, startswith, endswith, cased and neq only";
    if (m->cased && !text_op(m->op))
        return "cased needs a text comparison";
    if (m->op == OP_EXISTS && (m->all || m->neq))
        return "exists takes true or false alone";
    if (m->part && ((m->op != OP_EQUAL && m->op < OP_GT) || m->op == OP_EXISTS || m->transforms_n ||
                    m->fieldref || m->cased))
        return "a part of a time goes with gt, gte, lt, lte, neq, all and expand only";
    if (keyword &&
        (m->part || m->fieldref || m->op == OP_EXISTS || m->op == OP_CIDR || m->op >= OP_GT))
        return "this modifier needs a field";
    return NULL;
}

static CHECKED enum err modifiers(struct compile *c, const struct json_node *at, struct slice key,
                                  struct slice *ret_field, struct mods *ret)
{
    size_t bar = slice_find(key, '|');
    const char *clash = NULL;

    *ret_field = slice_cut(key, 0, bar);
    while (bar < key.n && !c->failed) {
        struct slice rest = slice_cut(key, bar + 1, key.n);
        size_t n = slice_find(rest, '|');
        struct slice name = slice_cut(rest, 0, n);
        bar += 1 + n;
        if (!add_modifier(ret, name, &clash))
            return report_issue(c, ISSUE_ERROR, at, "unknown-modifier",
                                "there is no modifier '%.*s'", SLICE_ARG(name));
        if (clash)
            return report_issue(c, ISSUE_ERROR, at, "modifier-conflict", "'%.*s' can't follow '%s'",
                                SLICE_ARG(name), clash);
    }
    clash = conflict(ret, ret_field->n == 0);
    if (clash)
        return report_issue(c, ISSUE_ERROR, at, "modifier-conflict", "%s", clash);
    return ERR_NONE;
}

/* Text of a rule that ends in memory of the ruleset, so that it outlives the YAML tree. */
static CHECKED enum err pattern_test(struct compile *c, const struct json_node *v,
                                     const struct mods *m, bool keyword, struct test *ret)
{
    struct arena *a = &c->rs->arena;
    struct alts alts = {.n = 1};
    struct diag diag = {0};
    bool contains = m->op == OP_CONTAINS || (keyword && m->op == OP_EQUAL);
    enum err e = pattern_scan(a, v->str, &alts.t[0]);

    for (size_t i = 0; e == ERR_NONE && i < m->transforms_n; i++)
        e = transform_apply(a, m->transforms[i], &alts, &diag);
    if (e == ERR_SYNTAX || e == ERR_LIMIT)
        return report_issue(c, ISSUE_ERROR, v, "bad-encoding", "%s", diag.text);
    struct pattern *pats = e == ERR_NONE ? arena_calloc(a, alts.n, sizeof(*pats)) : NULL;
    if (!pats)
        return ERR_NOMEM;
    for (size_t i = 0; e == ERR_NONE && i < alts.n; i++) {
        e = pattern_open(a, alts.t[i], contains || m->op == OP_ENDS, contains || m->op == OP_STARTS,
                         &alts.t[i]);
        if (e == ERR_NONE)
            e = pattern_build(a, alts.t[i], m->cased, &pats[i]);
    }
    *ret = (struct test){.kind = TEST_PATTERN, .pats = pats, .pats_n = alts.n};
    return e;
}

static CHECKED enum err keep_regex(struct ruleset *rs, struct regex *re)
{
    if (rs->regexes_n == rs->regexes_cap) {
        size_t cap = rs->regexes_cap ? rs->regexes_cap * 2 : 64;
        struct regex **all = realloc(rs->regexes, cap * sizeof(struct regex *));
        if (!all) {
            regex_free(re);
            return ERR_NOMEM;
        }
        rs->regexes = all;
        rs->regexes_cap = cap;
    }
    rs->regexes[rs->regexes_n++] = re;
    return ERR_NONE;
}

/* Flags, and the text: what tells one expression from another. */
static CHECKED enum err regex_key(struct arena *a, struct slice text, const struct mods *m,
                                  struct slice *ret)
{
    char *to = arena_alloc(a, text.n + 1);

    if (!to)
        return ERR_NOMEM;
    to[0] = (char)(m->re_i | m->re_m << 1 | m->re_s << 2);
    if (text.n)
        memcpy(to + 1, text.p, text.n);
    *ret = (struct slice){to, text.n + 1};
    return ERR_NONE;
}

static CHECKED enum err regex_test(struct compile *c, const struct json_node *v,
                                   const struct mods *m, struct test *ret)
{
    struct slice key = SLICE("");
    struct regex *re = NULL;
    struct diag diag = {0};
    enum err e = regex_key(&c->rs->arena, v->str, m, &key);

    if (e != ERR_NONE)
        return e;
    uint32_t known = intern_get(&c->rs->expressions, key);
    if (known != INTERN_NONE) {
        *ret = (struct test){.kind = TEST_REGEX, .re = c->rs->regexes[known]};
        return ERR_NONE;
    }
    e = regex_compile(v->str, m->re_i, m->re_m, m->re_s, &re, &diag);
    if (e == ERR_SYNTAX || e == ERR_LIMIT)
        return report_issue(c, ISSUE_ERROR, v, "bad-regex", "%s", diag.text);
    if (e == ERR_NONE)
        e = keep_regex(c->rs, re);
    if (e == ERR_NONE)
        e = intern_put(&c->rs->expressions, key, &known, NULL);
    if (e == ERR_NONE)
        *ret = (struct test){.kind = TEST_REGEX, .re = re};
    return e;
}

static const enum compare cmp[] = {[OP_EQUAL] = CMP_EQ,
                                   [OP_GT] = CMP_GT,
                                   [OP_GTE] = CMP_GTE,
                                   [OP_LT] = CMP_LT,
                                   [OP_LTE] = CMP_LTE};

static CHECKED enum err part_test(struct compile *c, const struct json_node *v,
                                  const struct mods *m, struct test *ret)
{
    int64_t want = 0;

    if (!slice_to_i64(v->str, &want))
        return report_issue(c, ISSUE_ERROR, v, "not-a-number", "'%.*s' is not a whole number",
                            SLICE_ARG(v->str));
    if (!clock_has(m->part, want))
        return report_issue(c, ISSUE_ERROR, v, "bad-value", "no time has that: %.*s",
                            SLICE_ARG(v->str));
    *ret = (struct test){
        .kind = TEST_TIME, .part_cmp = cmp[m->op], .part = m->part, .part_want = want};
    return ERR_NONE;
}

static CHECKED enum err number_test(struct compile *c, const struct json_node *v,
                                    const struct mods *m, struct test *ret)
{
    long double number = 0;

    if (!number_parse(v->str, &number))
        return report_issue(c, ISSUE_ERROR, v, "not-a-number", "'%.*s' is not a number",
                            SLICE_ARG(v->str));
    *ret = (struct test){.kind = TEST_NUMBER, .cmp = cmp[m->op], .number = number};
    return ERR_NONE;
}

static CHECKED enum err ref_test(struct compile *c, const struct json_node *v, const struct mods *m,
                                 struct test *ret)
{
    static const enum ref_kind how[] = {[OP_EQUAL] = REF_EQUAL,
                                        [OP_CONTAINS] = REF_CONTAINS,
                                        [OP_STARTS] = REF_STARTS,
                                        [OP_ENDS] = REF_ENDS};
    uint32_t slot = 0;

    if (v->str.n == 0)
        return report_issue(c, ISSUE_ERROR, v, "bad-value", "fieldref needs the name of a field");
    enum err e = slot_of(c, v->str, &slot);
    *ret =
        (struct test){.kind = TEST_REF, .ref = how[m->op], .ref_slot = slot, .ref_cased = m->cased};
    return e;
}

static CHECKED enum err test_compile(struct compile *c, const struct json_node *v,
                                     const struct mods *m, bool keyword, struct test *ret)
{
    struct cidr cidr;

    if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
        return report_issue(c, ISSUE_ERROR, v, "bad-value",
                            "a value can't be a list or a map here");
    if (m->op == OP_EXISTS) {
        *ret = (struct test){.kind = TEST_EXISTS, .exists = v->b};
        return v->type == JSON_BOOL
                   ? ERR_NONE
                   : report_issue(c, ISSUE_ERROR, v, "bad-value", "exists takes true or false");
    }
    if (v->type == JSON_NULL) {
        *ret = (struct test){.kind = TEST_NULL};
        bool fits = !keyword && m->op == OP_EQUAL && !m->transforms_n && !m->fieldref && !m->part;
        return fits ? ERR_NONE
                    : report_issue(c, ISSUE_ERROR, v, "bad-value", "null can't be used here");
    }
    if (m->part)
        return part_test(c, v, m, ret);
    if (m->fieldref)
        return ref_test(c, v, m, ret);
    if (m->op == OP_REGEX)
        return regex_test(c, v, m, ret);
    if (m->op == OP_CIDR) {
        bool good = cidr_parse(v->str, &cidr);
        *ret = (struct test){.kind = TEST_CIDR, .cidr = good ? cidr : (struct cidr){.bits = 0}};
        return good ? ERR_NONE
                    : report_issue(c, ISSUE_ERROR, v, "bad-cidr", "'%.*s' is not a network",
                                   SLICE_ARG(v->str));
    }
    bool number = v->type == JSON_INT || v->type == JSON_UINT || v->type == JSON_DOUBLE;
    long double ignored;
    if (m->op >= OP_GT || (number && !keyword && m->op == OP_EQUAL && !m->transforms_n &&
                           number_parse(v->str, &ignored)))
        return number_test(c, v, m, ret);
    return pattern_test(c, v, m, keyword, ret);
}

/* Long texts are searched for these. */
static uint32_t sieved(const struct test *t)
{
    uint32_t n = 0;

    for (size_t i = 0; t->kind == TEST_PATTERN && i < t->pats_n; i++)
        n += t->pats[i].need.n > 0 &&
             (t->pats[i].kind == PATTERN_CONTAINS || t->pats[i].kind == PATTERN_GLOB);
    if (t->kind == TEST_REGEX && regex_asks(t->re))
        n += 2;
    return n;
}

CHECKED enum err item_compile(struct compile *c, const struct json_node *at, struct slice key,
                              const struct json_node *values, struct item *ret)
{
    struct mods m = {.op = OP_EQUAL};
    struct slice field = SLICE("");
    const struct json_node *v = values->type == JSON_ARRAY ? values->child : values;
    size_t n = values->type == JSON_ARRAY ? values->n : 1;
    enum err e = modifiers(c, at, key, &field, &m);

    if (e != ERR_NONE || c->failed)
        return e;
    if (n == 0)
        return report_issue(c, ISSUE_ERROR, at, "empty-list", "a list without values");
    const struct json_node *lacks = v;
    if (m.expand)
        e = placeholder_expand(c, v, n, m.op == OP_REGEX, &v, &n);
    if (e != ERR_NONE || c->failed)
        return e;
    if (n == 0) {
        /* It will never be tried: it stands there as text. */
        m = (struct mods){.op = OP_EQUAL};
        v = lacks;
        n = 1;
    }
    *ret = (struct item){.all = m.all, .neq = m.neq, .tests_n = n};
    ret->line = at->line;
    ret->col = at->col;
    ret->tests = arena_calloc(&c->rs->arena, n, sizeof(*ret->tests));
    if (!ret->tests)
        return ERR_NOMEM;
    e = arena_dup(&c->rs->arena, key, &ret->key);
    if (e == ERR_NONE)
        e = arena_dup(&c->rs->arena, field, &ret->name);
    if (e == ERR_NONE)
        e = slot_of(c, ret->name, &ret->slot);
    if (e == ERR_LIMIT && c->slots_n >= RULE_FIELDS_MAX)
        return report_issue(c, ISSUE_ERROR, at, "too-many-fields",
                            "the rule looks at more than %d fields", RULE_FIELDS_MAX);
    if (e == ERR_LIMIT)
        return report_issue(c, ISSUE_ERROR, at, "too-many-places",
                            "the field is mapped to too many places");
    for (size_t i = 0; e == ERR_NONE && i < n; i++, v = v->next)
        e = test_compile(c, v, &m, field.n == 0, &ret->tests[i]);
    for (size_t i = 0; e == ERR_NONE && !c->failed && i < n; i++)
        c->rs->slots[ret->slot].sieved += sieved(&ret->tests[i]);
    return e;
}
