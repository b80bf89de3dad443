/* store/row_int.h - a stored row becomes an event as JSON. */
#ifndef STORE_ROW_INT_H
#define STORE_ROW_INT_H

#include "core/arena.h"
#include "core/bytes.h"
#include "core/id.h"
#include "core/jsonw.h"

/* "id, timestamp, ..." in the order that row_json reads, FORMAT RowBinary. */
CHECKED enum err row_columns(struct buf *out);

/* Reads one row and writes one object. The arena is for this row alone. ERR_CORRUPT when the bytes
 * do not hold a row. */
CHECKED enum err row_json(struct bytes *in, struct arena *a, struct jsonw *w, int64_t *ret_ns,
                          struct id128 *ret_id);

/* A varint and that many bytes. */
struct slice row_string(struct bytes *in);
uint64_t row_varint(struct bytes *in);
struct id128 row_id(struct bytes *in);

#endif
