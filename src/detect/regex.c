#include "detect/regex_int.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/utf8.h"

enum {
    MATCH_LIMIT = 200000,         /* from each place where a match may begin … */
    MATCH_LIMIT_ALL = 1000000000, /* … and from all places of a long text */
    MATCH_LIMIT_LEAST = 20000,
    DEPTH_LIMIT = 1000,
    HEAP_LIMIT_KIB = 4096,
    STACK_MIN = 32 * 1024,
    STACK_MAX = 512 * 1024,
    PATTERN_MAX = 16 * 1024,
};

struct regex {
    struct regex_source source;
    char *text; /* of the source */
    pcre2_code *utf;
    pcre2_code *bytes; /* NULL where the expression needs UTF, as with \x{2013} */
    bool has_first, has_last;
    uint64_t first[2]; /* a match begins with one of these, ASCII in lower case */
    uint64_t last[2];  /* and holds this one */
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *ctx;
    pcre2_jit_stack *stack;
};

void regex_free(struct regex *re)
{
    if (!re)
        return;
    pcre2_code_free(re->utf);
    pcre2_code_free(re->bytes);
    free(re->text);
    free(re);
}

static pcre2_code *compile(struct slice pattern, uint32_t flags, int *ret_code, size_t *ret_at)
{
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, flags, ret_code, ret_at, NULL);

    /* Without JIT the interpreter does the work under the same limits. */
    if (code)
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

static void add_byte(uint64_t set[static 2], unsigned c)
{
    if (c >= 'A' && c <= 'Z')
        c += 32;
    set[c / 64] |= UINT64_C(1) << (c % 64);
}

/* What PCRE2 found out for itself. Nothing about text beyond ASCII is used, so that no letter with
 * another case far away can be missed. */
static void ask(struct regex *re)
{
    const uint8_t *map = NULL;
    uint32_t empty = 1, kind = 0, unit = 0;

    (void)pcre2_pattern_info(re->utf, PCRE2_INFO_MATCHEMPTY, &empty);
    if (empty)
        return;
    (void)pcre2_pattern_info(re->utf, PCRE2_INFO_FIRSTCODETYPE, &kind);
    (void)pcre2_pattern_info(re->utf, PCRE2_INFO_FIRSTCODEUNIT, &unit);
    (void)pcre2_pattern_info(re->utf, PCRE2_INFO_FIRSTBITMAP, (void *)&map);
    if (kind == 1 && unit < 128) {
        re->has_first = true;
        add_byte(re->first, unit);
    } else if (kind == 0 && map) {
        re->has_first = true;
        for (unsigned c = 0; c < 128; c++)
            if (map[c / 8] >> (c % 8) & 1)
                add_byte(re->first, c);
    }
    (void)pcre2_pattern_info(re->utf, PCRE2_INFO_LASTCODETYPE, &kind);
    (void)pcre2_pattern_info(re->utf, PCRE2_INFO_LASTCODEUNIT, &unit);
    re->has_last = kind == 1 && unit < 128;
    if (re->has_last)
        add_byte(re->last, unit);
}

bool regex_asks(const struct regex *re)
{
    return re->has_first || re->has_last;
}

bool regex_may(const struct regex *re, const uint64_t bytes[static 2])
{
    if (re->has_first && !(re->first[0] & bytes[0]) && !(re->first[1] & bytes[1]))
        return false;
    return !re->has_last || (re->last[0] & bytes[0]) || (re->last[1] & bytes[1]);
}

CHECKED enum err regex_compile(struct slice pattern, bool icase, bool multiline, bool dotall,
                               struct regex **ret, struct diag *diag)
{
    uint32_t flags = (icase ? PCRE2_CASELESS : 0) | (multiline ? PCRE2_MULTILINE : 0) |
                     (dotall ? PCRE2_DOTALL : 0) | PCRE2_NEVER_BACKSLASH_C;
    int code = 0, ignored;
    size_t at = 0, nowhere;

    if (pattern.n > PATTERN_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "regular expression longer than %d bytes", PATTERN_MAX);
    struct regex *re = calloc(1, sizeof(*re));
    if (re)
        re->text = malloc(pattern.n + 1);
    if (!re || !re->text) {
        regex_free(re);
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    }
    if (pattern.n)
        memcpy(re->text, pattern.p, pattern.n);
    re->source = (struct regex_source){{re->text, pattern.n}, icase, multiline, dotall};
    re->utf = compile(pattern, flags | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &at);
    if (!re->utf) {
        char text[120] = "";
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
        regex_free(re);
        return FAIL(diag, ERR_SYNTAX, at, "%s at offset %zu", text, at);
    }
    re->bytes = compile(pattern, flags | PCRE2_NEVER_UTF, &ignored, &nowhere);
    ask(re);
    *ret = re;
    return ERR_NONE;
}

const struct regex_source *regex_source(const struct regex *re)
{
    return &re->source;
}

static void done(struct regex_scratch *s)
{
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->ctx);
    pcre2_jit_stack_free(s->stack);
    free(s);
}

void regex_scratch_free(struct regex_scratch *s)
{
    if (s)
        done(s);
}

struct regex_scratch *regex_scratch_new(void)
{
    struct regex_scratch *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->data = pcre2_match_data_create(1, NULL);
    s->ctx = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
    if (!s->data || !s->ctx || !s->stack) {
        done(s);
        return NULL;
    }
    (void)pcre2_set_depth_limit(s->ctx, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(s->ctx, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(s->ctx, NULL, s->stack);
    return s;
}

/* PCRE2 counts anew from each place, so that a limit alone grows with the text. */
static uint32_t limit_of(size_t n)
{
    size_t limit = n ? MATCH_LIMIT_ALL / n : MATCH_LIMIT;

    return (uint32_t)(limit > MATCH_LIMIT         ? MATCH_LIMIT
                      : limit < MATCH_LIMIT_LEAST ? MATCH_LIMIT_LEAST
                                                  : limit);
}

static bool search(const pcre2_code *code, struct regex_scratch *s, struct slice text,
                   bool *ret_limited)
{
    if (!code)
        return false;
    (void)pcre2_set_match_limit(s->ctx, limit_of(text.n));
    int rc = pcre2_match(code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, s->data, s->ctx);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        *ret_limited = true;
    return rc >= 0;
}

static bool utf8_valid(struct slice s)
{
    uint32_t cp;

    for (size_t i = 0; i < s.n;) {
        uint64_t eight;
        if (s.n - i >= sizeof(eight)) {
            memcpy(&eight, s.p + i, sizeof(eight));
            if (!(eight & UINT64_C(0x8080808080808080))) {
                i += sizeof(eight);
                continue;
            }
        }
        unsigned n = utf8_get(s.p + i, s.n - i, &cp);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

bool regex_search(const struct regex *re, struct regex_scratch *s, struct slice text,
                  bool *ret_limited)
{
    if (search(re->utf, s, text, ret_limited))
        return true;
    return !utf8_valid(text) && search(re->bytes, s, text, ret_limited);
}

size_t regex_groups(const struct regex *re, struct regex_scratch *s, struct slice text, size_t from,
                    bool not_empty, struct slice ret[static REGEX_GROUPS_MAX])
{
    pcre2_match_data *data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
    const char *p = text.p ? text.p : "";
    size_t n = 0;

    if (!data)
        return 0;
    int rc = pcre2_match(re->utf, (PCRE2_SPTR)p, text.n, from,
                         not_empty ? PCRE2_NOTEMPTY_ATSTART : 0, data, s->ctx);
    const size_t *at = pcre2_get_ovector_pointer(data);
    /* `\K` in a lookahead may put the end before the start: no match then. */
    if (rc > 0 && at[0] >= from && at[1] >= at[0]) {
        for (n = 0; n < (size_t)rc && n < REGEX_GROUPS_MAX; n++) {
            bool set = at[2 * n] != PCRE2_UNSET && at[2 * n + 1] >= at[2 * n];
            ret[n] = set ? (struct slice){p + at[2 * n], at[2 * n + 1] - at[2 * n]} : SLICE("");
        }
    }
    pcre2_match_data_free(data);
    return n;
}

size_t regex_group(const struct regex *re, struct slice name)
{
    char text[64];

    if (name.n >= sizeof(text))
        return REGEX_GROUPS_MAX;
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    int n = pcre2_substring_number_from_name(re->utf, (PCRE2_SPTR)text);
    return n > 0 && n < REGEX_GROUPS_MAX ? (size_t)n : REGEX_GROUPS_MAX;
}

bool regex_starts(const struct regex *re, struct regex_scratch *s, struct slice text)
{
    const char *p = text.p ? text.p : "";

    return pcre2_match(re->utf, (PCRE2_SPTR)p, text.n, 0, PCRE2_ANCHORED, s->data, s->ctx) >= 0;
}
