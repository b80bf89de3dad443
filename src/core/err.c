#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *code;
    const char *text;
    int http;
    bool retry;
} table[] = {
    [ERR_NONE] = {"ok", "no error", 200, false},
#define ERR(name, http, retry, code, text) [ERR_##name] = {code, text, http, retry},
#include "core/err.def"
#undef ERR
};

const char *err_text(enum err e)
{
    return (size_t)e < ARRAY_LEN(table) ? table[e].text : "unknown error";
}

const char *err_code(enum err e)
{
    return (size_t)e < ARRAY_LEN(table) ? table[e].code : "unknown";
}

int err_http_status(enum err e)
{
    return (size_t)e < ARRAY_LEN(table) ? table[e].http : 500;
}

bool err_retryable(enum err e)
{
    return (size_t)e < ARRAY_LEN(table) && table[e].retry;
}

void diag_set(struct diag *d, enum err e, size_t at, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    if (!d)
        return;
    *d = (struct diag){.code = e, .sys = e == ERR_SYS ? saved : 0, .at = at};
    va_start(ap, fmt);
    (void)vsnprintf(d->text, sizeof(d->text), fmt, ap);
    va_end(ap);
}
