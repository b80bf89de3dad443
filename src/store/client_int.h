/* store/client_int.h - the part of the client that backend.c shares. */
#ifndef STORE_CLIENT_INT_H
#define STORE_CLIENT_INT_H

#include "store/client.h"

struct http_answer;

/* One exchange; a repeatable one changes nothing. `args` is what follows "/?" in the URL. The
 * answer's status is the caller's business. */
CHECKED enum err client_post(struct store_client *c, struct slice args, struct slice body,
                             bool repeatable, struct http_answer *ret, struct diag *diag);
/* Appends "name=value" with a leading & unless first, percent-encoded. */
CHECKED enum err client_arg(struct buf *url, struct slice name, struct slice value);
/* Appends s in the engine's escaped text form. */
CHECKED enum err client_escape(struct buf *out, struct slice s);
/* The engine's error number: from its header, else (old servers) from the text "Code: N"; 0 if
 * none. */
int client_code(const struct http_answer *a);
/* The engine's error number to ours. */
enum err client_err_of(int code, int status);

#endif
