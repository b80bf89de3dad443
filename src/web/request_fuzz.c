/* Paths, Accept-Encoding headers and cursors from outside. Input: three lines. */
#include "web/console.h"
#include "web/web_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *line(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *from = *at, *stop = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;

    if (!stop)
        stop = end;
    *at = stop < end ? stop + 1 : end;
    return strndup((const char *)from, (size_t)(stop - from));
}

static void try_cursor(const char *text)
{
    struct web web = {.key = {1, 2, 3}};
    struct arena arena;
    struct web_call w = {.web = &web, .arena = &arena, .route = route_at(0)};
    struct slice got;
    struct buf out;

    arena_init(&arena, 1 << 16);
    if (cursor_read(&w, text, &got, NULL) == ERR_NONE)
        abort(); /* nobody guesses the digest */
    /* what we write ourselves we read again */
    struct slice payload = {text, strlen(text) < 256 ? strlen(text) : 256};
    buf_init(&out, CURSOR_BYTES_MAX);
    if (cursor_write(&w, payload, &out) != ERR_NONE || !buf_cstr(&out) ||
        cursor_read(&w, out.p, &got, NULL) != ERR_NONE || !slice_eq(got, payload))
        abort();
    buf_done(&out);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *at = data, *end = data + n;
    char *path = line(&at, end), *accept = line(&at, end), *cursor = line(&at, end);
    const struct console_file *f = console_find("/api/v1/openapi.json");
    struct slice param = {0};
    bool known;

    if (!path || !accept || !cursor || !f)
        abort();
    const struct web_route *r = route_find("GET", path, &param, &known);
    if (r && param.n > 0 && (param.p < path || param.p + param.n > path + strlen(path)))
        abort();
    enum console_form form = console_form_for(f, accept);
    if (form == CONSOLE_BR && !strstr(accept, "*") && !strcasestr(accept, "br"))
        abort();
    try_cursor(cursor);
    free(path);
    free(accept);
    free(cursor);
    return 0;
}
