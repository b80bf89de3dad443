/* However the bytes arrive, the same objects come out; each begins and ends with its brace. */
#include <stdlib.h>

#include "parse/json_split.h"

enum { SPANS = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t whole(struct slice all, struct json_span *to)
{
    struct json_split s;

    json_split_init(&s);
    return json_split_run(&s, all, to, SPANS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_span a[SPANS], b[SPANS];
    struct slice all = {(const char *)data, size};
    struct json_split s;
    size_t n = whole(all, a), m = 0, dropped = 0;

    if (n == SPANS)
        return 0;
    json_split_init(&s);
    for (size_t end = 0; end <= size; end += 1 + end % 7) {
        struct slice have = slice_cut(all, dropped, end);
        size_t got = json_split_run(&s, have, b + m, SPANS - m);
        for (size_t i = m; i < m + got; i++)
            b[i].at += dropped;
        m += got;
        size_t done = json_split_done(&s);
        if (done > have.n)
            abort();
        json_split_dropped(&s, done);
        dropped += done;
    }
    struct slice rest = slice_cut(all, dropped, size);
    size_t got = json_split_run(&s, rest, b + m, SPANS - m);
    for (size_t i = m; i < m + got; i++)
        b[i].at += dropped;
    m += got;
    if (m != n)
        abort();
    for (size_t i = 0; i < n; i++)
        if (a[i].at != b[i].at || a[i].n != b[i].n || a[i].line != b[i].line ||
            all.p[a[i].at] != '{' || all.p[a[i].at + a[i].n - 1] == 0)
            abort();
    if (s.open)
        json_split_resync(&s, rest);
    return s.at > rest.n ? (abort(), 0) : 0;
}
