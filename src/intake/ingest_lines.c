#include "intake/ingest_lines.h"

enum ingest_line ingest_lines_next(struct slice *rest, size_t max, struct slice *ret)
{
    while (rest->n > 0) {
        size_t end = slice_find(*rest, '\n');
        struct slice line = {rest->p, end};

        *rest = slice_cut(*rest, end < rest->n ? end + 1 : end, rest->n);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        struct slice core = slice_trim(line);
        if (core.n == 0)
            continue;
        *ret = line;
        if (line.n > max)
            return INGEST_LONG;
        return core.n >= 2 && core.p[0] == '{' && core.p[core.n - 1] == '}' ? INGEST_RECORD
                                                                            : INGEST_BAD;
    }
    return INGEST_END;
}
