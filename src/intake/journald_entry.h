/* intake/journald_entry.h - an entry of systemd's journal as one JSON object.
 *
 * Fields keep their names and order; values are strings; a field that occurs several times
 * becomes an array at its first place. Bytes that are not UTF-8 are written as U+FFFD. Fields
 * beyond JOURNALD_FIELDS_MAX are left out and the object says so ("coloa.fields_left_out":N).
 */
#ifndef INTAKE_JOURNALD_ENTRY_H
#define INTAKE_JOURNALD_ENTRY_H

#include "core/buf.h"

enum { JOURNALD_FIELDS_MAX = 256 };

struct journald_entry {
    struct buf text; /* owned: the fields one after the other */
    struct {
        size_t at, name_n, n; /* in text: NAME=value */
        bool done;
    } field[JOURNALD_FIELDS_MAX];
    size_t n, left_out;
};

void journald_entry_init(struct journald_entry *e, size_t max_bytes);
void journald_entry_done(struct journald_entry *e);
void journald_entry_reset(struct journald_entry *e);

/* "NAME=value"; what has no '=' is passed over. ERR_LIMIT over the ceiling. */
CHECKED enum err journald_entry_add(struct journald_entry *e, struct slice field);
/* Values of the fields that sd-journal keeps apart, as journalctl writes them. */
CHECKED enum err journald_entry_add_number(struct journald_entry *e, const char *name, uint64_t v);

/* The first value of a field, or an empty slice. */
struct slice journald_entry_get(const struct journald_entry *e, const char *name);
/* Appends the object. Call once per entry. */
CHECKED enum err journald_entry_json(struct journald_entry *e, struct buf *out);

#endif
