/* Bytes as rule YAML: loaded, and run against one event if anything loads. */
#include <stdlib.h>

#include "detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char table[] =
    "field_sets:\n  f: {Image: [process.executable], '*': ['in.*']}\n"
    "logsources:\n  - {product: linux, fields: [f], when: {x: null}}\n---\n";

static void keep(void *arg, const struct finding *f)
{
    size_t *n = arg;

    for (size_t i = 0; i < f->matched_n; i++)
        *n += f->matched[i].name.n + f->matched[i].value.n;
}

static void fill(struct event *ev)
{
    static struct value list[2] = {{.type = VT_STRING, .text = {"one", 3}},
                                   {.type = VT_NULL, .text = {"", 0}}};
    enum err e = event_set(ev, F_PROCESS_EXECUTABLE, SLICE("/usr/bin/\xff\xc3\xa9"));

    ev->message = SLICE("a message with \0 and \xf0\x9f\x98\x80");
    if (e == ERR_NONE)
        e = event_set(ev, F_SOURCE_IP, SLICE("10.1.2.3"));
    if (e == ERR_NONE)
        e = event_add(ev, SLICE("in.a b"), value_int(ev->arena, 42));
    if (e == ERR_NONE)
        e = event_add(
            ev, SLICE("list"),
            (struct value){.type = VT_LIST, .text = SLICE(""), .list_n = 2, .list = list});
    if (e != ERR_NONE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct detect_scratch *scratch;
    struct ruleset *rs = NULL;
    struct arena arena;
    struct event ev;
    size_t n = 0;
    char *text = malloc(sizeof(table) + size);

    if (!scratch)
        scratch = detect_scratch_new();
    if (!text || !scratch)
        abort();
    memcpy(text, table, sizeof(table) - 1);
    if (size)
        memcpy(text + sizeof(table) - 1, data, size);
    struct slice yaml = {text, sizeof(table) - 1 + size};
    if (ruleset_load_text("fuzz.yml", yaml, &rs, NULL) == ERR_NONE) {
        const struct rule_report *r = ruleset_report(rs);
        if (r->rules > r->loaded && r->issues_n == 0)
            abort(); /* skipped in silence */
        arena_init(&arena, 1 << 20);
        event_init(&ev, &arena);
        fill(&ev);
        if (detect_event(rs, scratch, &ev, keep, &n) > ruleset_n(rs))
            abort();
        arena_done(&arena);
    }
    ruleset_unref(rs);
    free(text);
    return 0;
}
