#include "parse/fuzz_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse((struct slice){(const char *)data, size}, INPUT_SYSLOG_UDP, "kv");
    return 0;
}
