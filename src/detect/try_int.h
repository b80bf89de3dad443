/* detect/try_int.h - the tests' helper: JSON as an event, YAML as a ruleset, who matched.
 * Every failure of the set-up fails the test. */
#ifndef DETECT_TRY_INT_H
#define DETECT_TRY_INT_H

#include "detect/detect.h"

/* A flat or nested JSON object; nested names are joined by dots. Valid until the next. */
struct event *try_event(struct slice json);
struct ruleset *try_rules(struct slice yaml);
/* How many rules match; *ret_ids (may be NULL) are theirs, divided by blanks. */
unsigned try_detect(const struct ruleset *rs, struct event *ev, const char **ret_ids);
/* Name and value of the i-th field of the last finding; NULL past the end. */
const char *try_matched(size_t i);
bool try_has_issue(const struct ruleset *rs, const char *code);
/* A file below shared data, or NULL after a note that it is not there. */
const char *try_data_path(const char *below, char *to, size_t n);
char *try_read(const char *path, size_t *ret_n); /* owned by the caller; NULL if unreadable */
void try_done(void);

#endif
