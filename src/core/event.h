/* core/event.h - a record after parsing: flat typed fields under their ECS names.
 *
 * Lifetime: everything lives in the batch's arena and dies with it; slices given to the setters
 * are borrowed from the record or from that arena and must live as long. One event is built and
 * read by one thread.
 *
 * Invariants
 *  - A dictionary field is set at most once (the last setter wins); event_get is O(1).
 *  - What the dictionary does not know is kept under the sender's own (flattened) name with
 *    event_add; nothing that a sender sent is thrown away below EVENT_FIELDS_MAX, and past that
 *    `overflow` is set and the rest stays in the record's payload, which is stored too.
 *  - Every value keeps text: numbers, addresses and times also hold their bytes as sent or as
 *    rendered, so that rules and search can always match text.
 *  - Bytes are kept as they came: invalid UTF-8 and NULs are legal in any value.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/arena.h"
#include "core/field.h"
#include "core/id.h"
#include "core/record.h"

enum { EVENT_FIELDS_MAX = 2048, EVENT_LIST_MAX = 1024 };

/* What a value is beside its text. */
enum value_type { VT_STRING, VT_INT, VT_DOUBLE, VT_BOOL, VT_NULL, VT_IP, VT_TIME, VT_LIST };

struct value {
    enum value_type type;
    uint32_t list_n;   /* VT_LIST: how many */
    struct slice text; /* never p == NULL; VT_LIST: the items joined by ", " is NOT made: empty */
    union {
        int64_t i;      /* VT_INT, VT_BOOL (0/1), VT_TIME (ns) */
        double d;       /* VT_DOUBLE */
        uint8_t ip[16]; /* VT_IP, IPv4 mapped into IPv6 */
        struct {
            struct value *list; /* VT_LIST; items are never lists */
            uint32_t list_cap;  /* room at `list` that event_push may use; 0 when not its own */
        };
    };
};

struct event_field {
    enum field f;      /* F_NONE: `name` says */
    struct slice name; /* the ECS name, or the sender's flattened one ("a.b.c") */
    /* The text stands in the record's payload as a JSON string, number or word: byte for byte, but
     * for JSON's escapes. Every item's, of a list. */
    bool sent;
    struct value v;
};

struct event {
    struct id128 id;
    struct record *record; /* borrowed, NULL in rule tests; its payload is event.original */
    int64_t timestamp_ns;  /* @timestamp, event time */
    int64_t ingested_ns;   /* receive time of the record */
    uint32_t org;
    uint32_t system;
    uint32_t source;
    bool clock_suspect; /* the sender's time was absent or absurd: timestamp_ns = receive time */
    bool tolerant;      /* the tolerant JSON reader was needed */
    bool overflow;      /* more than EVENT_FIELDS_MAX fields */
    struct slice message;
    struct slice sent_text; /* memory that holds nothing but such texts, and names */

    struct arena *arena; /* borrowed */
    uint32_t n, cap;
    struct event_field *fields; /* in the order of setting */
    uint16_t at[F_N];           /* dictionary field -> index in fields + 1; 0 = not set */
};

void event_init(struct event *ev, struct arena *a); /* zeroes all; no allocation */

/* Dictionary fields. BASE fields (@timestamp, message, event.id ...) are attributes of struct
 * event and must not be set here. Text is converted by the dictionary's type: an address that
 * does not parse stays a string, a number that does not parse stays a string. */
CHECKED enum err event_set(struct event *ev, enum field f, struct slice text);
CHECKED enum err event_set_int(struct event *ev, enum field f, int64_t v);
CHECKED enum err event_set_value(struct event *ev, enum field f, struct value v);
/* Appends to a LIST field, making it one. */
CHECKED enum err event_push(struct event *ev, enum field f, struct slice text);

/* Any other field under the sender's name; if the dictionary knows the name and the field is not
 * BASE, this is event_set_value. The name is borrowed. */
CHECKED enum err event_add(struct event *ev, struct slice name, struct value v);

/* NULL when not set. */
const struct value *event_get(const struct event *ev, enum field f);
/* By name: dictionary or sender's own (linear); BASE fields are not found here, see
 * event_base. */
const struct value *event_get_name(const struct event *ev, struct slice name);
/* The value of a BASE field of the dictionary (message, event.original, @timestamp, ...),
 * rendered into the arena where needed. false when absent. */
bool event_base(struct event *ev, enum field f, struct value *ret);

static inline struct value value_str(struct slice s)
{
    return (struct value){.type = VT_STRING, .text = s.p ? s : SLICE("")};
}

/* An integer with its decimal text rendered into the arena; VT_STRING "" when that is full. */
struct value value_int(struct arena *a, int64_t v);

#endif
