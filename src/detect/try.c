#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/json.h"
#include "detect/try_int.h"

static struct arena arena;
static struct json_reader *reader;
static struct detect_scratch *scratch;
static struct event event;
static struct record record;
static char ids[8192];
static char matched[32][512];
static size_t matched_n;

static void start(void)
{
    if (reader)
        return;
    arena_init(&arena, 64 << 20);
    reader = json_reader_new(4 << 20, 200000);
    scratch = detect_scratch_new();
    assert_non_null(reader);
    assert_non_null(scratch);
}

void try_done(void)
{
    json_reader_free(reader);
    reader = NULL;
    detect_scratch_free(scratch);
    scratch = NULL;
    arena_done(&arena);
}

static struct value scalar(const struct json_node *n)
{
    char text[64];
    struct slice s = SLICE("");

    switch (n->type) {
    case JSON_NULL:
        return (struct value){.type = VT_NULL, .text = SLICE("")};
    case JSON_BOOL:
        return (struct value){
            .type = VT_BOOL, .text = n->b ? SLICE("true") : SLICE("false"), .i = n->b};
    case JSON_INT:
        return value_int(&arena, n->i);
    case JSON_UINT:
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n->u);
        assert_int_equal(arena_dup(&arena, slice_of(text), &s), ERR_NONE);
        return value_str(s);
    case JSON_DOUBLE:
        (void)snprintf(text, sizeof(text), "%.17g", n->d);
        assert_int_equal(arena_dup(&arena, slice_of(text), &s), ERR_NONE);
        return (struct value){.type = VT_DOUBLE, .text = s, .d = n->d};
    case JSON_STRING:
        assert_int_equal(arena_dup(&arena, n->str, &s), ERR_NONE);
        return value_str(s);
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return value_str(SLICE(""));
}

static void flatten(const struct json_node *obj, struct slice prefix)
{
    for (const struct json_node *n = obj->child; n; n = n->next) {
        char *name = arena_alloc(&arena, prefix.n + n->key.n + 1);
        assert_non_null(name);
        memcpy(name, prefix.p, prefix.n);
        memcpy(name + prefix.n, n->key.p, n->key.n);
        struct slice full = {name, prefix.n + n->key.n};
        struct value v = {.type = VT_LIST, .text = SLICE(""), .list_n = n->n};
        if (n->type == JSON_OBJECT) {
            name[full.n++] = '.';
            flatten(n, full);
            continue;
        }
        if (n->type == JSON_ARRAY) {
            v.list = arena_calloc(&arena, n->n + 1, sizeof(*v.list));
            assert_non_null(v.list);
            size_t i = 0;
            for (const struct json_node *k = n->child; k; k = k->next)
                v.list[i++] = scalar(k);
        } else {
            v = scalar(n);
        }
        if (slice_eq(full, SLICE("message")))
            event.message = v.text;
        else
            assert_int_equal(event_add(&event, full, v), ERR_NONE);
    }
}

struct event *try_event(struct slice json)
{
    const struct json_node *root;

    start();
    arena_reset(&arena);
    event_init(&event, &arena);
    if (json_read(reader, json, &root, NULL, NULL) != ERR_NONE)
        fail_msg("not JSON: %.*s", SLICE_ARG(json));
    record = (struct record){.payload = json};
    event.record = &record;
    flatten(root, SLICE(""));
    return &event;
}

struct ruleset *try_rules(struct slice yaml)
{
    struct ruleset *rs = NULL;
    struct diag diag = {0};

    start();
    assert_int_equal(ruleset_load_text("try.yml", yaml, &rs, &diag), ERR_NONE);
    assert_non_null(rs);
    return rs;
}

static void keep(void *arg, const struct finding *f)
{
    size_t at = strlen(ids);

    (void)arg;
    assert_true(f->matched_n <= 32);
    (void)snprintf(ids + at, sizeof(ids) - at, "%s%s", at ? " " : "", f->rule->id);
    matched_n = f->matched_n;
    for (size_t i = 0; i < f->matched_n; i++)
        (void)snprintf(matched[i], sizeof(matched[i]), "%.*s=%.*s", SLICE_ARG(f->matched[i].name),
                       SLICE_ARG(f->matched[i].value));
}

unsigned try_detect(const struct ruleset *rs, struct event *ev, const char **ret_ids)
{
    ids[0] = 0;
    matched_n = 0;
    unsigned n = detect_event(rs, scratch, ev, keep, NULL);
    if (ret_ids)
        *ret_ids = ids;
    return n;
}

const char *try_matched(size_t i)
{
    return i < matched_n ? matched[i] : NULL;
}

bool try_has_issue(const struct ruleset *rs, const char *code)
{
    const struct rule_report *r = ruleset_report(rs);

    for (size_t i = 0; i < r->issues_n; i++)
        if (strcmp(r->issues[i].code, code) == 0)
            return true;
    return false;
}

const char *try_data_path(const char *below, char *to, size_t n)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");
    struct stat st;

    (void)snprintf(to, n, "%s/../shared/data/%s", root ? root : ".", below);
    if (stat(to, &st) == 0)
        return to;
    print_message("skipped: no %s\n", to);
    return NULL;
}

char *try_read(const char *path, size_t *ret_n)
{
    enum { MAX = 8 << 20 };
    FILE *f = fopen(path, "rbe");
    char *p = f ? malloc(MAX) : NULL;

    if (p)
        *ret_n = fread(p, 1, MAX, f);
    if (f)
        (void)fclose(f);
    return p;
}
