#include "cmd/rules_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "detect/correlate.h"
#include "parse/parse.h"

#define RECEIVED_NS INT64_C(1795568462000000000)

enum {
    LINE_BYTES_MAX = 1 << 20,
    REPEAT_MAX = 100000,
    EXPLAIN_BYTES_MAX = 64 << 10,
    VALUE_SHOWN = 200,
};

struct rules_try {
    struct ruleset *rs; /* a reference */
    struct detect_scratch *scratch;
    struct arena arena;
    struct json_reader *reader;
    struct buf line, text;
    struct correlator *correlator; /* while a sequence runs */
    int64_t now_ns;                /* the time of its event; 0: as the line says */
    uint32_t number;               /* of the record, so that ids differ */
    /* what the last line or sequence did */
    size_t rule;
    bool hit;
    bool cut;       /* the text is not whole */
    bool explains;  /* each event is explained, not matched */
    size_t matched; /* events of a sequence that any rule found */
    /* where failures go */
    struct rules_try_sums *sums;
    rules_try_fn *fn;
    void *arg;
};

void rules_try_free(struct rules_try *t)
{
    if (!t)
        return;
    ruleset_unref(t->rs);
    detect_scratch_free(t->scratch);
    json_reader_free(t->reader);
    arena_done(&t->arena);
    buf_done(&t->line);
    buf_done(&t->text);
    free(t);
}

struct rules_try *rules_try_new(struct ruleset *rs)
{
    struct rules_try *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->rs = ruleset_ref(rs);
    arena_init(&t->arena, 64 << 20);
    buf_init(&t->line, LINE_BYTES_MAX);
    buf_init(&t->text, EXPLAIN_BYTES_MAX);
    t->scratch = detect_scratch_new();
    t->reader = json_reader_new(LINE_BYTES_MAX, 100000);
    if (!t->scratch || !t->reader) {
        rules_try_free(t);
        return NULL;
    }
    return t;
}

/* What does not fit is left out: the text is for reading. */
static void say(struct rules_try *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct rules_try *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enum err e = buf_vprintf(&t->text, fmt, ap);
    t->cut |= e != ERR_NONE;
    va_end(ap);
}

static void on_finding(void *arg, const struct finding *f)
{
    struct rules_try *t = arg;

    if (t->correlator && !f->correlation) {
        t->matched++;
        if (correlator_feed(t->correlator, t->scratch, f, on_finding, t) != ERR_NONE)
            say(t, "out of memory\n");
        if (f->silent)
            return;
    }
    t->hit |= f->rule == ruleset_rule(t->rs, t->rule);
}

static void on_step(void *arg, const struct explain_step *s)
{
    static const char *const kinds[] = {[EXPLAIN_SOURCE] = "log source",
                                        [EXPLAIN_SELECTION] = "selection",
                                        [EXPLAIN_ITEM] = "field",
                                        [EXPLAIN_CONDITION] = "the condition"};
    struct rules_try *t = arg;
    struct slice name = s->name;

    if (s->kind == EXPLAIN_SELECTION && name.n == 0)
        name = SLICE("(...)");
    if (s->kind == EXPLAIN_ITEM && name.n == 0)
        name = SLICE("(keywords)");
    say(t, "%s %*s%s%s%.*s", s->holds ? "yes" : "NO ", (int)(2 * s->depth), "", kinds[s->kind],
        name.n ? " " : "", SLICE_ARG(name));
    if (s->kind == EXPLAIN_ITEM && !s->present)
        say(t, ": the event has no value");
    else if (s->kind == EXPLAIN_ITEM)
        say(t, " = %.*s%s", (int)(s->value.n > VALUE_SHOWN ? VALUE_SHOWN : s->value.n), s->value.p,
            s->value.n > VALUE_SHOWN ? "..." : "");
    say(t, "\n");
}

static void on_event(void *arg, struct event *ev)
{
    struct rules_try *t = arg;

    if (t->now_ns)
        ev->timestamp_ns = t->now_ns;
    if (t->explains)
        (void)detect_explain(t->rs, t->scratch, ev, t->rule, on_step, t);
    else
        (void)detect_event(t->rs, t->scratch, ev, on_finding, t);
}

/* What a sender over HTTP would send begins with a brace or a date; the rest is syslog. */
static void take_line(struct rules_try *t, struct slice line, int64_t received_ns)
{
    struct parse_ctx ctx = {.arena = &t->arena, .json = t->reader};
    struct record r = {.received_ns = received_ns, .input = INPUT_SYSLOG_UDP};

    arena_reset(&t->arena);
    t->number++;
    memcpy(r.id.b, &t->number, sizeof(t->number));
    if (line.n && (line.p[0] == '{' || line.p[0] == '2'))
        r.input = INPUT_HTTP;
    r.id.b[6] = 0x70;
    if (arena_dup(&t->arena, line, &r.payload) == ERR_NONE)
        (void)parse_record(&ctx, &r, on_event, t);
}

static void put_node(struct jsonw *w, const struct json_node *n)
{
    switch (n->type) {
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (n->type == JSON_ARRAY)
            jsonw_array(w);
        else
            jsonw_object(w);
        for (const struct json_node *k = n->child; k; k = k->next) {
            if (n->type == JSON_OBJECT)
                jsonw_key(w, k->key);
            put_node(w, k);
        }
        if (n->type == JSON_ARRAY)
            jsonw_close_array(w);
        else
            jsonw_close_object(w);
        break;
    case JSON_BOOL:
        jsonw_bool(w, n->b);
        break;
    case JSON_INT:
        jsonw_int(w, n->i);
        break;
    case JSON_UINT:
        jsonw_uint(w, n->u);
        break;
    case JSON_DOUBLE:
        jsonw_double(w, n->d);
        break;
    case JSON_NULL:
        jsonw_null(w);
        break;
    case JSON_STRING:
        jsonw_str(w, n->str);
        break;
    }
}

/* The line into t->line, with `n` for the first "{n}". */
static bool line_of(struct rules_try *t, const struct json_node *node, int64_t n)
{
    struct jsonw w;

    buf_reset(&t->line);
    if (!node)
        return false;
    if (node->type == JSON_OBJECT) {
        jsonw_init(&w, &t->line);
        put_node(&w, node);
        return jsonw_end(&w) == ERR_NONE;
    }
    if (node->type != JSON_STRING)
        return false;
    const char *hole = n >= 0 ? memmem(node->str.p, node->str.n, "{n}", 3) : NULL;
    size_t before = hole ? (size_t)(hole - node->str.p) : node->str.n;
    enum err e = buf_put(&t->line, slice_cut(node->str, 0, before));
    if (e == ERR_NONE && hole)
        e = buf_printf(&t->line, "%lld", (long long)n);
    if (e == ERR_NONE && hole)
        e = buf_put(&t->line, slice_cut(node->str, before + 3, node->str.n));
    return e == ERR_NONE;
}

static void fail(struct rules_try *t, const char *kind, size_t number, const struct json_node *at,
                 const char *message)
{
    struct rules_try_failure f = {.rule = ruleset_rule(t->rs, t->rule),
                                  .kind = kind,
                                  .number = number,
                                  .line = at ? at->line : 0,
                                  .message = message,
                                  .event = buf_slice(&t->line),
                                  .explanation = buf_slice(&t->text)};

    t->sums->failures++;
    t->fn(t->arg, &f);
    buf_reset(&t->text);
}

static void run_lines(struct rules_try *t, const struct json_node *doc, const char *key, bool want)
{
    const struct json_node *list = json_get(doc, key);
    size_t number = 0;

    if (list && list->type != JSON_ARRAY)
        fail(t, "test", 0, list, "match and no_match are lists of lines");
    for (const struct json_node *n = list && list->type == JSON_ARRAY ? list->child : NULL; n;
         n = n->next) {
        number++;
        t->sums->match += want;
        t->sums->no_match += !want;
        if (!line_of(t, n, -1)) {
            fail(t, key, number, n, "an event is a line of text or a map");
            continue;
        }
        t->hit = false;
        take_line(t, buf_slice(&t->line), RECEIVED_NS);
        if (t->hit == want)
            continue;
        t->explains = true;
        take_line(t, buf_slice(&t->line), RECEIVED_NS);
        t->explains = false;
        fail(t, key, number, n, want ? "not found" : "found, and should not be");
    }
}

static bool run_event(struct rules_try *t, const struct json_node *e, size_t *events)
{
    int64_t times = json_get_int(e, "times", 1), every = json_get_int(e, "every", 0);
    int64_t at = json_get_int(e, "at", 0);

    if (times < 0 || times > REPEAT_MAX || every < 0 || every > 1000000 || at < 0 ||
        at > 1000000000)
        return false;
    for (int64_t n = 0; n < times; n++) {
        if (!line_of(t, json_get(e, "line"), n))
            return false;
        t->now_ns = RECEIVED_NS + (at + n * every) * NS_PER_S;
        take_line(t, buf_slice(&t->line), t->now_ns);
        ++*events;
    }
    return true;
}

static void run_sequence(struct rules_try *t, const struct json_node *s, size_t number)
{
    const struct correlator_options o = {.lateness_ns = 60 * NS_PER_S, .rule_bytes = 16 << 20};
    const struct json_node *events = json_get(s, "events");
    bool want = json_get_bool(s, "found", false), ok = true;
    size_t sent = 0;

    t->hit = false;
    t->matched = 0;
    if (correlator_new(t->rs, &o, &t->correlator) != ERR_NONE) {
        fail(t, "sequences", number, s, "out of memory");
        return;
    }
    for (const struct json_node *e = events ? events->child : NULL; e && ok; e = e->next)
        ok = run_event(t, e, &sent);
    correlator_advance(t->correlator, INT64_MAX, on_finding, t);
    correlator_free(t->correlator);
    t->correlator = NULL;
    t->now_ns = 0;
    buf_reset(&t->line);
    if (want)
        t->sums->found_sequence = true;
    else
        t->sums->quiet_sequence = true;
    if (ok && t->hit == want)
        return;
    say(t, "%zu events, %zu matches of rules on events\n", sent, t->matched);
    fail(t, "sequences", number, s,
         !ok    ? "an event is {at, line, times, every}, with numbers of a sensible size"
         : want ? "not found"
                : "found, and should not be");
}

/* The rule that the test is of. */
static bool choose(struct rules_try *t, const struct json_node *doc, const char *rule_path)
{
    struct slice name = json_get_str(doc, "rule");
    bool any = false;

    for (size_t i = 0; i < ruleset_n(t->rs); i++) {
        const struct rule_info *ri = ruleset_rule(t->rs, i);
        bool wanted = strcmp(ri->path, rule_path) == 0;
        if (wanted && name.n)
            wanted = slice_eq(name, slice_of(ri->id)) || slice_eq(name, slice_of(ri->title));
        if (wanted) {
            t->rule = i;
            any = true;
        }
    }
    return any;
}

static void run_test(struct rules_try *t, const struct json_node *doc, const char *rule_path)
{
    const struct json_node *list = json_get(doc, "sequences");
    size_t number = 0;

    if (!choose(t, doc, rule_path)) {
        struct rules_try_failure f = {.kind = "test",
                                      .line = doc->line,
                                      .message = "no loaded rule of the file is the one tested"};
        t->sums->failures++;
        t->fn(t->arg, &f);
        return;
    }
    run_lines(t, doc, "match", true);
    run_lines(t, doc, "no_match", false);
    buf_reset(&t->line);
    for (const struct json_node *s = list ? list->child : NULL; s; s = s->next) {
        t->sums->sequences++;
        run_sequence(t, s, ++number);
    }
    if (!list && !json_get(doc, "match") && !json_get(doc, "no_match"))
        fail(t, "test", 0, doc, "the test has no match, no_match or sequences");
}

bool rules_try_run(struct rules_try *t, const struct json_node *docs, const char *rule_path,
                   struct rules_try_sums *sums, rules_try_fn *fn, void *arg)
{
    bool any = false;

    t->sums = sums;
    t->fn = fn;
    t->arg = arg;
    for (const struct json_node *d = docs->child; d; d = d->next) {
        if (!json_get(d, "coloa_tests"))
            continue;
        any = true;
        run_test(t, d, rule_path);
    }
    return any;
}
