#include "parse/fuzz_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    fuzz_parse((struct slice){(const char *)data + 1, size - 1}, (enum input_kind)(data[0] % 6),
               NULL);
    return 0;
}
