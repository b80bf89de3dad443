/* A pipeline, a byte 0, and a rule that goes through it and is compiled. */
#include <stdlib.h>

#include "detect/pipeline_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compile(struct ruleset *rs, struct json_reader *reader, struct slice text)
{
    const struct json_node *docs;

    if (yaml_read(reader, text, &docs, NULL) != ERR_NONE)
        return;
    for (const struct json_node *d = docs->child; d; d = d->next) {
        struct compile c = {.rs = rs, .file = "rule.yml", .rule_id = ""};
        size_t before = rs->report.issues_n, rules = rs->report.loaded;
        if (d->type != JSON_OBJECT || json_get(d, "filter"))
            continue;
        if (rule_compile(&c, d) != ERR_NONE)
            return;
        if (json_get(d, "detection") && !json_get(d, "correlation") && rs->report.loaded == rules &&
            rs->report.issues_n == before)
            abort(); /* skipped in silence */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    size_t cut = slice_find(in, 0);
    struct pipelines *p = NULL;
    struct ruleset *rs = NULL;
    struct json_reader *reader = json_reader_new(1 << 20, 10000);

    if (reader && cut < in.n &&
        pipelines_load_text("pipeline.yml", slice_cut(in, 0, cut), &p, NULL) == ERR_NONE &&
        ruleset_load_text("none.yml", SLICE("---\n"), &rs, NULL) == ERR_NONE) {
        rs->pipelines = p;
        compile(rs, reader, slice_cut(in, cut + 1, in.n));
        rs->pipelines = NULL;
    }
    ruleset_unref(rs);
    pipelines_free(p);
    json_reader_free(reader);
    return 0;
}
