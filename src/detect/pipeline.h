/* detect/pipeline.h - processing pipelines of pySigma: what is done to a rule before it compiles.
 *
 * A pipeline is a YAML document with `name`, `priority`, `vars` and `transformations`; several are
 * one list of transformations, by priority and then in the order given. They work on a copy of the
 * rule's own tree, as pySigma 1.5 does on its objects; what is left of the rule is compiled as if
 * it had been written so. docs/sigma.md, "Processing pipelines", lists what is known and where this
 * departs from pySigma.
 *
 * ruleset_load_with() takes their files and frees what it has loaded of them.
 *
 * A pipeline with a mistake is refused as a whole: ERR_SYNTAX, diag says "file:line:column: why".
 * A rule that the pipelines refuse, or that grows past PIPELINE_RULE_BYTES, is not loaded and says
 * so in the report (`pipeline`, `pipeline-limit`). What has no meaning here (allowed_backends,
 * post-processing, lists of output fields) is a warning of the report (`pipeline-ignored`).
 */
#ifndef DETECT_PIPELINE_H
#define DETECT_PIPELINE_H

#include "core/err.h"
#include "core/slice.h"

enum {
    PIPELINES_MAX = 64,
    PIPELINE_FILE_BYTES = 1 << 20,
    PIPELINE_ITEMS_MAX = 4096, /* transformations of all pipelines, nested ones too */
    PIPELINE_IDS_MAX = 512,
    PIPELINE_DEPTH_MAX = 8, /* of `nest`, and of parentheses in a condition's expression */
    PIPELINE_RULE_BYTES = 8 << 20,
};

struct pipelines;

void pipelines_free(struct pipelines *p);
/* Files in the order that the user gave them; n = 0 is an empty list. */
CHECKED enum err pipelines_load(const char *const *paths, size_t n, struct pipelines **ret,
                                struct diag *diag);
/* One, from memory; `name` stands for its file. */
CHECKED enum err pipelines_load_text(const char *name, struct slice text, struct pipelines **ret,
                                     struct diag *diag);

#endif
