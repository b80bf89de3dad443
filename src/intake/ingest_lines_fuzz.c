/* Every non-blank line comes out exactly once, inside the body, in order, and only objects as
 * records. */
#include <stdlib.h>

#include "intake/ingest_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines_with_text(struct slice s)
{
    size_t n = 0;

    while (s.n > 0) {
        size_t end = slice_find(s, '\n');
        n += slice_trim((struct slice){s.p, end}).n > 0;
        s = slice_cut(s, end < s.n ? end + 1 : end, s.n);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t max = data[0], n = 0;
    struct slice body = {(const char *)data + 1, size - 1}, rest = body, line;
    const char *after = body.p;

    for (;;) {
        enum ingest_line k = ingest_lines_next(&rest, max, &line);
        if (k == INGEST_END)
            break;
        n++;
        if (line.p < after || line.p + line.n > body.p + body.n ||
            (line.n > max) != (k == INGEST_LONG))
            abort();
        if (k == INGEST_RECORD &&
            (slice_find(line, '{') == line.n || slice_find(line, '\n') != line.n))
            abort();
        after = line.p + line.n;
    }
    if (n != lines_with_text(body))
        abort();
    return 0;
}
