/* core/log.h - the structured log of our own programs, one line an event on stderr:
 *
 *   2026-11-25T08:10:21.123Z info intake listen.open addr=127.0.0.1:5514
 *
 * A fixed event id, then key=value pairs in the message text. Control characters and bytes
 * that are not UTF-8 are escaped as \xNN. The same event id is limited to LOG_BURST lines in
 * 10 s per process; what was held back is counted and said in the next line. Secrets never go in.
 * Only main() and the loop's callbacks log; code below returns errors. Thread-safe.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum { LOG_BURST = 20 };

void log_init(const char *program, enum log_level least); /* program: borrowed for ever */
void log_write(enum log_level level, const char *event_id, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts err=CODE, errno, and the diagnosis's offset and text before the message. diag may be NULL.
 */
void log_err(enum log_level level, const char *event_id, enum err e, const struct diag *diag,
             const char *fmt, ...) PRINTF_LIKE(5, 6);

#define log_debug(id, ...) log_write(LOG_DEBUG, id, __VA_ARGS__)
#define log_info(id, ...) log_write(LOG_INFO, id, __VA_ARGS__)
#define log_warn(id, ...) log_write(LOG_WARN, id, __VA_ARGS__)
#define log_error(id, ...) log_write(LOG_ERROR, id, __VA_ARGS__)

#endif
