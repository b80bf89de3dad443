/* "PATTERN\nTEXT": the matcher against its definition, folded and not. The line is also tried as
 * a regular expression. */
#include <stdlib.h>

#include "core/fold.h"
#include "detect/pattern_naive_int.h"
#include "detect/regex_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the definition, exponential in stars, can be asked in no time. */
enum { PATTERN_MAX = 16, STARS_MAX = 4, TEXT_MAX = 40 };

static void expression(struct slice pattern, struct slice text)
{
    static struct regex_scratch *scratch;
    struct regex *re = NULL;
    bool limited = false;

    if (!scratch)
        scratch = regex_scratch_new();
    if (!scratch)
        abort();
    if (regex_compile(pattern, false, false, false, &re, NULL) == ERR_NONE)
        (void)regex_search(re, scratch, text, &limited);
    regex_free(re);
}

static void compare(struct arena *a, struct slice pattern, struct slice text, bool cased)
{
    struct toks t;
    struct pattern p;
    struct slice folded = text;
    size_t stars = 0;

    if (pattern_scan(a, pattern, &t) != ERR_NONE)
        abort();
    for (size_t i = 0; i < t.n; i++) {
        stars += t.t[i].kind == TOK_ANY;
        if (t.t[i].kind == TOK_BYTE && t.t[i].byte == '-')
            t.t[i].kind = TOK_DASH;
    }
    if (pattern_build(a, t, cased, &p) != ERR_NONE)
        abort();
    if (!cased && fold_case_dup(a, text, &folded) != ERR_NONE)
        abort();
    bool got = pattern_match(&p, folded);
    bool small = stars <= STARS_MAX && t.n <= PATTERN_MAX && text.n <= TEXT_MAX;
    if (cased && small && got != pattern_naive(t.t, t.n, text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    size_t n = slice_find(in, '\n');
    struct slice pattern = slice_cut(in, 0, n);
    struct slice text = n < size ? slice_cut(in, n + 1, size) : SLICE("");
    struct arena arena;

    arena_init(&arena, 64 << 20);
    compare(&arena, pattern, text, true);
    compare(&arena, pattern, text, false);
    expression(pattern, text);
    arena_done(&arena);
    return 0;
}
