/* parse/evtx_int.h - the parts of the reader of Windows event logs.
 *
 * evtx_file.c cuts a file into chunks; evtx_reader.c finds records in a chunk; evtx_compile.c makes
 * a program of binary XML: leaves, each a name and the pieces of its value; evtx_walk.c runs a
 * program with a record's values; evtx_value.c writes values as text; evtx_name.c keeps names.
 */
#ifndef PARSE_EVTX_INT_H
#define PARSE_EVTX_INT_H

#include "core/bytes.h"
#include "parse/evtx.h"
#include "parse/winlog_int.h"

enum {
    EVTX_DEPTH_MAX = 32,           /* elements inside elements */
    EVTX_NEST_MAX = 6,             /* binary XML inside values */
    EVTX_VALUES_MAX = 4096,        /* of all templates that are open at once */
    EVTX_NAME_MAX = 512,           /* bytes of a field's name */
    EVTX_COMPILE_MAX = 512 << 10,  /* bytes of binary XML compiled for one chunk */
    EVTX_OUT_RECORD_MAX = 1 << 20, /* bytes of text made for one record */
    EVTX_OUT_CHUNK_MAX = 8 << 20,  /* and for all of a chunk */
    EVTX_WORK_MAX = 1 << 20,       /* leaves and values looked at for one chunk */
};

/* Where in an event's tree a fragment hangs. */
enum evtx_section {
    EVTX_IN_ROOT,   /* above <Event> */
    EVTX_IN_EVENT,  /* in it */
    EVTX_IN_SYSTEM, /* in <System> */
    EVTX_IN_DATA,   /* in <EventData> */
    EVTX_IN_USER,   /* in <UserData>: the next element is a wrapper */
    EVTX_IN_BODY,   /* anywhere below; `prefix` is the way there */
};

struct evtx_place {
    enum evtx_section section;
    struct slice prefix; /* ends in '.' unless empty */
};

/* What the reader itself looks at. */
enum evtx_role {
    EVTX_PLAIN,
    EVTX_CHANNEL,
    EVTX_CODE,
    EVTX_COMPUTER,
    EVTX_PROVIDER,
    EVTX_KEYWORDS,
    EVTX_RECORD_ID,
    EVTX_TIME,
    EVTX_HASHES,
    EVTX_MESSAGE,
};

/* A field's name, the same one for every use. */
struct evtx_name {
    struct slice text;
    struct slice own; /* as the log has it, behind "EventData." */
    enum evtx_role role;
    unsigned row;   /* winlog_row */
    uint64_t epoch; /* of the record that has it, */
    uint32_t at;    /* as this field */
    uint32_t cap;   /* room of its list */
    bool system;
    struct evtx_name *next;
};

enum evtx_piece_kind { EVTX_LITERAL, EVTX_VALUE, EVTX_VALUE_OPTIONAL };

struct evtx_piece {
    enum evtx_piece_kind kind;
    uint16_t index;
    struct slice text;
    struct evtx_piece *next;
};

struct evtx_leaf {
    struct evtx_name *name;
    const struct evtx_piece *named; /* makes the name, unless NULL */
    const struct evtx_piece *value; /* NULL: an element that is empty */
    struct evtx_place place;        /* of what hangs below, should the value be binary XML */
    bool attribute;
    bool top; /* System and what is above the data: empty says nothing there */
    struct evtx_leaf *next;
};

struct evtx_program {
    uint32_t at; /* of the definition in the chunk */
    struct evtx_place place;
    struct evtx_leaf *first;
    const char *broken; /* why it ends early, or NULL */
    struct evtx_program *next;
};

struct evtx_value {
    uint8_t type;
    struct slice bytes;
};

struct evtx_reader {
    struct slice chunk;
    size_t at, end;
    bool recover;
    bool slack;                 /* past the stated records */
    bool torn;                  /* behind a record that is damaged */
    uint64_t first_id, last_id; /* of the records that were read */
    struct evtx_stats stats;
    struct arena names, programs;
    struct evtx_name *name_table[1024];
    bool crowded; /* a chain of it is long */
    size_t names_bytes;
    struct evtx_program *program_table[256];
    size_t compiled, out_chunk, work;
    /* the record being read */
    uint64_t epoch;
    struct event *ev;
    struct evtx_name *field_names[EVENT_FIELDS_MAX];
    char *pool;
    size_t pool_left, out_record;
    struct winlog win;
    struct slice hashes;
    int64_t time_ns;
    bool has_time;
    const char *broken;
    struct evtx_value values[EVTX_VALUES_MAX];
    size_t values_n;
    unsigned nested;
};

uint32_t evtx_file_checksum(uint32_t before, struct slice s);

/* The field of this name in this section, made when it is new; NULL when there is no room. */
struct evtx_name *evtx_name_get(struct evtx_reader *r, enum evtx_section section,
                                struct slice text);
void evtx_name_clear(struct evtx_reader *r);

/* Binary XML at chunk[from, to) as it hangs at `place`; from a template's definition or not. Never
 * fails: what is broken ends the program early. NULL when there is no room. *ret_end is where it
 * ended: `to`, an end of fragment, or a template. */
struct evtx_program *evtx_compile(struct evtx_reader *r, size_t from, size_t to,
                                  struct evtx_place place, bool definition, size_t *ret_end);

/* Everything in chunk[from, to) becomes fields of r->ev. */
void evtx_walk(struct evtx_reader *r, size_t from, size_t to, struct evtx_place place);

/* Room for text; NULL when a ceiling is reached, which marks the event. */
char *evtx_value_room(struct evtx_reader *r, size_t n);
/* The value as an event has it; type without the array bit. */
struct value evtx_value(struct evtx_reader *r, uint8_t type, struct slice bytes);
/* UTF-16 to at most 3/2 as many bytes; returns how many. */
size_t evtx_value_utf8(struct slice utf16, char *to);
/* How many bytes an item of an array of this type takes; 0: divided by NULs. */
unsigned evtx_value_width(uint8_t type);
bool evtx_value_filetime(uint64_t filetime, int64_t *ret_ns);

#endif
