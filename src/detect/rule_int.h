/* detect/rule_int.h - what rules compile to, and what is shared while compiling.
 *
 * A detection is a tree of selections whose leaves are items: one field, its modifiers, its
 * values. A condition is a tree over the named selections. Fields are slots: the event's fields
 * that may hold the value, known by number, so that matching never compares a name.
 * Everything lives in the ruleset's arena, but for regular expressions, which the ruleset frees.
 */
#ifndef DETECT_RULE_INT_H
#define DETECT_RULE_INT_H

#include "core/ip.h"
#include "core/json.h"
#include "detect/detect.h"
#include "detect/intern_int.h"
#include "detect/pattern_int.h"
#include "detect/regex_int.h"

enum {
    SLOT_SOURCES_MAX = 20,
    SLOT_KEYWORDS = 0, /* the slot of values without a field: message, raw text, every value */
    DETECTION_DEPTH_MAX = 16,
    CONDITION_DEPTH_MAX = 32,
    CONDITION_PARTS_MAX = 4096,   /* names, and joints between them */
    CONDITION_WORK_MAX = 1 << 26, /* parts, times the values of all selections that they name */
    RULE_FIELDS_MAX = 4096,
    SELECTIONS_MAX = 1024,
    ISSUES_MAX = 1 << 17,
    ISSUES_OF_ONE_MAX = 32, /* defects of one document that are told */
    SOURCE_ROWS_MAX = 512,
};

/* One place where a slot's value may be. */
struct slot_source {
    uint32_t field;   /* enum field; F_NONE: by name */
    uint32_t name;    /* in ruleset.names */
    uint32_t decoded; /* 1: percent-decoded first */
};

struct slot {
    struct slot_source from[SLOT_SOURCES_MAX];
    uint32_t n;
    uint32_t sieved; /* how many tests of it a sieve may spare */
};

enum test_kind {
    TEST_PATTERN,
    TEST_REGEX,
    TEST_CIDR,
    TEST_NUMBER,
    TEST_NULL,
    TEST_EXISTS,
    TEST_REF,
    TEST_TIME
};
enum compare { CMP_EQ, CMP_GT, CMP_GTE, CMP_LT, CMP_LTE };
enum time_part { PART_NONE, PART_MINUTE, PART_HOUR, PART_DAY, PART_WEEK, PART_MONTH, PART_YEAR };
enum ref_kind { REF_EQUAL, REF_CONTAINS, REF_STARTS, REF_ENDS };

/* One value of an item; any of `pats` will do. */
struct test {
    enum test_kind kind;
    union {
        struct {
            struct pattern *pats;
            size_t pats_n;
        };
        const struct regex *re;
        struct cidr cidr;
        struct {
            enum compare cmp;
            long double number; /* exact for 64-bit integers */
        };
        bool exists;
        struct {
            enum ref_kind ref;
            uint32_t ref_slot;
            bool ref_cased;
        };
        struct {
            enum compare part_cmp;
            enum time_part part;
            int64_t part_want;
        };
    };
};

struct item {
    struct slice name; /* the field as the rule calls it; "" for keywords */
    struct slice key;  /* with its modifiers */
    uint32_t slot;
    uint32_t line, col; /* where it stands */
    bool all;           /* every test must hold, each maybe on another value */
    bool neq;
    struct test *tests;
    size_t tests_n;
};

enum sel_kind { SEL_ITEM, SEL_AND, SEL_OR };
struct sel {
    enum sel_kind kind;
    struct item item;
    struct sel *kids;
    size_t n;
};

enum expr_kind { EXPR_SEL, EXPR_AND, EXPR_OR, EXPR_NOT, EXPR_OF };
struct expr {
    enum expr_kind kind;
    uint32_t need;        /* OF: how many of sels */
    const uint32_t *sels; /* SEL (one), OF */
    size_t sels_n;
    struct expr *left, *right; /* NOT has left only */
};

/* How a rule is used by a correlation. */
struct corr_use {
    uint32_t correlation, ref;
};
struct correlation;
struct corr_old;

struct rule {
    struct rule_info info; /* first: a finding's rule is found by it */
    const char *name;      /* that correlations may call it by; "" */
    struct sel *sels;
    const struct slice *names; /* of sels */
    size_t sels_n;
    struct expr *condition;
    uint32_t title_line, title_col, condition_line, condition_col;
    const uint32_t *slots; /* all fields that it looks at, without keywords */
    size_t slots_n;
    bool cannot_match;
    bool told, silent;     /* used by a correlation that generates; by others only */
    uint32_t correlation;  /* 0: a rule on events; else the number of its correlation + 1 */
    struct corr_use *uses; /* arena */
    uint32_t uses_n, uses_cap;
};

/* A class of events: which they are, which rules are for them, where their fields are. */
struct source_row {
    struct slice product, category, service; /* "" = none */
    struct sel when;
    const struct json_node **fields; /* field sets, while compiling only */
    size_t fields_n;
    bool weak;       /* its events may be of other sources too: it does not make them known */
    uint32_t *rules; /* in rule order */
    uint32_t rules_n;
};

/* Which alternatives of which rows can hold at all: one whose `when` asks a field for one of
 * some texts is looked at only when the field has one of them. */
struct gate {
    struct intern keys; /* number of the slot, then the folded text */
    uint32_t *heads;    /* by key: the first of `nodes` + 1 */
    struct gate_node {
        uint32_t alt, next; /* next + 1 */
    } * nodes;
    uint32_t nodes_n;
    struct gate_alt {
        uint32_t row;
        const struct sel *sel;
        uint32_t slot;     /* cannot hold without a value of it; SLOT_KEYWORDS: of none */
        uint64_t first[4]; /* nor without a value that begins, folded, with one of these bytes */
    } * alts;
    uint32_t alts_n;
    uint32_t *always; /* alternatives that the keys say nothing of */
    uint32_t always_n;
    uint32_t *slots; /* those of the keys */
    uint32_t slots_n;
    size_t longest; /* text of a key */
};
enum { GATE_KEY_MAX = 256 };

struct pipelines;
struct ruleset {
    _Atomic uint32_t refs;
    uint64_t serial; /* of this process, so that a scratch knows its ruleset again */
    struct arena arena;
    struct intern names; /* sender's field names that some slot uses */
    struct intern slot_keys;
    struct intern ids;         /* of rules, against duplicates */
    struct intern expressions; /* by number: of `regexes` */
    struct slot *slots;        /* owned; by number */
    uint32_t slots_cap;
    struct rule *rules; /* owned */
    size_t rules_n, rules_cap;
    struct correlation **correlations; /* owned; while loading also those that fail */
    size_t correlations_n, correlations_cap;
    struct pipelines *pipelines;       /* owned; while loading only */
    struct placeholders *placeholders; /* owned; while loading only; NULL: none */
    struct rule_filter *filters;       /* owned; while loading only */
    size_t filters_n, filters_cap;
    struct source_row *rows; /* arena */
    size_t rows_n;
    struct gate gate;
    struct index *index;    /* owned; see index_int.h */
    struct regex **regexes; /* owned */
    size_t regexes_n, regexes_cap;
    bool no_sieves;            /* for tests: try everything */
    bool full_scan;            /* no index: see ruleset_full_scan */
    struct rule_issue *issues; /* owned */
    size_t issues_cap;
    struct rule_report report;
};

/* What one document needs while it is compiled. */
struct compile {
    struct ruleset *rs;
    const char *file;
    const char *rule_id;
    struct source_row *const *rows; /* those that the rule's log source fits; NULL: no mapping */
    size_t rows_n;
    unsigned errors;         /* so far */
    bool failed;             /* an error was reported: the rule is not loaded */
    const char *placeholder; /* why it can't match, or NULL */
    struct slice lacking;    /* the placeholder that has no values */
    uint32_t *slots;         /* owned by the caller's arena: used so far */
    size_t slots_n, slots_cap;
    struct json_node *mapping; /* a row's own field sets, when compiling its `when` */
    unsigned part;             /* from 2: its id is that of an earlier one, by `action` */
    struct corr_old *old;      /* where '|' of a condition goes; NULL: not allowed */
};

/* Adds to the report, up to its ceilings; the last that fits says that there are more. */
CHECKED enum err report_issue(struct compile *c, enum rule_issue_kind kind,
                              const struct json_node *at, const char *code, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

/* item.c: `key` as in a detection, "field|modifier|…". Reports what is wrong and sets c->failed;
 * the error itself is for memory only. */
CHECKED enum err item_compile(struct compile *c, const struct json_node *at, struct slice key,
                              const struct json_node *values, struct item *ret);

/* selection.c */
CHECKED enum err selection_compile(struct compile *c, const struct json_node *node, unsigned depth,
                                   struct sel *ret);

/* condition.c: names by index. Reports like item_compile. *used marks selections that were named.
 */
CHECKED enum err condition_compile(struct compile *c, const struct json_node *node,
                                   const struct slice *names, size_t names_n, bool *used,
                                   struct expr **ret);

/* Whether it is small enough to be compiled: what names one large selection often is not. */
CHECKED enum err condition_check(struct compile *c, const struct json_node *at,
                                 const struct rule *r);

/* slot.c */
CHECKED enum err slot_of(struct compile *c, struct slice field, uint32_t *ret);
/* The name without its blanks: as it is, or a copy in the arena. */
CHECKED enum err slot_name(struct arena *a, struct slice name, struct slice *ret);

/* source.c: the table of log sources, and the rows that a rule's log source fits. */
CHECKED enum err source_load(struct compile *c, const struct json_node *doc);
CHECKED enum err source_fit(struct compile *c, struct slice product, struct slice category,
                            struct slice service);
CHECKED enum err source_tree_dup(struct arena *a, const struct json_node *n,
                                 struct json_node **ret);
bool source_is_table(const struct json_node *doc);

/* gate.c: when all rows are known; the key of a text, 0 when it is longer than any. */
CHECKED enum err gate_build(struct ruleset *rs);
size_t gate_key(const struct gate *g, uint32_t slot, struct slice text,
                char to[static GATE_KEY_MAX]);

/* rule.c: one document. */
CHECKED enum err rule_compile(struct compile *c, const struct json_node *doc);
/* What a document says of itself: id, title, level …; makes its id known. */
CHECKED enum err rule_describe(struct compile *c, const struct json_node *doc, struct rule *r);
/* Adds it to the rules, and to the rows that c names. */
CHECKED enum err rule_keep(struct compile *c, const struct rule *r);
/* The selections of a detection, or of a filter, and room to mark those that are used; and what
 * to say of those that are not. */
CHECKED enum err rule_selections(struct compile *c, const struct json_node *map, bool filter,
                                 struct rule *r, bool **ret_used);
CHECKED enum err rule_unused(struct compile *c, const struct json_node *map, const struct rule *r,
                             const bool *used);

/* filter.c: one filter, kept until every rule is known; then all are applied. */
CHECKED enum err filter_read(struct compile *c, const struct json_node *doc);
CHECKED enum err filter_apply(struct ruleset *rs);

/* action.c: `action: global`, `reset` and `repeat` of old Sigma. */
struct actions {
    struct arena arena;             /* of what is merged; reset per file */
    const struct json_node *global; /* NULL: none */
    const struct json_node *last;   /* NULL: none */
    const struct json_node *idle;   /* a global that nothing was merged with yet */
    struct action_id *ids;          /* how often each id was given */
    unsigned merged;
    bool uses; /* the file has an action at all */
};
void actions_init(struct actions *s);
void actions_done(struct actions *s);
/* Before each file, with all its documents. */
void actions_reset(struct actions *s, const struct json_node *docs);
/* *ret: the document to compile, merged where need be, or NULL: there is none. Sets c->part. */
CHECKED enum err actions_apply(struct actions *s, struct compile *c, const struct json_node *doc,
                               const struct json_node **ret);
/* Behind each file. */
CHECKED enum err actions_end(struct actions *s, struct compile *c);

extern const char source_builtin[];
extern const size_t source_builtin_n;

/* version.c: what identifies the content of a rule's document, whatever its layout. */
CHECKED enum err version_of(struct arena *a, const struct json_node *doc, const char **ret);
CHECKED enum err version_join(struct arena *a, const char *x, const char *y, const char **ret);

/* clock.c: parts of times in UTC; a week is one of ISO 8601. The part's name, PART_NONE: it is
 * none; whether the part can have the value; whether the value (NULL: text alone) is a time whose
 * part compares so. */
enum time_part clock_part(struct slice name);
bool clock_has(enum time_part part, int64_t value);
bool clock_holds(const struct test *t, const struct value *v, struct slice text);

/* number.c */
CHECKED bool number_parse(struct slice s, long double *ret);

#endif
