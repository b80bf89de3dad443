/* core/field.h - the field dictionary of fields.def as numbers, and what is known of each. */
#ifndef CORE_FIELD_H
#define CORE_FIELD_H

#include "core/slice.h"

enum field {
    F_NONE = 0, /* a field that the dictionary does not know */
#define FIELD(id, name, type, store, personal) F_##id,
#include "core/fields.def"
#undef FIELD
    F_N
};

enum field_type { FT_KEYWORD, FT_TEXT, FT_IP, FT_LONG, FT_DOUBLE, FT_TIME, FT_BOOL, FT_LIST };
enum field_store { FS_COLUMN, FS_MAP, FS_BASE };

struct field_info {
    struct slice name;
    const char *column; /* name with '_' for '.' and '@' dropped; for FS_COLUMN and FS_BASE */
    enum field_type type;
    enum field_store store;
    bool personal;
};

const struct field_info *field_info(enum field f); /* never NULL; F_NONE has an empty name */
enum field field_find(struct slice name);          /* F_NONE if unknown; exact, case-sensitive */

#endif
