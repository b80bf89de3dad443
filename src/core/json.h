/* core/json.h - reading JSON (RFC 8259) and YAML into one small tree.
 *
 * Two readers stand behind json_read: the fast one (simdjson's DOM, in json_fast.cc, the only C++
 * file and the only one that names simdjson) and a tolerant one of ours. What the fast reader
 * refuses (a number too large, a lone surrogate, invalid UTF-8, depth) is read again by
 * the tolerant one, so that hostile encoding never hides an event: the tree is then marked.
 * Duplicate keys are all kept, in order, in both.
 *
 * Beyond RFC 8259 the tolerant reader takes: numbers of any size, raw control characters and
 * bytes that are not UTF-8 in strings (kept as they are), escaped lone surrogates (as the three
 * bytes that UTF-8's scheme has for them, "WTF-8", so that two different texts never become one),
 * and a UTF-8 byte order mark. Nothing else: no NaN, comments, single quotes or stray commas.
 *
 * Lifetime: the tree and its strings live in the reader and die at its next json_read or
 * json_reader_free. Input is copied (padding), so the caller's bytes may go. One thread each.
 *
 * Ceilings: bytes and nodes per document and depth (JSON_DEPTH_MAX) are ERR_LIMIT.
 * Errors carry the byte offset in diag->at.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/err.h"
#include "core/slice.h"

enum { JSON_DEPTH_MAX = 64 };

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_UINT,
    JSON_DOUBLE,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A number keeps its text in `str` when it fits neither 64 bits nor a finite double (only the
 * tolerant reader takes those): an integer is JSON_DOUBLE then, rounded, and what is beyond a
 * double's range is infinite. Else str is empty for JSON's numbers. JSON_UINT is used only above
 * INT64_MAX. YAML's plain scalars keep their text in `str` whatever their type. */
struct json_node {
    enum json_type type;
    uint32_t n;         /* children of arrays and objects */
    uint32_t line, col; /* from 1; of a member, where its key begins; YAML only, else 0 */
    bool plain;         /* YAML: an unquoted scalar */
    struct slice key;   /* of an object's member, else empty */
    struct slice str;   /* JSON_STRING unescaped; may hold NULs and invalid UTF-8 */
    union {
        int64_t i;
        uint64_t u;
        double d;
        bool b;
    };
    struct json_node *child; /* first child */
    struct json_node *next;  /* next sibling */
};

struct json_reader;

/* Ceilings: bytes of one document, nodes of one tree. NULL when out of memory. */
void json_reader_free(struct json_reader *r);
FREED_BY(json_reader_free) struct json_reader *json_reader_new(size_t max_bytes, size_t max_nodes);

/* Strict first, tolerant second; *ret_tolerant (may be NULL) says whether the second was needed.
 * Trailing bytes other than blanks are an error in both. */
CHECKED enum err json_read(struct json_reader *r, struct slice in, const struct json_node **ret,
                           bool *ret_tolerant, struct diag *diag);
/* Strict only: for our own API and files. Duplicate keys are an error here. */
CHECKED enum err json_read_strict(struct json_reader *r, struct slice in,
                                  const struct json_node **ret, struct diag *diag);
/* Tolerant only: the oracle of the tests. */
CHECKED enum err json_read_tolerant(struct json_reader *r, struct slice in,
                                    const struct json_node **ret, struct diag *diag);

/* All documents of a YAML 1.1 stream (libyaml, in yaml.c) as the children of one array. Scalars
 * are typed by YAML's core schema (null, bool as true/false only, int, float); quoted and block
 * scalars, and those tagged !!str, are strings. Aliases and anchors (billion laughs), other tags
 * and keys that are not scalars are ERR_UNSUPPORTED; a duplicate key is an error. The input is
 * UTF-8. diag->at is the byte offset, and diag->text ends with "line L column C". */
CHECKED enum err yaml_read(struct json_reader *r, struct slice in, const struct json_node **ret,
                           struct diag *diag);

/* The first member called `key`, or NULL; NULL and non-objects are fine. */
const struct json_node *json_get(const struct json_node *obj, const char *key);
/* The string member, or an empty slice (p never NULL). */
struct slice json_get_str(const struct json_node *obj, const char *key);
int64_t json_get_int(const struct json_node *obj, const char *key, int64_t absent);
bool json_get_bool(const struct json_node *obj, const char *key, bool absent);

#endif
