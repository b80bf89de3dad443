/* store/native.h - events become the columns of one Native block, ClickHouse's own wire format.
 *
 * Rows are appended column by column into buffers that are kept from block to block: no
 * allocation per row once warm. A row is taken whole or not at all. Bytes go in as they came, NULs
 * and invalid UTF-8 included.
 *
 * Source of the format: docs/formats/store.md, "Native".
 */
#ifndef STORE_NATIVE_H
#define STORE_NATIVE_H

#include "core/buf.h"
#include "core/event.h"

enum { NATIVE_ROWS_MAX = 100000 };

struct native;

void native_free(struct native *n);
/* max_bytes: ceiling of all columns together. NULL when out of memory. */
FREED_BY(native_free) struct native *native_new(size_t max_bytes);
void native_reset(struct native *n);

/* ERR_LIMIT when the block is full (rows or bytes): the row was not taken. */
CHECKED enum err native_add(struct native *n, const struct event *ev, struct slice retention_class);
size_t native_rows(const struct native *n);
size_t native_bytes(const struct native *n);
struct id128 native_id(const struct native *n, size_t row);
int64_t native_ingested(const struct native *n, size_t row);

/* Appends the block to *out; rows with drop[row] != 0 are left out (drop may be NULL).
 * *ret_rows = rows written. */
CHECKED enum err native_encode(const struct native *n, const uint8_t *drop, struct buf *out,
                               size_t *ret_rows);

/* The form of prose in which words are looked for: folded for search, words (runs of letters and
 * digits, or of bytes above 127) each with one blank before and one blank after the last. Appends.
 */
CHECKED enum err native_words(struct slice s, struct buf *scratch, struct buf *out);

#endif
