#include "detect/regex_int.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/utf8.h"

enum {
    MATCH_LIMIT = 200000,
    DEPTH_LIMIT = 1000,
    HEAP_LIMIT_KIB = 4096,
    STACK_MIN = 32 * 1024,
    STACK_MAX = 512 * 1024,
    PATTERN_MAX = 16 * 1024,
};

struct regex {
    pcre2_code *utf;
    pcre2_code *bytes; /* NULL where the expression needs UTF, as with \x{2013} */
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
    if (!re)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    re->utf = compile(pattern, flags | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &at);
    if (!re->utf) {
        char text[120] = "";
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
        regex_free(re);
        return FAIL(diag, ERR_SYNTAX, at, "%s at offset %zu", text, at);
    }
    re->bytes = compile(pattern, flags | PCRE2_NEVER_UTF, &ignored, &nowhere);
    *ret = re;
    return ERR_NONE;
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
    (void)pcre2_set_match_limit(s->ctx, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(s->ctx, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(s->ctx, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(s->ctx, NULL, s->stack);
    return s;
}

static bool search(const pcre2_code *code, struct regex_scratch *s, struct slice text,
                   bool *ret_limited)
{
    if (!code)
        return false;
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
