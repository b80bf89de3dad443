#include "parse/template_int.h"

enum { STEPS_MAX = 20000 };

struct matcher {
    struct slice s;
    struct template_hole *holes;
    size_t n;
    unsigned steps;
};

static bool is_word(char letter)
{
    return letter == 'i' || letter == 'h' || letter == 'm' || letter == 'x';
}

static bool is_digits(char letter)
{
    return letter == 'p' || letter == 'd';
}

/* How far the hole may reach at most. */
static size_t reach(const struct matcher *m, char letter, size_t at)
{
    size_t to = at;

    if (is_word(letter))
        while (to < m->s.n && m->s.p[to] != ' ')
            to++;
    else if (is_digits(letter))
        while (to < m->s.n && m->s.p[to] >= '0' && m->s.p[to] <= '9')
            to++;
    else
        to = m->s.n;
    return to;
}

static bool match(struct matcher *m, const char *t, size_t at)
{
    for (; *t && *t != '%'; t++, at++)
        if (at >= m->s.n || m->s.p[at] != *t)
            return false;
    if (!*t)
        return at == m->s.n;
    char letter = t[1], next = t[2];
    size_t least = at + (is_word(letter) || is_digits(letter)), to = reach(m, letter, at);

    if (m->n == TEMPLATE_HOLES_MAX)
        return false;
    struct template_hole *hole = &m->holes[m->n++];
    for (size_t end = to + 1; end-- > least;) {
        if (++m->steps > STEPS_MAX)
            break;
        if (next == 0 ? end != m->s.n : next != '%' && (end == m->s.n || m->s.p[end] != next))
            continue;
        if (match(m, t + 2, end)) {
            *hole = (struct template_hole){letter, slice_cut(m->s, at, end)};
            return true;
        }
    }
    m->n = (size_t)(hole - m->holes);
    return false;
}

CHECKED bool template_match(const char *text, struct slice s, struct template_hole *ret_holes,
                            size_t *ret_n)
{
    struct matcher m = {.s = s, .holes = ret_holes};

    if (s.n == 0 || (text[0] != '%' && text[0] != s.p[0]) || !match(&m, text, 0))
        return false;
    *ret_n = m.n;
    return true;
}

static void fill(struct event *ev, const struct template_hole *h)
{
    switch (h->letter) {
    case 'u':
        put_text(ev, F_USER_NAME, h->value);
        break;
    case 'e':
        put_text(ev, F_USER_EFFECTIVE_NAME, h->value);
        break;
    case 'i':
        put_address(ev, F_SOURCE_IP, F_SOURCE_DOMAIN, h->value);
        break;
    case 'h':
        put_text(ev, F_SOURCE_DOMAIN, h->value);
        break;
    case 'p':
        put_text(ev, F_SOURCE_PORT, h->value);
        break;
    case 'm':
        put_text(ev, F_SSH_METHOD, h->value);
        break;
    case 'r':
        put_text(ev, F_EVENT_REASON, h->value);
        break;
    case 'l':
        put_text(ev, F_URL_PATH, h->value);
        break;
    case 'c':
        put_text(ev, F_PROCESS_COMMAND_LINE, h->value);
        break;
    default:
        break;
    }
}

bool template_apply(const struct template_row *rows, size_t n, struct slice s, struct event *ev)
{
    struct template_hole holes[TEMPLATE_HOLES_MAX];
    size_t holes_n;

    for (size_t i = 0; i < n; i++) {
        if (!template_match(rows[i].text, s, holes, &holes_n))
            continue;
        for (size_t h = 0; h < holes_n; h++)
            fill(ev, &holes[h]);
        put_text(ev, F_EVENT_ACTION, slice_of(rows[i].action));
        put_words(ev, F_EVENT_CATEGORY, rows[i].category);
        put_words(ev, F_EVENT_TYPE, rows[i].type);
        put_text(ev, F_EVENT_OUTCOME, slice_of(rows[i].outcome));
        return true;
    }
    return false;
}
