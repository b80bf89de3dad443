/* detect/pipeline_int.h - a loaded pipeline, a rule that goes through it, and who does what.
 *
 * The loaded side (struct pipelines and below) is immutable and shared; struct pipe_run is one rule
 * on its way. A detection is a tree of struct pipe_det whose leaves are items: a field, its
 * modifiers as written, its values as YAML nodes. Everything of a run lives in its arena, whose
 * ceiling bounds what pipelines may make of a rule: ERR_LIMIT means that it is reached.
 */
#ifndef DETECT_PIPELINE_INT_H
#define DETECT_PIPELINE_INT_H

#include "detect/pipeline.h"
#include "detect/rule_int.h"

enum pipe_what {
    PIPE_MAP,
    PIPE_MAP_PREFIX,
    PIPE_MAP_FUNCTION,
    PIPE_PREFIX,
    PIPE_SUFFIX,
    PIPE_DROP,
    PIPE_HASHES,
    PIPE_WILDCARDS,
    PIPE_VALUES,
    PIPE_ADD_CONDITION,
    PIPE_LOGSOURCE,
    PIPE_NOTHING, /* known, and without meaning here */
    PIPE_REPLACE,
    PIPE_MAP_STRING,
    PIPE_STATE,
    PIPE_SET,
    PIPE_CONVERT,
    PIPE_RULE_FAILS,
    PIPE_ITEM_FAILS,
    PIPE_ATTRIBUTE,
    PIPE_NEST,
    PIPE_CASE,
    PIPE_REFUSED, /* needs what is not here: an error of the pipeline */
};

enum pipe_when_kind {
    WHEN_LOGSOURCE,
    WHEN_HAS_ITEM,
    WHEN_HAS_FIELD,
    WHEN_APPLIED,
    WHEN_STATE,
    WHEN_IS_RULE,
    WHEN_IS_CORRELATION,
    WHEN_ATTRIBUTE,
    WHEN_TAG,
    WHEN_STRING,
    WHEN_VALUE,
    WHEN_WILDCARD,
    WHEN_NULL,
    WHEN_INCLUDE,
    WHEN_EXCLUDE,
};

/* One condition. */
struct pipe_when {
    enum pipe_when_kind kind;
    const struct json_node *def;
    struct slice name; /* in a map of conditions; else empty */
    const struct regex *const *res;
    size_t res_n; /* expressions; 0 in plain mode */
};

enum pipe_expr_kind { PIPE_EXPR_NAME, PIPE_EXPR_AND, PIPE_EXPR_OR, PIPE_EXPR_NOT };
struct pipe_expr {
    enum pipe_expr_kind kind;
    size_t when; /* NAME: index in the group */
    const struct pipe_expr *left, *right;
};

/* rule_conditions, detection_item_conditions or field_name_conditions of one transformation. */
enum pipe_group_kind { GROUP_RULE, GROUP_ITEM, GROUP_FIELD, GROUPS };
struct pipe_group {
    struct pipe_when *when;
    size_t n;
    bool any, negated;
    const struct pipe_expr *expr; /* NULL: any or all of them */
};

struct pipe_item {
    enum pipe_what what;
    const struct json_node *def;
    const char *file;
    struct slice type;
    uint32_t id; /* number of its name, from 1; 0: none */
    struct pipe_group group[GROUPS];
    const struct regex *re;
    struct pipe_item *items; /* NEST */
    size_t items_n;
};

struct pipeline {
    const char *file;
    const struct json_node *doc; /* arena */
    int64_t priority;
    size_t order;
    struct pipe_item *items;
    size_t items_n;
};

struct pipe_note {
    const char *file;
    const struct json_node *at;
    struct slice what;
    struct pipe_note *next;
};

struct pipelines {
    struct arena arena;
    struct pipeline list[PIPELINES_MAX]; /* by priority */
    size_t n, items_n;
    struct slice ids[PIPELINE_IDS_MAX];
    size_t ids_n;
    struct regex **res; /* owned, each owned */
    size_t res_n, res_cap;
    struct pipe_note *notes, **notes_tail;
};

/* Which named transformations have touched something. */
struct pipe_marks {
    uint64_t bit[PIPELINE_IDS_MAX / 64 + 1];
};

enum pipe_det_kind { DET_ITEM, DET_AND, DET_OR };
struct pipe_det {
    enum pipe_det_kind kind;
    const struct json_node *at;
    bool keyword;            /* no field */
    struct slice field;      /* ITEM */
    struct slice mods;       /* with the bar before each, or empty */
    struct json_node *value; /* ITEM: first of a list by `next` */
    struct pipe_marks marks;
    struct pipe_det *child, *next;
};

struct pipe_pair {
    struct slice key;
    const struct json_node *value;
    struct pipe_pair *next;
};

struct pipe_condition {
    const struct json_node *at;
    struct slice text;
    struct pipe_condition *next;
};

/* One named selection. */
struct pipe_named {
    const struct json_node *at;
    struct slice name;
    struct pipe_det *det;
    struct pipe_named *next;
};

struct pipe_run {
    struct compile *c;
    const struct pipelines *all;
    struct arena *arena;
    struct regex_scratch *scratch;
    const struct json_node *doc;
    bool correlation;
    const struct json_node *source; /* the log source as it is now */
    struct pipe_named *named;
    struct pipe_condition *conditions;
    struct json_node *relation; /* of a correlation: own copy of its map */
    struct pipe_pair *state, *custom;
    struct pipe_marks marks;
};

/* A run of literal bytes, a wildcard, or a %placeholder%. */
enum pipe_part_kind { PART_LITERAL, PART_MANY, PART_ONE, PART_HOLE };
struct pipe_part {
    enum pipe_part_kind kind;
    struct slice s;
};
struct pipe_text {
    struct pipe_part *p;
    size_t n;
};

/* pipeline_names.c: the words that pipelines are made of; a table of what each may say. */
struct pipe_word {
    const char *name;
    int kind;         /* enum pipe_what or pipe_when_kind */
    const char *says; /* "m!mapping s?name": type, needed or not, key */
};
const struct pipe_word *pipe_transformation(struct slice name, const char **ret_nearest);
const struct pipe_word *pipe_when_word(enum pipe_group_kind g, struct slice name,
                                       const char **ret_nearest);
/* The one of n that is most like it. */
const char *pipe_nearest(struct slice name, const char *const *of, size_t n);
/* NULL when `def` says what it must and nothing else; else what is wrong, in `why`, and where. */
const struct json_node *pipe_wrong(const struct json_node *def, const struct pipe_word *w,
                                   const char *const *common, size_t common_n, char *why,
                                   size_t why_cap);

/* pipeline_expr.c */
CHECKED enum err pipe_expr_parse(struct arena *a, struct slice text, const struct pipe_group *g,
                                 const struct pipe_expr **ret, const char **ret_why);

/* pipeline_tree.c: between a rule's document and a run. */
void *pipe_take(struct pipe_run *r, size_t n); /* zeroed */
CHECKED enum err pipe_cat(struct pipe_run *r, struct slice a, struct slice b, struct slice *ret);
CHECKED enum err pipe_string(struct pipe_run *r, const struct json_node *at, struct slice s,
                             struct json_node **ret);
CHECKED enum err pipe_read_det(struct pipe_run *r, const struct json_node *node, unsigned depth,
                               struct pipe_det **ret);
CHECKED enum err pipe_read(struct pipe_run *r);
CHECKED enum err pipe_write(struct pipe_run *r, const struct json_node **ret);
/* An item of a map that stands for a list of maps: written by pipe_write, read by selection.c. */
bool pipe_is_list(const struct json_node *member);

/* pipeline_text.c */
bool pipe_mod(struct slice mods, const char *name);
/* Its values are texts as they will be compared. */
bool pipe_is_text(const struct pipe_det *d);
/* And this one is a text: a number too, where the item looks for a part. */
bool pipe_is_text_value(const struct pipe_det *d, const struct json_node *v);
/* The value with the wildcards that its modifiers mean. */
CHECKED enum err pipe_text_of(struct pipe_run *r, const struct pipe_det *d, struct slice value,
                              struct pipe_text *ret);
CHECKED enum err pipe_text_parse(struct pipe_run *r, struct slice s, bool holes,
                                 struct pipe_text *ret);
/* As pySigma prints it: wildcards bare, literal ones escaped, backslashes as they are. */
CHECKED enum err pipe_text_plain(struct pipe_run *r, const struct pipe_text *t, struct slice *ret);
/* As a rule says it. */
CHECKED enum err pipe_text_rule(struct pipe_run *r, const struct pipe_text *t, struct slice *ret);
/* Modifiers without these: names with a blank between. */
CHECKED enum err pipe_mods_less(struct pipe_run *r, struct slice mods, const char *names,
                                struct slice *ret);
/* re.sub of Python. */
CHECKED enum err pipe_sub(struct pipe_run *r, const struct regex *re, struct slice by,
                          struct slice in, struct slice *ret);
CHECKED enum err pipe_case(struct pipe_run *r, struct slice in, struct slice how,
                           struct slice *ret);

/* pipeline_when.c */
bool pipe_rule_fits(struct pipe_run *r, const struct pipe_item *it);
CHECKED enum err pipe_item_fits(struct pipe_run *r, const struct pipe_item *it,
                                const struct pipe_det *d, bool *ret);
/* Conditions of field names alone. NULL: no field. */
bool pipe_name_fits(struct pipe_run *r, const struct pipe_item *it, const struct slice *field,
                    const struct pipe_det *d);
bool pipe_scalar_eq(const struct json_node *a, const struct json_node *b);

/* pipeline_field.c, pipeline_value.c: one item of the rule. *d may become a group. */
CHECKED enum err pipe_field_item(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                                 bool *ret_changed);
CHECKED enum err pipe_field_correlation(struct pipe_run *r, const struct pipe_item *it);
CHECKED enum err pipe_value_item(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                                 bool *ret_changed);
CHECKED enum err pipe_hashes(struct pipe_run *r, const struct pipe_item *it, struct pipe_det *d,
                             bool *ret_changed);

void pipe_mark(struct pipe_marks *m, uint32_t id);
bool pipe_marked(const struct pipelines *all, const struct pipe_marks *m, struct slice id);

/* pipeline.c: the rule is not loaded; says why. */
CHECKED enum err pipe_refuse(struct pipe_run *r, const struct pipe_item *it, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* For rule.c and ruleset.c. The document as rs->pipelines leave it: `doc` itself when there
 * are none. In `work`, which the caller has initialised. Sets c->failed like item_compile. */
CHECKED enum err pipeline_apply(struct compile *c, struct arena *work, const struct json_node *doc,
                                const struct json_node **ret);
CHECKED enum err pipeline_notes(struct ruleset *rs);

#endif
