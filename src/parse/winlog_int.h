/* parse/winlog_int.h - Windows events under the dictionary's names, whichever way they came. */
#ifndef PARSE_WINLOG_INT_H
#define PARSE_WINLOG_INT_H

#include "parse/parse.h"

enum winlog_kind {
    WINLOG_SYSMON = 1,
    WINLOG_PROCESS = 2, /* of the Security channel, as the next two */
    WINLOG_LOGON = 4,
    WINLOG_SECURITY = 8,
    WINLOG_OTHER = 16,
    WINLOG_ANY = 31,
};

/* What an event's own header says; empty or -1 where it says nothing. */
struct winlog {
    struct slice channel, computer, provider, keywords;
    int64_t id;
};

enum winlog_kind winlog_kind(const struct winlog *w);

/* The rows of winlog.def for a name: the first one's number + 1, 0 when there is none; exact. */
unsigned winlog_row(struct slice name);

/* Gives ev what the rows from `row` on make of the value in an event of that kind. */
void winlog_put(struct event *ev, unsigned row, enum winlog_kind kind, const struct value *v);

/* Channel, code, host, provider, module, dataset, category, type, action, outcome. */
void winlog_begin(struct event *ev, const struct winlog *w, enum winlog_kind kind);
/* What follows from the other fields: the process's name, hashes. */
void winlog_end(struct event *ev, struct slice hashes);

/* All of the above for an event that was filled from JSON or pairs; false when it is none of
 * Windows: it has no channel or no number. */
bool winlog_find(struct event *ev);

#endif
