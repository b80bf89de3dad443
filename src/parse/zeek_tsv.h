/* parse/zeek_tsv.h - Zeek's own log files: "#separator", "#fields", "#types" and lines of cells.
 *
 * Source: Zeek's manual, "Zeek Log Formats"; src/logging/writers/ascii. Cells are escaped as \xHH;
 * sets and vectors are lists; unset cells give nothing. The log's path ("conn") becomes
 * event.dataset "zeek.conn". The header may come again in the middle (concatenated files) and may
 * change.
 */
#ifndef PARSE_ZEEK_TSV_H
#define PARSE_ZEEK_TSV_H

#include "core/arena.h"
#include "core/buf.h"
#include "parse/pairs.h"

enum { ZEEK_TEXT_BYTES_MAX = 64 << 10 };

/* The header as far as it was read. Plain data: copying one line's header to the next batch is
 * keeping the lines that begin with '#'. */
struct zeek_header {
    char separator, set_separator[8], empty[16], unset[16];
    char dataset[80];             /* "zeek.conn"; "" unknown */
    size_t n;                     /* columns */
    struct slice name[PAIRS_MAX]; /* in `text` */
    bool list[PAIRS_MAX];
    struct buf text;
};

bool zeek_tsv_looks(struct slice head);

void zeek_header_init(struct zeek_header *h);
void zeek_header_done(struct zeek_header *h);
/* A line that begins with '#'. ERR_SYNTAX: it is not one of Zeek's, or too long. */
CHECKED enum err zeek_header_line(struct zeek_header *h, struct slice line, struct diag *diag);

/* A line of cells. ret->dataset points into h. ERR_SYNTAX: no header yet, or more cells than
 * columns. */
CHECKED enum err zeek_pairs(const struct zeek_header *h, struct slice line, struct arena *a,
                            struct pairs *ret, struct diag *diag);

#endif
