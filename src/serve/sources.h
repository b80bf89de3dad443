/* serve/sources.h - who sent how much since the last report: a small table of watch's detect
 * worker, written into the findings journal as one frame. Bounded: past SOURCES_MAX names, the rest
 * is counted under "(other)". One thread. */
#ifndef SERVE_SOURCES_H
#define SERVE_SOURCES_H

#include "core/buf.h"
#include "core/event.h"

enum { SOURCES_MAX = 20000 };

struct sources;

void sources_free(struct sources *s);
FREED_BY(sources_free) struct sources *sources_new(void);
void sources_count(struct sources *s, const struct event *ev);
size_t sources_n(const struct sources *s);
/* Appends the frame's JSON and empties the table. Nothing is written when it is empty. */
CHECKED enum err sources_flush(struct sources *s, struct buf *out);

#endif
