/* serve/cover.h - when each log source last sent an event, over restarts; and which rules are
 * blind.
 *
 * A rule is blind when no log source that it is for has sent anything within the time given: it
 * would not see the attack that it describes. Kept in DIR/state/logsources.json by the detect
 * worker; what the desk shows is written to DIR/run/logsources.json. One thread.
 */
#ifndef SERVE_COVER_H
#define SERVE_COVER_H

#include "core/buf.h"
#include "detect/coverage.h"

enum { COVER_NAME_BYTES = 128, COVER_MAX = 1024 };

struct cover {
    int64_t since_ns; /* counting began */
    size_t n;
    struct cover_row {
        char name[COVER_NAME_BYTES]; /* "product/category/service" */
        int64_t last_ns;             /* receive time as this machine's clock had it */
    } rows[COVER_MAX];
    bool changed; /* since the last save */
};

/* What is unreadable or damaged begins anew: it is told by *ret_anew. */
void cover_load(struct cover *c, const char *path, int64_t now_ns, bool *ret_anew);
CHECKED enum err cover_save(struct cover *c, const char *path, struct diag *diag);

/* Takes the marks of the scratch over and clears them. */
void cover_take(struct cover *c, const struct ruleset *rs, struct detect_scratch *s,
                int64_t now_ns);
/* When log source i last sent; 0 = never. */
int64_t cover_last(const struct cover *c, const struct ruleset *rs, size_t i);
/* Marks blind[rule] for every rule that can match but whose log sources sent nothing since
 * `from_ns`; returns how many. */
size_t cover_blind(const struct cover *c, const struct ruleset *rs, int64_t from_ns, bool *blind);
/* {"since","logsources":[{product,category,service,rules,last}],"blind":[rule id…]} */
CHECKED enum err cover_write(const struct cover *c, const struct ruleset *rs, const bool *blind,
                             struct buf *out);

#endif
