/* store/schema.h - the table of events: its columns, made from the field dictionary, and its DDL.
 *
 * Column order: the base columns below, then one column for each COLUMN row of core/fields.def,
 * named like the field. A row added to the dictionary becomes a column at the next start (ADD
 * COLUMN); a column is never dropped or retyped. docs/formats/store.md says what each one holds.
 *
 * Absent and odd values. A hot column holds its default ('' · the smallest integer · :: · []) when
 * the event has no such field. A value that the column cannot hold as sent (empty text, a list in
 * a single column, text in a number, null) is kept in `fields` under the field's name, and its
 * folded text in `folded`: so "absent" always means the default in the column and no key in
 * `folded`.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "core/buf.h"
#include "core/field.h"

#define SCHEMA_DATABASE "coloa"
#define SCHEMA_TABLE "coloa.events"
#define SCHEMA_SENT_PREFIX "coloa.sent." /* a sender's own field whose name is ours */
enum { SCHEMA_VERSION = 1, SCHEMA_COLUMNS_MAX = 128 };

enum schema_kind {
    SK_UUID,
    SK_TIME, /* DateTime64(9): Int64 nanoseconds */
    SK_U8,
    SK_U16,
    SK_U32,
    SK_I64,
    SK_IP,     /* 16 bytes */
    SK_STRING, /* also LowCardinality(String) */
    SK_LIST,   /* Array(String) */
    SK_BYTES,  /* Array(UInt8) */
    SK_MAP,    /* Map(String, String) */
};

enum schema_base { /* the index in schema_columns */
                   SB_ID,
                   SB_TIMESTAMP,
                   SB_INGESTED,
                   SB_ORG,
                   SB_SYSTEM,
                   SB_SOURCE,
                   SB_RETENTION_CLASS,
                   SB_SCHEMA_VERSION,
                   SB_FLAGS, /* SF_* */
                   SB_MESSAGE,
                   SB_MESSAGE_FROM, /* the message is this part of `original`: from (1-based),
                                       length; 0, 0 = no */
                   SB_MESSAGE_BYTES,
                   SB_ORIGINAL,
                   SB_TEXT,
                   SB_FIELDS,
                   SB_KINDS, /* SV_* of each value of `fields`, in its order */
                   SB_FOLDED,
                   SB_N
};

enum { SF_CLOCK_SUSPECT = 1, SF_TOLERANT = 2, SF_OVERFLOW = 4 };

/* What a value of `fields` was before it became text. Never renumber: on disk. */
enum {
    SV_STRING = 0,
    SV_INT = 1,
    SV_DOUBLE = 2,
    SV_BOOL = 3,
    SV_NULL = 4,
    SV_IP = 5,
    SV_TIME = 6,
    SV_LIST = 0x40, /* an item of a list; neighbours with the same name belong together */
};

struct schema_column {
    const char *name;
    const char *type;   /* in the table */
    const char *native; /* as sent in a Native block */
    const char *codec;  /* "" = default */
    enum schema_kind kind;
    enum field field; /* F_NONE for base columns */
};

const struct schema_column *schema_columns(size_t *ret_n);
/* NULL unless the dictionary says COLUMN. */
const struct schema_column *schema_column_of(enum field f);

/* CREATE TABLE IF NOT EXISTS ..., whole. */
CHECKED enum err schema_ddl(struct buf *out);
/* ALTER TABLE ... ADD COLUMN for one column. */
CHECKED enum err schema_add_column(const struct schema_column *c, struct buf *out);
/* The statement that gives a table made by an older program what schema_ddl gives a new one. */
extern const char schema_tuning[];
/* "id, timestamp, ...", the columns of a Native block in order. */
CHECKED enum err schema_column_list(struct buf *out);

/* The settings without which a power cut loses acknowledged rows, as SHOW CREATE prints them;
 * NULL after the last. */
const char *schema_setting(size_t i);

#endif
