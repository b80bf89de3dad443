#include <stdlib.h>

#include "core/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes encodes to the same bytes: nothing of a record is ignored. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    struct record r;
    struct buf b;

    if (record_decode(in, &r, NULL) != ERR_NONE)
        return 0;
    buf_init(&b, size);
    if (record_encode(&r, &b) != ERR_NONE || !slice_eq(in, buf_slice(&b)))
        abort();
    (void)input_name(r.input);
    buf_done(&b);
    return 0;
}
