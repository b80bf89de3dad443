/* core/event_json.h - an event as nested JSON under its ECS names, the shape of `coloa search` and
 * `coloa decode`: {"@timestamp":…,"event":{"id":…},"source":{"ip":…},…}.
 *
 * A name that is both a value and the head of another ("a" and "a.b") keeps the value as "a" and
 * the longer one under its dotted name beside it.
 */
#ifndef CORE_EVENT_JSON_H
#define CORE_EVENT_JSON_H

#include "core/event.h"
#include "core/jsonw.h"

/* Appends one object. Uses the event's arena for sorting. */
CHECKED enum err event_json(struct event *ev, struct jsonw *w);

/* The machinery behind it, for other rows of names and values. write() writes item i's value. */
struct nest_item {
    struct slice name; /* dotted */
    size_t i;
};
CHECKED enum err nest_write(struct nest_item *items, size_t n, struct jsonw *w,
                            void (*write)(void *arg, size_t i, struct jsonw *w), void *arg);

#endif
