/* store/client.h - speaks ClickHouse's HTTP protocol to the store role's socket (or to any
 * ClickHouse server over TCP): statements with bound parameters, and inserts.
 *
 * Blocking; one client per thread. Values go as URL parameters in the escaped text form, never into
 * the text of a statement.
 */
#ifndef STORE_CLIENT_H
#define STORE_CLIENT_H

#include "core/buf.h"

struct store_client;

struct store_client_options {
    const char *unix_socket; /* NULL = TCP */
    const char *url;         /* "http://host:port/"; ignored with unix_socket */
    int timeout_ms;          /* of one exchange; 0 = 60 s */
    size_t answer_bytes;     /* ceiling; 0 = 64 MiB */
};

void store_client_free(struct store_client *c);
/* Copies the texts. NULL when out of memory. */
FREED_BY(store_client_free)
struct store_client *store_client_new(const struct store_client_options *o);

/* The values of {p0:String}, {p1:Int64} ... of one statement, as plain bytes. */
enum { STORE_PARAMS_MAX = 300 };
struct store_params {
    size_t n;
    struct slice value[STORE_PARAMS_MAX]; /* borrowed */
};

/* Appends the answer to *out. ERR_SYNTAX: the store refused the statement; ERR_TIMEOUT, ERR_LIMIT:
 * it ran into a limit; ERR_PEER: not reachable or broken off. diag has the store's words. */
CHECKED enum err store_select(struct store_client *c, struct slice sql,
                              const struct store_params *p, const char *format, struct buf *out,
                              struct diag *diag);

/* A SELECT that begins with this is answered by the store role after every insert that it took
 * before: what such a question does not find is not on its way either. */
#define STORE_AFTER_INSERTS "/* after inserts */ "

/* ERR_NONE: durable. Otherwise *ret_unknown says whether rows may be there all the same. */
CHECKED enum err store_insert(struct store_client *c, const char *sql, const char *token,
                              struct slice data, bool *ret_unknown, struct diag *diag);
CHECKED enum err store_ping(struct store_client *c, struct diag *diag);

#endif
