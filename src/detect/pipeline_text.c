#include "detect/pipeline_int.h"

static bool listed(struct slice word, const char *names)
{
    while (*names) {
        size_t n = strcspn(names, " ");
        if (slice_eq(word, (struct slice){names, n}))
            return true;
        names += n + (names[n] == ' ');
    }
    return false;
}

/* The modifier that begins behind the bar at `at`; *at moves to the next bar. */
static struct slice next_mod(struct slice mods, size_t *at)
{
    struct slice rest = slice_cut(mods, *at + 1, mods.n);
    size_t n = slice_find(rest, '|');

    *at += 1 + n;
    return slice_cut(rest, 0, n);
}

static bool any_mod(struct slice mods, const char *names)
{
    for (size_t at = 0; at < mods.n;)
        if (listed(next_mod(mods, &at), names))
            return true;
    return false;
}

bool pipe_mod(struct slice mods, const char *name)
{
    return any_mod(mods, name);
}

CHECKED enum err pipe_mods_less(struct pipe_run *r, struct slice mods, const char *names,
                                struct slice *ret)
{
    char *to = pipe_take(r, mods.n + 1);
    size_t n = 0;

    if (!to)
        return ERR_LIMIT;
    for (size_t at = 0; at < mods.n;) {
        struct slice m = next_mod(mods, &at);
        if (listed(m, names))
            continue;
        to[n++] = '|';
        if (m.n)
            memcpy(to + n, m.p, m.n);
        n += m.n;
    }
    *ret = (struct slice){to, n};
    return ERR_NONE;
}

bool pipe_is_text(const struct pipe_det *d)
{
    return !any_mod(d->mods, "re cidr gt gte lt lte exists fieldref wide utf16le utf16be utf16 "
                             "base64 base64offset windash");
}

bool pipe_is_text_value(const struct pipe_det *d, const struct json_node *v)
{
    bool part = any_mod(d->mods, "contains startswith endswith");

    return pipe_is_text(d) && (v->type == JSON_STRING || (part && v->type != JSON_NULL));
}

/* "%name%" with no backslash before it; *ret_n bytes long. */
static bool hole_at(struct slice s, size_t i, size_t *ret_n)
{
    if (s.p[i] != '%' || (i && s.p[i - 1] == '\\'))
        return false;
    struct slice rest = slice_cut(s, i + 1, s.n);
    size_t n = slice_find(rest, '%');
    *ret_n = n + 2;
    return n > 0 && n < rest.n;
}

static void push(struct pipe_text *t, enum pipe_part_kind kind, struct slice s)
{
    if (kind != PART_LITERAL || s.n)
        t->p[t->n++] = (struct pipe_part){kind, s};
}

/* A literal run, its placeholders apart; "\%" is a percent sign. */
static void push_run(struct pipe_text *t, char *s, size_t n, bool holes)
{
    size_t from = 0, to = 0, len = 0;

    for (size_t i = 0; holes && i < n; i++) {
        if (hole_at((struct slice){s, n}, i, &len)) {
            push(t, PART_LITERAL, (struct slice){s + from, to - from});
            push(t, PART_HOLE, (struct slice){s + i + 1, len - 2});
            i += len - 1;
            from = to = i + 1;
        } else if (s[i] == '\\' && i + 1 < n && s[i + 1] == '%') {
            continue;
        } else {
            s[to++] = s[i];
        }
    }
    push(t, PART_LITERAL, (struct slice){s + from, (holes ? to : n) - from});
}

CHECKED enum err pipe_text_parse(struct pipe_run *r, struct slice s, bool holes,
                                 struct pipe_text *ret)
{
    size_t marks = 4, n = 0;

    for (size_t i = 0; i < s.n; i++)
        marks += s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '%' ? 2 : 0;
    struct pipe_text t = {.p = pipe_take(r, marks * sizeof(*t.p))};
    char *run = pipe_take(r, s.n + 1);
    if (!t.p || !run)
        return ERR_LIMIT;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : 0;
        if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
            run[n++] = next;
            i++;
        } else if (c == '*' || c == '?') {
            push_run(&t, run, n, holes);
            push(&t, c == '*' ? PART_MANY : PART_ONE, SLICE(""));
            run += n;
            n = 0;
        } else {
            run[n++] = c;
        }
    }
    push_run(&t, run, n, holes);
    *ret = t;
    return ERR_NONE;
}

CHECKED enum err pipe_text_of(struct pipe_run *r, const struct pipe_det *d, struct slice value,
                              struct pipe_text *ret)
{
    struct pipe_text t;
    bool contains = any_mod(d->mods, "contains");
    bool before = contains || any_mod(d->mods, "endswith");
    bool behind = contains || any_mod(d->mods, "startswith");
    enum err e = pipe_text_parse(r, value, any_mod(d->mods, "expand"), &t);

    if (e != ERR_NONE)
        return e;
    if (before && (t.n == 0 || t.p[0].kind != PART_MANY)) {
        memmove(t.p + 1, t.p, t.n * sizeof(*t.p));
        t.p[0] = (struct pipe_part){PART_MANY, SLICE("")};
        t.n++;
    }
    if (behind && (t.n == 0 || t.p[t.n - 1].kind != PART_MANY))
        push(&t, PART_MANY, SLICE(""));
    *ret = t;
    return ERR_NONE;
}

static CHECKED enum err print(struct pipe_run *r, const struct pipe_text *t, const char *escaped,
                              struct slice *ret)
{
    size_t cap = 1, n = 0;

    for (size_t i = 0; i < t->n; i++)
        cap += 2 * t->p[i].s.n + 2;
    char *to = pipe_take(r, cap);
    if (!to)
        return ERR_LIMIT;
    for (size_t i = 0; i < t->n; i++) {
        const struct pipe_part *p = &t->p[i];
        if (p->kind == PART_MANY || p->kind == PART_ONE)
            to[n++] = p->kind == PART_MANY ? '*' : '?';
        if (p->kind == PART_HOLE)
            to[n++] = '%';
        for (size_t k = 0; k < p->s.n; k++) {
            if (p->kind == PART_LITERAL && p->s.p[k] && strchr(escaped, p->s.p[k]))
                to[n++] = '\\';
            to[n++] = p->s.p[k];
        }
        if (p->kind == PART_HOLE)
            to[n++] = '%';
    }
    *ret = (struct slice){to, n};
    return ERR_NONE;
}

CHECKED enum err pipe_text_plain(struct pipe_run *r, const struct pipe_text *t, struct slice *ret)
{
    return print(r, t, "*?", ret);
}

CHECKED enum err pipe_text_rule(struct pipe_run *r, const struct pipe_text *t, struct slice *ret)
{
    return print(r, t, "*?\\", ret);
}

/* Grows by doubling inside the arena. */
struct out {
    struct pipe_run *r;
    char *p;
    size_t n, cap;
};

static CHECKED enum err put(struct out *o, struct slice s)
{
    if (o->n + s.n > o->cap) {
        size_t cap = (o->n + s.n) * 2 + 64;
        char *p = pipe_take(o->r, cap);
        if (!p)
            return ERR_LIMIT;
        if (o->n)
            memcpy(p, o->p, o->n);
        o->p = p;
        o->cap = cap;
    }
    if (s.n && o->p)
        memcpy(o->p + o->n, s.p, s.n);
    o->n += s.n;
    return ERR_NONE;
}

/* What a backslash in a replacement begins: a group, or a byte. How long it is. */
static size_t escape(const struct regex *re, struct slice by, size_t i, const struct slice *groups,
                     size_t n, struct slice *ret)
{
    static const char plain[] = "n\nt\tr\rf\fv\va\ab\b";
    char c = i + 1 < by.n ? by.p[i + 1] : 0;
    size_t g = 0, len = 2;

    if (c >= '1' && c <= '9') {
        g = (size_t)(c - '0');
        if (i + 2 < by.n && by.p[i + 2] >= '0' && by.p[i + 2] <= '9' && g < 10) {
            g = g * 10 + (size_t)(by.p[i + 2] - '0');
            len = 3;
        }
        *ret = g < n ? groups[g] : SLICE("");
        return len;
    }
    if (c == 'g' && i + 2 < by.n && by.p[i + 2] == '<') {
        struct slice rest = slice_cut(by, i + 3, by.n);
        size_t end = slice_find(rest, '>');
        uint64_t number;
        g = slice_to_u64(slice_cut(rest, 0, end), &number)
                ? (size_t)number
                : regex_group(re, slice_cut(rest, 0, end));
        *ret = g < n ? groups[g] : SLICE("");
        return 3 + end + (end < rest.n);
    }
    for (size_t k = 0; c && k + 1 < sizeof(plain); k += 2)
        if (plain[k] == c) {
            *ret = (struct slice){&plain[k + 1], 1};
            return 2;
        }
    *ret = c == '\\' || c == 0 ? SLICE("\\") : slice_cut(by, i, i + 2);
    return c ? 2 : 1;
}

static CHECKED enum err put_replacement(struct out *o, const struct regex *re, struct slice by,
                                        const struct slice *groups, size_t n)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < by.n;) {
        struct slice s = slice_cut(by, i, i + 1);
        i += s.p[0] == '\\' ? escape(re, by, i, groups, n, &s) : 1;
        e = put(o, s);
    }
    return e;
}

CHECKED enum err pipe_sub(struct pipe_run *r, const struct regex *re, struct slice by,
                          struct slice in, struct slice *ret)
{
    struct slice groups[REGEX_GROUPS_MAX];
    struct out o = {.r = r};
    size_t at = 0, n = 0;
    bool empty = false;
    if (!in.p)
        in = SLICE("");
    enum err e = put(&o, SLICE(""));

    while (e == ERR_NONE && (n = regex_groups(re, r->scratch, in, at, empty, groups))) {
        size_t from = (size_t)(groups[0].p - in.p);
        e = put(&o, slice_cut(in, at, from));
        if (e == ERR_NONE)
            e = put_replacement(&o, re, by, groups, n);
        at = from + groups[0].n;
        empty = groups[0].n == 0;
    }
    if (e == ERR_NONE)
        e = put(&o, slice_cut(in, at, in.n));
    *ret = (struct slice){o.n ? o.p : "", o.n};
    return e;
}

CHECKED enum err pipe_case(struct pipe_run *r, struct slice in, struct slice how, struct slice *ret)
{
    bool up = slice_eq(how, SLICE("upper")), snake = slice_eq(how, SLICE("snake_case"));
    char *to = pipe_take(r, in.n * 2 + 1);
    size_t n = 0;

    if (!to)
        return ERR_LIMIT;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
        if (snake && upper && i)
            to[n++] = '_';
        if (up && lower)
            c = (char)(c - 32);
        if (!up && upper)
            c = (char)(c + 32);
        to[n++] = c;
    }
    *ret = (struct slice){to, n};
    return ERR_NONE;
}
