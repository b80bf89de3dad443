/* parse/access_int.h - the request line of web servers, shared with their error logs. */
#ifndef PARSE_ACCESS_INT_H
#define PARSE_ACCESS_INT_H

#include "core/event.h"

/* "METHOD URL HTTP/x.y" to http.* and url.*; bytes stay as sent (escaped, percent-encoded). What is
 * no request goes to url.original whole. */
void access_request(struct event *ev, struct slice s);

/* A URL or its path and query to url.*. */
void access_url(struct event *ev, struct slice url);

#endif
