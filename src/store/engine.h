/* store/engine.h - the embedded engine: ClickHouse as a library (libchdb.so), loaded on purpose.
 *
 * Only the process `coloa-store` opens an engine: the library starts threads of its own, keeps
 * memory for its caches and cannot be loaded under sanitizers. It is loaded with dlopen, so that
 * nothing else of ours depends on it, and its C interface is named in engine.c alone.
 *
 * One engine per process and per folder. One writer connection, opened first and closed last, and
 * any number of readers opened with readonly=1 and limits that no statement can lift. A connection
 * runs one statement at a time: one thread each.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "core/err.h"
#include "core/slice.h"

struct engine;
struct engine_conn;
struct engine_answer;

struct engine_options {
    const char *library; /* path of libchdb.so; NULL or "" = $COLOA_CHDB, then the set-up's place */
    const char *data_dir;   /* made if missing; may be relative */
    uint64_t memory_bytes;  /* of the whole engine (soft) and, in part, of each query */
    unsigned query_seconds; /* of a reader's statement; 0 = 30 */
    uint64_t answer_bytes;  /* of a reader's answer; 0 = 64 MiB */
};

/* Changes the working directory of the process to an empty folder: the engine would otherwise
 * take a file lying there for a table. ERR_NOENT when the library is missing, with words on what
 * to do. */
CHECKED enum err engine_open(const struct engine_options *o, struct engine **ret,
                             struct diag *diag);
void engine_close(struct engine *e); /* after all readers are closed */
const char *engine_version(const struct engine *e);

struct engine_conn *engine_writer(struct engine *e); /* borrowed */
CHECKED enum err engine_reader_open(struct engine *e, struct engine_conn **ret, struct diag *diag);
void engine_reader_close(struct engine_conn *c);

/* A bound parameter `{name:Type}`; the value is in the engine's escaped text form (store/client.h
 * writes it), as it comes out of the URL of the HTTP protocol. */
struct engine_param {
    struct slice name, value;
};

/* Runs one statement; `format` is used unless the statement names one. ERR_PEER with the
 * engine's own words in *ret_answer's text (engine_answer_text) when it was refused; the answer
 * exists then too. */
CHECKED enum err engine_query(struct engine_conn *c, struct slice sql, const char *format,
                              const struct engine_param *params, size_t n,
                              struct engine_answer **ret, struct diag *diag);
/* `sql` is INSERT INTO t (columns) [SETTINGS ...] without FORMAT and data. Committed, and with
 * the table's settings durable, when this returns ERR_NONE. */
CHECKED enum err engine_insert(struct engine_conn *c, struct slice sql, const char *format,
                               struct slice data, struct engine_answer **ret, struct diag *diag);

struct slice engine_answer_body(const struct engine_answer *a);
/* "" when it went well; else "Code: N. DB::Exception: ..." */
struct slice engine_answer_text(const struct engine_answer *a);
/* The number after "Code: ", 0 if none. */
int engine_answer_code(const struct engine_answer *a);
void engine_answer_free(struct engine_answer *a);

#endif
