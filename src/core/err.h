/* core/err.h - the error type.
 *
 * A function that can fail returns enum err, is marked CHECKED, and leaves its outputs
 * untouched unless it returns ERR_NONE. Code below main() and the loop callbacks never
 * logs and never exits: it returns the code and, where a person or a rule author will
 * read the outcome, fills a struct diag.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include "core/base.h"

enum err {
    ERR_NONE = 0,
#define ERR(name, http, retry, code, text) ERR_##name,
#include "core/err.def"
#undef ERR
};

/* Where and why, in words. Caller-owned, never allocates, NULL is allowed everywhere. */
struct diag {
    enum err code;
    int sys;        /* errno at the time, 0 if none */
    size_t at;      /* byte offset into the input */
    char text[200]; /* for a person; never parsed by code */
};

const char *err_text(enum err e); /* one line for a person, English */
const char *err_code(enum err e); /* stable word for programs */
int err_http_status(enum err e);
bool err_retryable(enum err e);

/* Fills *d if d is not NULL. */
void diag_set(struct diag *d, enum err e, size_t at, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Diagnoses and yields `e` itself, so that failing takes one line and the analysers, which
 * do not look into other files, still see a constant that is not ERR_NONE. */
#define FAIL(diag, e, at, ...) (diag_set(diag, e, at, __VA_ARGS__), (e))

#endif
