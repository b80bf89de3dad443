/* web/console.h - the embedded files: the built console, and the API's description.
 *
 * tools/embed_console.py makes the table at build time, sorted by path. A file is stored as it is
 * and, where that is smaller, compressed with gzip and brotli.
 */
#ifndef WEB_CONSOLE_H
#define WEB_CONSOLE_H

#include "net/http_server.h"

struct console_blob {
    const char *p; /* NULL: not stored in this form */
    size_t n;
    const char *etag; /* strong, another for each form */
};

struct console_file {
    const char *path; /* "/index.html" */
    const char *type;
    bool immutable; /* its name holds a hash of its contents */
    struct console_blob plain, gzip, br;
};

extern const struct console_file console_files[];
extern const size_t console_files_n;

const struct console_file *console_find(const char *path); /* NULL: none */

enum console_form { CONSOLE_PLAIN, CONSOLE_GZIP, CONSOLE_BR };
/* The best form by the Accept-Encoding header (NULL: none was sent): br, gzip, as it is; q=0 is
 * honoured, also of "*". */
enum console_form console_form_for(const struct console_file *f, const char *accept);

/* Answers with f: 304 when If-None-Match names the form's ETag. */
void console_send(struct http_call *c, const struct console_file *f);

#endif
