/* parse/csv.h - rows of CSV (RFC 4180), and what spreadsheets and tools make of it.
 *
 * A row ends at LF, CR LF or CR outside quotes; quotes count only at the beginning of a cell, and a
 * doubled quote inside stands for one. The separator is comma, semicolon, tab or bar. A first line
 * "#TYPE ..." (PowerShell) or "sep=;" (spreadsheets) is no row.
 */
#ifndef PARSE_CSV_H
#define PARSE_CSV_H

#include "core/arena.h"
#include "core/buf.h"
#include "parse/pairs.h"

enum { CSV_ROW_BYTES_MAX = 1 << 20 };

struct csv_header {
    char separator;
    size_t n;                     /* columns, at most PAIRS_MAX */
    struct slice name[PAIRS_MAX]; /* in `text` */
    struct buf text;
};

/* Whether the text begins with a header row: at least two columns of names (none of them a number,
 * none twice), and a second row of as many columns. `hint`: the file's name says CSV, so that one
 * row is enough. */
bool csv_guess(struct slice head, bool hint);

/* Reads the row at the front of `text` as the header; *ret_used bytes. csv_header_done frees. */
CHECKED enum err csv_header_read(struct csv_header *h, struct slice text, size_t *ret_used,
                                 struct diag *diag);
void csv_header_done(struct csv_header *h);

/* How many bytes the first row takes with its line end, 0: it is not whole yet. A row that is
 * longer than CSV_ROW_BYTES_MAX, or not whole although `last`, has a quote that nobody closed: its
 * first line stands for it, and *ret_broken is set. */
size_t csv_row(struct slice text, char separator, bool last, bool *ret_broken);

/* The row's cells under the header's names; unquoted text lives in the arena. Cells that are empty
 * give nothing; cells beyond the header are called columnN. */
CHECKED enum err csv_pairs(const struct csv_header *h, struct slice row, struct arena *a,
                           struct pairs *ret);

#endif
