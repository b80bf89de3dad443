#include "web/console.h"

#include "web/web_int.h"

const struct console_file *console_find(const char *path)
{
    size_t low = 0, high = console_files_n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(path, console_files[mid].path);
        if (cmp == 0)
            return &console_files[mid];
        if (cmp < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* "q=0", "q=0.0", "q=0.000" anywhere in the parameters. */
static bool is_refused(struct slice params)
{
    while (params.n > 0) {
        size_t end = slice_find(params, ';');
        struct slice one = slice_trim(slice_cut(params, 0, end));
        if (one.n >= 3 && (one.p[0] == 'q' || one.p[0] == 'Q') && one.p[1] == '=') {
            for (size_t i = 2; i < one.n; i++)
                if (one.p[i] != '0' && one.p[i] != '.')
                    return false;
            return true;
        }
        params = slice_cut(params, end < params.n ? end + 1 : params.n, params.n);
    }
    return false;
}

/* Whether the coding is accepted: named, or else by "*". */
static bool accepts(struct slice header, struct slice coding)
{
    bool star = false, named = false, ok = false;

    while (header.n > 0) {
        size_t end = slice_find(header, ',');
        struct slice one = slice_cut(header, 0, end);
        size_t semi = slice_find(one, ';');
        struct slice name = slice_trim(slice_cut(one, 0, semi));
        struct slice params = slice_cut(one, semi < one.n ? semi + 1 : one.n, one.n);
        if (slice_eq_nocase(name, coding)) {
            named = true;
            ok = !is_refused(params);
        } else if (slice_eq(name, SLICE("*"))) {
            star = !is_refused(params);
        }
        header = slice_cut(header, end < header.n ? end + 1 : header.n, header.n);
    }
    return named ? ok : star;
}

enum console_form console_form_for(const struct console_file *f, const char *accept)
{
    struct slice header = slice_of(accept);

    if (!accept)
        return CONSOLE_PLAIN;
    if (f->br.p && accepts(header, SLICE("br")))
        return CONSOLE_BR;
    if (f->gzip.p && accepts(header, SLICE("gzip")))
        return CONSOLE_GZIP;
    return CONSOLE_PLAIN;
}

/* RFC 9110 section 13.1.2: a list of tags, weak comparison, or "*". */
static bool none_match(const char *header, const char *etag)
{
    struct slice s = slice_of(header);

    while (s.n > 0) {
        size_t end = slice_find(s, ',');
        struct slice one = slice_trim(slice_cut(s, 0, end));
        if (slice_starts(one, SLICE("W/")))
            one = slice_cut(one, 2, one.n);
        if (slice_eq(one, SLICE("*")) || slice_eq(one, slice_of(etag)))
            return true;
        s = slice_cut(s, end < s.n ? end + 1 : s.n, s.n);
    }
    return false;
}

void console_send(struct http_call *c, const struct console_file *f)
{
    static const char *const codings[] = {NULL, "gzip", "br"};
    enum console_form form = console_form_for(f, http_header(c, "Accept-Encoding"));
    const struct console_blob *b =
        form == CONSOLE_BR ? &f->br : (form == CONSOLE_GZIP ? &f->gzip : &f->plain);
    const char *have = http_header(c, "If-None-Match");

    http_add_header(c, "Vary", "Accept-Encoding");
    http_add_header(c, "ETag", b->etag);
    http_add_header(c, "Cache-Control",
                    f->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (have && none_match(have, b->etag)) {
        http_reply(c, 304, NULL, SLICE(""));
        return;
    }
    if (codings[form])
        http_add_header(c, "Content-Encoding", codings[form]);
    http_reply_static(c, 200, f->type, (struct slice){b->p, b->n});
}

void console_serve(struct http_call *c)
{
    const char *path = http_path(c), *method = http_method(c);
    const struct console_file *f = console_find(strcmp(path, "/") == 0 ? "/index.html" : path);

    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        http_add_header(c, "Allow", "GET, HEAD");
        http_reply_problem(c, &(struct http_problem){.status = 405,
                                                     .code = "method",
                                                     .title = "this method is not possible here"});
        return;
    }
    /* The console's own addresses are answered by its one page; a name with a dot is a file. */
    if (!f && !strchr(path, '.'))
        f = console_find("/index.html");
    if (f)
        console_send(c, f);
    else
        http_reply_err(c, ERR_NOENT, NULL);
}

CHECKED enum err api_openapi_get(struct web_call *w, struct diag *diag)
{
    const struct console_file *f = console_find("/api/v1/openapi.json");

    (void)diag;
    if (!f)
        return ERR_NOENT;
    console_send(w->c, f);
    w->replied = true;
    return ERR_NONE;
}
