/* intake/ingest_lines.h - cutting a body of newline-delimited JSON into records.
 *
 * Lines end with LF or CRLF, the last one also with the end. Lines of blanks alone are passed
 * over and counted nowhere. Only a quick look is taken: what starts with '{' and ends with '}' is
 * a record; parsing is watch's work. Every other line comes out as bad or long, so that
 * records + bad + long = lines that are not blank.
 */
#ifndef INTAKE_INGEST_LINES_H
#define INTAKE_INGEST_LINES_H

#include "core/slice.h"

enum ingest_line { INGEST_END, INGEST_RECORD, INGEST_BAD, INGEST_LONG };

/* Takes the next line off the front of *rest; *ret is that line without its end, otherwise
 * unchanged. */
enum ingest_line ingest_lines_next(struct slice *rest, size_t max, struct slice *ret);

#endif
