/* desk/alert.h - findings of one rule on one entity, grouped into what a person handles.
 *
 * A finding joins the newest alert of the same rule, organisation, system and entity that is not
 * closed, when its time lies within ALERT_WINDOW_NS of the alert's first or last; else it makes a
 * new one. The entity is the first present of host.name, source.ip, user.name, else the source.
 *
 * States: new -> acknowledged -> closed; closed -> acknowledged reopens and drops the verdict.
 * Closed means that there is a verdict, and a verdict has a reason. A verdict given alone closes.
 * Each change by a person counts `version` up (the ETag), leaves a line in the history and one in
 * the audit record; a finding that joins does not, or nobody could change a busy alert.
 * Acknowledging what is nobody's assigns it.
 */
#ifndef DESK_ALERT_H
#define DESK_ALERT_H

#include "desk/desk.h"

#define ALERT_WINDOW_NS (INT64_C(3600) * 1000000000)
enum { ALERT_ID_BYTES = 24, ALERT_EVENTS_MAX = 100, ALERT_ENTITY_VALUES_MAX = 20 };

enum alert_state { ALERT_NEW, ALERT_ACKNOWLEDGED, ALERT_CLOSED, ALERT_STATE_N };
enum alert_level {
    ALERT_INFORMATIONAL = 1,
    ALERT_LOW,
    ALERT_MEDIUM,
    ALERT_HIGH,
    ALERT_CRITICAL,
    ALERT_LEVEL_N
};
enum alert_verdict {
    ALERT_NO_VERDICT,
    ALERT_TRUE_POSITIVE_IMPACT,
    ALERT_TRUE_POSITIVE_NO_IMPACT,
    ALERT_FALSE_POSITIVE,
    ALERT_BENIGN,
    ALERT_DUPLICATE,
    ALERT_TEST,
    ALERT_UNDETERMINED,
    ALERT_VERDICT_N
};
/* The words of the API; the parsers give false on others. "" is ALERT_NO_VERDICT. */
const char *alert_state_name(enum alert_state s);
const char *alert_level_name(enum alert_level l);
const char *alert_verdict_name(enum alert_verdict v);
CHECKED bool alert_state_parse(struct slice s, enum alert_state *ret);
CHECKED bool alert_level_parse(struct slice s, enum alert_level *ret);
CHECKED bool alert_verdict_parse(struct slice s, enum alert_verdict *ret);
void alert_id_text(uint64_t id, char out[static ALERT_ID_BYTES]); /* "alr_17" */
CHECKED bool alert_id_parse(struct slice s, uint64_t *ret);

struct alert {
    uint64_t id;
    uint64_t version;
    uint64_t count;       /* findings */
    uint32_t org, system; /* system 0: none */
    enum alert_state state;
    enum alert_level level;
    enum alert_verdict verdict;
    struct slice rule_id, title, title_vi;
    struct slice source;   /* name, of the newest finding */
    struct slice entities; /* JSON: {"host.name":"web1","source.ip":["1.2.3.4","5.6.7.8"]}: text, or
                              an array once there are several values */
    struct slice tags;     /* JSON array of texts */
    struct slice matched;  /* JSON object: fields that decided, of the newest finding */
    struct slice rule_version;  /* of the newest finding; "" unknown */
    struct slice selections;    /* JSON array: parts of the rule that held, of the newest finding */
    struct slice message;       /* of the newest finding */
    struct slice reason;        /* of the verdict */
    uint64_t assignee;          /* user, 0: nobody */
    struct slice assignee_name; /* login */
    int64_t first_ns, last_ns;  /* event times */
    int64_t created_ns, changed_ns; /* ours */
    int64_t acked_ns, closed_ns;    /* 0: not yet */
};

struct alert_filter {
    unsigned states, levels; /* bit 1 << value; 0 = any */
    int verdict;             /* -1 = any */
    uint32_t org, system;    /* 0 = any; org is on top of the scope */
    uint64_t assignee;       /* 0 = any */
    struct slice rule_id;    /* empty = any */
    struct slice text;       /* part of title, rule, source or entities, folded for search */
    int64_t from_ns, to_ns;  /* of last_ns, from inclusive, to exclusive; 0 = open */
    bool by_level;           /* order: level, last, id downwards; else last, id downwards */
    struct {                 /* the last row of the page before; id 0 = first page */
        uint64_t id;
        int64_t last_ns;
        enum alert_level level;
    } after;
    size_t limit; /* 0 = DESK_LIST_MAX */
};

CHECKED enum err alert_list(struct desk *d, struct desk_scope scope, const struct alert_filter *f,
                            struct arena *a, struct alert **ret, size_t *ret_n, struct diag *diag);
/* Matching rows by state and level; `after` and `limit` are ignored. */
struct alert_counts {
    uint64_t total;
    uint64_t by[ALERT_STATE_N][ALERT_LEVEL_N];
};
CHECKED enum err alert_count(struct desk *d, struct desk_scope scope, const struct alert_filter *f,
                             struct alert_counts *ret, struct diag *diag);
CHECKED enum err alert_get(struct desk *d, struct desk_scope scope, uint64_t id, struct arena *a,
                           struct alert *ret, struct diag *diag);

/* The newest events (ids as text), newest first, at most ALERT_EVENTS_MAX. */
CHECKED enum err alert_events(struct desk *d, struct desk_scope scope, uint64_t id, struct arena *a,
                              struct slice **ret, size_t *ret_n, struct diag *diag);

struct alert_note {
    int64_t time_ns;
    struct slice who; /* login or "system" */
    struct slice
        what; /* "created" "acknowledged" "closed" "reopened" "verdict" "assigned" "comment" */
    struct slice text; /* verdict, assignee, comment */
};
/* Oldest first. */
CHECKED enum err alert_history(struct desk *d, struct desk_scope scope, uint64_t id,
                               struct arena *a, struct alert_note **ret, size_t *ret_n,
                               struct diag *diag);

struct alert_patch {
    uint64_t version; /* If-Match: ERR_PRECOND when it is another by now; 0 = whatever it is */
    bool set_state, set_verdict, set_assignee;
    enum alert_state state;
    enum alert_verdict verdict;
    struct slice reason;  /* with a verdict: mandatory; at most DESK_TEXT_BYTES_MAX */
    uint64_t assignee;    /* 0 = nobody */
    struct slice comment; /* empty = none */
};
/* *ret (may be NULL, then `a` too) receives the alert after the change. ERR_SYNTAX: closed without
 * a verdict, or a verdict without a reason. */
CHECKED enum err alert_change(struct desk *d, const struct desk_actor *by, struct desk_scope scope,
                              uint64_t id, const struct alert_patch *patch, struct arena *a,
                              struct alert *ret, struct diag *diag);

#endif
