/* store/backend_int.h - what stands behind the store's socket: the embedded engine or a server.
 *
 * A backend is opened once; each thread opens a session of its own. */
#ifndef STORE_BACKEND_INT_H
#define STORE_BACKEND_INT_H

#include "core/buf.h"
#include "store/engine.h"
#include "store/server.h"

struct backend;
struct backend_session;

struct backend_answer {
    struct slice body;            /* borrowed until backend_answer_done */
    struct slice text;            /* "" = went well */
    int code;                     /* of the engine, 0 unknown */
    struct engine_answer *engine; /* owned, or NULL */
    struct buf copy;              /* owned; of a server's answer, or of a failure of our own */
};

CHECKED enum err backend_open(const struct store_server_options *o, struct backend **ret,
                              struct diag *diag);
void backend_close(struct backend *b); /* after its sessions */

/* The writer's session may exist once. */
CHECKED enum err backend_session_open(struct backend *b, bool writer, struct backend_session **ret,
                                      struct diag *diag);
void backend_session_close(struct backend_session *s);

/* Both always fill *ret; whether it went well is in its text. */
void backend_query(struct backend_session *s, struct slice sql, const char *format,
                   const struct engine_param *params, size_t n, struct backend_answer *ret);
/* sql without FORMAT; token may be NULL. */
void backend_insert(struct backend_session *s, struct slice sql, const char *format,
                    const char *token, struct slice data, struct backend_answer *ret);
void backend_answer_done(struct backend_answer *a);

#endif
