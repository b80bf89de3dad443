/* Names and values of headers as the library hands them over. Input: lines "name:value". */
#include "net/http_server_int.h"

#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FIELDS = 64 };

static void check(const struct http_head *h)
{
    unsigned hosts = 0, lengths = 0, encodings = 0;

    for (size_t i = 0; i < h->headers_n; i++) {
        hosts += strcasecmp(h->headers[i].name, "host") == 0;
        lengths += strcasecmp(h->headers[i].name, "content-length") == 0;
        encodings += strcasecmp(h->headers[i].name, "transfer-encoding") == 0;
    }
    if (!http_guard(h, "HTTP/1.1") && (hosts != 1 || lengths + encodings > 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct http_field fields[FIELDS];
    struct http_head h = {.headers = fields};
    char *text = strndup((const char *)data, n);

    if (!text)
        return 0;
    for (char *at = text, *next; at && h.headers_n < FIELDS; at = next) {
        next = strchr(at, '\n');
        if (next)
            *next++ = '\0';
        char *value = strchr(at, ':');
        if (value)
            *value++ = '\0';
        fields[h.headers_n++] = (struct http_field){at, value ? value : ""};
    }
    check(&h);
    if (http_head_cookies(&h) == ERR_NONE)
        for (size_t i = 0; i < h.cookies_n; i++)
            if (strpbrk(h.cookies[i].name, ";=") || strchr(h.cookies[i].value, ';'))
                abort();
    free(h.cookie_text);
    free(text);
    return 0;
}
