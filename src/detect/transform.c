#include "detect/transform_int.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One code point, or the byte itself where UTF-8 is not valid. */
static uint32_t decode(struct toks t, size_t *at)
{
    uint8_t c = (uint8_t)t.t[*at].byte;
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 0;
    uint32_t cp = more == 3 ? c & 0x07u : more == 2 ? c & 0x0fu : more == 1 ? c & 0x1fu : c;

    (*at)++;
    for (size_t i = 0; i < more; i++) {
        size_t k = *at + i;
        if (k >= t.n || t.t[k].kind != TOK_BYTE || ((uint8_t)t.t[k].byte & 0xc0) != 0x80)
            return c;
        cp = cp << 6 | ((uint8_t)t.t[k].byte & 0x3fu);
    }
    if (cp > 0x10ffff)
        return c;
    *at += more;
    return cp;
}

static size_t put_unit(struct tok *to, uint32_t unit, bool big)
{
    char hi = (char)(unit >> 8), lo = (char)(unit & 0xff);

    to[0] = (struct tok){TOK_BYTE, big ? hi : lo};
    to[1] = (struct tok){TOK_BYTE, big ? lo : hi};
    return 2;
}

static CHECKED enum err utf16(struct arena *a, enum transform how, struct toks *t)
{
    struct tok *to = arena_alloc(a, (t->n * 4 + 2) * sizeof(*to));
    bool big = how == TRANSFORM_UTF16BE;
    size_t n = 0;

    if (!to)
        return ERR_NOMEM;
    if (how == TRANSFORM_UTF16)
        n += put_unit(to, 0xfeff, false);
    for (size_t i = 0; i < t->n;) {
        if (t->t[i].kind != TOK_BYTE) {
            to[n++] = t->t[i++];
            continue;
        }
        uint32_t cp = decode(*t, &i);
        if (cp >= 0x10000) {
            n += put_unit(to + n, 0xd800 + ((cp - 0x10000) >> 10), big);
            cp = 0xdc00 + (cp & 0x3ff);
        }
        n += put_unit(to + n, cp, big);
    }
    *t = (struct toks){to, n};
    return ERR_NONE;
}

/* The base64 of t behind `lead` unknown bytes, without the characters that these or what follows
 * would change. lead 0 with `whole` is plain base64 with its padding. */
static CHECKED enum err base64(struct arena *a, struct toks t, size_t lead, bool whole,
                               struct toks *ret)
{
    size_t total = t.n + lead, groups = (total + 2) / 3;
    struct tok *to = arena_alloc(a, (groups * 4 + 1) * sizeof(*to));
    static const size_t skip_front[] = {0, 2, 3}, skip_back[] = {0, 3, 2};

    if (!to)
        return ERR_NOMEM;
    for (size_t g = 0; g < groups; g++) {
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++) {
            size_t i = g * 3 + k;
            uint8_t c = i >= lead && i < total ? (uint8_t)t.t[i - lead].byte : 0;
            v = v << 8 | c;
        }
        for (size_t k = 0; k < 4; k++)
            to[g * 4 + k] = (struct tok){TOK_BYTE, alphabet[v >> (18 - 6 * k) & 63]};
    }
    size_t n = groups * 4, pad = (3 - total % 3) % 3;
    if (whole) {
        for (size_t k = 0; k < pad; k++)
            to[n - 1 - k].byte = '=';
        *ret = (struct toks){to, n};
        return ERR_NONE;
    }
    size_t back = skip_back[total % 3], front = skip_front[lead];
    *ret = (struct toks){to + front, n > front + back ? n - front - back : 0};
    return ERR_NONE;
}

static bool word(const struct tok *t)
{
    char c = t->byte;

    return t->kind == TOK_BYTE && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || c == '_' || (uint8_t)c >= 0x80);
}

/* A dash or slash that begins an option: a word follows it, none stands before it. */
static CHECKED enum err windash(struct arena *a, struct toks *t)
{
    struct tok *to = arena_alloc(a, (t->n + 1) * sizeof(*to));

    if (!to)
        return ERR_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        bool dash = t->t[i].kind == TOK_BYTE && (t->t[i].byte == '-' || t->t[i].byte == '/');
        to[i] = t->t[i];
        if (dash && i + 1 < t->n && word(&t->t[i + 1]) && (i == 0 || !word(&t->t[i - 1])))
            to[i].kind = TOK_DASH;
    }
    *t = (struct toks){to, t->n};
    return ERR_NONE;
}

/* What is encoded has no choice in it: each dash becomes five values. */
static CHECKED enum err undash(struct arena *a, struct alts *alts, struct diag *diag)
{
    static const char *const five[] = {"-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"};

    for (size_t i = 0; i < alts->n;) {
        struct toks t = alts->t[i];
        size_t at = 0;
        while (at < t.n && t.t[at].kind != TOK_DASH)
            at++;
        if (at == t.n) {
            i++;
            continue;
        }
        if (alts->n + ARRAY_LEN(five) - 1 > TRANSFORM_ALTS_MAX)
            return FAIL(diag, ERR_LIMIT, 0, "too many encodings of one value");
        for (size_t k = 0; k < ARRAY_LEN(five); k++) {
            struct tok *to = arena_alloc(a, (t.n + 2) * sizeof(*to));
            if (!to)
                return ERR_NOMEM;
            memcpy(to, t.t, at * sizeof(*to));
            size_t n = strlen(five[k]);
            for (size_t b = 0; b < n; b++)
                to[at + b] = (struct tok){TOK_BYTE, five[k][b]};
            memcpy(to + at + n, t.t + at + 1, (t.n - at - 1) * sizeof(*to));
            alts->t[k ? alts->n++ : i] = (struct toks){to, t.n - 1 + n};
        }
    }
    return ERR_NONE;
}

static CHECKED enum err offsets(struct arena *a, struct alts *alts, struct diag *diag)
{
    struct alts out = {.n = 0};

    if (alts->n * 3 > TRANSFORM_ALTS_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "too many encodings of one value");
    for (size_t i = 0; i < alts->n; i++) {
        for (size_t lead = 0; lead < 3; lead++) {
            enum err e = base64(a, alts->t[i], lead, false, &out.t[out.n]);
            if (e != ERR_NONE)
                return e;
            if (out.t[out.n].n == 0)
                return FAIL(diag, ERR_SYNTAX, 0, "the value is too short for base64offset");
            out.n++;
        }
    }
    *alts = out;
    return ERR_NONE;
}

CHECKED enum err transform_apply(struct arena *a, enum transform how, struct alts *alts,
                                 struct diag *diag)
{
    bool encodes = how == TRANSFORM_BASE64 || how == TRANSFORM_BASE64OFFSET;
    enum err e = how == TRANSFORM_WINDASH ? ERR_NONE : undash(a, alts, diag);

    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; encodes && i < alts->n; i++)
        if (pattern_has_wildcards(alts->t[i]))
            return FAIL(diag, ERR_SYNTAX, 0, "a value with wildcards can't be encoded as base64");
    if (how == TRANSFORM_BASE64OFFSET)
        return offsets(a, alts, diag);
    for (size_t i = 0; e == ERR_NONE && i < alts->n; i++) {
        if (how == TRANSFORM_BASE64)
            e = base64(a, alts->t[i], 0, true, &alts->t[i]);
        else if (how == TRANSFORM_WINDASH)
            e = windash(a, &alts->t[i]);
        else
            e = utf16(a, how, &alts->t[i]);
    }
    return e;
}
