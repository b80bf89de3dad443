#include "detect/regex_int.h"

/* Walks the expression's outermost sequence. Whatever is not plainly one character that must be
 * there ends the run; what is not understood ends the search. */
struct walk {
    struct slice in;
    size_t at;
    char run[REGEX_NEED_MAX];
    size_t run_n;
    char *best;
    size_t best_n;
};

static void end_run(struct walk *w)
{
    if (w->run_n > w->best_n) {
        memcpy(w->best, w->run, w->run_n);
        w->best_n = w->run_n;
    }
    w->run_n = 0;
}

/* The class from '[' on; false when it does not end. */
static bool skip_class(struct walk *w)
{
    w->at++;
    if (w->at < w->in.n && w->in.p[w->at] == '^')
        w->at++;
    if (w->at < w->in.n && w->in.p[w->at] == ']')
        w->at++;
    for (; w->at < w->in.n; w->at++) {
        char c = w->in.p[w->at], next = w->at + 1 < w->in.n ? w->in.p[w->at + 1] : 0;
        if (c == '\\')
            w->at++;
        else if (c == '[' && (next == ':' || next == '.' || next == '='))
            return false; /* a named class: rare, and brackets within brackets */
        else if (c == ']') {
            w->at++;
            return true;
        }
    }
    return false;
}

/* The group from '(' on, whatever it says. */
static bool skip_group(struct walk *w)
{
    unsigned depth = 0;

    while (w->at < w->in.n) {
        char c = w->in.p[w->at];
        if (c == '[') {
            if (!skip_class(w))
                return false;
            continue;
        }
        w->at += c == '\\' ? 2 : 1;
        depth += c == '(';
        if (c == ')' && --depth == 0)
            return true;
    }
    return false;
}

/* What repeats the character before: 0 nothing, '?' it may be missing, '+' it is there. */
static char quantifier(struct walk *w)
{
    char c = w->at < w->in.n ? w->in.p[w->at] : 0;

    if (c == '*' || c == '?')
        return '?';
    if (c == '+')
        return '+';
    /* "{0" and "{," may mean none; any other brace is taken for the same. */
    return c == '{' ? '?' : 0;
}

static void skip_quantifier(struct walk *w)
{
    if (w->at < w->in.n && w->in.p[w->at] == '{') {
        while (w->at < w->in.n && w->in.p[w->at] != '}')
            w->at++;
    }
    while (w->at < w->in.n && strchr("*+?}", w->in.p[w->at]) && w->in.p[w->at])
        w->at++;
}

static void one_character(struct walk *w, char c)
{
    char how = quantifier(w);

    if ((unsigned char)c >= 0x80 || how == '?' || w->run_n == REGEX_NEED_MAX)
        end_run(w);
    if ((unsigned char)c < 0x80 && how != '?')
        w->run[w->run_n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    if (how) {
        end_run(w);
        skip_quantifier(w);
    }
}

static bool punctuation(char c)
{
    return c > ' ' && c < 0x7f &&
           !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
}

/* An escape: of punctuation it is that character, else something else, or the end of the search. */
static bool escape(struct walk *w)
{
    char c = w->at + 1 < w->in.n ? w->in.p[w->at + 1] : 0;

    if (punctuation(c)) {
        w->at += 2;
        one_character(w, c);
        return true;
    }
    if (!c || !strchr("bBdDsSwWAZznrtfvhHRG", c))
        return false;
    w->at += 2;
    end_run(w);
    skip_quantifier(w);
    return true;
}

static bool step(struct walk *w)
{
    char c = w->in.p[w->at];

    if (c == '\\')
        return escape(w);
    if (c == '|' || c == ')' || c == 0)
        return false;
    if (c == '(' || c == '[') {
        end_run(w);
        if (!(c == '(' ? skip_group(w) : skip_class(w)))
            return false;
        skip_quantifier(w);
        return true;
    }
    w->at++;
    if (c == '.' || c == '^' || c == '$') {
        end_run(w);
        skip_quantifier(w);
        return true;
    }
    one_character(w, c);
    return true;
}

/* Options that change what the characters mean, verbs, and quoting. */
static bool strange(struct slice s)
{
    for (size_t i = 0; i + 1 < s.n; i++) {
        if (s.p[i] == '\\' && (s.p[i + 1] == 'Q' || s.p[i + 1] == 'E'))
            return true;
        if (s.p[i] == '\\') {
            i++;
            continue;
        }
        if (s.p[i] == '(' && s.p[i + 1] == '*')
            return true;
        if (s.p[i] != '(' || s.p[i + 1] != '?' || i + 2 >= s.n)
            continue;
        char c = s.p[i + 2];
        bool only_i = c == 'i' && i + 3 < s.n && (s.p[i + 3] == ')' || s.p[i + 3] == ':');
        if (!only_i && !strchr(":=!<>P'", c))
            return true;
    }
    return false;
}

size_t regex_needs(struct slice expression, char to[static REGEX_NEED_MAX])
{
    struct walk w = {.in = expression, .best = to};

    if (strange(expression))
        return 0;
    while (w.at < w.in.n)
        if (!step(&w))
            return 0;
    end_run(&w);
    return w.best_n;
}
