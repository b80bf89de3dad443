/* desk/alert_int.h - what the files about alerts share. */
#ifndef DESK_ALERT_INT_H
#define DESK_ALERT_INT_H

#include "core/json.h"
#include "desk/alert.h"
#include "desk/desk_int.h"

enum { ALERT_NOTES_MAX = 2000, ALERT_FOLDED_BYTES_MAX = 8192, ALERT_JSON_BYTES_MAX = 64 << 10 };

/* Inside a transaction. ERR_LIMIT: over ALERT_NOTES_MAX. */
CHECKED enum err alert_note(struct desk *d, uint64_t id, struct slice who, const char *what,
                            struct slice text, struct diag *diag);

/* A decoded finding; everything borrowed. */
struct alert_finding {
    struct slice id, rule_id, title, title_vi, source, message;
    struct slice rule_version;
    struct slice tags, matched, selections; /* finished JSON */
    const struct json_node *entities, *events;
    enum alert_level level;
    int64_t time_ns;
    uint32_t org, system;
};

/* What taking findings needs again and again; owned by findings.c. */
struct alert_work {
    struct json_reader *frame, *stored;
    struct buf json, text, entities;
};

/* Inside a transaction: joins or makes an alert. *ret_new says which. The finding is known to be
 * new. */
CHECKED enum err alert_take(struct desk *d, struct alert_work *w, const struct alert_finding *f,
                            bool *ret_new, struct diag *diag);
/* Both sides' values of each key, at most ALERT_ENTITY_VALUES_MAX; `old` may be NULL. */
CHECKED enum err alert_merge(const struct json_node *old, const struct json_node *fresh,
                             struct buf *out);

#endif
