/* parse/try_int.h - for tests: one line in, expectations as "name=value" out. */
#ifndef PARSE_TRY_INT_H
#define PARSE_TRY_INT_H

#include "parse/parse.h"

enum { TRY_EXPECT_MAX = 24 };

/* 2026-11-25T08:00:00Z */
#define TRY_RECEIVED_NS INT64_C(1795593600000000000)

struct try_case {
    const char *line;
    enum input_kind input;
    const char *format; /* a hint, NULL to detect */
    /* "name=value" (a list's items joined by '|'), "!name" for a field that must be absent.
     * "@timestamp", "message" and "clock_suspect" (as true or false) too. */
    const char *expect[TRY_EXPECT_MAX];
};

/* Fails the running cmocka test with the line and what differs. */
void try_all(const struct try_case *cases, size_t n);

/* One record made of `payload`, parsed; the event lives until the next call. */
struct event *try_one(struct slice payload, enum input_kind input, const char *format);

/* The field as text: lists joined by '|'; NULL when absent. Lives until the next call. */
const char *try_field(struct event *ev, const char *name);

/* A file under ../shared/data into memory (NUL-terminated, to be freed), or NULL with a message. */
char *try_data(const char *path, size_t *ret_n);

void try_done(void);

#endif
