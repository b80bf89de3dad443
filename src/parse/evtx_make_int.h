/* parse/evtx_make_int.h - for tests and seeds: event logs written from templates in plain XML.
 *
 * The XML knows elements, attributes in double quotes, text, and %N (a value) or %N? (an optional
 * one), N a digit. It is made with a definition and values (evtx_make_record) or without
 * (evtx_make_plain). Whatever does not fit into the chunk fails the test.
 */
#ifndef PARSE_EVTX_MAKE_INT_H
#define PARSE_EVTX_MAKE_INT_H

#include "parse/evtx.h"

enum { MAKE_VALUES_MAX = 10, MAKE_BYTES = EVTX_HEADER_BYTES + EVTX_CHUNK_BYTES };

struct make_value {
    uint8_t type;
    const char *bytes; /* type 0x21: the XML of another template, `nested` its values */
    size_t n;
    const struct make_value *nested;
};

struct evtx_make {
    char file[MAKE_BYTES];
    char *chunk; /* in it */
    size_t at;   /* in the chunk */
    uint64_t id;
    bool full;
};

void evtx_make_begin(struct evtx_make *m);
/* The offset of the record in the chunk. A value list ends with a type of 0xff. */
size_t evtx_make_record(struct evtx_make *m, const char *xml, const struct make_value *values);
size_t evtx_make_plain(struct evtx_make *m, const char *xml);
/* Writes the headers; the file is MAKE_BYTES long. */
void evtx_make_end(struct evtx_make *m);

#endif
