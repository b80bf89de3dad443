/* The store's answers to random queries about random events, against a plain reading of
 * docs/query.md. */
#include "core/test.h"
#include "store/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/fold.h"
#include "core/ip.h"
#include "core/utf8.h"
#include "store/fixture.h"
#include "store/native.h"

static struct fixture store;
static const char *skip_why;

static int setup(void **state)
{
    (void)state;
    (void)fixture_init(&store, &skip_why);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!skip_why)
        fixture_done(&store);
    return 0;
}

static void need_engine(void)
{
    if (skip_why) {
        print_message("skipped: %s\n", skip_why);
        skip();
    }
}

/* ---- a plain reading of docs/query.md, event by event ---- */

/* Whether the pattern fits the whole text, or (open) a beginning of it. '?' is no `barred` byte. */
static bool glob(struct slice p, struct slice t, bool open, const char *barred)
{
    uint32_t c;

    if (p.n == 0)
        return open || t.n == 0;
    if (p.p[0] == QUERY_STAR)
        return glob(slice_cut(p, 1, p.n), t, open, barred) ||
               (t.n && glob(p, slice_cut(t, 1, t.n), open, barred));
    if (p.p[0] == QUERY_ANY) {
        unsigned n = utf8_get(t.p, t.n, &c);
        return n && (t.p[0] == 0 || !strchr(barred, t.p[0])) &&
               glob(slice_cut(p, 1, p.n), slice_cut(t, n, t.n), open, barred);
    }
    return t.n && p.p[0] == t.p[0] &&
           glob(slice_cut(p, 1, p.n), slice_cut(t, 1, t.n), open, barred);
}

static struct slice folded(struct arena *a, struct slice s)
{
    struct slice r;

    assert_int_equal(fold_case_dup(a, s, &r), ERR_NONE);
    return r;
}

static struct slice ascii_lower(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.n + 1);

    assert_non_null(p);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 32 : s.p[i]);
    return (struct slice){p, s.n};
}

static bool whole_fits(struct arena *a, const struct query_node *n, struct slice text)
{
    struct slice p = folded(a, n->value);

    return glob(p, folded(a, text), false, "") || glob(p, ascii_lower(a, text), false, "");
}

/* The pattern with blanks for what is no word; an unanchored search then respects words. */
static struct slice word_pattern(struct arena *a, struct slice value)
{
    struct slice f;
    char *to = arena_alloc(a, 2 * value.n + 8);
    size_t n = 0;

    assert_non_null(to);
    assert_int_equal(fold_search_dup(a, value, &f), ERR_NONE);
    for (size_t i = 0; i <= f.n + 1; i++) {
        char c = i == 0 || i == f.n + 1 ? ' ' : f.p[i - 1];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80 ||
                    c == QUERY_STAR || c == QUERY_ANY;
        bool beside_wild =
            (i == 0 && f.n && (f.p[0] == QUERY_STAR || f.p[0] == QUERY_ANY)) ||
            (i == f.n + 1 && n && (to[n - 1] == QUERY_STAR || to[n - 1] == QUERY_ANY));
        if (word)
            to[n++] = c;
        else if (!beside_wild && (n == 0 || to[n - 1] != ' '))
            to[n++] = ' ';
    }
    return (struct slice){to, n};
}

static bool words_fit(struct arena *a, const struct query_node *n, struct slice words)
{
    struct slice p = word_pattern(a, n->value);

    for (size_t i = 0; i <= words.n; i++)
        if (glob(p, slice_cut(words, i, words.n), true, " \n"))
            return true;
    return false;
}

static struct slice words_of(struct arena *a, struct slice s)
{
    struct buf scratch, out;
    struct slice r;

    buf_init(&scratch, 65536);
    buf_init(&out, 65536);
    assert_int_equal(native_words(s, &scratch, &out), ERR_NONE);
    assert_int_equal(arena_dup(a, buf_slice(&out), &r), ERR_NONE);
    buf_done(&scratch);
    buf_done(&out);
    return r;
}

static bool free_text(struct arena *a, const struct query_node *n, const struct event *ev)
{
    struct buf all;
    struct slice w = words_of(a, ev->message);

    buf_init(&all, 1 << 20);
    assert_int_equal(buf_put(&all, w), ERR_NONE);
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct value *v = &ev->fields[i].v, *items = v->type == VT_LIST ? v->list : v;
        for (uint32_t j = 0; j < (v->type == VT_LIST ? v->list_n : 1); j++) {
            if ((items[j].type != VT_STRING && items[j].type != VT_IP) || items[j].text.n == 0)
                continue;
            assert_int_equal(buf_putc(&all, '\n'), ERR_NONE);
            assert_int_equal(buf_put(&all, words_of(a, items[j].text)), ERR_NONE);
        }
    }
    bool fits = words_fit(a, n, buf_slice(&all));
    buf_done(&all);
    return fits;
}

static bool compare(enum query_op op, double x, double y)
{
    switch (op) {
    case QUERY_IS:
        return x <= y && x >= y;
    case QUERY_LT:
        return x < y;
    case QUERY_LE:
        return x <= y;
    case QUERY_GT:
        return x > y;
    case QUERY_GE:
        return x >= y;
    }
    return false;
}

static bool as_number(struct arena *a, struct slice s, double *ret)
{
    char *end = NULL, *text = arena_cstr(a, s);

    *ret = strtod(text, &end);
    return s.n && end == text + s.n;
}

static bool in_net(struct slice text, const struct cidr *net)
{
    static const uint8_t none[16];
    uint8_t ip[16];

    return ip_parse(text, ip) && memcmp(ip, none, 16) != 0 && cidr_has(net, ip);
}

static bool one_value(struct arena *a, const struct query_node *n, const struct value *v)
{
    enum field_type t = field_info(n->f)->type;
    bool keyword = n->f != F_NONE && (t == FT_KEYWORD || t == FT_LONG || t == FT_TEXT);
    struct cidr net;
    double x, y;

    if (n->op != QUERY_IS)
        return as_number(a, n->value, &y) && as_number(a, v->text, &x) && compare(n->op, x, y);
    if (n->f != F_NONE && t == FT_TEXT && !(n->value.n == 1 && n->value.p[0] == QUERY_STAR))
        return words_fit(a, n, words_of(a, v->text));
    if (!keyword && (t == FT_IP || slice_find(n->value, '/') < n->value.n) &&
        cidr_parse(n->value, &net) && in_net(v->text, &net))
        return true;
    return whole_fits(a, n, v->text);
}

static bool evaluate(struct arena *a, const struct query_node *n, const struct event *ev)
{
    switch (n->kind) {
    case QUERY_ALL:
        return true;
    case QUERY_AND:
        return evaluate(a, n->a, ev) && evaluate(a, n->b, ev);
    case QUERY_OR:
        return evaluate(a, n->a, ev) || evaluate(a, n->b, ev);
    case QUERY_NOT:
        return !evaluate(a, n->a, ev);
    case QUERY_TERM:
        break;
    }
    if (n->field.n == 0)
        return free_text(a, n, ev);
    if (n->f == F_MESSAGE)
        return n->value.n == 1 && n->value.p[0] == QUERY_STAR
                   ? ev->message.n > 0
                   : words_fit(a, n, words_of(a, ev->message));
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct value *v = &ev->fields[i].v, *items = v->type == VT_LIST ? v->list : v;
        if (!slice_eq(ev->fields[i].name, n->field))
            continue;
        for (uint32_t j = 0; j < (v->type == VT_LIST ? v->list_n : 1); j++)
            if (one_value(a, n, &items[j]))
                return true;
    }
    return false;
}

/* ---- random events, random queries ---- */

static uint64_t seed = 20261125;

static unsigned roll(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
static const struct slice values[] = {
    S("admin"),
    S("Admin"),
    S("ADMIN2"),
    S("nguyễn"),
    S("NGUYỄN"),
    S(""),
    S("a\xff"
      "b"),
    S("ａｄｍｉｎ"),
    S("adm in"),
    S("straße"),
    S("a\0b"),
    S("root"),
    S("10.0.0.1"),
    S("10.1.2.3"),
    S("2001:db8::1"),
    S("80"),
    S("443"),
    S("8080"),
    S("192.168.1.1"),
    S("Đăng nhập"),
    S("*"),
    S("a'b\\c"),
    S("1.5"),
    S("C:\\Win\tx\n"),
};
static const char *const bits[] = {"Failed",   "password", "for", "ROOT",   "đăng",
                                   "nhập",     "THẤT",     "bại", "x\xffy", "-",
                                   "10.0.0.1", "admin,",   "(80)"};
static const char *const asked[] = {
    "admin",
    "ADMIN",
    "adm*",
    "*min*",
    "a?min",
    "a*n*",
    "nguyễn",
    "NGUYỄN",
    "nguy?n",
    "\"adm in\"",
    "stra*e",
    "STRASSE",
    "\"\"",
    "*",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.*",
    "2001:db8::/32",
    "80",
    "8*",
    "4?3",
    "dang",
    "\"dang nhap\"",
    "fail*",
    "*word",
    "f*password",
    "p?ssword",
    "root",
    "a?b",
    "a*b",
    "\"failed password\"",
    "that*bai",
    "1.5",
    "::ffff:10.1.2.3",
    "*\\**",
    "\"a'b\\c\"",
    "Đăng*",
    "x*y",
    "0.0.0.0/0",
};
static const char *const names[] = {"user.name",
                                    "source.ip",
                                    "source.port",
                                    "tags",
                                    "own.field",
                                    "source.nat.ip",
                                    "dns.answers.data",
                                    "email.subject",
                                    "process.command_line",
                                    "message",
                                    "network.bytes",
                                    "none.such"};

static void random_field(struct arena *a, struct event *ev, const char *name)
{
    struct slice n = slice_of(name);
    enum field f = field_find(n);
    unsigned how = roll(6);

    if (how == 0 || strcmp(name, "message") == 0 || strcmp(name, "none.such") == 0)
        return;
    if (f != F_NONE && (how == 1 || field_info(f)->type == FT_LIST)) {
        for (unsigned i = roll(3) + 1; i > 0; i--)
            assert_int_equal(event_push(ev, f, values[roll(ARRAY_LEN(values))]), ERR_NONE);
    } else if (how == 2) {
        assert_int_equal(event_add(ev, n, value_int(a, (int64_t)roll(500))), ERR_NONE);
    } else {
        assert_int_equal(event_add(ev, n, value_str(values[roll(ARRAY_LEN(values))])), ERR_NONE);
    }
}

static struct event *random_event(struct arena *a, unsigned n)
{
    char text[400] = "";

    for (unsigned i = roll(6); i > 0; i--) {
        size_t at = strlen(text);
        (void)snprintf(text + at, sizeof(text) - at, "%s ", bits[roll(ARRAY_LEN(bits))]);
    }
    struct slice own;
    assert_int_equal(arena_dup(a, (struct slice){text, strlen(text) + 1}, &own), ERR_NONE);
    struct event *ev = fixture_event(a, n, own.p);
    ev->org = 50;
    ev->system = n;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        random_field(a, ev, names[i]);
    return ev;
}

static void random_query(struct buf *out, unsigned depth)
{
    enum err e = ERR_NONE;
    unsigned how = roll(depth ? 8 : 5);

    if (how < 4) {
        const char *name = names[roll(ARRAY_LEN(names))];
        if (roll(8) == 0 && (strcmp(name, "source.port") == 0 ||
                             strcmp(name, "network.bytes") == 0 || strcmp(name, "own.field") == 0))
            e = buf_printf(out, "%s %s %u", name, roll(2) ? ">" : "<=", roll(500));
        else if (roll(4) == 0)
            e = buf_puts(out, asked[roll(ARRAY_LEN(asked))]);
        else
            e = buf_printf(out, "%s:%s", name, asked[roll(ARRAY_LEN(asked))]);
    } else if (how == 4) {
        e = buf_puts(out, "not ");
        random_query(out, depth ? depth - 1 : 0);
    } else {
        e = buf_putc(out, '(');
        random_query(out, depth - 1);
        if (e == ERR_NONE)
            e = buf_puts(out, how == 5 ? " or " : " ");
        random_query(out, depth - 1);
        if (e == ERR_NONE)
            e = buf_putc(out, ')');
    }
    assert_int_equal(e, ERR_NONE);
}

enum { EVENTS = 400, QUERIES = 500 };

struct trial {
    struct event *ev[EVENTS];
    struct arena kept, a; /* of the events; of one query */
    struct buf text, sql, answer;
    struct store_params params;
    unsigned asked, hits;
};

static void show(const struct event *ev)
{
    print_message("message: %.*s\n", SLICE_ARG(ev->message));
    for (uint32_t k = 0; k < ev->n; k++) {
        const struct value *v = &ev->fields[k].v;
        print_message("%.*s (%d): %.*s", SLICE_ARG(ev->fields[k].name), (int)v->type,
                      SLICE_ARG(v->text));
        for (uint32_t l = 0; l < v->list_n && v->type == VT_LIST; l++)
            print_message(" [%.*s]", SLICE_ARG(v->list[l].text));
        print_message("\n");
    }
}

static void compare_answers(struct trial *t, const struct query_node *q)
{
    uint8_t found[EVENTS] = {0};
    const char *at = t->answer.n ? buf_cstr(&t->answer) : "";

    for (char *end; *at; at = end + (*end == '\n')) {
        unsigned long n = strtoul(at, &end, 10);
        assert_true(end > at && n < EVENTS);
        found[n] = 1;
    }
    for (unsigned j = 0; j < EVENTS; j++) {
        t->hits += found[j];
        if (evaluate(&t->a, q, t->ev[j]) == (found[j] != 0))
            continue;
        show(t->ev[j]);
        fail_msg("event %u is %sfound by %s\n%s", j, found[j] ? "" : "not ", buf_cstr(&t->text),
                 buf_cstr(&t->sql));
    }
}

static void try_query(struct trial *t)
{
    const struct query_node *q = NULL;
    struct diag d = {.code = ERR_NONE};

    buf_reset(&t->text);
    buf_reset(&t->sql);
    buf_reset(&t->answer);
    arena_reset(&t->a);
    t->params.n = 0;
    random_query(&t->text, 3);
    if (query_parse(&t->a, buf_slice(&t->text), &q, &d) != ERR_NONE)
        fail_msg("%s: %s", buf_cstr(&t->text), d.text);
    enum err e = buf_puts(&t->sql, "SELECT toString(system) FROM coloa.events WHERE org = 50 AND ");
    if (e == ERR_NONE)
        e = query_to_sql(q, &t->a, 0, &t->params, &t->sql, &d);
    if (e == ERR_SYNTAX)
        return; /* nothing to look for in prose, no number: said, and tested elsewhere */
    assert_int_equal(e, ERR_NONE);
    t->asked++;
    if (store_select(store.client, buf_slice(&t->sql), &t->params, "TabSeparated", &t->answer,
                     &d) != ERR_NONE)
        fail_msg("%s: %s\n%s", buf_cstr(&t->text), d.text, buf_cstr(&t->sql));
    compare_answers(t, q);
}

static void same_as_plain_reading(void **state)
{
    struct trial *t;
    (void)state;

    need_engine();
    t = calloc(1, sizeof(*t));
    assert_non_null(t);
    arena_init(&t->kept, 64 << 20);
    arena_init(&t->a, 64 << 20);
    buf_init(&t->text, 1 << 20);
    buf_init(&t->sql, 1 << 20);
    buf_init(&t->answer, 1 << 20);
    for (unsigned i = 0; i < EVENTS; i++)
        t->ev[i] = random_event(&t->kept, i);
    fixture_insert(&store, t->ev, EVENTS, "default");
    for (unsigned i = 0; i < QUERIES; i++)
        try_query(t);
    print_message("%u queries, %u hits\n", t->asked, t->hits);
    assert_true(t->asked > QUERIES / 2 && t->hits > EVENTS);
    buf_done(&t->text);
    buf_done(&t->sql);
    buf_done(&t->answer);
    arena_done(&t->a);
    arena_done(&t->kept);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_plain_reading),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
