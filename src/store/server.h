/* store/server.h - what `coloa-store` runs: ClickHouse's HTTP protocol on one Unix socket.
 *
 *   GET  /ping                              200 "Ok.\n"
 *   POST /?query=INSERT INTO t (columns) FORMAT Native [&insert_deduplication_token=T]
 *                                           the body is the data; 200 when durable
 *   POST /?param_NAME=VALUE&default_format=F  the body is the statement; GET: `query` is
 *
 * Behind it stands either the embedded engine (one writer, READERS read-only connections, each with
 * its thread) or, when `url` is set, a ClickHouse server to which requests are forwarded. Answers
 * are whole (wait_end_of_query): an error never hides in the middle of a body. A failure has a
 * status of 400 or more, the engine's words as body, and X-ClickHouse-Exception-Code where the
 * engine gave one. Only INSERTs reach the writer; everything else runs with readonly=1. One
 * statement of upkeep is let through to the writer: ALTER TABLE coloa.events DROP PARTITION ID
 * '...'.
 *
 * At start the table is made or brought up to date, its durability settings are read back, and
 * parts that the engine set aside are counted: store_server_detached.
 */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include "core/err.h"

struct store_server;

struct store_server_options {
    const char *data_dir; /* DIR/store; made if missing */
    const char *library;  /* of the embedded engine, NULL or "" = search (store/engine.h) */
    int listen_fd;        /* taken over; a Unix stream socket, already listening */
    uint64_t memory_bytes;
    const char *url; /* of a ClickHouse server; NULL or "" = embedded engine */
};

/* Returns when requests are answered. Changes the working directory (store/engine.h). */
CHECKED enum err store_server_start(const struct store_server_options *o, struct store_server **ret,
                                    struct diag *diag);
/* Lets the insert that runs finish, breaks off questions, frees; at most 3 s: what has not ended by
 * then keeps its memory, and exit() may wait for it in the engine's own exit handlers, so a role
 * that is asked to end ends with _exit. NULL is fine. */
void store_server_stop(struct store_server *s);

/* Parts of the table that the engine refused at this start and set aside: rows are missing until
 * they are replayed from the journal. 0 is healthy. */
uint64_t store_server_detached(const struct store_server *s);

#endif
