#include "core/field.h"

#include <stdlib.h>

enum { COLUMN_MAX = 48 };

#define KEYWORD FT_KEYWORD
#define TEXT FT_TEXT
#define IP FT_IP
#define LONG FT_LONG
#define DOUBLE FT_DOUBLE
#define TIME FT_TIME
#define BOOL FT_BOOL
#define LIST FT_LIST
#define COLUMN FS_COLUMN
#define MAP FS_MAP
#define BASE FS_BASE
#define PERSONAL true
#define PLAIN false

static char columns[F_N][COLUMN_MAX];

static struct field_info table[F_N] = {
    [F_NONE] = {{"", 0}, "", FT_KEYWORD, FS_MAP, false},
#define FIELD(id, name, type, store, personal)                                                     \
    [F_##id] = {{name, sizeof(name) - 1}, columns[F_##id], type, store, personal},
#include "core/fields.def"
#undef FIELD
};

/* Which names may be in the table, by a cheap hash: most names of senders are not, and every one
 * of them is asked about. */
static uint64_t maybe[64];

static unsigned name_hash(struct slice name)
{
    return ((unsigned)name.n * 7u + (uint8_t)name.p[0] * 131u + (uint8_t)name.p[name.n / 2] * 31u +
            (uint8_t)name.p[name.n - 1] * 517u) %
           4096;
}

/* Runs before main, so that every thread sees finished names without a lock. */
__attribute__((constructor)) static void columns_fill(void)
{
    for (size_t f = 1; f < F_N; f++) {
        unsigned h = name_hash(table[f].name);
        maybe[h / 64] |= UINT64_C(1) << (h % 64);
        char *to = columns[f];
        for (size_t i = 0; i < table[f].name.n && to < columns[f] + COLUMN_MAX - 1; i++) {
            char c = table[f].name.p[i];
            if (c != '@')
                *to++ = c == '.' ? '_' : c;
        }
        *to = 0;
    }
}

const struct field_info *field_info(enum field f)
{
    return &table[(size_t)f < F_N ? f : F_NONE];
}

/* The table is sorted by name (a test holds that), so a binary search will do; names are
 * compiled to numbers once, never per event. */
enum field field_find(struct slice name)
{
    size_t lo = 1, hi = F_N;

    if (name.n == 0)
        return F_NONE;
    unsigned h = name_hash(name);
    if (!(maybe[h / 64] >> (h % 64) & 1))
        return F_NONE;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        struct slice at = table[mid].name;
        size_t n = at.n < name.n ? at.n : name.n;
        int c = memcmp(name.p, at.p, n);
        if (c == 0)
            c = (name.n > at.n) - (name.n < at.n);
        if (c == 0)
            return (enum field)mid;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return F_NONE;
}
